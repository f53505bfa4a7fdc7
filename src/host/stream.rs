//! One direction of bytes, from a source to a sink, with back-pressure: what a slow reader has not taken stays where it is.
//!
//! Pipes are moved with splice(2), all else through one bounded buffer, and that through a filter where the sink is a terminal that
//! asks for one. Nothing here blocks but the writing of a regular file.

use super::end::{End, Kind};
use super::escapes::Filter;
use super::terminal;
use crate::sys::descriptor::unread_bytes;
use nix::errno::Errno;
use nix::fcntl::{SpliceFFlags, splice};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{Whence, lseek};
use std::cell::Cell;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;

/// The buffer, where splice(2) does not serve; as much as a pipe holds by default.
const BUFFER: usize = 64 << 10;
/// What is read at once for a filter, which can make three bytes of one.
const FILTERED: usize = BUFFER / 4;
/// The most that one step splices, so that a flood leaves room for signals and timers.
const BATCH: usize = 1 << 20;
/// A peer that is gone shows itself unasked: poll(2).
const GONE: PollFlags = PollFlags::POLLERR.union(PollFlags::POLLHUP).union(PollFlags::POLLNVAL);

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Some bytes moved; there may be more.
    Moved,
    /// Nothing can move before [`Stream::interests`] says so.
    Blocked,
    /// The source produced more than the budget lets through: all of that is delivered, and the stream has ended.
    LimitExceeded,
    /// The source or the sink failed, other than by having ended. Said once; the stream has ended.
    Failed(Errno),
    /// Nothing will move any more: both ends are closed.
    Ended,
}

/// Bytes that streams may still let through together: `limits.output`.
#[derive(Debug, Clone)]
pub struct Budget(Rc<Cell<u64>>);

impl Budget {
    /// Lets `limit` bytes through, to the byte.
    pub fn new(limit: u64) -> Self {
        Budget(Rc::new(Cell::new(limit)))
    }

    fn take(&self, count: usize) {
        self.0.set(self.0.get().saturating_sub(count as u64));
    }
}

/// A source that is a file of the caller's: at the end its offset is put back to the first byte that nobody has read.
#[derive(Debug)]
struct Rewind {
    file: OwnedFd,
    /// The reading end of the pipe, kept to ask what is left in it.
    pipe: OwnedFd,
    taken: u64,
}

/// One direction of bytes.
#[derive(Debug)]
pub struct Stream {
    ends: Option<(End, End)>,
    buffer: Vec<u8>,
    /// How much of the buffer is delivered; it is filled again when all is.
    delivered: usize,
    splices: bool,
    waits_for_sink: bool,
    paused: bool,
    draining: bool,
    /// Bytes still to be taken from the source: all there will be, until drained.
    remaining: u64,
    budget: Budget,
    rewind: Option<Rewind>,
    filter: Option<Filter>,
    bytes: u64,
    /// Of a filter: the bytes of the source that what is in the buffer was made of.
    behind_buffer: u64,
}

impl Stream {
    /// Moves what comes out of `source` into `sink`, and closes both at the end.
    pub fn new(source: End, sink: End) -> Self {
        Stream {
            // Pages of a caller's file are copied, not lent to the pipe of an untrusted reader.
            splices: source.kind() == Kind::Pipe
                && !matches!(sink.kind(), Kind::Socket | Kind::Terminal | Kind::Master),
            ends: Some((source, sink)),
            buffer: Vec::new(),
            delivered: 0,
            waits_for_sink: false,
            paused: false,
            draining: false,
            remaining: u64::MAX,
            budget: Budget::new(u64::MAX),
            rewind: None,
            filter: None,
            bytes: 0,
            behind_buffer: 0,
        }
    }

    /// Lets no more through than `budget` has left, which other streams may share. The source is a pipe or a pty.
    pub fn with_budget(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }

    /// The source is the regular `file` and the sink the pipe that `pipe` reads: at the end lseek(2) takes back what is left unread.
    pub fn with_rewind(mut self, file: OwnedFd, pipe: OwnedFd) -> Self {
        self.rewind = Some(Rewind { file, pipe, taken: 0 });
        self
    }

    /// The sink is a terminal that gets only what passes `filter`, and at the end what puts it back as it was. A limit and the count
    /// are of what came out of the source. Nothing is spliced.
    pub fn with_filter(mut self, filter: Filter) -> Self {
        (self.splices, self.filter) = (false, Some(filter));
        self
    }

