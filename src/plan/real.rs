//! Where a path really is, asking the kernel as little as possible: a start-up is counted in system calls.

use super::host::HostFacts;
use super::lookup;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

impl HostFacts {
    /// The path with its links resolved; names that do not exist stay as they are. The current directory and the home
    /// are known already.
    pub(super) fn real(&self, path: &Path) -> PathBuf {
        if let Some(known) = self.links.whole.borrow().get(path.as_os_str()) {
            return known.clone();
        }
        let home = self.home.as_ref().zip(self.real_home.as_ref());
        let known = std::iter::once((&self.cwd, &self.cwd)).chain(home);
        let mut from_known = known.filter_map(|(name, real)| Some((real.as_path(), path.strip_prefix(name).ok()?)));
        let (base, rest) = from_known.next().unwrap_or((Path::new("/"), path));
        let real = self.links.resolve(base, rest);
        self.links.whole.borrow_mut().insert(path.into(), real.clone());
        real
    }
}

/// What has been asked already: the paths of a plan share most of their parents, and each is asked for more than once.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Links {
    /// What readlink(2) said of each name.
    names: RefCell<BTreeMap<OsString, Answer>>,
    /// Paths, resolved.
    whole: RefCell<BTreeMap<OsString, PathBuf>>,
}

#[derive(Debug, Clone, PartialEq)]
enum Answer {
    Link(PathBuf),
    Absent,
    Other,
}

impl Links {
    fn read(&self, path: &Path) -> Answer {
        let mut known = self.names.borrow_mut();
        if let Some(answer) = known.get(path.as_os_str()) {
            return answer.clone();
        }
        let answer = match path.read_link() {
            Ok(text) => Answer::Link(text),
            Err(error) if error.kind() == ErrorKind::NotFound => Answer::Absent,
            Err(_) => Answer::Other,
        };
        known.insert(path.into(), answer.clone());
        answer
    }

    /// realpath(3) from a directory that is real, for a path that need not exist.
    pub(super) fn resolve(&self, base: &Path, path: &Path) -> PathBuf {
        let mut todo = names(path);
        let mut done = base.to_path_buf();
        let mut links = 0;
        while let Some(name) = todo.pop() {
            if name == ".." {
                done.pop();
                continue;
            }
            let next = done.join(&name);
            match self.read(&next) {
                Answer::Link(text) if links < lookup::MAX_LINKS => {
                    links += 1;
                    if text.is_absolute() {
                        done = PathBuf::from("/");
                    }
                    todo.extend(names(&text));
                }
                Answer::Absent => {
                    done = next;
                    done.extend(todo.iter().rev());
                    break;
                }
                _ => done = next,
            }
        }
        done
    }
}

/// Its names and `..`, last first.
pub(super) fn names(path: &Path) -> Vec<OsString> {
    path.components()
        .rev()
        .filter(|component| matches!(component, Component::Normal(_) | Component::ParentDir))
        .map(|component| component.as_os_str().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::plan::testing::World;

    #[test]
    fn links_are_resolved_also_on_the_way_to_what_does_not_exist() {
        let world = World::new().directory("data/a").symlink("alias", "data").symlink("data/up", "../data/a");
        assert_eq!(world.host.real(&world.path("alias/up")), world.path("data/a"));
        assert_eq!(world.host.real(&world.path("alias/up/no/thing")), world.path("data/a/no/thing"));
    }

    #[test]
    fn the_answer_is_the_kernel_s() {
        let world = World::new().file("x/file").symlink("l1", "x/../l2").symlink("l2", "/usr");
        for path in ["l1", "x/file", "home/app"] {
            assert_eq!(world.host.real(&world.path(path)), world.path(path).canonicalize().unwrap());
        }
    }

    #[test]
    fn a_home_that_is_a_link_is_known_by_both_names() {
        let mut world = World::new().directory("data/user/.config").symlink("user", "data/user");
        (world.host.home, world.host.real_home) = (Some(world.path("user")), Some(world.path("data/user")));
        assert_eq!(world.host.real(&world.path("user/.config/x")), world.path("data/user/.config/x"));
    }

    #[test]
    fn a_circle_of_links_ends() {
        let world = World::new().symlink("loop", "loop");
        world.host.real(&world.path("loop/x"));
    }
}
