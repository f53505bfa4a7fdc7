//! A root that is removed is gone at once, and only it.

use super::super::harness::{Project, binary, finish, patience};
use super::{archive, children, import, left, names, outside, start, store};
use nix::fcntl::{Flock, FlockArg};
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::time::Instant;

#[test]
fn what_is_removed_is_gone_and_the_others_stay() {
    let project = Project::new();
    archive(&project);
    for name in ["one", "two", "three"] {
        import(&project, "tree.tar", name).ok();
    }
    let output = project.run(&["rootfs", "remove", "one", "three"]);
    assert_eq!((output.ok().as_str(), output.stderr.as_str()), ("", ""));
    assert_eq!(left(&project), ["two"]);
}

#[test]
fn an_unknown_name_is_answered_with_the_nearest_and_the_others_go() {
    let project = Project::new();
    archive(&project);
    for name in ["debian", "alpine"] {
        import(&project, "tree.tar", name).ok();
    }
    project
        .run(&["rootfs", "remove", "debain", "alpine"])
        .refused(&["there is no root \"debain\"", "Did you mean \"debian\"?"]);
    assert_eq!(names(&project), ["debian"]);
    project.run(&["rootfs", "remove", "../debian"]).refused(&["cannot be the name of a root"]);
    project.run(&["rootfs", "remove"]).refused(&["missing"]);
    assert_eq!(names(&project), ["debian"]);
}

// Layer: the supervisor's lock on the directory of the root.
#[test]
fn a_root_in_which_a_run_is_stays() {
    let project = Project::new();
    outside(&project, &format!("mkdir tree; cp {} tree/sandbox; tar -cf tree.tar -C tree .", binary()));
    import(&project, "tree.tar", "debian").ok();
    // In the root is one program, ours: it waits for its stdin.
    let args = ["-p", "build", "--root", "debian", "--", "/sandbox", "rootfs", "import", "-", "--name", "x"];
    let mut running = start(&project, &args);
    let begun = Instant::now();
    let is_there =
        |payload| fs::read(format!("/proc/{payload}/cmdline")).is_ok_and(|line| line.starts_with(b"/sandbox\0"));
    while !children(running.id()).into_iter().flat_map(children).any(is_there) {
        assert!(begun.elapsed() < patience() && running.try_wait().unwrap().is_none(), "the run does not start");
    }
    project.run(&["rootfs", "remove", "debian"]).refused(&["\"debian\" is in use"]);
    drop(running.stdin.take());
    running.wait().unwrap();
    project.run(&["rootfs", "remove", "debian"]).ok();
}

#[test]
fn a_root_in_use_stays() {
    let project = Project::new();
    archive(&project);
    import(&project, "tree.tar", "debian").ok();
    let directory = File::open(store(&project).join("debian")).unwrap();
    let used = Flock::lock(directory, FlockArg::LockShared).unwrap();
    project.run(&["rootfs", "remove", "debian"]).refused(&["\"debian\" is in use", "End that run"]);
    assert_eq!(names(&project), ["debian"]);
    drop(used);
    project.run(&["rootfs", "remove", "debian"]).ok();
}

#[test]
fn nothing_is_deleted_through_a_link_and_no_permission_is_in_the_way() {
    let project = Project::new();
    archive(&project);
    import(&project, "tree.tar", "debian").ok();
    project.write("precious/file", "kept");
    let tree = store(&project).join("debian/tree");
    symlink(project.path().join("precious"), tree.join("link")).unwrap();
    symlink("/", tree.join("bin/root")).unwrap();
    outside(
        &project,
        &format!("cd {}; mkdir -p a/b/c; touch a/b/c/d; chmod 0 a/b/c a/b; chmod 0500 a; chmod 0555 .", tree.display()),
    );
    project.run(&["rootfs", "remove", "debian"]).ok();
    assert!(left(&project).is_empty() && project.read("precious/file") == "kept");
}

#[test]
fn no_tree_is_too_deep_to_be_removed() {
    let project = Project::new();
    archive(&project);
    import(&project, "tree.tar", "debian").ok();
    let tree = store(&project).join("debian/tree");
    let deep = "import os\nfor _ in range(3000):\n    os.mkdir('a-long-name-of-a-directory')\n    os.chdir('a-long-name-of-a-directory')";
    let mut python = project.outside("python3", &["-c", deep]);
    python.current_dir(&tree);
    finish(python).ok();
    project.run(&["rootfs", "export", "debian", "deep.tar"]).ok();
    project.run(&["rootfs", "remove", "debian"]).ok();
    assert!(left(&project).is_empty());
}
