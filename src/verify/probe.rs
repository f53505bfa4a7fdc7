//! What a probe is: one promise, one honest attempt to break it, and who may have given it away.

use super::baits::Baits;
use super::runs::Runs;
use crate::plan::Plan;
use crate::sys::process::{self, Cloned};
use nix::errno::Errno;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::alarm;
use serde::{Deserialize, Serialize};
use std::fmt::Display;

/// One attempt.
#[derive(Debug)]
pub struct Probe {
    /// Kebab-case, and never another's.
    pub id: &'static str,
    /// What is promised: SECURITY.md's words.
    pub promise: &'static str,
    /// What is done about it.
    pub tried: &'static str,
    /// How it is done.
    pub attempt: Attempt,
    /// The key of the profile that gives the promise away, if one does.
    pub granted: fn(&Granted) -> Option<String>,
}

/// Where an attempt is made.
#[derive(Debug, Clone, Copy)]
pub enum Attempt {
    /// Inside, in a process of its own: harmless where there is no sandbox, too.
    Inside(fn(&Baits) -> Answer),
    /// By a further run with the same options.
    Run(fn(&Runs) -> Answer),
}

/// What may have given a promise away.
#[derive(Debug)]
pub struct Granted<'run> {
    /// What the profile and the flags come to.
    pub plan: &'run Plan,
    /// What was laid out.
    pub baits: &'run Baits,
    /// What got through: names of calls, paths.
    pub through: &'run [String],
}

impl Granted<'_> {
    /// The key of the first, if each has one: what is granted in part is a broken promise.
    pub fn each(&self, key: impl Fn(&str) -> Option<String>) -> Option<String> {
        self.through.iter().map(|name| key(name)).collect::<Option<Vec<_>>>()?.into_iter().next()
    }
}

impl Probe {
    /// One that is made inside, and whose promise no profile can give away.
    pub const fn new(
        id: &'static str,
        promise: &'static str,
        tried: &'static str,
        attempt: fn(&Baits) -> Answer,
    ) -> Probe {
        Probe { id, promise, tried, attempt: Attempt::Inside(attempt), granted: |_| None }
    }

    /// One that takes a run of its own.
    pub const fn by_run(
        id: &'static str,
        promise: &'static str,
        tried: &'static str,
        attempt: fn(&Runs) -> Answer,
    ) -> Probe {
        Probe { id, promise, tried, attempt: Attempt::Run(attempt), granted: |_| None }
    }

    /// The same, where a key can.
    pub const fn unless(self, granted: fn(&Granted) -> Option<String>) -> Probe {
        Probe { granted, ..self }
    }
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It failed, as it should.
    Held(String),
    /// It succeeded: what got through, one by one.
    Through(Vec<String>),
    /// It could not be made here, and why.
    NotTried(String),
    /// The same, for want of processes, descriptors, memory or time: another run might have shown it.
    CutShort(String),
}

/// It failed.
pub fn held(seen: impl Display) -> Answer {
    Answer::Held(seen.to_string())
}

/// It succeeded.
pub fn through(seen: impl Display) -> Answer {
    Answer::Through(vec![seen.to_string()])
}

/// It could not be made.
pub fn not_tried(why: impl Display) -> Answer {
    Answer::NotTried(why.to_string())
}

/// It could not be made, for want of what an attempt takes.
pub fn cut_short(why: impl Display) -> Answer {
    Answer::CutShort(why.to_string())
}

/// Of several attempts each that succeeded counts; `refused` says what the others came to.
pub fn none_of(through: Vec<String>, refused: impl Display) -> Answer {
    if through.is_empty() { held(refused) } else { Answer::Through(through) }
}

/// The same, where an errno that only says that something ran out is no refusal.
pub fn none_but(through: Vec<String>, refused: Vec<Errno>) -> Answer {
    match refused.iter().find(|errno| is_want(**errno)) {
        Some(errno) if through.is_empty() => no_room(*errno),
        _ => none_of(through, told(refused)),
    }
}

/// Does it say that descriptors or memory ran out?
pub fn is_want(errno: Errno) -> bool {
    matches!(errno, Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM)
}

/// Each answer once.
pub fn told(mut answers: Vec<Errno>) -> String {
    answers.sort_by_key(|errno| *errno as i32);
    answers.dedup();
    answers.iter().map(|errno| format!("{errno:?}")).collect::<Vec<_>>().join(", ")
}

/// How an attempt ended that had a process of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// It succeeded.
    Done,
    /// errno
    Errno(Errno),
    /// A signal ended it: SIGSYS is the filter's.
    Killed(i32),
}

impl Reply {
    /// Did a layer stop it, or only the kernel's look at the arguments?
    pub fn is_refusal(self) -> bool {
        matches!(
            self,
            Reply::Errno(Errno::EPERM | Errno::ENOSYS | Errno::EACCES | Errno::EAFNOSUPPORT)
                | Reply::Killed(nix::libc::SIGSYS)
        )
    }
}

impl Display for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Reply::Done => write!(f, "it succeeded"),
            Reply::Errno(errno) => write!(f, "{errno:?}"),
            Reply::Killed(nix::libc::SIGSYS) => write!(f, "killed by the filter"),
            Reply::Killed(signal) => write!(f, "killed by signal {signal}"),
        }
    }
}

/// How long a probe may take, seconds.
const PATIENCE: u32 = 10;

/// Does it in a process of its own, which a filter may kill.
///
/// # Errors
/// There can be no further process.
pub fn alone(attempt: impl FnOnce() -> nix::Result<()>) -> nix::Result<Reply> {
    match process::fork_with_pidfd()? {
        Cloned::Child => {
            alarm::set(PATIENCE);
            process::exit_now(attempt().err().map_or(0, |errno| errno as i32))
        }
        Cloned::Parent(pid, _) => Ok(match waitpid(pid, None)? {
            WaitStatus::Exited(_, 0) => Reply::Done,
            WaitStatus::Exited(_, errno) => Reply::Errno(Errno::from_raw(errno)),
            WaitStatus::Signaled(_, signal, _) => Reply::Killed(signal as i32),
            _ => Reply::Errno(Errno::ECHILD),
        }),
    }
}

/// The limits leave no process, descriptor or memory for the attempt.
pub fn no_room(errno: Errno) -> Answer {
    cut_short(format_args!("there was no room for it: {errno:?}"))
}
