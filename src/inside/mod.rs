//! The inside half: what happens between clone3(2) and execve(2), in order.
//!
//! System calls only; nothing here logs, and whatever fails is a [`step::Failure`] on its way to the supervisor.

mod attend;
pub mod cpu_time;
pub mod door;
#[cfg(fuzzing)]
pub mod fuzzing;
mod identity;
mod isolate;
pub mod laps;
mod layer;
pub mod link;
mod payload;
mod proc;
mod reap;
mod sources;
mod stand_in;
pub mod step;
mod terminal;
mod timers;
mod tree;

use crate::layers::{capabilities, landlock, rlimits};
use crate::plan::{Bind, BindRole, MountKind};
use crate::prepare::Prepared;
use crate::sys::process::{self, Cloned};
use crate::without;
use door::{Door, Namespaces, Parts};
use laps::Process;
use link::{Link, Record};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::libc;
use nix::unistd::{Pid, pipe2};
use sources::Sources;
pub use sources::open_tree;
pub use stand_in::run as stand_in;
use std::convert::Infallible;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;
use step::{At, Done, Failure, Step};
use tree::Tree;

/// What init brings from the supervisor's side of the clone.
#[derive(Debug)]
pub struct Init<'run> {
    /// What to do.
    pub prepared: &'run Prepared<'run>,
    /// To the supervisor.
    pub link: Link,
    /// A pidfd of the supervisor, opened before the clone.
    pub supervisor: OwnedFd,
    /// The payload's stdin, stdout and stderr: a pipe of the supervisor's, or none for the sandbox's own pty.
    pub stdio: [Option<OwnedFd>; 3],
    /// Open until the payload's execve(2): its end of file is the supervisor's sign that the command runs.
    pub started: OwnedFd,
    /// When the supervisor's stopwatch began, if the steps are to be timed.
    pub timed_since: Option<Instant>,
}

/// The life of PID 1. Never returns to the supervisor's code.
pub fn run(init: Init) -> ! {
    laps::begin(Process::Init, init.timed_since);
    let Err(failure) = live(&init);
    give_up(&init, failure)
}

/// Tells the supervisor which step failed, and ends. Nothing is dropped: after close_range(2) owners hold numbers of nothing.
fn give_up(init: &Init, failure: Failure) -> ! {
    laps::tell(&init.link);
    // If nobody hears it, the supervisor is gone, and with it the one who could act on it.
    let _ = init.link.send(Record::Failed(failure), &[]);
    process::exit_now(125)
}

/// The order of a run. Order is security: docs/how-it-works.md gives the reason of each place.
fn live(init: &Init) -> Done<Infallible> {
    let prepared = init.prepared;
    let plan = prepared.plan;

    identity::take_ids(init)?;
    identity::tie_to_supervisor(init)?;
    let mut namespaces = Namespaces::open()?;
    identity::hide_init(prepared)?;

    let mut sources = Sources::new(init)?;
    let base = prepared.root().map(|(index, bind)| sources.clone_tree(bind, index)).transpose()?;
    let mut tree = Tree::new(&plan.root, base, &plan.mounts)?;
    for (index, mount) in plan.mounts.iter().enumerate() {
        match &mount.kind {
            MountKind::Bind(Bind { role: BindRole::Root, .. }) => {}
            MountKind::Bind(bind) => {
                let mounted = sources.clone_tree(bind, index).and_then(|source| {
                    tree.mount(&mount.at, &source, bind.directory, index)?;
                    if bind.role == BindRole::Pin { tree.pinned(&mount.at, &source, index) } else { Ok(()) }
                });
                match mounted {
                    // EINVAL: another than the one that was there has come in its place.
                    Err(Failure { errno: Errno::ENOENT | Errno::EINVAL, .. }) if plan.may_be_gone(mount) => {}
                    mounted => mounted?,
                }
            }
            MountKind::Tmpfs(tmpfs) => tree.tmpfs(&mount.at, tmpfs, index)?,
            MountKind::File(file) => tree.file(&mount.at, file, index)?,
            MountKind::Symlink(to) => tree.symlink(&mount.at, to, index)?,
            MountKind::Hide(hide) => match tree.hide(&mount.at, hide.directory, index) {
                Err(Failure { errno: Errno::ENOENT, .. }) if hide.may_be_gone => {}
                Err(Failure { errno: Errno::EACCES, .. })
                    if hide.may_be_gone && tree.is_out_of_reach(&mount.at, index) => {}
                hidden => hidden?,
            },
            MountKind::Proc => proc::mount(&mut tree, &mount.at, prepared, index)?,
            MountKind::Devpts => tree.devpts(&mount.at, index)?,
        }
    }
    drop(sources);
    let devpts = tree.enter()?;

    isolate::loopback(plan.network)?;
    isolate::hostname(&plan.hostname)?;
    isolate::keyring()?;
    let terminal = terminal::open(init, devpts.as_ref())?;
    let in_cgroup = isolate::wait_for_go(&init.link)?;
    isolate::cgroup_namespace()?;
    namespaces.open_cgroup()?;

    step_down(prepared)?;
    let workdir = door::open_directory(&plan.workdir).at(Step::WorkingDirectory)?;
    let fence = landlock::ruleset(prepared.landlock.as_ref()).at(Step::Landlock)?;
    let door = Door { namespaces, workdir, fence, terminals: devpts };
    let footing = Footing { terminal, in_cgroup, workdir: &door.workdir, fence: door.fence.as_ref() };
    let (payload, says) = fork(init, &footing, Some(&door), None)?;
    reap::run(init, payload, &footing, says)
}

