//! What is hidden is not read, what is read-only does not become writable, and the settings of the kernel stay as they are.

use super::attempt::Attack;
use super::bench::{Bench, CANARY};
use std::fs;
use std::process::Command;

/// Without what holds whoever may mount, the cover itself is no hindrance.
const POWER: &str = "capabilities,seccomp,landlock";

/// `/granted/hidden`, with a secret in it.
fn hidden(bench: &Bench, _: &mut Command) {
    fs::create_dir(bench.granted.join("hidden")).unwrap();
    fs::write(bench.granted.join("hidden/secret"), CANARY).unwrap();
}

fn uncovers(attack: Attack, without: &'static str) {
    attack.flags(&["--hide=/granted/hidden"]).bait(hidden).without(without).is_stopped();
}

#[test]
fn a_hidden_directory_is_opened() {
    uncovers(attack!("covers", "open", "/granted"), "hides");
}

#[test]
fn a_cover_is_unmounted() {
    uncovers(attack!("covers", "unmount", "/granted"), POWER);
}

#[test]
fn the_directory_below_a_cover_is_bound_elsewhere() {
    uncovers(attack!("covers", "bind", "/granted"), POWER);
}

#[test]
fn an_overlay_shows_what_is_below_a_cover() {
    uncovers(attack!("covers", "overlay", "/granted"), POWER);
}

#[test]
fn a_detached_copy_has_no_covers() {
    uncovers(attack!("covers", "detached-copy", "/granted"), POWER);
}

#[test]
fn a_read_only_mount_is_mounted_writable() {
    attack!("covers", "remount", "/granted").without(POWER).is_stopped();
}

// Layer: Landlock has no hook in mount_setattr(2), and none for metadata.
#[test]
fn a_read_only_mount_is_set_writable() {
    attack!("covers", "set-writable", "/granted").without("capabilities,seccomp").is_stopped();
}

#[test]
fn a_copy_of_a_read_only_mount_is_set_writable() {
    attack!("covers", "writable-copy", "/granted").without(POWER).is_stopped();
}

#[test]
fn the_settings_of_the_kernel_are_unmounted_and_written() {
    attack!("covers", "unmount-settings").without(POWER).is_stopped();
}

#[test]
fn a_fresh_proc_has_settings_that_can_be_written() {
    attack!("covers", "fresh-proc").without(POWER).is_stopped();
}

#[test]
fn what_tells_of_the_host_in_proc_is_read() {
    attack!("covers", "read-covered").without("proc-covers").is_stopped();
}

// Layer: the kernel also asks for a capability.
#[test]
fn a_setting_of_the_kernel_is_written() {
    attack!("covers", "write-setting").without("proc-read-only,capabilities").is_stopped();
}
