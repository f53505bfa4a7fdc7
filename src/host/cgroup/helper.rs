//! The helper: a process of its own for D-Bus, whose threads so never meet a clone, and which then lives in the scope, so that
//! this outlasts init until its figures are read.

use super::hierarchy::Hierarchy;
use super::{Lack, scope};
use crate::host::ready::ready;
use crate::sys::process::{self, Cloned};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::poll::{PollFlags, PollTimeout};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, send, socketpair};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, alarm};
use serde::{Deserialize, Serialize};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// Longer than any answer: texts are cut before.
pub(super) const LONGEST: usize = 8192;

/// What became of the request.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    /// None yet: systemd is asked the next question. Does it move processes for this one?
    Asking { moving: bool },
    /// Both processes are in the scope: the text of /proc/self/cgroup there.
    Moved(String),
    /// The bus, or the manager behind it, cannot be reached.
    Unreachable(String),
    /// The manager said no.
    Refused(String),
    /// Its job ended otherwise than `done`.
    Job(String),
    /// No answer came in time.
    Late,
    /// The helper ended without one.
    Gone,
}

impl Answer {
    /// As it crosses the socket.
    pub(super) fn encode(&self) -> Vec<u8> {
        // Serialising plain data to memory cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The same back; what is no answer came from a helper that is not itself any more.
    pub(super) fn decode(bytes: &[u8]) -> Answer {
        serde_json::from_slice(bytes).unwrap_or(Answer::Gone)
    }
}

/// How long it goes on asking by itself, when nobody waits for the answer any more: seconds.
const LONGEST_LIFE: u32 = 10;

/// The helper, from outside. Dropped, it ends, and the scope with it.
#[derive(Debug)]
pub(super) struct Helper {
    /// To be moved apart from the payload.
    pub(super) pid: Pid,
    pidfd: OwnedFd,
    socket: OwnedFd,
    /// systemd may be moving it.
    is_moving: bool,
}

impl Helper {
    /// Forks it. All signals must be blocked, and stay so there: a Ctrl-C is not for it.
    pub(super) fn start(bus: &str) -> Result<Self, Lack> {
        Self::fork(bus).map_err(|errno| {
            Lack::new(
                format!("the helper that speaks to systemd cannot be started: {}", errno.desc()),
                "End some processes",
            )
        })
    }

    fn fork(bus: &str) -> nix::Result<Self> {
        let (socket, own) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
        match process::fork_with_pidfd()? {
            Cloned::Child => {
                drop(socket);
                let code = i32::from(live(bus, &own).is_err());
                process::exit_now(code)
            }
            Cloned::Parent(pid, pidfd) => Ok(Helper { pid, pidfd, socket, is_moving: false }),
        }
    }

    /// Names the process to move.
    pub(super) fn tell(&self, init: Pid) -> nix::Result<()> {
        send(self.socket.as_raw_fd(), &init.as_raw().to_ne_bytes(), MsgFlags::MSG_NOSIGNAL).map(drop)
    }

    /// The answer, if there is one.
    pub(super) fn answer(&mut self) -> Option<Answer> {
        let answer = self.hear();
        match &answer {
            None => {}
            Some(Answer::Asking { moving }) => self.is_moving = *moving,
            Some(_) => self.is_moving = false,
        }
        answer
    }

    /// For a run that is over before it has a cgroup: waits until systemd has done its part, ends the helper, and removes the scope's
    /// directory, which systemd gives up if it could not move init any more.
    pub(super) fn end(mut self, hierarchy: &Hierarchy, patience: Duration) {
        let until = Instant::now() + patience;
        while self.is_moving && Instant::now() < until {
            let left =
                PollTimeout::try_from(until.saturating_duration_since(Instant::now())).unwrap_or(PollTimeout::ZERO);
            let _ = ready(&[(self.socket.as_fd(), PollFlags::POLLIN, ())], left);
            self.answer();
        }
        let cgroup = std::fs::read_to_string(format!("/proc/{}/cgroup", self.pid)).unwrap_or_default();
        drop(self);
        hierarchy.remove_scope(&cgroup);
    }

    fn hear(&self) -> Option<Answer> {
        let mut buffer = [0; LONGEST];
        loop {
            return match recv(self.socket.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
                Err(Errno::EAGAIN) => None,
                Err(Errno::EINTR) => continue,
                Err(_) | Ok(0) => Some(Answer::Gone),
                Ok(count) => Some(Answer::decode(buffer.get(..count).unwrap_or_default())),
            };
        }
    }
}

impl AsFd for Helper {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        if self.is_moving {
            // What systemd moves into a scope when it is dead leaves that scope behind, empty and for
            // ever; alive, it hears that nobody waits, and ends.
            return;
        }
        // ESRCH: it has ended already. Either way it is to be reaped.
        let _ = process::pidfd_send_signal(&self.pidfd, Signal::SIGKILL);
        let _ = process::wait_with_usage(self.pid);
    }
}

/// The helper's life. It ends with the supervisor, whose end of the socket only init holds as well; but not while systemd may be moving it.
fn live(bus: &str, socket: &OwnedFd) -> nix::Result<()> {
    // Nothing of the caller's stays open here: the other end of his pipe would wait for this process.
    let null = open("/dev/null", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())?;
    for stream in 0..=2 {
        process::place(&null, stream)?;
    }
    process::close_all_but(vec![0, 1, 2, socket.as_raw_fd()])?;
    let mut number = [0; 4];
    let hear_init = || match recv(socket.as_raw_fd(), &mut number, MsgFlags::empty()) {
        Ok(4) => Some(Pid::from_raw(i32::from_ne_bytes(number))),
        _ => None,
    };
    let say = |answer: &Answer| send(socket.as_raw_fd(), &answer.encode(), MsgFlags::MSG_NOSIGNAL).map(drop);
    // If nobody hears it, the supervisor is gone, and this process as well in a moment.
    let asking = |moving| {
        let _ = say(&Answer::Asking { moving });
    };
    process::reset_signals()?;
    SigSet::from(Signal::SIGALRM).thread_unblock()?;
    alarm::set(LONGEST_LIFE);
    let Some(answer) = scope::ask(bus, hear_init, asking) else { return Ok(()) };
    alarm::cancel();
    say(&answer)?;
    // From here on it only has to be there.
    recv(socket.as_raw_fd(), &mut [0; 1], MsgFlags::empty()).map(drop)
}
