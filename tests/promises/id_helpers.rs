//! `map: subordinate` where something is missing or broken: said with the remedy, and nothing is left. Each caller here is an
//! ordinary user; as root that of CI, for whom the helpers can be replaced.

use super::harness::{Project, binary, finish, patience, root};
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::process::Command;
use std::time::{Duration, Instant};

const RUN: [&str; 7] = ["-p", "build", "--map", "subordinate", "--pids", "unlimited", "--"];

/// The ordinary user of CI: name, uid and gid.
fn ordinary() -> Option<(String, u32, u32)> {
    let name = std::env::var("SANDBOX_CI_USER").unwrap_or_else(|_| "sandbox-ci".into());
    let user = nix::unistd::User::from_name(&name).unwrap()?;
    Some((name, user.uid.as_raw(), user.gid.as_raw()))
}

/// `sandbox` after this set-up, which owns the mounts, as an ordinary user; none where there is no such user.
fn started(project: &Project, set_up: &str, words: &[&str]) -> Option<Command> {
    if !root() {
        return Some(project.prepared(set_up, words));
    }
    let (name, uid, gid) = ordinary()?;
    chown(project.home(), Some(uid), Some(gid)).unwrap();
    chown(project.path(), Some(uid), Some(gid)).unwrap();
    let script = format!(
        "set -e\n{set_up}\nexport USER={name}\nexec setpriv --reuid {uid} --regid {gid} --clear-groups --inh-caps=-all \"$@\""
    );
    Some(project.outside("unshare", &[&["-m", "sh", "-c", &script, "sh", &binary()], words].concat()))
}

#[track_caller]
fn is_refused(set_up: &str, parts: &[&str]) {
    let project = Project::new();
    if let Some(command) = started(&project, set_up, &[&RUN[..], &["true"]].concat()) {
        finish(command).refused(parts);
    }
}

#[test]
fn without_a_range_the_file_and_the_command_that_helps_are_named() {
    for file in ["/etc/subuid", "/etc/subgid"] {
        let hide = format!("mount --bind /dev/null {file}");
        is_refused(
            &hide,
            &[&format!("{file} has no range of ids for "), "sudo usermod --add-subuids ", " --add-subgids "],
        );
    }
}

#[test]
fn a_helper_that_is_missing_is_named_with_its_package() {
    for helper in ["newuidmap", "newgidmap"] {
        let hide = format!("mount --bind /dev/null /usr/bin/{helper}");
        // In a user namespace of the test's own the other one is not root's any more.
        let only_here = root() || helper == "newuidmap";
        if only_here {
            is_refused(&hide, &[helper, "is in none of /usr/bin, ", "uidmap", "shadow-utils", "map: single"]);
        }
    }
}

#[test]
fn a_helper_without_more_rights_than_the_caller_is_refused() {
    if root() {
        let plain = &replaced("cat /usr/bin/newuidmap > new; chmod 755 new");
        is_refused(
            plain,
            &["/usr/bin/newuidmap", "neither set-uid nor has it capabilities", "chmod u+s /usr/bin/newuidmap"],
        );
        let nosuid = "mount --bind /usr/bin /usr/bin; mount -o remount,bind,nosuid /usr/bin";
        is_refused(nosuid, &["/usr/bin/newuidmap", "its file system is mounted nosuid"]);
    } else {
        // Root of the host has no id in the namespace of the set-up.
        is_refused("", &["/usr/bin/newuidmap", "it is not root's"]);
    }
}

#[test]
fn no_new_privs_of_the_caller_is_named() {
    if !root() {
        let project = Project::new();
        let binary = binary();
        let words = [&["--no-new-privs", &binary], &RUN[..], &["true"]].concat();
        finish(project.outside("setpriv", &words)).refused(&["no_new_privs", "NoNewPrivileges=no"]);
    }
}

/// A set-up with another program in the place of newuidmap, which a script makes as `new`; not in /tmp, which is often a mount without
/// set-user-id. Only root can make one that looks right.
fn replaced(make: &str) -> String {
    format!("mount -t tmpfs none /mnt; (cd /mnt; {make}); mount --bind /mnt/new /usr/bin/newuidmap")
}

