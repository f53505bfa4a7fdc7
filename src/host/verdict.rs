//! What the supervisor saw of a run → its outcome.

use super::cgroup::Ending;
use super::outcome::{Outcome, Status, Usage};
use super::why;
use crate::error::{Error, ErrorKind};
use crate::inside::step::{Failure, Step};
use crate::plan::Limits;
use crate::prepare::Prepared;
use nix::errno::Errno;
use nix::libc;
use std::time::{Duration, Instant, SystemTime};

/// All that decides how a run ended.
#[derive(Default)]
pub(super) struct Facts {
    /// The cgroup that the limits need was not to be had.
    pub(super) refused: Option<Error>,
    /// What is missing and was only preferred.
    pub(super) degraded: Vec<String>,
    /// A step inside failed.
    pub(super) failure: Option<Failure>,
    /// When the command's execve(2) was seen.
    pub(super) started: Option<Instant>,
    /// The same on the wall clock.
    pub(super) started_at: Option<SystemTime>,
    /// From its start to its end: as init told it; else as it was seen here.
    pub(super) wall_time: Option<Duration>,
    /// The command's raw wait status, from init.
    pub(super) ended: Option<i32>,
    /// Bytes could not be delivered: a run whose output is lost has no verdict.
    pub(super) lost: Option<Errno>,
    /// The first limit that was acted on.
    pub(super) limit: Option<Status>,
    /// The caller's first INT or TERM.
    pub(super) interrupted_by: Option<&'static str>,
    /// Of init and all its descendants.
    pub(super) usage: Option<Usage>,
    /// Of that, what init used itself: user and system time, microseconds.
    pub(super) init_us: [u64; 2],
    /// What the cgroup told at the end.
    pub(super) cgroup: Option<Ending>,
    /// Delivered from stdout and from stderr.
    pub(super) bytes: [Option<u64>; 2],
}

impl Facts {
    /// The outcome. `init_status` is init's own raw wait status, for when it could not tell the command's.
    pub(super) fn conclude(mut self, init_status: i32, prepared: &Prepared) -> Outcome {
        let [stdout_bytes, stderr_bytes] = self.bytes;
        if let Some(usage) = &mut self.usage {
            usage.user_time_us = usage.user_time_us.saturating_sub(self.init_us[0]);
            usage.system_time_us = usage.system_time_us.saturating_sub(self.init_us[1]);
        }
        let seen = Outcome {
            interrupted_by: self.interrupted_by,
            usage: self.usage,
            cgroup: self.cgroup.map(|cgroup| cgroup.figures),
            degraded: std::mem::take(&mut self.degraded),
            wall_time: self.wall_time.unwrap_or_default(),
            started_at: self.started_at.unwrap_or_else(SystemTime::now),
            stdout_bytes,
            stderr_bytes,
            ..Outcome::new()
        };
        match self.error(init_status, prepared) {
            Some(error) => Outcome { status: Outcome::failed_status(&error), error: Some(error), ..seen },
            None => self.verdict(init_status, &prepared.plan.limits, seen),
        }
    }

    fn is_out_of_memory(&self) -> bool {
        self.cgroup.is_some_and(|cgroup| cgroup.is_out_of_memory)
    }

    /// Why there was no run, or none that counts.
    fn error(&mut self, init_status: i32, prepared: &Prepared) -> Option<Error> {
        if let Some(failure) = self.failure {
            return Some(match failure.step {
                Step::Execute => why::execute_failed(failure.errno, prepared),
                _ => why::step_failed(failure, prepared),
            });
        }
        if self.started.is_none() && self.ended.is_none() {
            let error = |kind, message| Error::new(kind, message);
            return Some(match (self.interrupted_by, self.refused.take()) {
                (Some(signal), _) => error(ErrorKind::Host, format!("{signal} came before the command was started"))
                    .remedy("Run it again"),
                (None, Some(refused)) => refused,
                (None, None) if self.is_out_of_memory() => {
                    error(ErrorKind::Profile, "the memory limit leaves no room to start a command".into())
                        .remedy("Raise limits.memory")
                }
                (None, None) => error(
                    ErrorKind::Internal,
                    format!("init ended before it could start the command (wait status {init_status:#x})"),
                )
                .remedy("Run it again"),
            });
        }
        if self.refused.is_some() {
            return self.refused.take();
        }
        let limits = &prepared.plan.limits;
        if limits.memory.is_some() && self.cgroup.is_some_and(|cgroup| cgroup.figures.oom_kills.is_none()) {
            return Some(went_away());
        }
        self.lost.map(|errno| {
            Error::host(format!("what the command read or wrote could not be moved: {}", errno.desc()))
                .step("stdio")
                .errno(errno)
                .remedy("Look at where stdin, stdout and stderr lead (a full disk?)")
        })
    }

    fn verdict(&self, init_status: i32, limits: &Limits, mut outcome: Outcome) -> Outcome {
        // If init could not tell, it was killed, with all the rest, or gave up waiting for a command that it had killed.
        let killed = if libc::WIFSIGNALED(init_status) { init_status } else { libc::SIGKILL };
        outcome.read_wait_status(self.ended.unwrap_or(killed));
        let cpu_time = outcome.user_time_us().zip(outcome.system_time_us()).map(|(user, system)| user + system);
        let past_cpu_time = past(cpu_time, limits.cpu_time);
        let past_wall_time = past(Some(outcome.wall_time.as_micros() as u64), limits.wall_time);
        outcome.status = match self.limit {
            Some(limit) => limit,
            None if self.is_out_of_memory() => Status::OutOfMemory,
            None if past_cpu_time.is_some() => Status::CpuTimeout,
            // Without extra time a run that ended by itself was in time: it was the timer that was late.
            None if past_wall_time.is_some() && limits.extra_time > 0 => Status::WallTimeout,
            None if outcome.signal.is_some() => Status::Signaled,
            None => Status::Exited,
        };
        outcome.extra_time_used_us = match outcome.status {
            Status::CpuTimeout => past_cpu_time,
            Status::WallTimeout => past_wall_time,
            _ => None,
        };
        let others_limit =
            outcome.status == Status::OutOfMemory && !self.cgroup.is_some_and(|cgroup| cgroup.has_reached_its_memory);
        outcome.limits_hit.extend(key(outcome.status).filter(|_| !others_limit));
        outcome.limits_hit.extend(self.cgroup.filter(|cgroup| cgroup.has_refused_a_fork).map(|_| "pids"));
        outcome
    }
}

/// Without the cgroup's word nobody knows which limit ended the run, or whether any did.
pub(super) fn went_away() -> Error {
    Error::host("the run's cgroup went away while it ran, and with it its limits")
        .step("cgroup")
        .remedy("Look who removed or stopped it (systemctl --user status), and run it again")
}

/// How far `used` is past `limit`, microseconds.
fn past(used: Option<u64>, limit: Option<u64>) -> Option<u64> {
    used?.checked_sub(limit?).filter(|past| *past > 0)
}

/// The limit that a status tells of: a key of `limits`.
fn key(status: Status) -> Option<&'static str> {
    match status {
        Status::WallTimeout => Some("wall_time"),
        Status::CpuTimeout => Some("cpu_time"),
        Status::OutOfMemory => Some("memory"),
        Status::OutputLimit => Some("output"),
        Status::Exited | Status::Signaled | Status::ExecFailed | Status::SetupFailed => None,
    }
}
