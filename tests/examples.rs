//! The examples do what their comments say, for whoever runs these tests.

#[path = "shared/report.rs"]
mod written_report;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)
}

/// A home with a project in it, neither of which is anybody's.
fn project() -> (TempDir, PathBuf) {
    let home = tempfile::Builder::new().prefix("sandbox-example-").tempdir().unwrap();
    let project = home.path().join("project");
    fs::create_dir(&project).unwrap();
    (home, project)
}

/// Runs it with a project as the current directory; the examples find the program by `SANDBOX`.
fn run(program: impl AsRef<Path>, project: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(program.as_ref());
    command.args(args).current_dir(project);
    command.env("SANDBOX", env!("CARGO_BIN_EXE_sandbox")).env("HOME", project.parent().unwrap_or(project));
    command.output().unwrap_or_else(|error| panic!("{}: {error}", program.as_ref().display()))
}

fn sandbox(project: &Path, args: &[&str]) -> Output {
    run(env!("CARGO_BIN_EXE_sandbox"), project, args)
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What the grader prints, without the times, and its exit code.
#[track_caller]
fn assert_graded(submission: &str, time: &str, verdicts: &[&str], code: i32) {
    let (_home, project) = project();
    let submission = example("grade/submissions").join(submission);
    let tests = example("grade/tests");
    let args = ["--time", time, submission.to_str().unwrap(), tests.to_str().unwrap()];
    let output = run(example("grade/grade.py"), &project, &args);
    let stdout = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<&str> = stdout.lines().filter_map(|line| Some(line.rsplit_once(" (")?.0)).collect();
    assert_eq!((lines.as_slice(), output.status.code()), (verdicts, Some(code)), "{output:?}");
}

#[test]
fn a_right_submission_is_ok_on_each_test() {
    assert_graded("ok.c", "60s", &["1: ok", "2: ok"], 0);
}

#[test]
fn a_wrong_answer_is_told_from_a_right_one() {
    assert_graded("wrong.c", "60s", &["1: wrong answer", "2: ok"], 1);
}

#[test]
fn a_submission_that_never_ends_meets_the_time_limit() {
    assert_graded("slow.c", "500ms", &["1: time limit", "2: time limit"], 1);
}

#[test]
fn a_submission_that_prints_without_end_meets_the_output_limit() {
    assert_graded("flood.c", "60s", &["1: output limit", "2: output limit"], 1);
}

#[test]
fn a_submission_that_crashes_is_named_with_its_signal() {
    assert_graded("crash.c", "60s", &["1: crash: signal 6", "2: crash: signal 6"], 1);
}

#[test]
fn a_submission_that_includes_the_answers_does_not_compile() {
    assert_graded("broken.c", "60s", &[], 1);
}

#[test]
fn a_run_without_a_report_is_no_verdict_on_the_submission() {
    assert_graded("ok.c", "soon", &[], 2);
}

#[test]
fn a_ci_job_gets_the_command_s_own_code_and_a_report() {
    let (_home, project) = project();
    for (script, code, status) in [
        ("exit 0", 0, "exited"),
        ("exit 3", 3, "exited"),
        ("kill -9 $$", 137, "signaled"),
        // The tests can be written as for a user: they run as one.
        ("test -w . && touch made-by-the-tests", 0, "exited"),
    ] {
        let output = run(example("ci/check"), &project, &["report.json", "sh", "-c", script]);
        assert_eq!(output.status.code(), Some(code), "{script}: {output:?}");
        let report = written_report::read(&fs::read_to_string(project.join("report.json")).unwrap());
        assert_eq!(report["status"], status);
        assert!(report["name"].as_str().unwrap().starts_with("check-"), "{report}");
    }
    assert!(project.join("made-by-the-tests").exists());
}

#[test]
fn a_ci_job_tells_tests_that_are_not_there_from_tests_that_cannot_be_run() {
    let (_home, project) = project();
    let output = run(example("ci/check"), &project, &["report.json", "no-such-command"]);
    assert_eq!(output.status.code(), Some(127), "{output:?}");
    // The whole file system is no project.
    let report = project.join("report.json");
    let output = run(example("ci/check"), Path::new("/"), &[report.to_str().unwrap(), "true"]);
    assert_eq!(output.status.code(), Some(75), "{output:?}");
    let report = written_report::read(&fs::read_to_string(report).unwrap());
    assert_eq!((&report["status"], &report["error"]["kind"]), (&"setup-failed".into(), &"profile".into()));
}

#[test]
fn an_agent_works_on_the_project_but_not_on_what_runs_later() {
    let (_home, project) = project();
    for directory in [".git/hooks", "src"] {
        fs::create_dir_all(project.join(directory)).unwrap();
    }
    fs::write(project.join(".env.local"), "KEY=canary").unwrap();
    let profile = example("agent.yaml");
    let inside = |script| sandbox(&project, &["-p", profile.to_str().unwrap(), "--", "sh", "-c", script]);

    assert!(inside("echo > src/made").status.success());
    assert!(project.join("src/made").exists());
    for denied in ["echo > .git/hooks/pre-commit", "mv .git/hooks .git/old", "cat .env.local"] {
        let output = inside(denied);
        assert!(!output.status.success() && output.stdout.is_empty(), "{denied}: {output:?}");
    }
    let output = inside("mkdir -p .github/workflows");
    assert!(output.status.success());
    assert!(stderr(&output).contains(".github appeared or was replaced during the run"), "{output:?}");
}

// Needs a registry, as a first user does.
#[test]
fn the_first_build_builds_and_tests_a_project_that_nobody_here_wrote() {
    let output = Command::new(example("first-build")).env("SANDBOX", env!("CARGO_BIN_EXE_sandbox")).output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{stdout}{}", stderr(&output));
    assert!(stdout.contains("If you got this far and the 'cmp's didn't complain"), "{stdout}");
}
