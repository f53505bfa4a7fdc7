//! `map: subordinate` with the capabilities to use it: every id of the range tries what none may.

use super::attempt::Attack;
use super::bench::{Bench, CANARY};
use super::harness::root;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};

/// What is about ids, and to signal init.
const POWER: [&str; 5] = ["CAP_CHOWN", "CAP_FOWNER", "CAP_SETUID", "CAP_SETGID", "CAP_KILL"];

fn in_a_range(attack: Attack) -> Attack {
    let kept = POWER.map(|capability| format!("--capability={capability}"));
    let flags = ["--map=subordinate", "--pids=unlimited"].into_iter().chain(kept.iter().map(String::as_str));
    attack.flags(&flags.collect::<Vec<_>>())
}

#[test]
fn a_hidden_file_is_read_as_each_id() {
    let attack = attack!("other_ids", "read-as-each", "/granted/hidden").flags(&["--hide=/granted/hidden"]);
    let bait = |bench: &Bench, _: &mut _| {
        fs::write(bench.granted.join("hidden"), CANARY).unwrap();
        fs::set_permissions(bench.granted.join("hidden"), Permissions::from_mode(0o644)).unwrap();
    };
    in_a_range(attack).bait(bait).without("hides").is_stopped();
}

#[test]
fn the_memory_of_init_is_written_as_each_id() {
    in_a_range(attack!("other_ids", "write-as-each", "/proc/1/mem")).without("dumpable,landlock").is_stopped();
}

#[test]
fn the_environment_of_init_is_read_as_each_id() {
    in_a_range(attack!("other_ids", "read-as-each", "/proc/1/environ")).without("dumpable,landlock").is_stopped();
}

#[test]
fn a_set_user_id_program_of_a_subordinate_user_is_left_behind() {
    in_a_range(attack!("other_ids", "leave-set-user-id", "/shared/made"))
        .without("seccomp")
        .effect(|bench, _| {
            fs::metadata(bench.shared.join("made")).is_ok_and(|file| file.permissions().mode() & 0o6000 != 0)
        })
        .is_stopped();
}

// Only root can start one with a group that is not his; and what is not his own is not mapped.
#[test]
fn a_file_for_one_of_the_callers_groups_is_read() {
    if !root() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    fs::write(&file, CANARY).unwrap();
    chown(&file, Some(4241), Some(4242)).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
    let flag = format!("--ro={}:/theirs", directory.path().display());
    let attack = attack!("other_ids", "read", "/theirs/file").started_by(&["in-group", "4242"]);
    in_a_range(attack.flags(&[&flag])).without("groups").is_stopped();
}
