//! `sandbox enter NAME -- COMMAND`: another command in a sandbox that runs.

use super::args::Entry;
use super::run::refuse_set_id;
use super::{say, tell, timings};
use crate::host;
use crate::host::registry::ask;
use crate::timings::Stopwatch;

/// Does it, and returns the exit code: the command's, as that of a run.
pub fn enter(entry: Entry, mut watch: Stopwatch) -> u8 {
    say::start(entry.verbosity);
    if entry.timings {
        watch.keep();
    }
    watch.lap("command-line");
    let code = attempt(entry, &mut watch);
    watch.lap("report");
    timings::tell(&watch, "stand-in");
    code
}

fn attempt(entry: Entry, watch: &mut Stopwatch) -> u8 {
    let found = refuse_set_id().and_then(|()| ask::find(&entry.name));
    match found.and_then(|mut run| host::enter::enter(&mut run, entry.command, watch)) {
        Ok(outcome) => {
            tell::tell(&outcome);
            outcome.sandbox_exit_code(&[])
        }
        Err(error) => say::error(&error),
    }
}
