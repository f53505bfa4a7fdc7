//! Can each destination be made? Only in a tmpfs of ours, or onto what is there already: on the host nothing is made.

use super::mounts::Tree;
use super::source::Trouble;
use super::walk::{self, End};
use super::{BindRole, Mount, MountKind, base, lookup, wrong};
use crate::error::Error;
use std::path::{Path, PathBuf};

/// Checks every destination; one that lies behind a link of the system's (`/var/run` → `/run`) moves to its real place.
pub(super) fn settle(tree: &mut Tree) -> Result<(), Error> {
    let places: Vec<PathBuf> = tree.mounts.iter().map(|mount| mount.at.clone()).collect();
    for place in places {
        let Some(mount) = lookup::at(&tree.mounts, &place) else { continue };
        if stays_on_root(tree, mount)? {
            continue;
        }
        if let Some(is_there) = link_on_root(tree, mount)? {
            if is_there {
                tree.mounts.retain(|mount| mount.at != place);
            }
            continue;
        }
        let real = check(tree, mount)?;
        if real != place {
            let moved = Mount { at: real.clone(), ..mount.clone() };
            tree.mounts.retain(|mount| mount.at != place);
            if lookup::at(&tree.mounts, &real).is_some() {
                return Err(wrong(
                    &moved.origin,
                    format!("{} leads to {}, which is a destination too", place.display(), real.display()),
                )
                .remedy("Take one of the two out"));
            }
            lookup::insert(&mut tree.mounts, moved);
        }
    }
    Ok(())
}

/// The sandbox's own /proc and /dev are where init looks for them, whatever a root file system has there: a link of its own must not
/// lead them elsewhere. In the layer above it they take its place.
fn stays_on_root(tree: &Tree, mount: &Mount) -> Result<bool, Error> {
    let Some(root) = lookup::at(&tree.mounts, Path::new("/")).and_then(Mount::bind) else { return Ok(false) };
    let is_own =
        mount.origin == base::own_origin() && [Path::new("/proc"), Path::new("/dev")].contains(&mount.at.as_path());
    if !is_own || root.role != BindRole::Root {
        return Ok(false);
    }
    let path = root.source.path().join(mount.at.strip_prefix("/").unwrap_or(&mount.at));
    match path.symlink_metadata() {
        Ok(found) if !found.is_dir() && root.writable => {
            let message =
                format!("{} is no directory in the root file system, and one is needed there", mount.at.display());
            Err(wrong(&mount.origin, message).remedy("Mend it there").path(path))
        }
        _ => Ok(true),
    }
}

/// For a link of ours on a root file system: does that have the same one? Another file gives way in a layer above it, and stays
/// where there is none.
fn link_on_root(tree: &Tree, mount: &Mount) -> Result<Option<bool>, Error> {
    let (MountKind::Symlink(text), Some(parent)) = (&mount.kind, mount.at.parent()) else { return Ok(None) };
    let parent = walk::walk(&tree.mounts, parent, None).place;
    let around = lookup::nearest(&tree.mounts, &parent).and_then(Mount::bind);
    let Some(root) = around.filter(|bind| bind.role == BindRole::Root) else { return Ok(None) };
    let place = parent.strip_prefix("/").unwrap_or(&parent).join(mount.at.file_name().unwrap_or_default());
    let path = root.source.path().join(place);
    let Ok(found) = path.symlink_metadata() else { return Ok(Some(false)) };
    if found.is_symlink() && path.read_link().is_ok_and(|known| known == *text) {
        return Ok(Some(true));
    }
    if found.is_dir() || root.writable {
        let message = format!("{} is in the root file system already", mount.at.display());
        return Err(wrong(&mount.origin, message).remedy("Remove it there, or give another destination"));
    }
    Ok(Some(false))
}

fn check(tree: &Tree, mount: &Mount) -> Result<PathBuf, Error> {
    let at = &mount.at;
    let walk = walk::walk(&tree.mounts, at, Some(at));
    if let Some(link) = walk.links.iter().find(|link| link.untrusted) {
        let leaves = Trouble::Leaves { link: link.at.clone(), target: link.text.clone() };
        return Err(leaves.error(at, &mount.origin));
    }
    let above = || lookup::above(&tree.mounts, &walk.place);
    match &walk.end {
        End::Missing(_) if will_be_created(tree, at) => {}
        End::Missing(name) => return Err(cannot_be_made(mount, name, above())),
        End::Own | End::Free => {}
        End::Host(metadata) => {
            let (is, wanted) = (metadata.is_dir(), mount.is_directory());
            if matches!(mount.kind, MountKind::Symlink(_)) {
                return Err(wrong(
                    &mount.origin,
                    format!("{} cannot be a link: it lies in a tree of the host's", at.display()),
                )
                .remedy("Make the link on the host, or choose a place outside that tree"));
            }
            if is != wanted {
                let word = |directory| if directory { "a directory" } else { "a file" };
                if above().and_then(Mount::bind).is_some_and(|bind| bind.role == BindRole::Root) {
                    let message = format!(
                        "{} is {} in the root file system, and {} is needed there",
                        at.display(),
                        word(is),
                        word(wanted)
                    );
                    return Err(wrong(&mount.origin, message).remedy("Mend it there, or give another destination"));
                }
                return Err(wrong(
                    &mount.origin,
                    format!("{} is {} on the host, and {} cannot cover it", at.display(), word(is), word(wanted)),
                )
                .remedy("Give another destination"));
            }
        }
    }
    Ok(walk.place.clone())
}

