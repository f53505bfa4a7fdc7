//! Where the parts of an image are kept: in a directory, or in an archive.

use super::super::Failure;
use super::super::name::Name;
use super::index::Index;
use super::is_image;
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;

/// Bytes of a document of an image: registries take no larger ones.
const LARGEST_DOCUMENT: u64 = 4 << 20;

pub enum Store {
    Directory(OwnedFd),
    Archive(File, Index),
}

/// The bytes of a part.
pub struct Part {
    file: File,
    at: u64,
    left: u64,
}

impl Part {
    /// Bytes that are left of it.
    pub fn length(&self) -> u64 {
        self.left
    }
}

impl Read for Part {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let length = self.file.read_at(&mut buffer[..most], self.at)?;
        if length == 0 && most > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.at += length as u64;
        self.left -= length as u64;
        Ok(length)
    }
}

impl Store {
    pub fn is_image(&self) -> Result<bool, Failure> {
        let mut failed = None;
        let is =
            is_image(|name| self.open(name).map_err(|failure| failed = Some(failure)).is_ok_and(|part| part.is_some()));
        failed.map_or(Ok(is), Err)
    }

    /// The part of this name; none if it is not there.
    ///
    /// # Errors
    /// The name leads elsewhere, or to no file.
    pub fn open(&self, name: &str) -> Result<Option<Part>, Failure> {
        let wrong = |why: &str| Failure::about(name.as_bytes(), why);
        match self {
            Store::Archive(file, index) => {
                let Some((at, left)) = index.find(name) else { return Ok(None) };
                let file = file.try_clone().map_err(|error| wrong(&error.to_string()))?;
                Ok(Some(Part { file, at, left }))
            }
            Store::Directory(directory) => {
                let file = match open_below(directory, &Name::read(name.as_bytes())?) {
                    Err(Errno::ENOENT) => return Ok(None),
                    Err(Errno::ELOOP | Errno::ENOTDIR) => {
                        return Err(wrong("in the image it is a link, or lies in a file"));
                    }
                    file => File::from(file.map_err(|errno| wrong(errno.desc()))?),
                };
                let metadata = file.metadata().map_err(|error| wrong(&error.to_string()))?;
                if !metadata.is_file() {
                    return Err(wrong("in the image it is no file"));
                }
                Ok(Some(Part { file, at: 0, left: metadata.len() }))
            }
        }
    }

    /// The bytes of a document; none if it is not there.
    pub fn document(&self, name: &str) -> Result<Option<Vec<u8>>, Failure> {
        let Some(mut part) = self.open(name)? else { return Ok(None) };
        if part.length() > LARGEST_DOCUMENT {
            return Err(Failure::about(name.as_bytes(), "it is larger than 4 MiB"));
        }
        let mut document = Vec::new();
        part.read_to_end(&mut document).map_err(super::super::archive::unreadable)?;
        Ok(Some(document))
    }
}

/// By one name after another, none of them a link.
fn open_below(directory: &OwnedFd, name: &Name) -> nix::Result<OwnedFd> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let mut parent = None;
    for part in name.parents() {
        let here = parent.as_ref().unwrap_or(directory).as_fd();
        parent = Some(openat(here, *part, flags | OFlag::O_PATH | OFlag::O_DIRECTORY, Mode::empty())?);
    }
    let here = parent.as_ref().unwrap_or(directory).as_fd();
    openat(here, name.last().unwrap_or(b"."), flags | OFlag::O_RDONLY | OFlag::O_NONBLOCK, Mode::empty())
}
