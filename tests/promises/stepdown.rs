//! The command has no power left: no capability, no new privilege, limits that hold.

use super::harness::{Project, attack, finish};
use std::path::Path;

/// The value of a field of /proc/self/status inside.
fn status(project: &Project, flags: &[&str], field: &str) -> String {
    project.shell(flags, &format!("sed -n 's/^{field}:\\t*//p' /proc/self/status")).ok()
}

// Layer: capset, the bounding set, and the ambient set, also after execve as uid 0.
#[test]
fn all_five_capability_sets_are_empty() {
    let project = Project::new();
    for field in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(status(&project, &["-p", "build"], field), "0000000000000000", "{field}");
    }
}

// Layer: securebits NOROOT and its lock: uid 0 gains nothing by execve or setuid.
#[test]
fn uid_0_regains_nothing() {
    let project = Project::new();
    assert_eq!(project.inside("setpriv --reuid 0 --clear-groups grep CapEff /proc/self/status 2>/dev/null || grep CapEff /proc/self/status"), "CapEff:\t0000000000000000");
    attack!(project, "call");
    assert_eq!(project.inside("./call prctl 27; ./call prctl 28 0"), "ok\nEPERM"); // PR_GET_, PR_SET_SECUREBITS
}

#[test]
fn a_capability_of_the_profile_is_the_only_one() {
    let project = Project::new();
    assert_eq!(
        status(&project, &["-p", "build", "--capability", "CAP_NET_BIND_SERVICE"], "CapEff"),
        "0000000000000400"
    );
}

#[test]
fn a_capability_that_undoes_the_sandbox_is_refused_by_name() {
    let project = Project::new();
    for name in ["SYS_ADMIN", "SYS_PTRACE", "SYS_MODULE", "SYS_RAWIO", "MKNOD", "SETPCAP", "SYS_RESOURCE"] {
        let name = format!("CAP_{name}");
        project.run(&["-p", "build", "--capability", &name, "--", "true"]).refused(&[&name]);
    }
}

#[test]
fn no_new_privileges_and_a_filter_are_on() {
    let project = Project::new();
    assert_eq!(status(&project, &["-p", "build"], "NoNewPrivs"), "1");
    assert_eq!(status(&project, &["-p", "build"], "Seccomp"), "2");
}

#[test]
fn the_filter_can_be_switched_off_by_name_only() {
    let project = Project::new();
    assert_eq!(status(&project, &["-p", "build", "--seccomp", "off"], "Seccomp"), "0");
}

// Layer: nosuid, no_new_privs, one id.
#[test]
fn a_set_user_id_program_gains_nothing() {
    use std::os::unix::fs::PermissionsExt;
    let su = ["/usr/bin/su", "/bin/su"].into_iter().find(|path| Path::new(path).exists()).expect("every Debian has it");
    assert_ne!(std::fs::metadata(su).unwrap().permissions().mode() & 0o4000, 0, "{su} is no set-user-id program");
    let project = Project::new();
    let output = project.run(&["-p", "test", "--env", "LD_SHOW_AUXV=1", "--", su, "--version"]).ok();
    // ld.so(8), getauxval(3): what the kernel says of the rights of this program.
    let value =
        |name: &str| output.lines().find_map(|line| line.strip_prefix(name)).unwrap_or(&output).trim().to_owned();
    assert_eq!(value("AT_SECURE:"), "0");
    assert_eq!((value("AT_UID:"), value("AT_GID:")), (value("AT_EUID:"), value("AT_EGID:")));
}

// Layer: user.max_user_namespaces = 0, and the filter.
#[test]
fn a_nested_user_namespace_is_refused() {
    let project = Project::new();
    assert_ne!(project.shell(&["-p", "build"], "unshare -U true").code(), 0);
    let output = project.shell(&["-p", "build", "--seccomp", "off"], "unshare -U true");
    assert_ne!(output.code(), 0);
    output.says(&["no space left"]); // ENOSPC of the count: this layer holds alone
}

#[test]
fn a_nested_user_namespace_works_with_the_feature() {
    let project = Project::new();
    assert_eq!(
        project
            .shell(&["-p", "test", "--uid", "1000", "--gid", "1000", "--feature", "userns"], "unshare -Ur id -u")
            .ok(),
        "0"
    );
}

// Layer: RLIMIT_NPROC in the namespace: exactly the number named, threads included.
#[test]
fn the_process_limit_is_exact() {
    let project = Project::new();
    attack!(project, "fork_many");
    // The shell and the program itself are two of the 20.
    assert_eq!(project.shell(&["-p", "test", "--pids", "20"], "./fork_many 300; true").ok(), "18 EAGAIN");
}

