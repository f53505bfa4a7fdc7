//! What was not named is not there: the host's files, and what the profile hides or carves out.

use super::harness::{Project, finish};
use std::fs;

// Layer: the tmpfs root with explicit binds: ENOENT, not EACCES, since the file is not there.
#[test]
fn a_secret_in_the_home_directory_is_not_there() {
    let project = Project::new();
    project.write("../.ssh/id", "PRIVATE KEY");
    let path = project.home().join(".ssh/id");
    let output = project.shell(&["-p", "build"], &format!("cat {}", path.display()));
    output.exits(1).says(&["no such file"]);
    let found = project.shell(&["-p", "build"], "grep -rs 'PRIVATE KE[Y]' \"$HOME\" /tmp /etc /run /var; true");
    assert_eq!(found.text(), "");
}

#[test]
fn home_is_an_empty_tmpfs_at_the_callers_own_path() {
    let project = Project::new();
    let home = project.home().to_str().unwrap();
    assert_eq!(
        project.inside("echo $HOME; ls -A $HOME; touch $HOME/x && echo writable"),
        format!("{home}\nproject\nwritable")
    );
    assert!(!project.home().join("x").exists());
}

#[test]
fn only_the_expected_names_are_in_the_root() {
    let names = Project::new().inside("ls -A /");
    let known = [
        "bin", "dev", "etc", "home", "lib", "lib32", "lib64", "libx32", "nix", "opt", "proc", "root", "run", "sbin",
        "tmp", "usr", "var",
    ];
    let strange: Vec<_> = names.lines().filter(|name| !known.contains(name)).collect();
    assert!(strange.is_empty(), "{strange:?}");
}

// PROFILE: /etc is never bound whole; passwd and group agree with the ids.
#[test]
fn etc_is_made_up_and_holds_no_account_of_the_host() {
    let project = Project::new();
    assert_eq!(
        project.inside("ls /etc/shadow /etc/gshadow /etc/machine-id /etc/sudoers /etc/ssh 2>/dev/null | wc -l"),
        "0"
    );
    let passwd = project
        .shell(&["-p", "test"], "cut -d: -f1 /etc/passwd; getent passwd $(id -u) > /dev/null && echo known")
        .ok();
    assert!(passwd.ends_with("known") && passwd.lines().count() <= 4, "{passwd}");
    assert_eq!(project.inside("getent hosts localhost > /dev/null && echo yes; cat /etc/resolv.conf"), "yes");
}

#[test]
fn without_a_profile_the_project_is_there_read_only() {
    let project = Project::new();
    project.write("file", "seen");
    let output = project.run(&["--", "sh", "-c", "cat file; touch new"]);
    assert_eq!(output.text(), "seen");
    assert!(output.stderr.contains("Read-only file system"), "{}", output.stderr);
    assert!(!project.path().join("new").exists());
}

// Layer: a cover of mode 0; PROFILE rule 7.
#[test]
fn a_hidden_file_or_directory_is_permission_denied() {
    let project = Project::new();
    project.write(".env", "TOKEN=canary");
    project.write("keys/a", "canary");
    let (env, keys) = (project.path().join(".env"), project.path().join("keys"));
    let flags = ["-p", "test", "--hide", env.to_str().unwrap(), "--hide", keys.to_str().unwrap()];
    for script in ["cat .env", "cat keys/a", "ls keys", "echo x > .env"] {
        let output = project.shell(&flags, script);
        assert_ne!(output.code(), 0, "{script}");
        assert!(output.stderr.contains("denied") || output.stderr.contains("Read-only"), "{}", output.stderr);
        assert!(!output.text().contains("canary"));
    }
    assert_eq!(project.read(".env"), "TOKEN=canary");
}

// The same as uid 0 inside: no capability overrides mode 0.
#[test]
fn a_hidden_file_is_closed_to_uid_0_too() {
    let project = Project::new();
    project.write(".env", "canary");
    let env = project.path().join(".env");
    let output = project.shell(&["-p", "build", "--hide", env.to_str().unwrap()], "chmod 644 .env; cat .env");
    assert_ne!(output.code(), 0);
    assert!(!output.text().contains("canary"));
}

