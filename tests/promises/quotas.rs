//! What the kernel counts per user: the payload cannot use up what the caller needs.

use super::harness::{Project, finish};
use std::io::{BufRead, BufReader};
use std::process::Stdio;

/// Of a quota of the host's: what all of the payload's user namespace may have.
fn half_of(setting: &str) -> u64 {
    std::fs::read_to_string(format!("/proc/sys/{setting}")).unwrap().trim().parse::<u64>().unwrap() / 2
}

const HOLD: &str = "import ctypes, sys
libc = ctypes.CDLL(None)
held = []
while len(held) < 1000 and (fd := libc.inotify_init1(0)) >= 0: held.append(fd)
print(len(held), flush=True)
sys.stdin.read()
";

#[test]
fn a_command_that_holds_every_inotify_instance_it_can_leaves_the_caller_his_own() {
    let attempt = || {
        let project = Project::new();
        let mut command = project.sandbox(&["-p", "build", "--", "python3", "-c", HOLD]);
        let mut run = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut held = String::new();
        BufReader::new(run.stdout.take().unwrap()).read_line(&mut held).unwrap();
        let own = "import ctypes; libc = ctypes.CDLL(None); print(libc.inotify_add_watch(libc.inotify_init1(0), b'/', 0x100) > 0)";
        let own = finish(project.outside("python3", &["-c", own])).ok();
        drop(run.stdin.take());
        assert!(run.wait().unwrap().success());
        (held.trim().parse::<u64>().unwrap(), own == "True")
    };
    // The caller's other half may be in use for a moment: by a test beside this one, whose command holds all it can.
    let half = half_of("user/max_inotify_instances");
    let attempts: Vec<_> = (0..10).map(|_| attempt()).collect();
    assert!(attempts.contains(&(half, true)) && attempts.iter().all(|(held, _)| *held <= half), "{attempts:?}");
}

#[test]
fn the_quotas_that_are_shared_with_the_caller_are_lower_inside() {
    let project = Project::new();
    let settings = "max_inotify_watches max_inotify_instances max_user_namespaces";
    let script = format!("cd /proc/sys/user && cat {settings}; ulimit -i; ulimit -q");
    let inside = project.run(&["-p", "build", "--", "bash", "-c", &script]).ok();
    let inside: Vec<u64> = inside.lines().map(|line| line.parse().unwrap()).collect();
    let outside = finish(project.outside("bash", &["-c", "ulimit -i; ulimit -q"])).ok();
    let outside: Vec<u64> = outside.lines().map(|line| line.parse().unwrap()).collect();
    let [watches, instances] = ["watches", "instances"].map(|kind| half_of(&format!("user/max_inotify_{kind}")));
    assert_eq!(inside, [watches, instances, 0, outside[0] / 2, outside[1] / 2]);
}

#[test]
fn with_user_namespaces_there_are_some_of_each_kind_and_no_more() {
    let project = Project::new();
    let script =
        "cd /proc/sys/user && cat max_user_namespaces max_pid_namespaces max_mnt_namespaces max_net_namespaces";
    let inside = project.shell(&["-p", "build", "--feature", "userns"], script).ok();
    assert_eq!(inside, "256\n256\n256\n256");
}

// Who could mount cgroup2 might reach the caller's own cgroup, where the run has none. Without Landlock, which refuses every mount.
#[test]
fn with_user_namespaces_no_cgroup2_can_be_mounted() {
    let project = Project::new();
    let flags = ["-p", "build", "--uid", "1234", "--gid", "1234", "--feature", "userns", "--landlock", "off"];
    let script = "mkdir /tmp/c; cd /tmp
        unshare -U -r -m mount -t tmpfs none c && echo tmpfs
        unshare -U -r -m mount -t cgroup2 none c && echo mounted
        unshare -U -r -m -C true && echo made
        true";
    let output = project.shell(&flags, script);
    assert_eq!(output.ok(), "tmpfs", "{output:?}");
}
