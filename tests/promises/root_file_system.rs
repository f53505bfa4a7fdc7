//! `root:` and `--root`: a root file system in the place of the host's system.

use super::harness::{Project, copy_program, finish, root};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

const APPLETS: [&str; 14] =
    ["sh", "ls", "cat", "echo", "mkdir", "rm", "touch", "id", "mv", "dd", "ln", "mount", "readlink", "test"];

/// A root file system of nothing but a static busybox, in the project's home.
struct Small {
    project: Project,
    tree: PathBuf,
}

impl Small {
    #[track_caller]
    fn new() -> Self {
        let project = Project::new();
        let tree = project.home().join("small");
        fs::create_dir_all(tree.join("bin")).unwrap();
        copy_program("/bin/busybox", &tree.join("bin/busybox")); // of the package busybox-static
        for applet in APPLETS {
            // Absolute: it must lead into the root, not to the host's.
            symlink("/bin/busybox", tree.join("bin").join(applet)).unwrap();
        }
        Small { project, tree }
    }

    fn flags<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        [&["--root", self.tree.to_str().unwrap()], more].concat()
    }

    /// What the script prints in it; it must exit with 0.
    #[track_caller]
    fn inside(&self, more: &[&str], script: &str) -> String {
        self.project.shell(&self.flags(more), script).ok()
    }

    /// The names in it, on the host.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.tree).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

#[test]
fn one_of_a_static_busybox_alone_is_enough() {
    let small = Small::new();
    let printed =
        small.inside(&[], "cd /; echo *; cat /etc/hostname; id -u; readlink /bin/sh; echo $PATH; ls /dev/null");
    let home = small.project.home().components().nth(1).unwrap().as_os_str().to_str().unwrap();
    let names = ["bin", "dev", "etc", "proc", "run", "tmp", "var"];
    let mut names: Vec<_> = names.into_iter().chain([home]).collect();
    names.sort();
    names.dedup();
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    assert_eq!(printed, format!("{}\nsandbox\n0\n/bin/busybox\n{path}\n/dev/null", names.join(" ")));
}

#[test]
fn nothing_of_the_hosts_is_there() {
    let small = Small::new();
    let mounts = small.inside(&[], "cat /proc/self/mountinfo; ls -a /.. /../..");
    let places: Vec<_> = mounts.lines().filter_map(|line| line.split(' ').nth(4)).collect();
    assert_eq!(places.iter().filter(|place| **place == "/").count(), 1, "{mounts}");
    assert!(!mounts.contains("/sys") || mounts.contains("/proc/sys"), "{mounts}");
    assert!(!mounts.contains("boot") && !mounts.contains("usr"), "{mounts}");
    // The host's place of it is nobody's business.
    assert!(!mounts.contains("small"), "{mounts}");
}

#[test]
fn by_default_it_cannot_be_changed_and_nothing_is_made_in_it_on_the_host() {
    let small = Small::new();
    let said = small.inside(&[], "touch /x /bin/x 2>&1; rm /bin/ls 2>&1; mkdir /etc/x 2>&1; true");
    assert_eq!(said.matches("Read-only file system").count(), 4, "{said}");
    assert_eq!(small.names(), ["bin"]);
}

#[test]
fn a_layer_in_memory_is_writable_limited_and_gone_after_the_run() {
    let small = Small::new();
    let flags = ["--root-writable", "tmpfs", "--root-size", "1MiB"];
    let script = "touch /x /bin/y && rm /bin/mv && mkdir -p /a/b && mv /x /a/b/x 2>&1; ls /a /bin/y; \
                  dd if=/dev/zero of=/large bs=64k count=64 2>&1; test -e /bin/mv || echo gone; true";
    let printed = small.inside(&flags, script);
    assert!(printed.contains("/bin/y") && printed.contains("No space left") && printed.contains("gone"), "{printed}");
    assert_eq!(small.names(), ["bin"]);
    assert!(small.tree.join("bin/mv").is_symlink() && !small.tree.join("bin/y").exists());
    assert_eq!(small.inside(&flags, "ls /a 2>/dev/null; echo end"), "end");
}

// The layer's tmpfs has the attribute that says so of a directory since Linux 6.6.
#[test]
fn a_directory_of_it_can_be_replaced_in_the_layer() {
    let release = nix::sys::utsname::uname().unwrap().release().to_str().unwrap().to_owned();
    let mut version = release.split('.').map(|number| number.parse::<u32>().unwrap_or(0));
    let small = Small::new();
    fs::create_dir_all(small.tree.join("data/old")).unwrap();
    let replaced =
        small.project.shell(&small.flags(&["--root-writable", "tmpfs"]), "rm -r /data && mkdir /data && ls -A /data");
    match (version.next(), version.next()) {
        (Some(major), Some(minor)) if (major, minor) >= (6, 6) => assert_eq!(replaced.ok(), ""),
        _ => assert!(replaced.code() == 0 || replaced.stderr.contains("Input/output error"), "{replaced:?}"),
    }
    assert!(small.tree.join("data/old").is_dir());
}

