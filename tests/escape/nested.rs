//! Namespaces in namespaces: none can be made or joined. `user-quotas` is the limit of the user namespace, which no capability is
//! needed to be stopped by.

const NEWUSER: &str = "0x10000000";
/// NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWPID, NEWNET
const OTHERS: [&str; 7] = ["0x80", "0x20000", "0x2000000", "0x4000000", "0x8000000", "0x20000000", "0x40000000"];

#[test]
fn a_user_namespace_is_made_by_unshare() {
    attack!("nested", "unshare", NEWUSER).without("seccomp,user-quotas").is_stopped();
}

#[test]
fn a_user_namespace_is_made_by_clone() {
    attack!("nested", "clone", NEWUSER).without("seccomp,user-quotas").is_stopped();
}

// The kernel takes 32 bits of clone's flags, a filter could compare 64.
#[test]
fn a_user_namespace_is_made_by_clone_with_a_bit_above_the_32_that_count() {
    attack!("nested", "clone", "0x110000000").without("seccomp,user-quotas").is_stopped();
}

// The flags are behind a pointer, which no filter sees.
#[test]
fn a_user_namespace_is_made_by_clone3() {
    attack!("nested", "clone3", NEWUSER).without("seccomp,user-quotas").is_stopped();
}

#[test]
fn a_file_system_is_mounted_in_a_user_namespace_of_its_own() {
    attack!("nested", "mount-in-clone").without("seccomp,user-quotas,landlock").is_stopped();
}

#[test]
fn a_namespace_of_another_kind_is_made() {
    for flag in OTHERS {
        attack!("nested", "unshare", flag).flags(&["--uid=0"]).without("seccomp,capabilities").is_stopped();
    }
}

#[test]
fn a_namespace_is_joined() {
    for kind in ["/proc/self/ns/net", "/proc/self/ns/uts"] {
        attack!("nested", "join", kind).flags(&["--uid=0"]).without("seccomp,capabilities").is_stopped();
    }
}
