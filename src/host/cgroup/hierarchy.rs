//! Where cgroup v2 is mounted, and where in it this process is.

use super::Lack;
use crate::plan::mountinfo;
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open};
use nix::sys::stat::Mode;
use nix::unistd::{UnlinkatFlags, unlinkat};
use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// The mount of cgroup2, and the caller's place below it.
#[derive(Debug)]
pub(super) struct Hierarchy {
    /// Its root directory.
    root: OwnedFd,
    /// What of the hierarchy is mounted there; paths of /proc/PID/cgroup begin with it.
    shows: PathBuf,
    /// This process's cgroup, below `root`.
    pub(super) own: PathBuf,
}

impl Hierarchy {
    /// Reads /proc/self/mountinfo and /proc/self/cgroup.
    pub(super) fn find() -> Result<Self, Lack> {
        let (mounts, cgroups) = (own_file("mountinfo")?, own_file("cgroup")?);
        let mut found = mounted(&mounts).peekable();
        if found.peek().is_none() {
            return Err(Lack::new(
                "no cgroup v2 file system is mounted here",
                "Mount it: mount -t cgroup2 none /sys/fs/cgroup",
            ));
        }
        let (shows, at, own) = found
            .find_map(|(shows, at)| place(&cgroups, &shows).map(|own| (shows, at, own)))
            .ok_or_else(|| Lack::new("no mount of cgroup v2 shows this process's own cgroup", MOUNT_OWN))?;
        let root = open(&at, OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
            .map_err(|errno| Lack::new(format!("{} cannot be opened: {}", at.display(), errno.desc()), MOUNT_PROC))?;
        Ok(Hierarchy { root, shows, own })
    }

    /// The directory of a cgroup given as /proc/PID/cgroup gives it: `0::/user.slice/…`.
    pub(super) fn open(&self, cgroups: &str) -> nix::Result<OwnedFd> {
        self.open_below(&place(cgroups, &self.shows).ok_or(Errno::ENOENT)?)
    }

    /// Removes the directory of a scope of ours, if that is what is given as /proc/PID/cgroup gives it, and if it is empty.
    pub(super) fn remove_scope(&self, cgroups: &str) {
        let Some(path) = place(cgroups, &self.shows) else { return };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if let (true, Some(parent)) = (name.starts_with("sandbox-") && name.ends_with(".scope"), path.parent()) {
            let removed =
                self.open_below(parent).and_then(|parent| unlinkat(&parent, &*name, UnlinkatFlags::RemoveDir));
            tracing::debug!("the scope of a run that was not to be: {removed:?}");
        }
    }

    /// A directory below the mount; empty for the mount itself.
    pub(super) fn open_below(&self, below: &Path) -> nix::Result<OwnedFd> {
        let below = if below.as_os_str().is_empty() { Path::new(".") } else { below };
        let how = OpenHow::new()
            .flags(OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC)
            .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS);
        crate::sys::descriptor::open_resolved(&self.root, below, how)
    }
}

const MOUNT_PROC: &str = "Look at how /proc and /sys/fs/cgroup are mounted";
const MOUNT_OWN: &str = "In a container, give it a cgroup namespace of its own (docker run --cgroupns=private)";

/// A file of /proc/self.
fn own_file(name: &str) -> Result<String, Lack> {
    #[cfg(feature = "faults")]
    if let Some(text) = crate::faults::answer(name) {
        return Ok(text.into());
    }
    // A mount point or a cgroup may have any name.
    fs::read(format!("/proc/self/{name}"))
        .map(|text| String::from_utf8_lossy(&text).into_owned())
        .map_err(|error| Lack::new(format!("/proc/self/{name} cannot be read: {error}"), MOUNT_PROC))
}

/// What each cgroup2 mount shows and where it is, the last mounted first.
fn mounted(mountinfo: &str) -> impl Iterator<Item = (PathBuf, PathBuf)> {
    let mounts = mountinfo::parse(mountinfo.as_bytes()).rev();
    mounts.filter(|mount| mount.kind == "cgroup2").map(|mount| (mount.shows, mount.at))
}

/// The `0::` line's path, below what is mounted.
pub(super) fn place(cgroups: &str, shows: &Path) -> Option<PathBuf> {
    let path = cgroups.lines().find_map(|line| line.strip_prefix("0::"))?;
    // A cgroup outside this namespace begins with /.., one that was removed ends with " (deleted)".
    let below = Path::new(path).strip_prefix(shows).ok()?;
    below.components().all(|part| matches!(part, std::path::Component::Normal(_))).then(|| below.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIFIED: &str = "\
24 1 0:22 / /proc rw,nosuid - proc proc rw
29 25 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot
";
    const HYBRID: &str = "\
31 30 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
32 30 0:28 / /sys/fs/cgroup/uni\\040fied rw master:1 - cgroup2 cgroup2 rw
";
    const DEEPER: &str = "7 6 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n";

    #[test]
    fn the_mounts_are_found_with_what_they_show_and_the_upper_one_first() {
        let mounted = |text: &str| mounted(text).collect::<Vec<_>>();
        let at = |shows: &str, at: &str| (PathBuf::from(shows), PathBuf::from(at));
        assert_eq!(mounted(UNIFIED), [at("/", "/sys/fs/cgroup")]);
        assert_eq!(mounted(HYBRID), [at("/", "/sys/fs/cgroup/uni fied")]);
        assert_eq!(
            mounted(&format!("{UNIFIED}{DEEPER}")),
            [at("/docker/abc", "/sys/fs/cgroup"), at("/", "/sys/fs/cgroup")]
        );
        assert_eq!(mounted("24 1 0:22 / /proc rw - proc proc rw\n"), []);
        assert_eq!(mounted("cgroup2\n - cgroup2\n"), []);
    }

    #[test]
    fn the_own_place_is_below_what_is_shown() {
        let v1 = "12:memory:/x\n0::/user.slice/a b\n";
        assert_eq!(place(v1, Path::new("/")), Some("user.slice/a b".into()));
        assert_eq!(place("0::/docker/abc/in\n", Path::new("/docker/abc")), Some("in".into()));
        assert_eq!(place("0::/\n", Path::new("/")), Some("".into()));
        assert_eq!(place("0::/other\n", Path::new("/docker/abc")), None);
        assert_eq!(place("0::/../other\n", Path::new("/")), None);
        assert_eq!(place("12:memory:/x\n", Path::new("/")), None);
    }
}
