//! `sandbox rootfs remove`: its name first, in one step, then its files.

use super::contained::Stopped;
use super::dispose::dispose;
use super::hold::take;
use super::staging::{condemn, sweep};
use super::store::{self, DIRECTORY, Store};
use crate::error::Error;
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;

/// Removes it. From the moment when it has no name any more, the next command finishes what this one cannot.
///
/// # Errors
/// There is none of that name, a run uses it, or its files cannot be deleted.
pub fn remove(name: &str) -> Result<(), Stopped> {
    store::check_name(name)?;
    let Some(store) = Store::open()? else { return Err(store::unknown(name, std::iter::empty()).into()) };
    sweep(&store);
    let there = openat(&store, name, DIRECTORY | OFlag::O_NOFOLLOW, Mode::empty());
    // What is no directory is no root, and nobody runs in it.
    let taken = match there {
        Err(Errno::ENOTDIR | Errno::ELOOP) => None,
        _ => Some(take(&store, name)?),
    };
    let doomed = condemn(&store, name).map_err(|errno| failed(name, errno))?;
    dispose(&store, &doomed).map_err(|stopped| match stopped {
        Stopped::Failed(Error { errno: Some(errno), .. }) => failed(name, errno).into(),
        stopped => stopped,
    })?;
    drop(taken);
    Ok(())
}

fn failed(name: &str, errno: Errno) -> Error {
    let error = Error::host(format!("the root {name:?} cannot be removed: {}", errno.desc())).errno(errno);
    match errno {
        Errno::EROFS => error.remedy("Its file system is read-only: mount it writable"),
        _ => error.remedy("Look who owns its files, and whether something is mounted there"),
    }
}
