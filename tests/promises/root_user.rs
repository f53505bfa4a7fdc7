//! Started by host root, the command still is not: its id is a high unprivileged one, and the files of root that it
//! may write are mapped to it. Each test is empty for an ordinary user: CI runs all of them as root too.

use super::harness::{Project, root};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

/// The id outside that 0 inside stands for.
fn outside_id(project: &Project, file: &str) -> u32 {
    project.inside(&format!("cat /proc/self/{file}")).split_whitespace().nth(1).unwrap().parse().unwrap()
}

// Layer: the map written by the supervisor.
#[test]
fn uid_0_inside_is_a_high_unprivileged_id_outside() {
    if root() {
        let project = Project::new();
        assert!(outside_id(&project, "uid_map") >= 65536 && outside_id(&project, "gid_map") >= 65536);
    }
}

#[test]
fn two_runs_do_not_share_an_id() {
    if root() {
        let project = Project::new();
        let script = format!("{} -p build -- sh -c 'cat /proc/self/uid_map; sleep 1'", super::harness::binary());
        let both = format!("({script}) & ({script}) & wait");
        let output = super::harness::finish(project.outside("sh", &["-c", &both])).ok();
        let ids: Vec<_> = output.lines().map(|line| line.split_whitespace().nth(1).unwrap()).collect();
        assert!(ids.len() == 2 && ids[0] != ids[1], "{output}");
    }
}

// KERNEL 6f: as host uid 0 without any capability this file can be read.
#[test]
fn a_0600_file_of_root_cannot_be_read() {
    if root() {
        let project = Project::new();
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("secret");
        fs::write(&file, "canary").unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let ro = format!("{}:/data", dir.path().display());
        // A tree of the profile that is not the project is shown as it is, not mapped.
        let script =
            "test -e /data/secret && test -e /host-etc/shadow && echo there; cat /data/secret /host-etc/shadow";
        let output = project.shell(&["-p", "build", "--ro", "/etc:/host-etc", "--ro", &ro], script);
        assert_eq!((output.code(), output.text().as_str()), (1, "there"), "{output:?}");
    }
}

// Layer: id-mapped mounts.
#[test]
fn the_project_of_root_can_be_written_and_its_files_come_out_roots() {
    if root() {
        let project = Project::new();
        project.write("private", "mine\n");
        fs::set_permissions(project.path().join("private"), fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(
            project
                .inside("cat private; stat -c %u:%g private; echo x > new; mkdir dir; ln private hard; stat -c %u new"),
            "mine\n0:0\n0"
        );
        for name in ["new", "dir", "hard"] {
            let meta = fs::metadata(project.path().join(name)).unwrap();
            assert_eq!((meta.uid(), meta.gid()), (0, 0), "{name}");
        }
    }
}

#[test]
fn a_file_of_another_user_in_the_project_stays_his() {
    if root() {
        let project = Project::new();
        let file = project.write("his", "x");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        std::os::unix::fs::chown(&file, Some(12345), Some(12345)).unwrap();
        let output = project.shell(&["-p", "build"], "cat his; chmod 666 his; chown 0 his");
        assert_ne!(output.code(), 0);
        assert_eq!((output.text().as_str(), fs::metadata(&file).unwrap().uid()), ("", 12345));
    }
}

// uid 0 of the host needs no capability for these: ownership is enough.
#[test]
fn the_settings_of_the_kernel_are_not_roots_to_write() {
    if root() {
        let project = Project::new();
        let before = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap();
        let output = project.shell(&["-p", "build", "--ro", "/proc/sys/kernel:/k"], "echo '|/x' > /k/core_pattern");
        assert_ne!(output.code(), 0);
        assert_eq!(fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap(), before);
    }
}

// RLIMIT_NPROC does not bind host uid 0: mapped to another id it does.
#[test]
fn the_process_limit_binds_under_root_too() {
    if root() {
        let output = Project::new()
            .shell(&["-p", "build", "--pids", "10"], "for i in $(seq 50); do sleep 5 & done; jobs | wc -l");
        assert_ne!(output.text(), "50");
    }
}

#[test]
fn outside_caller_is_a_flag_and_is_marked() {
    if root() {
        let project = Project::new();
        project.write("p.yaml", "extends: [build]\nuser: {outside: caller}\n");
        project.run(&["-p", "./p.yaml", "--", "true"]).refused(&["outside"]);
        let flags = ["-p", "build", "--outside", "caller", "--cgroup", "prefer", "--report", "r.json"];
        let output = project.shell(&flags, "cat /proc/self/uid_map");
        assert_eq!(output.ok().split_whitespace().collect::<Vec<_>>(), ["0", "0", "1"]);
        let report = project.report();
        assert_eq!(report["layers"]["uid"]["outside"], 0);
        assert_ne!(report["degraded"].as_array().unwrap().len(), 0, "{report}");
    }
}

// A rlimit does not hold it: without a cgroup the limit of the profile would be a word only.
#[test]
fn the_process_limit_of_host_root_needs_a_cgroup() {
    if root() {
        let run = |pids| {
            Project::new().run(&["-p", "build", "--outside", "caller", "--cgroup", "off", "--pids", pids, "--", "true"])
        };
        run("10").refused(&["limits.pids needs a cgroup"]);
        run("unlimited").exits(0);
    }
}

// git refuses a tree that belongs to someone else.
#[test]
fn git_works_in_a_project_of_root() {
    if root() {
        let project = Project::new();
        let script =
            "git init -q . && git -c user.name=a -c user.email=b commit -q --allow-empty -m x && git log --format=%s";
        assert_eq!(project.inside(script), "x");
        assert_eq!(project.shell(&["-p", "default"], "git log --format=%s").ok(), "x");
    }
}

// The run's id may not search it, to cover the socket there; nor may the command, to reach it.
#[test]
fn a_socket_in_a_private_directory_of_roots_is_no_obstacle() {
    if root() {
        let project = Project::new();
        let granted = tempfile::tempdir().unwrap();
        fs::set_permissions(granted.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let private = granted.path().join("private");
        fs::create_dir(&private).unwrap();
        fs::set_permissions(&private, fs::Permissions::from_mode(0o700)).unwrap();
        let _listener = std::os::unix::net::UnixListener::bind(private.join("daemon")).unwrap();
        let ro = format!("{}:/granted", granted.path().display());
        let output = project.shell(&["-p", "build", "--ro", &ro], "ls /granted; ls /granted/private/daemon");
        assert_eq!((output.code(), output.text().as_str()), (2, "private"), "{output:?}");
        assert!(output.stderr.contains("Permission denied"), "{output:?}");
    }
}
