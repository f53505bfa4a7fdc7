//! newuidmap(1) and newgidmap(1): the helpers, set-uid root, that map what subuid(5) and subgid(5) give an ordinary user.

use super::ready::ready;
use crate::error::Error;
use crate::plan::Extent;
use crate::sys::privileges::has_file_capabilities;
use crate::sys::process::{self, Cloned};
use crate::visible;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::libc;
use nix::poll::{PollFlags, PollTimeout};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::stat::Mode;
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::{Pid, alarm, execve, pipe2, read};
use std::ffi::CString;
use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Not the caller's PATH: what is there may be anybody's.
const PLACES: [&str; 4] = ["/usr/bin", "/bin", "/usr/local/bin", "/run/wrappers/bin"];
/// For each of the two, milliseconds; it takes one or two.
const PATIENCE: u16 = 10_000;
/// Between SIGKILL and the end.
const LAST_PATIENCE: u16 = 1_000;
/// Its own end, where there is no supervisor any more: seconds.
const LONGEST_LIFE: u32 = 15;
/// Of what it says: bytes.
const LONGEST: usize = 1024;

/// The two programs, looked at.
#[derive(Debug)]
pub(super) struct Helpers {
    users: PathBuf,
    groups: PathBuf,
}

impl Helpers {
    /// Finds them, and sees whether they could do it.
    ///
    /// # Errors
    /// One is missing, or has no more rights than the caller.
    pub(super) fn find() -> Result<Self, Error> {
        if prctl::get_no_new_privs().unwrap_or(false) {
            return Err(failed("newuidmap can gain no rights here: this process was started with no_new_privs")
                .remedy("Start it without (in a systemd unit: NoNewPrivileges=no), or say map: single"));
        }
        Ok(Helpers { users: find("newuidmap")?, groups: find("newgidmap")? })
    }

    /// Writes the maps of a process that is in a user namespace of its own; `supervisor` is a pidfd of this process.
    pub(super) fn map(&self, pid: Pid, uids: &[Extent], gids: &[Extent], supervisor: &OwnedFd) -> Result<(), Error> {
        Helper::start(&self.users, pid, uids, supervisor)?.finish()?;
        Helper::start(&self.groups, pid, gids, supervisor)?.finish()
    }
}

fn failed(message: impl Into<String>) -> Error {
    Error::host(message).step("id-maps")
}

fn find(name: &str) -> Result<PathBuf, Error> {
    let places = PLACES.iter().map(|place| Path::new(place).join(name));
    let Some((path, file)) = places
        .filter_map(|path| Some((fs::metadata(&path).ok()?, path)))
        .find_map(|(file, path)| file.is_file().then_some((path, file)))
    else {
        return Err(failed(format!("{name}, which maps a range of ids, is in none of {}", PLACES.join(", "))).remedy(
            "Install it: the package uidmap of Debian and Ubuntu, shadow-utils of others; or say map: single",
        ));
    };
    let refused = |why: &str, remedy: &str| {
        failed(format!("{} cannot map a range of ids: {why}", path.display())).path(&path).remedy(remedy)
    };
    if file.uid() != 0 {
        return Err(refused("it is not root's", "Install it anew, as root of this system; or say map: single"));
    }
    if file.permissions().mode() & libc::S_ISUID == 0 && !has_file_capabilities(&path) {
        return Err(refused(
            "it is neither set-uid nor has it capabilities",
            &format!("sudo chmod u+s {}; or say map: single", path.display()),
        ));
    }
    if statvfs(&path).is_ok_and(|mount| mount.flags().contains(FsFlags::ST_NOSUID)) {
        return Err(refused("its file system is mounted nosuid", "Mount it without, or say map: single"));
    }
    Ok(path)
}

/// One of them at work.
struct Helper<'path> {
    path: &'path Path,
    pid: Pid,
    pidfd: OwnedFd,
    stderr: OwnedFd,
}

