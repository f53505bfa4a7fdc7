//! Descriptors: what nix has no safe form for.

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
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

/// Is `number` open since before execve(2)? What this process opened itself is close-on-exec, and what it inherited cannot be.
pub fn is_inherited(number: RawFd) -> bool {
    if number < 0 {
        return false;
    }
    // SAFETY: borrowed for one fcntl(2), which answers EBADF for a number that is not open; not -1, checked above.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    fcntl(borrowed.as_fd(), FcntlArg::F_GETFD)
        .is_ok_and(|flags| !FdFlag::from_bits_retain(flags).contains(FdFlag::FD_CLOEXEC))
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
