//! Where cgroup v2 is mounted, and where in it this process is.

use super::Lack;
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open};
use nix::sys::stat::Mode;
use nix::unistd::{UnlinkatFlags, unlinkat};
use std::ffi::OsString;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
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
        let cgroups = String::from_utf8_lossy(&cgroups);
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

/// A file of /proc/self. Bytes: one mount with a name that is not UTF-8, of whatever file system, is no reason to read none.
fn own_file(name: &str) -> Result<Vec<u8>, Lack> {
    #[cfg(feature = "faults")]
    if let Some(text) = crate::faults::answer(name) {
        return Ok(text.into());
    }
    fs::read(format!("/proc/self/{name}"))
        .map_err(|error| Lack::new(format!("/proc/self/{name} cannot be read: {error}"), MOUNT_PROC))
}

/// The root field and the mount point of each cgroup2 line, the last mounted first: proc_pid_mountinfo(5).
pub(super) fn mounted(mountinfo: &[u8]) -> impl Iterator<Item = (PathBuf, PathBuf)> {
    mountinfo.rsplit(|byte| *byte == b'\n').filter_map(|line| {
        let mut fields = line.split(|byte| *byte == b' ');
        let (shows, at) = (fields.nth(3)?, fields.next()?);
        // A hyphen ends the optional fields.
        let kind = fields.skip_while(|field| field != b"-").nth(1)?;
        (kind == b"cgroup2").then(|| (unescape(shows), unescape(at)))
    })
}

/// Space, tab, newline and backslash are written as three octal digits there.
fn unescape(field: &[u8]) -> PathBuf {
    let octal = |digits: &[u8]| {
        let digit = |byte: &u8| char::from(*byte).to_digit(8).and_then(|digit| u8::try_from(digit).ok());
        digits.iter().try_fold(0u8, |sum, byte| sum.checked_mul(8)?.checked_add(digit(byte)?))
    };
    let mut parts = field.split(|byte| *byte == b'\\');
    let mut path = parts.next().unwrap_or_default().to_vec();
    for part in parts {
        match part.split_at_checked(3).and_then(|(digits, rest)| Some((octal(digits)?, rest))) {
            Some((byte, rest)) => {
                path.push(byte);
                path.extend(rest);
            }
            None => {
                path.push(b'\\');
                path.extend(part);
            }
        }
    }
    OsString::from_vec(path).into()
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
        let mounted = |text: &str| mounted(text.as_bytes()).collect::<Vec<_>>();
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
    fn a_mount_with_a_name_that_is_not_utf_8_hides_no_other() {
        let stick = b"40 25 8:1 / /media/gr\xf6\xdfe rw shared:3 - vfat /dev/sdb1 rw\n";
        let text = [UNIFIED.as_bytes(), stick].concat();
        assert_eq!(mounted(&text).collect::<Vec<_>>(), [("/".into(), "/sys/fs/cgroup".into())]);
    }

    #[test]
    fn only_three_octal_digits_are_an_escape() {
        let path = |field: &[u8]| unescape(field).into_os_string().into_vec();
        assert_eq!(path(br"a\040b\134\012"), b"a b\\\n");
        assert_eq!(path(br"\04\+12\999\777\"), br"\04\+12\999\777\");
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
