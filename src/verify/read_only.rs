//! What is shown read-only, or covered: it stays as it is.

use super::baits::{Baits, PLACE};
use super::files::read_any;
use super::probe::{Answer, Probe, none_but, not_tried, through};
use crate::sys::probe::{Arg, call};
use nix::fcntl::{AtFlags, OFlag, open, openat, renameat};
use nix::libc;
use nix::sys::stat::{Mode, SFlag, fchmod, fchmodat, mkdirat, mknodat, utimensat};
use nix::sys::time::TimeSpec;
use nix::unistd::{UnlinkatFlags, linkat, symlinkat, truncate, unlinkat};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

/// In this order.
pub const PROBES: &[Probe] = &[
    Probe::new(
        "read-only-content",
        "A read-only tree cannot be changed: its content",
        "to open for writing, truncate, and write by a descriptor reopened in /proc/self/fd",
        read_only_content,
    ),
    Probe::new(
        "read-only-metadata",
        "A read-only tree cannot be changed: its metadata",
        "chmod, fchmod, utimensat, setxattr and FS_IOC_SETFLAGS on it",
        read_only_metadata,
    ),
    Probe::new(
        "read-only-names",
        "A read-only tree cannot be changed: its names",
        "to create, rename, exchange, link and unlink in it, and O_TMPFILE",
        read_only_names,
    ),
    Probe::new(
        "hidden-file",
        "What is hidden cannot be read, by uid 0 neither",
        "chmod(2) and open(2) of a covered file that any user may read",
        hidden,
    ),
    Probe::new(
        "binary",
        "The binary cannot be changed from inside",
        "chmod(2) to the mode it has, and open(2) for writing, of the file of sandbox",
        binary,
    ),
];

/// Names what succeeded, and what the rest came to.
pub(super) fn outcomes(attempts: Vec<(&str, nix::Result<()>)>) -> Answer {
    let refused = attempts.iter().filter_map(|(_, result)| result.err()).collect();
    let done = attempts.iter().filter(|(_, result)| result.is_ok()).map(|(name, _)| (*name).to_owned()).collect();
    none_but(done, refused)
}

fn read_only_content(baits: &Baits) -> Answer {
    let file = baits.shown.join("file");
    let opens = |path: &Path, flags| open(path, flags | OFlag::O_CLOEXEC, Mode::empty()).map(drop);
    let reopened = || {
        let read = open(&file, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?;
        let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&read));
        opens(Path::new(&path), OFlag::O_WRONLY)
    };
    outcomes(vec![
        ("O_WRONLY", opens(&file, OFlag::O_WRONLY)),
        ("O_APPEND", opens(&file, OFlag::O_RDWR | OFlag::O_APPEND)),
        ("O_TRUNC", opens(&file, OFlag::O_RDONLY | OFlag::O_TRUNC)),
        ("truncate", truncate(&file, 1)),
        ("/proc/self/fd", reopened()),
    ])
}

fn read_only_metadata(baits: &Baits) -> Answer {
    const FS_IOC_SETFLAGS: i32 = 0x4008_6602;
    let file = baits.shown.join("file");
    let held = open(&file, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty());
    let fd = || held.as_ref().map_err(|errno| *errno);
    let number = || fd().map(std::os::fd::AsRawFd::as_raw_fd);
    let now = TimeSpec::new(1, 0);
    let path = std::ffi::CString::new(file.as_os_str().as_encoded_bytes()).unwrap_or_default();
    let xattr = [Arg::Text(&path), Arg::Text(c"user.sandbox"), Arg::Bytes(b"x"), Arg::Number(1), Arg::Number(0)];
    let flags = |fd| call(libc::SYS_ioctl, &[Arg::Number(fd), Arg::Number(FS_IOC_SETFLAGS), Arg::Bytes(&[0x80])]);
    outcomes(vec![
        ("chmod", chmod(&file, 0o600)),
        ("fchmod", fd().and_then(|fd| fchmod(fd, Mode::from_bits_truncate(0o600)))),
        (
            "utimensat",
            utimensat(nix::fcntl::AT_FDCWD, &file, &now, &now, nix::sys::stat::UtimensatFlags::FollowSymlink),
        ),
        ("setxattr", call(libc::SYS_setxattr, &xattr).map(drop)),
        ("FS_IOC_SETFLAGS", number().and_then(flags).map(drop)),
    ])
}

fn chmod(path: &Path, mode: u32) -> nix::Result<()> {
    let mode = Mode::from_bits_truncate(mode);
    fchmodat(nix::fcntl::AT_FDCWD, path, mode, nix::sys::stat::FchmodatFlags::FollowSymlink)
}

fn read_only_names(baits: &Baits) -> Answer {
    let directory = match open(&baits.shown, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()) {
        Ok(directory) => directory,
        Err(errno) => return not_tried(format_args!("the shown tree cannot be opened: {errno:?}")),
    };
    let at = directory.as_fd();
    let mode = Mode::from_bits_truncate(0o700);
    let create = OFlag::O_CREAT | OFlag::O_WRONLY | OFlag::O_CLOEXEC;
    // What succeeds outside a sandbox is undone, so that the next attempt is no other.
    outcomes(vec![
        ("create", openat(at, "new", create, mode).map(drop)),
        ("mkdir", mkdirat(at, "directory", mode)),
        ("mknod", mknodat(at, "pipe", SFlag::S_IFIFO, mode, 0)),
        ("symlink", symlinkat("/", at, "other")),
        ("link", linkat(at, "file", at, "hard", AtFlags::empty())),
        ("rename", renameat(at, "file", at, "moved").and_then(|()| renameat(at, "moved", at, "file"))),
        ("unlink", unlinkat(at, "spare", UnlinkatFlags::NoRemoveDir)),
        ("O_TMPFILE", openat(at, ".", OFlag::O_TMPFILE | OFlag::O_WRONLY | OFlag::O_CLOEXEC, mode).map(drop)),
    ])
}

fn hidden(baits: &Baits) -> Answer {
    let file = baits.shown.join("hidden");
    if chmod(&file, 0o666).is_ok() {
        return through("chmod");
    }
    read_any([file])
}

/// A refused open alone tells nothing: ETXTBSY is there only as long as it runs.
fn binary(baits: &Baits) -> Answer {
    let own = if baits.is_bare { PathBuf::from("/proc/self/exe") } else { Path::new(PLACE).join("sandbox") };
    let mode = match own.metadata() {
        Ok(metadata) => std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()),
        Err(error) => return not_tried(format_args!("its file cannot be looked at: {error}")),
    };
    let write = open(&own, OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty());
    outcomes(vec![("chmod", chmod(&own, mode & 0o7777)), ("open", write.map(drop))])
}
