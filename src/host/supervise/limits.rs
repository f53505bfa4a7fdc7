//! Time, and what is done at a limit.

use super::Supervisor;
use crate::host::outcome::Status;
use crate::host::verdict::went_away;
use crate::inside::cpu_time::next_look;
use nix::sys::signal::Signal;
use std::time::{Duration, Instant};

/// For init, to end everything and wait for it, before it is ended itself.
const LAST_GRACE: Duration = Duration::from_secs(2);

impl Supervisor<'_> {
    pub(super) fn check_time(&mut self) -> nix::Result<()> {
        let now = Instant::now();
        let is_over = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now);
        if is_over(self.wall_deadline) || is_over(self.next_cpu_look) {
            // It may have ended in time, and have said so only since poll(2).
            self.hear_init()?;
        }
        if is_over(self.wall_deadline) {
            self.wall_deadline = None;
            self.act_on_time(Status::WallTimeout);
        }
        if is_over(self.kill_deadline) {
            self.kill_deadline = None;
            if self.ending { self.init.kill() } else { self.kill_everything() }
        }
        if is_over(self.next_cpu_look) {
            self.check_cpu_time(now);
        }
        if is_over(self.cgroup.deadline()) {
            self.hear_manager();
        }
        Ok(())
    }

    fn check_cpu_time(&mut self, now: Instant) {
        self.next_cpu_look = None;
        let limits = &self.prepared.plan.limits;
        let Some(limit) = limits.cpu_time else { return };
        let Some(used) = self.cgroup.cpu_time_us() else {
            self.facts.refused.get_or_insert_with(went_away);
            return self.kill_everything();
        };
        match limit.saturating_add(limits.extra_time).checked_sub(used) {
            None | Some(0) => self.act_on_time(Status::CpuTimeout),
            Some(left) => {
                self.next_cpu_look = Some(now + next_look(Duration::from_micros(left), self.prepared.processors))
            }
        }
    }

    /// At a limit of time: the end, or first the word.
    pub(super) fn act_on_time(&mut self, limit: Status) {
        let kill_after = Duration::from_micros(self.prepared.plan.limits.kill_after);
        if self.facts.ended.is_some() {
            // In time: it is the timer that is late, after a kill -STOP.
        } else if kill_after.is_zero() {
            self.act_on_limit(limit);
        } else {
            self.note_limit(limit);
            self.forward(Signal::SIGTERM, false);
            self.kill_by(kill_after);
        }
    }

    /// The first limit is the verdict; and the OOM killer, of which the next round would tell, was before any of them.
    pub(super) fn note_limit(&mut self, limit: Status) {
        let first = if self.cgroup.is_out_of_memory() { Status::OutOfMemory } else { limit };
        self.facts.limit.get_or_insert(first);
    }

    pub(super) fn act_on_limit(&mut self, limit: Status) {
        self.note_limit(limit);
        self.kill_everything();
    }

    /// No later than `grace` from now.
    pub(super) fn kill_by(&mut self, grace: Duration) {
        let then = Instant::now().checked_add(grace);
        self.kill_deadline = self.kill_deadline.into_iter().chain(then).min();
    }

    /// The cgroup's processes at once, its figures stay. Without one init does it, which knows the figures; and if it is too slow,
    /// its own end takes all with it: pid_namespaces(7).
    pub(super) fn kill_everything(&mut self) {
        self.cgroup.kill();
        if self.cgroup.is_joined() || self.payload.is_none() {
            self.init.kill();
        } else if !std::mem::replace(&mut self.ending, true) {
            self.init.end(self.payload.as_ref());
            self.kill_by(LAST_GRACE);
        }
    }
}
