//! The rules of mounts and variables: what is refused, what narrows what, and what is left out.

use super::harness::{Project, finish};
use std::os::unix::fs::symlink;

/// `sandbox -p build FLAGS -- true` must be refused with all of `parts`.
#[track_caller]
fn refused(flags: &[&str], parts: &[&str]) {
    Project::new().run(&[&["-p", "build"], flags, &["--", "true"]].concat()).refused(parts);
}

/// The same for the text of a profile.
#[track_caller]
fn profile_refused(project: &Project, text: &str, parts: &[&str]) {
    project.write("p.yaml", text);
    project.run(&["-p", "./p.yaml", "--", "true"]).refused(parts);
}

// Rule 5.
#[test]
fn whole_trees_of_the_host_are_refused() {
    for path in ["/", "/proc", "/sys", "/dev", "/run"] {
        refused(&["--ro", path], &[path]);
        refused(&["--rw", path], &[path]);
    }
}

#[test]
fn the_sandboxs_own_places_are_no_destination() {
    for at in ["/", "/proc", "/dev", "/sys"] {
        refused(&["--ro", &format!("/usr/share:{at}")], &[at]);
    }
}

#[test]
fn home_itself_is_never_writable() {
    let project = Project::new();
    let home = project.home().to_str().unwrap();
    project.run(&["-p", "build", "--rw", home, "--", "true"]).refused(&[home]);
}

// Rule 4.
#[test]
fn a_current_directory_that_is_home_or_above_is_refused() {
    let project = Project::new();
    for dir in [project.home(), project.home().parent().unwrap(), "/".as_ref()] {
        let mut command = project.sandbox(&["-p", "build", "--", "true"]);
        command.current_dir(dir);
        finish(command).refused(&["current directory", "its keys"]);
    }
}

#[test]
fn at_home_the_default_profile_leaves_the_directory_out_and_says_so() {
    let project = Project::new();
    project.write("../secret", "canary");
    let mut command = project.sandbox(&["--", "ls", "/"]);
    command.current_dir(project.home());
    let output = finish(command);
    output.exits(0).says(&["sandbox: ", "home"]);
    let mut command = project.sandbox(&["--", "cat", project.home().join("secret").to_str().unwrap()]);
    command.current_dir(project.home());
    assert_ne!(finish(command).code(), 0);
}

#[test]
fn the_c_flag_changes_the_project() {
    let project = Project::new();
    project.write("sub/file", "x");
    assert_eq!(project.run(&["-C", "sub", "-p", "build", "--", "sh", "-c", "ls; cd .. && ls"]).ok(), "file\nsub");
}

// Rule 2: whoever wrote the project must not choose what of the host is inside.
#[test]
fn a_link_that_leaves_the_project_is_refused() {
    let project = Project::new();
    project.write("../.ssh/id", "PRIVATE");
    symlink(project.home().join(".ssh"), project.path().join("target")).unwrap();
    symlink("../.ssh", project.path().join("relative")).unwrap();
    for name in ["target", "relative"] {
        for kind in ["ro", "rw"] {
            let text = format!("extends: [build]\nmounts:\n  - {kind}: ${{PWD}}/{name}\n");
            profile_refused(&project, &text, &["p.yaml:3:", name, "symbolic link"]);
        }
        profile_refused(&project, &format!("extends: [build]\nmounts:\n  - hide: ${{PWD}}/{name}/id\n"), &[name]);
        profile_refused(&project, &format!("extends: [build]\nworkdir: ${{PWD}}/{name}\n"), &[name]);
    }
    let from = "extends: [build]\nmounts:\n  - file: /etc/x\n    from: ${PWD}/target/id\n";
    profile_refused(&project, from, &["target"]);
}

#[test]
fn a_link_within_the_project_works() {
    let project = Project::new();
    project.write("real/file", "seen");
    symlink("real", project.path().join("link")).unwrap();
    project.write("p.yaml", "extends: [build]\nmounts:\n  - ro: ${PWD}/link\n    at: /data\n");
    assert_eq!(project.shell(&["-p", "./p.yaml"], "cat /data/file").ok(), "seen");
}

// Rule 5: a socket passes any read-only bind, so it has a word of its own.
#[test]
fn a_socket_by_ro_is_refused_and_by_its_own_word_works() {
    let project = Project::new();
    let path = project.home().join("s.sock");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    // Anyone may connect, so that under root, too, only the sandbox decides.
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let path = path.to_str().unwrap();
    project.run(&["-p", "build", "--ro", path, "--", "true"]).refused(&["socket"]);
    let code = format!("import socket\ns=socket.socket(socket.AF_UNIX)\ns.connect('{path}')\nprint('connected')");
    let args = ["-p", "build", "--landlock", "off", "--socket", path, "--", "python3", "-c", &code];
    assert_eq!(project.run(&args).ok(), "connected");
    drop(listener);
}

#[test]
fn a_host_socket_in_a_granted_tree_is_covered() {
    let project = Project::new();
    let path = project.path().join("agent.sock");
    let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let code = "import socket\ns=socket.socket(socket.AF_UNIX)\ntry:\n  s.connect('agent.sock'); print('connected')\nexcept OSError as e: print('refused')";
    assert_eq!(project.run(&["-p", "build", "--", "python3", "-c", code]).ok(), "refused");
}