#[test]
fn what_is_written_persistently_stays_and_belongs_to_the_caller() {
    let small = Small::new();
    small.inside(&["--root-writable", "persistent"], "mkdir /data && echo kept > /data/file && rm /bin/mv");
    assert_eq!(fs::read_to_string(small.tree.join("data/file")).unwrap(), "kept\n");
    assert!(!small.tree.join("bin/mv").is_symlink());
    use std::os::unix::fs::MetadataExt;
    let found = fs::metadata(small.tree.join("data/file")).unwrap();
    assert_eq!((found.uid(), found.gid()), (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw()));
    assert_eq!(small.inside(&[], "cat /data/file"), "kept");
}

#[test]
fn what_a_profile_says_of_a_layer_in_memory_is_nothing_to_a_later_one_that_wants_none() {
    let small = Small::new();
    small.project.write("layer.yaml", "extends: [default]\nroot: {writable: tmpfs, size: 1MiB}\n");
    let flags = ["-p", "./layer.yaml", "--root-writable", "persistent"];
    small.inside(&flags, "dd if=/dev/zero of=/large bs=64k count=64 2>/dev/null");
    assert!(small.tree.join("large").exists());
    small
        .project
        .shell(&small.flags(&[&flags[..], &["--root-size", "1M"]].concat()), "true")
        .refused(&["root.size is"]);
}

#[test]
fn made_up_files_are_not_written_into_one_that_keeps_what_is_written() {
    let small = Small::new();
    fs::create_dir(small.tree.join("etc")).unwrap();
    fs::write(small.tree.join("etc/hosts"), "its own\n").unwrap();
    fs::write(small.tree.join("etc/passwd"), "root:x:0:0:its own:/:/bin/sh\n").unwrap();
    let printed = small.inside(&["--root-writable", "persistent"], "cat /etc/passwd /etc/hosts /etc/hostname");
    assert!(printed.starts_with("root:x:0:0:its own") && printed.contains("127.0.0.1") && printed.ends_with("sandbox"));
    assert_eq!(fs::read_to_string(small.tree.join("etc/hosts")).unwrap(), "its own\n");
    assert!(!small.tree.join("etc/group").exists() && !small.tree.join("dev/null").exists());
}

#[test]
fn its_own_users_are_kept_and_missing_ones_made_up() {
    let small = Small::new();
    assert!(small.inside(&[], "cat /etc/passwd").starts_with("root:x:0:0:root:"));
    fs::create_dir(small.tree.join("etc")).unwrap();
    fs::write(small.tree.join("etc/passwd"), "root:x:0:0:its own:/:/bin/sh\n").unwrap();
    assert_eq!(small.inside(&[], "cat /etc/passwd"), "root:x:0:0:its own:/:/bin/sh");
}

#[test]
fn files_and_directories_are_injected_whether_it_has_their_place_or_not() {
    let small = Small::new();
    fs::create_dir_all(small.tree.join("etc")).unwrap();
    fs::write(small.tree.join("etc/motd"), "its own").unwrap();
    small.project.write("data/file", "from the project");
    for writable in ["no", "tmpfs", "persistent"] {
        let data = format!("{}:/opt/new/data", small.project.path().join("data").display());
        let flags = [
            "--root-writable",
            writable,
            "--mount",
            "{file: /etc/motd, content: injected}",
            "--mount",
            "{file: /srv/deep/new, content: made}",
            "--ro",
            &data,
            "--tmpfs",
            "/scratch:1MiB",
        ];
        let script = "cat /etc/motd /srv/deep/new /opt/new/data/file; echo; touch /scratch/x && echo written; \
                      for file in /etc/motd /srv/deep/new /opt/new/data/file; do echo x 2>/dev/null > $file || echo refused; done";
        let printed = small.inside(&flags, script);
        assert_eq!(printed, "injectedmadefrom the project\nwritten\nrefused\nrefused\nrefused", "{writable}");
        if writable != "persistent" {
            assert_eq!(small.names(), ["bin", "etc"], "{writable}");
        }
    }
    assert_eq!(fs::read_to_string(small.tree.join("etc/motd")).unwrap(), "its own");
}

