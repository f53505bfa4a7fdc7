//! `hide`: what is in a shown tree and must not be read.

use super::mounts::Tree;
use super::source::Trouble;
use super::variables::STAR;
use super::walk::{self, End};
use super::written::{Entries, Kind};
use super::{Hide, Mount, MountKind, glob, lookup, wrong};
use crate::error::Error;
use crate::profile::Origin;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// Adds a cover for each `hide`, patterns expanded over what is there now.
pub(super) fn add(tree: &mut Tree, entries: &Entries<'_>) -> Result<(), Error> {
    let mut covers = Vec::new();
    for (at, entry) in entries.at.iter().filter(|(_, entry)| entry.kind == Kind::Hide) {
        covers.push((at.clone(), entry.origin.clone(), entry.optional()));
    }
    for (pattern, entry) in &entries.patterns {
        let matches = expand(&tree.mounts, pattern);
        let matches = matches.into_iter().filter(|at| entries.pattern_holds(entry, at));
        covers.extend(matches.map(|at| (at, entry.origin.clone(), false)));
    }
    for (at, origin, optional) in covers {
        add_one(tree, &at, &origin, optional)?;
    }
    Ok(())
}

fn add_one(tree: &mut Tree, at: &Path, origin: &Origin, optional: bool) -> Result<(), Error> {
    let walk = walk::walk(&tree.mounts, at, None);
    let bind = |place: &Path| lookup::bind_of(&tree.mounts, place).map(|(mount, ..)| mount.at.clone());
    if let Some(link) = walk.links.first()
        && (!matches!(walk.end, End::Host(_)) || bind(&walk.place) != bind(&link.at))
    {
        return Err(Trouble::Leaves { link: link.at.clone(), target: link.text.clone() }.error(at, origin));
    }
    match walk.end {
        End::Host(metadata) => {
            let kind = MountKind::Hide(Hide { directory: metadata.is_dir(), may_be_gone: false });
            lookup::insert(&mut tree.mounts, Mount { at: walk.place, kind, origin: origin.clone() });
        }
        End::Own => {
            return Err(wrong(
                origin,
                format!("{} is a destination of its own: there is nothing to hide", at.display()),
            )
            .remedy("Take it out with unset:"));
        }
        End::Free | End::Missing(_) if optional => tree.watch_if_writable(at, origin),
        End::Free | End::Missing(_) => {
            return Err(wrong(origin, format!("{} is not inside: there is nothing to hide", at.display()))
                .remedy("Correct the path, or add optional: true")
                .path(at));
        }
    }
    Ok(())
}

/// The paths that a pattern names now.
fn expand(mounts: &[Mount], pattern: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::from("/")];
    for component in pattern.components() {
        let Component::Normal(name) = component else { continue };
        if name.as_bytes().contains(&STAR) {
            found = found.iter().flat_map(|directory| entries_like(mounts, directory, name.as_bytes())).collect();
        } else {
            found.iter_mut().for_each(|path| path.push(name));
        }
    }
    let exists = |path: &PathBuf| matches!(walk::walk(mounts, path, None).end, End::Host(_)) || is_link(mounts, path);
    found.retain(exists);
    found.sort();
    found
}

fn entries_like(mounts: &[Mount], directory: &Path, pattern: &[u8]) -> Vec<PathBuf> {
    let place = walk::walk(mounts, directory, None).place;
    let Some((_, bind, rest)) = lookup::bind_of(mounts, &place) else { return vec![] };
    let Ok(entries) = bind.source.path().join(rest).read_dir() else { return vec![] };
    let names = entries.filter_map(|entry| Some(entry.ok()?.file_name()));
    names.filter(|name| glob::matches(pattern, STAR, name.as_bytes())).map(|name| directory.join(name)).collect()
}

/// A match that is a link is not passed over in silence, wherever it leads.
fn is_link(mounts: &[Mount], path: &Path) -> bool {
    let host = lookup::bind_of(mounts, path).map(|(_, bind, rest)| bind.source.path().join(rest));
    host.is_some_and(|host| host.is_symlink())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;
    use crate::plan::testing::World;

    fn hidden(world: &World, plan: &Plan) -> Vec<String> {
        let root = world.path("home/app");
        let covers = plan.mounts.iter().filter(|mount| matches!(mount.kind, MountKind::Hide(_)));
        covers.map(|mount| mount.at.strip_prefix(&root).unwrap().display().to_string()).collect()
    }

    #[test]
    fn a_star_covers_what_is_there_dots_and_directories_included() {
        let world = World::new().file("home/app/.env").file("home/app/.env.d/x").file("home/app/env");
        let plan = world.mount("rw ${PWD}").mount("hide ${PWD}/.env*");
        assert_eq!(hidden(&plan, &plan.planned()), [".env", ".env.d"]);
        assert_eq!(
            plan.at(&plan.planned(), "home/app/.env.d").kind,
            MountKind::Hide(Hide { directory: true, may_be_gone: false })
        );
    }

    #[test]
    fn a_star_in_the_middle_is_one_component() {
        let world =
            World::new().file("home/app/a/key").file("home/app/b/key").file("home/app/c/d/key").file("home/app/e");
        let world = world.mount("ro ${PWD}").mount("hide ${PWD}/*/key");
        assert_eq!(hidden(&world, &world.planned()), ["a/key", "b/key"]);
    }

    #[test]
    fn a_pattern_without_a_match_is_fine() {
        World::new().mount("rw ${PWD}").mount("hide ${PWD}/.env*").planned();
    }

    #[test]
    fn a_later_line_about_a_match_wins_over_the_pattern() {
        let world = World::new().file("home/app/.env").file("home/app/.env.example").mount("rw ${PWD}");
        let world = world.mount("hide ${PWD}/.env*").mount("unset ${PWD}/.env.example");
        assert_eq!(hidden(&world, &world.planned()), [".env"]);
        let world = World { merged: Default::default(), ..world };
        let world = world.mount("rw ${PWD}").mount("hide ${PWD}/.env*").mount("ro ${PWD}/.env.example");
        assert_eq!(hidden(&world, &world.planned()), [".env"]);
    }

    #[test]
    fn hiding_what_is_not_inside_is_an_error_unless_optional() {
        let world = World::new().mount("rw ${PWD}").mount("hide ${PWD}/key");
        insta::assert_snapshot!(world.refusal(), @"cc.yaml:2:5: mounts[1].hide: ROOT/home/app/key is not inside: there is nothing to hide. Correct the path, or add optional: true");
        let world = World::new().mount("rw ${PWD}").mount("hide ${PWD}/key optional");
        assert_eq!(world.planned().watch[0].path, world.path("home/app/key"));
    }

    #[test]
    fn a_link_within_the_tree_is_hidden_where_it_leads() {
        let world = World::new().file("home/app/conf/env").symlink("home/app/.env", "conf/env");
        let world = world.mount("rw ${PWD}").mount("hide ${PWD}/.env");
        assert_eq!(hidden(&world, &world.planned()), ["conf/env"]);
    }

    #[test]
    fn a_link_that_leaves_the_tree_is_refused() {
        let world = World::new().file("home/key").symlink("home/app/.env", "../key").mount("rw ${PWD}");
        let world = world.mount("hide ${PWD}/.env*");
        assert!(world.refusal().contains("ROOT/home/app/.env is a symbolic link to ../key"), "{}", world.refusal());
    }
}
