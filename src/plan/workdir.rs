//! Where the command starts: a directory inside.

use super::host::HostFacts;
use super::source::Trouble;
use super::variables::Scope;
use super::walk::{self, End};
use super::{Environment, Mount, lookup, wrong};
use crate::error::Error;
use crate::profile::Located;
use std::path::{Path, PathBuf};

/// As written; else the current directory if it is inside, else HOME, else `/`.
pub(super) fn resolve(
    written: Option<&Located<String>>,
    environment: &Environment,
    mounts: &[Mount],
    host: &HostFacts,
) -> Result<PathBuf, Error> {
    let Some(Located { value, origin }) = written else {
        let home = environment.get("HOME").map(Path::new).filter(|home| home.is_absolute());
        let inside = [Some(host.cwd.as_path()), home].into_iter().flatten().find(|place| is_directory(mounts, place));
        return Ok(inside.unwrap_or(Path::new("/")).to_path_buf());
    };
    let place = Scope { host, origin }.path(value)?;
    let walk = walk::walk(mounts, &place, None);
    if let Some(link) = walk.links.iter().find(|link| link.untrusted)
        && (lookup::nearest(mounts, &walk.place) != lookup::nearest(mounts, &link.at) || link.text.is_absolute())
    {
        let leaves = Trouble::Leaves { link: link.at.clone(), target: link.text.clone() };
        return Err(leaves.error(&place, origin));
    }
    if is_directory(mounts, &place) {
        return Ok(place);
    }
    let shown = place.display();
    Err(match walk.end {
        End::Host(_) | End::Own => {
            wrong(origin, format!("the working directory {shown} is not a directory")).remedy("Name a directory")
        }
        _ => wrong(origin, format!("the working directory {shown} is not inside"))
            .remedy(format!("Add --ro {shown} or --rw {shown}, or name one that is inside")),
    }
    .path(place))
}

fn is_directory(mounts: &[Mount], place: &Path) -> bool {
    let walk = walk::walk(mounts, place, None);
    match walk.end {
        End::Host(metadata) => metadata.is_dir(),
        End::Own => lookup::at(mounts, &walk.place).is_none_or(Mount::is_directory),
        End::Free | End::Missing(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::testing::{World, by_flag, located};
    use std::path::Path;

    fn at(mut world: World, workdir: &str) -> World {
        world.merged.workdir = Some(located(workdir.to_owned()));
        world
    }

    #[test]
    fn the_command_starts_in_the_current_directory_if_it_is_inside() {
        let world = World::new().mount("ro ${PWD}").mount("tmpfs ~");
        assert_eq!(world.planned().workdir, world.path("home/app"));
    }

    #[test]
    fn else_it_starts_in_the_home_or_at_the_root() {
        let world = World::new().mount("tmpfs ~");
        assert_eq!(world.planned().workdir, world.path("home"));
        assert_eq!(World::new().planned().workdir, Path::new("/"));
    }

    #[test]
    fn a_working_directory_must_be_inside() {
        insta::assert_snapshot!(at(World::new(), "/box").refusal(), @"a.yaml:1:5: key: the working directory /box is not inside. Add --ro /box or --rw /box, or name one that is inside");
        assert_eq!(at(World::new().mount("tmpfs /box"), "/box").planned().workdir, Path::new("/box"));
        assert!(at(World::new().mount("tmpfs /box"), "/box/sub").refusal().contains("is not inside"));
    }

    #[test]
    fn a_working_directory_is_a_directory() {
        let world = at(World::new().file("home/app/file").mount("ro ${PWD}"), "${PWD}/file");
        assert!(world.refusal().contains("is not a directory"));
    }

    #[test]
    fn on_a_flag_it_counts_from_the_current_directory() {
        let mut world = World::new().directory("home/app/box").mount("ro ${PWD}/box");
        world.merged.workdir = Some(by_flag("box".to_owned()));
        assert_eq!(world.planned().workdir, world.path("home/app/box"));
    }

    #[test]
    fn a_link_that_leaves_the_project_is_refused() {
        let world = World::new().directory("home/.ssh").symlink("home/app/w", "../.ssh").mount("rw ${PWD}");
        assert!(at(world, "${PWD}/w").refusal().contains("ROOT/home/app/w is a symbolic link to ../.ssh"));
    }

    #[test]
    fn a_link_within_the_project_is_followed() {
        let world = World::new().directory("home/app/real").symlink("home/app/w", "real").mount("rw ${PWD}");
        at(world, "${PWD}/w").planned();
    }
}
