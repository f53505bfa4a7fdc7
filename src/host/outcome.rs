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
    /// The CPU-time limit ended it.
    CpuTimeout,
    /// The kernel killed one of its processes at the memory limit.
    OutOfMemory,
    /// The output limit ended it.
    OutputLimit,
    /// The command was not found or could not be executed.
    ExecFailed,
    /// `sandbox` could not do what was asked.
    SetupFailed,
}

/// UTC, with milliseconds.
pub fn rfc3339(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time).to_string()
}

/// What `sandbox` itself exits with.
pub mod exit_code {
    /// A limit on time was hit, as timeout(1) says it.
    pub const TIMEOUT: u8 = 124;
    /// `sandbox` could not do what was asked.
    pub const SETUP_FAILED: u8 = 125;
    /// The command was found but could not be executed.
    pub const NOT_EXECUTABLE: u8 = 126;
    /// The command was not found.
    pub const NOT_FOUND: u8 = 127;
    /// Added to the number of the signal that killed the command.
    pub const SIGNALED: u8 = 128;
    /// As SIGKILL, which is the kernel's answer to a lack of memory, would have said it.
    pub const OUT_OF_MEMORY: u8 = 137;
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
    /// What the run's cgroup counted; none if it had none.
    pub cgroup: Option<CgroupFigures>,
    /// How far past the time limit that it exceeded the run went, microseconds; none if it exceeded none.
    pub extra_time_used_us: Option<u64>,
    /// Bytes that left by stdout, or by the terminal that is there; none where nothing was started.
    pub stdout_bytes: Option<u64>,
    /// The same of stderr; none, too, where it is the same file or terminal as stdout: then they are counted there.
    pub stderr_bytes: Option<u64>,
    /// Watched paths where something is that was not there when the plan was made.
    pub protected_created: Vec<String>,
    /// What was only preferred and turned out to be missing once the run had begun, one sentence each.
    pub degraded: Vec<String>,
}

/// What the run's cgroup counted: cgroups(7), and the kernel's own page on cgroup v2. None where this kernel has not the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CgroupFigures {
    /// Who gave it: `systemd-scope` or `delegated`.
    pub layer: &'static str,
    /// memory.peak: the most that all processes together held, bytes.
    pub memory_peak_bytes: Option<u64>,
    /// pids.peak: the most processes and threads at one time.
    pub pids_peak: Option<u64>,
    /// `oom_kill` of memory.events: processes that the kernel killed for lack of memory.
    pub oom_kills: Option<u64>,
    /// `user_usec` of cpu.stat, microseconds.
    pub user_time_us: Option<u64>,
    /// `system_usec` of cpu.stat, microseconds.
    pub system_time_us: Option<u64>,
}

/// `memory_source` in the report: whose figure the peak of memory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub enum MemorySource {
    /// The cgroup's: all processes together.
    #[serde(rename = "memory.peak")]
    Cgroup,
    /// wait4(2)'s: the largest single process.
    #[serde(rename = "ru_maxrss")]
    LargestProcess,
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
            cgroup: None,
            extra_time_used_us: None,
            stdout_bytes: None,
            stderr_bytes: None,
            protected_created: Vec::new(),
            degraded: Vec::new(),
        }
    }

    /// CPU time in user mode, microseconds: the cgroup counts processes that nobody waited for, too.
    pub fn user_time_us(&self) -> Option<u64> {
        let counted = self.cgroup.and_then(|cgroup| cgroup.user_time_us);
        counted.or(self.usage.map(|usage| usage.user_time_us))
    }

    /// CPU time in the kernel, microseconds.
    pub fn system_time_us(&self) -> Option<u64> {
        let counted = self.cgroup.and_then(|cgroup| cgroup.system_time_us);
        counted.or(self.usage.map(|usage| usage.system_time_us))
    }

    /// The peak of memory, bytes, and of what.
    pub fn memory_peak(&self) -> Option<(u64, MemorySource)> {
        let counted = self.cgroup.and_then(|cgroup| cgroup.memory_peak_bytes).map(|peak| (peak, MemorySource::Cgroup));
        counted.or(self.usage.map(|usage| (usage.max_rss_bytes, MemorySource::LargestProcess)))
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
            Status::WallTimeout | Status::CpuTimeout => exit_code::TIMEOUT,
            Status::OutOfMemory => exit_code::OUT_OF_MEMORY,
            Status::OutputLimit => exit_code::OUTPUT_LIMIT,
            Status::ExecFailed => match self.error.as_ref().and_then(|error| error.errno) {
                Some(nix::errno::Errno::ENOENT) => exit_code::NOT_FOUND,
                _ => exit_code::NOT_EXECUTABLE,
            },
            Status::SetupFailed => exit_code::SETUP_FAILED,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_its_exit_code_unless_it_is_replaced() {
        let outcome = |status| Outcome { status, exit_code: Some(3), signal: Some(11), ..Outcome::new() };
        for (status, code) in [
            (Status::Exited, 3),
            (Status::Signaled, 139),
            (Status::WallTimeout, 124),
            (Status::CpuTimeout, 124),
            (Status::OutOfMemory, 137),
            (Status::OutputLimit, 153),
            (Status::ExecFailed, 126),
            (Status::SetupFailed, 125),
        ] {
            assert_eq!(outcome(status).sandbox_exit_code(&[]), code, "{status:?}");
            assert_eq!(outcome(status).sandbox_exit_code(&[(status, 1), (status, 2)]), 2, "{status:?}");
        }
    }

    #[test]
    fn what_the_cgroup_did_not_count_is_wait4s() {
        let usage = Usage {
            user_time_us: 1,
            system_time_us: 2,
            max_rss_bytes: 3,
            voluntary_switches: 0,
            involuntary_switches: 0,
        };
        let cgroup = CgroupFigures {
            layer: "delegated",
            memory_peak_bytes: None,
            pids_peak: None,
            oom_kills: None,
            user_time_us: Some(10),
            system_time_us: None,
        };
        let outcome = Outcome { usage: Some(usage), cgroup: Some(cgroup), ..Outcome::new() };
        assert_eq!((outcome.user_time_us(), outcome.system_time_us()), (Some(10), Some(2)));
        assert_eq!(outcome.memory_peak(), Some((3, MemorySource::LargestProcess)));
        let cgroup = CgroupFigures { memory_peak_bytes: Some(30), ..cgroup };
        let outcome = Outcome { usage: None, cgroup: Some(cgroup), ..Outcome::new() };
        assert_eq!((outcome.user_time_us(), outcome.system_time_us()), (Some(10), None));
        assert_eq!(outcome.memory_peak(), Some((30, MemorySource::Cgroup)));
    }
}
