//! Doors for `fuzz/`: paths, variables, patterns, and what the kernel lists.

use super::host::HostFacts;
use super::mountinfo::{self, Mounted};
use super::variables::Scope;
use super::walk::{End, walk};
use super::{Extent, Mount, MountKind, Tmpfs, bound, glob, host, lookup, paths, subordinate};
use crate::error::Error;
use crate::profile::Origin;
use std::cmp::Ordering;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// `order`
pub fn order(left: &Path, right: &Path) -> Ordering {
    paths::order(left, right)
}

/// `normalise`
pub fn normalise(path: &Path) -> PathBuf {
    paths::normalise(path)
}

/// `link_target`
pub fn link_target(link: &Path, text: &Path) -> PathBuf {
    paths::link_target(link, text)
}

/// `strictly_below`
pub fn strictly_below<'a>(path: &'a Path, tree: &Path) -> Option<&'a Path> {
    paths::strictly_below(path, tree)
}

/// `matches`, with an asterisk for the star.
pub fn matches(pattern: &[u8], name: &[u8]) -> bool {
    glob::matches(pattern, b'*', name)
}

/// A path, a pattern and a value, each from the same text.
pub fn expand(text: &str, host: &HostFacts, origin: &Origin) -> [Result<OsString, Error>; 3] {
    let scope = Scope { host, origin };
    [scope.path(text).map(OsString::from), scope.pattern(text).map(OsString::from), scope.value(text)]
}

/// Where a walk to `place` ends, and whether at something of ours, among empty directories and links at normal places.
pub fn walk_to(links: &[(PathBuf, PathBuf)], directories: &[PathBuf], place: &Path) -> (PathBuf, bool) {
    let directory = || MountKind::Tmpfs(Tmpfs { size: 0, inodes: 0, mode: 0o755, noexec: false, sealed: false });
    let directories = directories.iter().map(|at| (at, directory()));
    let links = links.iter().map(|(at, text)| (at, MountKind::Symlink(text.clone())));
    let mut mounts = Vec::new();
    for (at, kind) in directories.chain(links) {
        lookup::insert(&mut mounts, Mount { at: at.clone(), kind, origin: Origin::default() });
    }
    let walk = walk(&mounts, place, None);
    (walk.place, matches!(walk.end, End::Own))
}

/// /proc/self/mountinfo
pub fn mounts(text: &[u8]) -> Vec<Mounted> {
    mountinfo::parse(text).collect()
}

/// /proc/net/unix: the names of sockets.
pub fn listed(text: &[u8]) -> Vec<PathBuf> {
    bound::listed(text).into_iter().map(|bound| bound.name).collect()
}

/// A datagram of sock_diag(7): their names, and whether there is more to come.
pub fn told(datagram: &[u8]) -> Option<(Vec<PathBuf>, bool)> {
    let mut found = Vec::new();
    let more = bound::parse(datagram, &mut found).ok()?;
    Some((found.into_iter().map(|bound| bound.name).collect(), more))
}

/// /proc/self/uid_map
pub fn id_ranges(map: &str) -> Vec<(u32, u32)> {
    host::id_ranges(map)
}

/// /etc/subuid: the map of a caller with the name `user` and the number 1000, who is `own` inside; and its text for the kernel.
pub fn subordinate(text: &str, own: u32) -> (Vec<Extent>, String) {
    let map = subordinate::around(own, 1000, &subordinate::of_owner(text, Some("user"), 1000, 1000));
    let text = subordinate::text(&map);
    (map, text)
}
