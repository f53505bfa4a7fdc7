//! What no profile can ask for.

use super::host::HostFacts;
use super::written::{self, Kind, Written};
use super::{paths, roots, wrong};
use crate::error::Error;
use nix::sys::statfs::{CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, statfs};
use std::path::{Path, PathBuf};

/// Sources whose whole would undo the sandbox, and those that are the sandbox's own.
pub(super) fn source(entry: &Written<'_>, host: &HostFacts) -> Result<(), Error> {
    let source = entry.source.as_path();
    let refuse = |what: String, remedy: &str| Err(wrong(entry.origin, what).remedy(remedy).path(source));
    if entry.kind.has_source() && !paths::is_system(source) {
        let real = host.real(source);
        if host.state().iter().any(|state| [source, &real].iter().any(|name| name.starts_with(state))) {
            return refuse(
                format!("{} is refused: through it every sandbox of yours is ruled", source.display()),
                "Take it out",
            );
        }
    }
    if entry.kind.has_source() {
        roots::refuse(&entry.source, entry.origin, host)?;
    }
    if !matches!(entry.kind, Kind::Ro | Kind::Rw) {
        return Ok(());
    }
    if written::is_home_as_cwd(host, source) {
        return refuse(
            format!("the current directory is refused: {}, its keys would be inside", written::why_no_project(host)),
            "cd into a project, or name what you need with --ro/--rw",
        );
    }
    let names = if paths::is_system(source) || source == host.cwd { vec![] } else { vec![host.real(source)] };
    let is = |place: &Path| source == place || names.iter().any(|name| name == place);
    let whole = ["/", "/proc", "/sys", "/dev", "/run"].map(PathBuf::from).into_iter().chain(host.runtime());
    for place in whole {
        if is(&place) {
            return refuse(
                format!("{} as a whole is refused: it holds what reaches out of the sandbox", source.display()),
                "Name the paths in it that the command needs",
            );
        }
    }
    if entry.kind == Kind::Rw && names.iter().map(PathBuf::as_path).chain([source]).any(holds_cgroups) {
        return refuse(
            format!("{} writable is refused: the run's own limits could be lifted there", source.display()),
            "Grant it read-only: --ro",
        );
    }
    if entry.kind == Kind::Rw && host.home.iter().chain(&host.real_home).any(|home| home.ancestors().any(&is)) {
        return refuse(
            format!("{} writable is refused: your home, with all your keys, lies in it", source.display()),
            "Name the directories in it that the command writes",
        );
    }
    Ok(())
}

/// The kernel's settings, and the files of cgroups wherever they are mounted, which belong to the payload's user as much as to the caller.
fn holds_cgroups(path: &Path) -> bool {
    let types = [CGROUP2_SUPER_MAGIC, CGROUP_SUPER_MAGIC];
    path.starts_with("/sys") || statfs(path).is_ok_and(|found| types.contains(&found.filesystem_type()))
}

