//! A path that nobody else can turn elsewhere, as sshd(8) asks it of the files it trusts: each directory and link on the way belongs to
//! the caller or to root, and is writable by nobody else.

use crate::error::Error;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat, readlinkat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat};
use nix::unistd::{getegid, geteuid};
use std::collections::VecDeque;
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// Where a path leads.
#[derive(Debug)]
pub(super) struct Way {
    /// The same without links.
    pub path: PathBuf,
    /// What is there; none if nothing is.
    pub end: Option<OwnedFd>,
    /// The first thing that somebody else could change.
    fault: Option<Error>,
}

impl Way {
    /// # Errors
    /// Somebody else could change it.
    pub fn checked(self) -> Result<Way, Error> {
        self.fault.map_or(Ok(Way { fault: None, ..self }), Err)
    }
}

/// As many links lead on: path_resolution(7).
const MOST_LINKS: usize = 40;

/// Goes an absolute path, name by name.
///
/// # Errors
/// Those of openat(2), but ENOENT; ELOOP for too many links.
pub(super) fn walk(path: &Path) -> nix::Result<Way> {
    let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let root = || open("/", flags | OFlag::O_DIRECTORY, Mode::empty());
    let nobody = nobody();
    let mut way = Way { path: "/".into(), end: None, fault: None };
    let mut above = vec![root()?];
    way.look(&fstat(&above[0])?, Path::new("/"), nobody);
    let mut names: VecDeque<OsString> = path.iter().map(OsString::from).collect();
    let mut links = 0;
    while let (Some(name), Some(here)) = (names.pop_front(), above.last()) {
        match name.to_str() {
            Some("/") => {
                above = vec![root()?];
                way.path = "/".into();
            }
            Some(".") => {}
            Some("..") => {
                if above.len() > 1 {
                    above.pop();
                }
                way.path.pop();
            }
            _ => {
                let found = match openat(here, name.as_os_str(), flags, Mode::empty()) {
                    Err(Errno::ENOENT) => return Ok(way),
                    found => found?,
                };
                let (stat, at) = (fstat(&found)?, way.path.join(&name));
                way.look(&stat, &at, nobody);
                if !is(&stat, SFlag::S_IFLNK) {
                    above.push(found);
                    way.path = at;
                    continue;
                }
                links += 1;
                if links > MOST_LINKS {
                    return Err(Errno::ELOOP);
                }
                let target = PathBuf::from(readlinkat(here, name.as_os_str())?);
                target.iter().rev().for_each(|name| names.push_front(name.into()));
            }
        }
    }
    way.end = above.pop();
    Ok(way)
}

impl Way {
    fn look(&mut self, stat: &FileStat, at: &Path, nobody: Option<u32>) {
        let own = geteuid().as_raw();
        let (owner, at_path) = (stat.st_uid, at.display());
        let fault = if ![own, 0].contains(&owner) && Some(owner) != nobody {
            let error = Error::host(format!("{at_path} belongs to uid {owner}, who could put other roots there"));
            let whose = if own == 0 { "root's own home, as sudo -H does" } else { "a directory of your own" };
            error.remedy(format!("Set HOME to {whose}, or name one with XDG_DATA_HOME"))
        } else if is(stat, SFlag::S_IFDIR) && stat.st_mode & others_write(stat) != 0 && stat.st_mode & 0o1000 == 0 {
            // Where it is sticky, what belongs to the two stays: its owner is looked at next.
            Error::host(format!("{at_path} can be changed by somebody else than you"))
                .remedy(format!("Make it yours alone: chmod go-w {at_path}"))
        } else {
            return;
        };
        self.fault.get_or_insert(fault.path(at));
    }
}

/// The permissions by which somebody else writes. Where each user has a group of his own, of the same number, and a umask of 002, his
/// directories are writable for that group, and it is nobody but he.
fn others_write(stat: &FileStat) -> u32 {
    let own = geteuid();
    let is_private = !own.is_root() && stat.st_gid == own.as_raw() && stat.st_gid == getegid().as_raw();
    if is_private { 0o002 } else { 0o022 }
}

fn is(stat: &FileStat, kind: SFlag) -> bool {
    stat.st_mode & SFlag::S_IFMT.bits() == kind.bits()
}

/// In a user namespace without the host's ids, the owner of what its root owns: user_namespaces(7).
fn nobody() -> Option<u32> {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let nobody = read("/proc/sys/kernel/overflowuid").trim().parse().ok()?;
    let ranges = crate::plan::host::id_ranges(&read("/proc/self/uid_map"));
    let is_somebody =
        ranges.is_empty() || ranges.iter().any(|(first, count)| nobody >= *first && nobody - first < *count);
    (!is_somebody).then_some(nobody)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn fault(path: &Path) -> Option<String> {
        walk(path).unwrap().checked().err().map(|error| error.to_string())
    }

    #[test]
    fn a_directory_on_the_way_that_others_write_is_a_fault_and_a_sticky_one_is_none() {
        let place = tempfile::tempdir().unwrap();
        let (middle, end) = (place.path().join("middle"), place.path().join("middle/end"));
        fs::create_dir_all(&end).unwrap();
        let has_own_group = !geteuid().is_root() && geteuid().as_raw() == getegid().as_raw();
        for (mode, is_fault) in [(0o755, false), (0o775, !has_own_group), (0o757, true), (0o1777, false)] {
            fs::set_permissions(&middle, Permissions::from_mode(mode)).unwrap();
            assert_eq!(fault(&end).is_some(), is_fault, "{mode:o}");
            assert_eq!(fault(&end.join("not/there")).is_some(), is_fault, "{mode:o}");
        }
        assert!(walk(&end.join("not")).unwrap().end.is_none());
    }

    #[test]
    fn what_a_link_leads_through_is_on_the_way() {
        let place = tempfile::tempdir().unwrap();
        let place = fs::canonicalize(place.path()).unwrap();
        fs::create_dir_all(place.join("open/end")).unwrap();
        fs::create_dir_all(place.join("closed/end")).unwrap();
        fs::set_permissions(place.join("open"), Permissions::from_mode(0o777)).unwrap();
        symlink("../closed/end", place.join("open/link")).unwrap();
        symlink("open/link/../end", place.join("relative")).unwrap();
        symlink(place.join("open/../closed"), place.join("closed/absolute")).unwrap();
        symlink("closed/./end", place.join("good")).unwrap();
        symlink("endless", place.join("endless")).unwrap();
        assert!(fault(&place.join("relative")).unwrap().contains("open can be changed"));
        assert!(fault(&place.join("closed/absolute/end")).is_some());
        assert_eq!(fault(&place.join("good")), None);
        assert_eq!(walk(&place.join("good")).unwrap().path, place.join("closed/end"));
        assert_eq!(walk(&place.join("endless")).unwrap_err(), Errno::ELOOP);
    }
}
