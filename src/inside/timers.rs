//! The timers of init itself: the wall clock for when the supervisor is stopped, and CPU time where no cgroup counts it.

use super::cpu_time::{Meter, pause};
use super::link::Record;
use crate::prepare::Prepared;
use std::time::{Duration, Instant};

/// How long after the supervisor's timer this one runs out: it is only for when the supervisor is stopped.
const LATER_THAN_SUPERVISOR: Duration = Duration::from_millis(250);

/// Between two looks at the CPU time where a cgroup counts it.
const SELDOM: Duration = Duration::from_secs(1);

/// Those that the plan asks for.
pub(super) struct Timers {
    /// How long the supervisor may take to act.
    late: Duration,
    wall: Option<Instant>,
    cpu: Option<CpuTimer>,
}

struct CpuTimer {
    /// Between two looks at least.
    least: Duration,
    allowed: Duration,
    processors: u32,
    meter: Meter,
    next: Instant,
}

impl Timers {
    /// From this moment on.
    pub(super) fn new(prepared: &Prepared, in_cgroup: bool, now: Instant) -> Self {
        let limits = &prepared.plan.limits;
        let with_extra = |limit: u64| Duration::from_micros(limit.saturating_add(limits.extra_time));
        let late = Duration::from_micros(limits.kill_after) + LATER_THAN_SUPERVISOR;
        // The supervisor looks at the cgroup's figure: only if it is stopped is this one's needed. And a look costs time that is in
        // that figure.
        let (slack, least) = match in_cgroup {
            true => (late * prepared.processors, SELDOM),
            false => (Duration::ZERO, Duration::ZERO),
        };
        let cpu_time = limits.cpu_time.map(|limit| with_extra(limit).saturating_add(slack));
        Timers {
            late,
            wall: limits.wall_time.and_then(|wall| now.checked_add(with_extra(wall).saturating_add(late))),
            cpu: cpu_time.map(|allowed| CpuTimer {
                least,
                allowed,
                processors: prepared.processors,
                meter: Meter::default(),
                next: now + least,
            }),
        }
    }

    /// When one may have run out.
    pub(super) fn next(&self) -> Option<Instant> {
        self.wall.into_iter().chain(self.cpu.as_ref().map(|cpu| cpu.next)).min()
    }

    /// What has run out, if anything. CPU time is the supervisor's to act on, until init's own patience with that is over, too.
    pub(super) fn check(&mut self) -> Option<Record> {
        let now = Instant::now();
        if self.wall.is_some_and(|wall| wall <= now) {
            return Some(Record::TimedOut);
        }
        let cpu = self.cpu.as_mut().filter(|cpu| cpu.next <= now)?;
        let (used, cost) = cpu.meter.look();
        let left = cpu.allowed.saturating_sub(used);
        cpu.next = Instant::now() + pause(left, cpu.processors, cost).max(cpu.least);
        if !left.is_zero() {
            return None;
        }
        self.cpu = None;
        self.wall = self.wall.into_iter().chain(now.checked_add(self.late)).min();
        Some(Record::CpuTimedOut)
    }
}
