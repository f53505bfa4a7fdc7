//! The way from the root of the tree to a directory of it.
//!
//! Each step opens one name in a directory that is open already, and follows nothing: a link is read and walked by ourselves, as if the
//! tree were all there is, and ".." goes back to the directory one came from. So no name leads out, whatever it says, and it needs
//! neither openat2(2), which our own filter withholds, nor chroot(2).

use super::Failure;
use super::attributes::{Directories, Id};
use super::name::{self, DEEPEST, Name};
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, readlinkat};
use nix::sys::stat::{Mode, mkdirat};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

/// As many links as the kernel follows in one name, path_resolution(7).
const MOST_LINKS: usize = 40;
/// Steps of one walk, those of links too.
const MOST_STEPS: usize = 1024;

/// What becomes of a directory that is not there.
pub enum Missing<'a> {
    /// It is made, and noted here.
    Made(&'a mut Directories),
    /// The walk ends.
    Ends,
}

/// Where one stands. The way is kept: neighbours share most of it.
pub struct Walk<'a> {
    root: BorrowedFd<'a>,
    root_id: Id,
    /// From below the root.
    levels: Vec<Level>,
    /// The names walked, if no link was among them: each is that of the level. Names with links are walked anew.
    names: Names,
}

struct Level {
    fd: OwnedFd,
    id: Id,
}

enum Names {
    Straight(Vec<Vec<u8>>),
    Linked(Vec<Vec<u8>>),
    Forgotten,
}

/// A part of the way that is still to be gone.
struct Step {
    name: Vec<u8>,
    /// Of a link's target: it must be there.
    of_link: bool,
}

impl<'a> Walk<'a> {
    pub fn new(root: BorrowedFd<'a>) -> nix::Result<Self> {
        Ok(Walk { root, root_id: Id::of(root)?, levels: Vec::new(), names: Names::Straight(Vec::new()) })
    }

    /// Where one stands.
    pub fn here(&self) -> BorrowedFd<'_> {
        self.levels.last().map_or(self.root, |level| level.fd.as_fd())
    }

    pub fn id(&self) -> Id {
        self.levels.last().map_or(self.root_id, |level| level.id)
    }

    pub fn root_id(&self) -> Id {
        self.root_id
    }

    /// Something was removed, which may have been a part of the way: the next one begins at the root.
    pub fn forget(&mut self) {
        self.names = Names::Forgotten;
    }

    /// Goes to the directory in which `name` lies; false if it is not there, and is not to be made.
    ///
    /// # Errors
    /// There is something else, or a link that leads nowhere, or in a circle, or too deep.
    pub fn go_to_parent(&mut self, name: &Name, mut missing: Missing) -> Result<bool, Failure> {
        let parents = name.parents();
        let shared = match &self.names {
            Names::Linked(names) if names == parents => return Ok(true),
            Names::Straight(names) => names.iter().zip(parents).take_while(|(old, new)| old == *new).count(),
            _ => 0,
        };
        self.levels.truncate(shared);
        self.names = Names::Forgotten;
        let step = |name: &&[u8]| Step { name: name.to_vec(), of_link: false };
        let mut steps: Vec<Step> = parents[shared..].iter().rev().map(step).collect();
        let (mut links, mut count) = (0, 0);
        while let Some(step) = steps.pop() {
            count += 1;
            if count > MOST_STEPS || links > MOST_LINKS {
                return Err(name.wrong("the links on the way to it lead in a circle, or too far"));
            }
            match step.name.as_slice() {
                b"" | b"." => {}
                b".." => drop(self.levels.pop()),
                part => match (self.enter(part), &mut missing) {
                    (Ok(()), _) => {}
                    (Err(Errno::ENOENT), Missing::Ends) => return Ok(false),
                    (Err(Errno::ENOENT), Missing::Made(_)) if step.of_link => {
                        return Err(name.wrong("a link on the way to it leads nowhere"));
                    }
                    (Err(Errno::ENOENT), Missing::Made(directories)) => {
                        mkdirat(self.here(), part, Mode::S_IRWXU).map_err(|errno| name.failed(errno))?;
                        self.enter(part).map_err(|errno| name.failed(errno))?;
                        directories.note_implied(self.id());
                    }
                    (Err(Errno::ENOTDIR | Errno::ELOOP), _) => {
                        let target = readlinkat(self.here(), part).map_err(|errno| match errno {
                            Errno::EINVAL => name.wrong(&format!("{} is no directory", name::shown(part))),
                            errno => name.failed(errno),
                        })?;
                        let target = target.as_bytes();
                        if target.starts_with(b"/") {
                            self.levels.clear();
                        }
                        links += 1;
                        let parts = target.split(|byte| *byte == b'/').rev();
                        steps.extend(parts.map(|part| Step { name: part.to_vec(), of_link: true }));
                    }
                    (Err(errno), _) => return Err(name.failed(errno)),
                },
            }
            if self.levels.len() > DEEPEST {
                return Err(name.wrong("it lies deeper than 256 directories"));
            }
        }
        let names = parents.iter().map(|part| part.to_vec()).collect();
        self.names = if links == 0 { Names::Straight(names) } else { Names::Linked(names) };
        Ok(true)
    }

    fn enter(&mut self, part: &[u8]) -> nix::Result<()> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let fd = openat(self.here(), part, flags, Mode::empty())?;
        let id = Id::of(&fd)?;
        self.levels.push(Level { fd, id });
        Ok(())
    }
}
