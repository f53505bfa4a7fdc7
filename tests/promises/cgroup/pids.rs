//! `limits.pids`: a fork bomb stops there, and the caller does not notice.

use super::super::harness::{Project, attack, finish};
use super::live::Live;
use super::{beside_others, is_in_a_scope};

/// Until the crowd is as large as it gets, and then while the caller does his own work.
#[track_caller]
fn stopped_at(kind: &str, pids: u64) {
    let project = Project::new();
    attack!(project, "crowd");
    let said = if kind == "bomb" { "bomb EAGAIN".to_owned() } else { format!("{pids} EAGAIN") };
    let limit = pids.to_string();
    let flags =
        ["-p", "build", "--pids", &limit, "--memory", "256MiB", "--report", "r.json", "--", "./crowd", kind, "300"];
    let mut live = Live::start(project.sandbox(&flags));
    assert_eq!(live.line(), said, "{kind}");
    for _ in 0..20 {
        finish(project.outside("true", &[])).ok();
    }
    assert_eq!(live.end().code(), Some(0));
    let report = project.report();
    is_in_a_scope(&report, "exited");
    assert_eq!((&report["pids_peak"], &report["limits_hit"]), (&pids.into(), &["pids"].into()), "{report}");
}

// Layer: pids.max, on the run's cgroup and not on the user.
#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn the_process_after_the_last_allowed_one_is_refused() {
    let _machine = beside_others();
    stopped_at("processes", 20);
}

#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn threads_are_counted_too() {
    let _machine = beside_others();
    stopped_at("threads", 20);
}

#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn a_fork_bomb_stops_and_the_caller_can_still_fork() {
    let _machine = beside_others();
    stopped_at("bomb", 32);
}

#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn a_run_within_its_number_has_hit_nothing() {
    let _machine = beside_others();
    let project = Project::new();
    attack!(project, "crowd");
    let flags =
        ["-p", "build", "--pids", "20", "--memory", "256MiB", "--report", "r.json", "--", "./crowd", "processes", "20"];
    assert_eq!(project.run(&flags).ok(), "20 ok");
    let report = project.report();
    is_in_a_scope(&report, "exited");
    assert_eq!((&report["pids_peak"], &report["limits_hit"]), (&20.into(), &serde_json::json!([])), "{report}");
}

// One run's crowd is not the other's.
#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn two_runs_have_their_numbers_each() {
    let _machine = beside_others();
    let project = Project::new();
    attack!(project, "crowd");
    let flags = ["-p", "build", "--pids", "20", "--memory", "256MiB", "--", "./crowd", "processes", "20"];
    let mut both = [Live::start(project.sandbox(&flags)), Live::start(project.sandbox(&flags))];
    for live in &mut both {
        assert_eq!(live.line(), "20 ok");
    }
    for live in both {
        assert_eq!(live.end().code(), Some(0));
    }
}
