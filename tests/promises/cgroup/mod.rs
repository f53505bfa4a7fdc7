//! Limits that only a cgroup can hold, each by trying to break it, and by what the host sees of it.
//!
//! They need cgroup v2 and a systemd that gives a scope, which a machine may not have: so they are ignored, and run in the test
//! bed (`tests/vm/run`) or by `--ignored cgroup::` on a machine that has both.

mod bus;
mod cpu;
mod delegated;
mod ends;
mod enter;
mod escape;
mod leftovers;
mod live;
mod manager;
mod memory;
mod pids;
mod swap;
mod time;

use super::harness::{Project, patience, root};
use nix::unistd::geteuid;
use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The machine: shared by most of the tests, one's alone where it looks at all runs or stops what the others need.
static MACHINE: RwLock<()> = RwLock::new(());

/// To be held by a test that others may run beside.
fn beside_others() -> RwLockReadGuard<'static, ()> {
    MACHINE.read().unwrap_or_else(PoisonError::into_inner)
}

/// To be held by a test that no other may run beside.
fn alone() -> RwLockWriteGuard<'static, ()> {
    MACHINE.write().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until it is so; not for ever.
#[track_caller]
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < patience() / 5, "it never came to this: {what}");
        sleep(Duration::from_millis(20));
    }
}

/// Where the caller's service manager is reached, for a user.
fn runtime_directory() -> String {
    format!("/run/user/{}", geteuid())
}

/// systemctl(1) or systemd-run(1), for the caller's own manager.
fn systemd(project: &Project, program: &str, args: &[&str]) -> Command {
    let user: &[&str] = if root() { &[] } else { &["--user"] };
    let mut command = project.outside(program, &[user, args].concat());
    if !root() {
        command.env("XDG_RUNTIME_DIR", runtime_directory());
        command.env("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}/bus", runtime_directory()));
    }
    command
}

/// A process's cgroup as the host has it.
#[track_caller]
fn cgroup_of(pid: i32) -> PathBuf {
    let text = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_else(|e| panic!("{pid}: {e}"));
    let path =
        text.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_else(|| panic!("no cgroup v2: {text}"));
    PathBuf::from("/sys/fs/cgroup").join(path)
}

/// Asserts what most reports must say: the status, and that the cgroup was one of the service manager's.
#[track_caller]
fn is_in_a_scope(report: &Value, status: &str) {
    assert_eq!(report["status"], status, "{report}");
    assert_eq!(report["layers"]["cgroup"], "systemd-scope", "{report}");
}
