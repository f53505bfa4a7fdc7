//! What is to be unpacked: an archive of a root, or an image.

use super::archive::{Archive, Input};
use super::budget::Budget;
use super::compression::Plain;
use super::image::index::Index;
use super::image::store::Store;
use super::stream::{Digests, flow};
use super::{Failure, Limits};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

pub enum Source {
    Root(File),
    Image(Store),
    /// From a compressed archive, which was read to its end for that.
    Kept(Store),
}

/// Opens it, and looks what it is. An image in a compressed archive is first kept in `room` without its compression: its parts are needed
/// in another order.
pub fn open(path: &Path, room: &Path, limits: Limits, tell: &mut dyn FnMut(u64)) -> Result<Source, Failure> {
    // Whoever asks names the source: inside, its path is another.
    let unreadable = super::archive::unreadable;
    // Opening a FIFO must not wait for whoever writes it.
    let mut file = OpenOptions::new().read(true).custom_flags(nix::libc::O_NONBLOCK).open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if metadata.is_dir() {
        let store = Store::Directory(file.into());
        return if store.is_image()? {
            Ok(Source::Image(store))
        } else {
            let failure = Failure::new("this directory is no OCI image layout");
            Err(failure.remedy("If it is a root itself, pack it first: tar -C DIRECTORY -cf root.tar ."))
        };
    }
    if !metadata.is_file() {
        return Err(Failure::new("this is neither a file nor a directory").remedy("Save it as a file first"));
    }

    // Who only looks may see twice what is made: an image has layers that hide each other.
    let twice = || Budget::to_look(limits);
    let is_compressed = Plain::new(BufReader::new(&file)).map_err(unreadable)?.is_compressed();
    file.rewind().map_err(unreadable)?;
    if !is_compressed {
        let index = index(&file, &mut twice()).map_err(unreadable)??;
        file.rewind().map_err(unreadable)?;
        return Ok(match index {
            Some(index) => Source::Image(Store::Archive(file, index)),
            None => Source::Root(file),
        });
    }
    let looked =
        flow(&file, Digests::None, &mut |_| {}, |stream| Index::read(&mut Archive::new(stream), &mut twice()))?;
    file.rewind().map_err(unreadable)?;
    if looked.is_none() {
        return Ok(Source::Root(file));
    }
    let kept = keep(&file, room, limits.bytes.saturating_mul(2), tell)?;
    let index = index(&kept, &mut twice()).map_err(unreadable)??;
    let index = index.ok_or_else(|| Failure::new("it changed while it was read"))?;
    Ok(Source::Kept(Store::Archive(kept, index)))
}

fn index(file: &File, budget: &mut Budget) -> io::Result<Result<Option<Index>, Failure>> {
    let input = Seekable { length: file.metadata()?.len(), at: 0, file: BufReader::new(file) };
    Ok(Index::read(&mut Archive::new(input), budget))
}

/// Writes what the archive holds to a file in `room`, which goes with its descriptor.
fn keep(file: &File, room: &Path, most: u64, tell: &mut dyn FnMut(u64)) -> Result<File, Failure> {
    let path = room.join("image.tar");
    let failed = |error: io::Error| {
        Failure::new(format!("the image cannot be kept for unpacking it: {error}"))
            .remedy("Make room where the roots lie")
    };
    let mut kept = OpenOptions::new().read(true).write(true).create_new(true).open(&path).map_err(failed)?;
    std::fs::remove_file(&path).map_err(failed)?;
    flow(file, Digests::None, tell, |mut stream| {
        let mut length = 0;
        loop {
            let chunk = stream.fill_buf().map_err(super::archive::unreadable)?;
            if chunk.is_empty() {
                return Ok(());
            }
            kept.write_all(chunk).map_err(failed)?;
            let more = chunk.len();
            stream.consume(more);
            length += more as u64;
            if length > most {
                return Err(
                    Failure::new("the image is larger than twice what may be unpacked").remedy("Raise --max-size")
                );
            }
        }
    })?;
    kept.seek(SeekFrom::Start(0)).map_err(failed)?;
    Ok(kept)
}

/// A file whose parts are passed by without reading them.
struct Seekable<'f> {
    file: BufReader<&'f File>,
    at: u64,
    length: u64,
}

impl Read for Seekable<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read(buffer)?;
        self.at += length as u64;
        Ok(length)
    }
}

impl BufRead for Seekable<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.file.fill_buf()
    }

    fn consume(&mut self, length: usize) {
        self.at += length as u64;
        self.file.consume(length);
    }
}

impl Input for Seekable<'_> {
    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        let end = self.at.checked_add(bytes).filter(|end| *end <= self.length);
        let (Some(end), Ok(offset)) = (end, i64::try_from(bytes)) else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        self.at = end;
        self.file.seek_relative(offset)
    }
}
