//! Each failure is one sentence that says what, where and why, and what to do.

use super::harness::{Project, attack, binary, finish};
use super::pty::Terminal;

/// `sandbox ARGS -- true` is refused with all of `parts`, in one line.
#[track_caller]
fn refused(project: &Project, args: &[&str], parts: &[&str]) {
    let output = project.run(&[args, &["--", "true"]].concat());
    output.refused(parts);
    assert!(output.stderr.starts_with("sandbox: ") && output.stderr.lines().count() == 1, "{}", output.stderr);
    assert_eq!(output.text(), "", "nothing of our own on stdout");
}

#[test]
fn an_unknown_profile_names_the_nearest() {
    refused(&Project::new(), &["-p", "biuld"], &["biuld", "build"]);
}

#[test]
fn a_profile_file_that_is_missing_names_the_directory_and_the_built_in() {
    let project = Project::new();
    let dir = project.path().to_str().unwrap();
    refused(&project, &["-p", "build.yaml"], &["build.yaml", dir, "built-in", "--profile build"]);
}

#[test]
fn an_unknown_key_names_line_column_and_the_nearest() {
    let project = Project::new();
    project.write("cc.yaml", "extends: [build]\n\nlimit:\n  pids: 3\n");
    refused(&project, &["-p", "./cc.yaml"], &["cc.yaml:3:1", "unknown key", "\"limit\"", "limits"]);
    project.write("cc.yaml", "mounts:\n  - rw: ${PWD}\n    optinal: true\n");
    refused(&project, &["-p", "./cc.yaml"], &["cc.yaml:3:5", "optinal", "optional"]);
}

#[test]
fn a_missing_source_names_the_profile_line_and_a_remedy() {
    let project = Project::new();
    project.write("cc.yaml", "extends: [build]\nmounts:\n  - rw: ~/.cache/ccache\n");
    let path = project.home().join(".cache/ccache");
    refused(&project, &["-p", "./cc.yaml"], &["cc.yaml:3:", path.to_str().unwrap(), "does not exist", "create: true"]);
    assert!(!path.exists());
}

#[test]
fn a_missing_source_with_optional_is_skipped() {
    let project = Project::new();
    project.write("cc.yaml", "extends: [build]\nmounts:\n  - rw: ~/.cache/ccache\n    optional: true\n");
    assert_eq!(project.shell(&["-p", "./cc.yaml"], "echo ran").ok(), "ran");
}

#[test]
fn a_missing_source_with_create_is_made_and_only_its_last_part() {
    let project = Project::new();
    project.write("cc.yaml", "extends: [build]\nmounts:\n  - rw: ~/cache\n    create: true\n");
    project.shell(&["-p", "./cc.yaml"], "echo x > ~/cache/file").ok();
    assert!(project.home().join("cache/file").exists());
    project.write("cc.yaml", "extends: [build]\nmounts:\n  - rw: ~/a/b\n    create: true\n");
    refused(&project, &["-p", "./cc.yaml"], &["cc.yaml:3:"]);
    assert!(!project.home().join("a").exists());
}

#[test]
fn a_command_that_exists_only_outside_says_how_to_show_it() {
    let project = Project::new();
    project.program("../tools/mytool", "#!/bin/sh\necho hi\n");
    let tool = project.home().join("tools/mytool");
    let output = project.run(&["-p", "build", "--", tool.to_str().unwrap()]);
    output.exits(127).says(&["mytool", "not inside", "--ro"]);
    let mut command = project.sandbox(&["-p", "build", "--", "mytool"]);
    command.env("PATH", format!("{}:/usr/bin:/bin", project.home().join("tools").display()));
    finish(command).exits(127).says(&["mytool", "not inside", "--ro"]);
}

#[test]
fn a_command_without_the_dashes_is_told_to_put_them() {
    let project = Project::new();
    project.run(&["-p", "build", "make"]).refused(&["put -- before the command", "-- make"]);
    project.run(&["make"]).refused(&["sandbox -- make"]);
}

#[test]
fn no_command_and_a_wrong_flag_are_125() {
    let project = Project::new();
    project.run(&["-p", "build"]).exits(125);
    project.run(&["-p", "build", "--pidz", "3", "--", "true"]).refused(&["--pidz", "--pids"]);
    project.run(&["--pids", "many", "--", "true"]).refused(&["many"]);
}

