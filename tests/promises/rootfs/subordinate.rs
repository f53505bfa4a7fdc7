//! `--map subordinate`: each file is its owner's, by the caller's ranges of ids.

use super::super::harness::{Project, finish, root};
use super::{children, large, left, list, outside, send, start, store};
use nix::sys::signal::Signal;
use std::fs;
use std::os::unix::fs::MetadataExt;

/// Files of four owners, and a directory that is closed to all others.
const OWNERS: &str = "
import io, tarfile
archive = tarfile.open('owners.tar', 'w')
def add(name, id, kind=tarfile.REGTYPE, mode=0o640):
    entry = tarfile.TarInfo(name)
    entry.uid, entry.gid, entry.type, entry.mode = id, id + 1, kind, mode
    archive.addfile(entry, io.BytesIO())
for name, id in (('root', 0), ('daemon', 1), ('user', 1000)):
    add(name, id)
add('closed', 33, tarfile.DIRTYPE, 0o700)
add('closed/file', 33)
archive.close()
";

#[track_caller]
fn imported(project: &Project) {
    finish(project.outside("python3", &["-c", OWNERS])).ok();
    project.run(&["rootfs", "import", "owners.tar", "--name", "owners", "--map", "subordinate"]).ok();
}

#[test]
fn files_are_their_owners_and_come_back_so() {
    let project = Project::new();
    imported(&project);
    assert_eq!(list(&project)[0]["map"], "subordinate");
    let tree = store(&project).join("owners/tree");
    let owners: Vec<u32> =
        ["root", "daemon", "user"].map(|name| fs::metadata(tree.join(name)).unwrap().uid()).into_iter().collect();
    assert!(owners[0] != owners[1] && owners[1] + 999 == owners[2], "{owners:?}");
    project.run(&["rootfs", "export", "owners", "out.tar"]).ok();
    let listed = outside(&project, "tar --numeric-owner -tvf out.tar | awk '{print $1, $2, $6}'");
    let expected = "-rw-r----- 1/2 daemon\n-rw-r----- 0/1 root\n-rw-r----- 1000/1001 user\ndrwx------ 33/34 closed/\n-rw-r----- 33/34 closed/file";
    let mut lines: Vec<&str> = listed.lines().filter(|line| !line.ends_with("./")).collect();
    let mut expected: Vec<&str> = expected.lines().collect();
    lines.sort_unstable();
    expected.sort_unstable();
    assert_eq!(lines, expected);
    project.run(&["rootfs", "remove", "owners"]).ok();
}

#[test]
fn what_others_own_is_removed_with_the_root() {
    let project = Project::new();
    imported(&project);
    project.run(&["rootfs", "remove", "owners"]).ok();
    assert!(left(&project).is_empty(), "{:?}", left(&project));
}

// As an ordinary user: what is left is deleted by a part of the program inside, while signals are held back.
#[test]
fn a_signal_while_what_others_own_is_cleared_away_ends_the_command() {
    if root() {
        return; // it deletes by itself, and a signal ends that
    }
    let project = Project::new();
    large(&project);
    let script = "mkdir theirs; tar -xf large.tar -C theirs; tar --owner=7 --group=7 -cf theirs.tar -C theirs .";
    outside(&project, script);
    let attempt = || {
        project.run(&["rootfs", "import", "theirs.tar", "--name", "theirs", "--map", "subordinate"]).ok();
        fs::rename(store(&project).join("theirs"), store(&project).join(".remove-1-1")).unwrap();
        let mut running = start(&project, &["rootfs", "list"]);
        while running.try_wait().unwrap().is_none() {
            if !children(running.id()).is_empty() {
                send(running.id(), Signal::SIGTERM);
                break;
            }
        }
        let status = running.wait().unwrap();
        project.run(&["rootfs", "list"]).ok();
        status.code()
    };
    // On a busy machine it may all be over before the signal comes.
    let codes: Vec<_> = (0..10).map(|_| attempt()).collect();
    assert!(codes.contains(&Some(128 + Signal::SIGTERM as i32)), "{codes:?}");
}

#[test]
fn without_the_map_every_file_is_the_caller_s() {
    let project = Project::new();
    finish(project.outside("python3", &["-c", OWNERS])).ok();
    project.run(&["rootfs", "import", "owners.tar", "--name", "owners"]).ok();
    let tree = store(&project).join("owners/tree");
    let own = fs::metadata(project.path()).unwrap().uid();
    assert!(
        ["root", "daemon", "user", "closed"].iter().all(|name| fs::metadata(tree.join(name)).unwrap().uid() == own)
    );
    project.run(&["rootfs", "remove", "owners"]).ok();
}
