//! The layers that a kernel may refuse, or not have at all.

use super::attempt::{Bench, fault, holds};
use nix::errno::Errno;
use serde_json::{Value, json};

#[test]
fn a_user_namespace_that_is_refused_is_told_with_what_to_do() {
    let bench = Bench::new();
    for (errno, message, remedy) in [
        (Errno::EPERM, "user namespace", "user"),
        (Errno::ENOSPC, "user namespaces", "sysctl user.max_user_namespaces"),
        (Errno::EUSERS, "user namespaces", "sysctl user.max_user_namespaces"),
        (Errno::EAGAIN, "limit of processes", "ulimit -u"),
        (Errno::ENOSYS, "kernel", "Linux 5.14"),
    ] {
        let error = bench.refused(&fault("clone3", errno), &[]);
        assert_eq!((&error["kind"], &error["step"]), (&"host".into(), &"namespaces".into()), "{error}");
        assert_eq!(error["errno"], format!("{errno:?}"));
        holds(&error["message"], &[message]);
        holds(&error["remedy"], &[remedy]);
    }
}

#[test]
fn a_kernel_without_landlock_is_refused_where_it_is_required() {
    let bench = Bench::new();
    for (abi, flags) in [
        ("0", &["--landlock", "require"][..]),
        ("1", &["--landlock", "require"]),
        ("3", &["--landlock", "require", "--landlock-min-abi", "4"]),
    ] {
        let error = bench.refused(&format!("landlock-abi={abi}"), flags);
        assert_eq!((&error["kind"], &error["step"]), (&"host".into(), &"landlock".into()), "{error}");
        holds(&error["message"], &[&format!("Landlock ABI {abi}")]);
        holds(&error["remedy"], &["--landlock prefer"]);
    }
}

// More than this program knows is not enforced, whatever the kernel has.
#[test]
fn an_abi_that_only_the_kernel_knows_is_refused_where_it_is_required() {
    let bench = Bench::new();
    let flags = ["--landlock", "require", "--landlock-min-abi", "1000"];
    let error = bench.refused("landlock-abi=1000", &flags);
    holds(&error["message"], &["this program knows Landlock up to ABI", "1000 is asked for"]);
    holds(&error["remedy"], &["landlock.min_abi"]);
}

#[test]
fn a_kernel_without_landlock_is_told_where_it_is_preferred() {
    let bench = Bench::new();
    for abi in ["0", "1"] {
        let (faults, reason) = (format!("landlock-abi={abi}"), format!("this kernel has Landlock ABI {abi}"));
        let report = bench.degraded(&faults, &["--landlock", "prefer"], &reason);
        assert_eq!(report["layers"]["landlock"], Value::Null, "{report}");
        assert!(report["layers"]["seccomp"].is_object(), "{report}");
    }
    // Less than asked for, and in force as far as it goes.
    let flags = ["--landlock", "prefer", "--landlock-min-abi", "3"];
    let report = bench.degraded("landlock-abi=2", &flags, "ABI 2, and 3 is asked for");
    assert_eq!(report["layers"]["landlock"], json!({"abi": 2, "mode": "prefer"}), "{report}");
    // Off is nothing that is missing.
    let (said, report) = bench.runs("landlock-abi=0", &["--landlock", "off"]);
    assert_eq!((said.as_str(), &report["degraded"]), ("", &json!([])));
}

// `prefer` is about kernels that have none. One that has it and does not enforce it is another thing than was looked at.
#[test]
fn a_landlock_that_is_there_and_fails_is_no_matter_of_preference() {
    let bench = Bench::new();
    for errno in [Errno::ENOSYS, Errno::EOPNOTSUPP, Errno::E2BIG] {
        let error = bench.refused(&fault("Landlock", errno), &["--landlock", "prefer"]);
        assert_eq!(error["step"], "landlock");
    }
}

#[test]
fn a_kernel_without_filters_is_refused_with_the_flag_that_goes_without() {
    let bench = Bench::new();
    let error = bench.refused(&fault("Seccomp", Errno::EINVAL), &[]);
    holds(&error["message"], &["CONFIG_SECCOMP_FILTER"]);
    holds(&error["remedy"], &["--seccomp off"]);
    let (said, report) = bench.runs(&fault("Seccomp", Errno::EINVAL), &["--seccomp", "off"]);
    assert_eq!((said.as_str(), &report["layers"]["seccomp"]), ("", &Value::Null));
}

#[test]
fn capabilities_that_are_dropped_in_part_are_not_enough() {
    let bench = Bench::new();
    let one = ["--capability", "CAP_NET_BIND_SERVICE"];
    for (place, flags) in [
        ("bounding-set", &[][..]),
        ("bounding-set#20", &[]),
        ("securebits", &[]),
        ("capset", &[]),
        ("capset#1", &one),
        ("capset#2", &one),
    ] {
        let error = bench.refused(&fault(place, Errno::EPERM), flags);
        assert_eq!((&error["step"], &error["errno"]), (&"capabilities".into(), &"EPERM".into()), "{error}");
    }
}

// A kernel without keys has no keyring that could be inherited; any other answer leaves the caller's in reach.
#[test]
fn a_keyring_that_cannot_be_had_is_an_error_but_where_there_are_none() {
    let bench = Bench::new();
    for errno in [Errno::EDQUOT, Errno::EPERM, Errno::EACCES] {
        assert_eq!(bench.refused(&fault("keyctl", errno), &[])["step"], "keyring");
    }
    let (said, _) = bench.runs(&fault("keyctl", Errno::ENOSYS), &[]);
    assert_eq!(said, "");
}
