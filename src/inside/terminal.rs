//! The sandbox's own pseudo-terminal: pty(7). Init leads its session, so that Ctrl-Z can stop the payload's process group.

use super::Init;
use super::link::Record;
use super::step::{At, Done, Failure, Step};
use crate::sys::pty;
use crate::without;
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use nix::unistd::setsid;
use std::os::fd::{AsFd, OwnedFd};

/// A session of init's own, out of the caller's. If the payload's stdio need a terminal, one is made and it is that session's: the
/// master goes to the supervisor, init keeps the slave for the payload.
pub(super) fn open(init: &Init, devpts: Option<&OwnedFd>) -> Done<Option<OwnedFd>> {
    if !without::layer("session") {
        setsid().at(Step::Session)?;
    }
    if init.stdio.iter().all(Option::is_some) {
        return Ok(None);
    }
    let devpts = devpts.ok_or(Failure { step: Step::Terminal, index: 0, errno: Errno::ENODEV })?;
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let master = openat(devpts, "ptmx", flags, Mode::empty()).at(Step::Terminal)?;
    pty::unlock(&master).at(Step::Terminal)?;
    let slave = pty::open_peer(&master).at(Step::Terminal)?;
    init.link.send(Record::Terminal, &[master.as_fd()]).at(Step::Terminal)?;
    pty::make_controlling(&slave).at(Step::Terminal)?;
    Ok(Some(slave))
}
