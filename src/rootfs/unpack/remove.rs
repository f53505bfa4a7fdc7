//! Names taken away again: by a later entry of the same name, or by a whiteout. Nothing is followed.

use super::attributes::{Id, names, open};
use nix::dir::Dir;
use nix::errno::Errno;
use nix::unistd::{UnlinkatFlags, unlinkat};
use std::collections::HashSet;
use std::os::fd::{AsFd, BorrowedFd};

/// The names that one layer of an image made, each by its directory: a whiteout of the same layer does not mean them.
#[derive(Default)]
pub struct Made(HashSet<(Id, Box<[u8]>)>);

impl Made {
    pub fn note(&mut self, directory: Id, name: &[u8]) {
        self.0.insert((directory, name.into()));
    }

    fn has(&self, directory: Id, name: &[u8]) -> bool {
        self.0.contains(&(directory, name.into()))
    }
}

/// Removes whatever has the name, with all that is below it.
pub fn whole(parent: BorrowedFd, name: &[u8]) -> nix::Result<()> {
    hidden(parent, name, &Made::default())
}

/// Removes what has the name, and what is below it, but for what is `made`; it may be nothing.
pub fn hidden(parent: BorrowedFd, name: &[u8], made: &Made) -> nix::Result<()> {
    let stays = !made.0.is_empty() && made.has(Id::of(parent)?, name);
    if !stays {
        match unlinkat(parent, name, UnlinkatFlags::NoRemoveDir) {
            Err(Errno::EISDIR) => {}
            Err(Errno::ENOENT) => return Ok(()),
            done => return done,
        }
    }
    match open(parent, name) {
        Err(Errno::ENOTDIR | Errno::ELOOP) if stays => return Ok(()),
        directory => contents(directory?, made)?,
    }
    if stays {
        return Ok(());
    }
    match unlinkat(parent, name, UnlinkatFlags::RemoveDir) {
        Err(Errno::ENOTEMPTY) => Ok(()), // something in it stays
        done => done,
    }
}

/// Removes what is in the directory, but for what is `made`.
pub fn contents(directory: Dir, made: &Made) -> nix::Result<()> {
    let mut directory = directory;
    for name in names(&mut directory, |_| true)? {
        hidden(directory.as_fd(), &name, made)?;
    }
    Ok(())
}
