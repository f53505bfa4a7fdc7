//! What another `sandbox` of the same user asks of a run: sandbox ps, stats, kill and enter.

use super::Supervisor;
use crate::error::Error;
use crate::host::outcome::rfc3339;
use crate::host::pass::Pass;
use crate::host::registry::message::{self, Answer, Info, Limits, Misunderstood, Question, State, Stats};
use crate::host::registry::visitors::Heard;
use nix::sys::signal::Signal;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Of the command's text, bytes: whole words up to here, and one that is cut.
const LONGEST_COMMAND: usize = 4096;
/// Signals that wait for a command that has not been started.
const MOST_EARLY: usize = 64;

impl Supervisor<'_> {
    pub(super) fn admit(&mut self) {
        if let Some(registration) = &self.registration {
            self.visitors.admit(registration);
        }
    }

    /// Answers all who have asked. One who does not take the answer at once goes without.
    pub(super) fn hear_visitors(&mut self) {
        for heard in self.visitors.hear() {
            let lost = match heard {
                Heard::Question(visitor, question) => self.answer(&visitor, question),
                Heard::Nothing(visitor, why) => message::send(&visitor, &message::encode(&not_understood(&why)), &[]),
            };
            if let Err(errno) = lost {
                tracing::debug!("a question about this run was not answered: {}", errno.desc());
            }
        }
    }

    fn answer(&mut self, visitor: &OwnedFd, question: Question) -> nix::Result<()> {
        let say =
            |answer: &Answer, descriptors: &[BorrowedFd]| message::send(visitor, &message::encode(answer), descriptors);
        match question {
            Question::Info => say(&Answer::Info(self.info()), &[]),
            Question::Stats => {
                let directory = self.cgroup.limited().map(|(directory, _)| directory);
                say(&Answer::Stats(self.stats()), &directory.into_iter().collect::<Vec<_>>())
            }
            Question::Kill => {
                // First the word: then the sandbox, and with it this process, is gone.
                say(&Answer::Done, &[])?;
                self.end_for_visitor();
                Ok(())
            }
            Question::Signal(number) => match Signal::try_from(number) {
                Ok(signal) if self.early.len() < MOST_EARLY => {
                    self.forward(signal, false);
                    say(&Answer::Done, &[])
                }
                _ => say(&refused("the signal cannot be passed on", "Name one of signal(7)"), &[]),
            },
            Question::Enter => self.let_in(visitor),
        }
    }

    fn state(&self) -> State {
        match self.facts.started {
            _ if self.facts.ended.is_some() || self.ending => State::Ending,
            None => State::Starting,
            Some(_) => State::Running,
        }
    }

    fn info(&self) -> Info {
        let plan = self.prepared.plan;
        let since = self.registration.as_ref().map(|registration| rfc3339(registration.since));
        let mut left = LONGEST_COMMAND;
        let mut command = Vec::new();
        for word in &plan.command.argv {
            let word: String = word.to_string_lossy().chars().take(left).collect();
            left = left.saturating_sub(word.len());
            command.push(word);
            if left == 0 {
                break;
            }
        }
        Info {
            state: self.state(),
            init_pid: self.init.pid.as_raw(),
            command,
            profiles: plan.profiles.iter().map(|profile| profile.name.clone()).collect(),
            since: since.unwrap_or_default(),
            cgroup: self.cgroup.layer().map(str::to_owned),
        }
    }

    fn stats(&self) -> Stats {
        let (limits, cgroup) = (&self.prepared.plan.limits, self.cgroup.limited());
        let held = |limit: Option<u64>| limit.filter(|_| cgroup.is_some());
        Stats {
            pid_namespace: self.door.as_ref().and_then(|door| door.namespaces.pid_namespace()),
            init_pid: self.init.pid.as_raw(),
            set_up_us: cgroup.as_ref().map(|(_, set_up)| *set_up),
            limits: Limits {
                memory_bytes: held(limits.memory),
                pids: limits.pids,
                cpus: held(limits.cpus).map(|thousandths| thousandths as f64 / 1000.0),
                cpu_time_us: limits.cpu_time,
                wall_time_us: limits.wall_time,
            },
        }
    }

    /// `sandbox kill`: everything at once.
    fn end_for_visitor(&mut self) {
        if self.facts.started.is_none() {
            let error = Error::host("sandbox kill came before the command was started").remedy("Run it again");
            self.facts.refused.get_or_insert(error);
        } else if self.facts.ended.is_none() {
            tracing::warn!("ended by sandbox kill");
        }
        self.kill_everything();
    }

    fn let_in(&self, visitor: &OwnedFd) -> nix::Result<()> {
        let say = |answer: &Answer| message::send(visitor, &message::encode(answer), &[]);
        let (State::Running, Some(door)) = (self.state(), &self.door) else {
            return say(&refused("the sandbox is just starting or ending", "Try again, or see sandbox ps"));
        };
        let Ok(pass) = Pass::of(self.prepared).and_then(|pass| pass.seal()) else {
            return say(&refused(
                "the sandbox has no room to say what is to be entered: too many open files, or no memory",
                "Raise the limit on open files where it was started (ulimit -n)",
            ));
        };
        let cgroup = self.cgroup.joined_directory();
        let answer = Answer::Enter { parts: door.parts(), in_cgroup: cgroup.is_some() };
        let first = [pass.as_fd(), self.init.pidfd.as_fd()];
        let descriptors: Vec<_> = first.into_iter().chain(cgroup).chain(door.descriptors()).collect();
        message::send(visitor, &message::encode(&answer), &descriptors)
    }
}

fn refused(reason: &str, remedy: &str) -> Answer {
    Answer::Refused { reason: reason.into(), remedy: remedy.into() }
}

fn not_understood(why: &Misunderstood) -> Answer {
    match why {
        Misunderstood::Version(version) => refused(
            &format!("the sandbox was started by sandbox {}, and this is {version}", env!("CARGO_PKG_VERSION")),
            "Use the same program",
        ),
        Misunderstood::Nonsense => refused("the question is not understood", "Use the same program"),
    }
}
