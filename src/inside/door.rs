//! The way in for a later process: what init opens of itself and hands to the supervisor, since nobody else can once it is hidden.
//!
//! All of it is from before the first instruction of the payload's: no path that the payload may have changed is looked up again.

use super::step::{At, Done, Step};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sched::CloneFlags;
use nix::sys::stat::{Mode, fstat, stat};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// namespaces(7), in the order in which they are joined: the first gives the right to join the others. That of cgroups comes last.
const KINDS: [(&str, CloneFlags); 7] = [
    ("user", CloneFlags::CLONE_NEWUSER),
    ("mnt", CloneFlags::CLONE_NEWNS),
    ("net", CloneFlags::CLONE_NEWNET),
    ("uts", CloneFlags::CLONE_NEWUTS),
    ("ipc", CloneFlags::CLONE_NEWIPC),
    ("pid", CloneFlags::CLONE_NEWPID),
    ("cgroup", CloneFlags::CLONE_NEWCGROUP),
];

/// Descriptors of namespaces, in the order of [`KINDS`].
#[derive(Debug)]
pub struct Namespaces(Vec<OwnedFd>);

impl Namespaces {
    /// Those of the clone. Before init is hidden, which closes /proc/PID/ns to all others and, once it is entered, its root this path.
    pub(super) fn open() -> Done<Self> {
        let clone = KINDS.iter().take(KINDS.len() - 1);
        Ok(Namespaces(clone.map(|(name, _)| open_own(name)).collect::<nix::Result<_>>().at(Step::Namespaces)?))
    }

    /// That of cgroups, once it is there, through the payload's own /proc.
    pub(super) fn open_cgroup(&mut self) -> Done {
        self.0.push(open_own("cgroup").at(Step::Namespaces)?);
        Ok(())
    }

    /// Which of them this process is not in yet; namespaces(7): two descriptors of one namespace are one file.
    pub fn foreign(&self) -> nix::Result<Vec<(CloneFlags, BorrowedFd<'_>)>> {
        let mut foreign = Vec::new();
        for (fd, (name, kind)) in self.0.iter().zip(KINDS) {
            let own = stat(format!("/proc/self/ns/{name}").as_str())?;
            let other = fstat(fd)?;
            if (own.st_dev, own.st_ino) != (other.st_dev, other.st_ino) {
                foreign.push((kind, fd.as_fd()));
            }
        }
        Ok(foreign)
    }

    /// The inode of the PID namespace: what /proc/PID/ns/pid of a process in it shows.
    pub fn pid_namespace(&self) -> Option<u64> {
        let of = KINDS.iter().position(|(_, kind)| *kind == CloneFlags::CLONE_NEWPID)?;
        Some(fstat(self.0.get(of)?).ok()?.st_ino)
    }
}

fn open_own(name: &str) -> nix::Result<OwnedFd> {
    open(format!("/proc/self/ns/{name}").as_str(), OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())
}

/// A directory inside, only to be entered: what it is later renamed to does not matter.
pub(super) fn open_directory(path: &Path) -> nix::Result<OwnedFd> {
    open(path, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
}

/// All of it.
#[derive(Debug)]
pub struct Door {
    /// To join.
    pub namespaces: Namespaces,
    /// The working directory.
    pub workdir: OwnedFd,
    /// The Landlock ruleset, for landlock_restrict_self(2); none where there is no fence.
    pub fence: Option<OwnedFd>,
    /// The devpts; none where the plan has none.
    pub terminals: Option<OwnedFd>,
}

/// Which of the parts that may be missing are there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[allow(missing_docs)] // as in [`Door`]
pub struct Parts {
    pub fence: bool,
    pub terminals: bool,
}

impl Door {
    /// What is there.
    pub fn parts(&self) -> Parts {
        Parts { fence: self.fence.is_some(), terminals: self.terminals.is_some() }
    }

    /// In the order of [`Door::from_descriptors`].
    pub fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        let Namespaces(namespaces) = &self.namespaces;
        let others = [Some(&self.workdir), self.fence.as_ref(), self.terminals.as_ref()];
        namespaces.iter().chain(others.into_iter().flatten()).map(AsFd::as_fd).collect()
    }

    /// The same on the other side of a socket.
    ///
    /// # Errors
    /// EBADMSG if they are fewer or more.
    pub fn from_descriptors(mut descriptors: Vec<OwnedFd>, parts: Parts) -> nix::Result<Self> {
        let mut take = |there: bool| match there {
            true => descriptors.pop().map(Some).ok_or(Errno::EBADMSG),
            false => Ok(None),
        };
        let (terminals, fence) = (take(parts.terminals)?, take(parts.fence)?);
        let workdir = descriptors.pop().ok_or(Errno::EBADMSG)?;
        match descriptors.len() == KINDS.len() {
            true => Ok(Door { namespaces: Namespaces(descriptors), workdir, fence, terminals }),
            false => Err(Errno::EBADMSG),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door(parts: Parts) -> Door {
        let null = || open("/dev/null", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).unwrap();
        let mut namespaces = Namespaces::open().unwrap();
        namespaces.open_cgroup().unwrap();
        let optional = |there: bool| there.then(null);
        let (fence, terminals) = (optional(parts.fence), optional(parts.terminals));
        Door { namespaces, workdir: open_directory(Path::new("/")).unwrap(), fence, terminals }
    }

    #[test]
    fn a_door_is_the_same_on_the_other_side() {
        for (fence, terminals) in [(false, false), (false, true), (true, false), (true, true)] {
            let parts = Parts { fence, terminals };
            let one = door(parts);
            let sent = one.descriptors().iter().map(|fd| fd.try_clone_to_owned().unwrap()).collect();
            let other = Door::from_descriptors(sent, parts).unwrap();
            assert_eq!(other.parts(), parts);
            assert_eq!(other.namespaces.pid_namespace(), one.namespaces.pid_namespace());
            assert_eq!(fstat(&other.workdir).unwrap().st_ino, fstat(&one.workdir).unwrap().st_ino);
        }
    }

    #[test]
    fn a_door_with_a_part_too_few_or_too_many_is_refused() {
        let all = Parts { fence: true, terminals: true };
        for (has, says) in [(Parts::default(), all), (all, Parts::default())] {
            let sent = door(has).descriptors().iter().map(|fd| fd.try_clone_to_owned().unwrap()).collect();
            assert_eq!(Door::from_descriptors(sent, says).err(), Some(Errno::EBADMSG));
        }
    }

    #[test]
    fn a_namespace_of_ones_own_is_not_foreign() {
        assert!(door(Parts::default()).namespaces.foreign().unwrap().is_empty());
    }
}
