//! `sandbox enter`: another command in a sandbox that runs, behind the same layers.
//!
//! All that it is made of comes from the run's supervisor: the door that init left there before the first instruction of the
//! payload's, and what the plan came to. A supervisor and three processes as in a run, with a stand-in in init's place.

use super::cgroup::Cgroup;
use super::launch;
use super::outcome::{Outcome, Status};
use super::pass::Pass;
use super::registry::ask::Run;
use super::registry::message::{Answer, Misunderstood, Question};
use super::signals::Signals;
use super::stdio::Stdio;
use super::supervise::Supervisor;
use super::{Options, root, why};
use crate::error::{Error, ErrorKind};
use crate::inside::door::Door;
use crate::prepare::{self, Prepared};
use crate::timings::Stopwatch;
use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::ffi::OsString;
use std::os::fd::{AsFd, OwnedFd};

/// Between the end of the last process inside and that of init: milliseconds.
const END_OF_INIT: u16 = 1000;

/// What a supervisor lets one have who enters.
#[derive(Debug)]
struct Entrance {
    pass: Pass,
    /// A pidfd of the sandbox's init.
    init: OwnedFd,
    cgroup: Option<OwnedFd>,
    door: Door,
}

/// Runs `argv`, or the sandbox's shell, in it.
///
/// # Errors
/// Of what comes before the first process; what comes after is in the outcome.
pub fn enter(run: &mut Run, argv: Vec<OsString>, watch: &mut Stopwatch) -> Result<Outcome, Error> {
    let Entrance { pass, init, cgroup, door } = watch.after("entrance", Entrance::ask(run))?;
    let too_many = pass.groups_too_many().map_err(why::clone_failed)?;
    if let Some(group) = too_many.first() {
        return Err(Error::host(format!("this process is in the group {group}, and the sandbox {} is not", run.name))
            .remedy("Enter from a login with the groups that it was started with"));
    }
    let shell = || pass.variable("SHELL").cloned().unwrap_or_else(|| "/bin/sh".into());
    let argv = if argv.is_empty() { vec![shell()] } else { argv };
    let plan = pass.plan(argv).map_err(|why| run.not_understood(&why))?;
    let mut prepared = watch.after("prepare", prepare::prepare(&plan))?;
    pass.apply(&mut prepared);
    let mut outcome = attempt(&prepared, cgroup, door, watch).unwrap_or_else(Outcome::failed);
    reword(&mut outcome, &run.name, &prepared, &init);
    Ok(outcome)
}

impl Entrance {
    fn ask(run: &mut Run) -> Result<Self, Error> {
        let (Answer::Enter { parts, in_cgroup }, descriptors) = run.ask(Question::Enter)? else {
            return Err(run.not_understood(&Misunderstood::Nonsense));
        };
        let mut descriptors = descriptors.into_iter();
        let pass = descriptors.next().ok_or(Misunderstood::Nonsense).and_then(Pass::read);
        let pass = pass.map_err(|why| run.not_understood(&why))?;
        let init = descriptors.next();
        let cgroup = in_cgroup.then(|| descriptors.next()).flatten();
        let door = Door::from_descriptors(descriptors.collect(), parts);
        match (init, door) {
            (Some(init), Ok(door)) if in_cgroup == cgroup.is_some() => Ok(Entrance { pass, init, cgroup, door }),
            _ => Err(run.not_understood(&Misunderstood::Nonsense)),
        }
    }
}

fn attempt(prepared: &Prepared, cgroup: Option<OwnedFd>, door: Door, watch: &mut Stopwatch) -> Result<Outcome, Error> {
    let (stdin, stdout, stderr) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
    let mut stdio = Stdio::prepare(&Options::default(), [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()], None)?;
    let signals = watch.after("stdio", Signals::block()).map_err(why::clone_failed)?;
    let ends = stdio.take_payload_ends();
    root::give(&ends, &prepared.plan.user).map_err(why::clone_failed)?;
    let stand_in = launch::launch_stand_in(prepared, ends, door, watch)?;
    signals.listen().map_err(why::clone_failed)?;
    let cgroup = Cgroup::of_entered(prepared.plan, cgroup);
    Supervisor::new(prepared, stand_in, signals, stdio, cgroup, None, watch)?.run()
}

/// What happened to the sandbox is the reason of what happened to the command.
fn reword(outcome: &mut Outcome, name: &str, prepared: &Prepared, init: &OwnedFd) {
    let was_killed = outcome.status == Status::Signaled && outcome.signal == Some(libc::SIGKILL);
    let was_not = outcome.status == Status::SetupFailed;
    let patience = if was_killed { PollTimeout::from(END_OF_INIT) } else { PollTimeout::ZERO };
    let has_ended = || poll(&mut [PollFd::new(init.as_fd(), PollFlags::POLLIN)], patience).is_ok_and(|ended| ended > 0);
    if was_killed && has_ended() {
        tracing::warn!("the sandbox {name} ended, and the command with it");
    } else if was_not && has_ended() {
        outcome.error = Some(Error::host(format!("the sandbox {name} has just ended")).remedy("See sandbox ps"));
    } else if let Some(error) = outcome.error.as_mut() {
        if (error.step, error.errno) == (Some("execute"), Some(Errno::ENOENT)) {
            let command = prepared.plan.command.argv.first().map(|name| name.to_string_lossy().into_owned());
            let error_of_command = format!("{} is not found in the sandbox {name}", command.unwrap_or_default());
            *error = Error { remedy: None, path: None, ..error.clone() };
            (error.message, error.kind) = (error_of_command, ErrorKind::Exec);
        }
        why::advise(error);
    }
}
