//! The file tree inside: a tmpfs on `/`, and on it everything the plan names.
//!
//! Nothing is ever created but in a tmpfs of ours: in a bind it would be created on the host.

use super::layer;
use super::step::{At, Done, Failure, Step};
use crate::plan::{File, Mount, Root, RootWritable, Tmpfs};
use crate::sys::descriptor::open_resolved;
use crate::sys::mount::{self, attr};
use crate::without;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, OpenHow, ResolveFlag, openat};
use nix::mount::{MntFlags, umount2};
use nix::sys::stat::{Mode, SFlag, fstat, fstatat, mkdirat, mknodat, umask};
use nix::unistd::{UnlinkatFlags, chdir, chroot, fchdir, pivot_root, symlinkat, unlinkat, write};
use std::ffi::{CString, OsStr};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

/// A name in the root that exists only while a made-up file is being mounted.
const STAGE: &str = ".stage";

/// Names in the root of what covers a file and a directory, until the tree is complete.
const COVERS: [&str; 2] = [".cover-file", ".cover-directory"];
const KINDS: [UnlinkatFlags; 2] = [UnlinkatFlags::NoRemoveDir, UnlinkatFlags::RemoveDir];

/// The tree while it grows.
pub(super) struct Tree {
    /// The tmpfs at the bottom.
    ground: OwnedFd,
    /// What stands on it: a root file system, or an overlay of both.
    base: Option<OwnedFd>,
    /// What becomes read-only once the tree is complete.
    sealed: Vec<OwnedFd>,
    /// The mounts of a root file system that keeps what is written: itself, and pins in it.
    persistent: Vec<u64>,
    /// Device numbers of what we made: creating is allowed there. The first is the root's.
    own: Vec<u64>,
    /// The last destination's parent: neighbours in the plan mostly share it.
    parent: Option<Rc<Parent>>,
    /// For files and for directories.
    covers: [Covers; 2],
    devpts: Option<OwnedFd>,
}

/// Covers of one kind.
#[derive(Default)]
struct Covers {
    /// One that is attached, of which the next are copies: a detached one cannot be copied before Linux 6.15.
    in_place: Option<OwnedFd>,
    /// One that found nothing to cover.
    spare: Option<OwnedFd>,
}

struct Parent {
    path: PathBuf,
    fd: OwnedFd,
    owner: Owner,
}

/// Whose file system a directory is of.
#[derive(PartialEq)]
enum Owner {
    /// The root: a tmpfs, or an overlay with one on top.
    Root,
    /// The root file system itself, which keeps what is written.
    Persistent,
    /// Another tmpfs of ours.
    Tmpfs,
    /// The host's.
    Host,
}

impl Tree {
    /// A fresh tmpfs, attached first: before Linux 6.15 nothing can be attached to a detached tree. On it the tree of a root file
    /// system, if there is one: itself where it keeps what is written, else below an overlay, so that what is made for the run is
    /// not made on the host.
    pub(super) fn new(root: &Root, tree: Option<OwnedFd>, mounts: &[Mount]) -> Done<Tree> {
        umask(Mode::empty());
        let ground = new_tmpfs(&root.tmpfs).at(Step::RootTmpfs)?;
        mount::attach(&ground, AT_FDCWD, "/").at(Step::RootTmpfs)?;
        let keeps = root.writable == Some(RootWritable::Persistent);
        let base = match tree {
            Some(tree) if !keeps => Some(layer::overlay(&ground, &tree, mounts)?),
            tree => tree,
        };
        if let Some(base) = &base {
            mount::attach(base, &ground, c"").at(Step::RootOverlay)?;
        }
        let of_base = base.as_ref().filter(|_| keeps);
        let mut tree = Tree {
            persistent: of_base.map(mount::id).transpose().at(Step::RootOverlay)?.into_iter().collect(),
            ground,
            base,
            sealed: Vec::new(),
            own: Vec::new(),
            parent: None,
            covers: Default::default(),
            devpts: None,
        };
        if root.tmpfs.sealed {
            tree.sealed.push(tree.root().try_clone().map_err(|_| Errno::EMFILE).at(Step::RootTmpfs)?);
        }
        // Where the root is the host's, the tmpfs below it, which nobody sees.
        let ours = if keeps { &tree.ground } else { tree.root() };
        tree.own.push(fstat(ours).at(Step::RootTmpfs)?.st_dev);
        Ok(tree)
    }

