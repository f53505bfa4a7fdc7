//! Where imported root file systems lie: `$XDG_DATA_HOME/sandbox/roots/NAME/tree`.

use super::guarded::{self, Way};
use crate::error::Error;
use crate::profile::wording::nearest;
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{FileStat, Mode, fstat};
use nix::unistd::geteuid;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

pub use super::hold::{Hold, hold};

/// The directory of all of them: XDG_DATA_HOME if it is absolute, else `~/.local/share`; none without a home.
pub fn directory(data_home: Option<&OsStr>, home: Option<&Path>) -> Option<PathBuf> {
    let named = data_home.map(Path::new).filter(|path| path.is_absolute()).map(Path::to_path_buf);
    let data = named.or_else(|| home.map(|home| home.join(".local/share")))?;
    Some(data.join("sandbox/roots"))
}

/// The tree of one of them.
pub fn tree(directory: &Path, name: &str) -> PathBuf {
    directory.join(name).join("tree")
}

/// May one be called so? A letter or digit, then those and `_`, `-`, `.`; 64 bytes at most. A name is never a path.
pub fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    name.len() <= 64
        && bytes.next().is_some_and(|first| first.is_ascii_alphanumeric())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

/// The directory of all of them, open and known to be the caller's.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    directory: OwnedFd,
}

impl Store {
    /// The caller's, by the environment; none if nothing was ever imported.
    ///
    /// # Errors
    /// There is no home, or somebody else could change what is there, or where the path leads.
    pub fn open() -> Result<Option<Store>, Error> {
        let path = place()?;
        let way = guarded::walk(&path).map_err(|errno| unusable(&path, errno))?;
        if way.end.is_none() {
            return Ok(None);
        }
        let Way { path, end, .. } = way.checked()?;
        end.map(|end| Store::checked(path, &end)).transpose()
    }

    /// The same, made if it is not there: with mode 0700, and so are its parents.
    ///
    /// # Errors
    /// Those of [`Store::open`]; it cannot be made.
    pub fn make() -> Result<Store, Error> {
        let path = place()?;
        guarded::walk(&path).map_err(|errno| unusable(&path, errno))?.checked()?;
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&path);
        made.map_err(|error| unusable(&path, Errno::from_raw(error.raw_os_error().unwrap_or(0))))?;
        Store::open()?.ok_or_else(|| unusable(&path, Errno::ENOENT))
    }

    fn checked(path: PathBuf, end: &OwnedFd) -> Result<Store, Error> {
        let directory = openat(end, ".", DIRECTORY, Mode::empty()).map_err(|errno| unusable(&path, errno))?;
        let stat = fstat(&directory).map_err(|errno| unusable(&path, errno))?;
        if !is_private(&stat) {
            return Err(Error::host(format!("{} can be changed by somebody else than you", path.display()))
                .path(&path)
                .remedy(format!("Make it yours alone: chmod go-w {}", path.display())));
        }
        Ok(Store { path, directory })
    }

    /// Where it is without links, for messages and mounts: nobody else can turn this path elsewhere.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names that are roots, and what else looks like one; in order.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn names(&self) -> Result<Vec<String>, Error> {
        let mut names: Vec<String> = self.entries()?.into_iter().filter(|name| is_name(name)).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// Every name that is text.
    pub(super) fn entries(&self) -> Result<Vec<String>, Error> {
        let entries = fs::read_dir(&self.path)
            .map_err(|error| unusable(&self.path, Errno::from_raw(error.raw_os_error().unwrap_or(0))))?;
        Ok(entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect())
    }

    /// There is none of that name: the error says which is nearest.
    pub(super) fn unknown(&self, name: &str) -> Error {
        let names = self.names().unwrap_or_default();
        unknown(name, names.iter().map(String::as_str))
    }
}

impl AsFd for Store {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }
}

pub(super) const DIRECTORY: OFlag = OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_CLOEXEC);

/// Names that no root can have, for what is being made and for what is being removed.
pub(super) const HALF_MADE: [&str; 2] = [".import-", ".remove-"];

/// Refuses what cannot be one.
///
/// # Errors
/// Of kind usage.
pub fn check_name(name: &str) -> Result<(), Error> {
    if is_name(name) {
        return Ok(());
    }
    Err(Error::usage(format!("{name:?} cannot be the name of a root"))
        .remedy("Use letters, digits, _, - and ., beginning with a letter or digit: debian-12"))
}

pub(super) fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> Error {
    let error = Error::usage(format!("there is no root {name:?}"));
    match nearest(name, known.clone()) {
        Some(near) => error.remedy(format!("Did you mean {near:?}?")),
        None if known.count() > 0 => error.remedy("sandbox rootfs list names them"),
        None => error.remedy("Import one: sandbox rootfs import FILE --name NAME"),
    }
}

/// Where they lie by the environment: absolute, with links.
pub(super) fn place() -> Result<PathBuf, Error> {
    let home = std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
    directory(std::env::var_os("XDG_DATA_HOME").as_deref(), home.as_deref()).ok_or_else(|| {
        Error::host("there is no place for roots: HOME is not set").remedy("Set HOME, or XDG_DATA_HOME, to a directory")
    })
}

/// Its owner alone may write it, and that is the caller.
fn is_private(stat: &FileStat) -> bool {
    stat.st_uid == geteuid().as_raw() && stat.st_mode & 0o022 == 0
}

fn unusable(path: &Path, errno: Errno) -> Error {
    let error =
        Error::host(format!("the directory of the roots, {}, cannot be used: {}", path.display(), errno.desc()));
    let error = error.path(path).errno(errno);
    match errno {
        Errno::ENOSPC | Errno::EDQUOT => error.remedy("Make room on its disk"),
        _ => error.remedy("Name a directory of your own with XDG_DATA_HOME"),
    }
}

/// The same directory under the same name still?
pub(super) fn is_still(store: impl AsFd, name: &str, directory: impl AsFd) -> bool {
    let identity = |stat: FileStat| (stat.st_dev, stat.st_ino);
    let there = nix::sys::stat::fstatat(&store, name, nix::fcntl::AtFlags::AT_SYMLINK_NOFOLLOW).map(identity);
    there.is_ok() && there == fstat(&directory).map(identity)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_never_a_path_nor_hidden() {
        assert!(["debian", "debian-12", "a.b_c", "9"].into_iter().all(is_name));
        assert!(["", ".", "..", ".a", "a/b", "-a", "ä", "a b", &"a".repeat(65)].into_iter().all(|name| !is_name(name)));
        assert!(HALF_MADE.into_iter().all(|name| !is_name(name)));
    }

    #[test]
    fn a_relative_data_home_does_not_count() {
        let home = Some(Path::new("/home/u"));
        let own = directory(Some(OsStr::new("/data")), home).unwrap();
        assert_eq!(own, Path::new("/data/sandbox/roots"));
        for none in [None, Some(OsStr::new("data")), Some(OsStr::new(""))] {
            assert_eq!(directory(none, home).unwrap(), Path::new("/home/u/.local/share/sandbox/roots"));
        }
        assert_eq!(directory(None, None), None);
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest() {
        let text = |known: &[&'static str]| unknown("debain", known.iter().copied()).to_string();
        assert!(text(&["debian", "alpine"]).ends_with("Did you mean \"debian\"?"));
        assert!(text(&["alpine"]).ends_with("sandbox rootfs list names them"));
        assert!(text(&[]).contains("sandbox rootfs import"));
    }
}
