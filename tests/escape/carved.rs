//! What is read-only in a writable directory: nothing is planted there, nor anything else put in its place.

use super::attempt::Attack;
use super::bench::CANARY;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

fn plants(attack: Attack, without: &'static str) {
    attack
        .flags(&["--ro={home}/shared/sub/hooks:/shared/sub/hooks"])
        .bait(|bench, _| {
            for directory in ["sub", "sub/hooks"] {
                fs::create_dir(bench.shared.join(directory)).unwrap();
                fs::set_permissions(bench.shared.join(directory), Permissions::from_mode(0o777)).unwrap();
            }
        })
        .effect(|bench, _| bench.shared.join("sub/hooks/planted").exists())
        .without(without)
        .is_stopped();
}

// Layer: not Landlock, whose right to write /shared holds for all below it.
#[test]
fn a_read_only_directory_in_a_writable_one_is_written() {
    plants(attack!("carved", "directly"), "read-only");
}

#[test]
fn the_parent_of_a_read_only_directory_is_renamed_and_made_anew() {
    plants(attack!("carved", "rename-parent"), "pins");
}

#[test]
fn the_parent_of_a_read_only_directory_is_exchanged_for_another() {
    plants(attack!("carved", "exchange-parent"), "pins");
}

#[test]
fn a_read_only_directory_is_unmounted() {
    plants(attack!("carved", "unmount"), "capabilities,seccomp,landlock");
}

#[test]
fn a_read_only_directory_is_moved_away() {
    plants(attack!("carved", "move"), "capabilities,seccomp,landlock");
}

#[test]
fn the_parent_of_a_read_only_directory_is_bound_elsewhere() {
    plants(attack!("carved", "bind-parent"), "capabilities,seccomp,landlock");
}

#[test]
fn the_profile_of_the_next_run_is_changed() {
    attack!("read_only_content", "write", "/shared/profile.yaml")
        .flags(&["-p", "{home}/shared/profile.yaml"])
        .bait(|bench, _| {
            let profile = bench.shared.join("profile.yaml");
            fs::write(&profile, "limits: {pids: 60}\n").unwrap();
            fs::set_permissions(profile, Permissions::from_mode(0o666)).unwrap();
        })
        .without("read-only")
        .is_stopped();
}

// The only profile that carves these out.
const AGENT: [&str; 1] = ["agent"];

#[test]
fn an_agent_plants_a_git_hook() {
    attack!("read_only_content", "write", "{project}/.git/hooks/pre-commit")
        .only_under(&AGENT)
        .bait(|bench, _| fs::create_dir_all(bench.project.path().join(".git/hooks")).unwrap())
        .without("read-only")
        .is_stopped();
}

#[test]
fn an_agent_reads_the_secrets_of_the_project() {
    attack!("files", "relative", "{project}/.env")
        .only_under(&AGENT)
        .bait(|bench, _| drop(bench.project.write(".env", CANARY)))
        .without("hides")
        .is_stopped();
}
