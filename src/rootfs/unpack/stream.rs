//! An archive as it flows: a thread reads it, takes its compression away and its digests, while another makes files of it.

use super::Failure;
use super::archive::Input;
use super::compression::Plain;
use sha2::{Digest, Sha256};
use std::io::{self, BufRead, BufReader, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Builder;

/// Bytes that change hands at once.
const CHUNK: usize = 256 << 10;
/// How many of them wait.
const AHEAD: usize = 8;

/// What of it is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digests {
    None,
    /// Of what was read, and of what it holds.
    Both,
}

/// SHA-256 in hexadecimal digits: of what was read, and of what it holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    pub stored: String,
    pub plain: String,
}

enum Message {
    Chunk(Vec<u8>),
    End(Seen),
    Failed(io::Error),
}

/// The end at which it is used.
pub struct Stream<'a> {
    messages: Receiver<Message>,
    give_back: SyncSender<Vec<u8>>,
    chunk: Vec<u8>,
    at: usize,
    end: Option<Seen>,
    read: &'a AtomicU64,
    tell: &'a mut dyn FnMut(u64),
}

/// Lets `source` flow through a thread while `used` uses it; `tell` hears of the bytes that were read.
pub fn flow<T>(
    source: impl Read + Send,
    digests: Digests,
    tell: &mut dyn FnMut(u64),
    used: impl FnOnce(Stream) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let read = &AtomicU64::new(0);
    let (sender, messages) = sync_channel(AHEAD);
    let (give_back, free) = sync_channel(AHEAD + 2);
    std::thread::scope(|scope| {
        let pumped = move || {
            let message = match pump(source, digests, read, &sender, &free) {
                Ok(seen) => Message::End(seen),
                Err(error) => Message::Failed(error),
            };
            let _ = sender.send(message); // who has left does not ask
        };
        Builder::new().spawn_scoped(scope, pumped).map_err(|error| {
            Failure::new(format!("no thread can be started: {error}")).remedy("Allow more processes")
        })?;
        used(Stream { messages, give_back, chunk: Vec::new(), at: 0, end: None, read, tell })
    })
}

impl Stream<'_> {
    /// The digests, once all was read.
    pub fn seen(self) -> Seen {
        self.end.unwrap_or_default()
    }
}

/// Reads to the end, or until nobody takes it any more.
fn pump(
    source: impl Read,
    digests: Digests,
    read: &AtomicU64,
    sender: &SyncSender<Message>,
    free: &Receiver<Vec<u8>>,
) -> io::Result<Seen> {
    let wanted = digests == Digests::Both;
    let stored = Watched { source, read, digest: wanted.then(Sha256::new) };
    let mut plain = Plain::new(BufReader::with_capacity(CHUNK, stored))?;
    let mut digest = (wanted && plain.is_compressed()).then(Sha256::new);
    loop {
        let mut chunk = free.try_recv().unwrap_or_default();
        chunk.resize(CHUNK, 0);
        let mut length = 0;
        while length < CHUNK {
            match plain.read(&mut chunk[length..]) {
                Ok(0) => break,
                Ok(more) => length += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        chunk.truncate(length);
        if let Some(digest) = &mut digest {
            digest.update(&chunk);
        }
        if length == 0 || sender.send(Message::Chunk(chunk)).is_err() {
            break;
        }
    }
    let stored = plain.into_inner().and_then(|stored| stored.into_inner().digest).map(hexadecimal).unwrap_or_default();
    Ok(Seen { plain: digest.map(hexadecimal).unwrap_or_else(|| stored.clone()), stored })
}

pub fn hexadecimal(digest: Sha256) -> String {
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Counts what passes, and takes its digest.
struct Watched<'a, R> {
    source: R,
    read: &'a AtomicU64,
    digest: Option<Sha256>,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.source.read(buffer)?;
        if let Some(digest) = &mut self.digest {
            digest.update(&buffer[..length]);
        }
        self.read.fetch_add(length as u64, Ordering::Relaxed);
        Ok(length)
    }
}

impl Read for Stream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut available = self.fill_buf()?;
        let length = available.read(buffer)?;
        self.consume(length);
        Ok(length)
    }
}

impl BufRead for Stream<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at == self.chunk.len() && self.end.is_none() {
            (self.tell)(self.read.load(Ordering::Relaxed));
            self.at = 0;
            let next = self.messages.recv().unwrap_or_else(|_| {
                Message::Failed(io::Error::other("its decoder failed")) // it panicked, which goes on from there
            });
            match next {
                Message::Chunk(chunk) => {
                    let _ = self.give_back.try_send(std::mem::replace(&mut self.chunk, chunk));
                }
                Message::End(seen) => {
                    self.chunk.clear();
                    self.end = Some(seen);
                }
                Message::Failed(error) => {
                    self.chunk.clear();
                    return Err(error);
                }
            }
        }
        Ok(&self.chunk[self.at..])
    }

    fn consume(&mut self, length: usize) {
        self.at += length;
    }
}

impl Input for Stream<'_> {
    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        let mut rest = bytes;
        while rest > 0 {
            let length = self.fill_buf()?.len().min(usize::try_from(rest).unwrap_or(usize::MAX));
            if length == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.consume(length);
            rest -= length as u64;
        }
        Ok(())
    }
}
