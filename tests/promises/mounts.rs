//! The root is a small read-only tmpfs, and every mount is what the profile says, as deep as it goes.

use super::harness::{Project, attack, feed, finish};
use std::fs;

// Layer: the root tmpfs itself.
#[test]
fn the_root_is_a_read_only_tmpfs_of_16_mib() {
    let project = Project::new();
    assert_eq!(
        project.inside("stat -f -c %T /; stat -f -c '%b*%S' / | { IFS='*' read b s; echo $((b*s)); }"),
        "tmpfs\n16777216"
    );
    project.shell(&["-p", "build"], "touch /x").exits(1).says(&["read-only file system"]);
    project.shell(&["-p", "build"], "mkdir /etc/x").exits(1).says(&["read-only file system"]);
}

// Layer: size= and nr_inodes= of each tmpfs.
#[test]
fn every_tmpfs_has_a_size_and_an_inode_limit() {
    let project = Project::new();
    let script = "stat -f -c '%b %S %c' /tmp \"$HOME\" /dev/shm | while read b s c; do echo $((b*s/1048576)) $c; done";
    assert_eq!(project.inside(script), "2048 524288\n1024 262144\n64 16384");
    // The project's own mount shows what it lies on, perhaps a /tmp without a size.
    let huge = project.inside("grep ' - tmpfs' /proc/self/mountinfo | grep -vF \" $PWD \" | grep -vc 'size='; true");
    assert_eq!(huge, "0", "a tmpfs without a size");
}

#[test]
fn a_full_tmpfs_is_enospc() {
    let project = Project::new();
    let full = project.shell(&["-p", "build", "--tmpfs", "/small:1MiB"], "head -c 2M /dev/zero > /small/x");
    full.says(&["no space left"]);
    assert_ne!(full.code(), 0);
}

// Layer: the read-only bind; Landlock would not stop chmod, utimes and setxattr.
#[test]
fn a_read_only_tree_cannot_be_changed_in_any_way() {
    let project = Project::new();
    project.write("tree/file", "as it was");
    project.write("tree/dir/other", "too");
    attack!(project, "write_forms");
    let before = finish(project.outside("ls", &["-lR", "--time-style=full-iso", "tree"])).ok();
    let tree = project.path().join("tree");
    let flags = ["-p", "build", "--ro", tree.to_str().unwrap()];
    let forms = project.shell(&flags, "./write_forms tree tree/file tree/dir").ok();
    let refused = ["EROFS", "EACCES", "EPERM", "EXDEV"];
    let done: Vec<_> = forms.lines().filter(|line| !refused.iter().any(|e| line.ends_with(e))).collect();
    assert!(done.is_empty() && forms.lines().count() > 15, "{forms}");
    assert!(forms.contains("chmod EROFS") && forms.contains("utimes EROFS"), "{forms}");
    assert_eq!(finish(project.outside("ls", &["-lR", "--time-style=full-iso", "tree"])).ok(), before);
    assert_eq!(project.read("tree/file"), "as it was");
}

// Layer: MOUNT_ATTR_RDONLY with AT_RECURSIVE. The submount lives in a private mount namespace.
#[test]
fn read_only_holds_for_mounts_below_the_source() {
    let project = Project::new();
    project.write("tree/sub/.keep", "");
    let tree = project.path().join("tree");
    let args =
        ["-p", "build", "--ro", tree.to_str().unwrap(), "--", "sh", "-c", "cat tree/sub/there; echo x > tree/sub/new"];
    // Not a tmpfs: before Linux 6.3 it cannot be id-mapped, and root is told so.
    project.write("../other/there", "there");
    let output = finish(project.prepared("mount --bind ../other tree/sub", &args));
    assert_eq!(output.text(), "there", "{}", output.stderr);
    assert!(output.stderr.contains("Read-only file system"), "{}", output.stderr);
}

