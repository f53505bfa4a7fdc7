//! The socket between supervisor and init: fixed-size records, with descriptors where the record's kind says so.

use super::laps::{Lap, Process};
use super::step::{Failure, Step};
use nix::Result;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg, sendmsg, socketpair,
};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Instant;

/// Descriptors in one record at most (the kernel's SCM_MAX_FD is 253).
pub const BATCH: usize = 64;

/// What is said. The supervisor says the first three, init and the payload the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // of fields
pub enum Record {
    /// The id maps are written.
    Mapped,
    /// Detached trees, in the order of the plan's binds.
    Trees,
    /// Everything outside is ready: the payload may start. Does a cgroup hold its processes and count their time?
    Go { in_cgroup: bool },
    /// A step failed.
    Failed(Failure),
    /// The master of the sandbox's pty.
    Terminal,
    /// The payload exists; its pidfd, and where init is the one who says it, the [`super::door::Door`] of these parts.
    Started { fence: bool, terminals: bool },
    /// Job control stopped the payload.
    Stopped,
    /// The payload ended, with this raw wait status and so long after it was given the word to begin.
    Ended { status: i32, wall_time_us: u64 },
    /// Init's own wall-clock timer ran out: the supervisor was not there to act on its own.
    TimedOut,
    /// What init has used itself, set-up and all, in microseconds of each mode: its last word.
    Used { user_time_us: u32, system_time_us: u32 },
    /// The CPU time that init counts, where no cgroup does, is used up.
    CpuTimedOut,
    /// How long a step took, where that is asked for.
    Lap(Lap),
}

pub(super) type Wire = [u8; 16];

const WIRE: usize = size_of::<Wire>();
/// Records in one packet at most: a lap of each step.
const MOST: usize = Step::COUNT;

impl Record {
    /// It has just ended.
    pub(super) fn ended(status: i32, begun: Instant) -> Self {
        Record::Ended { status, wall_time_us: begun.elapsed().as_micros() as u64 }
    }

    pub(super) fn encode(self) -> Wire {
        let (kind, a, b, c) = match self {
            Record::Mapped => (1, 0, 0, 0),
            Record::Trees => (2, 0, 0, 0),
            Record::Go { in_cgroup } => (3, u32::from(in_cgroup), 0, 0),
            Record::Failed(failure) => (4, failure.step as u32, failure.index, failure.errno as i32),
            Record::Terminal => (5, 0, 0, 0),
            Record::Started { fence, terminals } => (6, u32::from(fence), u32::from(terminals), 0),
            Record::Stopped => (7, 0, 0, 0),
            Record::Ended { status, wall_time_us } => (8, wall_time_us as u32, (wall_time_us >> 32) as u32, status),
            Record::TimedOut => (9, 0, 0, 0),
            Record::CpuTimedOut => (10, 0, 0, 0),
            Record::Used { user_time_us, system_time_us } => (11, user_time_us, system_time_us, 0),
            Record::Lap(lap) => {
                let what = lap.step as u32 | u32::from(lap.by == Process::Payload) << 8 | u32::from(lap.times) << 16;
                (12, what, lap.from_us, lap.took_us as i32)
            }
        };
        let mut wire = Wire::default();
        for (place, word) in wire.chunks_exact_mut(4).zip([kind, a, b, c as u32]) {
            place.copy_from_slice(&word.to_ne_bytes());
        }
        wire
    }

    pub(super) fn decode(wire: &Wire) -> Option<Record> {
        let word = |at: usize| wire.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_ne_bytes);
        Some(match word(0)? {
            1 => Record::Mapped,
            2 => Record::Trees,
            3 => Record::Go { in_cgroup: word(4)? != 0 },
            4 => {
                let errno = Errno::from_raw(word(12)? as i32);
                Record::Failed(Failure { step: Step::from_number(word(4)?)?, index: word(8)?, errno })
            }
            5 => Record::Terminal,
            6 => Record::Started { fence: word(4)? != 0, terminals: word(8)? != 0 },
            7 => Record::Stopped,
            8 => Record::Ended {
                status: word(12)? as i32,
                wall_time_us: u64::from(word(4)?) | u64::from(word(8)?) << 32,
            },
            9 => Record::TimedOut,
            10 => Record::CpuTimedOut,
            11 => Record::Used { user_time_us: word(4)?, system_time_us: word(8)? },
            12 => {
                let what = word(4)?;
                let by = if what & 1 << 8 == 0 { Process::Init } else { Process::Payload };
                let (step, times) = (Step::from_number(what & 0xff)?, (what >> 16) as u16);
                Record::Lap(Lap { by, step, times, from_us: word(8)?, took_us: word(12)? })
            }
            _ => return None,
        })
    }
}

/// One end of the socket.
#[derive(Debug)]
pub struct Link {
    socket: OwnedFd,
    /// What came in one packet with what was heard last.
    rest: RefCell<VecDeque<Record>>,
}

impl Link {
    /// The two ends, close-on-exec.
    pub fn pair() -> Result<(Link, Link)> {
        let (one, other) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
        let link = |socket| Link { socket, rest: RefCell::default() };
        Ok((link(one), link(other)))
    }

    /// Says a record, with descriptors.
    pub fn send(&self, record: Record, descriptors: &[BorrowedFd]) -> Result<()> {
        self.send_with(&record.encode(), descriptors, MsgFlags::empty())
    }

