//! What a shown tree holds that reaches out of the sandbox: our own files, and sockets of the host's.

use super::host::HostFacts;
use super::mounts::Tree;
use super::{Bind, BindRole, Hide, Mount, MountKind, Watch, base, lookup, paths, wrong};
use crate::error::Error;
use crate::profile;
use std::io::Read;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// Covers them: ours read-only, sockets altogether.
pub(super) fn add(tree: &mut Tree, profiles: &[profile::Source], host: &HostFacts) -> Result<(), Error> {
    let shown: Vec<Shown> = tree.mounts.iter().filter_map(|mount| Shown::new(mount, host)).collect();
    protect(tree, &shown, profiles, host)?;
    hide_sockets(tree, &shown, host);
    Ok(())
}

/// A tree of the host's that is no system directory.
struct Shown {
    mount: Mount,
    bind: Bind,
    real: PathBuf,
}

impl Shown {
    fn new(mount: &Mount, host: &HostFacts) -> Option<Shown> {
        let bind = mount.bind().filter(|bind| bind.role == BindRole::Tree && bind.directory)?.clone();
        let source = bind.source.path();
        (bind.writable || !paths::is_system(&source)).then(|| Shown {
            mount: mount.clone(),
            bind,
            real: host.real(&source),
        })
    }

    /// Where the host's path is seen, if it is seen through this tree.
    fn place(&self, mounts: &[Mount], real: &Path) -> Option<PathBuf> {
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
            if shown.real.starts_with(&path) {
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
                    let bind = Bind { source, writable: false, directory: metadata.is_dir(), ..shown.bind.clone() };
                    lookup::insert(&mut tree.mounts, Mount { at, kind: MountKind::Bind(bind), origin });
                }
                Ok(_) => {}
                Err(_) => tree.watch.push(Watch { path: path.clone(), origin }),
            }
        }
    }
    Ok(())
}

/// Configuration, state and data, by the XDG base directory specification.
fn own_directories(host: &HostFacts) -> impl Iterator<Item = PathBuf> + '_ {
    let places =
        [("XDG_CONFIG_HOME", ".config"), ("XDG_STATE_HOME", ".local/state"), ("XDG_DATA_HOME", ".local/share")];
    places.into_iter().filter_map(|(variable, default)| {
        let set = host.variable(variable).map(PathBuf::from).filter(|path| path.is_absolute());
        let directory = set.or_else(|| Some(host.home.as_ref()?.join(default)))?;
        Some(host.real(&directory.join("sandbox")))
    })
}

/// A read-only mount does not stop connect(2): a daemon's socket is a way out.
fn hide_sockets(tree: &mut Tree, shown: &[Shown], host: &HostFacts) {
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
    // The kernel's list is of this network namespace only, hence the well-known ones.
    let listed = read_listed();
    for path in bound_sockets(&listed).chain(well_known(host)) {
        for shown in shown {
            let Some(at) = shown.place(&tree.mounts, &path).filter(|_| !named.contains(&path)) else { continue };
            let Ok(kind) = path.symlink_metadata().map(|metadata| metadata.file_type()) else { continue };
            if kind.is_socket() || kind.is_dir() {
                let kind = MountKind::Hide(Hide { directory: kind.is_dir(), may_be_gone: true });
                lookup::insert(&mut tree.mounts, Mount { at, kind, origin: base::own_origin() });
            }
        }
    }
}

/// In one read where it fits: the file has no size to be told beforehand.
fn read_listed() -> Vec<u8> {
    let mut listed = Vec::with_capacity(1 << 16);
    match std::fs::File::open("/proc/net/unix").and_then(|mut file| file.read_to_end(&mut listed)) {
        Ok(_) => listed,
        Err(_) => Vec::new(),
    }
}

/// The paths in `/proc/net/unix`, see proc_net(5): the eighth column, absolute.
pub(super) fn bound_sockets(listed: &[u8]) -> impl Iterator<Item = PathBuf> + '_ {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    listed.split(|byte| *byte == b'\n').filter_map(|line| {
        let path = line.iter().position(|byte| *byte == b'/')?;
        Some(paths::normalise(Path::new(OsStr::from_bytes(&line[path..]))))
    })
}

fn well_known(host: &HostFacts) -> impl Iterator<Item = PathBuf> + '_ {
    const AGENT: [&str; 5] = ["S.gpg-agent", "S.gpg-agent.ssh", "S.gpg-agent.extra", "S.keyboxd", "S.scdaemon"];
    let fixed = ["/run/docker.sock", "/run/podman/podman.sock", "/run/containerd/containerd.sock", "/tmp/.X11-unix"];
    let variables =
        ["SSH_AUTH_SOCK", "XDG_RUNTIME_DIR"].iter().filter_map(|name| host.variable(name).map(PathBuf::from));
    let agent = host.home.iter().flat_map(|home| AGENT.map(|name| home.join(".gnupg").join(name)));
    let all = fixed.map(PathBuf::from).into_iter().chain(variables).chain(agent);
    all.filter(|path| path.is_absolute()).map(|path| paths::normalise(&path))
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
    fn a_configuration_that_could_be_made_inside_is_watched() {
        let world = World::new().directory("home/.config").mount("rw ~/.config");
        assert!(world.planned().watch.iter().any(|watch| watch.path == world.path("home/.config/sandbox")));
    }

    #[test]
    fn a_socket_in_a_shown_tree_is_covered() {
        let world = World::new().directory("home/app/run").mount("ro ${PWD}");
        let _listener = UnixListener::bind(world.path("home/app/run/daemon")).unwrap();
        let plan = world.planned();
        assert_eq!(
            world.at(&plan, "home/app/run/daemon").kind,
            MountKind::Hide(Hide { directory: false, may_be_gone: true })
        );
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
    fn a_socket_as_a_tree_is_refused_with_the_key_that_serves() {
        let world = World::new().mount("rw ${PWD}/daemon");
        let _listener = UnixListener::bind(world.path("home/app/daemon")).unwrap();
        insta::assert_snapshot!(world.refusal(), @"cc.yaml:1:5: mounts[0].rw: ROOT/home/app/daemon is a socket. For that there is socket:");
    }

    #[test]
    fn the_kernel_s_list_is_read_by_its_paths() {
        let listed = b"Num       RefCount Protocol Flags    Type St Inode Path\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 12345 /run/a b\n\
            0000000000000000: 00000003 00000000 00000000 0001 03 12346\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 12347 @/abstract\n";
        // An abstract name is of the network namespace, not of a path; looked up as one it does not exist.
        assert_eq!(bound_sockets(listed).next(), Some("/run/a b".into()));
    }
}
