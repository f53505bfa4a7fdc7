//! Descriptors: what nix has no safe form for.

use nix::NixPath;
use nix::errno::Errno;
use nix::fcntl::{OpenHow, openat2};
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
    // SAFETY: F_DUPFD_CLOEXEC touches no memory, and answers EBADF for a number that is not open.
    owned(unsafe { nix::libc::fcntl(number, nix::libc::F_DUPFD_CLOEXEC, 3) }.into())
}

/// fgetxattr(2): a short extended attribute; ENODATA if it is not there, ERANGE above 64 bytes.
pub fn extended_attribute(fd: BorrowedFd<'_>, name: &std::ffi::CStr) -> nix::Result<Vec<u8>> {
    let mut value = [0u8; 64];
    let place = value.as_mut_ptr().cast();
    // SAFETY: the name ends with NUL, and the kernel writes at most as many bytes as `value` has.
    let length = unsafe { nix::libc::fgetxattr(fd.as_raw_fd(), name.as_ptr(), place, value.len()) };
    let length = Errno::result(length)?;
    Ok(value.get(..length as usize).unwrap_or_default().to_vec())
}

/// What a system call returned: a new descriptor, or errno.
pub(super) fn owned(returned: nix::libc::c_long) -> nix::Result<OwnedFd> {
    let fd = Errno::result(returned)?;
    // SAFETY: the system call succeeded and returned a new descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// openat2(2), tried again while a rename anywhere on the host makes a walk over `..` answer EAGAIN; that, after 64 times.
pub fn open_resolved<P: ?Sized + NixPath>(dir: impl AsFd, path: &P, how: OpenHow) -> nix::Result<OwnedFd> {
    for _ in 0..64 {
        match openat2(&dir, path, how) {
            Err(Errno::EAGAIN) => {}
            answer => return answer,
        }
    }
    Err(Errno::EAGAIN)
}