    /// Says a record, or lets it be (EAGAIN) if the other side has not listened for long.
    pub fn try_send(&self, record: Record) -> Result<()> {
        self.send_with(&record.encode(), &[], MsgFlags::MSG_DONTWAIT)
    }

    /// The same with laps, in one packet: what is measured is not to be disturbed by its being told.
    pub fn try_send_laps(&self, laps: impl Iterator<Item = Lap>) -> Result<()> {
        let mut packet = [0; MOST * WIRE];
        let mut length = 0;
        for (place, lap) in packet.chunks_exact_mut(WIRE).zip(laps) {
            place.copy_from_slice(&Record::Lap(lap).encode());
            length += WIRE;
        }
        // An empty packet would be the end of this side.
        if length == 0 { Ok(()) } else { self.send_with(&packet[..length], &[], MsgFlags::MSG_DONTWAIT) }
    }

    fn send_with(&self, packet: &[u8], descriptors: &[BorrowedFd], flags: MsgFlags) -> Result<()> {
        let mut raw = [0 as RawFd; BATCH];
        let raw = raw.get_mut(..descriptors.len()).ok_or(Errno::E2BIG)?;
        for (place, descriptor) in raw.iter_mut().zip(descriptors) {
            *place = descriptor.as_raw_fd();
        }
        let rights = [ControlMessage::ScmRights(raw)];
        let rights = if descriptors.is_empty() { &rights[..0] } else { &rights[..] };
        let socket = self.socket.as_raw_fd();
        sendmsg::<()>(socket, &[IoSlice::new(packet)], rights, MsgFlags::MSG_NOSIGNAL | flags, None).map(drop)
    }

    /// Hears a record and the descriptors that came with it; none at the end of the other side.
    ///
    /// With `MSG_DONTWAIT` in `flags`, EAGAIN means that there is nothing to hear yet.
    pub fn receive(&self, flags: MsgFlags) -> Result<Option<(Record, Vec<OwnedFd>)>> {
        if let Some(record) = self.rest.borrow_mut().pop_front() {
            return Ok(Some((record, Vec::new())));
        }
        let mut packet = [0; MOST * WIRE];
        let mut space = nix::cmsg_space!([RawFd; BATCH]);
        let mut parts = [IoSliceMut::new(&mut packet)];
        let flags = flags | MsgFlags::MSG_CMSG_CLOEXEC;
        let message = recvmsg::<()>(self.socket.as_raw_fd(), &mut parts, Some(&mut space), flags)?;
        let mut descriptors = Vec::new();
        // Cut off (ENOBUFS): there is room for all that is ever sent, so it is descriptors that there were too few of.
        for control in message.cmsgs().map_err(|_| Errno::EMFILE)? {
            if let ControlMessageOwned::ScmRights(raw) = control {
                descriptors.extend(raw.into_iter().map(crate::sys::process::adopt));
            }
        }
        let bytes = message.bytes;
        let (wires, cut_off) = packet[..bytes].as_chunks();
        if !cut_off.is_empty() {
            return Err(Errno::EBADMSG);
        }
        let Some((first, rest)) = wires.split_first() else { return Ok(None) };
        let decode = |wire| Record::decode(wire).ok_or(Errno::EBADMSG);
        self.rest.replace(rest.iter().map(decode).collect::<Result<_>>()?);
        Ok(Some((decode(first)?, descriptors)))
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_arrive_as_they_were_sent() {
        let (one, other) = Link::pair().unwrap();
        let failure = Failure { step: Step::Mount, index: 7, errno: Errno::EROFS };
        let used = Record::Used { user_time_us: 7, system_time_us: u32::MAX };
        let go = Record::Go { in_cgroup: true };
        let started = Record::Started { fence: false, terminals: true };
        let lap = Lap { by: Process::Payload, step: Step::Execute, times: u16::MAX, from_us: 7, took_us: u32::MAX };
        let records = [
            go,
            started,
            used,
            Record::Failed(failure),
            Record::Ended { status: 0x86, wall_time_us: 0x1_2345_6789 },
            Record::Stopped,
            Record::CpuTimedOut,
            Record::Lap(lap),
            Record::Lap(Lap { by: Process::Init, ..lap }),
        ];
        for record in records {
            one.send(record, &[]).unwrap();
            assert_eq!(other.receive(MsgFlags::empty()).unwrap().unwrap().0, record);
        }
        one.try_send_laps(std::iter::empty()).unwrap();
        one.try_send_laps([lap, Lap { step: Step::Fork, ..lap }].into_iter()).unwrap();
        one.send(Record::Stopped, &[]).unwrap();
        for record in [Record::Lap(lap), Record::Lap(Lap { step: Step::Fork, ..lap }), Record::Stopped] {
            assert_eq!(other.receive(MsgFlags::MSG_DONTWAIT).unwrap().unwrap().0, record);
        }
        one.send(Record::Terminal, &[one.as_fd()]).unwrap();
        assert_eq!(other.receive(MsgFlags::empty()).unwrap().unwrap().1.len(), 1);
        drop(one);
        assert!(other.receive(MsgFlags::empty()).unwrap().is_none());
    }

    #[test]
    fn a_malformed_record_is_refused() {
        for wire in [[0xff; 16], [0; 16], {
            let mut wire = [4; 16];
            wire[1] = 0;
            wire
        }] {
            assert_eq!(Record::decode(&wire), None);
        }
    }
}
