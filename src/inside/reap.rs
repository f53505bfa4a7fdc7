//! PID 1's life while the payload runs: it waits, reaps orphans, and tells the supervisor the true end.

use super::laps;
use super::link::Record;
use super::step::{At, Done, Failure, Step};
use super::timers::Timers;
use super::{Footing, Init};
use crate::sys::process::{self, Woken};
use crate::without;
use nix::errno::Errno;
use nix::libc;
use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::signal::{Signal, kill};
use nix::sys::time::{TimeVal, TimeValLike};
use nix::unistd::{Pid, write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// Children that are waited for before the timers and the supervisor's word are looked at again.
const MOST_IN_A_ROUND: u32 = 64;
/// For the last processes, between SIGKILL and their end.
const PATIENCE: Duration = Duration::from_secs(1);

/// Until the payload ends; then init does, and the kernel ends what the payload left running.
pub(super) fn run(init: &Init, payload: Pid, footing: &Footing, word: OwnedFd) -> ! {
    match until_end(init, payload, footing, word) {
        Ok(()) => process::exit_now(0),
        Err(failure) => super::give_up(init, failure),
    }
}

fn until_end(init: &Init, payload: Pid, footing: &Footing, word: OwnedFd) -> Done {
    let terminal = footing.terminal.as_ref();
    // Nothing of the supervisor's or the caller's stays open beside the payload: an end of a pipe here would keep it alive.
    // A pty does, or its master would hang up while the payload has closed its own descriptors of it.
    let link = init.link.as_fd().as_raw_fd();
    process::close_all_but(terminal.into_iter().map(AsRawFd::as_raw_fd).chain([link, word.as_raw_fd()]).collect())
        .at(Step::Descriptors)?;
    let begun = give_word(word)?;
    laps::tell(&init.link);

    let timers = Timers::new(init.prepared, footing.in_cgroup, begun);
    let end = wait_for_end(init, payload, timers, terminal.is_some(), begun);
    end_all(init, payload, begun);
    // If nobody hears it, the supervisor counts init's own time as the payload's.
    let _ = init.link.try_send(used());
    end
}

/// The last that can fail before the command runs: a word that was not said is not heard. One who does not hear it any more has failed
/// itself, and says so, or was killed: its end tells. From here on the command's time counts: this process knows it however busy the
/// machine is and whatever became of the supervisor.
pub(super) fn give_word(word: OwnedFd) -> Result<Instant, Failure> {
    let begun = Instant::now();
    match write(word, &[1]) {
        Ok(_) | Err(Errno::EPIPE) => Ok(begun),
        Err(errno) => Err(errno).at(Step::Fork),
    }
}

/// getrusage(2) of init alone.
fn used() -> Record {
    let used = getrusage(UsageWho::RUSAGE_SELF).ok();
    let microseconds = |time: Option<TimeVal>| time.map_or(0, |time| time.num_microseconds() as u32);
    Record::Used {
        user_time_us: microseconds(used.as_ref().map(Usage::user_time)),
        system_time_us: microseconds(used.as_ref().map(Usage::system_time)),
    }
}

fn wait_for_end(init: &Init, payload: Pid, mut timers: Timers, has_terminal: bool, begun: Instant) -> Done {
    let stops = if has_terminal { libc::WUNTRACED } else { 0 };
    let mut reaped_all = true;
    loop {
        let left = timers.next().map(|next| next.saturating_duration_since(Instant::now()));
        let left = if reaped_all { left } else { Some(Duration::ZERO) };
        reaped_all = false;
        if process::wait_for_signal(left) == Woken::ToldToEnd {
            return Ok(());
        }
        if let Some(over) = timers.check() {
            say(init, over)?;
            if over == Record::TimedOut {
                return Ok(());
            }
        }
        // So many in a round: children that come as fast as they are reaped must not keep it from its timers.
        for _ in 0..MOST_IN_A_ROUND {
            match process::wait_any(stops | libc::WNOHANG) {
                Ok(Some((pid, status))) if pid == payload && libc::WIFSTOPPED(status) => {
                    // A supervisor that is stopped itself hears it later, or not at all: then one word of many.
                    let _ = init.link.try_send(Record::Stopped);
                }
                Ok(Some((pid, status))) if pid == payload => return say(init, Record::ended(status, begun)),
                Ok(Some(_)) | Err(Errno::EINTR) => {}
                Ok(None) => {
                    reaped_all = true;
                    break;
                }
                Err(errno) => return Err(errno).at(Step::Fork),
            }
        }
    }
}

/// Ends what is left and waits for it. Init's own end would end it as well, but then its CPU time would be in nobody's account.
fn end_all(init: &Init, payload: Pid, begun: Instant) {
    let until = Instant::now() + PATIENCE;
    if without::layer("pid-namespace") {
        // There -1 would be every process of the caller's.
        return;
    }
    loop {
        // ESRCH: there is none.
        let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
        loop {
            match process::wait_any(libc::WNOHANG) {
                Ok(Some((pid, status))) if pid == payload => drop(say(init, Record::ended(status, begun))),
                Ok(Some(_)) | Err(Errno::EINTR) => {}
                Ok(None) => break,
                Err(_) => return,
            }
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            // In the kernel for long: only the end of the namespace waits for that.
            return;
        }
        process::wait_for_signal(Some(left));
    }
}

fn say(init: &Init, record: Record) -> Done {
    init.link.send(record, &[]).at(Step::Fork)
}
