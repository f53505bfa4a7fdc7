//! Started by host root, the command is another user of the host. The layer that is left out is a flag that users have,
//! `--outside caller`. For an ordinary caller there is nothing to try, and each test is empty.

use super::attempt::Attack;
use super::bench::CANARY;
use super::harness::root;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

const ROOT: u32 = 0;

/// `attack!` on a file with this owner, group 4242 and this mode. It lies in a directory that is granted read-only,
/// neither in the project nor the home: of those root's files are the command's own, by id-mapped mounts.
#[track_caller]
fn is_stopped_at_a_file(owner: u32, mode: u32, attack: Attack) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    let flag = format!("--ro={}:/theirs", directory.path().display());
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    let bait = move |_: &_, _: &mut _| {
        fs::write(&file, CANARY).unwrap();
        chown(&file, Some(owner), Some(4242)).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
    };
    is_stopped_for_root(attack.flags(&[&flag]).bait(bait));
}

/// A limit of processes would need a cgroup with that flag.
#[track_caller]
fn is_stopped_for_root(attack: Attack) {
    if root() {
        attack.weakened_by(&["--outside=caller", "--pids=unlimited"]).is_stopped();
    }
}

#[test]
fn a_private_file_of_roots_is_read_where_it_was_granted() {
    is_stopped_at_a_file(ROOT, 0o600, attack!("started_by_root", "read", "/theirs/file"));
}

#[test]
fn a_file_for_one_of_roots_groups_is_read() {
    let attack = attack!("started_by_root", "read", "/theirs/file").started_by(&["in-group", "4242"]);
    is_stopped_at_a_file(4241, 0o640, attack);
}

#[test]
fn a_program_of_roots_is_written_where_a_mount_is_writable_by_mistake() {
    let attack = attack!("started_by_root", "open-to-write", "/theirs/file");
    is_stopped_at_a_file(ROOT, 0o755, attack.without("read-only,landlock"));
}

#[test]
fn the_mode_of_a_file_of_roots_is_changed_where_a_mount_is_writable_by_mistake() {
    let attack = attack!("started_by_root", "open-up", "/theirs/file");
    is_stopped_at_a_file(ROOT, 0o600, attack.without("read-only"));
}

// The file is only opened: the settings of this machine stay as they are.
#[test]
fn the_settings_of_the_kernel_are_opened_for_writing() {
    for path in ["/proc/sys/kernel/core_pattern", "/proc/sys/vm/drop_caches"] {
        is_stopped_for_root(attack!("started_by_root", "open-to-write", path).without("proc-read-only"));
    }
}

#[test]
fn what_only_root_reads_in_proc_is_read() {
    for path in ["/proc/vmallocinfo", "/proc/slabinfo"] {
        is_stopped_for_root(attack!("started_by_root", "read", path).without("proc-covers"));
    }
}

// In what may be written, files come out root's, so that only the filter stands before this one.
#[test]
fn a_set_user_id_program_of_roots_is_left_behind() {
    if root() {
        attack!("started_by_root", "leave-set-user-id", "/shared/made")
            .without("seccomp")
            .bait(|bench, _| drop(fs::remove_file(bench.shared.join("made"))))
            .effect(|bench, _| {
                let made = fs::metadata(bench.shared.join("made")).unwrap();
                made.mode() & 0o4000 != 0 && made.uid() == 0
            })
            .is_stopped();
    }
}
