//! The sandbox's own pseudo-terminal: pty(7). Init leads its session, so that Ctrl-Z can stop the payload's process group.

use super::Init;
use super::link::Record;
use super::step::{At, Done, Failure, Step};
use crate::sys::pty;
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use nix::unistd::setsid;
use std::os::fd::{AsFd, OwnedFd};

/// Makes one if the payload's stdio need it: the master goes to the supervisor, init keeps the slave for the payload.
pub(super) fn open(init: &Init, devpts: Option<&OwnedFd>) -> Done<Option<OwnedFd>> {
    if init.stdio.iter().all(Option::is_some) {
        return Ok(None);
    }
    let devpts = devpts.ok_or(Failure { step: Step::Terminal, index: 0, errno: Errno::ENODEV })?;
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let master = openat(devpts, "ptmx", flags, Mode::empty()).at(Step::Terminal)?;
    pty::unlock(&master).at(Step::Terminal)?;
    let slave = pty::open_peer(&master).at(Step::Terminal)?;
    init.link.send(Record::Terminal, &[master.as_fd()]).at(Step::Terminal)?;
    setsid().at(Step::Terminal)?;
    pty::make_controlling(&slave).at(Step::Terminal)?;
    Ok(Some(slave))
}
