//! The victim: a process in the session and process group of the supervisor, which it starts, with a terminal of its own.
//!
//! It is forked from `sandbox verify` and never executes anything else, so that its memory is known; what reached it, it tells.

use super::baits::{Baits, VARIABLE};
use super::processes::start_of;
use crate::sys::privileges::fresh_session_keyring;
use crate::sys::probe::{Arg, call};
use crate::sys::process::{self, Cloned};
use crate::sys::pty::make_controlling;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use nix::sys::wait::waitpid;
use nix::unistd::{getpid, pipe2, setsid, tcgetpgrp};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::Command;

/// What the victim saw.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Told {
    /// A signal came to its process.
    pub signalled: bool,
    /// One came to its process group.
    pub group_signalled: bool,
    /// Its nice value or I/O priority is another.
    pub is_reniced: bool,
    /// Something was typed into its terminal.
    pub is_typed: bool,
    /// Its terminal has other settings, or another foreground process group.
    pub terminal_changed: bool,
    /// O_NONBLOCK or O_APPEND of what it handed on is another.
    pub flags_changed: bool,
    /// A key lay in its session keyring.
    pub has_key: bool,
    /// Why there was no run.
    pub failed: Option<String>,
}

/// Runs the command, with the file `stdin` on stdin and the files `log` and `stderr` of the directory after it; `None` if the
/// victim did not live to tell.
pub(super) fn play(
    command: Command,
    directory: &Path,
    baits: &Baits,
    terminal: Option<&OwnedFd>,
) -> nix::Result<(Option<Told>, Baits)> {
    // Close-on-exec: what lives on after the run must not keep the victim's word from its end.
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC)?;
    match process::fork_with_pidfd()? {
        Cloned::Child => {
            drop(reader);
            let (told, baits) = live(command, directory, baits.clone(), terminal);
            let text = serde_json::to_vec(&(told, baits)).unwrap_or_default();
            let _ = File::from(writer).write_all(&text);
            process::exit_now(0)
        }
        Cloned::Parent(pid, _) => {
            drop(writer);
            let text = io::read_to_string(File::from(reader)).unwrap_or_default();
            waitpid(pid, None)?;
            match serde_json::from_str(&text) {
                Ok((told, baits)) => Ok((Some(told), baits)),
                Err(_) => Ok((None, baits.clone())),
            }
        }
    }
}

fn live(command: Command, directory: &Path, mut baits: Baits, terminal: Option<&OwnedFd>) -> (Told, Baits) {
    // Whoever kills verify ends it, too.
    let _ = set_pdeathsig(Signal::SIGKILL);
    let _ = setsid();
    let before = terminal.and_then(|terminal| prepare(terminal).ok());
    if before.is_none() {
        baits.terminal = None;
    }
    let mut mask = SigSet::empty();
    mask.add(Signal::SIGURG);
    mask.add(Signal::SIGWINCH);
    let _ = sigprocmask(SigmaskHow::SIG_BLOCK, Some(&mask), None);
    baits.has_key = add_key(&baits.canary).is_ok();
    baits.victim = getpid().as_raw();
    baits.victim_start = start_of(baits.victim).unwrap_or(0);
    baits.victim_address = baits.canary.as_ptr() as usize;
    let priority = priority();
    let (failed, flags_changed) = match execute(command, directory, &baits) {
        Ok(flags_changed) => (None, flags_changed),
        Err(error) => (Some(error.to_string()), false),
    };
    let pending = pending();
    let told = Told {
        signalled: pending.contains(Signal::SIGURG),
        group_signalled: pending.contains(Signal::SIGWINCH),
        is_reniced: priority != self::priority(),
        is_typed: terminal.is_some_and(is_readable),
        terminal_changed: terminal
            .zip(before.as_ref())
            .is_some_and(|(terminal, before)| !is_as_before(terminal, before)),
        flags_changed,
        has_key: baits.has_key,
        failed,
    };
    (told, baits)
}

/// Makes it the controlling terminal; raw, so that what is typed can be read at once and nothing is echoed.
fn prepare(terminal: &OwnedFd) -> nix::Result<Termios> {
    make_controlling(terminal)?;
    let mut settings = tcgetattr(terminal)?;
    cfmakeraw(&mut settings);
    tcsetattr(terminal, SetArg::TCSANOW, &settings)?;
    tcgetattr(terminal)
}

fn is_as_before(terminal: &OwnedFd, before: &Termios) -> bool {
    tcgetattr(terminal).is_ok_and(|now| now == *before) && tcgetpgrp(terminal) == Ok(getpid())
}

pub(super) fn is_readable(fd: impl AsFd) -> bool {
    let mut fds = [PollFd::new(fd.as_fd(), PollFlags::POLLIN)];
    poll(&mut fds, PollTimeout::ZERO).is_ok_and(|count| count > 0)
        && fds[0].revents().is_some_and(|events| events.contains(PollFlags::POLLIN))
}

/// In a fresh session keyring, which ends with this process and what it starts.
fn add_key(canary: &str) -> nix::Result<()> {
    const SESSION: i32 = -3;
    fresh_session_keyring()?;
    let payload = [Arg::Bytes(canary.as_bytes()), Arg::Number(canary.len() as i32)];
    let [payload, length] = payload;
    let name = [Arg::Text(c"user"), Arg::Text(c"sandbox-verify"), payload, length, Arg::Number(SESSION)];
    call(libc::SYS_add_key, &name).map(drop)
}

/// getpriority(2) and ioprio_get(2) of this process.
fn priority() -> [nix::Result<u64>; 2] {
    let own = [Arg::Number(0), Arg::Number(0)];
    [call(libc::SYS_getpriority, &own), call(libc::SYS_ioprio_get, &[Arg::Number(1), Arg::Number(0)])]
}

/// sigpending(2), by proc_pid_status(5).
fn pending() -> SigSet {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let lines = text.lines().filter_map(|line| line.strip_prefix("SigPnd:").or(line.strip_prefix("ShdPnd:")));
    let bits = lines.filter_map(|bits| u64::from_str_radix(bits.trim(), 16).ok()).fold(0, |all, bits| all | bits);
    Signal::iterator().filter(|signal| bits & (1 << (*signal as i32 - 1)) != 0).collect()
}

/// True if the flags of what it handed on are others after it.
fn execute(mut command: Command, directory: &Path, baits: &Baits) -> io::Result<bool> {
    let stdin = directory.join("stdin");
    fs::write(&stdin, serde_json::to_vec(baits)?)?;
    let stdin = File::open(stdin)?;
    let log = OpenOptions::new().append(true).open(directory.join("log"))?;
    let handed_on = [stdin.try_clone()?, log.try_clone()?];
    let flags = || handed_on.each_ref().map(|file| fcntl(file, FcntlArg::F_GETFL).map(OFlag::from_bits_retain));
    let before = flags();
    command.env(VARIABLE, &baits.canary).stdin(stdin).stdout(log);
    command.stderr(File::create(directory.join("stderr"))?);
    command.status()?;
    Ok(before != flags())
}
