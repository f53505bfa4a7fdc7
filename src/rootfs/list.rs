//! `sandbox rootfs list`: what is there, and what is broken.

use super::contained::Stopped;
use super::record::Record;
use super::staging::sweep;
use super::store::{DIRECTORY, HALF_MADE, Store, is_name};
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use std::path::PathBuf;

/// One entry of the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// Its name.
    pub name: String,
    /// Where its files are.
    pub tree: PathBuf,
    /// What was imported; or why that cannot be told.
    pub record: Result<Record, String>,
}

/// All of them, by name.
///
/// # Errors
/// The caller's signal came; the directory cannot be read.
pub fn list() -> Result<Vec<Root>, Stopped> {
    let Some(store) = Store::open()? else { return Ok(Vec::new()) };
    sweep(&store)?;
    let mut names = store.entries()?;
    names.retain(|name| HALF_MADE.iter().all(|prefix| !name.starts_with(prefix)));
    names.sort_unstable();
    Ok(names.into_iter().map(|name| read(&store, name)).collect())
}

fn read(store: &Store, name: String) -> Root {
    let directory = openat(store, name.as_str(), DIRECTORY | OFlag::O_NOFOLLOW, Mode::empty());
    let record = match directory {
        _ if !is_name(&name) => Err("nothing that was imported is called so".into()),
        Ok(directory) => Record::read(&directory),
        Err(Errno::ENOTDIR | Errno::ELOOP) => Err("it is no directory".into()),
        Err(errno) => Err(format!("it cannot be opened: {}", errno.desc())),
    };
    Root { tree: super::store::tree(store.path(), &name), name, record }
}
