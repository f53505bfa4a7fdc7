//! One attempt at a run, and the proof that its command was, or was not, started.

use super::harness::{Output, Project, attack, binary, finish, patience};
use nix::errno::Errno;
use serde_json::Value;

/// What the command does first. Its parts are looked for one by one: on stdout, and in the project, which it may write.
pub const COMMAND: &str = "echo started; echo started > made";

/// A project in which attempts are made.
pub struct Bench {
    pub project: Project,
}

impl Bench {
    /// With the program that sees what is left behind.
    pub fn new() -> Self {
        let project = Project::new();
        attack!(project, "leftover");
        Bench { project }
    }

    /// `program ARGS` with these faults, to its end: its stdout, and below it its exit code. Whatever it leaves behind fails the test.
    #[track_caller]
    fn finish(&self, faults: &str, program: &str, args: &[&str]) -> Output {
        let seconds = patience().as_secs().to_string();
        let mut command = self.project.outside("./leftover", &[&[seconds.as_str(), "1", "0", program], args].concat());
        command.env("SANDBOX_FAULT", faults);
        let output = finish(command);
        assert_eq!(output.code(), 0, "{faults}: {output:?}");
        output
    }

    /// The command under `sandbox -p build FLAGS`, with these faults.
    #[track_caller]
    pub fn attempt(&self, faults: &str, flags: &[&str]) -> Output {
        let args = [&["-p", "build", "--report", "r.json"], flags, &["--", "sh", "-c", COMMAND]].concat();
        self.finish(faults, &binary(), &args)
    }

    /// The same, with `setup` (of a shell) before.
    #[track_caller]
    pub fn attempt_after(&self, setup: &str) -> Output {
        let script = format!("{setup}; exec \"$@\"");
        let args = ["-c", &script, "sh", &binary(), "-p", "build", "--report", "r.json", "--", "sh", "-c", COMMAND];
        self.finish("", "bash", &args)
    }

    /// It must have been refused before the command was started.
    #[track_caller]
    pub fn not_started(&self, what: &str, output: &Output) {
        assert_eq!(output.text(), "125", "{what}: {output:?}");
        assert!(!self.project.path().join("made").exists(), "{what}: the command was started");
        let ours = output.stderr.lines().all(|line| line.starts_with("sandbox: "));
        assert!(ours && !output.stderr.is_empty(), "{what}: {output:?}");
    }

    /// The command must not be started: the report's `error`.
    #[track_caller]
    pub fn refused(&self, faults: &str, flags: &[&str]) -> Value {
        let output = self.attempt(faults, flags);
        self.not_started(faults, &output);
        self.setup_failed()
    }

    /// The `error` of a report that must say `setup-failed`.
    #[track_caller]
    pub fn setup_failed(&self) -> Value {
        let report = self.project.report();
        assert_eq!(report["status"], "setup-failed", "{report}");
        assert_eq!(report["sandbox_exit_code"], 125, "{report}");
        // A bug of ours would be another kind.
        assert!(["host", "profile", "usage"].map(Value::from).contains(&report["error"]["kind"]), "{report}");
        report["error"].clone()
    }

    /// The command must be started and end well: what `sandbox` said, and the report.
    #[track_caller]
    pub fn runs(&self, faults: &str, flags: &[&str]) -> (String, Value) {
        let output = self.attempt(faults, flags);
        assert_eq!(output.text(), "started\n0", "{faults}: {output:?}");
        assert_eq!(self.project.read("made"), "started\n");
        std::fs::remove_file(self.project.path().join("made")).unwrap();
        let report = self.project.report();
        assert_eq!(report["status"], "exited", "{report}");
        (output.stderr, report)
    }

    /// It must run without what was only preferred, and say so: one line, and one sentence in the report, both with `reason`.
    #[track_caller]
    pub fn degraded(&self, faults: &str, flags: &[&str], reason: &str) -> Value {
        let (said, report) = self.runs(faults, flags);
        assert!(said.starts_with("sandbox: weaker than asked for: ") && said.lines().count() == 1, "{faults}: {said}");
        let sentences = report["degraded"].as_array().unwrap();
        assert_eq!(sentences.len(), 1, "{report}");
        let sentence = sentences[0].as_str().unwrap();
        assert!(said.contains(reason) && sentence.contains(reason), "{faults}: {said}{report}");
        report
    }
}

/// A fault by errno.
pub fn fault(place: &str, errno: Errno) -> String {
    format!("{place}={}", errno as i32)
}

/// `text` must hold all of `parts`.
#[track_caller]
pub fn holds(text: &Value, parts: &[&str]) {
    let text = text.as_str().unwrap_or_default();
    let missing: Vec<_> = parts.iter().filter(|part| !text.contains(**part)).collect();
    assert!(missing.is_empty(), "missing {missing:?} in: {text}");
}
