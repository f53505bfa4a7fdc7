//! No file of the caller's with a set-user-ID or set-group-ID bit is left on the host.

use super::attempt::Attack;
use super::bench::Bench;
use super::harness::Output;
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// A bit on what the attack made, whatever it says of itself.
fn left(bench: &Bench, _: &Output) -> bool {
    fs::symlink_metadata(bench.shared.join("file")).is_ok_and(|file| file.permissions().mode() & 0o6000 != 0)
}

fn leaves(attack: Attack) {
    attack.effect(left).without("seccomp").is_stopped();
}

macro_rules! attacks {
    ($($name:ident $way:literal)+) => { $(
        #[test]
        fn $name() {
            leaves(attack!("set_id", $way));
        }
    )+ };
}

attacks! {
    a_set_id_file_is_left_by_chmod "chmod"
    a_set_id_file_is_left_by_fchmod "fchmod"
    a_set_id_file_is_left_by_fchmodat "fchmodat"
    a_set_id_file_is_left_by_a_mode_with_high_bits "high-bits"
    a_set_id_file_is_left_by_the_mode_of_open "open"
    a_set_id_file_is_left_by_the_mode_of_openat "openat"
    a_set_id_file_is_left_by_the_mode_of_creat "creat"
    a_set_id_file_is_left_by_the_mode_of_openat2 "openat2"
    a_set_id_file_is_made_without_a_name_and_then_gets_one "nameless"
    a_set_id_file_is_left_by_mknod "mknod"
    a_set_id_file_is_left_by_mknodat "mknodat"
    a_set_group_id_directory_is_left "directory"
    a_set_id_file_is_left_by_a_ring "ring"
}

#[test]
fn a_set_id_file_is_left_by_fchmodat2() {
    leaves(attack!("set_id", "fchmodat2").since((6, 6)));
}

#[test]
#[cfg(target_arch = "x86_64")]
fn a_set_id_file_is_left_by_a_call_of_another_architecture() {
    leaves(attack!("set_id", "i386"));
}

// Layer: the kernel asks for CAP_SETFCAP, and for a user 0 inside that the file is meant for; the other profiles have none.
#[test]
fn a_file_that_gives_capabilities_is_left() {
    attack!("set_id", "capability")
        .only_under(&["default", "build", "shell", "strict"])
        .without("capabilities")
        .is_stopped();
}