// Layer: private propagation before binding. bwrap shows the late mount, writable.
#[test]
fn a_mount_made_on_the_host_after_the_start_does_not_appear() {
    let project = Project::new();
    project.write("tree/late/.keep", "");
    for fifo in ["tree/started", "tree/mounted"] {
        nix::unistd::mkfifo(&project.path().join(fifo), nix::sys::stat::Mode::S_IRWXU).unwrap();
    }
    // The tree is a shared mount (in a namespace of its own), so that only our own doing keeps the late mount out.
    let setup = "mount --bind tree tree; mount --make-shared tree; cd tree
        { read x < started; mount -t tmpfs t late; echo secret > late/secret; echo go > mounted; } &";
    let script = "echo go > started; read x < mounted; ls -A late";
    let output = finish(project.prepared(setup, &["-p", "build", "--", "sh", "-c", script]));
    assert_eq!(output.ok(), ".keep");
}

// The other way round: on a host whose mounts are shared, as systemd makes them, none of ours may come out. Under root
// the trees are cloned outside; as members of the host's peer group they would carry every mount below them there.
#[test]
fn no_mount_of_the_sandbox_appears_on_the_host() {
    let project = Project::new();
    project.write("a/b/locked/file", "");
    for fifo in ["started", "seen"] {
        nix::unistd::mkfifo(&project.path().join(fifo), nix::sys::stat::Mode::S_IRWXU).unwrap();
    }
    let setup = "mount --make-rshared /
        { read x < started; cut -d' ' -f5 /proc/self/mountinfo > during; echo go > seen; } &";
    let script = "echo go > started; read x < seen; cut -d' ' -f5 /proc/self/mountinfo";
    let args = ["-p", "build", "--ro", "a/b/locked", "--", "sh", "-c", script];
    let inside = finish(project.prepared(setup, &args)).ok();
    let locked = project.path().join("a/b/locked");
    assert!(inside.contains(locked.to_str().unwrap()), "{inside}");
    assert!(!project.read("during").contains(project.path().to_str().unwrap()), "{}", project.read("during"));
}

// Layer: nosuid, nodev on the whole tree.
#[test]
fn every_mount_is_nosuid_and_nodev_but_for_devices() {
    let project = Project::new();
    let mounts = project.inside("cut -d' ' -f5,6 /proc/self/mountinfo");
    for line in mounts.lines() {
        assert!(line.contains("nosuid"), "{line}");
        assert!(line.contains("nodev") || line.starts_with("/dev/"), "{line}");
    }
}

#[test]
fn noexec_of_a_mount_holds() {
    let project = Project::new();
    project.program("tools/run", "#!/bin/sh\necho ran\n");
    project.write("p.yaml", "extends: [build]\nmounts:\n  - ro: ${PWD}/tools\n    noexec: true\n");
    assert_eq!(project.inside("./tools/run"), "ran");
    project.shell(&["-p", "./p.yaml"], "./tools/run").exits(126).says(&["permission denied"]);
}

// FIELD: bwrap leaves stub files and mount points behind; DESIGN: never on the host.
#[test]
fn nothing_is_created_on_the_host() {
    let project = Project::new();
    project.write("a/file", "");
    let list = || finish(project.outside("find", &[project.home().to_str().unwrap(), "-printf", "%p %m %T@\n"])).ok();
    let before = list();
    let a = project.path().join("a");
    project.write("../data", "d");
    let flags = ["-p", "default", "--tmpfs", "/new/deep/dir:1MiB", "--ro", &format!("{}:/opt/x/y", a.display())];
    fs::remove_file(project.home().join("data")).unwrap();
    let stamp = list();
    project.shell(&flags, "ls /new/deep/dir /opt/x/y/file > /dev/null").ok();
    assert_eq!(list(), stamp);
    assert_ne!(before, "");
}

