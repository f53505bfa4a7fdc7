//! What can be said of a path without looking at it.

use std::cmp::Ordering;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// As `Path` compares, name by name, but by bytes alone: in both each slash is followed by a name, and a slash comes before any letter.
pub(super) fn order(left: &Path, right: &Path) -> Ordering {
    let (left, right) = (left.as_os_str().as_bytes(), right.as_os_str().as_bytes());
    match left.iter().zip(right).find(|(left, right)| left != right) {
        Some((left, right)) => (*left != b'/', left).cmp(&(*right != b'/', right)),
        None => left.len().cmp(&right.len()),
    }
}

/// A normal path and its parents, as [`Path::ancestors`] gives them, by bytes alone.
pub(super) fn ancestors(path: &Path) -> impl Iterator<Item = &Path> {
    std::iter::successors(Some(path), |path| parent(path))
}

fn parent(path: &Path) -> Option<&Path> {
    let bytes = path.as_os_str().as_bytes();
    match bytes.iter().rposition(|byte| *byte == b'/')? {
        0 if bytes.len() == 1 => None,
        slash => Some(Path::new(OsStr::from_bytes(&bytes[..slash.max(1)]))),
    }
}

/// What [`Path::strip_prefix`] leaves of a normal path that is at or below another, by bytes alone.
pub(super) fn below<'a>(path: &'a Path, tree: &Path) -> Option<&'a Path> {
    let rest = path.as_os_str().as_bytes().strip_prefix(tree.as_os_str().as_bytes())?;
    let rest = if tree.as_os_str() == "/" || rest.is_empty() { rest } else { rest.strip_prefix(b"/")? };
    Some(Path::new(OsStr::from_bytes(rest)))
}

/// The path without `.`, `..`, repeated and trailing slashes, by its text alone; `..` at the root stays there.
pub(super) fn normalise(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir | Component::Prefix(_) => {}
            Component::ParentDir => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}

/// What a symbolic link at `link` with this text names, by text alone.
pub(super) fn link_target(link: &Path, text: &Path) -> PathBuf {
    normalise(&link.parent().unwrap_or(Path::new("/")).join(text))
}

/// `path` is strictly below `tree`: the rest.
pub(super) fn strictly_below<'a>(path: &'a Path, tree: &Path) -> Option<&'a Path> {
    below(path, tree).filter(|rest| !rest.as_os_str().is_empty())
}

/// In a directory that only the administrator writes: its links are trusted, no socket of a user's lies there,
/// and `explain` counts it instead of listing it.
pub(super) fn is_system(path: &Path) -> bool {
    const SYSTEM: [&str; 10] = ["usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "etc", "nix", "gnu"];
    match path.components().nth(1) {
        Some(Component::Normal(first)) => SYSTEM.iter().any(|name| first == *name),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn messy_path() -> impl Strategy<Value = PathBuf> {
        prop::collection::vec(prop::sample::select(vec!["a", "b", "..", ".", "", "c.d", "a-b", "a!"]), 0..9)
            .prop_map(|parts| PathBuf::from(format!("/{}", parts.join("/"))))
    }

    proptest! {
        #[test]
        fn normalising_twice_is_normalising_once(path in messy_path()) {
            let once = normalise(&path);
            prop_assert_eq!(normalise(&once), once);
        }

        #[test]
        fn a_normal_path_is_absolute_and_has_only_names(path in messy_path()) {
            let normal = normalise(&path);
            prop_assert!(normal.is_absolute());
            prop_assert!(normal.components().skip(1).all(|c| matches!(c, Component::Normal(_))));
        }

        #[test]
        fn what_is_joined_below_a_tree_is_found_below_it(tree in messy_path(), name in "[a-z]{1,3}(/[a-z]{1,3}){0,2}") {
            let tree = normalise(&tree);
            let below = tree.join(&name);
            prop_assert_eq!(strictly_below(&below, &tree), Some(Path::new(&name)));
            prop_assert_eq!(strictly_below(&tree, &below), None);
        }

        #[test]
        fn sorting_puts_parents_before_children(mut paths in prop::collection::vec(messy_path(), 0..12)) {
            paths = paths.iter().map(|p| normalise(p)).collect();
            paths.sort();
            for (i, path) in paths.iter().enumerate() {
                prop_assert!(paths[i..].iter().all(|later| strictly_below(path, later).is_none()));
            }
        }
    }

    proptest! {
        #[test]
        fn normal_paths_are_ordered_as_the_standard_library_does(left in messy_path(), right in messy_path()) {
            let (left, right) = (normalise(&left), normalise(&right));
            prop_assert_eq!(order(&left, &right), left.cmp(&right));
        }

        #[test]
        fn of_normal_paths_parents_and_rests_are_the_standard_librarys(left in messy_path(), right in messy_path()) {
            let (left, right) = (normalise(&left), normalise(&right));
            prop_assert!(ancestors(&left).eq(left.ancestors()));
            prop_assert_eq!(below(&left, &right), left.strip_prefix(&right).ok());
        }
    }

    #[test]
    fn a_name_that_begins_like_the_tree_is_not_below_it() {
        assert_eq!(strictly_below(Path::new("/a/bc"), Path::new("/a/b")), None);
    }

    #[test]
    fn a_path_is_not_below_itself() {
        assert_eq!(strictly_below(Path::new("/a/b"), Path::new("/a/b")), None);
    }

    #[test]
    fn a_relative_link_counts_from_its_directory_and_an_absolute_one_from_the_root() {
        assert_eq!(link_target(Path::new("/var/run"), Path::new("../run")), Path::new("/run"));
        assert_eq!(link_target(Path::new("/bin"), Path::new("usr/bin")), Path::new("/usr/bin"));
        assert_eq!(link_target(Path::new("/etc/localtime"), Path::new("/usr/x")), Path::new("/usr/x"));
    }

    #[test]
    fn the_system_is_named_by_its_first_directory() {
        assert!(is_system(Path::new("/usr/share")));
        assert!(!is_system(Path::new("/usrlocal")));
        assert!(!is_system(Path::new("/home/user/usr")));
        assert!(!is_system(Path::new("/")));
    }
}
