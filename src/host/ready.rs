//! poll(2) over descriptors that each mean something.

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::os::fd::BorrowedFd;

/// Waits until one is ready, or the time is over, or a signal came: what is ready then, in the order given, each meaning once.
pub(super) fn ready<Meaning: Copy + PartialEq>(
    sources: &[(BorrowedFd<'_>, PollFlags, Meaning)],
    timeout: PollTimeout,
) -> nix::Result<Vec<Meaning>> {
    let mut polled: Vec<_> = sources.iter().map(|(fd, flags, _)| PollFd::new(*fd, *flags)).collect();
    match poll(&mut polled, timeout) {
        Ok(_) | Err(Errno::EINTR) => {}
        Err(errno) => return Err(errno),
    }
    let is_ready = |fd: &PollFd| fd.any().unwrap_or(true);
    let pairs = polled.iter().zip(sources);
    let mut meanings: Vec<_> = pairs.filter(|(fd, _)| is_ready(fd)).map(|(_, (_, _, meaning))| *meaning).collect();
    meanings.dedup();
    Ok(meanings)
}