    fn root(&self) -> &OwnedFd {
        self.base.as_ref().unwrap_or(&self.ground)
    }

    /// Attaches `source` at `at`, making the mount point if it lies in a tmpfs of ours.
    pub(super) fn mount(&mut self, at: &Path, source: &OwnedFd, directory: bool, index: usize) -> Done {
        self.mount_point(at, directory, index)?;
        let (parent, name) = self.place(at, index)?;
        mount::attach(source, &parent.fd, name).at_entry(Step::Mount, index)
    }

    /// What was mounted at `at` is of the tree around it.
    pub(super) fn pinned(&mut self, at: &Path, pin: &OwnedFd, index: usize) -> Done {
        if self.place(at, index)?.0.owner == Owner::Persistent {
            self.persistent.push(mount::id(pin).at_entry(Step::Mount, index)?);
        }
        Ok(())
    }

    /// A fresh tmpfs at `at`.
    pub(super) fn tmpfs(&mut self, at: &Path, limits: &Tmpfs, index: usize) -> Done {
        let fresh = new_tmpfs(limits).at_entry(Step::Mount, index)?;
        self.mount(at, &fresh, true, index)?;
        self.own.push(fstat(&fresh).at_entry(Step::Mount, index)?.st_dev);
        if limits.sealed {
            self.sealed.push(fresh);
        }
        Ok(())
    }

    /// pts(4): an instance of its own, so that no other terminal of the user is in it.
    pub(super) fn devpts(&mut self, at: &Path, index: usize) -> Done {
        // All instances but the host's first share one number of ptys.
        let most = (c"max", Some(c"256"));
        let options = [(c"newinstance", None), (c"mode", Some(c"0620")), (c"ptmxmode", Some(c"0666")), most];
        let fresh =
            mount::new_filesystem(c"devpts", &options, attr::NOSUID | attr::NOEXEC).at_entry(Step::Devpts, index)?;
        self.mount(at, &fresh, true, index)?;
        self.devpts = Some(fresh);
        Ok(())
    }

    /// A read-only file. In the root it is written in place, for the root becomes read-only; elsewhere it is a mount of its own.
    pub(super) fn file(&mut self, at: &Path, file: &File, index: usize) -> Done {
        let (parent, name) = self.place(at, index)?;
        if parent.owner == Owner::Root {
            return match self.base {
                Some(_) => Ok(()),
                None => write_new(&parent.fd, name, file).at_entry(Step::Destination, index),
            };
        }
        write_new(&self.ground, OsStr::new(STAGE), file).at_entry(Step::Destination, index)?;
        let tree = self.staged(STAGE, attr::NOSUID | attr::NODEV, index)?;
        self.mount(at, &tree, false, index)?;
        unlinkat(&self.ground, STAGE, UnlinkatFlags::NoRemoveDir).at_entry(Step::Destination, index)
    }

    /// A symbolic link.
    pub(super) fn symlink(&mut self, at: &Path, to: &Path, index: usize) -> Done {
        let (parent, name) = self.place(at, index)?;
        if parent.owner == Owner::Host {
            return Err(Failure { step: Step::Destination, index: index as u32, errno: Errno::EROFS });
        }
        if parent.owner == Owner::Root && self.base.is_some() {
            return Ok(());
        }
        symlinkat(to, &parent.fd, name).at_entry(Step::Destination, index)
    }