#[test]
fn a_star_hides_every_match_within_one_component() {
    let project = Project::new();
    for name in [".env", ".env.local", ".environment", "sub/.env", "env"] {
        project.write(name, "canary");
    }
    project.write("p.yaml", "extends: [build]\nmounts:\n  - hide: \"${PWD}/.env*\"\n");
    let script =
        "for f in .env .env.local .environment sub/.env env; do cat $f > /dev/null 2>&1 && echo $f; done; true";
    assert_eq!(project.shell(&["-p", "./p.yaml"], script).ok(), "sub/.env\nenv");
}

// PROFILE rule 3: a carve-out cannot be moved away and replaced.
#[test]
fn a_parent_of_a_carve_out_cannot_be_renamed() {
    let project = Project::new();
    project.write("a/b/locked/file", "as it was");
    let locked = project.path().join("a/b/locked");
    let flags = ["-p", "build", "--ro", locked.to_str().unwrap()];
    for (what, to) in [("a", "c"), ("a/b", "a/c"), ("a/b", "c"), ("a/b/locked", "a/b/c")] {
        let output = project.shell(&flags, &format!("python3 -c \"import os; os.rename('{what}', '{to}')\""));
        assert_ne!(output.code(), 0, "{what} was renamed to {to}");
        assert!(output.stderr.contains("busy") || output.stderr.contains("cross-device"), "{}", output.stderr);
    }
    let output = project.shell(&flags, "touch a/new a/b/new; echo x > a/b/locked/file");
    assert!(output.stderr.contains("Read-only file system"), "{}", output.stderr);
    assert_eq!(project.read("a/b/locked/file"), "as it was");
    assert!(project.path().join("a/b/new").exists(), "the rest of the tree is writable");
}

// PROFILE rule 3: `optional` and absent is watched.
#[test]
fn a_protected_path_that_appears_is_told() {
    let project = Project::new();
    project.write("p.yaml", "extends: [build]\nmounts:\n  - ro: ${PWD}/.github\n    optional: true\n");
    let quiet = project.shell(&["-p", "./p.yaml"], "true");
    assert_eq!((quiet.ok().as_str(), quiet.stderr.as_str()), ("", ""));
    let output = project.shell(&["-p", "./p.yaml", "--report", "r.json"], "mkdir .github; touch .github/x");
    output.exits(0).says(&["sandbox: ", ".github"]);
    let report = project.report();
    assert!(report["protected_created"].to_string().contains(".github"), "{report}");
}

// rename(2) over a mount point of another mount namespace is allowed, and takes the mount off.
#[test]
fn a_protected_file_that_the_host_replaces_during_the_run_is_told() {
    let project = Project::new();
    project.write(".env", "one");
    let flags = ["-p", "build", "--hide", ".env", "--report", "r.json"];
    let quiet = project.shell(&flags, "true");
    assert_eq!((quiet.ok().as_str(), quiet.stderr.as_str()), ("", ""));
    let script = "touch ready; until [ -e replaced ]; do sleep 0.02; done";
    let mut command = project.sandbox(&[&flags[..], &["--", "sh", "-c", script]].concat());
    let child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mine = |name: &str| project.path().join(name);
    while !mine("ready").exists() {
        std::thread::yield_now();
    }
    project.write("new", "two");
    fs::rename(mine("new"), mine(".env")).unwrap();
    project.write("replaced", "");
    let said = String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap();
    assert!(said.starts_with("sandbox: ") && said.contains(".env appeared or was replaced"), "{said}");
    assert!(project.report()["protected_created"].to_string().contains(".env"));
}

// DESIGN rule 7 and runc 2019-5736.
#[test]
fn the_binary_itself_cannot_be_overwritten() {
    let project = Project::new();
    let copy = project.path().join("sandbox-copy");
    super::harness::copy_program(super::harness::binary(), &copy);
    let before = fs::metadata(&copy).unwrap().len();
    let script = "for f in sandbox-copy /proc/1/exe; do echo x > $f; done; mv sandbox-copy y; rm -f sandbox-copy";
    finish(project.outside(copy.to_str().unwrap(), &["-p", "build", "--", "sh", "-c", script]));
    assert_eq!(fs::metadata(&copy).unwrap().len(), before);
}

#[test]
fn a_profile_inside_a_writable_tree_cannot_be_changed() {
    let project = Project::new();
    project.write("p.yaml", "extends: [build]\n");
    let output = project.shell(&["-p", "./p.yaml"], "echo '# mine' >> p.yaml");
    assert_ne!(output.code(), 0);
    assert_eq!(project.read("p.yaml"), "extends: [build]\n");
}
