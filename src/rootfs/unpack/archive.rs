//! A tar archive, entry after entry: ustar, GNU and pax joined to one form. tar(5)

use super::budget::Budget;
use super::header::{BLOCK, Header, text};
use super::pax::Extended;
use super::sparse::Map;
use super::{Failure, name};
use std::io::{self, BufRead};
use std::mem::take;

/// Bytes that a long name or an extended header may have.
const LONGEST_HEADER: u64 = 1 << 20;

/// What an archive is read from.
pub trait Input: BufRead {
    /// Passes so many bytes by.
    ///
    /// # Errors
    /// There are fewer.
    fn skip(&mut self, bytes: u64) -> io::Result<()>;
}

/// What one entry says. Names are as they are written: nothing of them is checked yet.
#[derive(Debug)]
pub struct Entry {
    pub name: Vec<u8>,
    pub kind: Kind,
    /// Permission bits, with the set-id bits and the sticky one.
    pub mode: u32,
    pub uid: u64,
    pub gid: u64,
    /// Seconds and nanoseconds since 1970.
    pub mtime: (i64, u32),
    /// As long as the file will be, holes too.
    pub size: u64,
    /// Where its data belong, if it has holes.
    pub map: Option<Map>,
    /// How many extended attributes, and access control lists, it came with.
    pub attributes: u64,
    pub acls: u64,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Kind {
    File,
    HardLink(Vec<u8>),
    Symlink(Vec<u8>),
    Directory,
    Fifo,
    Device,
}

pub struct Archive<I> {
    input: I,
    /// Of the current entry: bytes not read yet, and those that fill its last block.
    data: u64,
    padding: u64,
    /// What a global header said of all that follow.
    global: Extended,
    /// Offset of the next byte.
    at: u64,
}

impl<I: Input> Archive<I> {
    pub fn new(input: I) -> Self {
        Archive { input, data: 0, padding: 0, global: Extended::default(), at: 0 }
    }

    /// The next entry; none at the end. What was not read of the one before is passed by.
    pub fn next(&mut self, budget: &mut Budget) -> Result<Option<Entry>, Failure> {
        let rest = take(&mut self.data) + take(&mut self.padding);
        self.input.skip(rest).map_err(unreadable)?;
        self.at += rest;
        let (mut extended, mut long) = (None, Long::default());
        loop {
            let Some(header) = self.header()? else {
                let pending = extended.is_some() || long.name.is_some() || long.link.is_some();
                return if pending {
                    Err(Failure::new("the archive ends behind an extended header"))
                } else {
                    Ok(None)
                };
            };
            match header.kind() {
                b'x' => {
                    let records = self.body(&header, budget)?;
                    let extended = extended.get_or_insert_with(|| self.global.clone());
                    extended.add(&records).map_err(|why| Failure::about(&header.name(), &why))?;
                }
                b'g' => self.add_global(&header, budget)?,
                b'L' => long.name = Some(text(&self.body(&header, budget)?).to_vec()),
                b'K' => long.link = Some(text(&self.body(&header, budget)?).to_vec()),
                _ => {
                    let extended = extended.unwrap_or_else(|| self.global.clone());
                    return self.entry(&header, extended, long, budget).map(Some);
                }
            }
        }
    }

    /// What is still unread of the entry's data, in order, as much at a time as there is.
    ///
    /// # Errors
    /// The archive ends before, or `each` fails.
    pub fn read(&mut self, length: u64, mut each: impl FnMut(&[u8]) -> Result<(), Failure>) -> Result<(), Failure> {
        let mut rest = length.min(self.data);
        while rest > 0 {
            let buffer = self.input.fill_buf().map_err(unreadable)?;
            if buffer.is_empty() {
                return Err(cut_off());
            }
            let length = buffer.len().min(usize::try_from(rest).unwrap_or(usize::MAX));
            each(&buffer[..length])?;
            self.consume(length);
            rest -= length as u64;
            self.data -= length as u64;
        }
        Ok(())
    }

    /// Where in the archive the data of the entry begin, and how many bytes they are.
    pub fn place(&self) -> (u64, u64) {
        (self.at, self.data)
    }

