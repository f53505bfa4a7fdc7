//! Running a part of this program inside a sandbox of its own, and hearing what it says.
//!
//! The supervisor of that run is a process forked from this one; it dies with this one, and all inside with it.

use super::words::{Word, Words};
use crate::error::Error;
use crate::host::outcome::Outcome;
use crate::host::{self, Options};
use crate::plan::contained::{self, Contained};
use crate::prepare;
use crate::sys::process::{self, Cloned};
use crate::timings::Stopwatch;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl::set_child_subreaper;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Pid, getpid, gettid, pipe2, read, setsid};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

/// The signals that end a command, as a descriptor: while this lives they end nothing by themselves.
#[derive(Debug)]
pub struct Interrupts {
    signals: SignalFd,
    before: SigSet,
}

impl Interrupts {
    /// Holds them back.
    ///
    /// # Errors
    /// There are too many descriptors.
    pub fn hold() -> Result<Interrupts, Error> {
        let failed = |errno: Errno| Error::host(format!("signals cannot be held back: {}", errno.desc())).errno(errno);
        let ending: SigSet = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT].into_iter().collect();
        let mut before = SigSet::empty();
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&ending), Some(&mut before)).map_err(failed)?;
        let signals = SignalFd::with_flags(&ending, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK).map_err(failed)?;
        Ok(Interrupts { signals, before })
    }

    /// Waits until `fd` can be read, or ends.
    ///
    /// # Errors
    /// The signal that came first.
    pub fn wait_for(&self, fd: BorrowedFd<'_>) -> Result<(), Stopped> {
        loop {
            let mut fds = [PollFd::new(self.signals.as_fd(), PollFlags::POLLIN), PollFd::new(fd, PollFlags::POLLIN)];
            match poll(&mut fds, PollTimeout::NONE) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(Stopped::Failed(Error::host(format!("poll: {}", errno.desc())).errno(errno))),
            }
            let is_ready = fds[1].any() == Some(true);
            self.check()?;
            if is_ready {
                return Ok(());
            }
        }
    }

    /// Has one come?
    ///
    /// # Errors
    /// That one.
    pub fn check(&self) -> Result<(), Stopped> {
        match self.signals.read_signal() {
            Ok(Some(heard)) => Err(Stopped::By(heard.ssi_signo as i32)),
            _ => Ok(()),
        }
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&self.before), None);
    }
}

/// Why nothing came of it.
#[derive(Debug)]
pub enum Stopped {
    /// The caller's signal.
    By(i32),
    /// Something else.
    Failed(Error),
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Stopped::Failed(error)
    }
}

/// What came of it.
#[derive(Debug)]
pub struct Ended {
    /// What it said last.
    pub last: Word,
    /// How much of its stdout arrived.
    pub stdout_bytes: u64,
}

/// Which descriptor of the part inside its words come on; the other ones.
#[derive(Debug)]
pub enum Speech {
    /// stdout; nobody hears stderr.
    Stdout,
    /// stderr, while its stdout goes here.
    Stderr(OwnedFd),
}

/// How the run ended, as its supervisor says.
#[derive(Debug, Serialize, Deserialize)]
struct End {
    exit_code: Option<i32>,
    signal: Option<i32>,
    stdout_bytes: Option<u64>,
    message: Option<String>,
    remedy: Option<String>,
    /// Under host root: what is shown could not be id-mapped.
    is_unmapped: bool,
}

/// Runs it to its end, and hands every word but the last to `hear`.
///
/// # Errors
/// The caller's signal came (everything inside has ended by then); the run could not be made, or ended without a last word.
pub fn run(
    contained: &Contained,
    speech: Speech,
    interrupts: &Interrupts,
    hear: &mut dyn FnMut(&Word),
) -> Result<Ended, Stopped> {
    let lack = |errno: Errno| Error::host(format!("a run of its own cannot be started: {}", errno.desc())).errno(errno);
    // When the supervisor is killed, init becomes our child: only then is it known when all inside has ended.
    set_child_subreaper(true).map_err(lack)?;
    let (said, saying) = pipe2(OFlag::O_CLOEXEC).map_err(lack)?;
    let (told, telling) = pipe2(OFlag::O_CLOEXEC).map_err(lack)?;
    let parent = process::pidfd_open(getpid()).map_err(lack)?;
    let strangers = children();
    let supervisor = match process::fork_with_pidfd().map_err(lack)? {
        Cloned::Child => {
            drop((said, told));
            supervise(contained, &speech, &parent, &saying, telling)
        }
        Cloned::Parent(pid, pidfd) => Supervisor { pid, pidfd, strangers },
    };
    drop((saying, telling, speech));
    let last = listen(&said, interrupts, hear)?;
    let mut text = String::new();
    let read = File::from(told).take(1 << 20).read_to_string(&mut text);
    drop(supervisor);
    let end = read.ok().and_then(|_| serde_json::from_str::<End>(&text).ok());
    conclude(last, end).map_err(Stopped::Failed)
}

