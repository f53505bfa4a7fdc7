//! The other side: finds a run by its name, and asks it.

use super::directory::{Directory, Found, why_not};
use super::is_name;
use super::message::{Answer, Info, Misunderstood, Question, decode, encode, receive, send};
use crate::error::Error;
use crate::profile::wording::nearest;
use crate::sys::process;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::{Pid, geteuid};
use std::fs;
use std::os::fd::{AsFd, OwnedFd};

/// An answer is made at once, but the machine may be busy: how often it is looked for, and how long each time, in milliseconds.
const LOOKS: u32 = 40;
const LOOK: u16 = 500;
/// How often one who was not heard, for others came, asks again.
const ATTEMPTS: u32 = 8;

/// A run, and a connection to its supervisor.
#[derive(Debug)]
pub struct Run {
    /// Its name.
    pub name: String,
    /// The supervisor's pid.
    pub pid: Pid,
    /// The supervisor: readable when it has ended.
    pub pidfd: OwnedFd,
    /// Before the first question.
    socket: Option<OwnedFd>,
}

/// The names of the runs of this user; none where there is no place for them.
pub fn names() -> Vec<String> {
    Directory::open().and_then(|directory| directory.names()).unwrap_or_default()
}

/// The run of that name.
///
/// # Errors
/// There is none, or it is stopped.
pub fn find(name: &str) -> Result<Run, Error> {
    if !is_name(name) {
        return Err(not_found(name, ""));
    }
    let directory = match Directory::open() {
        Ok(directory) => directory,
        Err(Errno::ENOENT) if super::directory::runtime().is_some() => return Err(not_found(name, "")),
        Err(errno) => return Err(not_found(name, &format!(", and no run can be listed here: {}", why_not(errno)))),
    };
    match directory.reach(name) {
        Found::Alive(socket) => meet(name, socket),
        Found::Busy => Err(silent(name, "")),
        Found::Dead | Found::Nothing => Err(not_found(name, "")),
    }
}

/// The process that listens, if it is the caller's own.
fn peer(socket: &OwnedFd) -> Option<Pid> {
    let peer = getsockopt(socket, PeerCredentials).ok().filter(|peer| peer.uid() == geteuid().as_raw());
    peer.map(|peer| Pid::from_raw(peer.pid()))
}

/// A pidfd of the process that listens: if it answers afterwards, the pid was its own all the time.
fn meet(name: &str, socket: OwnedFd) -> Result<Run, Error> {
    let pid = peer(&socket).ok_or_else(|| not_found(name, ": another user listens there"))?;
    let pidfd = process::pidfd_open(pid).map_err(|_| not_found(name, ""))?;
    Ok(Run { name: name.to_owned(), pid, pidfd, socket: Some(socket) })
}

impl Run {
    /// Asks one thing.
    ///
    /// # Errors
    /// It does not answer, or is of another version, or says no.
    pub fn ask(&mut self, question: Question) -> Result<(Answer, Vec<OwnedFd>), Error> {
        let question = encode(&question);
        let mut answer = Err(Errno::EPIPE);
        // A question that was not heard has done nothing: it can be asked again.
        for _ in 0..ATTEMPTS {
            answer = self.connection().and_then(|socket| self.exchange(&socket, &question));
            if !matches!(answer, Err(Errno::EPIPE | Errno::ECONNRESET)) {
                break;
            }
        }
        let (text, descriptors) = answer.map_err(|errno| match errno {
            Errno::EAGAIN => silent(&self.name, &format!(" (pid {})", self.pid)),
            Errno::EPIPE | Errno::ECONNRESET | Errno::ENOENT => {
                Error::host(format!("the sandbox {} has ended, or has no time for another question", self.name))
                    .errno(Errno::EPIPE)
                    .remedy("See whether it is still there: sandbox ps")
            }
            errno => Error::host(format!("the sandbox {} cannot be asked: {}", self.name, errno.desc())).errno(errno),
        })?;
        match decode(&text) {
            Ok(Answer::Refused { reason, remedy }) => Err(Error::host(reason).remedy(remedy)),
            Ok(answer) => Ok((answer, descriptors)),
            Err(misunderstood) => Err(self.not_understood(&misunderstood)),
        }
    }

    /// One is for one question.
    fn connection(&mut self) -> nix::Result<OwnedFd> {
        if let Some(socket) = self.socket.take() {
            return Ok(socket);
        }
        match Directory::open()?.reach(&self.name) {
            Found::Alive(socket) if peer(&socket) == Some(self.pid) => Ok(socket),
            Found::Busy => Err(Errno::EAGAIN),
            // It has ended; another run may have its name by now.
            _ => Err(Errno::ENOENT),
        }
    }

    fn exchange(&self, socket: &OwnedFd, question: &[u8]) -> nix::Result<(Vec<u8>, Vec<OwnedFd>)> {
        send(socket, question, &[])?;
        for _ in 0..LOOKS {
            let has_come = poll(&mut [PollFd::new(socket.as_fd(), PollFlags::POLLIN)], PollTimeout::from(LOOK))? > 0;
            if has_come || is_stopped(self.pid) {
                break;
            }
        }
        receive(socket)
    }

    /// What it is.
    ///
    /// # Errors
    /// As [`Run::ask`].
    pub fn info(&mut self) -> Result<Info, Error> {
        match self.ask(Question::Info)?.0 {
            Answer::Info(info) => Ok(info),
            _ => Err(self.not_understood(&Misunderstood::Nonsense)),
        }
    }

    /// An answer to another question, or to none.
    pub fn not_understood(&self, why: &Misunderstood) -> Error {
        match why {
            Misunderstood::Version(version) => Error::host(format!(
                "the sandbox {} was started by sandbox {version}, and this is {}",
                self.name,
                env!("CARGO_PKG_VERSION")
            ))
            .remedy("Use the same program"),
            Misunderstood::Nonsense => Error::host(format!("what the sandbox {} answers is not understood", self.name))
                .remedy("Use the program that it was started with"),
        }
    }

    /// Wakes a supervisor that job control has stopped, so that it hears.
    pub fn wake(&self) {
        let _ = process::pidfd_send_signal(&self.pidfd, Signal::SIGCONT);
    }

    /// Waits until it has ended; false if that takes longer.
    pub fn ends_within(&self, milliseconds: PollTimeout) -> bool {
        let mut ended = [PollFd::new(self.pidfd.as_fd(), PollFlags::POLLIN)];
        poll(&mut ended, milliseconds).is_ok_and(|count| count > 0)
    }
}

/// By job control, or whoever sent SIGSTOP: proc_pid_stat(5).
fn is_stopped(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, state)| state.starts_with(['T', 't']))
}

fn silent(name: &str, pid: &str) -> Error {
    Error::host(format!("the sandbox {name} does not answer{pid}: it is stopped, or far too busy"))
        .errno(Errno::EAGAIN)
        .remedy("If it is stopped, continue it: fg in its shell, or kill -CONT")
}

fn not_found(name: &str, why: &str) -> Error {
    let error = Error::usage(format!("there is no sandbox named {name:?}{why}")).errno(Errno::ENOENT);
    let names = names();
    match nearest(name, names.iter().map(String::as_str)) {
        Some(near) => error.remedy(format!("Did you mean {near:?}?")),
        None if names.is_empty() => error.remedy("None of yours runs here"),
        None => error.remedy("sandbox ps lists them"),
    }
}