    /// Reads what is behind the end, so that the stream below has seen all of itself: then its checksums count.
    pub fn finish(mut self, budget: &mut Budget) -> Result<I, Failure> {
        loop {
            let length = self.input.fill_buf().map_err(unreadable)?.len();
            if length == 0 {
                return Ok(self.input);
            }
            budget.overhead(length as u64)?;
            self.input.consume(length);
        }
    }

    fn consume(&mut self, length: usize) {
        self.input.consume(length);
        self.at += length as u64;
    }

    /// None at the end: a block of zeros, or nothing at all, as for GNU tar.
    fn header(&mut self) -> Result<Option<Header>, Failure> {
        if self.input.fill_buf().map_err(unreadable)?.is_empty() && self.at > 0 {
            return Ok(None);
        }
        let at = self.at;
        let block = self.block().map_err(|failure| match failure.reason.as_str() {
            CUT_OFF if at == 0 => {
                Failure::new("there is no tar archive in it: it is shorter than one header").remedy(NO_ARCHIVE)
            }
            _ => failure,
        })?;
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        Header::read(block).map(Some).ok_or_else(|| {
            if at == 0 {
                return Failure::new("this is no tar archive").remedy(NO_ARCHIVE);
            }
            Failure::new(format!("the archive is damaged: at byte {at} there is no header")).remedy(FETCH)
        })
    }

    fn block(&mut self) -> Result<[u8; BLOCK], Failure> {
        let mut block = [0; BLOCK];
        self.input.read_exact(&mut block).map_err(unreadable)?;
        self.at += BLOCK as u64;
        Ok(block)
    }

    /// The bytes behind a header that speaks of the next.
    fn body(&mut self, header: &Header, budget: &mut Budget) -> Result<Vec<u8>, Failure> {
        let length = size(header)?;
        if length > LONGEST_HEADER {
            return Err(Failure::new(format!(
                "an extended header of the archive has {length} bytes, 1 MiB is the most"
            )));
        }
        let padded = length.next_multiple_of(BLOCK as u64);
        budget.overhead(padded + BLOCK as u64)?;
        let mut body = vec![0; padded as usize];
        self.input.read_exact(&mut body).map_err(unreadable)?;
        self.at += padded;
        body.truncate(length as usize);
        Ok(body)
    }

    /// Owners and times may be said for all; a name or a size of all would be of none.
    fn add_global(&mut self, header: &Header, budget: &mut Budget) -> Result<(), Failure> {
        let records = self.body(header, budget)?;
        self.global.add(&records).map_err(|why| Failure::about(&header.name(), &why))?;
        let Extended { path, link, size, sparse, .. } = &self.global;
        if path.is_some() || link.is_some() || size.is_some() || *sparse != Default::default() {
            return Err(Failure::new("a global header of the archive gives all entries one name or size"));
        }
        (self.global.attributes, self.global.acls) = (0, 0);
        Ok(())
    }

