//! Further runs with the same options, for what ends a run.

use super::baits::{NAME, PLACE};
use super::inside::INSIDE;
use super::probe::{Answer, cut_short, held, not_tried, through};
use crate::plan::Plan;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// How this program is started as a run, and where its report goes.
#[derive(Debug)]
pub struct Runs<'run> {
    pub(super) plan: &'run Plan,
    pub(super) program: PathBuf,
    pub(super) options: Vec<OsString>,
    pub(super) cwd: PathBuf,
    /// The temporary directory.
    pub(super) directory: PathBuf,
    pub(super) is_bare: bool,
    /// The first run had one.
    pub(super) has_cgroup: bool,
}

impl Runs<'_> {
    /// What the options come to.
    pub fn plan(&self) -> &Plan {
        self.plan
    }

    /// The shown tree, outside.
    pub(super) fn shown(&self) -> PathBuf {
        self.directory.join("shown")
    }

    /// `sandbox run OPTIONS -- verify's own binary WORD`
    pub(super) fn command(&self, report: &Path, canary: &str, word: Option<&str>) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(&self.cwd);
        if self.is_bare {
            command.arg(INSIDE).arg(canary);
            return command;
        }
        command.arg("run").args(&self.options);
        command.arg("--report").arg(report).arg("--name").arg(canary);
        command.arg("--").arg(Path::new(PLACE).join("sandbox")).arg(INSIDE).args(word.map(OsStr::new));
        command
    }

    /// A further run, its stdout for who asks; what it says on stderr the first run has said.
    pub(super) fn start(&self, word: &str) -> io::Result<Child> {
        let mut command = self.command(&self.report(), &further(word), Some(word));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()
    }

    fn report(&self) -> PathBuf {
        self.directory.join("reports/further.json")
    }

    /// A further run must end as its report then says: `status` of docs/report.md.
    pub(super) fn ends(&self, word: &str, status: &str) -> Answer {
        let mut command = self.command(&self.report(), &further(word), Some(word));
        let run = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        if let Err(error) = run {
            return cut_short(format_args!("the run could not be started: {error}"));
        }
        let report = read_report(&self.report());
        match report["status"].as_str() {
            Some(seen) if seen == status => held(seen),
            Some("setup-failed" | "exec-failed") | None => cut_short("the run could not be made"),
            Some(seen @ ("exited" | "signaled")) => through(format_args!("the run ended as {seen}")),
            Some(seen) => not_tried(format_args!("another limit came first: {seen}")),
        }
    }
}

/// Another one for each run at a time: a name that runs is not given twice.
fn further(word: &str) -> String {
    format!("{NAME}-{}-{word}", std::process::id())
}

/// A report; null if there is none.
pub(super) fn read_report(path: &Path) -> serde_json::Value {
    std::fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}
