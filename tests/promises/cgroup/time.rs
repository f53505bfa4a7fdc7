//! `limits.cpu_time` and `limits.wall_time`, where a cgroup counts and kills. Where none does: `limits.rs`.

use super::super::harness::{Project, attack};
use super::super::limits::{cpu_time_ends, used, wall_time_ends};
use super::{beside_others, is_in_a_scope};

/// A limit that is never hit, so that there is a cgroup.
const CGROUP: [&str; 2] = ["--memory", "512MiB"];

/// `burn KIND MILLISECONDS` under a CPU time of one second.
#[track_caller]
fn ends(kind: &str, milliseconds: &str) {
    let _machine = beside_others();
    let report = cpu_time_ends(&CGROUP, kind, milliseconds);
    is_in_a_scope(&report, "cpu-timeout");
}

// Layer: cpu.stat, looked at by the supervisor; cgroup.kill.
#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn cpu_time_of_one_process() {
    ends("alone", "0");
}

#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn cpu_time_is_the_sum_of_children_one_after_the_other() {
    ends("children", "300");
}

#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn cpu_time_is_the_sum_of_children_at_once() {
    ends("together", "0");
}

#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn cpu_time_of_orphans_counts() {
    ends("orphans", "0");
}

// Exact here: without a cgroup a child that lives for less than a look is in nobody's account.
#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn cpu_time_of_short_children_that_nobody_waits_for_counts() {
    ends("unwaited", "2");
}

#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn cpu_time_ends_a_command_that_ignores_every_signal() {
    ends("deaf", "0");
}

#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn cpu_time_ends_a_command_that_has_stopped_itself_while_its_children_burn() {
    ends("stopped", "0");
}

#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn cpu_time_ends_a_command_that_has_closed_its_streams() {
    ends("closed", "0");
}

#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn cpu_time_within_the_limit_is_no_timeout() {
    let _machine = beside_others();
    let project = Project::new();
    attack!(project, "burn");
    let flags = ["-p", "build", "--memory", "512MiB", "--cpu-time", "1s", "--report", "r.json"];
    project.run(&[&flags[..], &["--", "./burn", "children", "100"]].concat()).ok();
    let report = project.report();
    is_in_a_scope(&report, "exited");
    assert!((400_000..1_000_000).contains(&used(&report)), "{report}");
}

#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn wall_time_ends_whatever_the_command_does() {
    let _machine = beside_others();
    for report in wall_time_ends(&CGROUP) {
        is_in_a_scope(&report, "wall-timeout");
    }
}

// A grader tells "a little too slow" from "far too slow".
#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn extra_time_lets_the_command_end_by_itself_and_says_how_much_it_took() {
    let _machine = beside_others();
    let project = Project::new();
    attack!(project, "burn");
    let run = |limit: &str, status: &str, script: &str| {
        let flags = ["-p", "build", "--memory", "512MiB", limit, "500ms", "--extra-time", "300s", "--report", "r.json"];
        project.run(&[&flags[..], &["--", "sh", "-c", script]].concat()).exits(124);
        let report = project.report();
        is_in_a_scope(&report, status);
        assert_eq!((&report["exit_code"], &report["signal"]), (&7.into(), &().into()), "{report}");
        assert!(report["extra_time_used_us"].as_u64().unwrap() > 0, "{report}");
    };
    run("--cpu-time", "cpu-timeout", "./burn alone 800; exit 7");
    run("--wall-time", "wall-timeout", "sleep 3; exit 7");
}
