//! What a user types and reads: one file per subcommand. Knows the rooms below; none of them knows it.

pub mod args;
mod completions;
mod enter;
pub mod explain;
mod init;
mod kill;
mod profile;
mod ps;
mod rootfs;
mod run;
mod say;
mod stats;
mod table;
mod tell;
mod timings;
mod verify;

use crate::error::Error;
use crate::profile::Shelves;
use crate::timings::Stopwatch;
use args::Invocation;
use say::Verbosity;
use std::ffi::OsString;

/// A whole invocation: argv to exit code.
pub fn main(arguments: impl Iterator<Item = OsString>) -> u8 {
    let stopwatch = Stopwatch::start();
    #[cfg(feature = "faults")]
    crate::faults::read();
    let invocation = match args::parse(arguments) {
        Ok(invocation) => invocation,
        Err(error) => {
            say::start(Verbosity::default());
            return say::error(&error);
        }
    };
    match invocation {
        Invocation::Run(run) => run::run(*run, stopwatch),
        Invocation::Explain { run, json } => explain::explain(*run, json),
        Invocation::ProfileList => answer(say::show, || Ok(profile::list(&Shelves::from_environment()))),
        Invocation::Verify(asked) => verify::run(asked),
        Invocation::VerifyInside { word } => crate::verify::inside(word),
        Invocation::ProfileShow { name, resolved: false } => {
            answer(say::hand_out, || profile::show(&Shelves::from_environment(), &name))
        }
        Invocation::ProfileShow { name, resolved: true } => {
            answer(say::hand_out, || profile::resolved(&Shelves::from_environment(), &name))
        }
        Invocation::ProfileCheck { files } => check(&files),
        Invocation::ProfileDiff { a, b } => diff(&a, &b),
        Invocation::ProfileInit { file } => answer(say::show, || init::init(&file)),
        Invocation::Ps { json } => answer(say::print, || ps::ps(json)),
        Invocation::Stats { name, form } => watch(&name, form),
        Invocation::Kill { names, signal } => kill::kill(&names, signal),
        Invocation::Enter(entry) => enter::enter(entry, stopwatch),
        Invocation::Rootfs(subcommand) => rootfs::run(subcommand),
        Invocation::RootfsInside { task } => crate::rootfs::inside::run(task),
        Invocation::Completions { shell } => answer(say::print, || completions::completions(&shell)),
        Invocation::Print(text) => answer(say::print, || Ok(text)),
    }
}

/// What was asked for, on stdout.
fn answer(say: fn(&str) -> u8, text: impl FnOnce() -> Result<String, Error>) -> u8 {
    say::start(Verbosity::default());
    match text() {
        Ok(text) => say(&text),
        Err(error) => say::error(&error),
    }
}

fn watch(name: &str, form: stats::Form) -> u8 {
    say::start(Verbosity::default());
    stats::stats(name, form).unwrap_or_else(|error| say::error(&error))
}

fn check(files: &[String]) -> u8 {
    say::start(Verbosity::default());
    profile::check(&Shelves::from_environment(), files).iter().map(say::error).max().unwrap_or(0)
}

/// As diff(1): 0 if there is no difference, 1 if there is.
fn diff(a: &str, b: &str) -> u8 {
    say::start(Verbosity::default());
    match profile::diff(&Shelves::from_environment(), a, b) {
        Ok(lines) => say::show(&lines).max(u8::from(!lines.is_empty())),
        Err(error) => say::error(&error),
    }
}
