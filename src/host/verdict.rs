//! What the supervisor saw of a run → its outcome.

use super::outcome::{Outcome, Status, Usage};
use super::why;
use crate::error::{Error, ErrorKind};
use crate::inside::step::{Failure, Step};
use crate::prepare::Prepared;
use nix::errno::Errno;
use std::time::{Duration, Instant, SystemTime};

/// All that decides how a run ended.
#[derive(Default)]
pub(super) struct Facts {
    /// A step inside failed.
    pub(super) failure: Option<Failure>,
    /// When the command's execve(2) was seen.
    pub(super) started: Option<Instant>,
    /// The same on the wall clock.
    pub(super) started_at: Option<SystemTime>,
    /// From there to the end of everything inside.
    pub(super) wall_time: Duration,
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
    /// Delivered from stdout and from stderr.
    pub(super) bytes: [Option<u64>; 2],
}

impl Facts {
    /// The outcome. `init_status` is init's own raw wait status, for when it could not tell the command's.
    pub(super) fn conclude(self, init_status: i32, prepared: &Prepared) -> Outcome {
        let [stdout_bytes, stderr_bytes] = self.bytes;
        let seen = Outcome {
            interrupted_by: self.interrupted_by,
            usage: self.usage,
            wall_time: self.wall_time,
            started_at: self.started_at.unwrap_or_else(SystemTime::now),
            stdout_bytes,
            stderr_bytes,
            ..Outcome::new()
        };
        match self.error(init_status, prepared) {
            Some(error) => Outcome { status: Outcome::failed_status(&error), error: Some(error), ..seen },
            None => self.verdict(init_status, seen),
        }
    }

    /// Why there was no run, or none that counts.
    fn error(&self, init_status: i32, prepared: &Prepared) -> Option<Error> {
        if let Some(failure) = self.failure {
            return Some(match failure.step {
                Step::Execute => why::execute_failed(failure.errno, prepared),
                _ => why::step_failed(failure, prepared),
            });
        }
        if self.started.is_none() && self.ended.is_none() {
            let (kind, message) = match self.interrupted_by {
                Some(signal) => (ErrorKind::Host, format!("{signal} came before the command was started")),
                None => (
                    ErrorKind::Internal,
                    format!("init ended before it could start the command (wait status {init_status:#x})"),
                ),
            };
            return Some(Error::new(kind, message).remedy("Run it again"));
        }
        self.lost.map(|errno| {
            Error::host(format!("what the command read or wrote could not be moved: {}", errno.desc()))
                .step("stdio")
                .errno(errno)
                .remedy("Look at where stdin, stdout and stderr lead (a full disk?)")
        })
    }

    fn verdict(&self, init_status: i32, mut outcome: Outcome) -> Outcome {
        // Init is killed by us, with all the rest, or by a stranger: for the command it is the same signal.
        outcome.read_wait_status(self.ended.unwrap_or(init_status));
        outcome.status = match self.limit {
            Some(limit) => limit,
            None if outcome.signal.is_some() => Status::Signaled,
            None => Status::Exited,
        };
        outcome
            .limits_hit
            .extend(self.limit.map(|limit| if limit == Status::OutputLimit { "output" } else { "wall_time" }));
        outcome
    }
}
