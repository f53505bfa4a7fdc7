//! From a tree of files to a tar archive, inside: names in order, so that one tree makes one archive.

use super::descent::Descent;
use super::record::Map;
use super::tar_header::{BLOCK, DIRECTORY, FIFO, FILE, HARD_LINK, Header, SYMLINK};
use super::unpack::{Failure, Summary};
use crate::visible;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, readlinkat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat};
use std::collections::{BTreeMap, HashMap};
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;

/// Writes it; the summary's bytes are those of the archive.
///
/// # Errors
/// Something cannot be read, or the archive cannot be written.
pub fn pack(tree: OwnedFd, map: Map, to: &mut dyn Write) -> Result<Summary, Failure> {
    let root = fstat(&tree).map_err(|errno| unreadable(b".", errno))?;
    let to = Counted { to: io::BufWriter::with_capacity(1 << 20, to), count: 0 };
    let mut archive = Archive { to, map, links: HashMap::new(), left_out: BTreeMap::new(), entries: 0 };
    archive.member(Header { path: b"./", kind: DIRECTORY, ..Header::default() }, &root)?;
    archive.walk(Descent::new(tree))?;
    archive.end()
}

struct Archive<'a> {
    to: Counted<'a>,
    map: Map,
    /// Device and inode of a file with more than one name → the first of them.
    links: HashMap<(u64, u64), Vec<u8>>,
    left_out: BTreeMap<&'static str, u64>,
    entries: u64,
}

impl Archive<'_> {
    fn walk(&mut self, mut descent: Descent) -> Result<(), Failure> {
        let mut path = Vec::new();
        // Of each directory from the root to here: the names still to come, the last one first; and how long its path is.
        let mut levels = vec![(sorted(&descent, &path)?, 0)];
        while let Some((names, length)) = levels.last_mut() {
            let Some(name) = names.pop() else {
                levels.pop();
                descent.leave().map_err(|errno| unreadable(&path, errno))?;
                continue;
            };
            path.truncate(*length);
            path.extend_from_slice(name.as_bytes());
            if self.add(&descent, &name, &mut path)? {
                descent.enter(name.as_c_str()).map_err(|errno| unreadable(&path, errno))?;
                levels.push((sorted(&descent, &path)?, path.len()));
            }
        }
        Ok(())
    }

    /// True for a directory, whose path then ends with a slash.
    fn add(&mut self, here: &Descent, name: &CStr, path: &mut Vec<u8>) -> Result<bool, Failure> {
        let failed = |errno| unreadable(path, errno);
        let stat = fstatat(here, name, AtFlags::AT_SYMLINK_NOFOLLOW).map_err(failed)?;
        let kind = SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits());
        let left_out = match kind {
            SFlag::S_IFSOCK => Some("sockets"),
            SFlag::S_IFCHR | SFlag::S_IFBLK => Some("device nodes"),
            _ => None,
        };
        if let Some(what) = left_out {
            *self.left_out.entry(what).or_default() += 1;
            return Ok(false);
        }
        if kind == SFlag::S_IFDIR {
            path.push(b'/');
            self.member(Header { path, kind: DIRECTORY, ..Header::default() }, &stat)?;
            return Ok(true);
        }
        let identity = (stat.st_dev, stat.st_ino);
        if let Some(first) = self.links.get(&identity).cloned() {
            self.member(Header { path, kind: HARD_LINK, link: &first, ..Header::default() }, &stat)?;
            return Ok(false);
        }
        if stat.st_nlink > 1 {
            self.links.insert(identity, path.clone());
        }
        match kind {
            SFlag::S_IFLNK => {
                let link = readlinkat(here, name).map_err(failed)?.into_vec();
                self.member(Header { path, kind: SYMLINK, link: &link, ..Header::default() }, &stat)?;
            }
            SFlag::S_IFIFO => self.member(Header { path, kind: FIFO, ..Header::default() }, &stat)?,
            _ => self.file(here, name, path)?,
        }
        Ok(false)
    }

    fn file(&mut self, here: &Descent, name: &CStr, path: &[u8]) -> Result<(), Failure> {
        let failed = |errno| unreadable(path, errno);
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let file = openat(here, name, flags, Mode::empty()).map_err(failed)?;
        let stat = fstat(&file).map_err(failed)?;
        let size = stat.st_size.cast_unsigned();
        self.member(Header { path, kind: FILE, size, ..Header::default() }, &stat)?;
        let copied = io::copy(&mut File::from(file).take(size), &mut self.to);
        // Which of the two it was, only the numbers tell.
        match copied {
            Ok(copied) if copied == size => {}
            Ok(_) => return Err(failure(format!("{} became shorter while it was read", shown(path)))),
            Err(error) => return Err(failure(format!("{} cannot be copied: {error}", shown(path)))),
        }
        let padding = size.next_multiple_of(BLOCK as u64) - size;
        self.to.write_all(&[0; BLOCK][..padding as usize]).map_err(unwritable)
    }

    fn member(&mut self, header: Header<'_>, stat: &FileStat) -> Result<(), Failure> {
        let (uid, gid) = match self.map {
            Map::Single => (0, 0),
            Map::Subordinate => (stat.st_uid, stat.st_gid),
        };
        let mtime = (stat.st_mtime, stat.st_mtime_nsec.clamp(0, 999_999_999) as u32);
        let header = Header { mode: stat.st_mode & 0o7777, uid, gid, mtime, ..header };
        self.entries += 1;
        self.to.write_all(&header.bytes()).map_err(unwritable)
    }

    /// Two blocks of zeros.
    fn end(mut self) -> Result<Summary, Failure> {
        self.to.write_all(&[0; 2 * BLOCK]).and_then(|()| self.to.flush()).map_err(unwritable)?;
        let left_out = self.left_out.into_iter().map(|(what, count)| (what.to_owned(), count)).collect();
        // The root of the tree is no name in it.
        Ok(Summary { entries: self.entries - 1, bytes: self.to.count, left_out })
    }
}

fn sorted(here: &Descent, path: &[u8]) -> Result<Vec<CString>, Failure> {
    let names: nix::Result<Vec<CString>> = here.names().and_then(Iterator::collect);
    let mut names = names.map_err(|errno| unreadable(path, errno))?;
    names.sort_unstable_by(|left, right| right.cmp(left));
    Ok(names)
}

/// Counts what goes through.
struct Counted<'a> {
    to: io::BufWriter<&'a mut dyn Write>,
    count: u64,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.to.write(bytes)?;
        self.count += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

fn shown(path: &[u8]) -> String {
    visible::line(&String::from_utf8_lossy(path))
}

fn unreadable(path: &[u8], errno: Errno) -> Failure {
    failure(format!("{} cannot be read: {}", shown(path), errno.desc()))
}

fn unwritable(error: io::Error) -> Failure {
    failure(format!("the archive cannot be written: {error}"))
}

fn failure(reason: String) -> Failure {
    Failure { reason, remedy: String::new() }
}
