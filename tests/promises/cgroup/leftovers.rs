//! However many runs there were: no unit, no cgroup, no process of them is left.

use super::super::harness::{Project, finish, patience};
use super::super::written_report;
use super::live::{Live, WAIT};
use super::{alone, is_in_a_scope, systemd};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Names of what is there of runs, a line each: units, cgroups, processes.
fn left(project: &Project) -> Vec<String> {
    let units =
        finish(systemd(project, "systemctl", &["list-units", "--all", "--plain", "--no-legend", "sandbox*"])).ok();
    let mut find = Command::new("find");
    // A directory may go while it is walked.
    find.args(["/sys/fs/cgroup", "-ignore_readdir_race", "-name", "sandbox*"]);
    let cgroups = finish(find).text();
    let mut ps = Command::new("ps");
    ps.args(["-C", "sandbox", "-o", "pid=,args="]);
    let all = [units, cgroups, finish(ps).text()];
    all.iter().flat_map(|text| text.lines()).map(str::to_owned).collect()
}

/// What an earlier test has failed for, and is not to be this one's fault.
static KNOWN: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// The manager sees the end of a scope a moment after the run's.
#[track_caller]
pub(super) fn nothing_is_left(project: &Project) {
    let start = Instant::now();
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let new: Vec<_> = left(project).into_iter().filter(|line| !known.contains(line)).collect();
        if new.is_empty() {
            return;
        }
        if start.elapsed() > patience() / 5 {
            known.extend_from_slice(&new);
            panic!("left: {new:#?}");
        }
        sleep(Duration::from_millis(50));
    }
}

const FLAGS: [&str; 6] = ["-p", "build", "--memory", "64MiB", "--report", "r.json"];

#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn of_200_runs_in_a_row() {
    let _machine = alone();
    let project = Project::new();
    for _ in 0..200 {
        project.run(&[&FLAGS[..], &["--", "true"]].concat()).ok();
        is_in_a_scope(&project.report(), "exited");
    }
    nothing_is_left(&project);
}

// Each is in its cgroup while all the others are.
#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn of_50_runs_at_once() {
    let _machine = alone();
    let project = Project::new();
    let names: Vec<_> = (1..=50).map(|number| format!("r.{number}.json")).collect();
    let start = |name: &String| {
        let flags = ["-p", "build", "--memory", "64MiB", "--report", name, "--", "sh", "-c", WAIT];
        Live::start(project.sandbox(&flags))
    };
    let mut runs: Vec<_> = names.iter().map(start).collect();
    let ready = runs.iter_mut().filter_map(|run| (run.line() == "ready").then_some(())).count();
    let codes: Vec<_> = runs.into_iter().map(|run| run.end().code()).collect();
    // How fast systemd answers under emulation is not ours: but who waited in vain says so, and has not begun.
    for (name, code) in names.iter().zip(&codes) {
        let report = written_report::read(&project.report_text(name));
        match code {
            Some(0) => is_in_a_scope(&report, "exited"),
            _ => {
                assert!(report["error"]["message"].as_str().unwrap().contains("did not answer within 5 s"), "{report}")
            }
        }
    }
    let began = codes.iter().filter(|code| **code == Some(0)).count();
    assert!(ready == began && began >= 10, "{ready} of 50 began: {codes:?}");
    nothing_is_left(&project);
}

// What is seen while a run is there is what is looked for afterwards.
#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn a_run_is_seen_while_it_is_there() {
    let _machine = alone();
    let project = Project::new();
    let live = Live::shell(&project, &["--memory", "64MiB"], WAIT);
    let seen = left(&project).join("\n");
    assert!(seen.contains(".scope") && seen.contains("/sys/fs/cgroup/") && seen.contains("-p build"), "{seen}");
    assert_eq!(live.end().code(), Some(0));
    nothing_is_left(&project);
}
