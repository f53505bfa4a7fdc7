//! `--timings`: how long each step of a run took, in the supervisor, in init and in the command's process.
//!
//! One clock for all of them, CLOCK_MONOTONIC (clock_gettime(2)), which is read without a system call and which no namespace of a
//! sandbox shifts; and one moment that all count from, the first of `main`. What comes before it, execve(2) of `sandbox` itself, is
//! the caller's to measure.

use crate::inside::laps::{self, Process};
use serde::Serialize;
use std::time::{Duration, Instant};

/// `timings` in the report. The processes work side by side: their steps do not add up, those of each do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Timings {
    /// From the first of `main` to here, microseconds.
    pub total_us: u64,
    /// In order, each from where the one before ended.
    pub supervisor: Vec<Lap>,
    /// In the order in which they came first.
    pub init: Vec<Lap>,
    /// The command's process, up to its execve(2).
    pub payload: Vec<Lap>,
}

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Lap {
    /// One word; docs/report.md has them all.
    pub step: &'static str,
    /// How often it was done: a mount is many mounts.
    pub times: u64,
    /// When it was first begun, microseconds.
    pub from_us: u64,
    /// All times together, microseconds.
    pub took_us: u64,
}

/// The supervisor's: notes when a step has ended, if somebody asked for it.
#[derive(Debug)]
pub struct Stopwatch {
    start: Instant,
    timings: Option<Timings>,
}

impl Stopwatch {
    /// At the first of `main`, where nobody knows yet whether it will be asked for: one look at the clock, the only one if not.
    pub fn start() -> Self {
        Stopwatch { start: Instant::now(), timings: None }
    }

    /// It is asked for: from here on steps are noted.
    pub fn keep(&mut self) {
        self.timings.get_or_insert_default();
    }

    /// What init's laps count from, if there are to be any.
    pub fn since(&self) -> Option<Instant> {
        self.timings.as_ref().map(|_| self.start)
    }

    /// A step of the supervisor's has ended.
    pub fn lap(&mut self, step: &'static str) {
        if let Some(timings) = &mut self.timings {
            let now = microseconds(self.start.elapsed());
            let from = timings.supervisor.last().map_or(0, |last| last.from_us + last.took_us);
            timings.supervisor.push(Lap { step, times: 1, from_us: from, took_us: now - from });
        }
    }

    /// The same, well or not: `done` is what came of it.
    pub fn after<T>(&mut self, step: &'static str, done: T) -> T {
        self.lap(step);
        done
    }

    /// A step that was done inside, as init or the command's process told it.
    pub fn hear(&mut self, lap: laps::Lap) {
        if let Some(timings) = &mut self.timings {
            let laps = match lap.by {
                Process::Init => &mut timings.init,
                Process::Payload => &mut timings.payload,
            };
            let (from_us, took_us) = (lap.from_us.into(), lap.took_us.into());
            laps.push(Lap { step: lap.step.name(), times: lap.times.into(), from_us, took_us });
        }
    }

    /// All that was noted up to now; none if nobody asked.
    pub fn read(&self) -> Option<Timings> {
        let timings = self.timings.clone()?;
        Some(Timings { total_us: microseconds(self.start.elapsed()), ..timings })
    }
}

fn microseconds(time: Duration) -> u64 {
    time.as_micros() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_noted_unless_it_is_asked_for() {
        let mut watch = Stopwatch::start();
        watch.lap("plan");
        assert_eq!((watch.read(), watch.since()), (None, None));
    }

    #[test]
    fn each_lap_begins_where_the_one_before_ended() {
        let mut watch = Stopwatch::start();
        watch.keep();
        for step in ["command-line", "profiles", "plan"] {
            watch.lap(step);
        }
        let timings = watch.read().unwrap();
        let mut end = 0;
        for lap in &timings.supervisor {
            assert_eq!(lap.from_us, end);
            end += lap.took_us;
        }
        assert!(timings.total_us >= end);
        assert!(watch.since().is_some());
    }
}
