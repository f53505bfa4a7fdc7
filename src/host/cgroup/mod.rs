//! The run's cgroup, cgroups(7): found or asked for, limited, joined by init, read, gone.
//!
//! Three ways, in order: a subtree that is delegated to the caller already, a scope that the service manager delegates, none.

mod current;
mod delegated;
mod files;
#[cfg(fuzzing)]
pub mod fuzzing;
mod guest;
mod helper;
mod hierarchy;
mod run;
mod scope;

use super::outcome::CgroupFigures;
use crate::error::Error;
use crate::plan::{Enforcement, Plan};
pub(super) use current::{Current, current};
use delegated::Subtree;
use helper::{Answer, Helper};
use hierarchy::Hierarchy;
use nix::unistd::Pid;
use run::RunCgroup;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// How long the service manager may be silent after a question. There are five, and all together take a few milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// The way to the run's cgroup, from before the clone to the word to go, and what came of it.
#[derive(Debug)]
pub(super) struct Cgroup<'run> {
    plan: &'run Plan,
    state: State,
}

#[derive(Debug)]
enum State {
    /// No limit needs one; or it was only preferred, and this is what the run does without, and why.
    Without(Option<String>),
    /// Another run's, to be joined before the word to go, and neither read nor ended here.
    Guest(OwnedFd),
    /// Found before the clone.
    Delegated(Subtree),
    /// Asked for: until the helper's answer, or this moment.
    Asked { helper: Helper, hierarchy: Hierarchy, init: Pid, until: Option<Instant> },
    /// Init is in it, with the limits written. The others are only there: they keep what is above it until the figures are read.
    Joined { cgroup: RunCgroup, _subtree: Option<Subtree>, _helper: Option<Helper> },
}

/// What a cgroup tells of a run when that is over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ending {
    pub(super) figures: CgroupFigures,
    /// The OOM killer was there.
    pub(super) is_out_of_memory: bool,
    /// And it was for the run's own limit.
    pub(super) has_reached_its_memory: bool,
    /// pids.max was reached.
    pub(super) has_refused_a_fork: bool,
}

/// Why there is no cgroup, as one sentence; and what to do about it.
#[derive(Debug)]
pub(super) struct Lack {
    reason: String,
    remedy: String,
}

impl Lack {
    fn new(reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Lack { reason: reason.into(), remedy: remedy.into() }
    }
}

impl<'run> Cgroup<'run> {
    /// Looks for one, or starts the helper that asks for one: before the clone, which its threads
    /// must not meet.
    pub(super) fn find(plan: &'run Plan) -> Result<Self, Error> {
        let state = match plan.cgroup.needed_by.is_empty() {
            true => State::Without(None),
            false => Self::search(plan).or_else(|lack| missed(plan, lack))?,
        };
        Ok(Cgroup { plan, state })
    }

    /// That of a run which is entered, if it has one.
    pub(super) fn of_entered(plan: &'run Plan, directory: Option<OwnedFd>) -> Self {
        Cgroup { plan, state: directory.map_or(State::Without(None), State::Guest) }
    }

    fn search(plan: &Plan) -> Result<State, Lack> {
        let hierarchy = Hierarchy::find()?;
        // What keeps a delegated subtree from use is told only where there is no manager to ask either.
        let unusable = match Subtree::find(&hierarchy, plan) {
            Ok(Some(subtree)) => return Ok(State::Delegated(subtree)),
            Ok(None) => None,
            Err(lack) => Some(lack),
        };
        let bus = scope::bus_address().map_err(|lack| unusable.unwrap_or(lack))?;
        let helper = Helper::start(&bus)?;
        Ok(State::Asked { helper, hierarchy, init: Pid::from_raw(0), until: None })
    }

    /// Init exists: it joins, or the manager is asked to move it.
    pub(super) fn invite(&mut self, new: Pid) -> Result<(), Error> {
        if let State::Guest(directory) = &self.state {
            return guest::join(directory, new);
        }
        if let State::Asked { helper, init, until, .. } = &mut self.state {
            *init = new;
            *until = Some(Instant::now() + PATIENCE);
            // If it has ended already, its answer says why.
            let _ = helper.tell(new);
        }
        self.go_on(|state, plan| match state {
            State::Delegated(subtree) => {
                let cgroup = RunCgroup::make(subtree.directory(), "delegated", plan, new)?;
                Ok(State::Joined { cgroup, _subtree: Some(subtree), _helper: None })
            }
            other => Ok(other),
        })
    }

    /// Has it come to an end, one way or the other: may the payload start?
    pub(super) fn is_settled(&self) -> bool {
        matches!(self.state, State::Without(_) | State::Guest(_) | State::Joined { .. })
    }

    /// What the run does without, and why.
    pub(super) fn degraded(&self) -> Option<&str> {
        match &self.state {
            State::Without(missed) => missed.as_deref(),
            _ => None,
        }
    }

