//! `sandbox rootfs export`, the half outside: the tree is read inside, for who wrote it is not trusted.

use super::contained::{self, Interrupts, Speech, Stopped};
use super::hold::hold;
use super::import::summary;
use super::inside::{INSIDE, Task};
use super::record::Map;
use super::target::Target;
use super::unpack::Summary;
use crate::error::Error;
use crate::plan::contained::{Contained, Shown};
use std::path::Path;

/// Writes the root as a tar archive to a file, or to stdout for `None` and `-`; what was left out is in the summary.
///
/// # Errors
/// The caller's signal came; there is no such root; the archive cannot be written. No file is made then.
pub fn export(name: &str, to: Option<&Path>) -> Result<Summary, Stopped> {
    let held = hold(name)?;
    // While a FIFO waits for its reader, a signal ends this as any other program.
    let target = Target::open(to)?;
    let interrupts = Interrupts::hold()?;
    // Dropped before they are let go: a second signal does not end this before a half-made file is gone.
    let mut target = target;
    let task = Task::Export { map: held.record.map };
    let contained = Contained {
        words: [INSIDE.into()].into_iter().chain(task.words()).collect(),
        shown: vec![Shown { source: held.tree().to_path_buf(), name: "tree", writable: false }],
        capabilities: task.capabilities(),
        has_range: held.record.map == Map::Subordinate,
        ..Contained::default()
    };
    let ended = contained::run(&contained, Speech::Stderr(target.writer()?), &interrupts, &mut |_| {});
    let ended = ended.map_err(|stopped| match stopped {
        Stopped::Failed(error) => Error { message: format!("{name}: {}", error.message), ..error }.into(),
        by_signal => by_signal,
    })?;
    let summary = summary(ended.last, Path::new(name))?;
    if ended.stdout_bytes != summary.bytes {
        return Err(Error::host(format!(
            "{name}: only {} of {} bytes could be written",
            ended.stdout_bytes, summary.bytes
        ))
        .remedy("Make room, or name another file")
        .into());
    }
    interrupts.check()?;
    target.publish()?;
    Ok(summary)
}