#[test]
fn what_a_later_version_will_bring_is_refused_by_name() {
    let project = Project::new();
    for (line, word) in [("root: {path: /srv/root}", "root"), ("network: {allow: [example.org]}", "allow")] {
        project.write("later.yaml", &format!("extends: [build]\n{line}\n"));
        project.run(&["-p", "./later.yaml", "--", "true"]).refused(&["later.yaml:2", word]);
    }
    for command in ["doctor", "learn", "batch"] {
        project.run(&[command]).refused(&[command]);
    }
}

// Layer: user.max_user_namespaces of a namespace of its own, so that the machine's stays as it is.
#[test]
fn user_namespaces_switched_off_names_the_sysctl() {
    let project = Project::new();
    // As root the outermost namespace must not be touched: one below it is made first.
    let setup = "unshare -U -r sh -c 'echo 0 > /proc/sys/user/max_user_namespaces; exec \"$@\"' sh \"$@\"; exit";
    let output = finish(project.prepared(setup, &["-p", "build", "--", "true"]));
    output.refused(&["user namespaces", "max_user_namespaces"]);
}

#[test]
fn a_container_that_forbids_namespaces_is_named() {
    let project = Project::new();
    attack!(project, "container_seccomp");
    let args = [&super::harness::binary() as &str, "-p", "build", "--", "true"];
    finish(project.outside("./container_seccomp", &args)).refused(&["seccomp", "container"]);
}

// A container covers files of /proc; the kernel then refuses a fresh one ("mount too revealing").
#[test]
fn a_covered_proc_is_named() {
    let project = Project::new();
    let output = finish(project.prepared("mount --bind /dev/null /proc/keys", &["-p", "build", "--", "true"]));
    output.refused(&["/proc", "container"]);
}

#[test]
fn a_message_escapes_what_a_terminal_would_obey() {
    let project = Project::new();
    let output = project.run(&["-p", "build", "--", "no\x1b[31msuch"]);
    output.exits(127);
    assert!(!output.stderr.contains('\x1b'), "{:?}", output.stderr);
}

/// What no text of ours may hold as it is: controls, C1, what reorders.
#[track_caller]
fn cannot_steer(text: &str) {
    let steers =
        |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    assert!(!text.contains(steers), "{text:?}");
    assert!(text.contains("evil"), "it is not said at all: {text:?}");
}

// Layer: each way by which a name or a text of the project's comes to the caller's terminal.
#[test]
fn no_name_and_no_text_of_the_projects_steers_the_terminal_in_any_message_page_or_report() {
    const EVIL: &str = "evil\x1b]0;t\x07\u{9b}31m\u{202e}\u{2066}\x7f";
    let project = Project::new();
    let (file, missing) = (project.write(EVIL, ""), format!("{EVIL}-missing"));
    let file = file.to_str().unwrap();
    project.write(&format!("{EVIL}.yaml"), &format!("extends: [build]\nhostnam: {EVIL}\n"));
    let description =
        "description: \"evil\\e]0;t\\x9b\\u202e\"\nextends: [build]\nenvironment: {set: {A: \"evil\\e\\u202e\"}}\n";
    project.write("../.config/sandbox/profiles/written.yaml", description);
    let profile = format!("./{EVIL}.yaml");
    for refused in [
        &["-p", "build", "--ro", &missing, "--", "true"][..],
        &["-p", &profile, "--", "true"],
        &["-p", "build", "--stdin", &missing, "--", "true"],
        &["-p", "build", "-C", &missing, "--", "true"],
        &["-p", "build", &format!("--{EVIL}"), "--", "true"],
        &["-p", "build", "--pids", EVIL, "--", "true"],
        &["-p", EVIL, "--", "true"],
        &["profile", "check", &profile],
        &["profile", "init", EVIL],
        &[EVIL],
    ] {
        let output = project.run(refused);
        output.exits(125);
        cannot_steer(&output.stderr);
    }
    let absent = project.run(&["-vv", "-p", "build", "--report", "r.json", "--name", EVIL, "--", EVIL, "true"]);
    absent.exits(127);
    cannot_steer(&absent.stderr);
    cannot_steer(&project.report_text("r.json"));
    assert_eq!(project.report()["name"], EVIL);
    project.run(&["-p", "build", "--report", "meta", "--report-format", "isolate", "--", EVIL]).exits(127);
    cannot_steer(&project.read("meta"));

    cannot_steer(&project.run(&["explain", "-v", "-p", "build", "--ro", file, "--", "echo", EVIL]).ok());
    let json = project.run(&["explain", "--json", "-p", "build", "--env", &format!("{EVIL}=1"), "--", EVIL]).ok();
    cannot_steer(&json);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap()["command"]["argv"][0], EVIL);
    cannot_steer(&project.run(&["profile", "list"]).ok());
    let differs = project.run(&["profile", "diff", "build", "written"]);
    cannot_steer(&differs.exits(1).text());
}

