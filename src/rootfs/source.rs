//! What is imported: a file, a directory, or what comes through a pipe, which is kept until it has been read.

use super::contained::{Interrupts, Stopped};
use super::staging::Staging;
use crate::error::Error;
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use nix::unistd::{isatty, read, write};
use sha2::{Digest, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// One that can be shown inside.
#[derive(Debug)]
pub struct Source {
    /// Its path without links.
    pub path: PathBuf,
    /// Its last part, as text.
    pub name: String,
    /// Of a file of at most 256 MiB.
    pub sha256: Option<String>,
}

/// The name of what came through a pipe, in the staging directory.
pub const SPOOLED: &str = "source";

/// Larger files are not read twice.
const CHEAP: u64 = 256 << 20;

const CHUNK: usize = 1 << 20;

/// Finds it: `-` is stdin. `most` bytes may come through a pipe; `tell` hears how many have.
///
/// # Errors
/// It cannot be read, or is nothing that could be imported; the caller's signal came.
pub fn find(
    argument: &Path,
    staging: &Staging<'_>,
    most: u64,
    interrupts: &Interrupts,
    tell: &mut dyn FnMut(u64),
) -> Result<Source, Stopped> {
    let mut spool = |from: BorrowedFd<'_>, name: String| {
        let sha256 = Some(spool(from, staging, most, interrupts, tell)?);
        Ok(Source { path: staging.path().join(SPOOLED), name, sha256 })
    };
    if argument == Path::new("-") {
        let stdin = io::stdin();
        if isatty(&stdin).unwrap_or(false) {
            return Err(Error::usage("there is a terminal on stdin, and no archive")
                .remedy("Pipe one: docker export CONTAINER | sandbox rootfs import - --name NAME")
                .into());
        }
        return spool(stdin.as_fd(), "-".into());
    }
    let kind = fs::metadata(argument).map_err(|error| unreadable(argument, &error))?.file_type();
    if !kind.is_file() && !kind.is_dir() && !kind.is_fifo() {
        let what = if kind.is_socket() { "a socket" } else { "a device" };
        return Err(Error::usage(format!("{} is {what}", argument.display()))
            .path(argument)
            .remedy(format!("Read it into a pipe: sandbox rootfs import - < {}", argument.display()))
            .into());
    }
    // A FIFO without a writer must not hang; and a directory that cannot be listed is told here.
    let flags = OFlag::O_NONBLOCK | if kind.is_dir() { OFlag::O_DIRECTORY } else { OFlag::empty() };
    let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(argument);
    let file = file.map_err(|error| unreadable(argument, &error))?;
    let path = fs::canonicalize(argument).map_err(|error| unreadable(argument, &error))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if kind.is_fifo() {
        return spool(file.as_fd(), "-".into());
    }
    let sha256 = if kind.is_file() { digest(&file, argument, interrupts)? } else { None };
    Ok(Source { path, name, sha256 })
}

fn unreadable(path: &Path, error: &io::Error) -> Stopped {
    if let Some(image) = path.to_str().filter(|text| error.kind() == io::ErrorKind::NotFound && text.contains(':')) {
        let image = image.split_once("://").map_or(image, |(_, image)| image);
        let error = Error::usage(format!("{} does not exist, and nothing is fetched from a registry", path.display()));
        let save = format!("Save the image first: docker save {image} | sandbox rootfs import - --name NAME");
        return Stopped::Failed(error.path(path).remedy(save));
    }
    let wrong = Error::usage(match error.kind() {
        io::ErrorKind::NotFound => format!("{} does not exist", path.display()),
        _ => format!("{} cannot be read: {error}", path.display()),
    });
    Stopped::Failed(
        wrong.path(path).remedy("Name a tar archive, an image, or a directory that docker save or skopeo made"),
    )
}

fn digest(file: &File, path: &Path, interrupts: &Interrupts) -> Result<Option<String>, Stopped> {
    let is_cheap = file.metadata().is_ok_and(|metadata| metadata.len() <= CHEAP);
    if !is_cheap {
        return Ok(None);
    }
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; CHUNK]);
    loop {
        interrupts.check()?;
        match read(file, &mut buffer) {
            Ok(0) => return Ok(Some(hexadecimal(hash))),
            Ok(count) => hash.update(&buffer[..count]),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(unreadable(path, &errno.into())),
        }
    }
}

fn hexadecimal(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// From a pipe into the staging directory, for images are not read from front to back; its digest.
fn spool(
    from: BorrowedFd<'_>,
    staging: &Staging<'_>,
    most: u64,
    interrupts: &Interrupts,
    tell: &mut dyn FnMut(u64),
) -> Result<String, Stopped> {
    let full = |errno: Errno| {
        let error = Error::host(format!("what comes through the pipe cannot be kept: {}", errno.desc())).errno(errno);
        error.remedy("Make room, or name a directory on a larger disk with XDG_DATA_HOME")
    };
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC;
    let to = openat(staging, SPOOLED, flags, Mode::S_IRUSR | Mode::S_IWUSR).map_err(full)?;
    let (mut hash, mut buffer, mut all) = (Sha256::new(), vec![0; CHUNK], 0);
    loop {
        interrupts.wait_for(from)?;
        let count = match read(from, &mut buffer) {
            Ok(0) => return Ok(hexadecimal(hash)),
            Ok(count) => count,
            Err(Errno::EINTR | Errno::EAGAIN) => continue,
            Err(errno) => {
                return Err(Error::usage(format!("the pipe cannot be read: {}", errno.desc())).errno(errno).into());
            }
        };
        all += count as u64;
        if all > most {
            return Err(Error::host(format!("more than {most} bytes came through the pipe, the most that is taken"))
                .remedy("Allow more with --max-size")
                .into());
        }
        hash.update(&buffer[..count]);
        write_all(&to, &buffer[..count]).map_err(full)?;
        tell(all);
    }
}

fn write_all(to: &OwnedFd, mut bytes: &[u8]) -> nix::Result<()> {
    while !bytes.is_empty() {
        match write(to, bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}
