use super::interpreter::{Call, run};
use super::*;
use nix::libc::{SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO, SECCOMP_RET_KILL_PROCESS};
use std::collections::{BTreeSet, HashMap};

const ARCHES: [Arch; 2] = [Arch::X86_64, Arch::Aarch64];
const POLICIES: [SeccompPolicy; 2] = [SeccompPolicy::Default, SeccompPolicy::Strict];
const ALLOW: u32 = SECCOMP_RET_ALLOW;
const KILL: u32 = SECCOMP_RET_KILL_PROCESS;
const EPERM: u32 = SECCOMP_RET_ERRNO | libc::EPERM as u32;
const ENOSYS: u32 = SECCOMP_RET_ERRNO | libc::ENOSYS as u32;
const EPROTONOSUPPORT: u32 = SECCOMP_RET_ERRNO | libc::EPROTONOSUPPORT as u32;
const EAFNOSUPPORT: u32 = SECCOMP_RET_ERRNO | libc::EAFNOSUPPORT as u32;
const GARBAGE: u64 = 0xdead_beef_0000_0000;

fn policy(policy: SeccompPolicy) -> Seccomp {
    Seccomp { policy, on_deny: OnDeny::Errno, allow: vec![], deny: vec![] }
}

fn list(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| name.to_string()).collect()
}

/// A filter that can be asked by name.
struct Asked {
    filter: Filter,
    arch: Arch,
}

fn asked(seccomp: &Seccomp, features: Features, arch: Arch) -> Asked {
    Asked { filter: compile(seccomp, &features, Cores::None, arch).unwrap().unwrap(), arch }
}

fn default() -> Asked {
    asked(&policy(SeccompPolicy::Default), Features::default(), Arch::X86_64)
}

fn with(features: Features) -> Asked {
    asked(&policy(SeccompPolicy::Default), features, Arch::X86_64)
}

impl Asked {
    fn number(&self, number: u32, arguments: &[u64]) -> u32 {
        let mut call = Call { number, architecture: self.arch.audit(), arguments: [0; 6] };
        call.arguments[..arguments.len()].copy_from_slice(arguments);
        run(&self.filter.program, call).0
    }

    /// The answer, which garbage above the low 32 bits of the arguments does not change.
    fn call(&self, name: &str, arguments: &[u64]) -> u32 {
        let number = number(self.arch, name);
        let answer = self.number(number, arguments);
        let garbage: Vec<u64> = arguments.iter().map(|argument| argument | GARBAGE).collect();
        assert_eq!(self.number(number, &garbage), answer, "{name} with garbage");
        answer
    }

    fn answers(&self, names: &str) -> BTreeSet<u32> {
        names.split_ascii_whitespace().map(|name| self.call(name, &[])).collect()
    }
}

fn number(arch: Arch, name: &str) -> u32 {
    syscalls::table(arch).find(|(_, known)| *known == name).expect(name).0
}

/// Of every call of every architecture.
fn verdicts(seccomp: &Seccomp, features: &Features) -> HashMap<&'static str, Verdict> {
    let of = |arch| {
        let verdicts = super::verdicts(seccomp, features, Cores::None, arch).unwrap();
        syscalls::table(arch).map(|(_, name)| name).zip(verdicts)
    };
    ARCHES.into_iter().flat_map(of).collect()
}

#[test]
fn every_known_call_stands_in_the_policy_once_and_nothing_else_does() {
    let mut named: Vec<_> = POLICY.iter().flat_map(|group| group.calls.split_ascii_whitespace()).collect();
    let mut known: Vec<_> = ARCHES.into_iter().flat_map(syscalls::table).map(|(_, name)| name).collect();
    named.sort_unstable();
    known.sort_unstable();
    known.dedup();
    assert_eq!(named, known);
}

#[test]
fn every_group_has_a_reason() {
    assert!(POLICY.iter().all(|group| !group.why.is_empty()));
}

