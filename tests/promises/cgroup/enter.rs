//! One who enters a sandbox that has a cgroup is in it before anything of his command is.

use super::super::harness::{Project, finish, root};
use super::live::{Live, WAIT};
use super::{beside_others, runtime_directory};
use serde_json::Value;
use std::process::Command;

/// `sandbox ARGS`, where the caller's manager and names are.
fn sandbox(project: &Project, args: &[&str]) -> Command {
    let mut command = project.sandbox(args);
    if !root() {
        command.env("XDG_RUNTIME_DIR", runtime_directory());
    }
    command
}

// Layer: the stand-in joins before the fork; between a login session and the user's manager only systemd can move it.
#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn one_who_enters_is_under_the_limits_of_the_run() {
    let _machine = beside_others();
    let project = Project::new();
    let name = format!("limited-{}", std::process::id());
    let args = [
        "-p", "build", "--memory", "64MiB", "--pids", "16", "--name", &name, "--report", "r.json", "--", "sh", "-c",
        WAIT,
    ];
    let mut live = Live::start(sandbox(&project, &args));
    assert_eq!(live.line(), "ready");

    let look = finish(sandbox(&project, &["stats", "--json", &name])).ok();
    let look: Value = serde_json::from_str(&look).unwrap();
    assert_eq!((&look["memory_source"], &look["cpu_source"]), (&"cgroup".into(), &"cgroup".into()), "{look}");

    let enter = |script: &str| finish(sandbox(&project, &["enter", &name, "--", "sh", "-c", script]));
    assert_eq!(enter("grep ^0:: /proc/self/cgroup").ok(), "0::/");
    let crowd = enter("for i in $(seq 32); do sleep 100 & done; wait");
    assert_ne!(crowd.code(), 0, "{crowd:?}");
    // The OOM killer takes the run as a whole, and whoever is in it.
    let greedy = enter("exec python3 -c 'x = b\"x\" * (256 << 20)'");
    assert_eq!(greedy.code(), 137, "{greedy:?}");
    live.wait();
    assert_eq!(project.report()["status"], "out-of-memory");
}
