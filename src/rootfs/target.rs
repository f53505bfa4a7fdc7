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

/// An open one.
#[derive(Debug)]
pub struct Target {
    fd: OwnedFd,
    /// A temporary file and what it is to become; none for stdout, a FIFO and a device.
    rename: Option<(PathBuf, PathBuf)>,
}

impl Target {
    /// `None` and `-` are stdout.
    ///
    /// # Errors
    /// It is a terminal or a directory, or cannot be made.
    pub fn open(path: Option<&Path>) -> Result<Target, Error> {
        let Some(path) = path.filter(|path| *path != Path::new("-")) else {
            return stdout().map(|fd| Target { fd, rename: None });
        };
        let refused = |error: io::Error| {
            Error::usage(format!("{} cannot be written: {error}", path.display()))
                .path(path)
                .remedy("Name a file in a directory that you can write")
        };
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => Err(refused(io::ErrorKind::IsADirectory.into())),
            Ok(metadata) if metadata.file_type().is_fifo() || metadata.file_type().is_char_device() => {
                let fd: OwnedFd = OpenOptions::new().write(true).open(path).map_err(refused)?.into();
                refuse_terminal(&fd)?;
                Ok(Target { fd, rename: None })
            }
            _ => {
                let temporary = beside(path).ok_or_else(|| refused(io::ErrorKind::InvalidFilename.into()))?;
                let fd = new_file(&temporary)?.ok_or_else(|| refused(io::ErrorKind::AlreadyExists.into()))?;
                Ok(Target { fd, rename: Some((temporary, path.to_path_buf())) })
            }
        }
    }

    /// For who writes.
    ///
    /// # Errors
    /// There are too many descriptors.
    pub fn writer(&self) -> Result<OwnedFd, Error> {
        self.fd.try_clone().map_err(|error| Error::host(format!("no further descriptor can be opened: {error}")))
    }

    /// All of it is there.
    ///
    /// # Errors
    /// Not under its name, though.
    pub fn publish(mut self) -> Result<(), Error> {
        let Some((temporary, path)) = self.rename.take() else { return Ok(()) };
        fs::rename(&temporary, &path).map_err(|error| {
            let _ = fs::remove_file(&temporary);
            Error::host(format!("{} cannot be written: {error}", path.display())).path(path)
        })
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if let Some((temporary, _)) = &self.rename {
            let _ = fs::remove_file(temporary);
        }
    }
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
