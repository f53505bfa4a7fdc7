//! What stands behind descriptors 0, 1 and 2 of the command: our own pipes, or the sandbox's own pty, never what the caller holds.

use super::Options;
use super::end::{End, Kind};
use super::escapes::Filter;
use super::open;
use super::stream::{Budget, Stream};
use super::streams::{Pty, Streams};
use super::terminal::Terminal;
use crate::error::Error;
use crate::plan::TerminalMode;
use crate::sys::descriptor::duplicate;
use crate::without;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::fstat;
use nix::unistd::{isatty, pipe2};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// Both sides of stdio before the launch.
#[derive(Debug)]
pub struct Stdio {
    /// Descriptors 0, 1 and 2 of the command: a pipe, or none where the slave of the sandbox's pty goes.
    payload: [Option<OwnedFd>; 3],
    input: Option<Stream>,
    outputs: Vec<Stream>,
    carriers: [Option<usize>; 2],
    terminal: Option<Outside>,
    budget: Budget,
}

/// The caller's terminal, before there is a pty.
#[derive(Debug)]
struct Outside {
    terminal: Terminal,
    source: Option<End>,
    sink: End,
}

impl Stdio {
    /// Decides for each of the caller's descriptors 0, 1 and 2, or the file that `options` names instead: a terminal becomes the
    /// sandbox's pty, all else a pipe. If stdout and stderr are one file they share a pipe, which keeps their order.
    /// `output_limit` is in bytes, for both together.
    pub fn prepare(options: &Options, callers: [BorrowedFd<'_>; 3], output_limit: Option<u64>) -> Result<Self, Error> {
        let files = [
            options.stdin.as_deref().map(open::input).transpose()?,
            options.stdout.as_deref().map(open::output).transpose()?,
            options.stderr.as_deref().map(open::output).transpose()?,
        ];
        let outside = |number: usize| files[number].as_ref().map_or(callers[number], AsFd::as_fd);
        Self::connect([outside(0), outside(1), outside(2)], output_limit).map_err(|errno| {
            Error::host(format!("the pipes of stdin, stdout and stderr could not be made ({})", errno.desc()))
                .step("stdio")
                .errno(errno)
                .remedy("Look at the limits on open files (ulimit -n) and pipes (/proc/sys/fs/pipe-user-pages-soft)")
        })
    }

    fn connect(outside: [BorrowedFd<'_>; 3], output_limit: Option<u64>) -> nix::Result<Self> {
        let [stdin, stdout, stderr] = outside;
        // Where the command gets the caller's own, there is no pty to stand for a terminal.
        let is_tty = outside.map(|fd| isatty(fd).unwrap_or(false) && !without::layer("stdio"));
        let budget = Budget::new(output_limit.unwrap_or(u64::MAX));
        let mut outputs = Vec::new();
        let mut output = |fd| -> nix::Result<Option<OwnedFd>> {
            let (reader, writer) = pipe2(OFlag::O_CLOEXEC)?;
            outputs.push(Stream::new(End::own(reader)?, End::shared(fd)?).with_budget(budget.clone()));
            Ok(Some(writer))
        };
        let (input, zero) = if is_tty[0] { (None, None) } else { input(stdin)? };
        let one = if is_tty[1] { None } else { output(stdout)? };
        let two = match &one {
            _ if is_tty[2] => None,
            Some(writer) if is_same_file(stdout, stderr)? => Some(duplicate(writer.as_raw_fd())?),
            _ => output(stderr)?,
        };
        let first = if is_tty[1] { None } else { Some(0) };
        let second = if is_tty[2] { None } else { outputs.len().checked_sub(1) };
        Ok(Stdio {
            payload: [zero, one, two],
            input,
            outputs,
            carriers: [first, second],
            terminal: Outside::find(outside, is_tty)?,
            budget,
        })
    }

    /// The command's ends, for the launch; none where the slave of the sandbox's pty goes.
    pub fn take_payload_ends(&mut self) -> [Option<OwnedFd>; 3] {
        std::mem::take(&mut self.payload)
    }

    /// Whether init is to make a pty and send its master.
    pub fn needs_pty(&self) -> bool {
        self.terminal.is_some()
    }

    /// After the launch: closes our copies of the command's ends and starts to move bytes. `master` is the sandbox's pty, if
    /// [`Stdio::needs_pty`]; it is made to look like the caller's terminal, so call this before the command starts. `mode` is how
    /// its output reaches that; a pipe never leads to one.
    pub fn attach(mut self, master: Option<OwnedFd>, mode: TerminalMode) -> nix::Result<Streams> {
        let (mut input, mut pty) = (self.input, None);
        if let Some(Outside { terminal, source, sink }) = self.terminal {
            let master = master.ok_or(Errno::ENOTTY)?;
            terminal.imitate(master.as_fd())?;
            if let Some(source) = source {
                input = Some(Stream::new(source, End::master(duplicate(master.as_raw_fd())?)?));
            }
            let mut output = Stream::new(End::master(duplicate(master.as_raw_fd())?)?, sink).with_budget(self.budget);
            if mode == TerminalMode::Safe {
                output = output.with_filter(Filter::new());
            }
            self.carriers = self.carriers.map(|carrier| carrier.or(Some(self.outputs.len())));
            self.outputs.push(output);
            pty = Some(Pty { terminal, master });
        }
        Ok(Streams::new(input.ok_or(Errno::ENOTTY)?, self.outputs, self.carriers, pty))
    }
}

impl Outside {
    /// The terminal among the caller's descriptors. What the command writes to its pty goes to the first of stdout, stderr, stdin.
    fn find(outside: [BorrowedFd<'_>; 3], is_tty: [bool; 3]) -> nix::Result<Option<Self>> {
        let Some(sink) = [1, 2, 0].into_iter().find(|&number| is_tty[number]) else { return Ok(None) };
        let source = is_tty[0].then(|| End::shared(outside[0])).transpose()?;
        let tty = duplicate(outside[if is_tty[0] { 0 } else { sink }].as_raw_fd())?;
        let terminal = Terminal::new(tty, is_tty[0] && is_tty[1]);
        Ok(Some(Outside { terminal, source, sink: End::shared(outside[sink])? }))
    }
}

/// A pipe fed from `stdin`. A file of the caller's gets its offset back: the next reader of it goes on where the command stopped,
/// as in `while read line; do sandbox -- cmd; done < file`.
fn input(stdin: BorrowedFd<'_>) -> nix::Result<(Option<Stream>, Option<OwnedFd>)> {
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC)?;
    let source = End::shared(stdin)?;
    let is_file = source.kind() == Kind::File;
    let mut stream = Stream::new(source, End::own(writer)?);
    if is_file {
        stream = stream.with_rewind(duplicate(stdin.as_raw_fd())?, duplicate(reader.as_raw_fd())?);
    }
    Ok((Some(stream), Some(reader)))
}

/// One file behind both, whose order of writes means something. (A device such as /dev/null keeps none.)
fn is_same_file(one: BorrowedFd<'_>, other: BorrowedFd<'_>) -> nix::Result<bool> {
    let (one, other, kind) = (fstat(one)?, fstat(other)?, End::shared(one)?.kind());
    Ok(kind != Kind::Device && (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino))
}

#[cfg(test)]
mod tests;
