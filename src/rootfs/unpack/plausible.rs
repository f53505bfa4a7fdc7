//! Is what was unpacked a root at all? An archive of something else is told before anybody runs in it.

use super::{Failure, Summary, name};
use nix::dir::Dir;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{Mode, SFlag, fstatat};
use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd};

/// What a root has at its top, any of it.
const OF_A_ROOT: [&CStr; 5] = [c"bin", c"etc", c"lib", c"sbin", c"usr"];

/// Zeros are the end of an archive: the image of a disk begins with them.
pub fn is_something(summary: &Summary) -> Result<(), Failure> {
    if summary.entries > 0 {
        return Ok(());
    }
    Err(Failure::new("there is nothing in the archive")
        .remedy("If it is the image of a disk, mount it, and pack what is in it with tar"))
}

/// Some pack the directory of the root itself.
///
/// # Errors
/// The root is in a directory of the tree; names that cannot be read are left to others.
pub fn is_at_the_top(tree: BorrowedFd) -> Result<(), Failure> {
    if has_any(tree) {
        return Ok(());
    }
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let Ok(top) = openat(tree, ".", flags, Mode::empty()).and_then(Dir::from_fd) else { return Ok(()) };
    let names = top.into_iter().flatten().map(|entry| entry.file_name().to_owned());
    let mut within = names.filter(|name| {
        ![c".", c".."].contains(&name.as_c_str())
            && openat(tree, name.as_c_str(), flags, Mode::empty()).is_ok_and(|below| has_any(below.as_fd()))
    });
    let (Some(within), None) = (within.next(), within.next()) else { return Ok(()) };
    let within = name::shown(within.as_bytes());
    Err(Failure::new(format!("the root is not at the top of the archive, but in its directory {within}"))
        .remedy(&format!("Take the archive apart, and pack that directory alone: tar -C {within} -cf root.tar .")))
}

fn has_any(directory: BorrowedFd) -> bool {
    OF_A_ROOT.iter().any(|name| {
        fstatat(directory, *name, AtFlags::AT_SYMLINK_NOFOLLOW).is_ok_and(|stat| {
            let kind = stat.st_mode & SFlag::S_IFMT.bits();
            [SFlag::S_IFDIR, SFlag::S_IFLNK].iter().any(|known| known.bits() == kind)
        })
    })
}
