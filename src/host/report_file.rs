//! Where the report goes: gone before the start, there in one piece at the end, so that no file means no verdict.

use super::ReportTarget;
use super::open::{descriptor, descriptor_number, file_type, open_how, output, refused};
use crate::error::{Error, ErrorKind};
use crate::without;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, OpenHow, openat, openat2, renameat};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::{Mode, SFlag, fstatat};
use nix::unistd::{AccessFlags, UnlinkatFlags, faccessat, unlinkat, write};
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

/// The place of the report, held since before the start.
#[derive(Debug)]
pub struct ReportFile(Place);

#[derive(Debug)]
enum Place {
    /// A regular file, to be renamed into its directory.
    Named { directory: OwnedFd, name: OsString, path: PathBuf },
    /// The caller's descriptor, a FIFO or /dev/null.
    Open { fd: OwnedFd, path: PathBuf },
}

impl ReportFile {
    /// Finds the place, and removes an old report from it.
    pub fn prepare(target: &ReportTarget) -> Result<Self, Error> {
        match target {
            ReportTarget::Fd(number) => {
                let fd = descriptor(*number, OFlag::O_WRONLY)?;
                Ok(ReportFile(Place::Open { fd, path: format!("/dev/fd/{number}").into() }))
            }
            ReportTarget::File(path) => Self::at(path).map(ReportFile),
        }
    }

    fn at(path: &Path) -> Result<Place, Error> {
        let open = || output(path).map(|fd| Place::Open { fd, path: path.to_owned() });
        if descriptor_number(path).is_some() {
            return open();
        }
        let name = path.file_name().ok_or_else(|| refused(path, Errno::EISDIR))?;
        let directory = open_directory(path).map_err(|errno| refused(path, errno))?;
        match fstatat(&directory, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(stat) => match file_type(&stat) {
                SFlag::S_IFREG => {
                    unlinkat(&directory, name, UnlinkatFlags::NoRemoveDir).map_err(|errno| refused(path, errno))?
                }
                SFlag::S_IFLNK if !without::layer("no-follow") => return Err(refused(path, Errno::ELOOP)),
                _ => return open(),
            },
            Err(Errno::ENOENT) => {}
            Err(errno) => return Err(refused(path, errno)),
        }
        faccessat(&directory, ".", AccessFlags::W_OK | AccessFlags::X_OK, AtFlags::AT_EACCESS)
            .map_err(|errno| refused(path, errno))?;
        Ok(Place::Named { directory, name: name.to_owned(), path: path.to_owned() })
    }

    /// Puts the report there.
    pub fn publish(self, report: &[u8]) -> Result<(), Error> {
        let (path, result) = match &self.0 {
            Place::Open { fd, path } => (path, write_all(fd, report)),
            Place::Named { directory, name, path } => (path, rename_into(directory, name, report)),
        };
        result.map_err(|errno| {
            Error::new(
                ErrorKind::Host,
                format!("the report could not be written to {} ({})", path.display(), errno.desc()),
            )
            .path(path)
            .errno(errno)
            .remedy("Give it a place that the command cannot write to, with room left")
        })
    }
}

fn open_directory(path: &Path) -> nix::Result<OwnedFd> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => open_how(Path::new("."), flags),
        Some(parent) if path.is_absolute() => openat2(AT_FDCWD, parent, OpenHow::new().flags(flags)),
        Some(parent) => open_how(parent, flags),
        None => Err(Errno::EISDIR),
    }
}

fn rename_into(directory: &OwnedFd, name: &OsStr, report: &[u8]) -> nix::Result<()> {
    let (fd, temporary) = make_temporary(directory)?;
    let result = write_all(&fd, report).and_then(|()| renameat(directory, temporary.as_str(), directory, name));
    if result.is_err() {
        // Best effort: the first error is the one to tell.
        let _ = unlinkat(directory, temporary.as_str(), UnlinkatFlags::NoRemoveDir);
    }
    result
}

/// A new file beside the report. Names that are taken, by accident or by the command, are passed over.
fn make_temporary(directory: &OwnedFd) -> nix::Result<(OwnedFd, String)> {
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    for attempt in 0..100 {
        let temporary = format!(".sandbox-report.{}-{attempt}", std::process::id());
        match openat(directory, temporary.as_str(), flags, Mode::from_bits_truncate(0o666)) {
            Err(Errno::EEXIST) => {}
            Err(errno) => return Err(errno),
            Ok(fd) => return Ok((fd, temporary)),
        }
    }
    Err(Errno::EEXIST)
}

fn write_all(fd: &OwnedFd, mut bytes: &[u8]) -> nix::Result<()> {
    while !bytes.is_empty() {
        match write(fd, bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => {
                poll(&mut [PollFd::new(fd.as_fd(), PollFlags::POLLOUT)], PollTimeout::NONE)?;
            }
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
