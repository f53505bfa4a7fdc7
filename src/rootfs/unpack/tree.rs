//! The tree that is made, name by name, below one descriptor.

use super::attributes::{Attributes, Directories, Id, open};
use super::name::{self, Name};
use super::remove::{self, Layer};
use super::walk::{Missing, Walk};
use super::whiteout::Whiteout;
use super::{Failure, Owners};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstatat, mkdirat, mknodat};
use nix::unistd::{linkat, symlinkat};
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};

pub struct Tree<'a> {
    root: BorrowedFd<'a>,
    walk: Walk<'a>,
    directories: Directories,
    /// What the current layer did; none if there are no layers.
    layer: Option<Layer>,
    pub owners: Owners,
}

impl<'a> Tree<'a> {
    pub fn new(root: BorrowedFd<'a>, owners: Owners) -> Result<Self, Failure> {
        let walk = Walk::new(root).map_err(|errno| Failure::new(format!("the new root cannot be used: {errno}")))?;
        let mut directories = Directories::default();
        directories.note_implied(walk.id());
        Ok(Tree { root, walk, directories, layer: None, owners })
    }

    /// From here on, whiteouts mean what was there before.
    pub fn begin_layer(&mut self) {
        self.layer = Some(Layer::default());
    }

    pub fn has_layers(&self) -> bool {
        self.layer.is_some()
    }

    /// How many directories were made since the last time only because something lies in them.
    pub fn take_implied(&mut self) -> u64 {
        self.directories.take_implied()
    }

    /// Gives the directories their modes, times and owners.
    pub fn finish(self) -> Result<(), Failure> {
        self.directories.set_all(self.root)
    }

    /// An empty file, to be written to.
    pub fn file(&mut self, name: &Name) -> Result<File, Failure> {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let mode = Mode::S_IRUSR | Mode::S_IWUSR;
        self.make(name, |parent, last| openat(parent, last, flags, mode)).map(File::from)
    }

    /// A directory; if there is one, it stays and gets these attributes.
    pub fn directory(&mut self, name: &Name, attributes: Attributes) -> Result<(), Failure> {
        let Some(last) = name.last() else {
            self.directories.note(self.walk.root_id(), attributes);
            return Ok(());
        };
        self.make(name, |parent, last| match mkdirat(parent, last, Mode::S_IRWXU) {
            Err(Errno::EEXIST) if kind(&stat(parent, last)?) == SFlag::S_IFDIR => Ok(()),
            done => done,
        })?;
        let stat = stat(self.walk.here(), last).map_err(|errno| name.failed(errno))?;
        self.directories.note(Id::from(&stat), attributes);
        Ok(())
    }

    pub fn symlink(&mut self, name: &Name, target: &[u8], attributes: Attributes) -> Result<(), Failure> {
        if target.is_empty() || target.len() > name::LONGEST || target.contains(&0) {
            return Err(name.wrong("what the link says is no path"));
        }
        self.make(name, |parent, last| {
            symlinkat(target, parent, last)?;
            attributes.set_at(parent, last, SFlag::S_IFLNK)
        })
    }

    pub fn fifo(&mut self, name: &Name, attributes: Attributes) -> Result<(), Failure> {
        self.make(name, |parent, last| {
            mknodat(parent, last, SFlag::S_IFIFO, Mode::S_IRUSR | Mode::S_IWUSR, 0)?;
            attributes.set_at(parent, last, SFlag::S_IFIFO)
        })
    }

    /// A further name of what is there; of a symbolic link, of the link itself.
    pub fn hard_link(&mut self, name: &Name, target: &Name) -> Result<(), Failure> {
        let no_file =
            |why| name.wrong(&format!("the file of which it is another name, {}, {why}", name::shown(target.whole())));
        let Some(source) = target.last() else { return Err(no_file("is a directory")) };
        if !self.walk.go_to_parent(target, Missing::Ends)? {
            return Err(no_file("is not there"));
        }
        let found = match stat(self.walk.here(), source) {
            Err(Errno::ENOENT) => return Err(no_file("is not there")),
            found => found.map_err(|errno| name.failed(errno))?,
        };
        if kind(&found) == SFlag::S_IFDIR {
            return Err(no_file("is a directory"));
        }
        let from = self.walk.here().try_clone_to_owned().map_err(|_| name.failed(Errno::EMFILE))?;
        self.make(name, |parent, last| match linkat(&from, source, parent, last, AtFlags::empty()) {
            Err(Errno::EEXIST) if Id::from(&stat(parent, last)?) == Id::from(&found) => Ok(()),
            done => done,
        })
        .map_err(|failure| match stat(from.as_fd(), source) {
            Err(Errno::ENOENT) => no_file("was what it takes the place of"),
            _ => failure,
        })
    }

    /// Takes away what has the name: what took its place is left out.
    pub fn vacate(&mut self, name: &Name) -> Result<(), Failure> {
        let Some(last) = name.last() else { return Err(name.wrong("it is the root, which is a directory")) };
        if self.walk.go_to_parent(name, Missing::Ends)? {
            let done = remove::whole(self.walk.here(), last);
            self.walk.forget();
            done.map_err(|errno| name.wrong(&format!("what has its name cannot be removed: {}", errno.desc())))?;
        }
        Ok(())
    }

    /// Takes away what a whiteout means of the layers below.
    pub fn whiteout(&mut self, name: &Name, whiteout: Whiteout) -> Result<(), Failure> {
        let layer = self.layer.get_or_insert_default();
        if !self.walk.go_to_parent(name, Missing::Ends)? {
            return Ok(());
        }
        let here = self.walk.here();
        let done = match whiteout {
            Whiteout::Name(hidden) => layer.hide(here, hidden),
            Whiteout::Opaque => open(here, b".").and_then(|directory| layer.hide_below(directory)),
            Whiteout::OfAufs => Ok(()),
        };
        self.walk.forget();
        done.map_err(|errno| name.wrong(&format!("what it hides cannot be removed: {}", errno.desc())))
    }

    /// Makes a new name; what has it already is removed before.
    fn make<T>(&mut self, name: &Name, make: impl Fn(BorrowedFd, &[u8]) -> nix::Result<T>) -> Result<T, Failure> {
        let Some(last) = name.last() else { return Err(name.wrong("it is the root, which is a directory")) };
        self.walk.go_to_parent(name, Missing::Made(&mut self.directories))?;
        let parent = self.walk.here();
        let made = match make(parent, last) {
            Err(Errno::EEXIST) => {
                let made = remove::whole(parent, last).and_then(|()| make(parent, last));
                self.walk.forget();
                made
            }
            made => made,
        };
        if let Some(layer) = &mut self.layer {
            layer.note(self.walk.id(), last);
        }
        made.map_err(|errno| name.failed(errno))
    }
}

fn stat(parent: BorrowedFd, name: &[u8]) -> nix::Result<FileStat> {
    fstatat(parent, name, AtFlags::AT_SYMLINK_NOFOLLOW)
}

fn kind(stat: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits())
}
