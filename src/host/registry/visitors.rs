//! Those who have connected to the supervisor. None of them is waited for: each asks one thing and is answered at once, or not at all.

use super::message::{LONGEST_QUESTION, Misunderstood, Question, decode};
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, SockFlag, accept4, getsockopt, recv, sockopt::PeerCredentials};
use nix::sys::stat::stat;
use nix::unistd::geteuid;
use std::collections::VecDeque;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// At one time; the one who has said nothing for longest makes room for the next.
const MOST: usize = 16;

/// Connections that have not asked yet.
#[derive(Debug, Default)]
pub(in crate::host) struct Visitors(VecDeque<OwnedFd>);

/// What a connection brought.
#[derive(Debug)]
pub(in crate::host) enum Heard {
    /// A question, and where its answer goes.
    Question(OwnedFd, Question),
    /// What was not understood.
    Nothing(OwnedFd, Misunderstood),
}

impl Visitors {
    /// For poll(2).
    pub(in crate::host) fn waiting(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.0.iter().map(AsFd::as_fd)
    }

    /// Lets one in. What goes wrong is the visitor's loss, not the run's.
    pub(in crate::host) fn admit(&mut self, listener: impl AsFd) {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let Ok(number) = accept4(listener.as_fd().as_raw_fd(), flags) else { return };
        let visitor = crate::sys::process::adopt(number);
        if !is_one_of_us(&visitor) {
            return;
        }
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        self.0.push_back(visitor);
    }

    /// Those who have asked, or gone. Who asked is no visitor any more.
    pub(in crate::host) fn hear(&mut self) -> Vec<Heard> {
        let mut heard = Vec::new();
        for visitor in std::mem::take(&mut self.0) {
            let mut text = [0; LONGEST_QUESTION];
            match recv(visitor.as_raw_fd(), &mut text, MsgFlags::MSG_DONTWAIT) {
                Err(Errno::EAGAIN | Errno::EINTR) => self.0.push_back(visitor),
                Ok(count) if count > 0 => heard.push(match decode(text.get(..count).unwrap_or_default()) {
                    Ok(question) => Heard::Question(visitor, question),
                    Err(misunderstood) => Heard::Nothing(visitor, misunderstood),
                }),
                _ => {}
            }
        }
        heard
    }
}

/// The same user, in the same user namespace: for an ordinary user's run the command's own uid outside is the same, and should it
/// ever find the way to the socket, this is where it ends.
fn is_one_of_us(visitor: &OwnedFd) -> bool {
    let Ok(peer) = getsockopt(visitor, PeerCredentials) else { return false };
    let namespace = |process: &str| stat(format!("/proc/{process}/ns/user").as_str()).map(|found| found.st_ino);
    let same = || matches!((namespace("self"), namespace(&peer.pid().to_string())), (Ok(own), Ok(its)) if own == its);
    peer.uid() == geteuid().as_raw() && same()
}
