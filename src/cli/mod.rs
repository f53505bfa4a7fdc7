//! What a user types and reads: one file per subcommand. Knows the rooms below; none of them knows it.

pub mod args;
mod explain;
mod profile;
mod run;
mod say;

use args::Invocation;
use say::Verbosity;
use std::ffi::OsString;

/// A whole invocation: argv to exit code.
pub fn main(arguments: impl Iterator<Item = OsString>) -> u8 {
    let invocation = match args::parse(arguments) {
        Ok(invocation) => invocation,
        Err(error) => {
            say::start(Verbosity::default());
            return say::error(&error);
        }
    };
    match invocation {
        Invocation::Run(run) => run::run(*run),
        Invocation::Explain { run, json } => explain::explain(*run, json),
        Invocation::ProfileList => profile::list(),
        Invocation::ProfileShow { name, resolved } => profile::show(&name, resolved),
        Invocation::ProfileCheck { files } => profile::check(&files),
        Invocation::Print(text) => say::print(&text),
    }
}