// To a file a profile goes as it is, or it would be another one.
#[test]
fn a_profile_is_shown_to_a_terminal_without_what_it_would_obey() {
    let project = Project::new();
    let text = "# evil\x1b]0;t\x07\u{9b}\u{202e}\nextends: [build]\n";
    project.write("cc.yaml", text);
    let mut terminal = Terminal::start(&project, &binary(), &["profile", "show", "./cc.yaml"]);
    terminal.shows("extends: [build]");
    cannot_steer(&terminal.screen().replace("\r\n", "\n"));
    assert_eq!(project.run(&["profile", "show", "./cc.yaml"]).stdout, text.as_bytes());
}

#[test]
fn a_home_that_cannot_be_one_inside_says_to_set_it() {
    let project = Project::new();
    for (home, words) in [("/", "HOME is /"), ("", "${HOME} is empty")] {
        let mut command = project.sandbox(&["-p", "build", "--", "true"]);
        command.env("HOME", home);
        finish(command).refused(&[words, "Set HOME"]);
    }
}

#[test]
fn too_few_open_files_names_the_limit_to_raise() {
    let project = Project::new();
    for limit in [12, 20] {
        let script = format!("ulimit -n {limit}; exec {} -- true", super::harness::binary());
        let output = finish(project.outside("bash", &["-c", &script]));
        output.refused(&["open files", "ulimit -n"]);
        assert!(!output.stderr.contains("sandbox: sandbox"), "{}", output.stderr);
    }
}

#[test]
fn profile_init_writes_a_profile_that_is_good_and_never_over_a_file() {
    let project = Project::new();
    project.write("Cargo.toml", "");
    assert_eq!(project.run(&["profile", "init"]).ok(), "sandbox -p ./sandbox.yaml -- COMMAND");
    project.run(&["profile", "check", "./sandbox.yaml"]).ok();
    let written = project.read("sandbox.yaml");
    assert!(written.contains("extends: [rust]"), "{written}");
    assert_eq!(project.run(&["-p", "./sandbox.yaml", "--", "echo", "ran"]).ok(), "ran");
    project.run(&["profile", "init"]).refused(&["sandbox.yaml", "exists already", "another file"]);
    assert_eq!(project.read("sandbox.yaml"), written);
    std::os::unix::fs::symlink(project.home(), project.path().join("link")).unwrap();
    project.run(&["profile", "init", "link/x.yaml"]).refused(&["link/x.yaml", "symbolic link"]);
    assert!(!project.home().join("x.yaml").exists());
}

#[test]
fn profile_diff_says_by_exit_code_and_lines_what_two_profiles_differ_in() {
    let project = Project::new();
    project.write("cc.yaml", "extends: [build]\nlimits: {pids: 7}\n");
    let same = project.run(&["profile", "diff", "build", "build"]);
    assert_eq!(same.exits(0).text(), "");
    let differs = project.run(&["profile", "diff", "build", "./cc.yaml"]);
    assert_eq!(differs.exits(1).text(), "- limits.pids = 4096\n+ limits.pids = 7");
    project.run(&["profile", "diff", "build", "biuld"]).refused(&["biuld", "build"]);
}

#[test]
fn bash_reads_its_completions_and_completes_with_them() {
    let project = Project::new();
    let script = project.run(&["completions", "bash"]).ok();
    let ask = "COMP_WORDS=(sandbox profile di) COMP_CWORD=2; _sandbox sandbox di profile; echo \"${COMPREPLY[*]}\"";
    let output = finish(project.outside("bash", &["-c", &format!("{script}\n{ask}")]));
    assert_eq!(output.ok(), "diff");
    project.run(&["completions", "tcsh"]).refused(&["tcsh", "bash"]);
}
