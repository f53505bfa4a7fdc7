//! The cgroup of a run that is entered: joined from outside, before anything of the command's.
//!
//! Moving a process takes the right to write where its old place and the new one meet, cgroups(7): where that is the host's, as
//! between a login session and the user's service manager, the manager has to do it.

use super::Lack;
use super::files::{put, words};
use super::scope;
use crate::error::Error;
use crate::sys::process::{self, Cloned};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open, readlink};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, alarm, pipe2, read, write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

/// How long the manager may take: seconds.
const PATIENCE: u32 = 5;
/// Of what it says against it, bytes.
const LONGEST: usize = 512;

/// Moves `guest` into the cgroup `directory`, where the command's processes are.
pub(super) fn join(directory: &OwnedFd, guest: Pid) -> Result<(), Error> {
    let joined = match put(directory, "cgroup.procs", &guest.to_string()) {
        Err(Errno::EACCES | Errno::EPERM) => by_manager(directory, guest),
        Err(Errno::ENODEV | Errno::ENOENT) => Err(Lack::new("it is gone, and the sandbox with it", "See sandbox ps")),
        answer => answer.map_err(|errno| Lack::new(errno.desc(), "Try again")),
    };
    joined.map_err(|lack| {
        Error::host(format!("the sandbox's cgroup, which holds its limits, cannot be joined: {}", lack.reason))
            .step("cgroup")
            .remedy(lack.remedy)
    })
}

fn by_manager(directory: &OwnedFd, guest: Pid) -> Result<(), Lack> {
    let refused = |why: &str| Lack::new(why, "Enter from the session, or the service, in which it was started");
    let path = readlink(format!("/proc/self/fd/{}", directory.as_raw_fd()).as_str());
    let path = path.map_err(|errno| refused(errno.desc()))?;
    let Some((unit, below)) = in_scope(Path::new(&path)) else {
        return Err(refused("this process is in a cgroup that it may not leave for that one"));
    };
    let bus = scope::bus_address()?;
    if let Some(why) = ask_aside(&bus, &unit, &below, guest).map_err(|errno| refused(errno.desc()))? {
        return Err(refused(&format!("systemd did not move the process: {why}")));
    }
    // The manager's word is not enough.
    let there = words(directory, "cgroup.procs").unwrap_or_default();
    if there.contains(&guest.to_string()) { Ok(()) } else { Err(refused("systemd moved the process elsewhere")) }
}

/// The scope that a run asked for, and the way from there.
fn in_scope(path: &Path) -> Option<(String, String)> {
    let is_ours = |part: &Component| {
        part.as_os_str().to_str().is_some_and(|name| name.starts_with(super::run::RUN) && name.ends_with(".scope"))
    };
    let mut rest = path.components().skip_while(|part| !is_ours(part));
    let unit = rest.next()?.as_os_str().to_str()?.to_owned();
    Some((unit, Path::new("/").join(rest.collect::<PathBuf>()).to_str()?.to_owned()))
}

/// In a process of its own: D-Bus brings threads. What keeps the manager from it, if anything does.
fn ask_aside(bus: &str, unit: &str, below: &str, guest: Pid) -> nix::Result<Option<String>> {
    let (hears, says) = pipe2(OFlag::O_CLOEXEC)?;
    match process::fork_with_pidfd()? {
        Cloned::Child => {
            let said = aside(&says, || scope::attach(bus, unit, below, guest));
            process::exit_now(i32::from(said.is_err()))
        }
        Cloned::Parent(pid, _) => {
            drop(says);
            let (mut why, mut buffer) = (Vec::new(), [0; LONGEST]);
            while let count @ 1.. = read(&hears, &mut buffer)? {
                why.extend_from_slice(buffer.get(..count).unwrap_or_default());
            }
            let (status, _) = process::wait_with_usage(pid)?;
            Ok(match (why.is_empty(), status) {
                (true, 0) => None,
                (true, _) => Some(format!("no answer within {PATIENCE} s")),
                (false, _) => Some(String::from_utf8_lossy(&why).into_owned()),
            })
        }
    }
}

fn aside(says: &OwnedFd, attach: impl FnOnce() -> Result<(), String>) -> nix::Result<()> {
    let null = open("/dev/null", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())?;
    (0..=2).try_for_each(|stream| process::place(&null, stream))?;
    process::close_all_but(vec![0, 1, 2, says.as_raw_fd()])?;
    process::reset_signals()?;
    SigSet::from(Signal::SIGALRM).thread_unblock()?;
    alarm::set(PATIENCE);
    match attach() {
        Ok(()) => Ok(()),
        Err(why) => write(says, why.as_bytes().get(..LONGEST).unwrap_or(why.as_bytes())).map(drop),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scope_of_a_run_and_the_way_below_it_are_in_the_path() {
        let manager = "/sys/fs/cgroup/user.slice/user-7.slice/user@7.service/app.slice";
        let below = |rest: &str| in_scope(Path::new(&format!("{manager}/{rest}")));
        let found = below("sandbox-12-ab.scope/sandbox-13-cd/payload");
        assert_eq!(found, Some(("sandbox-12-ab.scope".into(), "/sandbox-13-cd/payload".into())));
        assert_eq!(below("session-3.scope/sandbox-13-cd/payload"), None);
        assert_eq!(below("own.service/sandbox-13-cd/payload"), None);
    }
}
