//! Names taken away again: by a later entry of the same name, or by a whiteout. Nothing is followed.

use super::attributes::{Id, names, open};
use nix::dir::Dir;
use nix::errno::Errno;
use nix::unistd::{UnlinkatFlags, unlinkat};
use std::collections::HashSet;
use std::os::fd::{AsFd, BorrowedFd};

/// What one layer of an image made, and what it cleared: its whiteouts mean only what lies below.
#[derive(Default)]
pub struct Layer {
    /// Names, each by its directory.
    made: HashSet<(Id, Box<[u8]>)>,
    /// Directories in which nothing is left that it did not make: none is looked through twice.
    cleared: HashSet<Id>,
}

impl Layer {
    pub fn note(&mut self, directory: Id, name: &[u8]) {
        self.made.insert((directory, name.into()));
    }

    /// Removes what has the name, and what is below it, but for what this layer made; it may be nothing.
    pub fn hide(&mut self, parent: BorrowedFd, name: &[u8]) -> nix::Result<()> {
        if !self.made.contains(&(Id::of(parent)?, name.into())) {
            match unlinkat(parent, name, UnlinkatFlags::NoRemoveDir) {
                Err(Errno::EISDIR) => {}
                Err(Errno::ENOENT) => return Ok(()),
                done => return done,
            }
            self.hide_below(open(parent, name)?)?;
            return match unlinkat(parent, name, UnlinkatFlags::RemoveDir) {
                Err(Errno::ENOTEMPTY) => Ok(()), // something in it is of this layer
                done => done,
            };
        }
        match open(parent, name) {
            Err(Errno::ENOTDIR | Errno::ELOOP) => Ok(()),
            directory => self.hide_below(directory?),
        }
    }

    /// Removes what is in the directory, but for what this layer made.
    pub fn hide_below(&mut self, directory: Dir) -> nix::Result<()> {
        let mut directory = directory;
        if !self.cleared.insert(Id::of(&directory)?) {
            return Ok(());
        }
        for name in names(&mut directory, |_| true)? {
            self.hide(directory.as_fd(), &name)?;
        }
        Ok(())
    }
}

/// Removes whatever has the name, with all that is below it; it may be nothing.
pub fn whole(parent: BorrowedFd, name: &[u8]) -> nix::Result<()> {
    match unlinkat(parent, name, UnlinkatFlags::NoRemoveDir) {
        Err(Errno::EISDIR) => {}
        Err(Errno::ENOENT) => return Ok(()),
        done => return done,
    }
    let mut directory = open(parent, name)?;
    for name in names(&mut directory, |_| true)? {
        whole(directory.as_fd(), &name)?;
    }
    unlinkat(parent, name, UnlinkatFlags::RemoveDir)
}
