//! Capabilities: all five sets are empty, no way leads back up, and nothing can be done that needs one.
//!
//! As uid 0 inside, which the kernel gives all of them at execve(2); another uid would have lost them without the layer too.

use super::attempt::Attack;
use super::harness::copy_program;

fn as_uid_0(attack: Attack) -> Attack {
    attack.flags(&["--uid=0"])
}

#[test]
fn a_capability_is_held_from_the_start() {
    as_uid_0(attack!("capabilities", "hold")).without("capabilities").is_stopped();
}

#[test]
fn capabilities_are_taken_by_capset() {
    as_uid_0(attack!("capabilities", "take")).without("capabilities").is_stopped();
}

#[test]
fn the_bounding_set_lets_one_come() {
    as_uid_0(attack!("capabilities", "be-bounded")).without("capabilities").is_stopped();
}

#[test]
fn a_capability_is_made_ambient() {
    as_uid_0(attack!("capabilities", "raise-ambient")).without("capabilities").is_stopped();
}

#[test]
fn the_securebits_are_unlocked() {
    as_uid_0(attack!("capabilities", "set-securebits")).without("capabilities").is_stopped();
}

#[test]
fn capabilities_come_back_with_setuid_to_0() {
    as_uid_0(attack!("capabilities", "become-root-again")).without("capabilities").is_stopped();
}

#[test]
fn capabilities_come_back_with_execve() {
    as_uid_0(attack!("capabilities", "execute-again")).without("capabilities").is_stopped();
}

// Without no_new_privs there is no filter: to install one sets it.
#[test]
fn a_program_with_file_capabilities_gains_them() {
    as_uid_0(attack!("capabilities", "execute", "/shared/capable"))
        .started_by(&["with-file-capabilities", "{home}/shared/capable"])
        .bait(|bench, _| {
            copy_program(bench.project.home().join("attack/capabilities"), &bench.shared.join("capable"));
        })
        .without("nosuid,no-new-privs,capabilities,seccomp")
        .is_stopped();
}

// Landlock forbids mounts altogether.
#[test]
fn a_file_system_is_mounted() {
    as_uid_0(attack!("capabilities", "mount-tmpfs")).without("capabilities,seccomp,landlock").is_stopped();
}

#[test]
fn the_root_is_changed() {
    as_uid_0(attack!("capabilities", "change-root")).without("capabilities,seccomp").is_stopped();
}

#[test]
fn the_host_name_is_changed() {
    as_uid_0(attack!("capabilities", "name-host")).without("capabilities,seccomp").is_stopped();
}

#[test]
fn an_interface_is_taken_down() {
    as_uid_0(attack!("capabilities", "take-down-loopback")).without("capabilities").is_stopped();
}