fn will_be_created(tree: &Tree, at: &Path) -> bool {
    let source = lookup::at(&tree.mounts, at).and_then(Mount::bind).map(|bind| bind.source.path());
    let host = lookup::above(&tree.mounts, at).and_then(|above| {
        let rest = at.strip_prefix(&above.at).ok()?;
        Some(lookup::join(&above.bind()?.source.path(), rest))
    });
    source == host && tree.create.iter().any(|create| Some(create.path()) == source)
}

fn cannot_be_made(mount: &Mount, name: &Path, above: Option<&Mount>) -> Error {
    let at = mount.at.display();
    let message = match above {
        Some(above) if above.bind().is_some_and(|bind| bind.role == BindRole::Root) => {
            format!("{at} cannot be made: {} of the root file system is in the way", name.display())
        }
        Some(above) if above.bind().is_some_and(|bind| bind.directory) => format!(
            "{at} cannot be made: it lies below {} ({}); Linux would have to create {} on the host",
            above.at.display(),
            above.origin,
            name.display()
        ),
        Some(above) => format!("{at} cannot be made: {} is no directory", above.at.display()),
        None => format!("{at} cannot be made"),
    };
    wrong(&mount.origin, message).remedy("Create it on the host, or give another destination").path(&mount.at)
}

impl Mount {
    /// What its destination has to be.
    pub fn is_directory(&self) -> bool {
        match &self.kind {
            MountKind::Bind(bind) => bind.directory,
            MountKind::Hide(hide) => hide.directory,
            MountKind::Tmpfs(_) | MountKind::Devpts | MountKind::Proc => true,
            MountKind::File(_) | MountKind::Symlink(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing::World;

    #[test]
    fn a_destination_below_a_tree_of_the_host_s_must_exist_there() {
        let world = World::new().directory("data").mount("ro ${PWD}").mount("ro ROOT/data at=${PWD}/data");
        insta::assert_snapshot!(world.refusal(), @"cc.yaml:2:5: mounts[1].ro: ROOT/home/app/data cannot be made: it lies below ROOT/home/app (cc.yaml:1:5: mounts[0].ro); Linux would have to create ROOT/home/app/data on the host. Create it on the host, or give another destination");
        world.directory("home/app/data").planned();
    }

    #[test]
    fn a_destination_below_a_tmpfs_is_made() {
        World::new().directory("data").mount("tmpfs /deep").mount("ro ROOT/data at=/deep/er/data").planned();
    }

    #[test]
    fn a_file_does_not_cover_a_directory_nor_a_directory_a_file() {
        let world = World::new().directory("home/app/dir").file("home/app/file").mount("rw ${PWD}");
        assert!(world.mount("file ${PWD}/dir").refusal().contains("a file cannot cover it"));
        let world = World::new().file("home/app/file").mount("rw ${PWD}").mount("tmpfs ${PWD}/file");
        assert!(world.refusal().contains("a directory cannot cover it"));
    }

    #[test]
    fn a_destination_behind_a_link_of_the_project_s_is_refused() {
        let world = World::new().directory("home/app/real").symlink("home/app/link", "real").mount("rw ${PWD}");
        let refusal = world.mount("tmpfs ${PWD}/link").refusal();
        assert!(refusal.contains("ROOT/home/app/link is a symbolic link to real"), "{refusal}");
    }

    #[test]
    fn a_destination_behind_our_own_link_moves_to_its_real_place() {
        let plan = World::new().mount("symlink /var/run to=../run").mount("tmpfs /var/run/lock").planned();
        assert!(plan.at(Path::new("/run/lock")).is_some() && plan.at(Path::new("/var/run/lock")).is_none());
    }

    #[test]
    fn a_link_is_not_made_in_a_tree_of_the_host_s() {
        let world = World::new().file("home/app/x").mount("rw ${PWD}").mount("symlink ${PWD}/x to=y");
        assert!(world.refusal().contains("cannot be a link"));
    }

    #[test]
    fn nothing_is_mounted_below_a_file() {
        let world = World::new().file("conf").mount("ro ROOT/conf at=/c").mount("tmpfs /c/d");
        assert!(world.refusal().contains("/c is no directory"));
    }
}
