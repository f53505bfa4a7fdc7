//! ioctl_tty(2): making a pseudo-terminal from a devpts of one's own.

use super::descriptor::owned;
use nix::Result;
use nix::errno::Errno;
use nix::libc;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// TIOCSPTLCK: a new slave is locked.
pub fn unlock(master: impl AsFd) -> Result<()> {
    let lock: libc::c_int = 0;
    // SAFETY: TIOCSPTLCK reads one int, which outlives the call.
    Errno::result(unsafe { libc::ioctl(master.as_fd().as_raw_fd(), libc::TIOCSPTLCK, &raw const lock) }).map(drop)
}

/// TIOCGPTPEER: the slave, without a path.
pub fn open_peer(master: impl AsFd) -> Result<OwnedFd> {
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: TIOCGPTPEER takes its flags as a plain number.
    owned(unsafe { libc::ioctl(master.as_fd().as_raw_fd(), libc::TIOCGPTPEER, flags) }.into())
}

/// TIOCSCTTY: the controlling terminal of the session that the caller leads.
pub fn make_controlling(slave: impl AsFd) -> Result<()> {
    // SAFETY: TIOCSCTTY takes a plain number.
    Errno::result(unsafe { libc::ioctl(slave.as_fd().as_raw_fd(), libc::TIOCSCTTY, 0) }).map(drop)
}
