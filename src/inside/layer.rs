//! The layer above a root file system: what the run makes, it makes there, and not on the host.
//!
//! It is filled before the overlay exists. Through the overlay the kernel would copy the directories up with their owners, and where
//! one of those is not mapped (a tree that root made, shown to an ordinary user) that is EOVERFLOW.

use super::step::{At, Done, Step};
use super::tree::write_new;
use crate::plan::{Mount, MountKind};
use crate::sys::descriptor::open_resolved;
use crate::sys::mount::{self, attr};
use nix::NixPath;
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag};
use nix::libc;
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, mkdirat, mknodat};
use nix::unistd::{fchdir, symlinkat};
use std::ffi::CStr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

const LOWER: &CStr = c"lower";
const UPPER: &CStr = c"upper";
const WORK: &CStr = c"work";

/// overlayfs with the root file system `lower` below and a directory of the tmpfs `ground` above.
///
/// Linux 6.6 is the first whose tmpfs has the `user.` attributes that say of a directory that it is new: before, a directory of the root
/// file system can be emptied, but not removed.
pub(super) fn overlay(ground: &OwnedFd, lower: &OwnedFd, mounts: &[Mount]) -> Done<OwnedFd> {
    let mode = Mode::from_bits_truncate(fstat(lower).at(Step::RootOverlay)?.st_mode & 0o1777);
    for (name, mode) in [(LOWER, Mode::empty()), (UPPER, mode), (WORK, Mode::S_IRWXU)] {
        mkdirat(ground, name, mode).at(Step::RootOverlay)?;
    }
    let upper = open_below(ground, UPPER).at(Step::RootOverlay)?;
    let mut covered: Option<&Mount> = None;
    for (index, mount) in mounts.iter().enumerate().skip(1) {
        // What lies in another mount is made there.
        if covered.is_none_or(|above| !mount.at.starts_with(&above.at)) {
            make(&upper, lower, mount).at_entry(Step::Destination, index)?;
            covered = Some(mount);
        }
    }
    mount::attach(lower, ground, LOWER).at(Step::RootOverlay)?;
    // Its paths count from the current directory.
    fchdir(ground).at(Step::RootOverlay)?;
    let options =
        [(c"lowerdir", Some(LOWER)), (c"upperdir", Some(UPPER)), (c"workdir", Some(WORK)), (c"userxattr", None)];
    mount::new_filesystem(c"overlay", &options, attr::NOSUID | attr::NODEV).at(Step::RootOverlay)
}

/// A made-up file or link itself, or a mount point, if the root file system has none.
fn make(upper: &OwnedFd, lower: &OwnedFd, mount: &Mount) -> nix::Result<()> {
    let is_made_up = matches!(mount.kind, MountKind::File(_) | MountKind::Symlink(_));
    if !is_made_up && look(lower, &mount.at)?.is_some_and(|there| is_directory(&there) == mount.is_directory()) {
        return Ok(());
    }
    let (Some(parent), Some(name)) = (mount.at.parent(), mount.at.file_name()) else { return Err(Errno::EINVAL) };
    let parent = directory(upper, lower, parent)?;
    match &mount.kind {
        MountKind::File(file) => write_new(&parent, name, file),
        MountKind::Symlink(text) => symlinkat(text, &parent, name),
        _ if mount.is_directory() => mkdirat(&parent, name, Mode::from_bits_truncate(0o755)),
        _ => mknodat(&parent, name, SFlag::S_IFREG, Mode::from_bits_truncate(0o444), 0),
    }
}

/// A directory of the upper layer, and all that lead there, with the permissions of those below them.
fn directory(upper: &OwnedFd, lower: &OwnedFd, path: &Path) -> nix::Result<OwnedFd> {
    let mut made = PathBuf::from(".");
    for name in path.components().skip(1) {
        made.push(name);
        let below = look(lower, &made)?.filter(is_directory);
        let mode = below.map_or(0o755, |below| below.st_mode & 0o1777);
        match mkdirat(upper, &made, Mode::from_bits_truncate(mode)) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(errno),
        }
    }
    open_below(upper, &made)
}

fn is_directory(found: &FileStat) -> bool {
    SFlag::from_bits_truncate(found.st_mode & libc::S_IFMT) == SFlag::S_IFDIR
}

/// What the root file system has there, no link followed out of it.
fn look(lower: &OwnedFd, path: &Path) -> nix::Result<Option<FileStat>> {
    let found = open_below(lower, path);
    match found {
        Ok(found) => fstat(&found).map(Some),
        Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(None),
        Err(errno) => Err(errno),
    }
}

fn open_below<P: ?Sized + NixPath>(directory: &OwnedFd, path: &P) -> nix::Result<OwnedFd> {
    let how = OpenHow::new().flags(OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC);
    open_resolved(directory, path, how.resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS))
}
