//! Down a tree and up again, by descriptors: no symbolic link is followed, no path grows too long, and no depth is too deep.

use super::store::DIRECTORY;
use nix::NixPath;
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{Mode, fstat};
use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Where one is, and how one came there.
#[derive(Debug)]
pub struct Descent {
    here: OwnedFd,
    /// Device and inode of each directory above.
    above: Vec<(u64, u64)>,
}

impl Descent {
    /// At the root of the tree.
    pub fn new(root: OwnedFd) -> Descent {
        Descent { here: root, above: Vec::new() }
    }

    /// Down into a directory.
    ///
    /// # Errors
    /// Those of openat(2); ELOOP for a symbolic link, ENOTDIR for all else.
    pub fn enter<P: ?Sized + NixPath>(&mut self, name: &P) -> nix::Result<()> {
        let below = openat(&self.here, name, DIRECTORY | OFlag::O_NOFOLLOW, Mode::empty())?;
        self.above.push(identity(&self.here)?);
        self.here = below;
        Ok(())
    }

    /// Back up; false at the root.
    ///
    /// # Errors
    /// ESTALE if the directory was moved meanwhile: what is above it is not what was.
    pub fn leave(&mut self) -> nix::Result<bool> {
        let Some(known) = self.above.pop() else { return Ok(false) };
        let above = openat(&self.here, "..", DIRECTORY, Mode::empty())?;
        if identity(&above)? != known {
            return Err(Errno::ESTALE);
        }
        self.here = above;
        Ok(true)
    }

    /// The names here, but `.` and `..`.
    ///
    /// # Errors
    /// Those of getdents64(2).
    pub fn names(&self) -> nix::Result<impl Iterator<Item = nix::Result<CString>> + use<>> {
        let directory = Dir::from_fd(openat(&self.here, ".", DIRECTORY, Mode::empty())?)?;
        let names = directory.into_iter().map(|entry| Ok(entry?.file_name().to_owned()));
        Ok(names.filter(|name| name.as_ref().is_ok_and(|name| !is_dots(name)) || name.is_err()))
    }
}

impl AsFd for Descent {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.here.as_fd()
    }
}

fn is_dots(name: &CString) -> bool {
    [&b"."[..], b".."].contains(&name.as_bytes())
}

fn identity(directory: impl AsFd) -> nix::Result<(u64, u64)> {
    fstat(directory).map(|stat| (stat.st_dev, stat.st_ino))
}
