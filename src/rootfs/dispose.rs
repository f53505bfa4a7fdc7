//! Deleting what lies beside the roots, whoever its files belong to.

use super::contained::{self, Interrupts, Speech, Stopped};
use super::delete::delete;
use super::import::summary;
use super::inside::{INSIDE, Task};
use super::staging::c_string;
use super::store::Store;
use crate::error::Error;
use crate::plan::contained::{Contained, Shown};
use nix::errno::Errno;
use std::path::Path;

/// Deletes a directory of the store. Files of other ids belong, inside, to the one whom all of them are mapped to.
///
/// # Errors
/// It cannot be deleted: the error has an errno; or the run that was to do it failed.
pub(super) fn dispose(store: &Store, name: &str) -> Result<(), Stopped> {
    let deleted = || delete(store, &c_string(name));
    match deleted() {
        Err(Errno::EACCES | Errno::EPERM) => {}
        answer => return Ok(answer.map_err(failed)?),
    }
    let contained = Contained {
        words: [INSIDE.into()].into_iter().chain(Task::Delete.words()).collect(),
        shown: vec![Shown { source: store.path().join(name), name: "doomed", writable: true }],
        capabilities: Task::Delete.capabilities(),
        output: Some(1 << 20),
        has_range: true,
        ..Contained::default()
    };
    let ended = contained::run(&contained, Speech::Stdout, &Interrupts::hold()?, &mut |_| {})?;
    summary(ended.last, Path::new(name))?;
    Ok(deleted().map_err(failed)?)
}

fn failed(errno: Errno) -> Error {
    Error::host(errno.desc()).errno(errno)
}
