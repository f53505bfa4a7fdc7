//! What is half made or half removed: it lies beside the roots under names that no root can have, locked by whoever is at it.
//!
//! The lock, flock(2), ends with the last process that holds it, so that what a killed one left is known, and taken away.

use super::contained::Stopped;
use super::delete::delete;
use super::dispose::dispose;
use super::store::{DIRECTORY, HALF_MADE, Store, is_still};
use crate::error::Error;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag, RenameFlags, openat, renameat, renameat2};
use nix::sys::stat::{FchmodatFlags, Mode, fchmod, fchmodat, mkdirat};
use nix::unistd::{Gid, UnlinkatFlags, fchown, getegid, unlinkat};
use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

/// A directory of the caller's alone, which is removed unless it is published.
#[derive(Debug)]
pub struct Staging<'store> {
    store: &'store Store,
    name: String,
    directory: Flock<OwnedFd>,
    is_done: bool,
}

impl<'store> Staging<'store> {
    /// A new one, with mode 0700.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn new(store: &'store Store) -> Result<Self, Error> {
        let failed = |errno: Errno| {
            let what =
                format!("a directory to unpack in cannot be made in {}: {}", store.path().display(), errno.desc());
            let error = Error::host(what).path(store.path()).errno(errno);
            match errno {
                Errno::ENOSPC | Errno::EDQUOT => error.remedy("Make room on its disk"),
                Errno::ENOLCK | Errno::EOPNOTSUPP => {
                    error.remedy("Its file system has no locks: name a directory on another one with XDG_DATA_HOME")
                }
                _ => error.remedy("Name a directory that you can write with XDG_DATA_HOME"),
            }
        };
        for _ in 0..100 {
            let name = free_name(HALF_MADE[0]);
            match mkdirat(store, name.as_str(), Mode::S_IRWXU) {
                Err(Errno::EEXIST) => continue,
                made => made.map_err(failed)?,
            }
            let directory = match lock(store, &name) {
                Ok(directory) if is_still(store, &name, &*directory) => directory,
                // Another command has taken it for a dead one's, between the two calls.
                Ok(_) | Err(Errno::EWOULDBLOCK | Errno::ENOENT) => continue,
                Err(errno) => {
                    let _ = unlinkat(store, name.as_str(), UnlinkatFlags::RemoveDir);
                    return Err(failed(errno));
                }
            };
            // Below a set-group-ID directory it would have another group, which no id map has.
            fchown(&*directory, None, Some(Gid::from_raw(getegid().as_raw()))).map_err(failed)?;
            fchmod(&*directory, Mode::S_IRWXU).map_err(failed)?;
            return Ok(Staging { store, name, directory, is_done: false });
        }
        Err(failed(Errno::EEXIST))
    }

    /// By name, for mounts.
    pub fn path(&self) -> PathBuf {
        self.store.path().join(&self.name)
    }

    /// Makes a directory in it, with mode 0755 whatever the umask: if its archive does not say, the root of a tree is open to all inside.
    ///
    /// # Errors
    /// Those of mkdir(2).
    pub fn make(&self, name: &str) -> nix::Result<()> {
        mkdirat(&*self.directory, name, Mode::S_IRWXU)?;
        let mode = Mode::from_bits_truncate(0o755);
        fchmodat(&*self.directory, name, mode, FchmodatFlags::NoFollowSymlink)
    }

    /// Deletes something in it.
    ///
    /// # Errors
    /// Those of unlink(2).
    pub fn delete(&self, name: &str) -> nix::Result<()> {
        delete(&*self.directory, &c_string(name))
    }

    /// From now on it is the root of that name: renameat2(2), RENAME_NOREPLACE.
    ///
    /// # Errors
    /// EEXIST if there is one.
    pub fn publish(mut self, name: &str) -> nix::Result<()> {
        let store = self.store;
        match renameat2(store, self.name.as_str(), store, name, RenameFlags::RENAME_NOREPLACE) {
            // A file system that does not know the flag; onto a directory that is not empty rename(2) never goes.
            Err(Errno::EINVAL) => renameat(store, self.name.as_str(), store, name),
            answer => answer,
        }
        .map_err(|errno| if errno == Errno::ENOTEMPTY { Errno::EEXIST } else { errno })?;
        self.is_done = true;
        Ok(())
    }
}

impl AsFd for Staging<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }
}

impl Drop for Staging<'_> {
    fn drop(&mut self) {
        if !self.is_done {
            // What does not go now goes with the next command.
            let _ = dispose(self.store, &self.name);
        }
    }
}

/// One that was just made.
fn lock(store: &Store, name: &str) -> nix::Result<Flock<OwnedFd>> {
    let directory = openat(store, name, DIRECTORY | OFlag::O_NOFOLLOW, Mode::empty())?;
    Flock::lock(directory, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| errno)
}

/// Takes a root's name away: whatever happens then, it is one no more.
pub(super) fn condemn(store: &Store, name: &str) -> nix::Result<String> {
    for _ in 0..100 {
        let other = free_name(HALF_MADE[1]);
        match renameat2(store, name, store, other.as_str(), RenameFlags::RENAME_NOREPLACE) {
            Err(Errno::EEXIST) => {}
            Err(Errno::EINVAL) => return renameat(store, name, store, other.as_str()).map(|()| other),
            answer => return answer.map(|()| other),
        }
    }
    Err(Errno::EEXIST)
}

/// Takes away what killed commands left.
///
/// # Errors
/// The caller's signal, which came meanwhile.
pub fn sweep(store: &Store) -> Result<(), Stopped> {
    let entries = store.entries().unwrap_or_default();
    for name in entries.iter().filter(|name| HALF_MADE.iter().any(|prefix| name.starts_with(prefix))) {
        let directory = openat(store, name.as_str(), DIRECTORY | OFlag::O_NOFOLLOW, Mode::empty());
        let locked = directory.ok().and_then(|directory| Flock::lock(directory, FlockArg::LockExclusiveNonblock).ok());
        let Some(locked) = locked.filter(|locked| is_still(store, name, &**locked)) else { continue };
        match dispose(store, name) {
            Ok(()) => tracing::debug!("{name} was left by a command that was killed: removed"),
            Err(Stopped::By(signal)) => return Err(Stopped::By(signal)),
            Err(Stopped::Failed(why)) => {
                tracing::debug!("{name} was left by a command that was killed, and stays: {why}");
            }
        }
        drop(locked);
    }
    Ok(())
}

/// Of this process and this moment.
fn free_name(prefix: &str) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("{prefix}{:x}-{:x}", std::process::id(), now.as_nanos() as u64)
}

pub(super) fn c_string(name: &str) -> CString {
    // A name in a directory holds no NUL byte.
    CString::new(name).unwrap_or_default()
}
