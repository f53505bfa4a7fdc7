//! Where an archive goes: in one piece under its name, or not at all.

use crate::error::Error;
use crate::host::new_file;
use crate::sys::descriptor::duplicate;
use nix::unistd::isatty;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// One that can be written.
#[derive(Debug)]
pub enum Target {
    /// stdout, a FIFO or a device.
    Open(OwnedFd),
    /// A file, and under which name it is made until all of it is there.
    File {
        #[allow(missing_docs)]
        path: PathBuf,
        #[allow(missing_docs)]
        temporary: PathBuf,
    },
}

impl Target {
    /// `None` and `-` are stdout; a FIFO waits for its reader. Nothing is made yet.
    ///
    /// # Errors
    /// It is a terminal or a directory, or cannot be opened.
    pub fn open(path: Option<&Path>) -> Result<Target, Error> {
        let Some(path) = path.filter(|path| *path != Path::new("-")) else { return stdout().map(Target::Open) };
        let refused = |error| refused(path, &error);
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => Err(refused(io::ErrorKind::IsADirectory.into())),
            Ok(metadata) if metadata.file_type().is_fifo() || metadata.file_type().is_char_device() => {
                let fd: OwnedFd = OpenOptions::new().write(true).open(path).map_err(refused)?.into();
                refuse_terminal(&fd)?;
                Ok(Target::Open(fd))
            }
            _ => {
                let temporary = beside(path).ok_or_else(|| refused(io::ErrorKind::InvalidFilename.into()))?;
                Ok(Target::File { path: path.to_path_buf(), temporary })
            }
        }
    }

    /// For who writes: a file is made now, and goes with this unless it is published.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn writer(&mut self) -> Result<OwnedFd, Error> {
        match self {
            Target::Open(fd) => {
                fd.try_clone().map_err(|error| Error::host(format!("no further descriptor can be opened: {error}")))
            }
            Target::File { path, temporary } => match new_file(temporary) {
                Ok(Some(fd)) => Ok(fd),
                Ok(None) => Err(refused(path, &io::ErrorKind::AlreadyExists.into())),
                Err(Error { errno: Some(errno), .. }) => Err(refused(path, &errno.into())),
                Err(error) => Err(error),
            },
        }
    }

    /// All of it is there.
    ///
    /// # Errors
    /// Not under its name, though.
    pub fn publish(self) -> Result<(), Error> {
        let Target::File { path, temporary } = &self else { return Ok(()) };
        fs::rename(temporary, path)
            .map_err(|error| Error::host(format!("{} cannot be written: {error}", path.display())).path(path))
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if let Target::File { temporary, .. } = self {
            // What was published has its own name by now.
            let _ = fs::remove_file(temporary);
        }
    }
}

fn refused(path: &Path, error: &io::Error) -> Error {
    Error::usage(format!("{} cannot be written: {error}", path.display()))
        .path(path)
        .remedy("Name a file in a directory that you can write")
}

fn beside(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_string_lossy();
    Some(path.with_file_name(format!(".{name}.sandbox-{}", std::process::id())))
}

fn stdout() -> Result<OwnedFd, Error> {
    let fd = duplicate(1).map_err(|errno| Error::usage(format!("stdout is closed: {}", errno.desc())))?;
    refuse_terminal(&fd)?;
    Ok(fd)
}

fn refuse_terminal(fd: impl AsFd) -> Result<(), Error> {
    if !isatty(fd).unwrap_or(false) {
        return Ok(());
    }
    Err(Error::usage("an archive is nothing for a terminal").remedy("Name a file, or send stdout to a file or a pipe"))
}