/// What the payload stands on once init, or the stand-in of one who enters, has stepped down.
struct Footing<'door> {
    /// The slave of its pty, if it has one.
    terminal: Option<OwnedFd>,
    /// Does a cgroup count its processes?
    in_cgroup: bool,
    workdir: &'door OwnedFd,
    /// The Landlock ruleset.
    fence: Option<&'door OwnedFd>,
}

/// Limits, capabilities, filter: before there is a process that runs what is not ours.
fn step_down(prepared: &Prepared) -> Done {
    rlimits::apply_early(&prepared.rlimits).at(Step::Rlimits)?;
    capabilities::reduce(&prepared.capabilities).at(Step::Capabilities)?;
    step_down_filter(prepared)
}

/// The payload's process, which dies with the process behind `parent`, and what it waits for: a word that must not be said before
/// all has gone well, for a failure here must not find the command running.
fn fork(init: &Init, footing: &Footing, door: Option<&Door>, parent: Option<&OwnedFd>) -> Done<(Pid, OwnedFd)> {
    let (hears, says) = pipe2(OFlag::O_CLOEXEC).at(Step::Fork)?;
    match process::fork_with_pidfd().at(Step::Fork)? {
        Cloned::Child => {
            drop(says);
            payload::run(init, footing, &hears, parent)
        }
        Cloned::Parent(pid, pidfd) => {
            let Parts { fence, terminals } = door.map(Door::parts).unwrap_or_default();
            let handed_over = door.map(Door::descriptors).unwrap_or_default();
            let descriptors: Vec<_> = std::iter::once(pidfd.as_fd()).chain(handed_over).collect();
            init.link.send(Record::Started { fence, terminals }, &descriptors).at(Step::Fork)?;
            Ok((pid, says))
        }
    }
}

/// seccomp(2), once, before the fork: no hostile code ever runs beside an unfiltered PID 1.
fn step_down_filter(prepared: &Prepared) -> Done {
    match &prepared.filter {
        Some(filter) => seccompiler::apply_filter(&filter.program).map_err(|_| Errno::last()).at(Step::Seccomp),
        None => Ok(()),
    }
}

/// The namespaces of the one clone3(2); namespaces(7). The cgroup namespace comes after the barrier, at the payload's own cgroup.
pub fn namespaces(network: crate::plan::NetworkMode) -> libc::c_int {
    let own = libc::CLONE_NEWUSER | libc::CLONE_NEWNS | libc::CLONE_NEWPID | libc::CLONE_NEWUTS | libc::CLONE_NEWIPC;
    let own = match network {
        crate::plan::NetworkMode::None => own | libc::CLONE_NEWNET,
        crate::plan::NetworkMode::Host => own,
    };
    let left_out = [
        ("pid-namespace", libc::CLONE_NEWPID),
        ("network-namespace", libc::CLONE_NEWNET),
        ("uts-namespace", libc::CLONE_NEWUTS),
        ("ipc-namespace", libc::CLONE_NEWIPC),
    ];
    left_out.into_iter().filter(|(layer, _)| without::layer(layer)).fold(own, |all, (_, flag)| all & !flag)
}
