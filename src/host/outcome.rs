//! How a run ended: the closed set of statuses, the exit code of each, and what was measured.

use crate::error::{Error, ErrorKind};
use nix::libc;
use std::time::{Duration, SystemTime};

/// `status` in the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// The command exited with a code.
    Exited,
    /// A signal killed the command.
    Signaled,
    /// The wall-clock limit ended it.
    WallTimeout,
    /// The output limit ended it.
    OutputLimit,
    /// The command was not found or could not be executed.
    ExecFailed,
    /// `sandbox` could not do what was asked.
    SetupFailed,
}

/// What `sandbox` itself exits with.
pub mod exit_code {
    /// The wall-clock limit was hit, as timeout(1) says it.
    pub const TIMEOUT: u8 = 124;
    /// `sandbox` could not do what was asked.
    pub const SETUP_FAILED: u8 = 125;
    /// The command was found but could not be executed.
    pub const NOT_EXECUTABLE: u8 = 126;
    /// The command was not found.
    pub const NOT_FOUND: u8 = 127;
    /// Added to the number of the signal that killed the command.
    pub const SIGNALED: u8 = 128;
    /// As SIGXFSZ would have said it.
    pub const OUTPUT_LIMIT: u8 = 153;
}

/// How the run ended and what it used.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// How it ended.
    pub status: Status,
    /// The command's own exit code, if it exited.
    pub exit_code: Option<i32>,
    /// The signal that killed it, if one did.
    pub signal: Option<i32>,
    /// Whether the kernel wrote a core file.
    pub core_dumped: bool,
    /// Limits that were acted on, first one first: keys of `limits`.
    pub limits_hit: Vec<&'static str>,
    /// The caller's signal, whatever the command made of it.
    pub interrupted_by: Option<&'static str>,
    /// Why there was no run.
    pub error: Option<Error>,
    /// When the command was about to be started.
    pub started_at: SystemTime,
    /// From there to its end.
    pub wall_time: Duration,
    /// getrusage(2) of the sandbox as a whole; none if nothing ran.
    pub usage: Option<Usage>,
    /// Bytes that left by stdout; none where it is a terminal.
    pub stdout_bytes: Option<u64>,
    /// Bytes that left by stderr; none where it is a terminal, or the same file as stdout.
    pub stderr_bytes: Option<u64>,
    /// Watched paths that exist now.
    pub protected_created: Vec<String>,
}

/// What init and all its descendants used: wait4(2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// CPU time in user mode, microseconds.
    pub user_time_us: u64,
    /// CPU time in the kernel, microseconds.
    pub system_time_us: u64,
    /// The largest resident set of one process, bytes.
    pub max_rss_bytes: u64,
    /// Times a process waited.
    pub voluntary_switches: u64,
    /// Times one was preempted.
    pub involuntary_switches: u64,
}

impl From<libc::rusage> for Usage {
    fn from(usage: libc::rusage) -> Self {
        let microseconds = |time: libc::timeval| time.tv_sec as u64 * 1_000_000 + time.tv_usec as u64;
        Usage {
            user_time_us: microseconds(usage.ru_utime),
            system_time_us: microseconds(usage.ru_stime),
            max_rss_bytes: usage.ru_maxrss as u64 * 1024,
            voluntary_switches: usage.ru_nvcsw as u64,
            involuntary_switches: usage.ru_nivcsw as u64,
        }
    }
}

impl Outcome {
    /// A run of which nothing is known yet.
    pub(super) fn new() -> Self {
        Outcome {
            status: Status::SetupFailed,
            exit_code: None,
            signal: None,
            core_dumped: false,
            limits_hit: Vec::new(),
            interrupted_by: None,
            error: None,
            started_at: SystemTime::now(),
            wall_time: Duration::ZERO,
            usage: None,
            stdout_bytes: None,
            stderr_bytes: None,
            protected_created: Vec::new(),
        }
    }

    /// A run that never was.
    pub fn failed(error: Error) -> Self {
        Outcome { status: Self::failed_status(&error), error: Some(error), ..Outcome::new() }
    }

    pub(super) fn failed_status(error: &Error) -> Status {
        if error.kind == ErrorKind::Exec { Status::ExecFailed } else { Status::SetupFailed }
    }

    /// Reads a raw wait status: wait(2).
    pub fn read_wait_status(&mut self, status: i32) {
        if libc::WIFSIGNALED(status) {
            self.signal = Some(libc::WTERMSIG(status));
            self.core_dumped = libc::WCOREDUMP(status);
        } else {
            self.exit_code = Some(libc::WEXITSTATUS(status));
        }
    }

    /// The exit code of `sandbox`: the table in the README. `replaced` is `--exit-code STATUS=N`.
    pub fn sandbox_exit_code(&self, replaced: &[(Status, u8)]) -> u8 {
        let replacement = replaced.iter().rev().find(|(status, _)| *status == self.status);
        if let Some((_, code)) = replacement {
            return *code;
        }
        match self.status {
            Status::Exited => self.exit_code.unwrap_or(0) as u8,
            Status::Signaled => exit_code::SIGNALED.saturating_add(self.signal.unwrap_or(0) as u8),
            Status::WallTimeout => exit_code::TIMEOUT,
            Status::OutputLimit => exit_code::OUTPUT_LIMIT,
            Status::ExecFailed => match self.error.as_ref().and_then(|error| error.errno) {
                Some(nix::errno::Errno::ENOENT) => exit_code::NOT_FOUND,
                _ => exit_code::NOT_EXECUTABLE,
            },
            Status::SetupFailed => exit_code::SETUP_FAILED,
        }
    }
}
