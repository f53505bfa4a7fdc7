//! Which sandboxes of a user run, and under which name: `RUNTIME/sandbox/NAME` is a socket on which the run's supervisor listens.
//!
//! There is no other state, so there is none to go stale: a supervisor that was killed leaves a name that refuses connections, which
//! the next who comes by removes. Nothing of it can be reached from inside, and the supervisor answers only to its own user, in its
//! own user namespace.

pub mod ask;
pub mod directory;
pub mod message;
pub(super) mod visitors;

use super::Options;
use crate::error::Error;
use crate::plan::Plan;
use directory::Directory;
use nix::errno::Errno;
use nix::fcntl::{RenameFlags, renameat2};
use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, bind, listen, socket};
use nix::unistd::{UnlinkatFlags, getpid, unlinkat};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::SystemTime;

pub use crate::rootfs::store::is_name;

/// Connections that wait to be accepted.
const WAITING: i32 = 128;
/// How often a directory that another run has just removed, or a name that has just been given up, is tried again.
const ATTEMPTS: u32 = 8;

/// A run that can be found. Dropped, it can be found no more.
#[derive(Debug)]
pub(super) struct Registration {
    pub(super) name: String,
    pub(super) since: SystemTime,
    directory: Directory,
    listener: OwnedFd,
}

impl Registration {
    /// Makes this process listen under the name that was asked for, or one made up. None where this host has no place for it, or the
    /// place is not to be trusted: a run does not depend on being found.
    ///
    /// # Errors
    /// Another run has that name.
    pub(super) fn make(options: &Options, plan: &Plan) -> Result<Option<Self>, Error> {
        let wanted = options.name.clone().filter(|name| is_name(name));
        let made_up = || format!("{}-{}", stem(plan), getpid());
        if wanted.is_none() && options.name.is_some() {
            tracing::info!("the run is listed as {}: its own name is none for a file", made_up());
        }
        let mut name = wanted.clone().unwrap_or_else(made_up);
        for attempt in 2..2 + ATTEMPTS {
            match Self::take(&name) {
                Ok(registration) => return Ok(Some(registration)),
                Err(Errno::EEXIST) if wanted.is_some() => return Err(runs_already(&name)),
                // The same pid in another PID namespace.
                Err(Errno::EEXIST) => name = format!("{}-{attempt}", made_up()),
                // The last run in the directory has just removed it.
                Err(Errno::ENOENT) if directory::runtime().is_some() => {}
                Err(errno) => {
                    let why = directory::why_not(errno);
                    // Only who gave it a name is likely to look for it.
                    match &options.name {
                        Some(name) => tracing::info!("the run is not listed as {name}: {why}"),
                        None => tracing::debug!("the run is not listed: {why}"),
                    }
                    return Ok(None);
                }
            }
        }
        Ok(None)
    }

    fn take(name: &str) -> nix::Result<Self> {
        let directory = Directory::make()?;
        let kind = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let listener = socket(AddressFamily::Unix, SockType::SeqPacket, kind, None)?;
        // Under its name it is there only once it listens: whoever is refused there is not merely early.
        let hidden = directory::hidden();
        bind(listener.as_raw_fd(), &directory.address(&hidden)?)?;
        let taken = listen(&listener, Backlog::new(WAITING)?).and_then(|()| directory.give_name(&hidden, name));
        if let Err(errno) = taken {
            let _ = unlinkat(&directory, hidden.as_str(), UnlinkatFlags::NoRemoveDir);
            directory.remove_if_empty();
            return Err(errno);
        }
        Ok(Registration { name: name.to_owned(), since: SystemTime::now(), directory, listener })
    }
}

impl AsFd for Registration {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

impl Drop for Registration {
    /// The name goes before the socket does, or it could be taken for one that a killed run left.
    fn drop(&mut self) {
        let _ = unlinkat(&self.directory, self.name.as_str(), UnlinkatFlags::NoRemoveDir);
        self.directory.remove_if_empty();
    }
}

impl Directory {
    /// From the hidden name to the one that all see; over one that a killed run left, but over no other.
    fn give_name(&self, hidden: &str, name: &str) -> nix::Result<()> {
        let rename = || renameat2(self, hidden, self, name, RenameFlags::RENAME_NOREPLACE);
        match rename() {
            Err(Errno::EEXIST) => {}
            answer => return answer,
        }
        self.remove(&[name.to_owned()])?;
        rename()
    }
}

fn runs_already(name: &str) -> Error {
    let found = ask::find(name).ok().and_then(|mut run| Some((run.pid, run.info().ok()?.since)));
    let who = found.map(|(pid, since)| format!(" (pid {pid}, since {since})")).unwrap_or_default();
    Error::usage(format!("a sandbox named {name} runs already{who}"))
        .remedy(format!("Choose another --name, or end that one: sandbox kill {name}"))
}

/// A made-up name begins like the command.
fn stem(plan: &Plan) -> String {
    const LONGEST: usize = 32;
    let program = plan.command.argv.first().map(Path::new).and_then(Path::file_name).unwrap_or_default();
    let is_plain = |character: &char| character.is_ascii_alphanumeric() || "_-.".contains(*character);
    let plain: String = program.to_string_lossy().chars().filter(is_plain).take(LONGEST).collect();
    if is_name(&plain) { plain } else { "run".into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing::World;

    #[test]
    fn a_name_that_is_made_up_is_a_name_whatever_the_command_is_called() {
        let long = "x".repeat(300);
        for (command, begins) in [
            ("make", "make"),
            ("/usr/bin/g++", "g"),
            ("./.hidden", "run"),
            ("\u{1b}[31m", "31m"),
            ("ä", "run"),
            (&long, "xxx"),
        ] {
            let mut plan = World::new().planned();
            plan.command.argv = vec![command.into()];
            let stem = stem(&plan);
            assert!(stem.starts_with(begins) && is_name(&format!("{stem}-4194304-9")), "{command:?}: {stem}");
        }
    }
}