/// The same with a shell script, which gains nothing by its set-user-id bit.
fn script(text: &str) -> String {
    replaced(&format!("printf '#!/bin/sh\\n%s\\n' '{text}' > new; chmod 4755 new"))
}

/// The same with a program that is root's, and sleeps for as many seconds as its arguments add up to.
fn sleeper() -> String {
    replaced("cat /usr/bin/sleep > new; chmod 4755 new")
}

#[test]
fn a_helper_that_fails_is_told_in_its_own_words() {
    if root() {
        is_refused(
            &script("printf \"\\033[31mno\\nway\" >&2; exit 1"),
            &["could not map the ids", "\\u{1b}[31mno\\nway", "/etc/subuid"],
        );
        is_refused(&script("exit 3"), &["/usr/bin/newuidmap could not map the ids: it exited with 3"]);
        is_refused(&script("kill -9 $$"), &["it was ended by signal 9"]);
        is_refused(&script("yes >&2"), &["could not map the ids: y\\ny"]);
        // It says that it did, and did not.
        is_refused(&script("exit 0"), &["mapping the ids"]);
    }
}

#[test]
fn a_helper_gets_nothing_of_the_caller_s() {
    if root() {
        let look = "{ env | grep -v ^PWD=; ls -l /proc/self/fd | grep -c -- \"->\"; cat; } >&2; exit 1";
        // Its three streams, and the descriptor of the list itself.
        is_refused(&script(look), &["could not map the ids: 4. "]);
    }
}

// Layer: the time that a helper has.
#[test]
fn a_helper_that_hangs_is_ended() {
    if root() {
        is_refused(&sleeper(), &["did not end within 10 s"]);
    }
}

/// The children of a process: proc_pid_task_children(5).
fn children(pid: u32) -> Vec<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

// Layers: init waits for a word that does not come any more; the alarm of a helper that no tie holds.
#[test]
fn a_supervisor_that_is_killed_while_a_helper_hangs_leaves_nothing() {
    if !root() {
        return;
    }
    let project = Project::new();
    let Some(mut command) = started(&project, &sleeper(), &[&RUN[..], &["true"]].concat()) else { return };
    let mut supervisor = command.spawn().unwrap();
    let until = Instant::now() + patience();
    let is_helper = |pid: &u32| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "newuidmap\n");
    let left = loop {
        let left = children(supervisor.id());
        if left.iter().any(is_helper) {
            break left;
        }
        assert!(Instant::now() < until && supervisor.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(5));
    };
    assert_eq!(left.len(), 2, "init and the helper");
    supervisor.kill().unwrap();
    supervisor.wait().unwrap();
    // A zombie waits only for whoever reaps orphans here.
    let lives = |pid: &u32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        !status.is_empty() && !status.contains("State:\tZ")
    };
    while left.iter().any(lives) {
        assert!(Instant::now() < until, "{left:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

// Layer: setgroups(2), which a single id cannot.
#[test]
fn the_caller_s_supplementary_groups_are_gone() {
    let Some((name, uid, gid)) = ordinary().filter(|_| root()) else { return };
    let project = Project::new();
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("file");
    fs::write(&file, "for the group").unwrap();
    fs::set_permissions(data.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    chown(&file, None, Some(4711)).unwrap();
    chown(project.home(), Some(uid), Some(gid)).unwrap();
    chown(project.path(), Some(uid), Some(gid)).unwrap();
    let data = format!("{}:/data", data.path().display());
    let run = |map: &str| {
        let ids = [uid.to_string(), gid.to_string()];
        let mut words = vec!["--reuid", &ids[0], "--regid", &ids[1], "--groups", "4711", "--inh-caps=-all"];
        let binary = binary();
        words.extend([&binary, "-p", "build", "--pids", "unlimited", "--map", map, "--ro", &data, "--"]);
        words.extend(["sh", "-c", "grep Groups /proc/self/status; cat /data/file"]);
        let mut command = project.outside("setpriv", &words);
        command.env("USER", &name);
        finish(command)
    };
    assert_eq!(run("single").ok(), "Groups:\t65534 \nfor the group");
    let without = run("subordinate");
    assert_eq!((without.code(), without.text().as_str()), (1, "Groups:"), "{without:?}");
}
