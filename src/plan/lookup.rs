//! Which mount shows a path, and what host path that is: by the plan alone.

use super::{Bind, Mount, MountKind, Plan, SourcePath, paths};
use std::path::{Path, PathBuf};

/// The entry at exactly this place. `mounts` are sorted by destination.
pub(super) fn at<'a>(mounts: &'a [Mount], place: &Path) -> Option<&'a Mount> {
    search(mounts, place).ok().map(|index| &mounts[index])
}

fn search(mounts: &[Mount], place: &Path) -> Result<usize, usize> {
    debug_assert_eq!(place.components().collect::<PathBuf>().as_os_str(), place.as_os_str(), "a slash too many");
    mounts.binary_search_by(|mount| paths::order(&mount.at, place))
}

/// The entry at or nearest above.
pub(super) fn nearest<'a>(mounts: &'a [Mount], place: &Path) -> Option<&'a Mount> {
    paths::ancestors(place).find_map(|ancestor| at(mounts, ancestor))
}

/// The entry nearest above, not at, a place: what its destination has to be made in.
pub(super) fn above<'a>(mounts: &'a [Mount], place: &Path) -> Option<&'a Mount> {
    paths::ancestors(place).skip(1).find_map(|ancestor| at(mounts, ancestor))
}

/// A directory that has to be made only because something is mounted below it.
pub(super) fn leads_to_a_mount(mounts: &[Mount], place: &Path) -> bool {
    let after = search(mounts, place).map_or_else(|place| place, |place| place + 1);
    place == Path::new("/") || mounts.get(after).is_some_and(|mount| paths::below(&mount.at, place).is_some())
}

/// Adds an entry, or replaces the one at its place.
pub(super) fn insert(mounts: &mut Vec<Mount>, mount: Mount) {
    match search(mounts, &mount.at) {
        Ok(index) => mounts[index] = mount,
        Err(index) => mounts.insert(index, mount),
    }
}

/// The bind that shows a place, and the place counted from it; our own links are followed.
pub(super) fn bind_of<'a>(mounts: &'a [Mount], inside: &Path) -> Option<(&'a Mount, &'a Bind, PathBuf)> {
    let mut place = inside.to_path_buf();
    for _ in 0..MAX_LINKS {
        let mount = nearest(mounts, &place)?;
        let rest = paths::below(&place, &mount.at)?;
        match &mount.kind {
            MountKind::Symlink(text) => place = join(&paths::link_target(&mount.at, text), rest),
            MountKind::Bind(bind) if bind.directory || rest.as_os_str().is_empty() => {
                return Some((mount, bind, rest.to_path_buf()));
            }
            _ => return None,
        }
    }
    None
}

/// As many links as path_resolution(7) follows.
pub(super) const MAX_LINKS: usize = 40;

impl SourcePath {
    pub(super) fn join(&self, rest: &Path) -> SourcePath {
        SourcePath { base: self.base.clone(), below: join(&self.below, rest) }
    }
}

/// `Path::join` adds a slash where the right side is empty.
pub(super) fn join(left: &Path, right: &Path) -> PathBuf {
    if right.as_os_str().is_empty() { left.to_path_buf() } else { left.join(right) }
}

impl Plan {
    /// The host path that is seen at a place inside, by the mounts alone: the host is not asked whether it exists.
    /// `None`: nothing of the host's is there.
    pub fn host_path(&self, inside: &Path) -> Option<PathBuf> {
        bind_of(&self.mounts, &paths::normalise(inside)).map(|(_, bind, rest)| join(&bind.source.path(), &rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing::{bind, link, tmpfs};

    fn host(mounts: &[Mount], inside: &str) -> Option<PathBuf> {
        bind_of(mounts, Path::new(inside)).map(|(_, bind, rest)| join(&bind.source.path(), &rest))
    }

    #[test]
    fn a_link_onto_a_mount_shows_that_mount_and_not_the_one_around_it() {
        let mounts = [link("/a", "/usr/bin"), bind("/usr", "/src"), bind("/usr/bin", "/other")];
        assert_eq!(host(&mounts, "/a"), Some("/other".into()));
        assert_eq!(host(&mounts, "/a/x"), Some("/other/x".into()));
    }

    #[test]
    fn the_nearest_mount_above_shows_a_path() {
        let mounts = [bind("/a", "/src"), tmpfs("/a/b"), bind("/a/b/c", "/other")];
        assert_eq!(host(&mounts, "/a/x"), Some("/src/x".into()));
        assert_eq!(host(&mounts, "/a"), Some("/src".into()));
        assert_eq!(host(&mounts, "/a/b/x"), None);
        assert_eq!(host(&mounts, "/a/b/c/x"), Some("/other/x".into()));
        assert_eq!(host(&mounts, "/z"), None);
    }

    #[test]
    fn our_own_links_are_followed_but_not_forever() {
        let mounts = [link("/bin", "usr/bin"), link("/loop", "loop"), bind("/usr", "/usr")];
        assert_eq!(host(&mounts, "/bin/make"), Some("/usr/bin/make".into()));
        assert_eq!(host(&mounts, "/loop/x"), None);
    }

    #[test]
    fn the_way_to_a_mount_is_a_directory() {
        let mounts = [tmpfs("/a/b/c")];
        assert!(["/", "/a", "/a/b"].iter().all(|place| leads_to_a_mount(&mounts, Path::new(place))));
        assert!(["/a/b/c", "/a/b/cc", "/b"].iter().all(|place| !leads_to_a_mount(&mounts, Path::new(place))));
    }

    #[test]
    fn a_later_entry_for_a_place_replaces_the_earlier_one() {
        let mut mounts = vec![];
        for mount in [tmpfs("/b"), tmpfs("/a"), bind("/b", "/x")] {
            insert(&mut mounts, mount);
        }
        assert_eq!(mounts, [tmpfs("/a"), bind("/b", "/x")]);
    }
}
