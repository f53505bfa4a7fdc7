//! Files that the supervisor opens by a name from the command line (`--stdin`, `--stdout`, `--stderr`, `--report`).
//!
//! They may lie in a tree that the command, or an earlier one, could write: no symbolic link is followed, and nothing is touched
//! before it is known to be a regular file, a FIFO or /dev/null.

use crate::error::{Error, ErrorKind};
use crate::sys::descriptor::duplicate;
use crate::without;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, FcntlArg, OFlag, OpenHow, ResolveFlag, fcntl, openat2};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, major, minor};
use nix::unistd::ftruncate;
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::path::Path;

/// Opens `path` for reading. A FIFO without a writer does not hang: it is read when there is something to read.
pub fn input(path: &Path) -> Result<OwnedFd, Error> {
    match descriptor_number(path) {
        Some(number) => descriptor(number, OFlag::O_RDONLY),
        None => by_name(path, OFlag::O_RDONLY).map(|(fd, _)| fd),
    }
}

/// Opens `path` for writing, made with mode 0666 less the umask if it is not there, emptied if it is a file. `/dev/fd/N` is
/// descriptor N as it is. A FIFO needs a reader.
pub fn output(path: &Path) -> Result<OwnedFd, Error> {
    if let Some(number) = descriptor_number(path) {
        return descriptor(number, OFlag::O_WRONLY);
    }
    let (fd, stat) = by_name(path, OFlag::O_WRONLY | OFlag::O_CREAT)?;
    if file_type(&stat) == SFlag::S_IFREG {
        ftruncate(&fd, 0).map_err(|errno| refused(path, errno))?;
    }
    Ok(fd)
}

/// Makes `path` for writing, with mode 0666 less the umask; `None` if there is something already, be it a dangling link.
///
/// # Errors
/// It lies behind a link, or cannot be made.
pub fn new_file(path: &Path) -> Result<Option<OwnedFd>, Error> {
    match open_how(path, OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL) {
        Ok(fd) => Ok(Some(fd)),
        Err(Errno::EEXIST) => Ok(None),
        Err(errno) => Err(refused(path, errno)),
    }
}

/// The caller's descriptor `number`, if it is open for `access`.
pub fn descriptor(number: RawFd, access: OFlag) -> Result<OwnedFd, Error> {
    let name = format!("/dev/fd/{number}");
    let fd = duplicate(number).map_err(|errno| {
        Error::usage(format!("descriptor {number} is not open"))
            .path(&name)
            .errno(errno)
            .remedy(format!("Open it in the shell, as in {number}<FILE or {number}>FILE"))
    })?;
    let mode =
        fcntl(&fd, FcntlArg::F_GETFL).map(OFlag::from_bits_retain).map_err(|errno| refused(Path::new(&name), errno))?
            & OFlag::O_ACCMODE;
    if mode != access && mode != OFlag::O_RDWR {
        let purpose = if access == OFlag::O_RDONLY { "reading" } else { "writing" };
        return Err(Error::usage(format!("descriptor {number} is not open for {purpose}"))
            .path(&name)
            .remedy(format!("Open it in the shell for {purpose}")));
    }
    Ok(fd)
}

/// N of `/dev/fd/N`, and of its three other names.
pub(super) fn descriptor_number(path: &Path) -> Option<RawFd> {
    match path.to_str()? {
        "/dev/stdin" => Some(0),
        "/dev/stdout" => Some(1),
        "/dev/stderr" => Some(2),
        path => path.strip_prefix("/dev/fd/")?.parse().ok(),
    }
}

/// openat2(2) by the rule for links: none in a relative path, none as the last component of an absolute one.
pub(super) fn open_how(path: &Path, flags: OFlag) -> nix::Result<OwnedFd> {
    let follow = without::layer("no-follow");
    let resolve = if path.is_absolute() || follow { ResolveFlag::empty() } else { ResolveFlag::RESOLVE_NO_SYMLINKS };
    let last = if follow { OFlag::empty() } else { OFlag::O_NOFOLLOW };
    let mode = if flags.contains(OFlag::O_CREAT) { Mode::from_bits_truncate(0o666) } else { Mode::empty() };
    openat2(AT_FDCWD, path, OpenHow::new().flags(flags | last | OFlag::O_CLOEXEC).mode(mode).resolve(resolve))
}

pub(super) fn file_type(stat: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT
}

/// What the kernel, or a rule, says against `path`, as a message.
pub(super) fn refused(path: &Path, errno: Errno) -> Error {
    let (kind, why, remedy) = match errno {
        Errno::ELOOP => (
            ErrorKind::Usage,
            "is, or lies behind, a symbolic link, and whoever wrote that could point it elsewhere",
            "Name the real file, or give its absolute path",
        ),
        Errno::ENXIO => (
            ErrorKind::Usage,
            "is a FIFO that nobody reads, or a socket",
            "Start its reader first, or name a regular file",
        ),
        Errno::ENOENT => {
            (ErrorKind::Usage, "does not exist, or its directory does not", "Make it first, or correct the name")
        }
        Errno::EACCES | Errno::EPERM | Errno::EROFS => {
            (ErrorKind::Usage, "cannot be opened by you", "Change its permissions, or name another file")
        }
        Errno::EISDIR | Errno::ENOTDIR | Errno::EINVAL => {
            (ErrorKind::Usage, "is not a regular file, a FIFO or /dev/null", "Name a regular file, a FIFO or /dev/null")
        }
        _ => (ErrorKind::Host, "could not be opened", "Look at the file system it is on"),
    };
    Error::new(kind, format!("{} {why} ({})", path.display(), errno.desc())).path(path).errno(errno).remedy(remedy)
}

fn by_name(path: &Path, flags: OFlag) -> Result<(OwnedFd, FileStat), Error> {
    let fd = open_how(path, flags | OFlag::O_NONBLOCK | OFlag::O_NOCTTY).map_err(|errno| refused(path, errno))?;
    let stat = fstat(fd.as_fd()).map_err(|errno| refused(path, errno))?;
    let is_null = (major(stat.st_rdev), minor(stat.st_rdev)) == (1, 3);
    match file_type(&stat) {
        SFlag::S_IFREG | SFlag::S_IFIFO => Ok((fd, stat)),
        SFlag::S_IFCHR if is_null => Ok((fd, stat)),
        _ => Err(refused(path, Errno::EINVAL)),
    }
}

#[cfg(test)]
mod tests;
