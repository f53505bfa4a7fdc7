//! PID 1's life while the payload runs: it waits, reaps orphans, and tells the supervisor the true end.

use super::Init;
use super::link::Record;
use super::step::{At, Done, Step};
use crate::sys::process;
use nix::errno::Errno;
use nix::libc;
use nix::unistd::Pid;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// How long after the supervisor's timer this one runs out: it is only for when the supervisor is stopped.
const LATER_THAN_SUPERVISOR: Duration = Duration::from_millis(250);

/// Until the payload ends; then init does, and the kernel ends what the payload left running.
pub(super) fn run(init: &Init, payload: Pid, terminal: Option<&OwnedFd>) -> ! {
    match until_end(init, payload, terminal) {
        Ok(()) => process::exit_now(0),
        Err(failure) => super::give_up(init, failure),
    }
}

fn until_end(init: &Init, payload: Pid, terminal: Option<&OwnedFd>) -> Done {
    // Nothing of the supervisor's or the caller's stays open beside the payload: an end of a pipe here would keep it alive.
    // A pty does, or its master would hang up while the payload has closed its own descriptors of it.
    let link = init.link.as_fd().as_raw_fd();
    process::close_all_but(terminal.into_iter().map(AsRawFd::as_raw_fd).chain([link]).collect())
        .at(Step::Descriptors)?;

    let limits = &init.prepared.plan.limits;
    let allowed = limits
        .wall_time
        .map(|wall| Duration::from_micros(wall.saturating_add(limits.kill_after)) + LATER_THAN_SUPERVISOR);
    let deadline = allowed.and_then(|allowed| Instant::now().checked_add(allowed));
    let stops = if terminal.is_some() { libc::WUNTRACED } else { 0 };
    loop {
        if let Some(deadline) = deadline {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return say(init, Record::TimedOut);
            }
            // A SIGCHLD that the payload forged only makes one more round.
            let _ = process::wait_for_child(left);
        }
        let block = if deadline.is_some() { libc::WNOHANG } else { 0 };
        loop {
            match process::wait_any(stops | block) {
                Ok(Some((pid, status))) if pid == payload && libc::WIFSTOPPED(status) => say(init, Record::Stopped)?,
                Ok(Some((pid, status))) if pid == payload => return say(init, Record::Ended(status)),
                Ok(Some(_)) | Err(Errno::EINTR) => {}
                Ok(None) => break,
                Err(errno) => return Err(errno).at(Step::Fork),
            }
        }
    }
}

fn say(init: &Init, record: Record) -> Done {
    init.link.send(record, &[]).at(Step::Fork)
}
