//! Deleting a tree whose writer is not trusted: by descriptors, through no link, out of no directory, at any depth.

use super::descent::Descent;
use super::store::DIRECTORY;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{FchmodatFlags, Mode, SFlag, fchmodat, fstatat};
use nix::unistd::{UnlinkatFlags, unlinkat};
use std::ffi::{CStr, CString};
use std::os::fd::AsFd;

/// As many names are held at a time, for each level of the tree.
const MOST: usize = 1 << 16;

/// A directory that will not become empty is one that somebody writes to.
const PATIENCE: usize = 1 << 10;

/// Deletes the directory `name` of `parent` with all that is in it; nothing is left to do if it is not there.
///
/// # Errors
/// EACCES and EPERM where something in it belongs to another id; else those of unlinkat(2).
pub fn delete(parent: impl AsFd, name: &CStr) -> nix::Result<()> {
    let gone = || match unlinkat(&parent, name, UnlinkatFlags::RemoveDir) {
        Err(Errno::ENOENT) => Ok(()),
        Err(Errno::ENOTDIR) => unlinkat(&parent, name, UnlinkatFlags::NoRemoveDir),
        answer => answer,
    };
    match gone() {
        Err(Errno::ENOTEMPTY | Errno::EEXIST) => empty(&parent, name).and_then(|()| gone()),
        answer => answer,
    }
}

/// Deletes what is in it, and not the directory itself: that may be a mount.
///
/// # Errors
/// Those of [`delete`]; ENOTEMPTY if somebody goes on writing to it.
pub fn empty(parent: impl AsFd, name: &CStr) -> nix::Result<()> {
    for _ in 0..PATIENCE {
        once_over(&parent, name)?;
        let directory = openat(&parent, name, DIRECTORY | OFlag::O_NOFOLLOW, Mode::empty())?;
        if Descent::new(directory).names()?.next().is_none() {
            return Ok(());
        }
    }
    Err(Errno::ENOTEMPTY)
}

fn once_over(parent: impl AsFd, name: &CStr) -> nix::Result<()> {
    open_up(&parent, name)?;
    let mut descent = Descent::new(openat(&parent, name, DIRECTORY | OFlag::O_NOFOLLOW, Mode::empty())?);
    // Of each directory from the root to here: those in it that are still to be emptied.
    let mut full = vec![unlink_all(&descent)?];
    while let Some(names) = full.last_mut() {
        if let Some(name) = names.last() {
            open_up(&descent, name)?;
            descent.enter(name.as_c_str())?;
            full.push(unlink_all(&descent)?);
            continue;
        }
        full.pop();
        if !descent.leave()? {
            break;
        }
        if let Some(name) = full.last_mut().and_then(Vec::pop) {
            match unlinkat(&descent, name.as_c_str(), UnlinkatFlags::RemoveDir) {
                // What was too much for one time is seen at the next.
                Ok(()) | Err(Errno::ENOENT | Errno::ENOTEMPTY | Errno::EEXIST) => {}
                Err(errno) => return Err(errno),
            }
        }
    }
    Ok(())
}

/// A directory that its owner may not read or write keeps what is in it: unlink(2).
fn open_up(parent: impl AsFd, name: &CStr) -> nix::Result<()> {
    let stat = fstatat(&parent, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
    let is_directory = stat.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFDIR.bits();
    if !is_directory || stat.st_mode & 0o700 == 0o700 {
        return Ok(());
    }
    fchmodat(&parent, name, Mode::S_IRWXU, FchmodatFlags::NoFollowSymlink)
}

/// All but the directories that are not empty, whose names it returns.
fn unlink_all(here: &Descent) -> nix::Result<Vec<CString>> {
    let mut full = Vec::new();
    for name in here.names()? {
        let name = name?;
        match unlinkat(here, name.as_c_str(), UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => continue,
            Err(Errno::EISDIR) => {}
            Err(errno) => return Err(errno),
        }
        match unlinkat(here, name.as_c_str(), UnlinkatFlags::RemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => {}
            Err(Errno::ENOTEMPTY | Errno::EEXIST) if full.len() < MOST => full.push(name),
            Err(Errno::ENOTEMPTY | Errno::EEXIST) => break,
            Err(errno) => return Err(errno),
        }
    }
    Ok(full)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::stat::mkdirat;
    use std::fs::{self, File, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn directories_without_permissions_go_and_what_a_link_leads_to_stays() {
        let place = tempfile::tempdir().unwrap();
        let beside = place.path().join("beside");
        fs::create_dir(&beside).unwrap();
        fs::write(beside.join("kept"), "").unwrap();
        let deep = place.path().join("root/a/b");
        fs::create_dir_all(&deep).unwrap();
        fs::write(deep.join("file"), "").unwrap();
        symlink("../../../beside", deep.join("link")).unwrap();
        symlink("../beside", place.path().join("root/link")).unwrap();
        for (directory, mode) in [("root/a/b", 0), ("root/a", 0o100), ("root", 0o500)] {
            fs::set_permissions(place.path().join(directory), Permissions::from_mode(mode)).unwrap();
        }
        delete(File::open(place.path()).unwrap(), c"root").unwrap();
        assert!(!place.path().join("root").exists() && beside.join("kept").exists());
        delete(File::open(place.path()).unwrap(), c"root").unwrap();
    }

    #[test]
    fn no_tree_is_too_deep() {
        let place = tempfile::tempdir().unwrap();
        let top = File::open(place.path()).unwrap();
        mkdirat(&top, c"root", Mode::S_IRWXU).unwrap();
        let mut descent = Descent::new(openat(&top, c"root", DIRECTORY, Mode::empty()).unwrap());
        for _ in 0..5000 {
            mkdirat(&descent, c"a-name-of-some-length", Mode::S_IRWXU).unwrap();
            descent.enter(c"a-name-of-some-length").unwrap();
        }
        delete(&top, c"root").unwrap();
        assert!(!place.path().join("root").exists());
    }

    #[test]
    fn many_names_and_a_link_in_place_of_the_tree_are_deleted() {
        let place = tempfile::tempdir().unwrap();
        let top = File::open(place.path()).unwrap();
        for number in 0..300 {
            fs::create_dir_all(place.path().join(format!("root/{number}/x"))).unwrap();
            fs::write(place.path().join(format!("root/{number}.txt")), "").unwrap();
        }
        delete(&top, c"root").unwrap();
        symlink("beside", place.path().join("root")).unwrap();
        delete(&top, c"root").unwrap();
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    }
}
