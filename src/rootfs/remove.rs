//! `sandbox rootfs remove`: its name first, in one step, then its files.

use super::contained::Stopped;
use super::dispose::dispose;
use super::hold::take;
use super::staging::{condemn, sweep};
use super::store::{self, DIRECTORY, Store};
use crate::error::Error;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{Mode, fstatat};
use std::os::fd::OwnedFd;

/// Removes it. From the moment when it has no name any more, the next command finishes what this one cannot.
///
/// # Errors
/// There is none of that name, it was never imported, a run uses it, or its files cannot be deleted.
pub fn remove(name: &str) -> Result<(), Stopped> {
    store::check_name(name)?;
    let Some(store) = Store::open()? else { return Err(store::unknown(name, std::iter::empty()).into()) };
    sweep(&store)?;
    let there = openat(&store, name, DIRECTORY | OFlag::O_NOFOLLOW, Mode::empty());
    let is_root = |directory: &OwnedFd| {
        ["tree", "root.json"].iter().any(|part| fstatat(directory, *part, AtFlags::AT_SYMLINK_NOFOLLOW).is_ok())
    };
    match &there {
        Ok(directory) if is_root(directory) => {}
        // Whoever put it there, it was no import: it is not ours to delete.
        Ok(_) | Err(Errno::ENOTDIR | Errno::ELOOP) => return Err(stranger(&store, name).into()),
        Err(_) => {}
    }
    let taken = take(&store, name)?;
    let doomed = condemn(&store, name).map_err(|errno| failed(name, errno))?;
    dispose(&store, &doomed).map_err(|stopped| match stopped {
        Stopped::Failed(Error { errno: Some(errno), .. }) => failed(name, errno).into(),
        stopped => stopped,
    })?;
    drop(taken);
    Ok(())
}

fn stranger(store: &Store, name: &str) -> Error {
    let path = store.path().join(name);
    Error::host(format!("{name:?} is no root that was imported: it has neither a tree nor a root.json"))
        .remedy(format!("Look what it is, and take it away yourself: {}", path.display()))
        .path(path)
}

fn failed(name: &str, errno: Errno) -> Error {
    let error = Error::host(format!("the root {name:?} cannot be removed: {}", errno.desc())).errno(errno);
    match errno {
        Errno::EROFS => error.remedy("Its file system is read-only: mount it writable"),
        _ => error.remedy("Look who owns its files, and whether something is mounted there"),
    }
}
