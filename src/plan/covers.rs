//! What a shown tree holds that a run could change for the next one: our own files. They are covered, as are the roots of other runs
//! and sockets of the host's.

use super::host::HostFacts;
use super::mounts::Tree;
use super::{Bind, BindRole, Mount, MountKind, Watch, base, lookup, paths, roots, sockets, wrong};
use crate::error::Error;
use crate::profile;
use std::fs;
use std::path::{Path, PathBuf};

/// Covers them: ours read-only, roots and sockets altogether.
pub(super) fn add(tree: &mut Tree, profiles: &[profile::Source], host: &HostFacts) -> Result<(), Error> {
    let shown: Vec<Shown> = tree.mounts.iter().filter_map(|mount| Shown::new(mount, host)).collect();
    roots::hide(tree, &shown, host);
    protect(tree, &shown, profiles, host)?;
    sockets::hide(tree, &shown, host);
    Ok(())
}

/// A tree of the host's that is no system directory.
pub(super) struct Shown {
    mount: Mount,
    bind: Bind,
    /// Its source, links resolved.
    pub(super) real: PathBuf,
}

impl Shown {
    fn new(mount: &Mount, host: &HostFacts) -> Option<Shown> {
        let is_tree = |bind: &&Bind| matches!(bind.role, BindRole::Tree | BindRole::Root) && bind.directory;
        let bind = mount.bind().filter(is_tree)?.clone();
        let source = bind.source.path();
        (bind.writable || !paths::is_system(&source)).then(|| Shown {
            mount: mount.clone(),
            bind,
            real: host.real(&source),
        })
    }

    /// Where the host's path is seen, if it is seen through this tree.
    pub(super) fn place(&self, mounts: &[Mount], real: &Path) -> Option<PathBuf> {
        let rest = real.strip_prefix(&self.real).or_else(|_| real.strip_prefix(self.bind.source.path())).ok()?;
        let at = lookup::join(&self.mount.at, rest);
        lookup::nearest(mounts, &at).is_some_and(|mount| mount.at == self.mount.at).then_some(at)
    }
}

/// Profiles, configuration, state and the binary: what a run could change for the next one.
fn protect(tree: &mut Tree, shown: &[Shown], profiles: &[profile::Source], host: &HostFacts) -> Result<(), Error> {
    let writable: Vec<&Shown> = shown.iter().filter(|shown| shown.bind.writable).collect();
    if writable.is_empty() {
        return Ok(());
    }
    let files = profiles.iter().filter_map(|profile| Some(host.real(profile.path.as_ref()?)));
    for path in files.chain(host.executable.clone()).chain(own_directories(host)) {
        for shown in &writable {
            if shown.real.starts_with(&path) && shown.bind.role != BindRole::Root {
                return Err(wrong(
                    &shown.mount.origin,
                    format!("{} is the sandbox's own and never writable inside", shown.real.display()),
                )
                .remedy("Bind it with ro:"));
            }
            let Some(at) = shown.place(&tree.mounts, &path) else { continue };
            let rest = at.strip_prefix(&shown.mount.at).unwrap_or(Path::new(""));
            let origin = base::own_origin();
            match path.symlink_metadata() {
                Ok(metadata) if metadata.is_dir() || metadata.is_file() => {
                    let source = shown.bind.source.join(rest);
                    let (role, directory) = (BindRole::Tree, metadata.is_dir());
                    let bind = Bind { source, writable: false, directory, role, ..shown.bind.clone() };
                    lookup::insert(&mut tree.mounts, Mount { at, kind: MountKind::Bind(bind), origin });
                }
                Ok(_) => {}
                Err(_) => tree.watch.push(Watch { path: path.clone(), now: None, origin }),
            }
        }
    }
    Ok(())
}

