//! The root file systems that were imported are nobody's but the run's that names one: what is in them was written by others, and a
//! run that could change one would change it for the next.

use super::covers::Shown;
use super::host::HostFacts;
use super::mounts::Tree;
use super::{Hide, Mount, MountKind, base, lookup, paths, wrong};
use crate::error::Error;
use crate::profile::Origin;
use crate::rootfs::store;
use std::path::{Path, PathBuf};

/// Where they lie, links resolved: each of the last two directories may be one.
fn places(host: &HostFacts) -> impl Iterator<Item = PathBuf> {
    let roots = store::directory(host.variable("XDG_DATA_HOME"), host.home.as_deref());
    let own = roots.as_deref().and_then(Path::parent).map(|own| host.real(own));
    own.into_iter().chain(roots.as_deref().map(|roots| host.real(roots)))
}

/// A source in there, however it is spelt.
pub(super) fn refuse(source: &Path, origin: &Origin, host: &HostFacts) -> Result<(), Error> {
    if paths::is_system(source) || !places(host).any(|place| host.real(source).starts_with(place)) {
        return Ok(());
    }
    Err(wrong(origin, format!("{} lies where the imported roots are, which no run is shown", source.display()))
        .remedy("Run in one of them: --root NAME; or take a copy: sandbox rootfs export NAME FILE")
        .path(source))
}

/// Covers them where a tree around them is shown.
pub(super) fn hide(tree: &mut Tree, shown: &[Shown], host: &HostFacts) {
    for place in places(host).filter(|place| place.is_dir()) {
        for shown in shown {
            let Some(at) = shown.place(&tree.mounts, &place) else { continue };
            let kind = MountKind::Hide(Hide { directory: true, may_be_gone: false });
            lookup::insert(&mut tree.mounts, Mount { at, kind, origin: base::own_origin() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing::World;

    const ROOTS: &str = "home/.local/share/sandbox/roots";

    fn world() -> World {
        World::new().file(&format!("{ROOTS}/debian/tree/etc/os-release"))
    }

    fn is_hidden(world: &World, path: &str) -> bool {
        matches!(world.at(&world.planned(), path).kind, MountKind::Hide(_))
    }

    #[test]
    fn they_are_hidden_in_every_tree_around_them() {
        for mount in ["ro ~", "ro ~/.local", "rw ~/.local/share"] {
            assert!(is_hidden(&world().mount(mount), "home/.local/share/sandbox"), "{mount}");
        }
    }

    #[test]
    fn they_are_hidden_where_the_caller_has_put_them() {
        let mut world = World::new().file("data/sandbox/roots/debian/root.json").mount("ro ROOT/data");
        world.host = world.host.clone().with("XDG_DATA_HOME", world.path("data").to_str().unwrap());
        assert!(is_hidden(&world, "data/sandbox"));
    }

    #[test]
    fn they_are_hidden_behind_a_link() {
        let world = World::new().directory("disk/roots").directory("home/.local/share").mount("ro ROOT/disk");
        let world = world.symlink("home/.local/share/sandbox", "../../../disk");
        assert!(world.refusal().contains("imported roots"), "{}", world.refusal());
        let world = World::new().directory("big/disk").directory("home/.local/share/sandbox").mount("ro ROOT/big");
        assert!(is_hidden(&world.symlink("home/.local/share/sandbox/roots", "../../../../big/disk"), "big/disk"));
        let world = World::new().directory("disk/own/roots").directory("home/.local/share").mount("ro ROOT/disk");
        assert!(is_hidden(&world.symlink("home/.local/share/sandbox", "../../../disk/own"), "disk/own"));
    }

    #[test]
    fn none_of_them_is_a_source() {
        let tree = format!("~/{}/debian/tree", ROOTS.strip_prefix("home/").unwrap());
        for mount in ["ro ~/.local/share/sandbox", "rw ~/.local/share/sandbox/roots", &format!("ro {tree} at=/mnt")] {
            let refusal = world().mount(mount).refusal();
            assert!(refusal.contains("imported roots") && refusal.contains("--root NAME"), "{refusal}");
        }
        let refusal = world().mount(&format!("file /etc/os from={tree}/etc/os-release")).refusal();
        assert!(refusal.contains("imported roots"), "{refusal}");
        let refusal = world().symlink("alias", ROOTS).mount("ro ROOT/alias").refusal();
        assert!(refusal.contains("imported roots"), "{refusal}");
    }

    #[test]
    fn a_home_without_any_needs_no_cover() {
        let plan = World::new().mount("ro ~").planned();
        assert!(!plan.mounts.iter().any(|mount| matches!(mount.kind, MountKind::Hide(_))));
    }
}
