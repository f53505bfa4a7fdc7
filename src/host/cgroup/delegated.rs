//! A subtree that is delegated to the caller already: by a unit with Delegate=yes, or by whoever made this container.

use super::Lack;
use super::files::{get, open_child, put, words};
use super::hierarchy::Hierarchy;
use super::run::controllers;
use crate::plan::Plan;
use nix::errno::Errno;
use nix::fcntl::AtFlags;
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{AccessFlags, UnlinkatFlags, faccessat, unlinkat};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

/// Where the processes of the subtree's own cgroup wait while that has children with controllers: cgroups(7), "no internal processes".
const CALLERS: &str = "sandbox.callers";

/// The delegated cgroup, held by a shared lock as long as a run of ours is in it.
#[derive(Debug)]
pub(super) struct Subtree {
    directory: OwnedFd,
    lock: File,
}

impl Subtree {
    /// The nearest one upwards from the caller's own that has what the plan needs; its controllers are enabled then.
    pub(super) fn find(hierarchy: &Hierarchy, plan: &Plan) -> Result<Option<Self>, Lack> {
        let Some(directory) = nearest(hierarchy) else { return Ok(None) };
        let needed = controllers(plan);
        let unknown = |errno: Errno| Lack::new(format!("the delegated cgroup cannot be used: {}", errno.desc()), LOOK);
        let there = words(&directory, "cgroup.controllers").map_err(unknown)?;
        if !needed.iter().all(|controller| there.iter().any(|name| name == controller)) {
            return Ok(None);
        }
        let lock = File::from(directory.try_clone().map_err(|_| unknown(Errno::EMFILE))?);
        let lock_failed =
            |error: std::io::Error| Lack::new(format!("the delegated cgroup cannot be locked: {error}"), LOOK);
        lock.lock_shared().map_err(lock_failed)?;
        let subtree = Subtree { directory, lock };
        subtree.make_room(&needed).map_err(unknown)?;
        Ok(Some(subtree))
    }

    /// Its directory.
    pub(super) fn directory(&self) -> &OwnedFd {
        &self.directory
    }

    /// Enables the controllers, for which no process may be in the cgroup itself: those in it move one level down.
    fn make_room(&self, needed: &[&str]) -> nix::Result<()> {
        for _ in 0..100 {
            match super::run::enable(&self.directory, needed) {
                Err(Errno::EBUSY) => {}
                answer => return answer,
            }
            match mkdirat(&self.directory, CALLERS, Mode::from_bits_truncate(0o755)) {
                Ok(()) | Err(Errno::EEXIST) => {}
                Err(errno) => return Err(errno),
            }
            move_all(&self.directory, &open_child(&self.directory, CALLERS)?)?;
        }
        Err(Errno::EBUSY)
    }

    /// The last run puts everything back as it was.
    fn put_back(&self) -> nix::Result<()> {
        let callers = open_child(&self.directory, CALLERS)?;
        let enabled = words(&self.directory, "cgroup.subtree_control")?;
        let off: Vec<_> = enabled.iter().map(|controller| format!("-{controller}")).collect();
        put(&self.directory, "cgroup.subtree_control", &off.join(" "))?;
        for _ in 0..100 {
            move_all(&callers, &self.directory)?;
            match unlinkat(&self.directory, CALLERS, UnlinkatFlags::RemoveDir) {
                Err(Errno::EBUSY) => {}
                answer => return answer,
            }
        }
        Err(Errno::EBUSY)
    }
}

impl Drop for Subtree {
    fn drop(&mut self) {
        // Another run may be there, and then it is the one to do it.
        let alone = self.lock.unlock().is_ok() && self.lock.try_lock().is_ok();
        if alone {
            let _ = self.put_back();
        }
    }
}

const LOOK: &str = "Look at /proc/self/cgroup and at who may write there";

fn move_all(from: &OwnedFd, to: &OwnedFd) -> nix::Result<()> {
    for pid in get(from, "cgroup.procs")?.split_ascii_whitespace() {
        match put(to, "cgroup.procs", pid) {
            // 0 is a process of another PID namespace, and would be read as this one.
            _ if pid == "0" => return Err(Errno::EPERM),
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// Upwards: what systemd has marked as delegated; where it does not run, the topmost directory that the caller may write is what
/// he was given.
fn nearest(hierarchy: &Hierarchy) -> Option<OwnedFd> {
    let has_systemd = Path::new("/run/systemd/system").exists();
    let mut topmost = None;
    for path in hierarchy.own.ancestors() {
        // The one that a run of ours made may just go.
        let Ok(directory) = hierarchy.open_below(path) else { continue };
        if !is_writable(&directory) {
            break;
        }
        let unit = path.file_name().unwrap_or_default();
        // The user manager's own is delegated to the manager, which can be asked.
        if !unit.as_encoded_bytes().starts_with(b"user@") && (is_marked(&directory) || is_written_delegated(unit)) {
            return Some(directory);
        }
        topmost = Some(directory);
    }
    // The hierarchy's real root has no cgroup.events, and is nobody's to divide.
    topmost.filter(|directory| !has_systemd && get(directory, "cgroup.events").is_ok())
}

fn is_writable(directory: &OwnedFd) -> bool {
    [".", "cgroup.procs", "cgroup.subtree_control"]
        .into_iter()
        .all(|name| faccessat(directory, name, AccessFlags::W_OK, AtFlags::AT_EACCESS).is_ok())
}

/// The system's manager marks a unit with Delegate= by an extended attribute: systemd.resource-control(5).
fn is_marked(directory: &OwnedFd) -> bool {
    crate::sys::descriptor::extended_attribute(directory.as_fd(), c"user.delegate").is_ok_and(|value| value == b"1")
}

/// A user's manager does not; of a transient unit (systemd-run --user -p Delegate=yes) it keeps the file.
fn is_written_delegated(unit: &OsStr) -> bool {
    let units = super::scope::runtime_directory().map(|directory| directory.join("systemd/transient"));
    let text = units.and_then(|units| fs::read_to_string(units.join(unit)).ok()).unwrap_or_default();
    delegates(&text)
}

fn delegates(unit_file: &str) -> bool {
    let last = unit_file.lines().filter_map(|line| line.strip_prefix("Delegate=")).next_back();
    last.is_some_and(|value| !["", "no", "false", "off", "0"].contains(&value.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_file_delegates_if_its_last_word_on_it_is_not_no() {
        assert!(delegates("[Scope]\nDelegate=yes\n"));
        assert!(delegates("[Service]\nDelegate=no\nDelegate=cpu memory\n"));
        assert!(!delegates("[Service]\nDelegate=yes\nDelegate=no\n"));
        assert!(!delegates("[Unit]\nDescription=Delegate=yes\n"));
        assert!(!delegates(""));
    }
}
