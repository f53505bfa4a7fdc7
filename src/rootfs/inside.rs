//! The half inside: the same program, in a run with nothing but what it works on, says on stdout or stderr what came of it.

use super::delete::empty;
use super::pack;
use super::record::Map;
use super::unpack::{Failure, Limits, Owners, Summary, unpack};
use super::words::Word;
use crate::plan::contained::PLACE;
use caps::Capability;
use nix::sys::stat::{Mode, umask};
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::time::{Duration, Instant};

/// The word with which this program starts it; no subcommand for people.
pub const INSIDE: &str = "__rootfs";

/// What there is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Task {
    /// `source` into `tree`, with room in `room`.
    Import { bytes: u64, entries: u64, map: Map },
    /// `tree` to stdout.
    Export { map: Map },
    /// All that is in `doomed`.
    Delete,
}

impl Task {
    /// As words of a command line.
    pub fn words(&self) -> [OsString; 1] {
        [serde_json::to_string(self).unwrap_or_default().into()]
    }

    /// Those it needs, over the ids of its map alone.
    pub fn capabilities(&self) -> Vec<Capability> {
        use Capability::{CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER};
        match self {
            Task::Import { map: Map::Single, .. } => vec![],
            Task::Import { map: Map::Subordinate, .. } => vec![CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER],
            // What its owner may not read is exported, too.
            Task::Export { .. } => vec![CAP_DAC_READ_SEARCH],
            Task::Delete => vec![CAP_DAC_OVERRIDE, CAP_FOWNER],
        }
    }
}

/// Does it.
pub fn run(task: Option<OsString>) -> u8 {
    let task = task.and_then(|task| serde_json::from_str::<Task>(task.to_str()?).ok());
    umask(Mode::empty());
    match task {
        Some(Task::Import { bytes, entries, map }) => say(&mut io::stdout(), import(Limits { bytes, entries }, map)),
        Some(Task::Export { map }) => say(&mut io::stderr(), export(map)),
        Some(Task::Delete) => say(&mut io::stdout(), remove()),
        None => 1,
    }
}

fn say(to: &mut dyn Write, came: Result<Summary, Failure>) -> u8 {
    let (word, code) = match came {
        Ok(summary) => (Word::Done(summary), 0),
        Err(failure) => (Word::Failed(failure), 1),
    };
    // Without a hearer there is nobody to tell that.
    let _ = to.write_all(word.line().as_bytes());
    code
}

fn import(limits: Limits, map: Map) -> Result<Summary, Failure> {
    let place = Path::new(PLACE);
    let tree = open(&place.join("tree"))?;
    let owners = match map {
        Map::Single => Owners::Own,
        Map::Subordinate => Owners::Kept,
    };
    let mut told = Instant::now();
    let mut tell = |bytes| {
        if told.elapsed() >= Duration::from_millis(100) {
            told = Instant::now();
            let _ = io::stdout().write_all(Word::Progress(bytes).line().as_bytes());
        }
    };
    unpack(&place.join("source"), tree.as_fd(), &place.join("room"), owners, limits, &mut tell)
}

fn export(map: Map) -> Result<Summary, Failure> {
    let tree = open(&Path::new(PLACE).join("tree"))?;
    pack::pack(tree.into(), map, &mut io::stdout().lock())
}

fn remove() -> Result<Summary, Failure> {
    let place = open(Path::new(PLACE))?;
    let emptied = empty(&place, c"doomed").map(|()| Summary::default());
    emptied.map_err(|errno| failure(format!("it cannot be deleted: {}", errno.desc())))
}

fn open(path: &Path) -> Result<File, Failure> {
    File::open(path).map_err(|error| failure(format!("{} cannot be opened: {error}", path.display())))
}

fn failure(reason: String) -> Failure {
    Failure { reason, remedy: String::new() }
}