    /// Covers what is at `at`: mode 0 on a read-only mount, so every access is EACCES and no chmod(2) opens it.
    pub(super) fn hide(&mut self, at: &Path, directory: bool, index: usize) -> Done {
        let (parent, name) = self.place(at, index)?;
        let kind = usize::from(directory);
        let cover = match (self.covers[kind].spare.take(), &self.covers[kind].in_place) {
            (Some(spare), _) => spare,
            (None, Some(one)) => mount::clone_tree(one, c"").at_entry(Step::Mount, index)?,
            (None, None) => self.cover(directory, index)?,
        };
        let attached = mount::attach(&cover, &parent.fd, name);
        let place = if attached.is_ok() { &mut self.covers[kind].in_place } else { &mut self.covers[kind].spare };
        place.get_or_insert(cover);
        attached.at_entry(Step::Mount, index)
    }

    fn cover(&self, directory: bool, index: usize) -> Done<OwnedFd> {
        let stage = COVERS[usize::from(directory)];
        match directory {
            true => mkdirat(&self.ground, stage, Mode::empty()),
            false => write_new(&self.ground, OsStr::new(stage), &File { content: Vec::new(), mode: 0 }),
        }
        .at_entry(Step::Destination, index)?;
        self.staged(stage, attr::NOSUID | attr::NODEV | attr::NOEXEC, index)
    }

    /// May init, and so the payload, not search the way to `at`? (Under host root: a directory that is another's.)
    pub(super) fn is_out_of_reach(&mut self, at: &Path, index: usize) -> bool {
        let found = self.place(at, index).and_then(|(parent, name)| {
            fstatat(&parent.fd, name, AtFlags::AT_SYMLINK_NOFOLLOW).at_entry(Step::Destination, index)
        });
        matches!(found, Err(Failure { errno: Errno::EACCES, .. }))
    }

    /// pivot_root(2): the old root is detached, the new one read-only. Returns the devpts, for a terminal.
    pub(super) fn enter(self) -> Done<Option<OwnedFd>> {
        let is_made = |covers: &Covers| covers.in_place.is_some() || covers.spare.is_some();
        for ((name, kind), _) in COVERS.into_iter().zip(KINDS).zip(&self.covers).filter(|(_, covers)| is_made(covers)) {
            unlinkat(&self.ground, name, kind).at(Step::PivotRoot)?;
        }
        fchdir(self.root()).at(Step::PivotRoot)?;
        if without::layer("pivot-root") {
            chroot(".").at(Step::PivotRoot)?;
        } else if without::layer("detached-root") {
            mkdirat(self.root(), "old-root", Mode::empty()).at(Step::PivotRoot)?;
            pivot_root(".", "old-root").at(Step::PivotRoot)?;
            if self.base.is_some() {
                umount2("old-root", MntFlags::MNT_DETACH).at(Step::PivotRoot)?;
            }
        } else {
            pivot_root(".", ".").at(Step::PivotRoot)?;
            if self.base.is_some() {
                // On top of the old root still lies the tmpfs.
                umount2(".", MntFlags::MNT_DETACH).at(Step::PivotRoot)?;
            }
            umount2(".", MntFlags::MNT_DETACH).at(Step::PivotRoot)?;
        }
        chdir("/").at(Step::PivotRoot)?;
        if !without::layer("read-only") {
            self.sealed
                .iter()
                .try_for_each(|sealed| mount::restrict_mount(sealed, attr::RDONLY))
                .at(Step::PivotRoot)?;
        }
        Ok(self.devpts)
    }

    fn staged(&self, name: &str, attributes: u64, index: usize) -> Done<OwnedFd> {
        let tree = mount::clone_tree(&self.ground, name).at_entry(Step::Mount, index)?;
        mount::restrict_tree(&tree, c"", attributes | attr::RDONLY).at_entry(Step::Mount, index)?;
        Ok(tree)
    }

    /// Makes the last name of `at`, if it is missing and its parent is a tmpfs of ours.
    fn mount_point(&mut self, at: &Path, directory: bool, index: usize) -> Done {
        let (parent, name) = self.place(at, index)?;
        if parent.owner == Owner::Host {
            return Ok(());
        }
        let made = match directory {
            true => mkdirat(&parent.fd, name, Mode::from_bits_truncate(0o755)),
            false => mknodat(&parent.fd, name, SFlag::S_IFREG, Mode::from_bits_truncate(0o444), 0),
        };
        match made {
            Err(Errno::EEXIST) => Ok(()),
            made => made.at_entry(Step::Destination, index),
        }
    }

