//! Directories between a writable tree and a carve-out are bound onto themselves: renaming one is then EBUSY,
//! and the carve-out cannot be walked around.

use super::{Bind, BindRole, Mount, MountKind, Plan, lookup, paths};
use std::path::Path;

/// Adds the pins.
pub(super) fn add(mounts: &mut Vec<Mount>) {
    let pins: Vec<Mount> = mounts.iter().filter_map(|carved| pins_for(mounts, carved)).flatten().collect();
    pins.into_iter().for_each(|pin| lookup::insert(mounts, pin));
}

impl Plan {
    /// Is this pin there only for what may be gone by the time of the mount, as sockets of the host's that nobody named?
    pub fn may_be_gone(&self, pin: &Mount) -> bool {
        let below = self.mounts.iter().filter(|mount| paths::below(&mount.at, &pin.at).is_some());
        let mut kinds = below.map(|mount| &mount.kind);
        is_pin(pin)
            && kinds.all(|kind| match kind {
                MountKind::Hide(hide) => hide.may_be_gone,
                MountKind::Bind(bind) => bind.role == BindRole::Pin,
                _ => false,
            })
    }

    /// Something that is narrower than the writable tree around it.
    pub fn carve_out(&self) -> Option<&Mount> {
        self.mounts.iter().find(|mount| !is_pin(mount) && pins_for(&self.mounts, mount).is_some())
    }
}

fn is_pin(mount: &Mount) -> bool {
    mount.bind().is_some_and(|bind| bind.role == BindRole::Pin)
}

fn pins_for<'a>(mounts: &'a [Mount], carved: &'a Mount) -> Option<impl Iterator<Item = Mount> + 'a> {
    let tree = lookup::above(mounts, &carved.at)?;
    let is_tree = |bind: &&Bind| matches!(bind.role, BindRole::Tree | BindRole::Root);
    let bind = tree.bind().filter(|bind| bind.writable && is_tree(bind))?;
    // A writable tree in a writable tree takes nothing away.
    let narrower =
        carved.bind().is_none_or(|carved| !(carved.writable && carved.role == BindRole::Tree) || carved.noexec);
    // Of a root file system only what is its own can be reached by another name: what is mounted on it is not in it.
    let is_of_it =
        |bind: &Bind| bind.source.path().starts_with(tree.bind().map_or(Path::new("/"), |tree| &tree.source.base));
    let counts = bind.role != BindRole::Root
        || match &carved.kind {
            MountKind::Hide(_) => true,
            MountKind::Bind(bind) => is_of_it(bind),
            _ => false,
        };
    (narrower && counts).then(|| {
        let between = paths::ancestors(&carved.at).skip(1).take_while(|place| *place != tree.at);
        let source = |place: &Path| bind.source.join(place.strip_prefix(&tree.at).unwrap_or(place));
        between.map(move |place| {
            let pin = Bind { source: source(place), directory: true, role: BindRole::Pin, ..bind.clone() };
            Mount { at: place.to_path_buf(), kind: MountKind::Bind(pin), origin: carved.origin.clone() }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing::World;

    fn pins(world: &World, plan: &Plan) -> Vec<String> {
        let root = world.path("home/app");
        let pins = plan.mounts.iter().filter(|mount| mount.bind().is_some_and(|bind| bind.role == BindRole::Pin));
        pins.map(|mount| mount.at.strip_prefix(&root).unwrap().display().to_string()).collect()
    }

    #[test]
    fn every_directory_between_a_writable_tree_and_a_carve_out_is_pinned_writable() {
        let world = World::new().directory("home/app/a/b/c").mount("rw ${PWD}").mount("ro ${PWD}/a/b/c");
        let plan = world.planned();
        assert_eq!(pins(&world, &plan), ["a", "a/b"]);
        let pin = world.bind_at(&plan, "home/app/a/b");
        assert!(pin.writable);
        assert_eq!(pin.source.path(), world.path("home/app/a/b"));
    }

    #[test]
    fn hidden_files_made_up_files_and_tmpfs_are_carve_outs_too() {
        let world = World::new().file("home/app/a/key").file("home/app/b/file").directory("home/app/c/tmp");
        let world =
            world.mount("rw ${PWD}").mount("hide ${PWD}/a/key").mount("file ${PWD}/b/file").mount("tmpfs ${PWD}/c/tmp");
        assert_eq!(pins(&world, &world.planned()), ["a", "b", "c"]);
    }

    #[test]
    fn a_carve_out_right_below_the_tree_needs_no_pin() {
        let world = World::new().directory("home/app/.git").mount("rw ${PWD}").mount("ro ${PWD}/.git");
        assert!(pins(&world, &world.planned()).is_empty());
    }

    #[test]
    fn in_a_read_only_tree_nothing_can_be_renamed_anyway() {
        let world = World::new().file("home/app/a/key").mount("ro ${PWD}").mount("hide ${PWD}/a/key");
        assert!(pins(&world, &world.planned()).is_empty());
    }

    #[test]
    fn a_pin_below_a_project_is_opened_from_the_project() {
        let world = World::new().directory("home/app/w/a/b").mount("rw ${PWD}/w").mount("ro ${PWD}/w/a/b");
        let plan = world.planned();
        let source = &world.bind_at(&plan, "home/app/w/a").source;
        assert_eq!((&source.base, source.below.as_path()), (&world.path("home/app"), std::path::Path::new("w/a")));
    }
}
