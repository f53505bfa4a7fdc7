//! A path walked as the kernel will walk it inside: through the mounts, our links and the host's.

use super::{BindRole, Mount, MountKind, lookup, paths, real};
use std::fs::Metadata;
use std::path::{Path, PathBuf};

/// Where a walk ended.
#[derive(Debug)]
pub(super) struct Walk {
    /// The path inside, links resolved; names behind the first missing one as they were.
    pub place: PathBuf,
    pub end: End,
    /// The host's links on the way.
    pub links: Vec<Link>,
}

/// What is at the end of a walk.
#[derive(Debug)]
pub(super) enum End {
    /// The host's: what it is.
    Host(Metadata),
    /// Ours: a mount, or a directory on the way to one.
    Own,
    /// Nothing, and the directory is one of ours: it can be made.
    Free,
    /// Nothing, and this first missing name is in a directory of the host's.
    Missing(PathBuf),
}

/// A link met on the way.
#[derive(Debug)]
pub(super) struct Link {
    /// Its place inside.
    pub at: PathBuf,
    pub text: PathBuf,
    /// The bind it was seen through has an untrusted writer.
    pub untrusted: bool,
}

/// Walks. `without`: as if this destination were not mounted yet.
pub(super) fn walk(mounts: &[Mount], place: &Path, without: Option<&Path>) -> Walk {
    let entry = |place: &Path| lookup::at(mounts, place).filter(|_| Some(place) != without);
    let nearest = |place: &Path| paths::ancestors(place).find_map(entry);
    let mut todo = real::names(place);
    let mut here = PathBuf::from("/");
    // The mount that `here` lies in.
    let mut within = entry(&here);
    let mut end = End::Own;
    let mut links = Vec::new();
    let mut hops = 0;
    while let Some(name) = todo.pop() {
        if name == ".." {
            here.pop();
            within = nearest(&here);
            end = End::Own;
            continue;
        }
        let next = here.join(&name);
        let mount = entry(&next).or(within);
        let (step, untrusted) = look(mounts, &next, mount);
        match step {
            Step::Link(_) if hops == lookup::MAX_LINKS => end = End::Missing(next.clone()),
            Step::Link(text) => {
                hops += 1;
                if text.is_absolute() {
                    here = PathBuf::from("/");
                    within = entry(&here);
                }
                end = End::Own;
                todo.extend(real::names(&text));
                if let Some(untrusted) = untrusted {
                    links.push(Link { at: next, text, untrusted });
                }
                continue;
            }
            Step::End(found) => end = found,
        }
        (here, within) = (next, mount);
        if matches!(end, End::Free | End::Missing(_)) {
            here.extend(todo.iter().rev());
            break;
        }
    }
    Walk { place: paths::normalise(&here), end, links }
}

enum Step {
    Link(PathBuf),
    End(End),
}

/// One name, at or in this mount: what is there, and for the host's own whether its writer is untrusted.
fn look(mounts: &[Mount], place: &Path, mount: Option<&Mount>) -> (Step, Option<bool>) {
    match mount.map(|mount| (&mount.kind, mount)) {
        Some((MountKind::Symlink(text), mount)) if mount.at == place => (Step::Link(text.clone()), None),
        Some((_, mount)) if mount.at == place => (Step::End(End::Own), None),
        Some((MountKind::Bind(bind), mount)) => {
            let host = bind.source.path().join(place.strip_prefix(&mount.at).unwrap_or(place));
            // The links of a root file system lead nowhere but into it.
            let untrusted = Some(bind.role != BindRole::Root && (bind.writable || !paths::is_system(&host)));
            match host.symlink_metadata() {
                Ok(metadata) if metadata.is_symlink() => match host.read_link() {
                    Ok(text) => (Step::Link(text), untrusted),
                    Err(_) => (Step::End(End::Missing(place.to_path_buf())), untrusted),
                },
                Ok(metadata) => (Step::End(End::Host(metadata)), untrusted),
                // What a root file system lacks is made above it.
                Err(_) if bind.role == BindRole::Root && lookup::leads_to_a_mount(mounts, place) => {
                    (Step::End(End::Own), None)
                }
                Err(_) if bind.role == BindRole::Root => (Step::End(End::Free), None),
                Err(_) => (Step::End(End::Missing(place.to_path_buf())), untrusted),
            }
        }
        Some((MountKind::Tmpfs(_), _)) | None if lookup::leads_to_a_mount(mounts, place) => (Step::End(End::Own), None),
        Some((MountKind::Tmpfs(_), _)) | None => (Step::End(End::Free), None),
        Some(_) => (Step::End(End::Missing(place.to_path_buf())), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing::{World, bind, link, tmpfs};

    fn mounts(world: &World) -> Vec<Mount> {
        vec![
            link("/bin", "usr/bin"),
            tmpfs("/home"),
            bind("/p", world.path("home/app").to_str().unwrap()),
            tmpfs("/run"),
        ]
    }

    #[test]
    fn a_walk_follows_the_host_s_links_inside_not_outside() {
        let world =
            World::new().file("home/app/real").symlink("home/app/rel", "real").symlink("home/app/out", "/etc/passwd");
        let mounts = mounts(&world);
        let rel = walk(&mounts, Path::new("/p/rel"), None);
        assert!(matches!(rel.end, End::Host(_)));
        assert_eq!(rel.place, Path::new("/p/real"));
        let out = walk(&mounts, Path::new("/p/out"), None);
        assert!(matches!(out.end, End::Free));
        assert_eq!(out.place, Path::new("/etc/passwd"));
        assert_eq!(out.links[0].at, Path::new("/p/out"));
    }

    #[test]
    fn a_missing_name_is_free_on_a_tmpfs_and_missing_on_a_bind() {
        let world = World::new();
        let mounts = mounts(&world);
        assert!(matches!(walk(&mounts, Path::new("/home/a/b"), None).end, End::Free));
        let missing = walk(&mounts, Path::new("/p/a/b"), None);
        assert!(matches!(&missing.end, End::Missing(at) if at == Path::new("/p/a")));
        assert_eq!(missing.place, Path::new("/p/a/b"));
    }

    #[test]
    fn links_that_go_in_circles_end() {
        let world = World::new().symlink("home/app/loop", "loop");
        assert!(matches!(walk(&mounts(&world), Path::new("/p/loop/x"), None).end, End::Missing(_)));
    }
}
