//! One end of a [`super::stream::Stream`]: a descriptor that is read and written without blocking, and without a change to an open
//! file description that other processes of the caller's share.

use crate::sys::descriptor::duplicate;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::sys::socket::{MsgFlags, recv, send};
use nix::sys::stat::{Mode, SFlag, fstat, major, minor};
use nix::unistd::{isatty, read, write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// What a blocking terminal or device of the caller's takes at once after POLLOUT: little, since it says only that some room is there.
const CAREFUL: usize = 256;

/// What is behind a descriptor, as far as moving bytes cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A pipe or a FIFO: splice(2) never blocks on it.
    Pipe,
    /// MSG_DONTWAIT
    Socket,
    /// A regular file: never blocks in the sense of poll(2).
    File,
    /// A terminal of the caller's.
    Terminal,
    /// The master of the sandbox's own pty: EIO is its end of file.
    Master,
    /// Another device.
    Device,
}

/// A descriptor and what it is.
#[derive(Debug)]
pub struct End {
    fd: OwnedFd,
    kind: Kind,
    nonblocking: bool,
}

impl End {
    /// An end of our own making, whose open file description nobody else holds: it is made non-blocking.
    pub fn own(fd: OwnedFd) -> nix::Result<End> {
        let flags = OFlag::from_bits_retain(fcntl(&fd, FcntlArg::F_GETFL)?);
        fcntl(&fd, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
        Ok(End { kind: kind(fd.as_fd())?, fd, nonblocking: true })
    }

    /// The master of the sandbox's pty, made non-blocking.
    pub fn master(fd: OwnedFd) -> nix::Result<End> {
        Ok(End { kind: Kind::Master, ..End::own(fd)? })
    }

    /// A descriptor that shares its open file description with the caller: its flags are left alone. A terminal is opened anew,
    /// so that it can be non-blocking; where that fails (it belongs to another user, after su(1)) it is used as it is.
    pub fn shared(fd: BorrowedFd<'_>) -> nix::Result<End> {
        let kind = kind(fd)?;
        let reopened = if kind == Kind::Terminal { reopen(fd) } else { None };
        let nonblocking = reopened.is_some();
        let fd = reopened.map_or_else(|| duplicate(fd.as_raw_fd()), Ok)?;
        Ok(End { fd, kind, nonblocking })
    }

    /// What is behind it.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// read(2), only after POLLIN, for a shared end can block; EPIPE where the other side of a terminal is gone.
    pub(super) fn read(&self, buffer: &mut [u8]) -> nix::Result<usize> {
        match self.kind {
            Kind::Socket => recv(self.fd.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT),
            // Hung up, or closed by the last process inside: an end, not a failure.
            Kind::Terminal | Kind::Master => {
                read(&self.fd, buffer).map_err(|errno| if errno == Errno::EIO { Errno::EPIPE } else { errno })
            }
            // nohup(1) puts a descriptor there that cannot be read, and `<.` a directory: nothing comes from either.
            _ => read(&self.fd, buffer).map_err(|errno| match errno {
                Errno::EBADF | Errno::EISDIR => Errno::EPIPE,
                errno => errno,
            }),
        }
    }

    /// write(2), of a part where more could block; only after POLLOUT.
    pub(super) fn write(&self, bytes: &[u8]) -> nix::Result<usize> {
        match self.kind {
            Kind::Socket => send(self.fd.as_raw_fd(), bytes, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL),
            Kind::File => write(&self.fd, bytes),
            _ if self.nonblocking => write(&self.fd, bytes),
            // pipe(7): POLLOUT promises PIPE_BUF.
            Kind::Pipe => write(&self.fd, &bytes[..bytes.len().min(nix::libc::PIPE_BUF)]),
            Kind::Terminal | Kind::Master | Kind::Device => write(&self.fd, &bytes[..bytes.len().min(CAREFUL)]),
        }
    }
}

impl AsFd for End {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn kind(fd: BorrowedFd<'_>) -> nix::Result<Kind> {
    Ok(match SFlag::from_bits_truncate(fstat(fd)?.st_mode) & SFlag::S_IFMT {
        SFlag::S_IFIFO => Kind::Pipe,
        SFlag::S_IFSOCK => Kind::Socket,
        SFlag::S_IFCHR if isatty(fd).unwrap_or(false) => Kind::Terminal,
        SFlag::S_IFCHR => Kind::Device,
        _ => Kind::File,
    })
}

/// An open file description of our own for a terminal; none for a pty's master, where opening makes another pty.
fn reopen(fd: BorrowedFd<'_>) -> Option<OwnedFd> {
    let device = fstat(fd).ok()?.st_rdev;
    if (major(device), minor(device)) == (5, 2) {
        return None;
    }
    let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
    let flags = OFlag::O_RDWR | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    open(path.as_str(), flags, Mode::empty()).ok()
}