/// Destinations that are the sandbox's own.
pub(super) fn destination(at: &Path, entry: &Written<'_>, host: &HostFacts) -> Result<(), Error> {
    let own = ["/", "/dev", "/sys"].iter().any(|place| at == Path::new(place))
        || ["/proc", "/dev/pts"].iter().any(|place| at.starts_with(place));
    if own && host.home.as_deref() == Some(at) {
        return Err(wrong(entry.origin, format!("HOME is {}, which cannot be a home inside", at.display()))
            .remedy("Set HOME to a directory of your own: it need not exist")
            .path(at));
    }
    if own {
        return Err(wrong(entry.origin, format!("{} cannot be a destination: it is the sandbox's own", at.display()))
            .remedy(if entry.kind.has_source() { "Give another one with at:" } else { "Give another one" })
            .path(at));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::plan::testing::World;
    use std::path::Path;

    fn at_home(mut world: World) -> World {
        world.host.cwd = world.path("home");
        world
    }

    #[test]
    fn the_current_directory_is_refused_when_it_is_the_home() {
        let world = at_home(World::new().mount("rw ${PWD}"));
        insta::assert_snapshot!(world.refusal(), @"cc.yaml:1:5: mounts[0].rw: the current directory is refused: it is your home, its keys would be inside. cd into a project, or name what you need with --ro/--rw");
    }

    #[test]
    fn the_current_directory_is_refused_when_the_home_lies_in_it_or_it_is_the_root() {
        let mut world = World::new().mount("ro ${PWD}");
        world.host.cwd = world.path("");
        assert!(world.refusal().contains("your home lies in it"));
        world.host.cwd = "/".into();
        assert!(world.refusal().contains("it is the root of the host"));
    }

    #[test]
    fn the_home_is_known_by_any_spelling() {
        let world = at_home(World::new().symlink("alias", "home").mount("ro ROOT/alias"));
        assert!(world.refusal().contains("it is your home"));
    }

    #[test]
    fn an_optional_entry_for_the_home_is_left_out_with_a_notice() {
        let world = at_home(World::new().mount("tmpfs ~").mount("ro ${PWD} optional"));
        let plan = world.planned();
        assert_eq!(plan.notices, ["the current directory is left out: it is your home"]);
        assert!(matches!(world.at(&plan, "home").kind, crate::plan::MountKind::Tmpfs(_)));
    }

    #[test]
    fn the_home_may_be_named_read_only_from_elsewhere_but_never_writable() {
        World::new().mount("ro ~").planned();
        let refusal = World::new().mount("rw ~").refusal();
        assert!(refusal.contains("writable is refused: your home"), "{refusal}");
        assert!(World::new().symlink("alias", "home").mount("rw ROOT/alias").refusal().contains("your home"));
        assert!(World::new().mount("rw ROOT").refusal().contains("your home"));
    }

    #[test]
    fn the_host_s_own_trees_are_refused_as_a_whole() {
        for place in ["/", "/proc", "/sys", "/dev", "/run"] {
            assert!(World::new().mount(&format!("ro {place} at=/x")).refusal().contains("as a whole is refused"));
        }
        let world = World::new().symlink("all", "/").mount("ro ROOT/all at=/x");
        assert!(world.refusal().contains("as a whole is refused"));
    }

    #[test]
    fn cgroups_are_never_writable() {
        for place in ["/sys/fs", "/sys/fs/cgroup", "/sys/kernel"] {
            assert!(World::new().mount(&format!("rw {place} at=/x")).refusal().contains("limits could be lifted"));
        }
        let world = World::new().symlink("all", "/sys/fs/cgroup").mount("rw ROOT/all at=/x");
        assert!(world.refusal().contains("limits could be lifted"));
        World::new().mount("ro /sys/kernel at=/x").planned();
    }

    #[test]
    fn the_runtime_directory_is_refused_as_a_whole() {
        let mut world = World::new().directory("runtime").mount("ro ROOT/runtime");
        world.host = world.host.clone().with("XDG_RUNTIME_DIR", world.path("runtime").to_str().unwrap());
        assert!(world.refusal().contains("as a whole is refused"));
    }

    #[test]
    fn the_names_of_running_sandboxes_are_never_inside() {
        let mut world = World::new().directory("runtime/sandbox").symlink("alias", "runtime");
        world.host = world.host.clone().with("XDG_RUNTIME_DIR", world.path("runtime").to_str().unwrap());
        let (real, host) = (world.dir, world.host);
        for mount in [
            "ro ROOT/runtime/sandbox",
            "rw ROOT/runtime/sandbox/make-7",
            "socket ROOT/runtime/sandbox/make-7",
            "ro ROOT/alias/sandbox at=/x",
            "socket /run/user/1000/sandbox/make-7",
            "ro /run/sandbox at=/x",
        ] {
            let mount = mount.replace("ROOT", real.path().canonicalize().unwrap().to_str().unwrap());
            let mut world = World::new().mount(&mount);
            world.host = host.clone();
            let refusal = world.refusal();
            assert!(refusal.contains("every sandbox of yours is ruled"), "{mount}: {refusal}");
        }
    }

    #[test]
    fn the_sandbox_s_own_destinations_are_refused() {
        for place in ["/", "/proc", "/proc/x", "/dev", "/sys", "/dev/pts"] {
            assert!(World::new().mount(&format!("tmpfs {place}")).refusal().contains("cannot be a destination"));
        }
    }

    #[test]
    fn shared_memory_and_devices_below_dev_are_fine() {
        let plan = World::new().mount("tmpfs /dev/shm").mount("device /dev/null at=/dev/mine").planned();
        assert!(plan.at(Path::new("/dev/shm")).is_some() && plan.at(Path::new("/dev/mine")).is_some());
    }
}
