//! What of the page needs a cgroup.

use crate::home::Home;
use crate::walk::{LIMITS, walk};

#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn the_page_s_limits_hold_a_fork_bomb_and_a_memory_eater() {
    walk(|title| ["A root file system", LIMITS].contains(&title));
}

// Layer: pids.max, for RLIMIT_NPROC would count each user by itself.
#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn the_processes_of_all_users_of_a_machine_are_counted_together() {
    let home = Home::new();
    home.ok("mkdir -p tree/bin tree/etc && cp \"$(command -v busybox)\" tree/bin/ && ln -s busybox tree/bin/sh");
    home.ok("printf 'root:x:0:0::/:/bin/sh\\nanna:x:7:7::/:/bin/sh\\nbea:x:8:8::/:/bin/sh\\n' > tree/etc/passwd");
    home.ok("tar -C tree -cf - . | sandbox rootfs import -q - --name small --map subordinate");
    // Of each user fewer than the limit, of both more.
    let sleepers = "busybox sleep 30 & ".repeat(8) + "wait";
    let script = format!("for user in anna bea; do busybox su $user -c \"{sleepers}\" & done; wait");
    let held =
        home.run(&format!("sandbox -p container --root small --pids 12 --wall-time 60s -- sh -c '{script}' 2>&1"));
    assert!(held.0.contains("can't fork"), "{held:?}");
}