#[test]
fn its_links_lead_into_it_and_not_to_the_host() {
    let small = Small::new();
    small.project.write("secret", "canary");
    symlink(small.project.path(), small.tree.join("project")).unwrap();
    symlink("/../../../../..", small.tree.join("above")).unwrap();
    symlink("/real", small.tree.join("etc")).unwrap();
    fs::create_dir(small.tree.join("real")).unwrap();
    let printed = small.inside(&["--unset", "${PWD}"], "cat /project/secret 2>&1; ls /above; cat /etc/hostname");
    assert!(!printed.contains("canary") && printed.ends_with("sandbox"), "{printed}");
    assert!(fs::read_dir(small.tree.join("real")).unwrap().next().is_none());
    let deep = format!("{}:/project/deep/x", small.project.path().display());
    small.inside(&["--unset", "${PWD}", "--ro", &deep], "cat /project/deep/x/secret");
    assert!(!small.project.path().join("deep").exists());
}

#[test]
fn a_path_of_it_can_be_hidden() {
    let small = Small::new();
    fs::create_dir(small.tree.join("etc")).unwrap();
    fs::write(small.tree.join("etc/key"), "canary").unwrap();
    for writable in ["no", "tmpfs", "persistent"] {
        let script = "cat /etc/key; mv /etc /etc2 && cat /etc2/key; rm -f /etc/key; cat /etc/key; true";
        let output = small.project.shell(&small.flags(&["--root-writable", writable, "--hide", "/etc/key"]), script);
        assert!(!output.ok().contains("canary"), "{writable}");
        assert!(output.stderr.contains("Permission denied"), "{}", output.stderr);
    }
}

// As an ordinary user this is a tree of an id that is not mapped.
#[test]
fn one_that_another_user_owns_can_be_used_too() {
    let project = Project::new();
    let printed = project.shell(&["--root", "/usr/"], "echo $0; cat /etc/hostname; ls -d /share /run").ok();
    assert_eq!(printed, "sh\nsandbox\n/run\n/share");
}

#[test]
fn what_the_user_names_of_the_hosts_system_is_shown_all_the_same() {
    let small = Small::new();
    assert!(small.project.shell(&small.flags(&[]), "test -e /usr").code() == 1);
    small.inside(&["--ro", "/usr/bin"], "test -e /usr/bin/env && ! test -e /usr/lib");
}

#[test]
fn every_built_in_profile_runs_in_one() {
    let small = Small::new();
    for profile in ["default", "build", "test", "rust", "python", "node", "agent", "shell", "strict"] {
        let printed =
            small.inside(&["-p", profile, "--cgroup", "prefer", "-q"], "test -e /usr || echo root of its own");
        assert_eq!(printed, "root of its own", "{profile}");
    }
}

#[test]
fn its_devices_do_not_work() {
    if !root() {
        // Who is no root cannot make one.
        return;
    }
    let small = Small::new();
    let node = small.tree.join("zero");
    nix::sys::stat::mknod(
        &node,
        nix::sys::stat::SFlag::S_IFCHR,
        nix::sys::stat::Mode::from_bits_truncate(0o666),
        nix::sys::stat::makedev(1, 5),
    )
    .unwrap();
    fs::set_permissions(&node, fs::Permissions::from_mode(0o666)).unwrap();
    for writable in ["no", "tmpfs", "persistent"] {
        let flags = small.flags(&["--root-writable", writable]);
        let output = small.project.shell(&flags, "dd if=/zero of=/dev/null bs=1 count=1");
        assert_eq!(output.code(), 1, "{writable}: {output:?}");
        output.says(&["Permission denied"]);
    }
}

#[test]
fn a_profile_names_one_beside_itself() {
    let small = Small::new();
    let profile = small.project.home().join("small.yaml");
    fs::write(&profile, "extends: [default]\nroot: {path: \"${PROFILE_DIR}/small\", writable: tmpfs, size: 2MiB}\n")
        .unwrap();
    let output = small.project.run(&["-p", profile.to_str().unwrap(), "--", "sh", "-c", "touch /x && echo $0"]);
    assert_eq!(output.ok(), "sh");
    let explained = small.project.run(&["explain", "-p", profile.to_str().unwrap(), "--", "sh"]).ok();
    assert!(explained.contains("root") && explained.contains("writes are in memory, 2MiB"), "{explained}");
    let json = small.project.run(&["explain", "--json", "-p", profile.to_str().unwrap(), "--", "sh"]).ok();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["root"]["writable"], "tmpfs");
    assert_eq!(json["mounts"][0]["kind"], "root");
}