#[test]
fn the_limits_of_the_profile_hold() {
    let project = Project::new();
    let flags = ["-p", "build", "--file-size", "1MiB", "--open-files", "32", "--stack", "4MiB", "--core", "0"];
    assert_eq!(project.shell(&flags, "ulimit -n; ulimit -s; ulimit -c; ulimit -Hc").ok(), "32\n4096\n0\n0");
    let output = project.shell(&flags, "head -c 2M /dev/zero > big");
    assert_eq!(project.read("big").len(), 1 << 20);
    assert_ne!(output.code(), 0);
}

#[test]
fn a_limit_that_needs_a_cgroup_is_refused_and_not_ignored_where_cgroups_are_off() {
    let project = Project::new();
    for flags in
        [["--memory", "1GiB"], ["--swap", "0"], ["--cpus", "1.5"], ["--cpu-weight", "100"], ["--io-weight", "1"]]
    {
        let line = [&["-p", "build", "--cgroup", "off"], &flags[..], &["--", "true"]].concat();
        project.run(&line).refused(&[flags[0], "needs a cgroup", "cgroup.mode is off", "prefer"]);
    }
    project.write("cc.yaml", "extends: [build]\ncgroup: {mode: off}\nlimits:\n  pids: 9\n  memory: 1GiB\n");
    project.run(&["-p", "./cc.yaml", "--", "true"]).refused(&["cc.yaml:5:3: limits.memory needs a cgroup"]);
    project.run(&["-p", "build", "--cgroup", "off", "--pids", "9", "--", "true"]).exits(0);
}

#[test]
fn no_core_file_is_left() {
    let project = Project::new();
    project.shell(&["-p", "build"], "kill -ABRT $$").exits(134);
    assert_eq!(std::fs::read_dir(project.path()).unwrap().count(), 0);
}

// What a caller ignores, execve hands on: nohup, and programs that ignore what libc keeps for itself.
#[test]
fn the_umask_is_the_callers_and_no_signal_is_blocked_or_ignored() {
    let project = Project::new();
    let inside = "umask; grep -E 'Sig(Blk|Ign)' /proc/self/status | cut -f2 | sort -u";
    let script =
        format!("trap '' HUP USR1 TERM; umask 027; exec {} -p build -- sh -c \"{inside}\"", super::harness::binary());
    assert_eq!(finish(project.outside("sh", &["-c", &script])).ok(), "0027\n0000000000000000");
}

// Layer: Landlock: one of the 16 layers that the kernel allows is ours, the rest are the command's own.
#[test]
fn a_landlock_domain_is_on_and_nested_ones_work() {
    let project = Project::new();
    attack!(project, "landlock_nested");
    assert_eq!(project.inside("./landlock_nested"), "15 EACCES");
    assert_eq!(project.shell(&["-p", "build", "--landlock", "off"], "./landlock_nested").ok(), "16 EACCES");
}

#[test]
fn the_report_tells_which_landlock_is_on() {
    let project = Project::new();
    project.shell(&["-p", "build", "--landlock", "require", "--report", "r.json"], "true").ok();
    let report = project.report();
    assert!(report["layers"]["landlock"]["abi"].as_u64().unwrap() >= 2, "{report}");
}

#[test]
fn a_landlock_abi_that_the_kernel_lacks_is_refused() {
    let project = Project::new();
    project
        .shell(&["-p", "build", "--landlock", "require", "--landlock-min-abi", "99"], "true")
        .refused(&["landlock", "99"]);
}

// In a mount namespace of its own the command removes a mount point's file, and the mount with it.
#[test]
fn own_mount_namespaces_without_landlock_are_refused_where_something_is_protected_in_a_writable_tree() {
    let project = Project::new();
    project.write("locked", "");
    let flags = ["-p", "build", "--feature", "userns", "--landlock", "off"];
    project.shell(&flags, "true").ok();
    project.shell(&[&flags[..], &["--ro", "locked"]].concat(), "true").refused(&[
        "project/locked is protected inside a writable tree",
        "features.userns",
        "Turn Landlock on",
    ]);
    project.shell(&["-p", "build", "--feature", "userns", "--ro", "locked"], "true").ok();
}

// A shell opens with O_TRUNC, a right of its own since Landlock's ABI 3.
#[test]
fn the_commands_own_files_in_proc_can_be_written() {
    let script = "echo 500 > /proc/self/oom_score_adj; echo name > /proc/self/comm; cat /proc/self/oom_score_adj";
    assert_eq!(Project::new().inside(script), "500");
}

// core(5): at 1 alone the kernel hands no core to a program of the host's.
#[test]
fn the_core_limit_stays_at_one_whatever_the_command_does() {
    let project = Project::new();
    let script = "ulimit -c 0 && grep 'Max core' /proc/self/limits";
    let limits: Vec<String> = project.inside(script).split_whitespace().map(str::to_owned).collect();
    assert_eq!(limits, ["Max", "core", "file", "size", "1", "1", "bytes"]);
}
