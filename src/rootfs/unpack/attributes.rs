//! Modes, times and owners. Those of directories are set at the end, when nothing is made in them any more: until then each is its
//! maker's alone.

use super::archive::Entry;
use super::name::{FEWER_IDS, Name};
use super::{Failure, Owners};
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag};
use nix::sys::stat::{
    FchmodatFlags, FileStat, Mode, SFlag, UtimensatFlags, fchmod, fchmodat, fstat, futimens, utimensat,
};
use nix::sys::time::TimeSpec;
use nix::unistd::{Gid, Uid, fchown, fchownat};
use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd};

/// What a file is, as long as it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Id {
    device: u64,
    inode: u64,
}

impl Id {
    pub fn of(fd: impl AsFd) -> nix::Result<Self> {
        fstat(fd).map(|stat| Id::from(&stat))
    }
}

/// What an entry says of a file besides its content.
#[derive(Debug, Clone, Copy)]
pub struct Attributes {
    mode: Mode,
    /// Seconds and nanoseconds since 1970; none: as it comes.
    mtime: Option<(i64, u32)>,
    owner: Option<(Uid, Gid)>,
}

/// Of set-id bits none stays, not even on directories: no program in a sandbox gains anything by them, its filter lets nobody set them,
/// and on the host a file would be somebody's who runs it. The sticky bit protects the names in /tmp, and stays.
pub const SET_ID: u32 = 0o6000;

impl From<&FileStat> for Id {
    fn from(stat: &FileStat) -> Self {
        Id { device: stat.st_dev, inode: stat.st_ino }
    }
}

impl Attributes {
    /// # Errors
    /// The owners are kept, and one of them is no number of one.
    pub fn of(entry: &Entry, name: &Name, owners: Owners) -> Result<Self, Failure> {
        let id = |id: u64| u32::try_from(id).ok().filter(|id| *id != u32::MAX);
        let owner = match (owners, id(entry.uid), id(entry.gid)) {
            (Owners::Own, ..) => None,
            (Owners::Kept, Some(uid), Some(gid)) => Some((uid.into(), gid.into())),
            (Owners::Kept, ..) => return Err(name.wrong("the number of its owner or group is too large")),
        };
        Ok(Attributes { mode: Mode::from_bits_truncate(entry.mode & !SET_ID), mtime: Some(entry.mtime), owner })
    }

    /// Of a directory that only the names of others speak of.
    fn implied() -> Self {
        Attributes { mode: Mode::from_bits_truncate(0o755), mtime: None, owner: None }
    }

    /// Of the root of the tree: who cannot enter it can run nothing in it.
    pub fn open_to_its_owner(self) -> Self {
        Attributes { mode: self.mode | Mode::S_IRWXU, ..self }
    }

    fn times(&self) -> (TimeSpec, TimeSpec) {
        let mtime = self.mtime.map_or(TimeSpec::UTIME_OMIT, |(seconds, nanos)| TimeSpec::new(seconds, nanos.into()));
        (TimeSpec::UTIME_OMIT, mtime)
    }

    /// The owner last: who has given a file away can change nothing else of it.
    pub fn set(&self, fd: impl AsFd) -> nix::Result<()> {
        let (atime, mtime) = self.times();
        fchmod(&fd, self.mode)?;
        futimens(&fd, &atime, &mtime)?;
        self.owner.map_or(Ok(()), |(uid, gid)| fchown(&fd, Some(uid), Some(gid)))
    }

    /// Of what was just made under this name and cannot be opened: a link, a FIFO.
    pub fn set_at(&self, directory: BorrowedFd, name: &[u8], kind: SFlag) -> nix::Result<()> {
        if kind != SFlag::S_IFLNK {
            fchmodat(directory, name, self.mode, FchmodatFlags::FollowSymlink)?;
        }
        let (atime, mtime) = self.times();
        utimensat(directory, name, &atime, &mtime, UtimensatFlags::NoFollowSymlink)?;
        let Some((uid, gid)) = self.owner else { return Ok(()) };
        fchownat(directory, name, Some(uid), Some(gid), AtFlags::AT_SYMLINK_NOFOLLOW)
    }
}

/// What was said of the directories that were made. By what they are: names may lead elsewhere by now.
#[derive(Default)]
pub struct Directories {
    said: HashMap<Id, Attributes>,
    implied: u64,
}

impl Directories {
    pub fn note(&mut self, id: Id, attributes: Attributes) {
        self.said.insert(id, attributes);
    }

    pub fn note_implied(&mut self, id: Id) {
        self.note(id, Attributes::implied());
        self.implied += 1;
    }

    pub fn take_implied(&mut self) -> u64 {
        std::mem::take(&mut self.implied)
    }

    /// Gives each directory of the tree what was said of it, those below first.
    pub fn set_all(&self, root: BorrowedFd) -> Result<(), Failure> {
        self.set_below(root, b".").map_err(|errno| {
            let failure =
                Failure::new(format!("the directories cannot be given their modes, times and owners: {errno}"));
            if errno == Errno::EINVAL { failure.remedy(FEWER_IDS) } else { failure }
        })
    }

    fn set_below(&self, parent: BorrowedFd, name: &[u8]) -> nix::Result<()> {
        let mut directory = open(parent, name)?;
        for name in names(&mut directory, |kind| kind.is_none_or(|kind| kind == nix::dir::Type::Directory))? {
            match self.set_below(directory.as_fd(), &name) {
                Err(Errno::ENOTDIR | Errno::ELOOP) => {} // a file system that does not tell types
                done => done?,
            }
        }
        match self.said.get(&Id::of(&directory)?) {
            Some(attributes) => attributes.set(&directory),
            None => Ok(()),
        }
    }
}

/// Opens a directory by one name, which is no link.
pub fn open(parent: BorrowedFd, name: &[u8]) -> nix::Result<Dir> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    Dir::openat(parent, name, flags, Mode::empty())
}

/// The names in a directory, but for itself and its parent, of the kinds that are wanted.
pub fn names(directory: &mut Dir, wanted: impl Fn(Option<nix::dir::Type>) -> bool) -> nix::Result<Vec<Vec<u8>>> {
    let mut names = Vec::new();
    for entry in directory.iter() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if !matches!(name, b"." | b"..") && wanted(entry.file_type()) {
            names.push(name.to_vec());
        }
    }
    Ok(names)
}
