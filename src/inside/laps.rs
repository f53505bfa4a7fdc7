//! How long each step inside took, where that is asked for (`--timings`): each answer of the kernel's that is given the name of its
//! step ([`super::step::At`]) ends a lap of that step.
//!
//! The laps are the process's own and not a value that is passed along: the names are given in some ninety places, by a result that
//! knows nothing of init, and there is one thread with one set-up to do. They are told once that is over, before the command's first
//! instruction; its execve(2) takes its own copy away.

use super::link::Link;
use super::step::Step;
use std::cell::RefCell;
use std::time::{Duration, Instant};

/// Whose lap it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Process {
    /// Or the stand-in of one who enters.
    Init,
    /// The command's, before its execve(2).
    Payload,
}

/// All times of one step, as it crosses the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lap {
    /// Who did it.
    pub by: Process,
    /// Which.
    pub step: Step,
    /// How often.
    pub times: u16,
    /// When it was first begun: microseconds of the supervisor's stopwatch.
    pub from_us: u32,
    /// Microseconds, all times together.
    pub took_us: u32,
}

/// One process's laps so far. Of fixed size: nothing is allocated between clone3(2) and execve(2).
struct Laps {
    by: Process,
    /// Of the supervisor's stopwatch.
    start: Instant,
    /// Of the last lap, since `start`.
    end: Duration,
    /// In the order in which the steps came first.
    totals: [Option<Total>; Step::COUNT],
}

#[derive(Clone, Copy)]
struct Total {
    step: Step,
    times: u16,
    from: Duration,
    took: Duration,
}

thread_local! {
    static LAPS: RefCell<Option<Laps>> = const { RefCell::new(None) };
}

/// The first lap begins now, if anybody wants to know; `start` is when the supervisor's stopwatch began.
pub(super) fn begin(by: Process, start: Option<Instant>) {
    let laps = start.map(|start| Laps { by, start, end: start.elapsed(), totals: [None; Step::COUNT] });
    LAPS.set(laps);
}

/// A lap of `step` has ended, well or not.
pub(super) fn note(step: Step) {
    LAPS.with_borrow_mut(|laps| laps.as_mut().into_iter().for_each(|laps| laps.note(step)));
}

/// Tells the supervisor, and ends it: what comes after the set-up is no step of it.
pub(super) fn tell(link: &Link) {
    if let Some(laps) = LAPS.take() {
        // A supervisor that does not listen must not keep init from its timers: then it is not told.
        let _ = link.try_send_laps(laps.all());
    }
}

impl Laps {
    fn note(&mut self, step: Step) {
        let from = std::mem::replace(&mut self.end, self.start.elapsed());
        let new = Total { step, times: 0, from, took: Duration::ZERO };
        let place = self.totals.iter_mut().find(|total| total.is_none_or(|total| total.step == step));
        // There are as many places as steps.
        if let Some(total) = place.map(|place| place.get_or_insert(new)) {
            total.times = total.times.saturating_add(1);
            total.took += self.end.saturating_sub(from);
        }
    }

    fn all(&self) -> impl Iterator<Item = Lap> {
        let microseconds = |time: Duration| u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
        self.totals.iter().flatten().map(move |total| Lap {
            by: self.by,
            step: total.step,
            times: total.times,
            from_us: microseconds(total.from),
            took_us: microseconds(total.took),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::link::Record;
    use super::*;
    use nix::sys::socket::MsgFlags;

    #[test]
    fn all_times_of_a_step_are_one_lap_where_it_came_first() {
        let (supervisor, init) = Link::pair().unwrap();
        begin(Process::Init, Some(Instant::now()));
        for step in [Step::OpenSource, Step::Mount, Step::OpenSource, Step::Mount, Step::Mount, Step::Fork] {
            note(step);
        }
        tell(&init);
        note(Step::Fork);
        tell(&init);
        drop(init);
        let mut heard = vec![];
        while let Some((Record::Lap(lap), _)) = supervisor.receive(MsgFlags::empty()).unwrap() {
            heard.push((lap.step, lap.times));
        }
        assert_eq!(heard, [(Step::OpenSource, 2), (Step::Mount, 3), (Step::Fork, 1)]);
    }

    #[test]
    fn nobody_is_told_what_nobody_asked() {
        let (supervisor, init) = Link::pair().unwrap();
        begin(Process::Init, None);
        note(Step::Fork);
        tell(&init);
        drop(init);
        assert!(supervisor.receive(MsgFlags::empty()).unwrap().is_none());
    }
}
