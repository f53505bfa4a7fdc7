//! What is covered inside a shown tree stays covered until a program of the host replaces the file: rename(2) over a mount point of
//! another mount namespace takes the mount off it. No layer holds that off, so the run tells of it.

use super::mounts::Tree;
use super::{Mount, MountKind, Watch, base, lookup, paths};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::SystemTime;

/// Remembers what is there now.
pub(super) fn add(tree: &mut Tree) {
    let carved: Vec<_> = tree.mounts.iter().filter_map(|mount| covered(&tree.mounts, mount)).collect();
    for (watch, metadata) in carved {
        // Our own files we cover ourselves; cargo links the binary that it builds.
        if watch.origin != base::own_origin() && metadata.is_file() && metadata.nlink() > 1 {
            let path = watch.path.display();
            tree.notices.push(format!("{path} has other names (hard links), which are not protected with it"));
        }
        tree.watch.push(watch);
    }
}

/// The host's file behind a cover, if there is one and what is around it shows more.
fn covered(mounts: &[Mount], mount: &Mount) -> Option<(Watch, Metadata)> {
    let around = lookup::above(mounts, &mount.at)?;
    let tree = around.bind()?;
    let narrows = match &mount.kind {
        MountKind::Hide(hide) => !hide.may_be_gone,
        MountKind::Bind(bind) => tree.writable && !bind.writable,
        MountKind::File(_) | MountKind::Tmpfs(_) => true,
        MountKind::Symlink(_) | MountKind::Devpts | MountKind::Proc => false,
    };
    let rest = paths::below(&mount.at, &around.at).filter(|_| narrows)?;
    let path = lookup::join(&tree.source.path(), rest);
    let metadata = path.symlink_metadata().ok()?;
    Some((Watch { now: Some(Identity::of(&metadata)), path, origin: mount.origin.clone() }, metadata))
}

/// A file as it can be told from another: statx(2). Inode numbers are given anew, the time of birth is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    device: u64,
    inode: u64,
    /// None where the file system keeps none.
    born: Option<SystemTime>,
}

impl Identity {
    fn of(metadata: &Metadata) -> Self {
        Identity { device: metadata.dev(), inode: metadata.ino(), born: metadata.created().ok() }
    }
}

/// What is there, no link followed.
pub(super) fn identity(path: &Path) -> Option<Identity> {
    path.symlink_metadata().ok().map(|metadata| Identity::of(&metadata))
}

#[cfg(test)]
mod tests {
    use crate::plan::testing::World;
    use std::fs;

    #[test]
    fn what_is_hidden_or_read_only_in_a_writable_tree_is_watched_for_being_replaced() {
        let world = World::new().file("home/app/.env").file("home/app/.git/config").file("home/app/other");
        let world = world.mount("rw ${PWD}").mount("hide ${PWD}/.env").mount("ro ${PWD}/.git/config");
        let plan = world.planned();
        let appeared = || plan.watch.iter().filter(|watch| watch.has_appeared()).count();
        assert_eq!((plan.watch.len(), appeared()), (2, 0));
        for (name, so_many) in [("other", 0), (".env", 1), (".git/config", 2)] {
            fs::write(world.path("home/app/new"), "").unwrap();
            fs::rename(world.path("home/app/new"), world.path("home/app").join(name)).unwrap();
            assert_eq!(appeared(), so_many, "{name}");
        }
    }

    #[test]
    fn other_names_of_a_protected_file_are_told_of() {
        let world = World::new().file("home/app/.env").mount("rw ${PWD}").mount("hide ${PWD}/.env");
        assert!(world.planned().notices.is_empty());
        fs::hard_link(world.path("home/app/.env"), world.path("home/app/other")).unwrap();
        assert!(
            world.planned().notices[0].ends_with(".env has other names (hard links), which are not protected with it")
        );
    }

    // On ext4 the next file gets the number of the last that was removed.
    #[test]
    fn a_file_with_the_old_inode_number_is_another_one() {
        let world = World::new().file("home/app/.env").mount("rw ${PWD}").mount("hide ${PWD}/.env");
        let plan = world.planned();
        fs::remove_file(world.path("home/app/.env")).unwrap();
        fs::write(world.path("home/app/.env"), "").unwrap();
        assert!(plan.watch[0].has_appeared());
    }

    #[test]
    fn what_takes_nothing_away_is_not_watched() {
        let world = World::new().directory("home/app/target").mount("ro ${PWD}").mount("rw ${PWD}/target");
        assert!(world.planned().watch.is_empty());
    }
}
