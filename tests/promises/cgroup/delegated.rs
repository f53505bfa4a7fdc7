//! A cgroup that is delegated to the caller already is used, and is afterwards as it was.

use super::super::harness::{Project, attack, binary, finish};
use super::live::{Live, WAIT};
use super::{beside_others, cgroup_of, systemd, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::path::Path;
use std::process::Command;

/// `sh -c SCRIPT` in a scope with these properties; `$S` is the binary.
fn in_scope(project: &Project, properties: &[&str], script: &str) -> Command {
    let properties: Vec<_> = properties.iter().flat_map(|property| ["-p", property]).collect();
    let args = [&["--scope", "--quiet"], &properties[..], &["--", "sh", "-c", script]].concat();
    let mut command = systemd(project, "systemd-run", &args);
    command.env("S", binary());
    command
}

/// Nothing of ours is there, the shell is where it was, and no controller is enabled for children.
#[track_caller]
fn as_it_was(cgroup: &Path, shell: i32) {
    assert_eq!(cgroup_of(shell), cgroup);
    let names: Vec<_> = fs::read_dir(cgroup).unwrap().map(|entry| entry.unwrap()).collect();
    let directories: Vec<_> = names.iter().filter(|entry| entry.path().is_dir()).collect();
    assert!(directories.is_empty(), "{directories:?}");
    assert_eq!(fs::read_to_string(cgroup.join("cgroup.subtree_control")).unwrap().trim(), "");
}

// Layer: the delegated subtree, before the manager is asked.
#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn it_is_used_and_left_as_it_was() {
    let _machine = beside_others();
    let project = Project::new();
    let run = "$S -p build --memory 64MiB --pids 20 --report r.json -- sh -c 'cat /proc/self/cgroup; exit 5'";
    let script = format!("echo ready; read line; {run}; echo $?; {WAIT}");
    let mut shell = Live::start(in_scope(&project, &["Delegate=yes"], &script));
    assert_eq!(shell.line(), "ready");
    let cgroup = cgroup_of(shell.pid());
    as_it_was(&cgroup, shell.pid());
    shell.say("go");
    assert_eq!([shell.line(), shell.line()], ["0::/", "5"]);
    assert_eq!(shell.line(), "ready");
    as_it_was(&cgroup, shell.pid());
    assert_eq!(shell.end().code(), Some(0));
    let report = project.report();
    assert_eq!((&report["layers"]["cgroup"], &report["status"]), (&"delegated".into(), &"exited".into()), "{report}");
}

#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn ten_runs_at_once_share_it() {
    let _machine = beside_others();
    let project = Project::new();
    let run = "$S -p build --memory 64MiB --report r.$i.json -- sh -c 'touch here.$0; until [ -e go ]; do sleep 0.2; done' $i";
    let script = format!(
        "for i in 1 2 3 4 5 6 7 8 9 10; do {run} & all=\"$all $!\"; done
        until [ $(ls | grep -c ^here) = 10 ]; do sleep 0.2; done; echo all; read line; touch go
        for p in $all; do wait $p || exit; done; {WAIT}"
    );
    let mut shell = Live::start(in_scope(&project, &["Delegate=yes"], &script));
    assert_eq!(shell.line(), "all");
    let callers = cgroup_of(shell.pid());
    let cgroup = callers.parent().unwrap();
    let runs = fs::read_dir(cgroup).unwrap().filter(|entry| {
        let name = entry.as_ref().unwrap().file_name().into_string().unwrap();
        name.starts_with("sandbox-")
    });
    assert_eq!(runs.count(), 10);
    shell.say("go");
    assert_eq!(shell.line(), "ready");
    as_it_was(cgroup, shell.pid());
    assert_eq!(shell.end().code(), Some(0));
    for i in 1..=10 {
        let report = project.report_text(&format!("r.{i}.json"));
        assert!(report.contains("\"cgroup\":\"delegated\"") && report.contains("\"status\":\"exited\""), "{report}");
    }
}

// What a run's own limit allows, the outer one may not.
#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn a_limit_on_it_holds_for_the_run_too() {
    let _machine = beside_others();
    let project = Project::new();
    attack!(project, "hog");
    let script = "$S -p build --memory 512MiB --report r.json -- ./hog anonymous 200; echo $?";
    let output = finish(in_scope(&project, &["Delegate=yes", "MemoryMax=100M", "MemorySwapMax=0"], script));
    assert_eq!(output.ok(), "137");
    let report = project.report();
    // Killed by the kernel, but not at a limit of the run's own.
    assert_eq!(
        (&report["layers"]["cgroup"], &report["status"]),
        (&"delegated".into(), &"out-of-memory".into()),
        "{report}"
    );
    // What is about to be refused further up is counted here for a moment.
    assert!(report["memory_peak_bytes"].as_u64().unwrap() < 110 << 20, "{report}");
    assert!(report["oom_kills"].as_u64().unwrap() > 0, "{report}");
    assert_eq!(report["limits_hit"], serde_json::json!([]), "{report}");
}

// Nobody is there to clean up after a supervisor that was killed, but the next run.
#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn what_a_killed_supervisor_left_is_cleaned_up_by_the_next_run() {
    let _machine = beside_others();
    let project = Project::new();
    let script = format!(
        "mkfifo go; $S -p build --memory 64MiB -- sh -c 'read go; echo ready; sleep 1000' <go & echo $!; echo >go; wait $!; echo killed
        read line; $S -p build --memory 64MiB -- true; {WAIT}"
    );
    let mut shell = Live::start(in_scope(&project, &["Delegate=yes"], &script));
    let supervisor: i32 = shell.line().parse().unwrap();
    assert_eq!(shell.line(), "ready");
    kill(Pid::from_raw(supervisor), Signal::SIGKILL).unwrap();
    assert_eq!(shell.line(), "killed");
    let callers = cgroup_of(shell.pid());
    let cgroup = callers.parent().unwrap().to_owned();
    let left = || fs::read_dir(&cgroup).unwrap().filter(|entry| entry.as_ref().unwrap().path().is_dir()).count();
    assert!(callers.ends_with("sandbox.callers") && left() == 2, "{}", callers.display());
    // All in it is dead: the supervisor's end is init's.
    let run =
        fs::read_dir(&cgroup).unwrap().map(|entry| entry.unwrap().path()).find(|path| path.join("payload").is_dir());
    let events = run.expect("the killed run's cgroup").join("cgroup.events");
    until("its processes are gone", || fs::read_to_string(&events).unwrap().contains("populated 0"));
    shell.say("go");
    assert_eq!(shell.line(), "ready");
    as_it_was(&cgroup, shell.pid());
    assert_eq!(shell.end().code(), Some(0));
}

#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn a_scope_that_is_not_delegated_is_not_touched() {
    let _machine = beside_others();
    let project = Project::new();
    let script = format!("$S -p build --memory 64MiB --report r.json -- true; {WAIT}");
    let mut shell = Live::start(in_scope(&project, &[], &script));
    assert_eq!(shell.line(), "ready");
    as_it_was(&cgroup_of(shell.pid()), shell.pid());
    assert_eq!(shell.end().code(), Some(0));
    super::is_in_a_scope(&project.report(), "exited");
}
