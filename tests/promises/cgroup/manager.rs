//! The way to the service manager: each way in which there is none, or in which it does not answer, is an error within five
//! seconds and before the command, with what to do; or, where a cgroup is only preferred, a run that says what it goes without.

use super::super::harness::{Output, Project, a_while, finish, root};
use super::bus::{self, Fault};
use super::leftovers::nothing_is_left;
use super::{alone, beside_others, is_in_a_scope, runtime_directory, systemd, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};
use std::collections::HashSet;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The bound on the manager's answer, and with it what the rest of a run may take.
fn in_time() -> Duration {
    Duration::from_secs(5) + 2 * a_while()
}

/// How a test's `sandbox ARGS` is started.
type Sandbox = dyn Fn(&Project, &[&str]) -> Command;

/// `sandbox … touch MODE` with a memory limit.
fn attempt(project: &Project, sandbox: &Sandbox, mode: &str) -> Command {
    sandbox(project, &["-p", "build", "--memory", "64MiB", "--cgroup", mode, "--report", "r.json", "--", "touch", mode])
}

/// The run is refused in time, in words that hold PARTS, and the command has not run.
#[track_caller]
fn refused(project: &Project, output: &Output, parts: &[&str]) {
    output.refused(&[parts, &["limits.memory needs a cgroup", "--cgroup prefer"]].concat());
    assert!(!project.path().join("require").exists(), "the command ran");
    let report = project.report();
    assert_eq!((&report["status"], &report["error"]["step"]), (&"setup-failed".into(), &"cgroup".into()), "{report}");
    assert_eq!(report["error"]["kind"], "host", "{report}");
}

/// The same with `require`; with `prefer` the command runs, and what it lacks is one line and in the report.
#[track_caller]
fn missed(project: &Project, sandbox: &Sandbox, parts: &[&str]) {
    let start = Instant::now();
    let output = finish(attempt(project, sandbox, "require"));
    assert!(start.elapsed() < in_time(), "it took {:?}", start.elapsed());
    refused(project, &output, parts);

    let output = finish(attempt(project, sandbox, "prefer"));
    output.exits(0).says(&["limits.memory"]);
    assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);
    assert!(project.path().join("prefer").exists());
    let report = project.report();
    assert_eq!((&report["status"], &report["limits"]["memory_bytes"]), (&"exited".into(), &().into()), "{report}");
    assert_eq!(report["layers"]["cgroup"], serde_json::Value::Null, "{report}");
    assert_eq!(report["degraded"].as_array().unwrap().len(), 1, "{report}");
    nothing_is_left(project);
}

#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn no_bus() {
    let _machine = alone();
    let project = Project::new();
    let socket = bus::socket(&project);
    let parts: &[&str] = match root() {
        true => &["/run/dbus/system_bus_socket"],
        false => &["no D-Bus socket", socket.to_str().unwrap(), "dbus-user-session"],
    };
    missed(&project, &bus::sandbox, parts);
}

#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn no_runtime_directory() {
    let _machine = alone();
    if !root() {
        let project = Project::new();
        let hidden = |project: &Project, args: &[&str]| project.prepared("mount -t tmpfs none /run/user", args);
        missed(&project, &hidden, &["no service manager runs for this user", &runtime_directory(), "enable-linger"]);
    }
}

// After su or sudo.
#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn another_users_runtime_directory_is_not_used() {
    let _machine = beside_others();
    let project = Project::new();
    let foreign = tempfile::tempdir().unwrap();
    symlink("/usr", foreign.path().join("run")).unwrap();
    let mut command = attempt(&project, &Project::sandbox, "require");
    command.env("XDG_RUNTIME_DIR", foreign.path().join("run")).env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere");
    finish(command).ok();
    is_in_a_scope(&project.report(), "exited");
}

// A bus behind which there is no systemd.
#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn no_manager_on_the_bus() {
    let _machine = alone();
    let project = Project::new();
    let socket = bus::socket(&project);
    let address = format!("--address=unix:path={}", socket.display());
    let mut bus = project.outside("dbus-daemon", &["--session", "--nofork", "--nopidfile", &address]);
    let mut bus = bus.stderr(Stdio::null()).spawn().unwrap();
    until("the bus listens", || socket.exists());
    missed(&project, &bus::sandbox, &["systemd"]);
    bus.kill().unwrap();
    bus.wait().unwrap();
}

