//! The inside half: reads what there is to reach, tries, and says what came of it, a line each.

use super::baits::{Baits, PLACE};
use super::probe::{Answer, Attempt, Probe, cut_short, no_room, not_tried};
use super::{battery, power, processes, spend};
use crate::sys::process::{self, Cloned};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::alarm;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::io::Write;
use std::os::fd::AsFd;
use std::path::Path;

/// The word with which this program starts it; no subcommand for people.
pub const INSIDE: &str = "__verify";

/// A line of stdout.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Line {
    /// Which probe; of the last line it is [`END`].
    pub id: String,
    /// What came of it.
    pub answer: Answer,
}

/// The last line: without it the battery was cut short.
pub(super) const END: &str = "end";

/// What the word after it asks for; without one, the battery with the baits that stdin tells of.
pub fn run(word: Option<OsString>) -> u8 {
    match word.as_deref().and_then(|word| word.to_str()) {
        Some(power::TELL) => power::tell_capabilities(),
        Some(processes::HOLD) => processes::hold(&Path::new(PLACE).join("shown")),
        Some(word) if let Some(code) = spend::run(word) => code,
        _ => all(),
    }
}

fn all() -> u8 {
    let Ok(baits) = std::io::read_to_string(std::io::stdin()) else { return 1 };
    let Ok(baits) = serde_json::from_str::<Baits>(&baits) else { return 1 };
    for (_, probe) in battery() {
        if let Attempt::Inside(attempt) = probe.attempt {
            one(probe, attempt, &baits);
        }
    }
    say(END, Answer::Held(String::new()));
    0
}

/// Says it itself; what it could not say, for the filter or a limit ended it, is said for it.
fn one(probe: &Probe, attempt: fn(&Baits) -> Answer, baits: &Baits) {
    match process::fork_with_pidfd() {
        Err(errno) => say(probe.id, no_room(errno)),
        Ok(Cloned::Child) => {
            alarm::set(PATIENCE);
            say(probe.id, if has_room() { attempt(baits) } else { cut_short("there are too few descriptors for it") });
            process::exit_now(0)
        }
        Ok(Cloned::Parent(pid, _)) => match waitpid(pid, None) {
            Ok(WaitStatus::Exited(_, 0)) => {}
            Ok(WaitStatus::Signaled(_, Signal::SIGSYS, _)) => {
                say(probe.id, not_tried("the filter ended it before all was tried"));
            }
            Ok(WaitStatus::Signaled(_, Signal::SIGALRM, _)) => {
                say(probe.id, cut_short(format_args!("no answer in {PATIENCE} s")));
            }
            end => say(probe.id, cut_short(format_args!("the probe ended before it was done: {end:?}"))),
        },
    }
}

/// As many descriptors as an attempt holds at once: one that finds none free would pass for one that was refused.
fn has_room() -> bool {
    let held: Vec<_> = (0..8).map(|_| std::io::stdout().as_fd().try_clone_to_owned()).collect();
    held.iter().all(Result::is_ok)
}

/// Seconds for one probe.
const PATIENCE: u32 = 20;

fn say(id: &str, answer: Answer) {
    let line = serde_json::to_string(&Line { id: id.into(), answer }).unwrap_or_default() + "\n";
    // Without a reader there is nobody to tell that.
    let _ = std::io::stdout().write_all(line.as_bytes());
}