impl<'path> Helper<'path> {
    fn start(path: &'path Path, pid: Pid, map: &[Extent], supervisor: &OwnedFd) -> Result<Self, Error> {
        let numbers = map.iter().flat_map(|extent| [extent.inside, extent.outside, extent.count]);
        let words =
            [path.display().to_string(), pid.to_string()].into_iter().chain(numbers.map(|number| number.to_string()));
        // Neither a path of ours nor a number holds a NUL byte.
        let argv: Vec<CString> = words.filter_map(|word| CString::new(word).ok()).collect();
        let start = || {
            let (stderr, says) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
            match process::fork_with_pidfd()? {
                Cloned::Child => {
                    let _ = turn_into(&argv, &says, supervisor);
                    process::exit_now(127)
                }
                Cloned::Parent(pid, pidfd) => Ok(Helper { path, pid, pidfd, stderr }),
            }
        };
        start().map_err(|errno: Errno| {
            failed(format!("{} cannot be started: {}", path.display(), errno.desc())).errno(errno)
        })
    }

    fn finish(self) -> Result<(), Error> {
        if self.has_ended_in(PATIENCE) {
            let status = process::wait_with_usage(self.pid).map_or(-1, |(status, _)| status);
            return if status == 0 { Ok(()) } else { Err(self.complaint(status)) };
        }
        // Its real user id is the caller's, who may therefore signal it: kill(2).
        let _ = process::pidfd_send_signal(&self.pidfd, Signal::SIGKILL);
        if self.has_ended_in(LAST_PATIENCE) {
            let _ = process::wait_with_usage(self.pid);
        }
        Err(failed(format!("{} did not end within 10 s and was killed", self.path.display()))
            .remedy("Look into the system's log: it may wait for a directory service"))
    }

    fn has_ended_in(&self, patience: u16) -> bool {
        ready(&[(self.pidfd.as_fd(), PollFlags::POLLIN, ())], PollTimeout::from(patience))
            .is_ok_and(|events| !events.is_empty())
    }

    /// In its own words, if it has any: bounded, on one line.
    fn complaint(&self, status: i32) -> Error {
        let mut buffer = [0; LONGEST];
        let count = read(&self.stderr, &mut buffer).unwrap_or(0);
        let said = String::from_utf8_lossy(buffer.get(..count).unwrap_or_default()).trim().to_owned();
        let said = match said.as_str() {
            "" if libc::WIFEXITED(status) => format!("it exited with {}", libc::WEXITSTATUS(status)),
            "" => format!("it was ended by signal {}", libc::WTERMSIG(status)),
            said => visible::line(said),
        };
        let groups = if self.path.ends_with("newgidmap") { "/etc/subgid" } else { "/etc/subuid" };
        failed(format!("{} could not map the ids: {said}", self.path.display())).remedy(format!(
            "Look at the caller's lines of {groups}, and whether this runs in a container that has these ids; or say map: single"
        ))
    }
}

/// The child's way to execve(2): nothing of the caller's goes along, neither descriptors nor environment.
///
/// A set-uid program is not tied to its parent any more (PR_SET_PDEATHSIG(2const)); the alarm stays (alarm(2)), and nothing of ours is open in it.
fn turn_into(argv: &[CString], says: &OwnedFd, supervisor: &OwnedFd) -> nix::Result<()> {
    process::tie_to(supervisor)?;
    let null = open("/dev/null", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())?;
    process::place(&null, 0)?;
    process::place(&null, 1)?;
    process::place(says, 2)?;
    process::close_all_but(vec![0, 1, 2])?;
    process::reset_signals()?;
    // A Ctrl-C is not for it.
    let mut blocked = SigSet::all();
    blocked.remove(Signal::SIGALRM);
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&blocked), None)?;
    alarm::set(LONGEST_LIFE);
    let program = argv.first().ok_or(Errno::EINVAL)?;
    execve::<_, CString>(program, argv, &[]).map(drop)
}
