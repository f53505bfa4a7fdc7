//! Who uses a root: flock(2) on its directory, shared by the runs in it, exclusive for who removes it.
//!
//! A lock dies with the last process that holds it, whatever ended that: there is nothing to clean up.

use super::record::Record;
use super::store::{self, DIRECTORY, Store, is_still};
use crate::error::Error;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag, openat};
use nix::sys::stat::Mode;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

/// A root that cannot be removed for as long as this lives.
#[derive(Debug)]
pub struct Hold {
    directory: Flock<OwnedFd>,
    tree: PathBuf,
    /// What was imported.
    pub record: Record,
}

impl Hold {
    /// Where its files are: to be opened by this name.
    pub fn tree(&self) -> &Path {
        &self.tree
    }
}

impl AsFd for Hold {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }
}

/// Takes a root of the caller's into use.
///
/// # Errors
/// There is none of that name, it is being removed, or it is broken.
pub fn hold(name: &str) -> Result<Hold, Error> {
    store::check_name(name)?;
    let Some(store) = Store::open()? else { return Err(store::unknown(name, std::iter::empty())) };
    let directory = lock(&store, name, FlockArg::LockSharedNonblock)?;
    let record = Record::read(&*directory).map_err(|why| broken(name, &why))?;
    Ok(Hold { directory, tree: store::tree(store.path(), name), record })
}

/// Takes it for oneself.
pub(super) fn take(store: &Store, name: &str) -> Result<Flock<OwnedFd>, Error> {
    lock(store, name, FlockArg::LockExclusiveNonblock)
}

fn lock(store: &Store, name: &str, how: FlockArg) -> Result<Flock<OwnedFd>, Error> {
    let failed = |errno: Errno| match errno {
        Errno::ENOENT => store.unknown(name),
        Errno::ENOTDIR | Errno::ELOOP => broken(name, "it is no directory"),
        errno => Error::host(format!("the root {name:?} cannot be opened: {}", errno.desc())).errno(errno),
    };
    let directory = openat(store, name, DIRECTORY | OFlag::O_NOFOLLOW, Mode::empty()).map_err(failed)?;
    let locked = Flock::lock(directory, how).map_err(|(_, errno)| match (errno, how) {
        (Errno::EWOULDBLOCK, FlockArg::LockExclusiveNonblock) => {
            Error::host(format!("the root {name:?} is in use: a run in it has not ended"))
                .remedy("End that run first: sandbox ps names those that run")
        }
        (Errno::EWOULDBLOCK, _) => Error::host(format!("the root {name:?} is being removed")),
        (errno, _) => failed(errno),
    })?;
    // It may have been removed between the two calls.
    if is_still(store, name, &*locked) { Ok(locked) } else { Err(store.unknown(name)) }
}

pub(super) fn broken(name: &str, why: &str) -> Error {
    Error::host(format!("the root {name:?} is broken: {why}"))
        .remedy(format!("Import it anew, after: sandbox rootfs remove {name}"))
}