#[test]
fn a_link_of_the_project_is_no_root() {
    let small = Small::new();
    symlink(&small.tree, small.project.path().join("link")).unwrap();
    let output = small.project.run(&["--root", "./link", "--", "sh"]);
    output.refused(&["link is a symbolic link to", "set by whoever wrote the tree"]);
}

#[test]
fn what_is_no_root_file_system_is_refused_with_what_to_do() {
    let project = Project::new();
    let home = project.home().to_str().unwrap().to_owned();
    project.write("archive.tar", "");
    let cases: [(&[&str], &[&str]); 11] = [
        (&["--root", "/"], &["/ is no root file system: the host's own files are in it"]),
        (&["--root", "/proc/self/root"], &["is no root file system"]),
        (&["--root", &home], &["is no root file system: the host's own files are in it"]),
        (&["--root", "./archive.tar"], &["is no directory", "sandbox rootfs import"]),
        (&["--root", "./nothing"], &["does not exist"]),
        (
            &["--root", "debian"],
            &["no root file system \"debian\" is imported", "sandbox rootfs import FILE --name debian"],
        ),
        (&["--root", "project name"], &["is no name of a root file system"]),
        (&["--root-writable", "tmpfs"], &["--root-writable: root.writable is of no use without a root", "--root NAME"]),
        (&["--root-size", "1M"], &["root.size is of no use without a root"]),
        (&["--root", "/usr/", "--root-size", "1M"], &["root.size is the room of root.writable: tmpfs"]),
        (&["--root", "/usr/", "--root-writable", "always"], &["no, tmpfs, persistent"]),
    ];
    for (flags, parts) in cases {
        project.run(&[flags, &["--", "true"]].concat()).refused(parts);
    }
}

#[test]
fn an_imported_one_is_found_by_its_name_and_a_wrong_name_offers_the_nearest() {
    let small = Small::new();
    finish(small.project.outside("tar", &["-C", small.tree.to_str().unwrap(), "-cf", "small.tar", "."])).ok();
    small.project.run(&["rootfs", "import", "-q", "small.tar", "--name", "small"]).ok();
    assert_eq!(small.project.shell(&["--root", "small"], "echo $0").ok(), "sh");
    small.project.run(&["--root", "smal", "--", "sh"]).refused(&["Did you mean \"small\"?"]);
    let mut elsewhere = small.project.sandbox(&["--root", "small", "--", "sh"]);
    elsewhere.env("XDG_DATA_HOME", "/nowhere");
    finish(elsewhere).refused(&["no root file system \"small\" is imported"]);
}

#[test]
fn two_runs_at_once_have_a_layer_each() {
    let small = Small::new();
    let flags = small.flags(&["--root-writable", "tmpfs"]);
    let script = "echo $$-$1 > /x; for i in 1 2 3 4 5 6 7 8 9; do cat /x; done";
    let run = |word: &str| {
        let mut command = small.project.sandbox(&[&flags[..], &["--", "sh", "-c", script, "sh", word]].concat());
        command.stdout(std::process::Stdio::piped()).spawn().unwrap()
    };
    let runs: Vec<_> = ["a", "b", "c", "d"].map(|word| (word, run(word))).into_iter().collect();
    for (word, run) in runs {
        let printed = String::from_utf8(run.wait_with_output().unwrap().stdout).unwrap();
        assert_eq!(printed.matches(&format!("-{word}")).count(), 9, "{printed}");
    }
}

#[test]
fn a_command_that_is_not_in_it_is_told_so() {
    let small = Small::new();
    let output = small.project.run(&small.flags(&["--", "python3"]));
    output.exits(127).says(&["python3 exists on the host but not in the root file system. Install it there"]);
    let output = small.project.run(&small.flags(&["--", "busibox"]));
    output.exits(127).says(&["Did you mean \"busybox\"?"]);
}

// What a run makes in one that keeps it, the next one finds.
#[test]
fn a_persistent_one_is_used_again_and_by_two_at_once() {
    let small = Small::new();
    fs::remove_file(small.tree.join("bin/ls")).unwrap();
    let flags = [
        "--root-writable",
        "persistent",
        "--mount",
        "{symlink: /lib, to: usr/lib}",
        "--ro",
        "/usr/bin",
        "--ro",
        "/usr/lib",
    ];
    for _ in 0..3 {
        small.inside(&flags, "test -e /usr/bin/env && test -d /lib/");
    }
    let other = ["--root-writable", "persistent", "--mount", "{symlink: /lib, to: elsewhere}"];
    small.project.shell(&small.flags(&other), "true").refused(&["/lib is in the root file system already"]);
    small.inside(&["--mount", "{symlink: /lib, to: elsewhere}"], "test $(readlink /lib) = elsewhere");
}

