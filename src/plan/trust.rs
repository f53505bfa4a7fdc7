//! Whose word a path is: rule 2 of the mounts.
//!
//! The project, and every other tree that is shown, may have been written by somebody who is not to be trusted
//! (or by an earlier run). A path below one is opened from there, without leaving it by a link.

use super::host::HostFacts;
use super::{SourcePath, paths};
use std::path::{Path, PathBuf};

/// The trees whose writers are not trusted, in order.
#[derive(Debug)]
pub(super) struct Trees<'a> {
    host: &'a HostFacts,
    trees: Vec<PathBuf>,
}

impl<'a> Trees<'a> {
    /// The project, and what is shown (`writable` or not) of the rest of the host, the system's own directories excepted.
    pub fn new<'p>(host: &'a HostFacts, shown: impl Iterator<Item = (&'p Path, bool)>) -> Self {
        let mut trees: Vec<PathBuf> = shown
            .filter(|(source, writable)| (*writable || !paths::is_system(source)) && *source != Path::new("/"))
            .map(|(source, _)| source.to_path_buf())
            .collect();
        if !host.cwd_holds_home() {
            trees.push(host.cwd.clone());
        }
        // The caller may reach a tree of his by a link: then its real name counts too. A link that lies in
        // another tree gets no such say.
        sort(&mut trees);
        let outermost = |tree: &&PathBuf| outermost_above(&trees, tree).is_none();
        let real: Vec<PathBuf> =
            trees.iter().filter(outermost).filter(|tree| **tree != host.cwd).map(|tree| host.real(tree)).collect();
        trees.extend(real);
        sort(&mut trees);
        Trees { host, trees }
    }

    /// The outermost tree that a path is strictly below, and the rest; or the path itself, trusted.
    pub fn split(&self, path: &Path) -> SourcePath {
        self.below(path)
            .or_else(|| {
                // The same place under another name: its directory, links resolved.
                let parent = path.parent().filter(|_| !paths::is_system(path))?;
                self.below(&self.host.real(parent).join(path.file_name()?))
            })
            .unwrap_or_else(|| SourcePath { base: path.to_path_buf(), below: PathBuf::new() })
    }

    fn below(&self, path: &Path) -> Option<SourcePath> {
        let tree = outermost_above(&self.trees, path)?;
        Some(SourcePath { base: tree.clone(), below: paths::strictly_below(path, tree)?.to_path_buf() })
    }
}

fn sort(trees: &mut Vec<PathBuf>) {
    trees.sort_unstable_by(|left, right| paths::order(left, right));
    trees.dedup();
}

/// Of trees in order the outermost that a path is strictly below: asked by the path's parents, for there may be
/// thousands of trees.
fn outermost_above<'a>(trees: &'a [PathBuf], path: &Path) -> Option<&'a PathBuf> {
    let tree = |place| trees.binary_search_by(|tree| paths::order(tree, place)).ok().map(|index| &trees[index]);
    paths::ancestors(path).skip(1).filter_map(tree).last()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing::{World, host_at};

    fn split(trees: &Trees, path: &str) -> (String, String) {
        let SourcePath { base, below } = trees.split(Path::new(path));
        (base.display().to_string(), below.display().to_string())
    }

    #[test]
    fn a_path_is_opened_from_the_outermost_tree_it_lies_in() {
        let shown = [("/ws", false), ("/ws/app/x", true)].map(|(tree, writable)| (Path::new(tree), writable));
        let host = host_at("/ws/app", "/home/user");
        let trees = Trees::new(&host, shown.into_iter());
        assert_eq!(split(&trees, "/ws/app/x/y"), ("/ws".into(), "app/x/y".into()));
        assert_eq!(split(&trees, "/ws"), ("/ws".into(), String::new()));
        assert_eq!(split(&trees, "/wsx"), ("/wsx".into(), String::new()));
    }

    #[test]
    fn the_system_s_directories_are_trusted_unless_they_are_writable() {
        let host = host_at("/ws/app", "/home/user");
        let trees = Trees::new(&host, [(Path::new("/usr"), false)].into_iter());
        assert_eq!(split(&trees, "/usr/local/go"), ("/usr/local/go".into(), String::new()));
        let trees = Trees::new(&host, [(Path::new("/usr/src"), true)].into_iter());
        assert_eq!(split(&trees, "/usr/src/x"), ("/usr/src".into(), "x".into()));
    }

    #[test]
    fn a_home_or_a_root_that_one_happens_to_stand_in_is_no_project() {
        let host = host_at("/home/user", "/home/user");
        let trees = Trees::new(&host, std::iter::empty());
        assert_eq!(split(&trees, "/home/user/.cargo"), ("/home/user/.cargo".into(), String::new()));
    }

    #[test]
    fn a_project_reached_by_another_name_is_still_the_project() {
        let world = World::new().directory("home/app/sub").symlink("alias", "home/app");
        let trees = Trees::new(&world.host, std::iter::empty());
        let source = trees.split(&world.path("alias").join("sub"));
        assert_eq!(source, SourcePath { base: world.path("home/app"), below: "sub".into() });
    }

    #[test]
    fn a_tree_shown_by_a_link_is_known_by_its_real_name_too() {
        let world = World::new().directory("data/ws/hooks").symlink("home/ws", "../data/ws");
        let tree = world.path("home/ws");
        let trees = Trees::new(&world.host, [(tree.as_path(), true)].into_iter());
        assert_eq!(trees.split(&world.path("data/ws/hooks")).base, world.path("data/ws"));
    }
}
