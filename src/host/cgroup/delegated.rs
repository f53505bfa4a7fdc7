//! A subtree that is delegated to the caller already: by a unit with Delegate=yes, or by whoever made this container.

use super::Lack;
use super::files::{get, open_child, put, words};
use super::hierarchy::Hierarchy;
use super::run::{LOOK, RUN, controllers, enable, has_all, remove};
use crate::host::registry::directory;
use crate::plan::Plan;
use nix::dir::{Dir, Type};
use nix::errno::Errno;
use nix::fcntl::AtFlags;
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{AccessFlags, UnlinkatFlags, faccessat, unlinkat};
use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

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
        has_all(&directory, &needed, unknown)?;
        let lock = File::from(directory.try_clone().map_err(|_| unknown(Errno::EMFILE))?);
        share(&lock)?;
        let subtree = Subtree { directory, lock };
        subtree.make_room(&needed).map_err(unknown)?;
        Ok(Some(subtree))
    }

    /// Its directory.
    pub(super) fn directory(&self) -> &OwnedFd {
        &self.directory
    }

    /// Enables the controllers, for which no process may be in the cgroup itself: those in it move one level down. (With processes in
    /// it, cpu and pids alone would be enabled as well, but make it a threaded one, whose children are of no use.)
    fn make_room(&self, needed: &[&str]) -> nix::Result<()> {
        for _ in 0..200 {
            if has_processes(&self.directory)? {
                match mkdirat(&self.directory, CALLERS, Mode::from_bits_truncate(0o755)) {
                    Ok(()) | Err(Errno::EEXIST) => {}
                    Err(errno) => return Err(errno),
                }
                move_all(&self.directory, &open_child(&self.directory, CALLERS)?)?;
                continue;
            }
            match enable(&self.directory, needed) {
                // A process was born here meanwhile, or one that ends counts for a moment longer.
                Err(Errno::EBUSY) => std::thread::sleep(Duration::from_millis(2)),
                answer => return answer,
            }
        }
        Err(Errno::EBUSY)
    }

    /// The last run puts everything back as it was, and takes away what killed ones have left.
    fn put_back(&self) -> nix::Result<()> {
        let mut others = false;
        for name in children(&self.directory)? {
            if name.starts_with(RUN) {
                remove(&self.directory, &name);
            } else {
                others |= name != CALLERS;
            }
        }
        let callers = open_child(&self.directory, CALLERS)?;
        if others {
            // Somebody else has made cgroups here, with limits that would go with the controllers.
            return Ok(());
        }
        let enabled = words(&self.directory, "cgroup.subtree_control")?;
        let off: Vec<_> = enabled.iter().map(|controller| format!("-{controller}")).collect();
        put(&self.directory, "cgroup.subtree_control", &off.join(" "))?;
        for _ in 0..100 {
            move_all(&callers, &self.directory)?;
            match unlinkat(&self.directory, CALLERS, UnlinkatFlags::RemoveDir) {
                Err(Errno::EBUSY) => std::thread::sleep(Duration::from_millis(2)),
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

/// The shared lock. The exclusive one is held for moments only; but whoever may read the directory can hold it for ever.
fn share(lock: &File) -> Result<(), Lack> {
    let until = Instant::now() + super::PATIENCE;
    while let Err(error) = lock.try_lock_shared() {
        if matches!(error, TryLockError::Error(_)) || until <= Instant::now() {
            return Err(Lack::new(
                format!("the delegated cgroup cannot be locked: {error}"),
                "Look who holds it: lslocks",
            ));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

fn has_processes(directory: &OwnedFd) -> nix::Result<bool> {
    Ok(!get(directory, "cgroup.procs")?.trim().is_empty())
}

fn move_all(from: &OwnedFd, to: &OwnedFd) -> nix::Result<()> {
    for pid in get(from, "cgroup.procs")?.split_ascii_whitespace() {
        if pid == "0" {
            // A process of another PID namespace; written, it would mean this one.
            return Err(Errno::EPERM);
        }
        match put(to, "cgroup.procs", pid) {
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// The names of the cgroups in it.
fn children(directory: &OwnedFd) -> nix::Result<Vec<String>> {
    let mut entries = Dir::from_fd(open_child(directory, ".")?)?;
    let directories = entries.iter().flatten().filter(|entry| entry.file_type() == Some(Type::Directory));
    let names = directories.map(|entry| entry.file_name().to_string_lossy().into_owned());
    Ok(names.filter(|name| name != "." && name != "..").collect())
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
        if has_systemd && unit.is_empty() {
            // In a container with a systemd of its own this is that one's.
            break;
        }
        // The user manager's own is delegated to the manager, which can be asked.
        if !unit.as_encoded_bytes().starts_with(b"user@") && (is_marked(&directory) || is_written_delegated(unit)) {
            return Some(directory);
        }
        // The hierarchy's real root has no cgroup.events, and is nobody's to divide.
        if get(&directory, "cgroup.events").is_ok() {
            topmost = Some(directory);
        }
    }
    topmost.filter(|_| !has_systemd)
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
    let units = directory::runtime().map(|directory| directory.join("systemd/transient"));
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