#[test]
fn the_program_answers_each_number_as_the_policy_says() {
    for arch in ARCHES {
        for which in POLICIES {
            for on_deny in [OnDeny::Errno, OnDeny::Kill] {
                let seccomp = Seccomp { on_deny, ..policy(which) };
                let asked = asked(&seccomp, Features::default(), arch);
                let verdicts = verdicts(&seccomp, &Features::default());
                let names: HashMap<u32, &str> = syscalls::table(arch).collect();
                for number in 0..1024 {
                    let verdict = names.get(&number).map_or(Verdict::Absent, |name| verdicts[name]);
                    let expected = match verdict {
                        Verdict::Allow => ALLOW,
                        Verdict::Absent => ENOSYS,
                        Verdict::Refuse if on_deny == OnDeny::Kill => KILL,
                        Verdict::Refuse => EPERM,
                        Verdict::Check(_) => continue,
                    };
                    assert_eq!(asked.number(number, &[]), expected, "{arch:?} {which:?} {number}");
                }
            }
        }
    }
}

#[test]
fn each_verdict_of_both_policies_is_as_reviewed() {
    let columns = POLICIES.map(policy);
    let [default, strict] = columns.each_ref().map(|seccomp| verdicts(seccomp, &Features::default()));
    let mut names: Vec<_> = default.keys().copied().collect();
    names.sort_unstable();
    let rows = names.into_iter().map(|name| {
        let default = format!("{:?}", default[name]);
        match format!("{:?}", strict[name]) {
            strict if strict == default => format!("{name}: {default}\n"),
            strict => format!("{name}: {default}, strict {strict}\n"),
        }
    });
    insta::assert_snapshot!(rows.collect::<String>());
}

#[test]
fn unknown_and_negative_numbers_are_absent() {
    for arch in ARCHES {
        let filter = asked(&policy(SeccompPolicy::Default), Features::default(), arch);
        for number in [472, 1023, 100_000, X32 - 1, X32 << 1, u32::MAX] {
            assert_eq!(filter.number(number, &[]), ENOSYS, "{arch:?} {number:#x}");
        }
    }
}

#[test]
fn x32_and_other_architectures_are_refused() {
    for (on_deny, refused) in [(OnDeny::Errno, ENOSYS), (OnDeny::Kill, KILL)] {
        let filter = asked(
            &Seccomp { on_deny, ..policy(SeccompPolicy::Default) },
            Features { userns: true, ..Features::default() },
            Arch::X86_64,
        );
        for number in (0..600).chain([0x3FFF_FFFF]) {
            assert_eq!(filter.number(X32 | number, &[]), refused);
        }
        let (i386, arm, other) = (0x4000_0003, 0x4000_0028, Arch::Aarch64.audit());
        for architecture in [i386, arm, other, 0, u32::MAX] {
            for number in 0..600 {
                let call = Call { number, architecture, arguments: [0; 6] };
                assert_eq!(run(&filter.filter.program, call).0, refused);
            }
        }
    }
}

#[test]
fn clone_makes_threads_and_processes_but_no_namespace() {
    const PTHREAD: u64 = 0x003d_0f00;
    let fork_with_pidfd = (libc::CLONE_PIDFD | libc::SIGCHLD) as u64;
    for arch in ARCHES {
        let filter = asked(&policy(SeccompPolicy::Strict), Features::default(), arch);
        assert_eq!(filter.call("clone", &[PTHREAD]), ALLOW);
        assert_eq!(filter.call("clone", &[fork_with_pidfd]), ALLOW);
        for flag in [0x20000, 0x0200_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000] {
            assert_eq!(filter.call("clone", &[flag | 17]), EPERM, "{flag:#x}");
        }
        assert_eq!(filter.call("clone3", &[]), ENOSYS);
    }
}

