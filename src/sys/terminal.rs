//! ioctl_tty(2): window sizes, which termios(3) has no calls for.

use nix::pty::Winsize;
use nix::sys::signal::Signal;
use std::os::fd::{AsRawFd, BorrowedFd};

nix::ioctl_read_bad!(
    /// `TIOCGWINSZ`
    tiocgwinsz,
    nix::libc::TIOCGWINSZ,
    Winsize
);
nix::ioctl_write_ptr_bad!(
    /// `TIOCSWINSZ`
    tiocswinsz,
    nix::libc::TIOCSWINSZ,
    Winsize
);

nix::ioctl_write_int_bad!(
    /// `TIOCSIG`
    tiocsig,
    nix::libc::TIOCSIG
);

/// SIGINT, SIGQUIT or SIGTSTP to the foreground group of a pty, by its master; EINVAL for another signal.
pub fn signal_foreground(master: BorrowedFd<'_>, signal: Signal) -> nix::Result<()> {
    // SAFETY: TIOCSIG takes a plain number.
    unsafe { tiocsig(master.as_raw_fd(), signal as i32) }.map(drop)
}

/// Rows and columns of a terminal.
pub fn window_size(tty: BorrowedFd<'_>) -> nix::Result<Winsize> {
    let mut size = Winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: TIOCGWINSZ fills one winsize, which lives until the call returns.
    unsafe { tiocgwinsz(tty.as_raw_fd(), &mut size) }?;
    Ok(size)
}

/// Sets them; on the master of a pty its foreground group gets SIGWINCH if they changed.
pub fn set_window_size(tty: BorrowedFd<'_>, size: &Winsize) -> nix::Result<()> {
    // SAFETY: TIOCSWINSZ reads one winsize, which outlives the call.
    unsafe { tiocswinsz(tty.as_raw_fd(), size) }.map(drop)
}
