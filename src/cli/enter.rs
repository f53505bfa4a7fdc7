//! `sandbox enter NAME -- COMMAND`: another command in a sandbox that runs.

use super::run::refuse_set_id;
use super::say::{self, Verbosity};
use super::tell;
use crate::host;
use crate::host::registry::ask;
use std::ffi::OsString;

/// Does it, and returns the exit code: the command's, as that of a run.
pub fn enter(name: &str, command: Vec<OsString>, verbosity: Verbosity) -> u8 {
    say::start(verbosity);
    let entered =
        refuse_set_id().and_then(|()| ask::find(name)).and_then(|mut run| host::enter::enter(&mut run, command));
    match entered {
        Ok(outcome) => {
            tell::tell(&outcome);
            outcome.sandbox_exit_code(&[])
        }
        Err(error) => say::error(&error),
    }
}
