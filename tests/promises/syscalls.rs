//! The filter answers as programs expect: ENOSYS for what is too new, EPERM for what is forbidden, and it sees
//! through high bits and other architectures.

use super::harness::{Project, attack};

/// Runs each `./call` line in one sandbox and compares every answer.
#[track_caller]
fn answers(flags: &[&str], cases: &[(&str, &str)]) {
    let project = Project::new();
    attack!(project, "call");
    let script: String = cases.iter().map(|(call, _)| format!("./call {call}\n")).collect();
    let output = project.shell(flags, &script);
    let got: Vec<String> = output.text().lines().map(Into::into).collect();
    assert_eq!(got.len(), cases.len(), "{output:?}");
    let wrong: Vec<_> = cases.iter().zip(&got).filter(|((_, want), got)| *want != got.as_str()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

const TEST: &[&str] = &["-p", "test"];
const BUILD: &[&str] = &["-p", "build"];

// So that libc falls back to clone, whose flags a filter can read.
#[test]
fn clone3_and_io_uring_and_the_mount_api_are_enosys() {
    answers(
        TEST,
        &[
            ("clone3 %88 88", "ENOSYS"),
            ("io_uring_setup 4 %120", "ENOSYS"),
            ("userfaultfd 0", "ENOSYS"),
            ("fsopen @tmpfs 0", "ENOSYS"),
            ("open_tree -100 @/ 1", "ENOSYS"),
            ("move_mount -100 @/ -100 @/tmp 0", "ENOSYS"),
            ("mount_setattr -100 @/ 0 %32 32", "ENOSYS"),
            ("999 0", "ENOSYS"),
        ],
    );
}

#[test]
fn what_only_an_administrator_needs_is_eperm() {
    answers(
        BUILD,
        &[
            ("mount @none @/tmp @tmpfs 0 0", "EPERM"),
            ("umount2 @/tmp 2", "EPERM"),
            ("pivot_root @. @.", "EPERM"),
            ("chroot @/tmp", "EPERM"),
            ("unshare 0x10000000", "EPERM"),
            ("setns 0 0", "EPERM"),
            ("keyctl 0 0 0", "EPERM"),
            ("add_key @user @x @y 1 -3", "EPERM"),
            ("request_key @user @x 0 -3", "EPERM"),
            ("bpf 0 %120 120", "EPERM"),
            ("perf_event_open %120 0 -1 -1 0", "EPERM"),
            ("pidfd_getfd 0 0 0", "EPERM"),
            ("open_by_handle_at -100 %136 0", "EPERM"),
            ("swapon @x 0", "EPERM"),
            ("reboot 0 0 0 0", "EPERM"),
            ("kexec_load 0 0 0 0", "EPERM"),
            ("init_module %8 8 @", "EPERM"),
            ("syslog 3 %8 8", "EPERM"),
            ("sethostname @x 1", "EPERM"),
            ("setdomainname @x 1", "EPERM"),
        ],
    );
}

// THREATS: without the feature, ptrace and its kin are closed; `test` opens them for gdb and LeakSanitizer.
#[test]
fn ptrace_is_a_feature() {
    answers(&["-p", "build"], &[("ptrace 0 0 0 0", "EPERM"), ("process_vm_readv 1 0 0 0 0 0", "EPERM")]);
    answers(TEST, &[("ptrace 0 0 0 0", "ok")]);
}

// Layer: the mask on clone's flags: each namespace alone.
#[test]
fn clone_with_any_namespace_is_eperm() {
    let flags = ["0x00020000", "0x02000000", "0x04000000", "0x08000000", "0x10000000", "0x20000000", "0x40000000"];
    let calls: Vec<String> = flags.iter().map(|flag| format!("clone {flag} 0 0 0 0")).collect();
    let high: Vec<String> = flags.iter().map(|flag| format!("clone 0x1{} 0 0 0 0", &flag[2..])).collect();
    let cases: Vec<_> = calls.iter().chain(&high).map(|call| (call.as_str(), "EPERM")).collect();
    answers(TEST, &cases);
}

// Layer: an allow-list of families, compared on the low 32 bits.
#[test]
fn only_unix_inet_and_route_sockets_exist() {
    let mut calls: Vec<(String, &str)> = Vec::new();
    for family in [1, 2, 10] {
        calls.push((format!("socket {family} 1 0"), "ok"));
    }
    calls.push(("socket 16 3 0".into(), "ok"));
    for family in [17, 38, 40, 15, 21, 29, 30, 31, 44] {
        calls.push((format!("socket {family} 3 0"), "EAFNOSUPPORT"));
    }
    calls.push(("socket 0x100000028 1 0".into(), "EAFNOSUPPORT"));
    for protocol in [6, 9, 12] {
        calls.push((format!("socket 16 3 {protocol}"), "EAFNOSUPPORT"));
    }
    let cases: Vec<_> = calls.iter().map(|(call, want)| (call.as_str(), *want)).collect();
    answers(TEST, &cases);
}

// CVE-2019-10063: the kernel looks at the low 32 bits of the command.
#[test]
fn typing_into_a_terminal_is_eperm_with_high_bits_too() {
    answers(
        TEST,
        &[
            ("ioctl 0 0x5412 @x", "EPERM"),
            ("ioctl 0 0x100005412 @x", "EPERM"),
            ("ioctl 0 0xffffffff00005412 @x", "EPERM"),
            ("ioctl 0 0x541c @x", "EPERM"),
            ("ioctl 0 0x10000541c @x", "EPERM"),
        ],
    );
}

#[test]
fn an_odd_personality_is_eperm_and_asking_is_not() {
    answers(
        TEST,
        &[
            ("personality 0xffffffff", "ok"),
            ("personality 0", "ok"),
            ("personality 0x0040000", "EPERM"),
            ("personality 0x100040000", "EPERM"),
        ],
    );
    answers(&["-p", "build", "--feature", "personality"], &[("personality 0x0040000", "ok")]);
}

// KERNEL finding 8: not dumpable does not cover these.
#[test]
fn the_init_of_the_sandbox_cannot_be_changed() {
    let project = Project::new();
    attack!(project, "call");
    let script = "./call prlimit64 1 9 %16 0; ./call sched_setscheduler 1 5 %4; ./call setpriority 0 1 19; ./call sched_setaffinity 1 8 @AAAAAAAA";
    let output = project.shell(&["-p", "build"], script).ok();
    assert!(output.lines().count() == 4 && !output.contains("ok"), "{output}");
    assert_eq!(project.inside("./call prlimit64 0 7 0 %16"), "ok");
}

#[test]
fn init_survives_every_signal_from_inside() {
    let project = Project::new();
    let script = "for s in 1 2 3 9 10 12 15 19; do kill -$s 1 2>/dev/null; done; echo alive; exit 5";
    let output = project.shell(&["-p", "build"], script);
    assert_eq!((output.text().as_str(), output.code()), ("alive", 5));
}

// Layer: the architecture check, first in the filter. 20 is i386's getpid, 39 | 0x40000000 the x32 one.
#[cfg(target_arch = "x86_64")]
#[test]
fn calls_of_another_architecture_do_not_reach_the_kernel() {
    let project = Project::new();
    attack!(project, "foreign_abi");
    for abi in ["i386", "x32"] {
        let output = project.shell(&["-p", "build"], &format!("./foreign_abi {abi}"));
        assert!(!output.text().contains("pid"), "{abi}: {output:?}");
    }
}

#[test]
fn threads_memory_files_and_pipes_are_ordinary() {
    let code = "import threading,os,mmap\nt=threading.Thread(target=print,args=('thread',))\nt.start()\nt.join()\nf=os.memfd_create('m')\nos.write(f,b'x')\nm=mmap.mmap(-1,4096)\nprint(os.pipe2(0)[0]>2, os.pidfd_open(os.getpid())>2)";
    assert_eq!(Project::new().run(&["-p", "strict", "--cgroup", "prefer", "--", "python3", "-c", code]).code(), 0);
    assert_eq!(Project::new().run(&["-p", "build", "--", "python3", "-c", code]).ok(), "thread\nTrue True");
}

#[test]
fn a_call_can_be_allowed_and_denied_by_name_and_deny_wins() {
    answers(&["-p", "build", "--seccomp-deny", "memfd_create"], &[("memfd_create @x 0", "EPERM")]);
    let both = ["-p", "build", "--seccomp-allow", "memfd_create", "--seccomp-deny", "memfd_create"];
    answers(&both, &[("memfd_create @x 0", "EPERM")]);
    answers(&["-p", "build", "--seccomp-allow", "userfaultfd"], &[("userfaultfd 1", "ok")]);
}

#[test]
fn an_unknown_call_is_refused_by_name() {
    let output = Project::new().run(&["-p", "build", "--seccomp-allow", "memfd_creat", "--", "true"]);
    output.refused(&["memfd_creat", "memfd_create"]);
}

#[test]
fn on_deny_kill_ends_the_command() {
    let project = Project::new();
    attack!(project, "call");
    let output =
        project.run(&["-p", "build", "--seccomp-on-deny", "kill", "--", "./call", "mount", "@x", "@y", "@z", "0", "0"]);
    output.exits(128 + 31); // SIGSYS
}

// THREATS: a set-user-id file of the caller's left in the project.
#[test]
fn no_set_user_id_file_can_be_left_behind() {
    use std::os::unix::fs::MetadataExt;
    let project = Project::new();
    project.shell(&["-p", "build"], "cp /bin/true x; chmod 4755 x; chmod 2755 x; python3 -c 'import os; os.open(\"y\", os.O_CREAT, 0o6755)'; true").ok();
    for name in ["x", "y"] {
        let mode = std::fs::metadata(project.path().join(name)).map_or(0, |m| m.mode());
        assert_eq!(mode & 0o6000, 0, "{name}");
    }
    // Under host root only where nobody else can reach it.
    std::fs::set_permissions(project.home(), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    project.shell(&["-p", "build", "--feature", "set_id_bits"], "chmod 4755 x").ok();
}
