//! Descriptors: what nix has no safe form for.

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

nix::ioctl_read_bad!(
    /// `FIONREAD`
    fionread,
    nix::libc::FIONREAD,
    nix::libc::c_int
);

/// Bytes that wait to be read, on either end of a pipe: `FIONREAD`, pipe(7).
pub fn unread_bytes(fd: BorrowedFd<'_>) -> nix::Result<u64> {
    let mut count = 0;
    // SAFETY: FIONREAD writes one int to `count`, which lives until the call returns.
    unsafe { fionread(fd.as_raw_fd(), &mut count) }?;
    u64::try_from(count).map_err(|_| Errno::EOVERFLOW)
}

/// Is `number` open, and not close-on-exec, as what execve(2) handed on is? `F_GETFD`, fcntl(2).
pub fn is_inherited(number: RawFd) -> bool {
    // SAFETY: F_GETFD touches no memory, and answers EBADF for a number that is not open.
    unsafe { nix::libc::fcntl(number, nix::libc::F_GETFD) == 0 }
}

/// A close-on-exec duplicate of a descriptor known only by its number: `F_DUPFD_CLOEXEC`, fcntl(2); EBADF if it is not open.
pub fn duplicate(number: RawFd) -> nix::Result<OwnedFd> {
    if number < 0 {
        return Err(Errno::EBADF);
    }
    // SAFETY: borrowed for one fcntl(2), which answers EBADF for a number that is not open; not -1, checked above.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    let copy = fcntl(borrowed.as_fd(), FcntlArg::F_DUPFD_CLOEXEC(3))?;
    // SAFETY: the kernel has just made this descriptor and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}
