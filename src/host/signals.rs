//! The caller's signals, as a descriptor for poll(2): signalfd(2).

use crate::sys::process;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd, siginfo};
use std::os::fd::{AsFd, BorrowedFd};

/// What the supervisor hears of; all else keeps its default action.
const HEARD: [Signal; 9] = [
    Signal::SIGINT,
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGQUIT,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGWINCH,
    Signal::SIGCONT,
    Signal::SIGTSTP,
];

/// Signals as descriptors. Every signal stays blocked until [`Signals::listen`], so that init is cloned with none able to act on it.
#[derive(Debug)]
pub(super) struct Signals(SignalFd);

impl Signals {
    /// Blocks all signals, and takes SIGCHLD back from a caller who ignored it.
    pub(super) fn block() -> nix::Result<Self> {
        process::wait_for_children()?;
        let heard: SigSet = HEARD.into_iter().collect();
        SigSet::all().thread_block()?;
        SignalFd::with_flags(&heard, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK).map(Signals)
    }

    /// Lets those act that are not heard: a stop by the terminal (SIGTTOU), a crash.
    pub(super) fn listen(&self) -> nix::Result<()> {
        HEARD.into_iter().collect::<SigSet>().thread_set_mask()
    }

    /// The next one that has come, if any.
    pub(super) fn next(&self) -> nix::Result<Option<siginfo>> {
        self.0.read_signal()
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
