//! `sandbox rootfs import`, the half outside: nothing of an archive is read here.

use super::contained::{self, Interrupts, Speech, Stopped};
use super::inside::{INSIDE, Task};
use super::record::{Map, Record};
use super::source::{self, SPOOLED};
use super::staging::{Staging, sweep};
use super::store::{self, Store};
use super::unpack::{Failure, Limits, Summary};
use super::words::Word;
use crate::error::Error;
use crate::plan::contained::{Contained, Shown};
use nix::errno::Errno;
use nix::fcntl::AtFlags;
use nix::sys::stat::{Mode, fstatat, umask};
use std::fs::Metadata;
use std::path::{Path, PathBuf};

/// What is asked for.
#[derive(Debug)]
pub struct Request {
    /// A file, a directory, or `-`.
    pub source: PathBuf,
    /// What it is to be called.
    pub name: String,
    /// Whose the files are to be.
    pub map: Map,
    /// The most that is taken.
    pub limits: Limits,
}

/// What is being done, and how far it has come, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Reading a pipe.
    Reading(u64),
    /// Unpacking: how much of the source has been read, and how much there is; that is not known of a directory.
    Unpacking(u64, Option<u64>),
}

/// Does it; there is nothing new if it fails.
///
/// # Errors
/// The caller's signal came; there is such a root; the source cannot be read, or is refused; there is no room.
pub fn import(request: &Request, tell: &mut dyn FnMut(Progress)) -> Result<Record, Stopped> {
    store::check_name(&request.name)?;
    // All that is made here is the caller's alone: one who takes even that away could not go on.
    umask(Mode::S_IRWXG | Mode::S_IRWXO);
    let store = Store::make()?;
    sweep(&store)?;
    if fstatat(&store, request.name.as_str(), AtFlags::AT_SYMLINK_NOFOLLOW).is_ok() {
        return Err(taken(&request.name).into());
    }
    let interrupts = Interrupts::hold()?;
    let staging = Staging::new(&store)?;
    for directory in ["tree", "room"] {
        staging.make(directory).map_err(unwritable)?;
    }
    let most = request.limits.bytes;
    let found = source::find(&request.source, &staging, most, &interrupts, &mut |read| tell(Progress::Reading(read)))?;
    let whole = found.path.metadata().ok().filter(Metadata::is_file).map(|metadata| metadata.len());
    let contained = contained(request, &found.path, &staging);
    let ended = contained::run(&contained, Speech::Stdout, &interrupts, &mut |word| {
        if let Word::Progress(bytes) = word {
            tell(Progress::Unpacking(*bytes, whole));
        }
    })?;
    let summary = summary(ended.last, &request.source)?;
    interrupts.check()?;
    let record = Record::new(&request.name, &found.name, found.sha256, request.map, summary);
    for left in ["room", SPOOLED] {
        staging.delete(left).map_err(unwritable)?;
    }
    record.write(&staging).map_err(|error| unwritable(Errno::from_raw(error.raw_os_error().unwrap_or(0))))?;
    staging.publish(&request.name).map_err(|errno| match errno {
        Errno::EEXIST => taken(&request.name),
        errno => unwritable(errno),
    })?;
    Ok(record)
}

fn contained(request: &Request, source: &Path, staging: &Staging<'_>) -> Contained {
    let shown = |name, writable| Shown { source: staging.path().join(name), name, writable };
    let source = Shown { source: source.to_path_buf(), name: "source", writable: false };
    let Limits { bytes, entries } = request.limits;
    let task = Task::Import { bytes, entries, map: request.map };
    Contained {
        words: [INSIDE.into()].into_iter().chain(task.words()).collect(),
        shown: vec![shown("tree", true), shown("room", true), source],
        capabilities: task.capabilities(),
        // An image is kept without its compression, up to twice as large: then it is refused in words.
        file_size: Some(bytes.saturating_mul(2).saturating_add(1 << 20)),
        // A word of progress each tenth of a second, for days.
        output: Some(256 << 20),
        has_range: request.map == Map::Subordinate,
    }
}

/// What was said of a success; what was said of a failure as an error.
pub(super) fn summary(last: Word, what: &Path) -> Result<Summary, Error> {
    match last {
        Word::Done(summary) => Ok(summary),
        Word::Failed(Failure { reason, remedy }) => {
            let error = Error::host(format!("{}: {reason}", what.display())).path(what);
            Err(if remedy.is_empty() { error } else { error.remedy(remedy) })
        }
        Word::Progress(_) => Err(Error::new(crate::error::ErrorKind::Internal, "progress is no last word")),
    }
}

fn taken(name: &str) -> Error {
    Error::usage(format!("there is a root {name:?} already"))
        .remedy(format!("Choose another name, or remove it first: sandbox rootfs remove {name}"))
}

fn unwritable(errno: Errno) -> Error {
    let error = Error::host(format!("the root cannot be written: {}", errno.desc())).errno(errno);
    error.remedy("Make room, or name a directory on a larger disk with XDG_DATA_HOME")
}
