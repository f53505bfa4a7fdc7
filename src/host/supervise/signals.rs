//! The caller's signals, handed on to the command.

use super::Supervisor;
use crate::host::streams::Streams;
use crate::host::terminal::signal_foreground;
use crate::sys::process;
use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{Signal, killpg, raise};
use nix::unistd::Pid;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

/// Between the first INT or TERM and the end of everything.
const GRACE: Duration = Duration::from_secs(10);

impl Supervisor<'_> {
    pub(super) fn hear_caller(&mut self) -> nix::Result<()> {
        while let Some(heard) = self.signals.next()? {
            let Ok(signal) = Signal::try_from(heard.ssi_signo as i32) else { continue };
            // A terminal signals the whole foreground group, and so must we.
            let by_terminal = heard.ssi_code == libc::SI_KERNEL;
            match signal {
                Signal::SIGWINCH if self.on_pty() => self.streams.as_ref().map_or(Ok(()), Streams::resize)?,
                Signal::SIGCONT => self.with_terminal(Streams::enter)?,
                Signal::SIGTSTP => self.stop()?,
                Signal::SIGINT | Signal::SIGTERM => self.interrupt(signal, by_terminal),
                other => self.forward(other, by_terminal),
            }
        }
        Ok(())
    }

    /// The first INT or TERM is the command's to act on, the second is the caller's last word.
    fn interrupt(&mut self, signal: Signal, by_terminal: bool) {
        self.facts.interrupted_by.get_or_insert(signal.as_str());
        self.interrupts += 1;
        if self.interrupts > 1 || !self.may_start {
            return self.kill_everything();
        }
        self.forward(signal, by_terminal);
        self.kill_by(GRACE);
    }

    pub(super) fn forward(&mut self, signal: Signal, to_group: bool) {
        if self.facts.started.is_none() {
            return self.early.push((signal, to_group));
        }
        // The payload may have ended this moment: nobody is left to hear it.
        let _ = match (self.streams.as_ref().and_then(Streams::master), &self.payload) {
            // A hangup goes to the command alone: the rest of its session hears it when the pty ends.
            (Some(master), _) if to_group && signal != Signal::SIGHUP => signal_foreground(master, signal),
            (None, Some(payload)) if to_group => pid_of(payload).and_then(|group| killpg(group, signal)),
            (_, Some(payload)) => process::pidfd_send_signal(payload, signal),
            (_, None) => Ok(()),
        };
    }

    fn on_pty(&self) -> bool {
        self.streams.as_ref().is_some_and(|streams| streams.master().is_some())
    }

    /// SIGTSTP: the payload stops, then this job. On a pty it stops itself, and init says so; else it is stopped, as a group that no
    /// shell could continue ignores SIGTSTP.
    fn stop(&mut self) -> nix::Result<()> {
        if self.on_pty() {
            self.forward(Signal::SIGTSTP, true);
            return Ok(());
        }
        self.forward(Signal::SIGSTOP, true);
        raise(Signal::SIGSTOP)?;
        self.forward(Signal::SIGCONT, true);
        Ok(())
    }
}

/// The pid, in this PID namespace, of the process behind a pidfd: proc_pid_fdinfo(5). It leads its process group.
fn pid_of(pidfd: &OwnedFd) -> nix::Result<Pid> {
    let text = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd())).map_err(|_| Errno::ESRCH)?;
    let pid = text.lines().find_map(|line| line.strip_prefix("Pid:")?.trim().parse().ok());
    // -1 once it is reaped; 0 if it is not in this namespace.
    pid.filter(|pid| *pid > 1).map(Pid::from_raw).ok_or(Errno::ESRCH)
}
