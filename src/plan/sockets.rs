//! Sockets of the host's in shown trees: a read-only mount does not stop connect(2), so each is covered that nobody named.
//!
//! The kernel tells where each bound socket of this network namespace is. One that is not where it was bound (renamed, or bound by a
//! relative name), or has a second name, is looked for in the trees on its file system. For those of other namespaces (a container
//! that shares the project) the upper part of every tree is looked through.

use super::bound::{self, Bound, Node};
use super::covers::Shown;
use super::host::HostFacts;
use super::mounts::Tree;
use super::{BindRole, Hide, Mount, MountKind, base, lookup, mountinfo, paths};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
use nix::sys::stat::Mode;
use std::collections::{BTreeSet, VecDeque};
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Covers them.
pub(super) fn hide(tree: &mut Tree, shown: &[Shown], host: &HostFacts) {
    if shown.is_empty() {
        return;
    }
    let named: Vec<PathBuf> = tree
        .mounts
        .iter()
        .filter_map(Mount::bind)
        .filter(|bind| bind.role == BindRole::Socket)
        .map(|bind| host.real(&bind.source.path()))
        .collect();
    let (found, lost) = find(bound::sockets(), host);
    let holds_lost = file_systems_of(&lost);
    let mut walked = Vec::new();
    for shown in shown {
        let may_hold = holds_lost(&shown.real);
        let is_cut = sockets_below(&shown.real, if may_hold { MOST } else { UPPER_PART }, &mut walked);
        if may_hold && is_cut {
            let at = shown.real.display();
            tree.notices
                .push(format!("of {at} only the first {MOST} names were looked through for sockets of the host"));
        }
    }
    for path in found.into_iter().chain(walked).filter(|path| !named.contains(path)) {
        let Ok(kind) = path.symlink_metadata().map(|metadata| metadata.file_type()) else { continue };
        for at in shown.iter().filter_map(|shown| shown.place(&tree.mounts, &path)).collect::<Vec<_>>() {
            let kind = MountKind::Hide(Hide { directory: kind.is_dir(), may_be_gone: true });
            lookup::insert(&mut tree.mounts, Mount { at, kind, origin: base::own_origin() });
        }
    }
}

/// Where they are; and those that are not where they were bound.
fn find(sockets: Vec<Bound>, host: &HostFacts) -> (Vec<PathBuf>, Vec<Bound>) {
    let mut found: Vec<PathBuf> = well_known(host).collect();
    let mut lost = Vec::new();
    for socket in sockets {
        let path = paths::normalise(&socket.name);
        let place = path.parent().zip(path.file_name()).filter(|_| socket.name.is_absolute());
        let place = place.map(|(parent, name)| host.real(parent).join(name));
        let is_it = |metadata: &fs::Metadata| {
            metadata.file_type().is_socket() && socket.node.is_none_or(|node| node.is(metadata.ino()))
        };
        let looked = place.as_ref().map(|path| path.symlink_metadata());
        if matches!(&looked, Some(Err(error)) if error.kind() == ErrorKind::PermissionDenied) {
            // A daemon's own directory: no part of what the caller can show.
            continue;
        }
        let file = looked.and_then(Result::ok).filter(is_it);
        // By another name of the same file it can be reached as well.
        if file.as_ref().is_none_or(|file| file.nlink() > 1) {
            lost.push(socket);
        }
        found.extend(place.filter(|_| file.is_some()));
    }
    (found, lost)
}

/// Whether a tree may share a file system with a lost socket.
fn file_systems_of(lost: &[Bound]) -> impl Fn(&Path) -> bool {
    let devices: BTreeSet<Option<(u32, u32)>> =
        lost.iter().map(|socket| socket.node.as_ref().map(Node::device)).collect();
    let mounts = if lost.is_empty() { Vec::new() } else { mountinfo::read().unwrap_or_default() };
    move |tree| {
        let around = mounts.iter().filter(|mount| tree.starts_with(&mount.at));
        let nearest = around.max_by_key(|mount| mount.at.as_os_str().len());
        let mut own =
            mounts.iter().filter(|mount| mount.at.starts_with(tree)).chain(nearest).map(|mount| Some(mount.device));
        // Where one of the two is not known, it may.
        !devices.is_empty()
            && (devices.contains(&None) || nearest.is_none() || own.any(|device| devices.contains(&device)))
    }
}

/// Names of a tree that are looked through for every run: one or two milliseconds.
const UPPER_PART: usize = 2000;
/// And if it may hold a lost socket: a tenth of a second at most.
const MOST: usize = 100_000;

/// Adds the sockets among the first `most` names of a tree, level by level; true if there are more names. What the caller may not list,
/// the command may not either.
fn sockets_below(tree: &Path, most: usize, found: &mut Vec<PathBuf>) -> bool {
    let (mut directories, mut left) = (VecDeque::from([tree.to_path_buf()]), most);
    while let Some(directory) = directories.pop_front() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            if left == 0 {
                return true;
            }
            left -= 1;
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => directories.push_back(entry.path()),
                Ok(kind) if kind.is_socket() && is_bound(&entry.path()) => found.push(entry.path()),
                _ => {}
            }
        }
    }
    false
}

