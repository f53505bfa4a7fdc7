//! A run in a cgroup ends as any other: with its supervisor, by the caller's signals; and its helper is in nobody's way.

use super::super::harness::Project;
use super::leftovers::nothing_is_left;
use super::live::{Live, WAIT, children};
use super::{alone, beside_others, cgroup_of, is_in_a_scope, until};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use std::path::Path;

const MEMORY: [&str; 2] = ["--memory", "64MiB"];

// Layers: init and the helper end with the supervisor; the scope with them.
#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn with_a_killed_supervisor_everything_inside_dies_and_the_scope_goes() {
    let _machine = alone();
    let project = Project::new();
    let script = format!("trap '' TERM INT HUP; setsid sleep 86399 & sleep 86399 & {WAIT}");
    let mut live = Live::shell(&project, &MEMORY, &script);
    let scope = live.limits().parent().unwrap().to_owned();
    assert!(scope.exists() && scope.extension().is_some_and(|kind| kind == "scope"), "{}", scope.display());
    let inside = [vec![live.init(), live.helper(), live.payload()], children(live.payload())].concat();
    assert_eq!(inside.len(), 5);
    kill(Pid::from_raw(live.pid()), Signal::SIGKILL).unwrap();
    assert_eq!(live.wait().code(), None);
    until("all of them are gone", || inside.iter().all(|pid| !Path::new(&format!("/proc/{pid}")).exists()));
    until("the scope is gone", || !scope.exists());
    nothing_is_left(&project);
}

#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn the_callers_signals_reach_the_command() {
    let _machine = beside_others();
    let project = Project::new();
    for name in ["INT", "TERM", "HUP", "USR1"] {
        let script = format!("trap 'echo got {name}; exit 7' {name}; echo ready; while :; do sleep 0.05; done");
        let mut live = Live::shell(&project, &[&MEMORY[..], &["--report", "r.json"]].concat(), &script);
        kill(Pid::from_raw(live.pid()), format!("SIG{name}").parse::<Signal>().unwrap()).unwrap();
        assert_eq!((live.line(), live.wait().code()), (format!("got {name}"), Some(7)));
        is_in_a_scope(&project.report(), "exited");
    }
}

// Ctrl-C goes to the whole group, and the figures are still to be read.
#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn the_helper_outlives_an_interrupt_of_the_whole_group() {
    let _machine = beside_others();
    let project = Project::new();
    let script = "trap 'echo got it' INT; echo ready; until read line; do :; done; echo $line; exit 7";
    let limits = ["-p", "build", "--memory", "64MiB", "--report", "r.json"];
    let command = project.sandbox(&[&limits[..], &["--", "sh", "-c", script]].concat());
    let mut live = Live::start(command);
    assert_eq!(live.line(), "ready");
    let helper = live.helper();
    killpg(Pid::from_raw(live.pid()), Signal::SIGINT).unwrap();
    assert_eq!(live.line(), "got it");
    assert_eq!(live.helper(), helper);
    live.say("go on");
    assert_eq!(live.line(), "go on");
    assert_eq!(live.end().code(), Some(7));
    let report = project.report();
    is_in_a_scope(&report, "exited");
    assert!(report["memory_peak_bytes"].as_u64().is_some(), "{report}");
}

// Layer: the helper closes all that it was born with.
#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn the_helper_holds_nothing_of_the_callers() {
    let _machine = beside_others();
    let project = Project::new();
    let live = Live::shell(&project, &MEMORY, WAIT);
    let of = |pid: i32| -> Vec<String> {
        let links = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
        links.map(|link| std::fs::read_link(link.unwrap().path()).unwrap().to_string_lossy().into_owned()).collect()
    };
    let (supervisor, helper) = (of(live.pid()), of(live.helper()));
    let pipes = |descriptors: &[String]| descriptors.iter().filter(|name| name.starts_with("pipe:")).count();
    assert!(pipes(&supervisor) >= 2, "{supervisor:?}");
    assert_eq!(pipes(&helper), 0, "{helper:?}");
    assert_eq!(helper.iter().filter(|name| *name == "/dev/null").count(), 3, "{helper:?}");
    // It is in the scope, and not in the caller's cgroup: what it uses is not the caller's either.
    assert!(cgroup_of(live.helper()).ends_with("outside"), "{}", cgroup_of(live.helper()).display());
    assert_eq!(live.end().code(), Some(0));
}

// Layer: the profile's own limits.
#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn strict_needs_no_flag() {
    let _machine = beside_others();
    let project = Project::new();
    let mut live = Live::start(project.sandbox(&["-p", "strict", "--report", "r.json", "--", "sh", "-c", WAIT]));
    assert_eq!(live.line(), "ready");
    for (file, value) in [("memory.max", "536870912"), ("memory.swap.max", "0"), ("pids.max", "65")] {
        assert_eq!(live.limit(file), value, "{file}");
    }
    assert_eq!(live.end().code(), Some(0));
    let report = project.report();
    is_in_a_scope(&report, "exited");
    assert_eq!(report["limits"]["cpu_time_us"], 30_000_000, "{report}");
}