    /// Readable when there is an answer.
    pub(super) fn waits_on(&self) -> Option<BorrowedFd<'_>> {
        match &self.state {
            State::Asked { helper, .. } => Some(helper.as_fd()),
            _ => None,
        }
    }

    /// When it is too late for one.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Asked { until, .. } => *until,
            _ => None,
        }
    }

    /// Hears the answer, or the time-out.
    pub(super) fn hear(&mut self) -> Result<(), Error> {
        let late = self.deadline().is_some_and(|deadline| deadline <= Instant::now());
        self.go_on(|state, plan| {
            let State::Asked { mut helper, hierarchy, init, until } = state else { return Ok(state) };
            let answer = match helper.answer() {
                Some(Answer::Asking { .. }) => {
                    let until = Some(Instant::now() + PATIENCE);
                    return Ok(State::Asked { helper, hierarchy, init, until });
                }
                Some(answer) => answer,
                None if late => Answer::Late,
                None => return Ok(State::Asked { helper, hierarchy, init, until }),
            };
            let scope = match scope::read(answer) {
                Ok(scope) => scope,
                Err(lack) => {
                    helper.end(&hierarchy, Duration::ZERO);
                    return Err(lack);
                }
            };
            let scope = hierarchy.open(&scope).map_err(|errno| {
                Lack::new(format!("the scope's cgroup cannot be opened: {}", errno.desc()), "Run it again")
            })?;
            run::keep_apart(&scope, &[helper.pid, init])?;
            let cgroup = RunCgroup::make(&scope, "systemd-scope", plan, init)?;
            Ok(State::Joined { cgroup, _subtree: None, _helper: Some(helper) })
        })
    }

    /// A step of the way. Where the plan only prefers a cgroup, a lack ends in having none.
    fn go_on(&mut self, step: impl FnOnce(State, &Plan) -> Result<State, Lack>) -> Result<(), Error> {
        let state = std::mem::replace(&mut self.state, State::Without(None));
        self.state = step(state, self.plan).or_else(|lack| missed(self.plan, lack))?;
        Ok(())
    }

    fn joined(&self) -> Option<&RunCgroup> {
        match &self.state {
            State::Joined { cgroup, .. } => Some(cgroup),
            _ => None,
        }
    }

    /// Is init in one, with every limit in force?
    pub(super) fn is_joined(&self) -> bool {
        self.joined().is_some()
    }

    /// Who gave it.
    pub(super) fn layer(&self) -> Option<&'static str> {
        self.joined().map(RunCgroup::layer)
    }

    /// Where the limits are, and the figures; and what of the CPU time was not the payload's, microseconds.
    pub(super) fn limited(&self) -> Option<(BorrowedFd<'_>, [u64; 2])> {
        self.joined().map(RunCgroup::limited)
    }

    /// Where the processes are.
    pub(super) fn joined_directory(&self) -> Option<BorrowedFd<'_>> {
        self.joined().map(RunCgroup::joined)
    }

    /// Does a cgroup count the payload's processes?
    pub(super) fn holds_payload(&self) -> bool {
        self.is_joined() || matches!(self.state, State::Guest(_))
    }

    /// CPU time of all that ever ran in it, microseconds.
    pub(super) fn cpu_time_us(&self) -> Option<u64> {
        self.joined()?.cpu_time_us()
    }

    /// Has the OOM killer been in it?
    pub(super) fn is_out_of_memory(&self) -> bool {
        self.joined().is_some_and(RunCgroup::is_out_of_memory)
    }

    /// The payload begins: what init has used until here is not its own.
    pub(super) fn begin(&mut self) {
        if let State::Joined { cgroup, .. } = &mut self.state {
            cgroup.begin();
        }
    }

    /// cgroup.kill: all of it at once.
    pub(super) fn kill(&self) {
        if let Some(cgroup) = self.joined() {
            cgroup.kill();
        }
    }

    /// What it used, and what happened in it. After everything in it has ended; then the cgroup goes.
    pub(super) fn finish(&mut self) -> Option<Ending> {
        let state = std::mem::replace(&mut self.state, State::Without(None));
        match state {
            State::Joined { ref cgroup, .. } => Some(Ending {
                figures: cgroup.figures(),
                is_out_of_memory: cgroup.is_out_of_memory(),
                has_reached_its_memory: cgroup.has_reached_its_memory(),
                has_refused_a_fork: cgroup.has_refused_a_fork(),
            }),
            State::Asked { helper, hierarchy, .. } => {
                helper.end(&hierarchy, PATIENCE);
                None
            }
            State::Without(_) | State::Guest(_) | State::Delegated(_) => None,
        }
    }
}

/// "limits.memory needs a cgroup: …"; where it is only preferred, a run without.
fn missed(plan: &Plan, lack: Lack) -> Result<State, Error> {
    let keys: Vec<_> = plan.cgroup.needed_by.iter().map(|need| need.key).collect();
    let keys = keys.join(", ");
    if plan.cgroup.mode == Enforcement::Prefer {
        // RLIMIT_NPROC is still there, but each user id has it for itself.
        let each =
            if plan.user.has_range() && keys.contains("limits.pids") { " (but of each user id by itself)" } else { "" };
        return Ok(State::Without(Some(format!("without {keys}{each}, for want of a cgroup: {}", lack.reason))));
    }
    let needs = if plan.cgroup.needed_by.len() == 1 { "needs" } else { "need" };
    let error = Error::host(format!("{keys} {needs} a cgroup: {}", lack.reason))
        .step("cgroup")
        .remedy(format!("{}; or go without these limits: --cgroup prefer", lack.remedy));
    Err(match plan.cgroup.needed_by.first().and_then(|need| need.origin.as_ref()) {
        Some(origin) => error.origin(&origin.without_key()),
        None => error,
    })
}
