//! The command inherits nothing of the caller's but what was named: no descriptor, no variable, no keyring.

use super::harness::{Project, finish};

// Layer: close_range before execve. The shell outside leaves a file, a directory and a socket open.
#[test]
fn only_descriptors_0_to_2_are_open() {
    let project = Project::new();
    project.write("../secret", "canary");
    let script = "exec 5< ../secret 6< .. 9>> ../log; exec \"$@\"";
    let args = [
        "-c",
        script,
        "sh",
        &super::harness::binary(),
        "-p",
        "build",
        "--",
        "sh",
        "-c",
        "ls /proc/self/fd; cat <&5; ls /proc/$$/fd",
    ];
    let output = finish(project.outside("bash", &args));
    assert_eq!(output.text().replace('\n', " "), "0 1 2 3 0 1 2", "3 is ls's own; stderr: {}", output.stderr);
}

#[test]
fn a_descriptor_passed_by_name_is_there() {
    let project = Project::new();
    project.write("../data", "through 5");
    let args = [
        "-c",
        "exec 5< ../data; exec \"$@\"",
        "sh",
        &super::harness::binary(),
        "-p",
        "build",
        "--pass-fd",
        "5",
        "--",
        "sh",
        "-c",
        "cat <&5",
    ];
    assert_eq!(finish(project.outside("bash", &args)).ok(), "through 5");
}

// Layer: the environment is rebuilt from a list of names.
#[test]
fn a_variable_that_was_not_named_is_not_there() {
    let project = Project::new();
    let mut command = project.sandbox(&["-p", "build", "--", "sh", "-c", "env; cat /proc/self/environ"]);
    for name in
        ["AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "SSH_AUTH_SOCK", "DBUS_SESSION_BUS_ADDRESS", "MY_VAR", "LD_PRELOAD_X"]
    {
        command.env(name, "canary");
    }
    let output = finish(command);
    assert!(!output.ok().contains("canary"), "{}", output.text());
}

#[test]
fn the_variables_that_programs_expect_are_set() {
    let project = Project::new();
    let mut command = project.sandbox(&[
        "-p",
        "build",
        "--",
        "sh",
        "-c",
        "echo $HOME $USER $LOGNAME $TMPDIR $SHELL $container $LANG $TERM $CFLAGS",
    ]);
    command.env("CFLAGS", "-O3");
    let home = project.home().display().to_string();
    let words: Vec<String> = finish(command).ok().split(' ').map(Into::into).collect();
    assert_eq!(words[0], home);
    assert_eq!(words[1], words[2], "USER and LOGNAME");
    assert_eq!(words[3..], ["/tmp", "/bin/sh", "sandbox", "C.UTF-8", "xterm", "-O3"]);
}

#[test]
fn a_pattern_never_keeps_a_secret_and_an_exact_name_does() {
    let project = Project::new();
    project.write("p.yaml", "extends: [build]\nenvironment:\n  keep: [\"MY_*\", OTHER_TOKEN]\n");
    let mut command = project.sandbox(&["-p", "./p.yaml", "--", "env"]);
    for name in [
        "MY_NAME",
        "MY_TOKEN",
        "MY_SECRET_X",
        "MY_PASSWD",
        "MY_api_key",
        "MY_PAT",
        "MY_PATH",
        "MY_AUTH",
        "MY_COOKIES",
        "OTHER_TOKEN",
    ] {
        command.env(name, "x");
    }
    let output = finish(command).ok();
    let mut kept: Vec<_> = output.lines().filter(|l| l.starts_with("MY_") || l.starts_with("OTHER")).collect();
    kept.sort_unstable();
    assert_eq!(kept, ["MY_NAME=x", "MY_PATH=x", "OTHER_TOKEN=x"]);
}

#[test]
fn path_holds_only_directories_that_are_inside() {
    let project = Project::new();
    let mut command = project.sandbox(&["-p", "build", "--", "sh", "-c", "echo $PATH"]);
    command.env(
        "PATH",
        format!("relative:{}:/usr/local/bin:/usr/bin:/bin:/nowhere", project.home().join("bin").display()),
    );
    let path = finish(command).ok();
    assert!(path.contains("/usr/bin") && !path.contains("relative") && !path.contains("nowhere"), "{path}");
    assert!(!path.contains("sandbox-test"), "{path}");
}

#[test]
fn a_variable_can_be_set_and_dropped() {
    let project = Project::new();
    let flags = ["-p", "build", "--env", "A=1", "--env", "B", "--drop-env", "LANG"];
    let mut command = project.sandbox(&[&flags[..], &["--", "sh", "-c", "echo $A$B"]].concat());
    command.env("B", "2");
    assert_eq!(finish(command).ok(), "12");
}

// Layer: a fresh session keyring before the drop, keyctl denied after it.
#[test]
fn a_key_of_the_callers_session_is_not_there() {
    let project = Project::new();
    super::harness::attack!(project, "session_key");
    let args = [&super::harness::binary() as &str, "-p", "test", "--seccomp-allow", "keyctl", "--", "./session_key"];
    let outside = finish(project.outside("./session_key", &["./session_key"]));
    assert_eq!(outside.ok(), "found canary", "the test itself: without a sandbox the key is found");
    assert_eq!(finish(project.outside("./session_key", &args)).ok(), "none");
}

// Layer: the working directory is looked at after the pivot.
#[test]
fn the_working_directory_is_inside_and_the_projects() {
    let project = Project::new();
    project.write("../outside", "canary");
    let output = project.shell(&["-p", "build"], "pwd; cat ../outside 2>/dev/null; /bin/pwd -P");
    let pwd = project.path().display();
    assert_eq!(output.text(), format!("{pwd}\n{pwd}"));
    assert_eq!(project.shell(&["-p", "build", "--workdir", "/tmp"], "pwd").ok(), "/tmp");
    project.shell(&["-p", "build", "--workdir", "/not/there"], "pwd").refused(&["/not/there"]);
}

// Layer: setsid in the payload; a process group reaches across PID namespaces.
#[test]
fn killing_its_own_process_group_does_not_reach_the_caller() {
    let project = Project::new();
    let script = format!("{} -p build -- sh -c 'kill -9 0'; echo caller alive $?", super::harness::binary());
    assert_eq!(finish(project.outside("sh", &["-c", &script])).ok(), "caller alive 137");
}

#[test]
fn the_command_leads_a_session_of_its_own_and_has_no_controlling_terminal() {
    let script =
        "test \"$(ps -o sid= -p $$ | tr -d ' ')\" = $$ && echo leader; (echo < /dev/tty) 2>/dev/null || echo none";
    assert_eq!(Project::new().inside(script), "leader\nnone");
}

// Layer: only an inherited descriptor is passed on. A number that the caller left free is soon one of the supervisor's
// own: its pidfd, its link to init, the caller's stdout.
#[test]
fn a_descriptor_that_the_caller_has_not_open_is_refused_and_none_of_the_supervisors_passed() {
    let project = Project::new();
    for number in 3..40 {
        let script = format!(
            "for fd in /proc/self/fd/*; do fd=${{fd##*/}}; [ $fd -gt 2 ] && eval \"exec $fd>&-\"; done; exec \"$@\" --pass-fd {number} -- true"
        );
        let args = ["-c", &script, "bash", &super::harness::binary(), "--report", "r.json"];
        finish(project.outside("bash", &args)).refused(&[&format!("descriptor {number} is not open")]);
    }
}
