//! The caller's terminal: raw while the sandbox's own pty stands in for it, and put back as it was on every way out.
//!
//! Only the foreground group may change a terminal or read from it (termios(3), job control). In the background nothing is read
//! and nothing set. Writing there is left to the caller's `stty tostop`, which stops us as it stops any program.

use crate::sys::terminal::{set_window_size, window_size};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill, killpg};
use nix::sys::termios::{
    LocalFlags, OutputFlags, SetArg, SpecialCharacterIndices, Termios, cfmakeraw, tcgetattr, tcsetattr,
};
use nix::unistd::{Pid, getpgrp, tcgetpgrp};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};

/// How we stand to the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Our group may read it and change it.
    Foreground,
    /// A job that the user sent to the background, or started there.
    Background,
    /// Not our controlling terminal: the kernel does no job control on it.
    Foreign,
}

/// The caller's terminal.
#[derive(Debug)]
pub struct Terminal {
    tty: OwnedFd,
    goes_raw: bool,
    /// The settings to put back; none while the terminal is the caller's. Shared with the panic hook.
    saved: Arc<Mutex<Option<Termios>>>,
}

impl Terminal {
    /// Takes care of `tty`. It goes raw only if it is the caller's stdin and stdout both: with one of them a file or a pipe,
    /// lines are what the caller expects to edit, and echo to see.
    pub fn new(tty: OwnedFd, is_stdin_and_stdout: bool) -> Self {
        let terminal = Terminal { tty, goes_raw: is_stdin_and_stdout, saved: Arc::default() };
        terminal.restore_on_panic();
        terminal
    }

    /// How we stand to it, now.
    pub fn standing(&self) -> Standing {
        match tcgetpgrp(&self.tty) {
            Ok(group) if group == getpgrp() => Standing::Foreground,
            Ok(_) => Standing::Background,
            Err(_) => Standing::Foreign,
        }
    }

    /// Makes the sandbox's pty, by its master, look like the caller's terminal. Where that stays cooked, the pty neither echoes nor
    /// maps its output: each is done once, by the caller's.
    pub fn imitate(&self, master: BorrowedFd<'_>) -> nix::Result<()> {
        let standing = self.standing();
        // In the background the terminal may be set for the line editor of a shell.
        let mut termios = if standing == Standing::Background { tcgetattr(master) } else { tcgetattr(&self.tty) }?;
        if !self.goes_raw || standing == Standing::Foreign {
            termios.local_flags.remove(LocalFlags::ECHO | LocalFlags::ECHONL);
            termios.output_flags.remove(OutputFlags::OPOST);
        }
        tcsetattr(master, SetArg::TCSANOW, &termios)?;
        self.resize(master)
    }

    /// Takes the terminal, raw if it is to be; called again after SIGCONT it takes it back. False in the background: it must not be
    /// read. A shell that moves a *running* job to the foreground sends no signal, so ask again once a second.
    pub fn enter(&mut self) -> nix::Result<bool> {
        match self.standing() {
            Standing::Background => return Ok(false),
            Standing::Foreground if self.goes_raw => {}
            _ => return Ok(true),
        }
        let mut saved = self.saved.lock().unwrap_or_else(PoisonError::into_inner);
        let mut raw = match &*saved {
            Some(termios) => termios.clone(),
            None => tcgetattr(&self.tty)?,
        };
        saved.get_or_insert_with(|| raw.clone());
        cfmakeraw(&mut raw);
        tcsetattr(&self.tty, SetArg::TCSANOW, &raw)?;
        Ok(true)
    }

    /// Gives the terminal back as it was. In the background it is another's now, and left alone.
    pub fn leave(&mut self) {
        give_back(self.tty.as_fd(), &self.saved);
    }

    /// Tells the pty how large the caller's terminal is; the foreground group inside gets SIGWINCH.
    pub fn resize(&self, master: BorrowedFd<'_>) -> nix::Result<()> {
        set_window_size(master, &window_size(self.tty.as_fd())?)
    }

    /// The command was stopped (Ctrl-Z): gives the terminal back and stops our own group, as the terminal itself would have, then,
    /// continued, takes it back and continues the command. Returns as [`Terminal::enter`] does. Where no shell could continue us
    /// (an orphaned group), the kernel does not stop us and the command goes on at once.
    pub fn suspend(&mut self, master: BorrowedFd<'_>) -> nix::Result<bool> {
        self.leave();
        let mask = SigSet::from(Signal::SIGTSTP).thread_swap_mask(SigmaskHow::SIG_UNBLOCK)?;
        let stopped = kill(Pid::from_raw(0), Signal::SIGTSTP);
        mask.thread_set_mask()?;
        stopped?;
        let readable = self.enter()?;
        self.resize(master)?;
        signal_foreground(master, Signal::SIGCONT)?;
        Ok(readable)
    }

    fn restore_on_panic(&self) {
        let (saved, previous) = (Arc::clone(&self.saved), std::panic::take_hook());
        let tty = self.tty.try_clone();
        std::panic::set_hook(Box::new(move |info| {
            if let Ok(tty) = &tty {
                give_back(tty.as_fd(), &saved);
            }
            previous(info);
        }));
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Signals the foreground group of the pty. What a key sends the kernel sends itself; for SIGCONT it tells the group in our own
/// numbers (`TIOCGPGRP` on the master), also that of a group that is gone, and the number a stranger's: no other signal goes there.
pub fn signal_foreground(master: BorrowedFd<'_>, signal: Signal) -> nix::Result<()> {
    if signal != Signal::SIGCONT {
        return crate::sys::terminal::signal_foreground(master, signal);
    }
    let group = tcgetpgrp(master)?;
    // 0 is a group that we cannot see, and would be our own.
    if group.as_raw() > 1 { killpg(group, signal) } else { Ok(()) }
}

/// The byte that ends what was `read` of a cooked terminal without an end of line (the user typed Ctrl-D), if the sandbox's pty
/// is cooked too.
pub(super) fn end_of_file(tty: BorrowedFd<'_>, master: BorrowedFd<'_>, read: &[u8]) -> Option<u8> {
    let cooked = |fd| tcgetattr(fd).ok().filter(|termios| termios.local_flags.contains(LocalFlags::ICANON));
    cooked(tty).filter(|_| read.last() != Some(&b'\n'))?;
    Some(cooked(master)?.control_chars[SpecialCharacterIndices::VEOF as usize])
}

fn give_back(tty: BorrowedFd<'_>, saved: &Mutex<Option<Termios>>) {
    let Some(termios) = saved.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
    if tcgetpgrp(tty).is_ok_and(|group| group != getpgrp()) {
        return;
    }
    // Sent to the background this moment, it must not stop us on our way out.
    let mask = SigSet::from(Signal::SIGTTOU).thread_swap_mask(SigmaskHow::SIG_BLOCK);
    // A terminal that is gone needs nothing back.
    let _ = tcsetattr(tty, SetArg::TCSANOW, &termios);
    if let Ok(mask) = mask {
        let _ = mask.thread_set_mask();
    }
}

#[cfg(test)]
mod tests;