    fn entry(&mut self, header: &Header, said: Extended, long: Long, budget: &mut Budget) -> Result<Entry, Failure> {
        let name = said.sparse.name.clone().or(said.path).or(long.name).unwrap_or_else(|| header.name());
        let wrong = |why: &str| Failure::about(&name, why);
        let link = || said.link.clone().or(long.link.clone()).unwrap_or_else(|| header.link());
        let mut stored = said.size.or(header.size()).ok_or_else(|| wrong("its size is no number"))?;
        let kind = match header.kind() {
            // Before there was a type for it, a directory was told by the slash.
            0 | b'0' | b'7' if name.ends_with(b"/") => Kind::Directory,
            0 | b'0' | b'7' | b'S' => Kind::File,
            b'1' => Kind::HardLink(link()),
            b'2' => Kind::Symlink(link()),
            b'3' | b'4' => Kind::Device,
            b'5' => Kind::Directory,
            b'6' => Kind::Fifo,
            other => return Err(wrong(&format!("it is of the type {:?}, which is not known", char::from(other)))),
        };
        if matches!(kind, Kind::HardLink(_)) {
            stored = 0; // some write the length of the file, none the file
        } else if kind != Kind::File && stored != 0 {
            return Err(wrong("it is no file, but has data"));
        }
        let number = |value: Option<i64>, what| value.ok_or_else(|| wrong(&format!("its {what} is no number")));
        let id = |said: Option<u64>, value, what| match said {
            Some(id) => Ok(id),
            None => number(value, what)?.try_into().map_err(|_| wrong(&format!("its {what} is negative"))),
        };
        let mut entry = Entry {
            mode: (number(header.mode(), "mode")? & 0o7777) as u32,
            uid: id(said.uid, header.uid(), "owner")?,
            gid: id(said.gid, header.gid(), "group")?,
            mtime: match said.mtime {
                Some(time) => time,
                None => (number(header.mtime(), "time")?, 0),
            },
            size: stored,
            map: None,
            attributes: said.attributes,
            acls: said.acls,
            kind,
            name: name.clone(),
        };
        self.data = stored;
        self.padding =
            stored.checked_next_multiple_of(BLOCK as u64).ok_or_else(|| wrong("its size is too large"))? - stored;
        let map = match (header.kind(), said.sparse.major, said.sparse.minor) {
            (b'S', None, None) => Some(self.old_map(header, budget)),
            (_, None, None) => None,
            (0 | b'0', Some(1), Some(0)) => Some(self.new_map(said.sparse.size, budget)),
            _ => return Err(wrong("it is a sparse file in a form other than GNU tar's \"gnu\" and \"pax\" 1.0")),
        };
        if let Some(map) = map {
            let (map, size) = map.map_err(|failure| Failure::about(&name, &failure.reason))?;
            map.check(size, self.data).map_err(|why| wrong(&why))?;
            (entry.map, entry.size) = (Some(map), size);
        }
        Ok(entry)
    }

    /// From the header and the blocks behind it, which its size does not count.
    fn old_map(&mut self, header: &Header, budget: &mut Budget) -> Result<(Map, u64), Failure> {
        let (fields, mut more, size) = header.sparse();
        let mut map = Map::default();
        map.add_fields(fields).map_err(Failure::new)?;
        while more {
            budget.overhead(BLOCK as u64)?;
            let block = self.block()?;
            map.add_fields(&block[..504]).map_err(Failure::new)?;
            more = block[504] != 0;
        }
        Ok((map, size.ok_or_else(|| Failure::new("its size is no number"))?))
    }

    /// From the beginning of the data.
    fn new_map(&mut self, size: Option<u64>, budget: &mut Budget) -> Result<(Map, u64), Failure> {
        let stored = self.data;
        let (map, taken) = Map::read(|| {
            budget.overhead(BLOCK as u64)?;
            self.block()
        })?;
        self.data = stored.checked_sub(taken).ok_or_else(|| Failure::new("its map of a sparse file is damaged"))?;
        Ok((map, size.ok_or_else(|| Failure::new("its size is not said"))?))
    }
}

/// Names of GNU tar that are too long for a header.
#[derive(Default)]
struct Long {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
}

const CUT_OFF: &str = "the archive is cut off";
const FETCH: &str = "Fetch it, or make it, again";
const REPACK: &str = "Take it apart with its own program, and pack what is in it with tar";
const NO_ARCHIVE: &str = "Give an archive as tar, docker save or docker export writes it";

fn size(header: &Header) -> Result<u64, Failure> {
    header.size().ok_or_else(|| Failure::about(&header.name(), "its size is no number"))
}

fn cut_off() -> Failure {
    Failure::new(CUT_OFF).remedy(FETCH)
}

/// What reading the archive failed with.
pub fn unreadable(error: io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => cut_off(),
        io::ErrorKind::Unsupported => Failure::new(error.to_string()).remedy(REPACK),
        _ => Failure::new(format!("the archive cannot be read: {error}")).remedy(FETCH),
    }
}

impl Failure {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Failure { reason: reason.into(), remedy: String::new() }
    }

    /// On an entry, whose name may be anything.
    pub(super) fn about(entry: &[u8], why: &str) -> Self {
        Failure::new(format!("{}: {why}", name::shown(entry)))
    }

    pub(super) fn remedy(self, remedy: &str) -> Self {
        Failure { remedy: remedy.into(), ..self }
    }
}

impl From<String> for Failure {
    fn from(reason: String) -> Self {
        Failure::new(reason)
    }
}