#[test]
fn sockets_are_of_the_plain_families_and_netlink_is_for_routes() {
    for family in 0..64 {
        let expected = if [1, 2, 10, 16].contains(&family) { ALLOW } else { EAFNOSUPPORT };
        assert_eq!(default().call("socket", &[family, 1, 0]), expected, "{family}");
    }
    let (xfrm, netfilter) = (6, 12);
    for protocol in [xfrm, netfilter] {
        assert_eq!(default().call("socket", &[16, 3, protocol]), EAFNOSUPPORT);
    }
    for family in [libc::AF_INET as u64, libc::AF_INET6 as u64] {
        let (dccp, sctp, udp_lite, smc, mptcp) = (33, 132, 136, 256, 262);
        for protocol in [2, dccp, sctp, udp_lite, smc, mptcp, 1 << 31] {
            assert_eq!(default().call("socket", &[family, 1, protocol]), EPROTONOSUPPORT, "{protocol}");
        }
        for protocol in [0, 1, 6, 17, 58, 255] {
            assert_eq!(default().call("socket", &[family, 2, protocol]), ALLOW, "{protocol}");
        }
    }
    // Before it says that a family has no pairs, the kernel makes two sockets of it, and loads its module.
    assert_eq!((default().call("socketpair", &[1]), default().call("socketpair", &[40])), (ALLOW, EAFNOSUPPORT));
}

#[test]
fn ioctl_does_all_but_type_into_a_terminal_load_its_modules_and_take_snapshots() {
    for command in arguments::REFUSED_COMMANDS {
        assert_eq!(default().call("ioctl", &[0, command.into()]), EPERM);
    }
    for command in [0x5401, 0x540E, 0x5410, 0x5411, 0x5413, 0x541B, 0x541D, 0x8004_5430] {
        assert_eq!(default().call("ioctl", &[0, command]), ALLOW);
    }
}

#[test]
fn personality_is_linux_and_unrandomised_only_with_the_feature() {
    let relaxed = with(Features { personality: true, ..Features::default() });
    for plain in [0, 8, 0x20000, 0x20008, 0xffff_ffff] {
        assert_eq!(default().call("personality", &[plain]), ALLOW);
        assert_eq!(relaxed.call("personality", &[plain]), ALLOW);
        let unrandomised = [plain | 0x40000];
        let expected = if plain == 0xffff_ffff { ALLOW } else { EPERM };
        assert_eq!(default().call("personality", &unrandomised), expected);
        assert_eq!(relaxed.call("personality", &unrandomised), ALLOW);
    }
    // READ_IMPLIES_EXEC, PER_SVR4
    for other in [0x0040_0000, 0x0010_0001] {
        assert_eq!(relaxed.call("personality", &[other]), EPERM);
    }
}

#[test]
fn no_call_sets_a_set_id_bit_without_the_feature() {
    let (plain, granted) = (default(), with(Features { set_id_bits: true, ..Features::default() }));
    let create = libc::O_CREAT as u64;
    let temporary = libc::O_TMPFILE as u64;
    let calls: &[(&str, &[u64])] = &[
        ("chmod", &[0]),
        ("fchmod", &[0]),
        ("creat", &[0]),
        ("mkdir", &[0]),
        ("mknod", &[0]),
        ("fchmodat", &[0, 0]),
        ("fchmodat2", &[0, 0]),
        ("mkdirat", &[0, 0]),
        ("mknodat", &[0, 0]),
        ("open", &[0, create]),
        ("open", &[0, temporary]),
        ("openat", &[0, 0, create]),
        ("openat", &[0, 0, temporary]),
    ];
    for (name, before) in calls {
        let mode = |bits: u64| [*before, &[bits]].concat();
        for bits in [0o4000, 0o2000, 0o6777, 0o102755] {
            assert_eq!(plain.call(name, &mode(bits)), EPERM, "{name} {bits:o}");
            assert_eq!(granted.call(name, &mode(bits)), ALLOW, "{name} {bits:o}");
        }
        for bits in [0, 0o755, 0o1777, 0o100644] {
            assert_eq!(plain.call(name, &mode(bits)), ALLOW, "{name} {bits:o}");
        }
    }
    // Without O_CREAT the mode is whatever the register held.
    assert_eq!(plain.call("open", &[0, libc::O_RDWR as u64, 0o6777]), ALLOW);
    assert_eq!(plain.call("openat", &[0, 0, libc::O_DIRECTORY as u64, 0o6777]), ALLOW);
    assert_eq!((plain.call("openat2", &[]), granted.call("openat2", &[])), (ENOSYS, ALLOW));
}