#[test]
fn a_mount_point_missing_in_a_bound_tree_is_an_error_and_not_created() {
    let project = Project::new();
    for (kind, flags) in [("ro", ["-p", "default"]), ("rw", ["-p", "build"])] {
        let missing = format!("{}/missing/here:1MiB", project.path().display());
        let output = project.run(&[&flags[..], &["--tmpfs", &missing, "--", "true"]].concat());
        output.refused(&["missing"]);
        assert!(!project.path().join("missing").exists(), "created below an {kind} tree");
    }
}

// Layer: destinations by openat2 with RESOLVE_IN_ROOT: links inside the new root work, none leads out.
#[test]
fn a_destination_below_a_symbolic_link_of_the_root_works() {
    let project = Project::new();
    project.write("data/file", "through the link");
    let profile = "extends: [build]\nmounts:\n  - tmpfs: /run\n  - symlink: /var/run\n    to: /run\n  - ro: ${PWD}/data\n    at: /var/run/data\n";
    project.write("p.yaml", profile);
    assert_eq!(project.shell(&["-p", "./p.yaml"], "cat /run/data/file").ok(), "through the link");
}

#[test]
fn a_planted_link_at_a_destination_does_not_write_outside() {
    let project = Project::new();
    std::os::unix::fs::symlink(project.home().join("made"), project.path().join("trap")).unwrap();
    let trap = format!("{}:1MiB", project.path().join("trap").display());
    let output = project.run(&["-p", "build", "--tmpfs", &trap, "--", "true"]);
    output.refused(&["trap"]);
    assert!(!project.home().join("made").exists());
}

// PROFILE rule 1: the order written does not matter; the nearest destination wins.
#[test]
fn a_writable_directory_in_a_read_only_project_in_either_order() {
    let project = Project::new();
    project.write("target/.keep", "");
    let (pwd, target) = (project.path().to_str().unwrap(), project.path().join("target"));
    let target = target.to_str().unwrap();
    for flags in [["--ro", pwd, "--rw", target], ["--rw", target, "--ro", pwd]] {
        let flags = [&["-p", "build"], &flags[..]].concat();
        let script = "touch target/x && rm target/x && ! touch ./y 2>/dev/null && echo narrowed";
        assert_eq!(project.shell(&flags, script).ok(), "narrowed");
    }
}

#[test]
fn a_made_up_file_has_its_content_and_cannot_be_written() {
    let project = Project::new();
    project.write("p.yaml", "extends: [build]\nmounts:\n  - file: /etc/made\n    content: \"hello\\n\"\n");
    let output = project.shell(&["-p", "./p.yaml"], "cat /etc/made; echo x > /etc/made");
    assert_eq!(output.text(), "hello");
    assert_ne!(output.code(), 0);
}

#[test]
fn a_project_below_tmp_is_not_hidden_by_the_sandboxs_own_tmp() {
    let project = Project::new();
    project.write("here", "yes\n");
    assert!(project.path().starts_with(std::env::temp_dir()));
    assert_eq!(project.inside("cat here; ls -A /tmp | wc -l"), "yes\n1");
}

#[test]
fn files_written_in_the_project_are_there_afterwards_and_the_callers() {
    use std::os::unix::fs::MetadataExt;
    let project = Project::new();
    let output = feed(project.sandbox(&["-p", "build", "--", "tee", "out/../new"]), b"");
    assert_ne!(output.code(), 0, "out does not exist");
    project.inside("mkdir out && echo made > out/new");
    assert_eq!(project.read("out/new"), "made\n");
    let owner = fs::metadata(project.path().join("out/new")).unwrap().uid();
    assert_eq!(owner, nix::unistd::geteuid().as_raw());
}

// To tmpfs(5) a limit of 0 is none at all.
#[test]
fn a_limit_of_0_on_a_tmpfs_is_refused() {
    let project = Project::new();
    project.shell(&["--tmpfs", "/big:0"], "true").refused(&["size of 0"]);
    project.shell(&["--mount", "{tmpfs: /many, inodes: 0}"], "true").refused(&["0 inodes"]);
}
