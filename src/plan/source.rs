//! The host's side of a mount: what is there, and which links lead to it.
//!
//! This look is for the message and the shape of the plan; init opens the path again and decides
//! (openat2(2), `RESOLVE_BENEATH`).

use super::{SourcePath, lookup, paths, real, wrong};
use crate::error::Error;
use crate::profile::Origin;
use std::ffi::OsString;
use std::fs::{FileType, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Why a path could not be looked at.
#[derive(Debug)]
pub(super) enum Trouble {
    /// A symbolic link in a tree leaves the tree.
    Leaves { link: PathBuf, target: PathBuf },
    /// The kernel's answer.
    Io(io::Error),
}

impl Trouble {
    pub fn error(self, path: &Path, origin: &Origin) -> Error {
        match self {
            Trouble::Leaves { link, target } => wrong(
                origin,
                format!(
                    "{} is a symbolic link to {}, set by whoever wrote the tree: refused",
                    link.display(),
                    target.display()
                ),
            )
            .remedy("Name the real directory")
            .path(link),
            Trouble::Io(error) => wrong(origin, format!("{} cannot be looked at: {error}", path.display()))
                .remedy("Take the line out, or give yourself access")
                .path(path),
        }
    }
}

/// What was found.
#[derive(Debug)]
pub(super) struct Found {
    pub kind: FileType,
    /// The text of the link that a trusted path itself is.
    pub link: Option<PathBuf>,
}

/// Looks at a source; `None`: it does not exist.
pub(super) fn look(source: &SourcePath) -> Result<Option<Found>, Trouble> {
    if !source.below.as_os_str().is_empty() {
        let found = beneath(&source.base, &source.below)?;
        return Ok(found.map(|metadata| Found { kind: metadata.file_type(), link: None }));
    }
    let found = |metadata: Metadata, link| Found { kind: metadata.file_type(), link };
    match existing(source.base.symlink_metadata())? {
        Some(metadata) if metadata.is_symlink() => {
            let text = source.base.read_link().map_err(Trouble::Io)?;
            Ok(existing(source.base.metadata())?.map(|metadata| found(metadata, Some(text))))
        }
        metadata => Ok(metadata.map(|metadata| found(metadata, None))),
    }
}

/// Walks `below` without leaving `base`, as `RESOLVE_BENEATH` does: an absolute link leaves it.
pub(super) fn beneath(base: &Path, below: &Path) -> Result<Option<Metadata>, Trouble> {
    let mut todo: Vec<OsString> = real::names(below);
    let mut done = PathBuf::new();
    let mut last = None;
    let mut link = PathBuf::new();
    let mut links = 0;
    while let Some(name) = todo.pop() {
        if name == ".." {
            if !done.pop() {
                let target = paths::link_target(&link, &link.read_link().map_err(Trouble::Io)?);
                return Err(Trouble::Leaves { link, target });
            }
            last = None;
            continue;
        }
        let path = base.join(done.join(&name));
        let Some(metadata) = existing(path.symlink_metadata())? else { return Ok(None) };
        if metadata.is_symlink() {
            let text = path.read_link().map_err(Trouble::Io)?;
            links += 1;
            if text.is_absolute() || links > lookup::MAX_LINKS {
                return Err(Trouble::Leaves { link: path, target: text });
            }
            todo.extend(real::names(&text));
            link = path;
        } else {
            done.push(name);
            last = Some(metadata);
        }
    }
    match last {
        Some(metadata) => Ok(Some(metadata)),
        None => existing(lookup::join(base, &done).symlink_metadata()),
    }
}

/// Reads a file for `from`: at most `limit` bytes, opened once and checked by its descriptor.
pub(super) fn read(source: &SourcePath, limit: u64) -> io::Result<Vec<u8>> {
    use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
    use std::io::Read;

    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
    let file = if source.below.as_os_str().is_empty() {
        std::fs::OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(&source.base)?
    } else {
        let tree = std::fs::File::open(&source.base)?;
        let how =
            OpenHow::new().flags(flags).resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS);
        openat2(&tree, &source.below, how)?.into()
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut content = Vec::new();
    file.take(limit + 1).read_to_end(&mut content)?;
    if content.len() as u64 > limit {
        return Err(io::Error::other("it is larger than 1 MiB"));
    }
    Ok(content)
}

/// What `rw` and `ro` cannot show, with the key that can.
pub(super) fn other_key(kind: FileType) -> Option<(&'static str, &'static str)> {
    if kind.is_socket() {
        Some(("a socket", "there is socket:"))
    } else if kind.is_char_device() || kind.is_block_device() {
        Some(("a device", "there is device:"))
    } else {
        None
    }
}

/// A path through a file, or a name too long for the file system, is one that does not exist.
fn existing(metadata: io::Result<Metadata>) -> Result<Option<Metadata>, Trouble> {
    use io::ErrorKind::{NotADirectory, NotFound};
    match metadata {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if matches!(error.kind(), NotFound | NotADirectory) => Ok(None),
        Err(error) => Err(Trouble::Io(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing::World;

    fn walk(world: &World, below: &str) -> Result<Option<Metadata>, Trouble> {
        beneath(&world.path("home/app"), Path::new(below))
    }

    fn leaves(world: &World, below: &str) -> bool {
        matches!(walk(world, below), Err(Trouble::Leaves { .. }))
    }

    #[test]
    fn a_link_that_stays_in_the_tree_is_followed() {
        let world = World::new().file("home/app/a/real").symlink("home/app/a/link", "../a/real");
        assert!(walk(&world, "a/link").unwrap().unwrap().is_file());
    }

    #[test]
    fn a_link_that_leaves_the_tree_is_not_followed() {
        let world = World::new()
            .file("home/key")
            .symlink("home/app/up", "../key")
            .symlink("home/app/up-and-back", "../app/..")
            .symlink("home/app/absolute", "/etc")
            .symlink("home/app/loop", "loop");
        assert!(["up", "up-and-back", "absolute", "absolute/passwd", "loop"].iter().all(|link| leaves(&world, link)));
    }

    #[test]
    fn what_is_missing_is_missing_also_behind_a_file_or_a_link() {
        let world = World::new().file("home/app/file").symlink("home/app/dangling", "nothing");
        assert!(["x", "file/x", "dangling", "x/y"].iter().all(|below| walk(&world, below).unwrap().is_none()));
    }

    #[test]
    fn a_file_is_read_below_its_tree_only() {
        let world = World::new().file("home/key").file("home/app/ok").symlink("home/app/evil", "../key");
        let source = |below: &str| SourcePath { base: world.path("home/app"), below: below.into() };
        assert_eq!(read(&source("ok"), 100).unwrap(), b"content");
        assert!(read(&source("evil"), 100).is_err());
        assert!(read(&source("ok"), 3).unwrap_err().to_string().contains("larger"));
        assert!(read(&SourcePath { base: world.path("home"), below: PathBuf::new() }, 9).is_err());
    }
}