#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn a_bus_that_says_nothing() {
    let _machine = alone();
    let project = Project::new();
    let _silent = bus::silent(&project);
    missed(&project, &bus::sandbox, &["systemd did not answer within 5 s"]);
}

#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn a_bus_that_hangs_up() {
    let _machine = alone();
    let project = Project::new();
    bus::hanging_up(&project);
    missed(&project, &bus::sandbox, &["systemd cannot be reached"]);
}

#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn a_bus_that_dies_in_the_middle_of_the_call() {
    let _machine = alone();
    let project = Project::new();
    bus::faulty(&project, Fault::Dies);
    missed(&project, &bus::sandbox, &["systemd cannot be reached"]);
}

// The scope is there, and the one who asked for it does not know.
#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn a_bus_that_dies_before_the_answer() {
    let _machine = alone();
    let project = Project::new();
    bus::faulty(&project, Fault::LosesAnswer);
    missed(&project, &bus::sandbox, &["systemd cannot be reached"]);
}

/// A process of the host that is stopped, and goes on at the end of the test.
struct Stopped(Pid);

impl Stopped {
    fn new(pid: Pid) -> Self {
        kill(pid, Signal::SIGSTOP).unwrap();
        until("it is stopped", || {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
            stat.rsplit_once(')').unwrap().1.trim().starts_with('T')
        });
        Stopped(pid)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        kill(self.0, Signal::SIGCONT).ok();
    }
}

/// The bus of the caller's manager.
fn bus_of_manager(project: &Project) -> Pid {
    let shown = finish(systemd(project, "systemctl", &["show", "-p", "MainPID", "--value", "dbus.service"])).ok();
    Pid::from_raw(shown.parse().unwrap())
}

/// The caller's own manager, if it is not PID 1, which cannot be stopped.
fn manager() -> Option<Pid> {
    let uid = geteuid();
    let init = format!("/sys/fs/cgroup/user.slice/user-{uid}.slice/user@{uid}.service/init.scope/cgroup.procs");
    let pids = if root() { None } else { std::fs::read_to_string(init).ok() }?;
    pids.lines().find_map(|pid| {
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        (name.trim() == "systemd").then(|| Pid::from_raw(pid.parse().unwrap()))
    })
}

/// A run gets its scope again.
#[track_caller]
fn is_well_again(project: &Project) {
    until("the manager answers again", || finish(attempt(project, &Project::sandbox, "prefer")).stderr.is_empty());
    nothing_is_left(project);
}

#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn a_stopped_manager_or_bus_is_waited_for_no_longer_than_five_seconds() {
    let _machine = alone();
    let project = Project::new();
    for pid in [Some(bus_of_manager(&project)), manager()].into_iter().flatten() {
        let stopped = Stopped::new(pid);
        let start = Instant::now();
        let output = finish(attempt(&project, &Project::sandbox, "require"));
        assert!(start.elapsed() >= Duration::from_secs(5), "it was not waited for: {output:?}");
        assert!(start.elapsed() < in_time(), "it took {:?}", start.elapsed());
        refused(&project, &output, &["systemd did not answer within 5 s"]);
        drop(stopped);
        is_well_again(&project);
    }
}

// The manager is stopped, so the call is on its way when its bus is killed.
#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn the_real_bus_killed_in_the_middle_of_the_call() {
    let _machine = alone();
    let Some(manager) = manager() else { return }; // PID 1 cannot be stopped
    let project = Project::new();
    let bus = bus_of_manager(&project);
    let sockets = || -> HashSet<_> {
        let open = std::fs::read_dir(format!("/proc/{bus}/fd")).unwrap().flatten();
        open.filter_map(|fd| std::fs::read_link(fd.path()).ok()).collect()
    };
    let before = sockets();
    let manager = Stopped::new(manager);
    let start = Instant::now();
    let output = thread::scope(|scope| {
        scope.spawn(|| {
            until("the bus has one more client", || !sockets().is_subset(&before));
            kill(bus, Signal::SIGKILL).unwrap();
        });
        finish(attempt(&project, &Project::sandbox, "require"))
    });
    assert!(start.elapsed() < in_time(), "it took {:?}", start.elapsed());
    refused(&project, &output, &["systemd cannot be reached"]);
    drop(manager);
    is_well_again(&project);
}