    /// The parent of `at`, made if need be, and the last name.
    fn place<'a>(&mut self, at: &'a Path, index: usize) -> Done<(Rc<Parent>, &'a OsStr)> {
        let invalid = Failure { step: Step::Destination, index: index as u32, errno: Errno::EINVAL };
        let (path, name) = at.parent().zip(at.file_name()).ok_or(invalid)?;
        if let Some(known) = self.parent.as_ref().filter(|parent| parent.path == path) {
            return Ok((Rc::clone(known), name));
        }
        let fd = self.directory(path).at_entry(Step::Destination, index)?;
        let owner = self.owner(&fd).at_entry(Step::Destination, index)?;
        let parent = Rc::new(Parent { path: path.to_owned(), fd, owner });
        self.parent = Some(Rc::clone(&parent));
        Ok((parent, name))
    }

    fn owner(&self, directory: &OwnedFd) -> nix::Result<Owner> {
        if !self.persistent.is_empty() && self.persistent.contains(&mount::id(directory)?) {
            return Ok(Owner::Persistent);
        }
        let device = fstat(directory)?.st_dev;
        Ok(match self.own.iter().position(|own| *own == device) {
            Some(0) => Owner::Root,
            Some(_) => Owner::Tmpfs,
            None if without::layer("own-mount-points") => Owner::Tmpfs,
            None => Owner::Host,
        })
    }

    /// Opens a directory inside; what is missing of it is made where that is ours to do.
    fn directory(&self, path: &Path) -> nix::Result<OwnedFd> {
        match resolve(self.root(), path) {
            Err(Errno::ENOENT) => {}
            answer => return answer,
        }
        let mut made = PathBuf::from("/");
        for component in path.components() {
            let Component::Normal(name) = component else { continue };
            let parent = resolve(self.root(), &made)?;
            made.push(name);
            if self.owner(&parent)? != Owner::Host {
                match mkdirat(&parent, name, Mode::from_bits_truncate(0o755)) {
                    Ok(()) | Err(Errno::EEXIST) => {}
                    Err(errno) => return Err(errno),
                }
            }
        }
        resolve(self.root(), path)
    }
}

/// A directory as the payload would find it: links stay inside, `/var/run` → `/run` works, magic links are refused.
fn resolve(root: impl AsFd, path: &Path) -> nix::Result<OwnedFd> {
    let how = OpenHow::new().flags(OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC);
    if without::layer("in-root") {
        let below = Path::new(".").join(path.strip_prefix("/").unwrap_or(path));
        return open_resolved(root, &below, how);
    }
    open_resolved(root, path, how.resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS))
}

pub(super) fn write_new(parent: impl AsFd, name: &OsStr, file: &File) -> nix::Result<()> {
    let flags = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_WRONLY | OFlag::O_CLOEXEC;
    let made = openat(parent, name, flags, Mode::from_bits_truncate(file.mode))?;
    let mut rest = file.content.as_slice();
    while !rest.is_empty() {
        let written = write(&made, rest)?;
        rest = rest.get(written..).unwrap_or_default();
    }
    Ok(())
}

fn new_tmpfs(limits: &Tmpfs) -> nix::Result<OwnedFd> {
    let number = |value: u64| CString::new(value.to_string()).map_err(|_| Errno::EINVAL);
    let (size, inodes) = (number(limits.size)?, number(limits.inodes)?);
    let mode = CString::new(format!("{:o}", limits.mode)).map_err(|_| Errno::EINVAL)?;
    let options = [(c"size", Some(&*size)), (c"nr_inodes", Some(&*inodes)), (c"mode", Some(&*mode))];
    let noexec = if limits.noexec { attr::NOEXEC } else { 0 };
    mount::new_filesystem(c"tmpfs", &options, attr::NOSUID | attr::NODEV | noexec)
}