/// The last word, if there was one; it counts only when all has gone well.
fn conclude(last: Option<Word>, end: Option<End>) -> Result<Ended, Error> {
    let unheard = |how: String| Error::host(format!("the part inside ended without a word: {how}"));
    let Some(end) = end else { return Err(unheard("its supervisor was killed".into())) };
    if let Some(message) = end.message {
        let error = Error::host(message);
        let instead = "Run as an ordinary user; or name a directory on ext4, xfs or btrfs with XDG_DATA_HOME";
        return Err(match end.remedy {
            _ if end.is_unmapped => error.remedy(instead),
            Some(remedy) => error.remedy(remedy),
            None => error,
        });
    }
    let stdout_bytes = end.stdout_bytes.unwrap_or_default();
    match (end.exit_code, last) {
        (Some(0), Some(last @ Word::Done(_))) | (Some(_), Some(last @ Word::Failed(_))) => {
            Ok(Ended { last, stdout_bytes })
        }
        (Some(code), _) => Err(unheard(format!("exit code {code}"))),
        (None, _) => Err(unheard(format!("signal {}", end.signal.unwrap_or_default()))),
    }
}

/// Until the run says no more.
fn listen(said: &OwnedFd, interrupts: &Interrupts, hear: &mut dyn FnMut(&Word)) -> Result<Option<Word>, Stopped> {
    let (mut words, mut last, mut bytes) = (Words::default(), None, [0; 16 << 10]);
    let nonsense = || Stopped::Failed(Error::host("the part inside said what it cannot have to say: it was ended"));
    loop {
        interrupts.wait_for(said.as_fd())?;
        let count = match read(said, &mut bytes) {
            Ok(0) if words.is_whole() => return Ok(last),
            Ok(0) => return Err(nonsense()),
            Ok(count) => count,
            Err(Errno::EINTR) => continue,
            Err(errno) => return Err(Error::host(format!("it cannot be heard: {}", errno.desc())).errno(errno).into()),
        };
        for word in words.feed(&bytes[..count]).ok_or_else(nonsense)? {
            match word {
                _ if last.is_some() => return Err(nonsense()),
                Word::Progress(_) => hear(&word),
                Word::Done(_) | Word::Failed(_) => last = Some(word),
            }
        }
    }
}

/// The supervisor; when this is dropped, it and all inside have ended.
struct Supervisor {
    pid: Pid,
    pidfd: OwnedFd,
    /// Children of whatever this process was before its execve(2): they are not ours to wait for.
    strangers: Vec<Pid>,
}

/// Milliseconds for it to end everything and go; it takes some.
const PATIENCE: u16 = 5000;

impl Drop for Supervisor {
    fn drop(&mut self) {
        let Supervisor { pid, pidfd, strangers } = self;
        // It has ended by itself, or two signals are its caller's last word: it ends all inside and takes its name off the list.
        for signal in [Signal::SIGINT, Signal::SIGTERM] {
            let _ = process::pidfd_send_signal(&*pidfd, signal);
        }
        let _ = poll(&mut [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)], PATIENCE);
        let _ = kill(*pid, Signal::SIGKILL);
        if wait_for(*pid) == Ok(WaitStatus::Exited(*pid, 0)) {
            return;
        }
        // Init, which became our child when it was killed, ends only after every process of its PID namespace: pid_namespaces(7).
        while let Some(adopted) = children().into_iter().find(|child| !strangers.contains(child)) {
            if wait_for(adopted).is_err() {
                return;
            }
        }
    }
}

fn wait_for(child: Pid) -> nix::Result<WaitStatus> {
    loop {
        match waitpid(child, None) {
            Err(Errno::EINTR) => {}
            answer => return answer,
        }
    }
}

/// This process's, which has one thread: proc(5).
fn children() -> Vec<Pid> {
    let text = fs::read_to_string(format!("/proc/self/task/{}/children", gettid())).unwrap_or_default();
    text.split_ascii_whitespace().filter_map(|pid| pid.parse().ok().map(Pid::from_raw)).collect()
}

/// The life of the supervisor.
fn supervise(contained: &Contained, speech: &Speech, parent: &OwnedFd, saying: &OwnedFd, telling: OwnedFd) -> ! {
    if process::tie_to(parent).is_err() {
        process::exit_now(1);
    }
    // The caller's terminal signals the one who hears them.
    let _ = setsid();
    let _ = set_child_subreaper(false);
    let by_number = |fd: &OwnedFd| Some(PathBuf::from(format!("/dev/fd/{}", fd.as_raw_fd())));
    let nowhere = || Some(PathBuf::from("/dev/null"));
    let (stdout, stderr) = match speech {
        Speech::Stdout => (by_number(saying), nowhere()),
        Speech::Stderr(stdout) => (by_number(stdout), by_number(saying)),
    };
    let options = Options { stdin: nowhere(), stdout, stderr, ..Options::default() };
    let outcome = contained::plan(contained).and_then(|plan| {
        let prepared = prepare::prepare(&plan)?;
        Ok(host::run(&prepared, &options, &mut Stopwatch::start()))
    });
    let outcome = outcome.unwrap_or_else(Outcome::failed);
    let end = End {
        exit_code: outcome.exit_code,
        signal: outcome.signal,
        stdout_bytes: outcome.stdout_bytes,
        message: outcome.error.as_ref().map(|error| Error { remedy: None, origin: None, ..error.clone() }.to_string()),
        is_unmapped: outcome.error.as_ref().is_some_and(|error| error.step == Some("id-maps") && error.path.is_some()),
        remedy: outcome.error.and_then(|error| error.remedy),
    };
    let _ = File::from(telling).write_all(&serde_json::to_vec(&end).unwrap_or_default());
    process::exit_now(0)
}