    /// What to give to poll(2) before the next [`Stream::step`]; empty when paused or ended. A sink is watched even while nothing is
    /// to be written, so that a writer inside gets its SIGPIPE when the last reader outside has gone.
    pub fn interests(&self) -> impl Iterator<Item = (BorrowedFd<'_>, PollFlags)> {
        let (input, output) = match self.waits_for_sink {
            true => (None, PollFlags::POLLOUT),
            false => (Some(PollFlags::POLLIN), PollFlags::empty()),
        };
        self.ends.iter().filter(|_| !self.paused).flat_map(move |(source, sink)| {
            input.map(|flags| (source.as_fd(), flags)).into_iter().chain([(sink.as_fd(), output)])
        })
    }

    /// Bytes delivered to the sink, before any filter.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether nothing will move any more.
    pub fn has_ended(&self) -> bool {
        self.ends.is_none()
    }

    /// Leaves a source that is the caller's terminal alone for a while: it must not be read in the background.
    pub fn pause_terminal(&mut self, paused: bool) {
        self.paused = paused && self.ends.as_ref().is_some_and(|(source, _)| source.kind() == Kind::Terminal);
    }

    /// The writers inside are dead: what they have written is delivered and no more, whoever else still holds a writing end.
    pub fn drain(&mut self) {
        self.draining = true;
        if let Some((source, _)) = &self.ends
            && source.kind() == Kind::Pipe
        {
            self.remaining = self.remaining.min(unread_bytes(source.as_fd()).unwrap_or(0));
        }
        self.end_if_delivered();
    }

    /// Closes both ends, puts the offset of a caller's file back, and a terminal as it was if that is to be had without waiting.
    pub fn close(&mut self) {
        if self.restore()
            && let Some((source, sink)) = &self.ends
            && let Ok((_, true)) = readiness(source, sink)
        {
            // A terminal that is gone needs nothing back.
            let _ = sink.write(self.pending());
        }
        self.ends = None;
        if let Some(rewind) = self.rewind.take() {
            let unread = unread_bytes(rewind.pipe.as_fd()).unwrap_or(0) + self.pending().len() as u64;
            // A reader can also write into its own pipe: never further back than we came.
            let unread = i64::try_from(unread.min(rewind.taken)).unwrap_or(0);
            // A file that cannot seek any more has no offset to put back.
            let _ = lseek(&rewind.file, -unread, Whence::SeekCur);
        }
        (self.buffer, self.delivered) = (Vec::new(), 0);
    }

    /// Moves what can be moved now, at most one batch.
    pub fn step(&mut self) -> Progress {
        let progress = match self.advance() {
            // The source has come to its end, and the sink is still there.
            Ok(Progress::Ended) if self.restore() => Progress::Moved,
            Ok(Progress::LimitExceeded) if self.restore() => return Progress::LimitExceeded,
            Ok(progress) => progress,
            Err(Errno::EPIPE | Errno::ECONNRESET) => Progress::Ended,
            Err(Errno::EAGAIN | Errno::EINTR) => Progress::Blocked,
            Err(errno) => Progress::Failed(errno),
        };
        match progress {
            Progress::Moved | Progress::Blocked => self.end_if_delivered(),
            // The payload may go on reading what is in its pipe: only `close` puts an offset back.
            _ => self.ends = None,
        }
        progress
    }

    fn end_if_delivered(&mut self) {
        if self.remaining == 0 && self.pending().is_empty() && !self.restore() {
            self.ends = None;
        }
    }

    /// Nothing more is taken from the source. True if there is something to write that puts a terminal back; once.
    fn restore(&mut self) -> bool {
        let Some(filter) = &mut self.filter else { return false };
        self.remaining = 0;
        (self.buffer, self.delivered) = (Vec::new(), 0);
        filter.finish(&mut self.buffer);
        self.waits_for_sink = !self.buffer.is_empty();
        self.waits_for_sink
    }

    fn pending(&self) -> &[u8] {
        &self.buffer[self.delivered..]
    }