#[test]
fn what_is_the_sandboxs_own_in_a_persistent_one_cannot_be_changed() {
    let small = Small::new();
    let profile = small.tree.join("profile.yaml");
    let text = "extends: [default]\nroot: {path: \"${PROFILE_DIR}\", writable: persistent}\n";
    fs::write(&profile, text).unwrap();
    // Each of the trees has to come to its own place.
    small.project.write("one/file", "one");
    small.project.write("two/file", "two");
    let one = format!("{}:/one", small.project.path().join("one").display());
    let two = format!("{}:/two", small.project.path().join("two").display());
    let script = "echo x >> /profile.yaml; rm /profile.yaml; cat /one/file /two/file; echo y > /one/file; echo changed > /two/file";
    let flags = ["-p", profile.to_str().unwrap(), "--ro", &one, "--rw", &two];
    let output = small.project.shell(&flags, script);
    assert_eq!(output.text(), "onetwo");
    assert_eq!(fs::read_to_string(&profile).unwrap(), text);
    assert_eq!((small.project.read("one/file"), small.project.read("two/file")), ("one".into(), "changed\n".into()));
}

#[test]
fn a_parent_of_what_is_hidden_in_a_persistent_one_cannot_be_renamed() {
    let small = Small::new();
    fs::create_dir_all(small.tree.join("etc/secret")).unwrap();
    fs::write(small.tree.join("etc/secret/key"), "canary").unwrap();
    let flags = small.flags(&["--root-writable", "persistent", "--hide", "/etc/secret/key"]);
    let script = "mv /etc/secret /etc/moved || mv /etc /moved || echo stays";
    assert_eq!(small.project.shell(&flags, script).text(), "stays");
    assert!(small.tree.join("etc/secret/key").exists());
}

#[test]
fn one_that_others_can_reach_is_not_given_programs_with_power() {
    let small = Small::new();
    let flags = small.flags(&["--root-writable", "persistent", "--feature", "set_id_bits"]);
    fs::set_permissions(small.project.home(), fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(small.project.shell(&flags, "echo $0").ok(), "sh");
    fs::set_permissions(small.project.home(), fs::Permissions::from_mode(0o755)).unwrap();
    let refused = small.project.shell(&flags, "true");
    refused.refused(&["can be reached by other users", "features.set_id_bits", "chmod 700"]);
    small.inside(&["--root-writable", "tmpfs", "--feature", "set_id_bits"], "true");
}

#[test]
fn a_file_in_the_place_of_a_directory_is_told_or_gives_way() {
    let small = Small::new();
    fs::write(small.tree.join("etc"), "").unwrap();
    assert_eq!(small.inside(&[], "cat /etc/hostname"), "sandbox");
    fs::write(small.tree.join("proc"), "").unwrap();
    assert_eq!(small.inside(&[], "readlink /proc/self/cwd >/dev/null && echo works"), "works");
    let refused = small.project.shell(&small.flags(&["--root-writable", "persistent"]), "true");
    refused.refused(&["sandbox: /proc is no directory in the root file system, and one is needed there"]);
    assert!(!refused.stderr.contains("sandbox: sandbox"), "{}", refused.stderr);
}

// Init reads /proc by its name: a root file system must not lead it to what the command writes.
#[test]
fn a_link_in_the_place_of_proc_or_dev_gives_way() {
    for name in ["proc", "dev"] {
        let small = Small::new();
        fs::create_dir(small.tree.join("fake")).unwrap();
        symlink("/fake", small.tree.join(name)).unwrap();
        for writable in ["no", "tmpfs"] {
            let script = "ls /fake; readlink /proc /dev; test -e /proc/self/stat && test -c /dev/null && echo true";
            let output = small.project.shell(&small.flags(&["--root-writable", writable]), script);
            assert_eq!(output.ok(), "true", "{name} {writable}");
        }
        small.project.shell(&small.flags(&["--root-writable", "persistent"]), "true").refused(&["is no directory"]);
    }
}

#[test]
fn an_imported_one_is_named_by_its_name_alone() {
    let small = Small::new();
    finish(small.project.outside("tar", &["-C", small.tree.to_str().unwrap(), "-cf", "small.tar", "."])).ok();
    small.project.run(&["rootfs", "import", "-q", "small.tar", "--name", "small"]).ok();
    let path = small.project.home().join(".local/share/sandbox/roots/small/tree/");
    small.project.run(&["--root", path.to_str().unwrap(), "--", "sh"]).refused(&["--root NAME"]);
}
