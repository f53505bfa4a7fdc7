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
use std::os::fd::{AsFd, OwnedFd};

/// How long an answer may take, which is made at once: milliseconds.
const PATIENCE: u16 = 2000;

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
    match directory.look(name) {
        Found::Alive(socket) => meet(name, socket),
        Found::Busy => Err(silent(name, None)),
        Found::Dead | Found::Nothing => Err(not_found(name, "")),
    }
}

/// A pidfd of the process that listens: if it answers afterwards, the pid was its own all the time.
fn meet(name: &str, socket: OwnedFd) -> Result<Run, Error> {
    let peer = getsockopt(&socket, PeerCredentials).ok().filter(|peer| peer.uid() == geteuid().as_raw());
    let pid = Pid::from_raw(peer.ok_or_else(|| not_found(name, ": another user listens there"))?.pid());
    let pidfd = process::pidfd_open(pid).map_err(|_| not_found(name, ""))?;
    Ok(Run { name: name.to_owned(), pid, pidfd, socket: Some(socket) })
}

impl Run {
    /// Asks one thing.
    ///
    /// # Errors
    /// It does not answer, or is of another version, or says no.
    pub fn ask(&mut self, question: Question) -> Result<(Answer, Vec<OwnedFd>), Error> {
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => find(&self.name)?.socket.ok_or_else(|| not_found(&self.name, ""))?,
        };
        let failed = |errno| match errno {
            Errno::EAGAIN => silent(&self.name, Some(self.pid)),
            Errno::EPIPE | Errno::ECONNRESET => {
                Error::host(format!("the sandbox {} has ended, or has no time for another question", self.name))
                    .remedy("See whether it is still there: sandbox ps")
            }
            errno => Error::host(format!("the sandbox {} cannot be asked: {}", self.name, errno.desc())).errno(errno),
        };
        send(&socket, &encode(&question), &[]).map_err(failed)?;
        let mut waited_for = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
        poll(&mut waited_for, PollTimeout::from(PATIENCE)).map_err(failed)?;
        let (text, descriptors) = receive(&socket).map_err(failed)?;
        match decode(&text) {
            Ok(Answer::Refused { reason, remedy }) => Err(Error::host(reason).remedy(remedy)),
            Ok(answer) => Ok((answer, descriptors)),
            Err(misunderstood) => Err(self.not_understood(&misunderstood)),
        }
    }

    /// What it is.
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

fn silent(name: &str, pid: Option<Pid>) -> Error {
    let pid = pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default();
    Error::host(format!("the sandbox {name} does not answer{pid}: it is stopped"))
        .errno(Errno::EAGAIN)
        .remedy("Continue it: fg in its shell, or kill -CONT")
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