// Layer: the look through the upper part of a shown tree. The kernel tells of this network namespace only.
#[test]
fn a_socket_of_another_network_namespace_is_covered() {
    let project = Project::new();
    let code =
        "import socket, sys\ns = socket.socket(socket.AF_UNIX)\ns.bind('run/daemon'); s.listen()\nsys.stdin.read()";
    std::fs::create_dir(project.path().join("run")).unwrap();
    let mut daemon = project.outside("unshare", &["-r", "-n", "python3", "-c", code]);
    let mut daemon = daemon.stdin(std::process::Stdio::piped()).spawn().unwrap();
    while !project.path().join("run/daemon").exists() {
        std::thread::yield_now();
    }
    let mode = project.inside("stat -c %a run/daemon");
    drop(daemon.stdin.take());
    daemon.wait().unwrap();
    assert_eq!(mode, "0");
}

// Variables.
#[test]
fn variables_stand_for_the_callers_and_the_computed() {
    let project = Project::new();
    project.write("p.yaml", "extends: [build]\nenvironment:\n  set:\n    A: \"${MINE}-${NONE:-fallback}-$$x-${UID}\"\n    B: ${PWD}\n    C: ${PROFILE_DIR}\n");
    let mut command = project.sandbox(&["-p", "./p.yaml", "--", "sh", "-c", "echo $A; echo $B; echo $C"]);
    command.env("MINE", "m").env("PWD", "/forged").env("UID", "77");
    let pwd = project.path().display();
    let uid = nix::unistd::getuid();
    assert_eq!(finish(command).ok(), format!("m-fallback-$x-{uid}\n{pwd}\n{pwd}"));
}

#[test]
fn an_unset_or_empty_variable_in_a_path_is_an_error() {
    let project = Project::new();
    let text = "extends: [build]\nmounts:\n  - ro: ${NOT_SET}/x\n";
    profile_refused(&project, text, &["p.yaml:3:", "NOT_SET"]);
}

#[test]
fn a_relative_path_in_a_profile_offers_the_two_bases() {
    let project = Project::new();
    profile_refused(
        &project,
        "extends: [build]\nmounts:\n  - ro: data\n",
        &["p.yaml:3:", "${PWD}/data", "${PROFILE_DIR}/data"],
    );
}

#[test]
fn a_relative_path_on_a_flag_is_the_current_directorys() {
    let project = Project::new();
    project.write("data/file", "seen");
    assert_eq!(project.shell(&["-p", "build", "--ro", "data:/data"], "cat /data/file").ok(), "seen");
}

// Values.
#[test]
fn ambiguous_or_wrong_values_are_refused() {
    let project = Project::new();
    for (line, part) in [
        ("limits: {file_size: 10KB}", "KB"),
        ("limits: {wall_time: 30}", "unit"),
        ("limits: {pids: null}", "no value"),
        ("hostname: a\nhostname: b", "hostname"),
        ("environment: &x {keep: [A]}", "anchor"),
        ("seccomp: {policy: defaultt}", "default"),
        ("version: 2", "newer"),
        ("mounts:\n  - {ro: /usr, rw: /opt}", "one"),
        ("mounts:\n  - {at: /x}", "ro"),
    ] {
        profile_refused(&project, &format!("extends: [build]\n{line}\n"), &["p.yaml:", part]);
    }
}

#[test]
fn a_star_without_quotes_is_told_to_be_quoted() {
    profile_refused(&Project::new(), "extends: [build]\nenvironment:\n  keep: [*_FLAGS]\n", &["p.yaml:3", "quotes"]);
}

// Profiles.
#[test]
fn a_bare_word_is_never_a_file_of_the_current_directory() {
    let project = Project::new();
    project.write("mine", "extends: [build]\n");
    project.run(&["-p", "mine", "--", "true"]).refused(&["mine"]);
}

#[test]
fn a_users_profile_is_found_by_name_and_extends_the_next_of_its_name() {
    let project = Project::new();
    project.write("../.config/sandbox/profiles/build.yaml", "extends: [build]\nhostname: mine\n");
    assert_eq!(project.inside("uname -n; touch x && echo writable"), "mine\nwritable");
}

#[test]
fn a_later_profile_replaces_by_destination() {
    let project = Project::new();
    project.write("p.yaml", "extends: [build]\nmounts:\n  - ro: ${PWD}\n");
    project.shell(&["-p", "./p.yaml"], "touch x").says(&["read-only"]);
    project.write("p.yaml", "extends: [build]\nmounts:\n  - unset: ${PWD}\nworkdir: /tmp\n");
    assert_eq!(
        project.shell(&["-p", "./p.yaml"], &format!("ls {} 2>/dev/null; echo", project.path().display())).ok(),
        ""
    );
}

#[test]
fn a_profile_can_come_through_a_descriptor() {
    let project = Project::new();
    let script =
        format!("{} -p /dev/fd/5 -- uname -n 5<<E\nextends: [build]\nhostname: piped\nE\n", super::harness::binary());
    assert_eq!(finish(project.outside("sh", &["-c", &script])).ok(), "piped");
}
