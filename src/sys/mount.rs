//! The file-descriptor based mount interface: open_tree(2), move_mount(2), mount_setattr(2), fsopen(2) and its family.

use super::descriptor::owned;
use nix::errno::Errno;
use nix::libc;
use nix::{NixPath, Result};
use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// Attributes of mount_setattr(2) and fsmount(2).
pub mod attr {
    #![allow(missing_docs)] // named as in mount_setattr(2)
    pub const RDONLY: u64 = nix::libc::MOUNT_ATTR_RDONLY;
    pub const NOSUID: u64 = nix::libc::MOUNT_ATTR_NOSUID;
    pub const NODEV: u64 = nix::libc::MOUNT_ATTR_NODEV;
    pub const NOEXEC: u64 = nix::libc::MOUNT_ATTR_NOEXEC;
}

const RECURSIVE: libc::c_uint = libc::AT_RECURSIVE as libc::c_uint;
const EMPTY_PATH: libc::c_uint = libc::AT_EMPTY_PATH as libc::c_uint;

/// open_tree(2) with OPEN_TREE_CLONE: a detached copy of the mount at `path` below `dir`, with all that is mounted below it.
///
/// `path` is followed to its end; an empty one means `dir` itself.
pub fn clone_tree<P: ?Sized + NixPath>(dir: impl AsFd, path: &P) -> Result<OwnedFd> {
    let flags = libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC | RECURSIVE | EMPTY_PATH;
    // SAFETY: the path is NUL-terminated and lives across the call; the descriptor is borrowed.
    owned(path.with_nix_path(|path| unsafe {
        libc::syscall(libc::SYS_open_tree, dir.as_fd().as_raw_fd(), path.as_ptr(), flags)
    })?)
}

/// move_mount(2): attaches the tree behind `tree` at `path` below `dir`; a symbolic link there is not followed.
pub fn attach<P: ?Sized + NixPath>(tree: impl AsFd, dir: impl AsFd, path: &P) -> Result<()> {
    let flags = libc::MOVE_MOUNT_F_EMPTY_PATH | libc::MOVE_MOUNT_T_EMPTY_PATH;
    // SAFETY: both paths are NUL-terminated and live across the call; the descriptors are borrowed.
    let returned = path.with_nix_path(|path| unsafe {
        let (tree, dir) = (tree.as_fd().as_raw_fd(), dir.as_fd().as_raw_fd());
        libc::syscall(libc::SYS_move_mount, tree, c"".as_ptr(), dir, path.as_ptr(), flags)
    })?;
    Errno::result(returned).map(drop)
}

fn setattr<P: ?Sized + NixPath>(dir: impl AsFd, path: &P, flags: libc::c_uint, change: libc::mount_attr) -> Result<()> {
    // SAFETY: path and structure live across the call, and the size given is the structure's own.
    let returned = path.with_nix_path(|path| unsafe {
        let size = size_of::<libc::mount_attr>();
        libc::syscall(libc::SYS_mount_setattr, dir.as_fd().as_raw_fd(), path.as_ptr(), flags, &change, size)
    })?;
    Errno::result(returned).map(drop)
}

/// mount_setattr(2) on a whole tree: adds the attributes `set` to every mount in it, and makes each private. A tree that the
/// supervisor cloned is still of the host's peer group, through which mounts would come in, and ours go out.
pub fn restrict_tree<P: ?Sized + NixPath>(dir: impl AsFd, path: &P, set: u64) -> Result<()> {
    let propagation = if crate::without::layer("private-mounts") { 0 } else { libc::MS_PRIVATE };
    let change = libc::mount_attr { attr_set: set, attr_clr: 0, propagation, userns_fd: 0 };
    let below = if crate::without::layer("recursive") { 0 } else { RECURSIVE };
    setattr(dir, path, EMPTY_PATH | below, change)
}

/// mount_setattr(2) on one mount, without what is mounted below it.
pub fn restrict_mount(mount: impl AsFd, set: u64) -> Result<()> {
    let change = libc::mount_attr { attr_set: set, attr_clr: 0, propagation: 0, userns_fd: 0 };
    setattr(mount, c"", EMPTY_PATH, change)
}

/// statx(2): which mount a descriptor is in, as mountinfo counts them.
pub fn id(at: impl AsFd) -> Result<u64> {
    // SAFETY: a structure of numbers alone, for which all bits zero are a value.
    let mut found: libc::statx = unsafe { std::mem::zeroed() };
    // SAFETY: the path is NUL-terminated, and the kernel writes no more than the structure.
    let returned = unsafe {
        libc::statx(at.as_fd().as_raw_fd(), c"".as_ptr(), libc::AT_EMPTY_PATH, libc::STATX_MNT_ID, &mut found)
    };
    Errno::result(returned).map(|_| found.stx_mnt_id)
}

/// mount_setattr(2) with MOUNT_ATTR_IDMAP on a detached tree: ids on disk are read through the maps of `userns`.
pub fn map_ids(tree: impl AsFd, userns: impl AsFd) -> Result<()> {
    let userns_fd = userns.as_fd().as_raw_fd() as u64;
    let change = libc::mount_attr { attr_set: libc::MOUNT_ATTR_IDMAP, attr_clr: 0, propagation: 0, userns_fd };
    setattr(tree, c"", EMPTY_PATH | RECURSIVE, change)
}

/// fsopen(2), fsconfig(2) and fsmount(2): a fresh, detached file system. An option without a value is a flag.
pub fn new_filesystem(kind: &CStr, options: &[(&CStr, Option<&CStr>)], attributes: u64) -> Result<OwnedFd> {
    // SAFETY: the name is NUL-terminated.
    let context = owned(unsafe { libc::syscall(libc::SYS_fsopen, kind.as_ptr(), libc::FSOPEN_CLOEXEC) })?;
    let context = context.as_raw_fd();
    let configure = |command: libc::c_uint, key: *const libc::c_char, value: *const libc::c_char| {
        // SAFETY: key and value are NUL-terminated strings or NULL, as the command asks.
        Errno::result(unsafe { libc::syscall(libc::SYS_fsconfig, context, command, key, value, 0) }).map(drop)
    };
    for (key, value) in options {
        match value {
            Some(value) => configure(libc::FSCONFIG_SET_STRING, key.as_ptr(), value.as_ptr())?,
            None => configure(libc::FSCONFIG_SET_FLAG, key.as_ptr(), std::ptr::null())?,
        }
    }
    configure(libc::FSCONFIG_CMD_CREATE, std::ptr::null(), std::ptr::null())?;
    // SAFETY: plain numbers.
    owned(unsafe { libc::syscall(libc::SYS_fsmount, context, libc::FSMOUNT_CLOEXEC, attributes) })
}