/// Configuration, state and data, by the XDG base directory specification.
fn own_directories(host: &HostFacts) -> impl Iterator<Item = PathBuf> + '_ {
    let places =
        [("XDG_CONFIG_HOME", ".config"), ("XDG_STATE_HOME", ".local/state"), ("XDG_DATA_HOME", ".local/share")];
    let own = places.into_iter().filter_map(|(variable, default)| {
        let set = host.variable(variable).map(PathBuf::from).filter(|path| path.is_absolute());
        Some(set.or_else(|| Some(host.home.as_ref()?.join(default)))?.join("sandbox"))
    });
    // Profiles may be links to where the user keeps them.
    own.flat_map(|own| {
        let profiles = own.join("profiles");
        let each = fs::read_dir(&profiles).into_iter().flatten().flatten().map(|entry| entry.path());
        [own, profiles].into_iter().chain(each).map(|path| host.real(&path)).collect::<Vec<_>>()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing::World;
    use std::os::unix::net::UnixListener;

    fn with_profile(mut world: World, path: &str) -> World {
        let path = Some(world.path(path));
        let (name, source) = ("cc".to_owned(), "cc.yaml".to_owned());
        world.merged.sources.push(profile::Source { name, source, sha256: String::new(), path, description: None });
        world
    }

    #[test]
    fn a_profile_in_a_writable_tree_is_covered_read_only_and_pinned() {
        let world = with_profile(World::new().file("home/app/ci/cc.yaml").mount("rw ${PWD}"), "home/app/ci/cc.yaml");
        let plan = world.planned();
        let cover = world.bind_at(&plan, "home/app/ci/cc.yaml");
        assert!(!cover.writable && !cover.directory);
        assert_eq!(world.bind_at(&plan, "home/app/ci").role, BindRole::Pin);
    }

    #[test]
    fn a_profile_in_a_read_only_tree_needs_no_cover() {
        let world = with_profile(World::new().file("home/app/cc.yaml").mount("ro ${PWD}"), "home/app/cc.yaml");
        assert!(world.planned().at(&world.path("home/app/cc.yaml")).is_none());
    }

    #[test]
    fn the_binary_and_the_configuration_are_never_writable() {
        let mut world = World::new().file("home/.config/sandbox/profiles/a.yaml").file("home/app/target/sandbox");
        world.host.executable = Some(world.path("home/app/target/sandbox"));
        let world = world.mount("rw ~/.config").mount("rw ${PWD}");
        let plan = world.planned();
        assert!(!world.bind_at(&plan, "home/.config/sandbox").writable);
        assert!(!world.bind_at(&plan, "home/app/target/sandbox").writable);
        let refusal = World { merged: Default::default(), ..world }.mount("rw ~/.config/sandbox/profiles").refusal();
        assert!(refusal.contains("never writable inside"), "{refusal}");
    }

    #[test]
    fn profiles_that_are_links_into_a_writable_tree_are_covered_there() {
        let world =
            World::new().file("home/app/profiles/default.yaml").directory("home/.config/sandbox").mount("rw ${PWD}");
        let world = world.symlink("home/.config/sandbox/profiles", "../../app/profiles");
        assert!(!world.bind_at(&world.planned(), "home/app/profiles").writable);
        let world =
            World::new().file("home/app/mine.yaml").directory("home/.config/sandbox/profiles").mount("rw ${PWD}");
        let world = world.symlink("home/.config/sandbox/profiles/default.yaml", "../../../app/mine.yaml");
        assert!(!world.bind_at(&world.planned(), "home/app/mine.yaml").writable);
    }

    #[test]
    fn a_configuration_that_could_be_made_inside_is_watched() {
        let world = World::new().directory("home/.config").mount("rw ~/.config");
        assert!(world.planned().watch.iter().any(|watch| watch.path == world.path("home/.config/sandbox")));
    }

    #[test]
    fn a_socket_as_a_tree_is_refused_with_the_key_that_serves() {
        let world = World::new().mount("rw ${PWD}/daemon");
        let _listener = UnixListener::bind(world.path("home/app/daemon")).unwrap();
        insta::assert_snapshot!(world.refusal(), @"cc.yaml:1:5: mounts[0].rw: ROOT/home/app/daemon is a socket. For that there is socket:");
    }
}