#[test]
fn pid_1_is_out_of_reach_and_others_are_not() {
    for name in ["prlimit64", "sched_setaffinity", "sched_setattr", "sched_setparam", "sched_setscheduler"] {
        assert_eq!(default().call(name, &[1]), EPERM, "{name}");
        for pid in [0, 2, 4711] {
            assert_eq!(default().call(name, &[pid]), ALLOW, "{name}");
        }
    }
    assert_eq!(default().call("setpgid", &[0, 1]), EPERM);
    for group in [0, 2, 4711] {
        assert_eq!(default().call("setpgid", &[1, group]), ALLOW);
    }
    for (name, process, user) in [("setpriority", 0, 2), ("ioprio_set", 1, 3)] {
        for group in [process, process + 1] {
            assert_eq!(default().call(name, &[group, 1]), EPERM, "{name}");
            assert_eq!(default().call(name, &[group, 0]), ALLOW, "{name}");
            assert_eq!(default().call(name, &[group, 7]), ALLOW, "{name}");
        }
        assert_eq!(default().call(name, &[user, 0]), EPERM, "{name}");
    }
}

#[test]
fn the_core_limit_is_said_to_be_set_and_stays() {
    const PRETENDED: u32 = SECCOMP_RET_ERRNO;
    let kill = asked(&Seccomp { on_deny: OnDeny::Kill, ..policy(POLICIES[0]) }, Features::default(), Arch::X86_64);
    let (core, files) = (libc::RLIMIT_CORE.into(), libc::RLIMIT_NOFILE.into());
    for filter in [default(), kill] {
        let number = |name| number(Arch::X86_64, name);
        let (setrlimit, prlimit) = (number("setrlimit"), number("prlimit64"));
        assert_eq!(filter.number(setrlimit, &[core, 0x1000]), PRETENDED);
        assert_eq!(filter.number(setrlimit, &[files, 0x1000]), ALLOW);
        for pointer in [0x1000, 1 << 32] {
            assert_eq!(filter.number(prlimit, &[0, core, pointer]), PRETENDED);
        }
        let refused = if filter.filter == default().filter { EPERM } else { KILL };
        assert_eq!(filter.number(prlimit, &[1, core, 0x1000]), refused);
        assert_eq!(filter.number(prlimit, &[0, core, 0x1000, 0x2000]), refused);
        assert_eq!(filter.number(prlimit, &[0, core, 0, 0x1000]), ALLOW);
        assert_eq!(filter.number(prlimit, &[7, files, 0x1000]), ALLOW);
    }
}

#[test]
fn each_feature_grants_its_calls_and_only_these() {
    let off = Features::default();
    let rows: [(Features, &str); 7] = [
        (
            Features { userns: true, ..off },
            "clone fsconfig fsmount fsopen fspick mount mount_setattr move_mount open_tree open_tree_attr pivot_root \
             chroot setdomainname sethostname setns umount2 unshare",
        ),
        (
            Features { ptrace: true, ..off },
            "kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace",
        ),
        (Features { io_uring: true, ..off }, "io_uring_setup io_uring_enter io_uring_register"),
        (Features { perf: true, ..off }, "perf_event_open"),
        (Features { keyring: true, ..off }, "add_key keyctl request_key"),
        (
            Features { numa: true, ..off },
            "get_mempolicy mbind migrate_pages move_pages set_mempolicy set_mempolicy_home_node",
        ),
        (
            Features { set_id_bits: true, ..off },
            "chmod creat fchmod fchmodat fchmodat2 mkdir mkdirat mknod mknodat open openat openat2",
        ),
    ];
    for which in POLICIES {
        let seccomp = policy(which);
        let before = verdicts(&seccomp, &off);
        for (features, calls) in rows {
            let mut after = verdicts(&seccomp, &features);
            after.retain(|name, verdict| before[name] != *verdict);
            let expected = calls.split_ascii_whitespace().map(|name| (name, Verdict::Allow)).collect();
            assert_eq!(after, expected);
        }
    }
}

