//! All bytes of a run while it goes on: what the supervisor's poll loop drives.

use super::stream::{Progress, Stream};
use super::terminal::{Standing, Terminal};
use nix::poll::PollFlags;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The caller's terminal and the pty that stands in for it inside.
#[derive(Debug)]
pub struct Pty {
    pub(super) terminal: Terminal,
    pub(super) master: OwnedFd,
}

/// The streams of one run; dropped, they end and the terminal is put back.
#[derive(Debug)]
pub struct Streams {
    input: Stream,
    outputs: Vec<Stream>,
    /// Which of `outputs` brings stdout, and which stderr.
    carriers: [Option<usize>; 2],
    pty: Option<Pty>,
}

impl Streams {
    pub(super) fn new(input: Stream, outputs: Vec<Stream>, carriers: [Option<usize>; 2], pty: Option<Pty>) -> Self {
        Streams { input, outputs, carriers, pty }
    }

    /// For poll(2): on an event, [`Streams::step`] the stream of that index (once, if both its descriptors have one).
    pub fn interests(&self) -> impl Iterator<Item = (usize, BorrowedFd<'_>, PollFlags)> {
        let each = |(index, stream)| Stream::interests(stream).map(move |(fd, flags)| (index, fd, flags));
        std::iter::once(&self.input).chain(&self.outputs).enumerate().flat_map(each)
    }

    /// Moves what can be moved now in one stream.
    pub fn step(&mut self, index: usize) -> Progress {
        match index.checked_sub(1) {
            None => self.input.step(),
            Some(index) => self.outputs.get_mut(index).map_or(Progress::Ended, Stream::step),
        }
    }

    /// Everything inside is dead: stdin is closed, what was written is still delivered. Then poll until [`Streams::have_ended`].
    pub fn drain(&mut self) {
        self.input.close();
        for output in &mut self.outputs {
            output.drain();
        }
    }

    /// Whether all output is delivered.
    pub fn have_ended(&self) -> bool {
        self.outputs.iter().all(Stream::has_ended)
    }

    /// Bytes delivered from stdout and from stderr; what is not known by itself, because both went one way, is counted as stdout's.
    pub fn bytes(&self) -> [Option<u64>; 2] {
        let [stdout, stderr] = self.carriers;
        let count = |carrier: Option<usize>| carrier.and_then(|index| self.outputs.get(index)).map(Stream::bytes);
        [count(stdout), count(stderr.filter(|_| stderr != stdout))]
    }

    /// Takes the caller's terminal, if there is one: at the start, after SIGCONT, and while [`Streams::in_background`].
    pub fn enter(&mut self) -> nix::Result<()> {
        self.with_terminal(|pty| pty.terminal.enter())
    }

    /// Gives the terminal back, to print a message or to end.
    pub fn leave(&mut self) {
        if let Some(pty) = &mut self.pty {
            pty.terminal.leave();
        }
    }

    /// Whether the terminal is not ours to read. A shell's `fg` of a running job sends no signal: [`Streams::enter`] again within
    /// a second, as long as this is so.
    pub fn in_background(&self) -> bool {
        self.pty.as_ref().is_some_and(|pty| pty.terminal.standing() == Standing::Background)
    }

    /// SIGWINCH came: the pty is resized.
    pub fn resize(&self) -> nix::Result<()> {
        self.pty.as_ref().map_or(Ok(()), |pty| pty.terminal.resize(pty.master.as_fd()))
    }

    /// The command on the pty was stopped: see [`Terminal::suspend`].
    pub fn suspend(&mut self) -> nix::Result<()> {
        self.with_terminal(|pty| pty.terminal.suspend(pty.master.as_fd()))
    }

    /// The master of the sandbox's pty, to signal its foreground group.
    pub fn master(&self) -> Option<BorrowedFd<'_>> {
        self.pty.as_ref().map(|pty| pty.master.as_fd())
    }

    /// Does something with the terminal that tells whether it may be read now.
    fn with_terminal(&mut self, take: impl FnOnce(&mut Pty) -> nix::Result<bool>) -> nix::Result<()> {
        let Some(pty) = &mut self.pty else { return Ok(()) };
        let readable = take(pty)?;
        self.input.pause_terminal(!readable);
        Ok(())
    }
}
