//! What is said on the socket: one packet each way, JSON, with descriptors in the answer where its kind says so.

use crate::inside::door::Parts;
use crate::sys::process::adopt;
use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

/// Of the answers and of what is in the file of [`Answer::Enter`]. It grows with each change of either.
pub const FORMAT: u32 = 1;
/// Longer than a question.
pub const LONGEST_QUESTION: usize = 256;
/// Longer than an answer, of which the command's text is cut.
const LONGEST_ANSWER: usize = 64 << 10;
/// More than come with one answer.
const MOST_DESCRIPTORS: usize = 16;

/// Asked by another `sandbox` of the same user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Question {
    /// What runs there?
    Info,
    /// What does it use?
    Stats,
    /// End it all.
    Kill,
    /// This signal, to the command.
    Signal(i32),
    /// The way in.
    Enter,
}

/// The answer to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// To `Info`.
    Info(Info),
    /// To `Stats`; with the cgroup's directory, if there is one.
    Stats(Stats),
    /// To `Kill` and `Signal`: it is on its way.
    Done,
    /// To `Enter`; with a sealed file that holds a [`super::super::pass::Pass`], a pidfd of init, the cgroup's directory if there is
    /// one, and the door.
    Enter {
        /// Which descriptors of the door came.
        parts: Parts,
        /// Did the directory of a cgroup come?
        in_cgroup: bool,
    },
    /// It cannot be: why, and what to do.
    Refused {
        /// One sentence.
        reason: String,
        /// Another.
        remedy: String,
    },
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Its command has not been started yet.
    Starting,
    /// It runs.
    Running,
    /// Its command has ended; what that left is being ended.
    Ending,
    /// It does not answer: its `sandbox` is stopped, as by Ctrl-Z.
    Silent,
}

/// What is known of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Info {
    /// How far it is.
    pub state: State,
    /// The pid of its init.
    pub init_pid: i32,
    /// The command with its arguments; of a long one the beginning.
    pub command: Vec<String>,
    /// The profiles that took part, the last one first named.
    pub profiles: Vec<String>,
    /// When it was started: RFC 3339, UTC.
    pub since: String,
    /// Who gave its cgroup, if it has one.
    pub cgroup: Option<String>,
}

/// What figures of a run begin from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    /// The inode of its PID namespace: its processes are in it.
    pub pid_namespace: Option<u64>,
    /// The pid of its init, which is not the command's.
    pub init_pid: i32,
    /// CPU time of each mode that the cgroup counted before the command began, microseconds; none without a cgroup.
    pub set_up_us: Option<[u64; 2]>,
    /// The limits that are in force.
    pub limits: Limits,
}

/// Of a run as a whole; null where there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)] // as in the report
pub struct Limits {
    pub memory_bytes: Option<u64>,
    pub pids: Option<u64>,
    pub cpus: Option<f64>,
    pub cpu_time_us: Option<u64>,
    pub wall_time_us: Option<u64>,
}

/// Around each: another version may say other things.
#[derive(Debug, Serialize, Deserialize)]
struct Envelope<T> {
    sandbox: String,
    format: u32,
    #[serde(bound(deserialize = "T: Deserialize<'de>"))]
    says: T,
}

/// Text that says it.
pub fn encode<T: Serialize>(says: &T) -> Vec<u8> {
    let envelope = Envelope { sandbox: env!("CARGO_PKG_VERSION").into(), format: FORMAT, says };
    // Serialising plain data to memory cannot fail.
    serde_json::to_vec(&envelope).unwrap_or_default()
}

/// Why a text is not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Misunderstood {
    /// Another version said it: its number.
    Version(String),
    /// It is none of ours.
    Nonsense,
}

/// What a text says.
pub fn decode<T: DeserializeOwned>(text: &[u8]) -> Result<T, Misunderstood> {
    let outer: Envelope<serde_json::Value> = serde_json::from_slice(text).map_err(|_| Misunderstood::Nonsense)?;
    if (outer.format, outer.sandbox.as_str()) != (FORMAT, env!("CARGO_PKG_VERSION")) {
        return Err(Misunderstood::Version(outer.sandbox));
    }
    serde_json::from_value(outer.says).map_err(|_| Misunderstood::Nonsense)
}

/// Sends it whole or not at all, and never waits.
pub fn send(socket: impl AsFd, text: &[u8], descriptors: &[BorrowedFd]) -> nix::Result<()> {
    let raw: Vec<RawFd> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&raw)];
    let rights = if raw.is_empty() { &rights[..0] } else { &rights[..] };
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
    sendmsg::<()>(socket.as_fd().as_raw_fd(), &[IoSlice::new(text)], rights, flags, None).map(drop)
}

/// The answer that is there.
///
/// # Errors
/// EAGAIN if there is none yet; EPIPE if the other side is gone.
pub(super) fn receive(socket: impl AsFd) -> nix::Result<(Vec<u8>, Vec<OwnedFd>)> {
    let mut text = vec![0; LONGEST_ANSWER];
    let mut space = nix::cmsg_space!([RawFd; MOST_DESCRIPTORS]);
    let mut parts = [IoSliceMut::new(&mut text)];
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_CMSG_CLOEXEC;
    let message = recvmsg::<()>(socket.as_fd().as_raw_fd(), &mut parts, Some(&mut space), flags)?;
    let mut descriptors = Vec::new();
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(raw) = control {
            descriptors.extend(raw.into_iter().map(adopt));
        }
    }
    let (count, cut) = (message.bytes, message.flags.intersects(MsgFlags::MSG_TRUNC | MsgFlags::MSG_CTRUNC));
    match count {
        0 => Err(Errno::EPIPE),
        _ if cut => Err(Errno::EMSGSIZE),
        _ => {
            text.truncate(count);
            Ok((text, descriptors))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_understood() {
        for question in [Question::Info, Question::Stats, Question::Kill, Question::Signal(15), Question::Enter] {
            let text = encode(&question);
            assert!(text.len() < LONGEST_QUESTION);
            assert_eq!(decode(&text), Ok(question));
        }
    }

    #[test]
    fn another_version_is_told_from_nonsense() {
        let other = br#"{"sandbox":"9.9.9","format":7,"says":{"new":"thing"}}"#;
        assert_eq!(decode::<Answer>(other), Err(Misunderstood::Version("9.9.9".into())));
        for nonsense in [&b""[..], b"{}", b"\xff\xfe", br#"{"sandbox":1,"format":1,"says":1}"#, &encode(&"what?")] {
            assert_eq!(decode::<Question>(nonsense), Err(Misunderstood::Nonsense));
        }
    }
}
