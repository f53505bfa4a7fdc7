//! `sandbox enter`: a process outside that stands where init stands in a run. It goes in, steps down as init did, by the same
//! functions, and only then makes the process that will be the command: setns(2) of a PID namespace counts for children alone, so
//! the stand-in itself never appears inside, and what does appear has no right left to take.

use super::door::Door;
use super::laps::{self, Process};
use super::step::{At, Done, Failure, Step};
use super::{Footing, Init, attend, fork, identity, isolate, step_down, terminal};
use crate::sys::process;
use nix::sched::{CloneFlags, setns};
use nix::unistd::getpid;
use std::convert::Infallible;
use std::os::fd::BorrowedFd;

/// Its life. Never returns to the caller's code.
pub fn run(init: Init, door: Door) -> ! {
    laps::begin(Process::Init, init.timed_since);
    let Err(failure) = live(&init, &door);
    super::give_up(&init, failure)
}

/// The order is that of a run; where init makes a namespace, this joins it.
fn live(init: &Init, door: &Door) -> Done<Infallible> {
    let namespaces = door.namespaces.foreign().at(Step::Namespaces)?;
    let of_cgroups = |(kind, _): &(CloneFlags, BorrowedFd)| *kind == CloneFlags::CLONE_NEWCGROUP;
    let (last, others): (Vec<_>, Vec<_>) = namespaces.into_iter().partition(of_cgroups);
    let (first, others): (Vec<_>, Vec<_>) =
        others.into_iter().partition(|(kind, _)| *kind == CloneFlags::CLONE_NEWUSER);

    join(&first)?;
    identity::become_user(&init.prepared.plan.user)?;
    identity::tie_to_supervisor(init)?;
    identity::hide_init(init.prepared)?;
    join(&others)?;
    isolate::keyring()?;
    let terminal = terminal::open(init, door.terminals.as_ref())?;
    let in_cgroup = isolate::wait_for_go(&init.link)?;
    join(&last)?;

    step_down(init.prepared)?;
    let footing = Footing { terminal, in_cgroup, workdir: &door.workdir, fence: door.fence.as_ref() };
    // The command can undo this tie for itself; it ends with the sandbox in any case.
    let own = process::pidfd_open(getpid()).at(Step::TieToSupervisor)?;
    let (payload, says) = fork(init, &footing, None, Some(&own))?;
    attend::run(init, payload, &footing, says)
}

/// setns(2)
fn join(namespaces: &[(CloneFlags, BorrowedFd)]) -> Done {
    namespaces.iter().try_for_each(|(kind, fd)| {
        setns(fd, *kind).map_err(|errno| Failure { step: Step::Namespaces, index: kind.bits() as u32, errno })
    })
}
