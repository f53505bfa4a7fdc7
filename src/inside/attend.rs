//! The stand-in's life while the command that it entered with runs: it waits for that one process, and tells its true end.
//!
//! Orphans are not its own: they go to the init of the sandbox.

use super::laps;
use super::link::Record;
use super::reap::give_word;
use super::step::{At, Done, Step};
use super::{Footing, Init};
use crate::sys::process;
use nix::errno::Errno;
use nix::libc;
use nix::unistd::Pid;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// Until the command ends. What else it left runs on, as long as the sandbox does.
///
/// The init of the sandbox cannot end before this has waited for its child: pid_namespaces(7). It does nothing but that.
pub(super) fn run(init: &Init, payload: Pid, footing: &Footing, word: OwnedFd) -> ! {
    match until_end(init, payload, footing, word) {
        Ok(()) => process::exit_now(0),
        Err(failure) => super::give_up(init, failure),
    }
}

fn until_end(init: &Init, payload: Pid, footing: &Footing, word: OwnedFd) -> Done {
    // As with init: nothing of the caller's or of the sandbox's stays open here.
    let (terminal, link) = (footing.terminal.as_ref().map(AsRawFd::as_raw_fd), init.link.as_fd().as_raw_fd());
    process::close_all_but(terminal.into_iter().chain([link, word.as_raw_fd()]).collect()).at(Step::Descriptors)?;
    let begun = give_word(word)?;
    laps::tell(&init.link);
    let stops = if terminal.is_some() { libc::WUNTRACED } else { 0 };
    loop {
        match process::wait_any(stops) {
            Ok(Some((pid, status))) if pid == payload && libc::WIFSTOPPED(status) => {
                // One who is stopped himself hears it later, or not at all: then one word of many.
                let _ = init.link.try_send(Record::Stopped);
            }
            Ok(Some((pid, status))) if pid == payload => {
                return init.link.send(Record::ended(status, begun), &[]).at(Step::Fork);
            }
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno).at(Step::Fork),
        }
    }
}