#[test]
fn allow_overrides_rules_and_deny_overrides_allow_and_features() {
    let seccomp = Seccomp {
        allow: list(&["socket", "bpf", "keyctl"]),
        deny: list(&["keyctl", "perf_event_open"]),
        ..policy(POLICIES[0])
    };
    let filter = asked(&seccomp, Features { perf: true, ..Features::default() }, Arch::X86_64);
    assert_eq!((filter.call("socket", &[40]), filter.call("bpf", &[])), (ALLOW, ALLOW));
    assert_eq!(filter.answers("keyctl perf_event_open"), [EPERM].into());
    assert_eq!(filter.filter.allowed, default().filter.allowed + 1);
}

#[test]
fn a_name_of_the_other_architecture_is_no_error() {
    let seccomp = Seccomp { allow: list(&["open"]), ..policy(SeccompPolicy::Default) };
    assert!(compile(&seccomp, &Features::default(), Cores::None, Arch::Aarch64).is_ok());
}

#[test]
fn kill_ends_what_is_denied_and_leaves_probes_their_answer() {
    let filter = asked(&Seccomp { on_deny: OnDeny::Kill, ..policy(POLICIES[0]) }, Features::default(), Arch::X86_64);
    assert_eq!(filter.answers("mount ptrace unshare keyctl"), [KILL].into());
    assert_eq!(filter.call("socket", &[40]), KILL);
    assert_eq!(filter.call("clone", &[0x1000_0000]), KILL);
    assert_eq!(filter.answers("clone3 io_uring_setup userfaultfd open_tree openat2 get_mempolicy"), [ENOSYS].into());
}

#[test]
fn what_the_sandbox_itself_calls_is_allowed_and_cannot_be_denied() {
    for arch in ARCHES {
        for which in POLICIES {
            assert_eq!(asked(&policy(which), Features::default(), arch).answers(NEEDED), [ALLOW].into());
        }
    }
    let seccomp = Seccomp { deny: list(&["execve"]), ..policy(SeccompPolicy::Default) };
    let error = compile(&seccomp, &Features::default(), Cores::None, Arch::X86_64).unwrap_err();
    assert_eq!(
        error.to_string(),
        "seccomp.deny names execve, which the sandbox needs to run a command. Take execve off the list"
    );
}

#[test]
fn an_unknown_name_is_an_error_with_the_nearest() {
    let seccomp = Seccomp { allow: list(&["ptrase"]), ..policy(SeccompPolicy::Default) };
    let error = compile(&seccomp, &Features::default(), Cores::None, Arch::X86_64).unwrap_err();
    assert_eq!(error.to_string(), r#"there is no system call named "ptrase". Did you mean "ptrace"?"#);
}

#[test]
fn off_is_no_filter() {
    let seccomp = policy(SeccompPolicy::Off);
    assert_eq!(compile(&seccomp, &Features::default(), Cores::None, Arch::native()).unwrap(), None);
}

#[test]
fn the_filter_stays_short_and_its_tree_flat() {
    for arch in ARCHES {
        for which in POLICIES {
            let filter = asked(&policy(which), Features::default(), arch).filter;
            let steps = |number| run(&filter.program, Call { number, architecture: arch.audit(), arguments: [0; 6] }).1;
            let deepest = (0..512).map(steps).max().unwrap();
            println!(
                "{arch:?} {which:?}: {} allowed, {} instructions, {deepest} deep",
                filter.allowed,
                filter.program.len()
            );
            assert!(filter.program.len() < 600 && deepest < 60);
        }
    }
}

#[test]
fn strict_lets_through_less_than_default() {
    for arch in ARCHES {
        let [default, strict] = POLICIES.map(|which| asked(&policy(which), Features::default(), arch).filter.allowed);
        assert!(strict < default, "{strict} {default}");
    }
}
