//! Where roots lie, and who is kept out of there.

use super::super::harness::{Project, finish, root};
use super::{archive, import, left, list, names, outside, store};
use std::fs;
use std::os::unix::fs::PermissionsExt;

fn with_data_home(project: &Project, value: &str) -> std::process::Command {
    let mut command = project.sandbox(&["rootfs", "import", "tree.tar", "--name", "debian"]);
    command.env("XDG_DATA_HOME", value);
    command
}

#[test]
fn the_data_directory_is_where_xdg_says_unless_that_is_relative() {
    let project = Project::new();
    archive(&project);
    let data = project.home().join("data");
    finish(with_data_home(&project, data.to_str().unwrap())).ok();
    assert!(data.join("sandbox/roots/debian/tree/bin/hello").exists() && left(&project).is_empty());
    finish(with_data_home(&project, "data")).ok();
    assert!(!project.path().join("data").exists());
    assert_eq!(left(&project), ["debian"]);
    let mut homeless = project.sandbox(&["rootfs", "list"]);
    finish({
        homeless.env_remove("HOME");
        homeless
    })
    .refused(&["HOME is not set"]);
}

#[test]
fn a_home_that_cannot_be_written_is_told() {
    let project = Project::new();
    archive(&project);
    let home = project.home().display();
    let read_only = format!("mount --bind {home} {home}; mount -o remount,ro,bind {home}; cd {home}/project");
    let output = finish(project.prepared(&read_only, &["rootfs", "import", "tree.tar", "--name", "x"]));
    output.refused(&["cannot be used", "Read-only file system", "XDG_DATA_HOME"]);
    if !root() {
        fs::set_permissions(project.home(), fs::Permissions::from_mode(0o555)).unwrap();
        import(&project, "tree.tar", "x").refused(&["cannot be used", "Permission denied", "XDG_DATA_HOME"]);
        fs::set_permissions(project.home(), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let output = project.run(&["rootfs", "list"]);
    assert_eq!(output.ok(), "", "there is nothing to list, and nothing is made for that");
    assert!(!project.home().join(".local").exists());
}

// As root the kernel must know id-mapped mounts of tmpfs, which the older ones do not.
#[test]
fn a_full_disk_leaves_nothing() {
    if root() {
        return;
    }
    let project = Project::new();
    outside(&project, "mkdir tree; head -c 8M /dev/urandom > tree/file; tar -cf tree.tar -C tree .");
    fs::create_dir(project.home().join(".local")).unwrap();
    let local = project.home().join(".local");
    let small = format!("mount -t tmpfs -o size=2M,mode=0755 none {}", local.display());
    let ls =
        format!("{small}\n\"$1\" rootfs import tree.tar --name x || echo code $?\nfind {} ; exit", local.display());
    let output = finish(project.prepared(&ls, &[]));
    output.says(&["No space left on device"]);
    let found = output.ok();
    assert!(found.starts_with("code 125") && found.ends_with("sandbox/roots"), "{found}");
    let piped = ls.replace("tree.tar --name", "- < tree.tar --name");
    let output = finish(project.prepared(&piped, &[]));
    output.says(&["No space left on device", "Make room"]);
    assert!(output.ok().ends_with("sandbox/roots"));
}

// Under host root alone files are given to another id than the caller's own.
#[test]
fn as_root_a_file_system_that_cannot_be_id_mapped_is_told() {
    if !root() {
        return;
    }
    let project = Project::new();
    archive(&project);
    let home = project.home().display();
    let overlay = format!(
        "mkdir {home}/low {home}/up {home}/work {home}/.local
        mount -t overlay none -o lowerdir={home}/low,upperdir={home}/up,workdir={home}/work {home}/.local"
    );
    let output = finish(project.prepared(&overlay, &["rootfs", "import", "tree.tar", "--name", "x"]));
    output.refused(&["cannot be id-mapped", "XDG_DATA_HOME"]);
    assert!(!output.stderr.contains("--outside"), "{}", output.stderr);
}

#[test]
fn broken_entries_are_told_and_those_that_were_imported_can_be_removed() {
    let project = Project::new();
    archive(&project);
    import(&project, "tree.tar", "good").ok();
    let store = store(&project);
    fs::create_dir(store.join("empty")).unwrap();
    fs::write(store.join("file"), "").unwrap();
    fs::create_dir_all(store.join("text/tree")).unwrap();
    fs::write(store.join("text/root.json"), "{").unwrap();
    std::os::unix::fs::symlink("good", store.join("link")).unwrap();
    let why: Vec<String> =
        list(&project).iter().map(|root| root["broken"].as_str().unwrap_or_default().to_owned()).collect();
    assert_eq!(names(&project), ["empty", "file", "good", "link", "text"]);
    assert_eq!((why[0].as_str(), why[1].as_str(), why[2].as_str()), ("it has no tree", "it is no directory", ""));
    assert!(why[3] == "it is no directory" && why[4].starts_with("its root.json cannot be read"), "{why:?}");
    assert!(project.run(&["rootfs", "list"]).ok().contains("broken: it has no tree"));
    project.run(&["rootfs", "export", "text", "x.tar"]).refused(&["broken", "sandbox rootfs remove text"]);
    fs::create_dir(store.join("half")).unwrap();
    fs::write(store.join("half/root.json"), "").unwrap();
    project.run(&["rootfs", "remove", "text", "half"]).ok();
    assert_eq!(left(&project), ["empty", "file", "good", "link"]);
}

#[test]
fn what_was_never_imported_is_not_deleted() {
    let project = Project::new();
    archive(&project);
    import(&project, "tree.tar", "good").ok();
    let store = store(&project);
    fs::create_dir(store.join("Documents")).unwrap();
    fs::write(store.join("Documents/letter"), "").unwrap();
    fs::write(store.join("file"), "").unwrap();
    std::os::unix::fs::symlink("good", store.join("link")).unwrap();
    for name in ["Documents", "file", "link"] {
        project.run(&["rootfs", "remove", name]).refused(&["no root that was imported", "yourself", name]);
    }
    assert_eq!(left(&project), ["Documents", "file", "good", "link"]);
    assert!(store.join("Documents/letter").exists());
}

#[test]
fn a_place_that_somebody_else_can_turn_elsewhere_is_refused_before_anything_is_made() {
    let project = Project::new();
    archive(&project);
    let data = project.home().join("shared/data");
    fs::create_dir_all(&data).unwrap();
    let import = || finish(with_data_home(&project, data.to_str().unwrap()));
    fs::set_permissions(project.home().join("shared"), fs::Permissions::from_mode(0o777)).unwrap();
    import().refused(&["shared can be changed by somebody else", "chmod go-w"]);
    assert_eq!(fs::read_dir(&data).unwrap().count(), 0);
    fs::set_permissions(project.home().join("shared"), fs::Permissions::from_mode(0o1777)).unwrap();
    import().ok();
    // What was there before is neither listed, nor run in, nor removed.
    fs::set_permissions(&data, fs::Permissions::from_mode(0o757)).unwrap();
    for args in [&["rootfs", "list"][..], &["rootfs", "remove", "debian"], &["--root", "debian", "--", "/bin/hello"]] {
        let mut command = project.sandbox(args);
        command.env("XDG_DATA_HOME", &data);
        finish(command).refused(&["data can be changed by somebody else"]);
    }
    assert!(data.join("sandbox/roots/debian/tree").exists());
}

#[test]
fn as_root_another_user_s_home_is_no_place() {
    if !root() {
        return;
    }
    let project = Project::new();
    archive(&project);
    std::os::unix::fs::chown(project.home(), Some(1000), Some(1000)).unwrap();
    import(&project, "tree.tar", "debian").refused(&["belongs to uid 1000", "sudo -H"]);
    assert!(!project.home().join(".local").exists());
    std::os::unix::fs::chown(project.home(), Some(0), Some(0)).unwrap();
}

// Layer: hides, made by the plan for the directory of the roots.
#[test]
fn no_run_is_shown_the_roots() {
    let project = Project::new();
    archive(&project);
    import(&project, "tree.tar", "debian").ok();
    let home = project.home().to_str().unwrap();
    let tree = store(&project).join("debian/tree");
    let script = format!("cat {}/etc/passwd", tree.display());
    for flags in [&["--ro", home][..], &["--rw", &format!("{home}/.local")]] {
        let output = project.shell(&[&["-p", "build", "--unset", home], flags].concat(), &script);
        assert!(output.code() == 1 && output.stderr.contains("Permission denied"), "{flags:?}: {output:?}");
    }
    for (flag, path) in [("--ro", tree.as_path()), ("--rw", tree.as_path()), ("--ro", store(&project).as_path())] {
        let flags = [flag, path.to_str().unwrap()];
        project.shell(&[&["-p", "build"], &flags[..]].concat(), "true").refused(&["imported roots", "--root NAME"]);
    }
}