    fn advance(&mut self) -> nix::Result<Progress> {
        let Some((source, sink)) = &mut self.ends else { return Ok(Progress::Ended) };
        let left = usize::try_from(self.budget.0.get()).unwrap_or(usize::MAX);
        let most = usize::try_from(self.remaining).unwrap_or(usize::MAX).min(left);
        if self.splices && most > 0 {
            let flags = SpliceFFlags::SPLICE_F_NONBLOCK | SpliceFFlags::SPLICE_F_MOVE;
            match splice(source.as_fd(), None, sink.as_fd(), None, most.min(BATCH), flags) {
                // Files opened with O_APPEND, and devices without splice_write.
                Err(Errno::EINVAL) => self.splices = false,
                // No writer: the end, or a FIFO that nobody has opened yet. Full or empty: poll(2) knows which.
                Ok(0) | Err(Errno::EAGAIN) => {}
                Err(errno) => return Err(errno),
                Ok(count) => {
                    self.budget.take(count);
                    self.remaining -= count as u64;
                    self.bytes += count as u64;
                    self.waits_for_sink = false;
                    return Ok(Progress::Moved);
                }
            }
        }
        let (readable, writable) = readiness(source, sink)?;
        let is_pending = self.delivered < self.buffer.len();
        self.waits_for_sink = !writable && (readable.is_some() || is_pending);
        if is_pending {
            return if writable { self.flush() } else { Ok(Progress::Blocked) };
        }
        match readable {
            None if self.draining => return Ok(Progress::Ended),
            None => return Ok(Progress::Blocked),
            Some(Readable::Ended) if source.kind() == Kind::Pipe => return Ok(Progress::Ended),
            Some(Readable::Bytes) if left == 0 => return Ok(Progress::LimitExceeded),
            Some(_) if self.waits_for_sink || self.splices => return Ok(Progress::Blocked),
            Some(_) => {}
        }
        self.delivered = 0;
        let batch = if self.filter.is_some() { FILTERED } else { BUFFER };
        self.buffer.resize(batch.min(most), 0);
        let read = source.read(&mut self.buffer).inspect_err(|_| self.buffer.clear());
        let count = match read {
            Err(Errno::EPIPE | Errno::ECONNRESET) => return Ok(Progress::Ended),
            read => read?,
        };
        self.buffer.truncate(count);
        if let Some(rewind) = &mut self.rewind {
            rewind.taken += count as u64;
        }
        self.budget.take(count);
        self.remaining -= count as u64;
        if source.kind() == Kind::Terminal && sink.kind() == Kind::Master {
            self.buffer.extend(terminal::end_of_file(source.as_fd(), sink.as_fd(), &self.buffer));
        }
        if self.buffer.is_empty() {
            return Ok(Progress::Ended);
        }
        if let Some(filter) = &mut self.filter {
            self.behind_buffer = count as u64;
            let read = std::mem::take(&mut self.buffer);
            filter.pass(&read, &mut self.buffer);
        }
        self.flush()
    }

    fn flush(&mut self) -> nix::Result<Progress> {
        let Some((_, sink)) = &self.ends else { return Ok(Progress::Ended) };
        let count = sink.write(self.pending()).inspect_err(|_| self.waits_for_sink = true)?;
        self.delivered += count;
        self.waits_for_sink = !self.pending().is_empty();
        self.bytes += match &self.filter {
            None => count as u64,
            Some(_) if self.waits_for_sink => 0,
            Some(_) => std::mem::take(&mut self.behind_buffer),
        };
        Ok(Progress::Moved)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.close();
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Readable {
    Bytes,
    Ended,
}

/// What poll(2) says of both ends now: is there something to read, is there room; EPIPE when the sink has no reader any more.
fn readiness(source: &End, sink: &End) -> nix::Result<(Option<Readable>, bool)> {
    let mut fds = [PollFd::new(source.as_fd(), PollFlags::POLLIN), PollFd::new(sink.as_fd(), PollFlags::POLLOUT)];
    poll(&mut fds, PollTimeout::ZERO)?;
    let [input, output] = fds.map(|fd| fd.revents().unwrap_or(PollFlags::empty()));
    if output.intersects(GONE) {
        return Err(Errno::EPIPE);
    }
    let readable = match input {
        events if events.contains(PollFlags::POLLIN) => Some(Readable::Bytes),
        events if events.intersects(GONE) => Some(Readable::Ended),
        _ => None,
    };
    Ok((readable, output.contains(PollFlags::POLLOUT)))
}

#[cfg(test)]
mod tests;
