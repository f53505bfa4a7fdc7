//! A source that is a symbolic link on the host, such as /bin on a merged-/usr system: a link inside too, if what it
//! leads to is inside anyway; else what it leads to, under the link's name.

use super::host::HostFacts;
use super::mounts::Tree;
use super::{Bind, BindRole, Mount, MountKind, lookup, paths};
use std::path::{Path, PathBuf};

/// A bind of a link, and the link's text.
#[derive(Debug)]
pub(super) struct Linked {
    pub mount: Mount,
    pub text: PathBuf,
}

/// Places each as what it has to be.
pub(super) fn place(tree: &mut Tree, host: &HostFacts) {
    for Linked { mount, text } in std::mem::take(&mut tree.links) {
        let Some(wanted) = mount.bind() else { continue };
        let real = host.real(&wanted.source.path());
        let own_place = |path: &Path| shows(&tree.mounts, path, &real, wanted);
        let above =
            lookup::above(&tree.mounts, &mount.at).and_then(Mount::bind).filter(|bind| bind.role != BindRole::Root);
        if above.is_some() {
            // The tree above holds the link itself: what it leads to is needed, at its own place.
            if !own_place(&real) {
                lookup::insert(&mut tree.mounts, Mount { at: real, ..mount });
            }
        } else if own_place(&real) {
            let direct = paths::link_target(&mount.at, &text);
            let text = if own_place(&direct) { text } else { real };
            lookup::insert(&mut tree.mounts, Mount { kind: MountKind::Symlink(text), ..mount });
        } else {
            lookup::insert(&mut tree.mounts, mount);
        }
    }
}

/// What is seen at `path` inside is the host's `real`, with the rights that were asked for.
fn shows(mounts: &[Mount], path: &Path, real: &Path, wanted: &Bind) -> bool {
    lookup::bind_of(mounts, path).is_some_and(|(_, bind, rest)| {
        bind.role == BindRole::Tree
            && (bind.writable, bind.noexec) == (wanted.writable, wanted.noexec)
            && lookup::join(&bind.source.path(), &rest) == real
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing::World;

    fn merged() -> World {
        World::new().directory("sys/usr/bin").directory("sys/usr/lib").symlink("sys/bin", "usr/bin")
    }

    #[test]
    fn on_a_merged_usr_host_bin_is_a_link_inside_too() {
        let world = merged().mount("ro ROOT/sys/bin optional").mount("ro ROOT/sys/usr");
        let plan = world.planned();
        assert_eq!(world.at(&plan, "sys/bin").kind, MountKind::Symlink("usr/bin".into()));
        assert_eq!(plan.host_path(&world.path("sys/bin/make")), Some(world.path("sys/usr/bin/make")));
    }

    #[test]
    fn on_an_old_host_bin_is_a_directory_of_its_own() {
        let world =
            World::new().directory("sys/bin").directory("sys/usr").mount("ro ROOT/sys/bin").mount("ro ROOT/sys/usr");
        let plan = world.planned();
        assert_eq!(world.bind_at(&plan, "sys/bin").source.path(), world.path("sys/bin"));
    }

    #[test]
    fn a_link_to_what_is_not_inside_becomes_what_it_leads_to() {
        let world = merged().mount("ro ROOT/sys/bin");
        let plan = world.planned();
        assert!(world.bind_at(&plan, "sys/bin").directory);
    }

    #[test]
    fn an_absolute_link_keeps_its_text() {
        let world = World::new().file("zone/berlin").directory("conf");
        let target = world.path("zone/berlin");
        let world = world.symlink("conf/localtime", &target).mount("ro ROOT/conf/localtime").mount("ro ROOT/zone");
        assert_eq!(world.at(&world.planned(), "conf/localtime").kind, MountKind::Symlink(target));
    }

    #[test]
    fn a_link_through_another_that_is_not_inside_gets_the_real_target() {
        let world = World::new().directory("usr/lib").symlink("via", "usr").symlink("lib", "via/lib");
        let world = world.mount("ro ROOT/lib").mount("ro ROOT/usr");
        assert_eq!(world.at(&world.planned(), "lib").kind, MountKind::Symlink(world.path("usr/lib")));
    }

    #[test]
    fn a_writable_link_into_a_read_only_tree_is_a_bind() {
        let world = merged().mount("rw ROOT/sys/bin").mount("ro ROOT/sys/usr");
        assert!(world.bind_at(&world.planned(), "sys/bin").writable);
    }

    #[test]
    fn with_a_destination_of_its_own_a_link_is_followed() {
        let world = merged().mount("ro ROOT/sys/bin at=/tools").mount("ro ROOT/sys/usr");
        let plan = world.planned();
        assert!(plan.at(Path::new("/tools")).unwrap().bind().unwrap().directory);
    }
}