/// Is there a socket behind the file, or is it left over, for a program inside to replace? A datagram is never sent: connect(2) finds
/// the other side, whatever its namespace, and only then looks at its type. By way of its directory: an address has 107 bytes.
fn is_bound(path: &Path) -> bool {
    let attempt = |directory: &Path, name: &OsStr| {
        let directory = open(directory, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())?;
        let short = Path::new("/proc/self/fd").join(directory.as_raw_fd().to_string()).join(name);
        let datagram = socket(AddressFamily::Unix, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
        connect(datagram.as_raw_fd(), &UnixAddr::new(&short)?)
    };
    path.parent().zip(path.file_name()).map(|(directory, name)| attempt(directory, name))
        != Some(Err(Errno::ECONNREFUSED))
}

/// The kernel's list is of this network namespace only, hence these.
fn well_known(host: &HostFacts) -> impl Iterator<Item = PathBuf> + '_ {
    const AGENT: [&str; 5] = ["S.gpg-agent", "S.gpg-agent.ssh", "S.gpg-agent.extra", "S.keyboxd", "S.scdaemon"];
    let fixed = ["/run/docker.sock", "/run/podman/podman.sock", "/run/containerd/containerd.sock", "/tmp/.X11-unix"];
    let variables = host.variable("SSH_AUTH_SOCK").map(PathBuf::from).into_iter().chain(host.runtime());
    let agent = host.home.iter().flat_map(|home| AGENT.map(|name| home.join(".gnupg").join(name)));
    let all = fixed.map(PathBuf::from).into_iter().chain(variables).chain(agent);
    let all = all.filter(|path| path.is_absolute()).map(|path| paths::normalise(&path));
    all.filter(|path| {
        path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir() || metadata.file_type().is_socket())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing::World;
    use std::os::unix::net::{UnixDatagram, UnixListener};

    fn covered(world: &World, path: &str) -> bool {
        let kind = MountKind::Hide(Hide { directory: false, may_be_gone: true });
        world.planned().at(&world.path(path)).is_some_and(|mount| mount.kind == kind)
    }

    #[test]
    fn a_socket_in_a_shown_tree_is_covered() {
        let world = World::new().directory("home/app/run").mount("ro ${PWD}");
        let _listener = UnixListener::bind(world.path("home/app/run/daemon")).unwrap();
        assert!(covered(&world, "home/app/run/daemon"));
    }

    #[test]
    fn a_socket_that_is_named_is_not_covered() {
        let world = World::new().mount("ro ${PWD}").mount("socket ${PWD}/daemon");
        let _listener = UnixListener::bind(world.path("home/app/daemon")).unwrap();
        assert_eq!(world.bind_at(&world.planned(), "home/app/daemon").role, BindRole::Socket);
    }

    #[test]
    fn the_agent_s_socket_is_covered_when_it_is_not_in_the_kernel_s_list() {
        let mut world = World::new().mount("ro ${PWD}").directory("home/app/runtime");
        world.host = world.host.clone().with("XDG_RUNTIME_DIR", world.path("home/app/runtime").to_str().unwrap());
        assert_eq!(
            world.at(&world.planned(), "home/app/runtime").kind,
            MountKind::Hide(Hide { directory: true, may_be_gone: true })
        );
    }

    #[test]
    fn a_socket_that_was_renamed_or_has_two_names_or_one_of_two_lines_is_covered_too() {
        let world = World::new().directory("home/app/run").mount("ro ${PWD}");
        let _renamed = UnixListener::bind(world.path("home/app/run/daemon")).unwrap();
        fs::rename(world.path("home/app/run"), world.path("home/app/moved")).unwrap();
        let _twice = UnixListener::bind(world.path("home/app/here")).unwrap();
        fs::hard_link(world.path("home/app/here"), world.path("home/app/there")).unwrap();
        let _broken = UnixListener::bind(world.path("home/app/a\nb")).unwrap();
        for path in ["moved/daemon", "here", "there", "a\nb"] {
            assert!(covered(&world, &format!("home/app/{path}")), "{path:?}");
        }
    }

    #[test]
    fn a_file_that_a_socket_left_behind_is_a_file_like_others() {
        let world = World::new().mount("rw ${PWD}");
        drop(UnixListener::bind(world.path("home/app/left")).unwrap());
        let long = world.path("home/app").join("d".repeat(120));
        fs::create_dir(&long).unwrap();
        fs::rename(world.path("home/app/left"), long.join("left")).unwrap();
        assert!(!is_bound(&long.join("left")));
        drop(UnixListener::bind(world.path("home/app/left")).unwrap());
        let [stream, datagram] = ["stream", "datagram"].map(|name| world.path("home/app").join(name));
        let _sockets = (UnixListener::bind(&stream).unwrap(), UnixDatagram::bind(&datagram).unwrap());
        assert!(!is_bound(&world.path("home/app/left")) && is_bound(&stream) && is_bound(&datagram));
        assert!(!covered(&world, "home/app/left"));
    }

    #[test]
    fn a_socket_that_was_bound_through_a_link_is_covered_where_it_is() {
        let world = World::new().directory("home/app/real").symlink("home/app/link", "real").mount("rw ${PWD}");
        let _listener = UnixListener::bind(world.path("home/app/link/daemon")).unwrap();
        assert!(covered(&world, "home/app/real/daemon") && !covered(&world, "home/app/link/daemon"));
    }
}
