//! Limits that hold without a cgroup: CPU time and wall-clock time, against commands that do not want to end.

use super::harness::{Project, a_while, attack};
use serde_json::Value;

/// CPU time of a report, microseconds.
pub fn used(report: &Value) -> u64 {
    report["user_time_us"].as_u64().unwrap() + report["system_time_us"].as_u64().unwrap()
}

/// By how much a limit may be missed on a busy machine, microseconds.
fn slack() -> u64 {
    a_while().as_micros() as u64
}

/// `burn KIND MILLISECONDS` under a CPU time of one second: ended after it, and soon after it.
#[track_caller]
pub fn cpu_time_ends(flags: &[&str], kind: &str, milliseconds: &str) -> Value {
    let project = Project::new();
    attack!(project, "burn");
    let limits = ["-p", "build", "--cpu-time", "1s", "--report", "r.json"];
    project.run(&[&limits, flags, &["--", "./burn", kind, milliseconds]].concat()).exits(124);
    let report = project.report();
    assert_eq!((&report["status"], &report["limits_hit"]), (&"cpu-timeout".into(), &["cpu_time"].into()), "{report}");
    assert!((1_000_000..1_000_000 + slack()).contains(&used(&report)), "{kind}: {report}");
    assert_eq!(report["extra_time_used_us"].as_u64(), Some(used(&report) - 1_000_000), "{report}");
    report
}

/// A wall-clock time of half a second, against each of those who do not want to end.
pub fn wall_time_ends(flags: &[&str]) -> Vec<Value> {
    let stubborn = [
        "kill -STOP $$",
        "trap '' TERM INT HUP; while :; do sleep 1; done",
        "while :; do (setsid sh -c 'trap \"\" TERM; sleep 1000' &); sleep 0.05; done",
        "exec <&- >&- 2>&-; while :; do :; done",
    ];
    let ended = stubborn.map(|script| {
        let project = Project::new();
        let limits = ["-p", "build", "--wall-time", "500ms", "--report", "r.json"];
        project.shell(&[&limits, flags].concat(), script).exits(124);
        let report = project.report();
        let time = report["wall_time_us"].as_u64().unwrap();
        assert!((500_000..500_000 + slack()).contains(&time), "{script}: {report}");
        assert_eq!(
            (&report["signal"], &report["limits_hit"]),
            (&9.into(), &["wall_time"].into()),
            "{script}: {report}"
        );
        report
    });
    ended.into()
}

// Layer: init's look at the processes of its namespace.
#[test]
fn cpu_time_ends_a_command_that_burns() {
    for kind in ["alone", "together", "orphans"] {
        assert_eq!(cpu_time_ends(&[], kind, "0")["layers"]["cgroup"], Value::Null);
    }
}

#[test]
fn cpu_time_ends_a_command_that_does_not_want_to_end() {
    for kind in ["deaf", "stopped", "closed"] {
        cpu_time_ends(&[], kind, "0");
    }
}

#[test]
fn cpu_time_is_the_sum_of_children_that_each_stay_below_it() {
    cpu_time_ends(&[], "children", "300");
    let project = Project::new();
    attack!(project, "burn");
    project.run(&["-p", "build", "--cpu-time", "1s", "--report", "r.json", "--", "./burn", "children", "100"]).ok();
    let report = project.report();
    assert_eq!(report["status"], "exited", "{report}");
    assert!((400_000..1_000_000).contains(&used(&report)), "{report}");
}

// Nobody is told of their time, but each lives for longer than two looks.
#[test]
fn cpu_time_of_children_that_nobody_waits_for_counts() {
    let project = Project::new();
    attack!(project, "burn");
    project
        .run(&["-p", "build", "--cpu-time", "1s", "--report", "r.json", "--", "./burn", "unwaited", "300"])
        .exits(124);
    assert_eq!(project.report()["status"], "cpu-timeout");
}

#[test]
fn a_command_that_sleeps_uses_no_cpu_time() {
    let project = Project::new();
    project.shell(&["-p", "build", "--cpu-time", "500ms"], "sleep 1; exit 6").exits(6);
}

// Layer: the supervisor's timer.
#[test]
fn wall_time_ends_whatever_the_command_does() {
    assert_eq!(wall_time_ends(&[]).len(), 4);
}

#[test]
fn within_the_extra_time_the_command_ends_by_itself_and_has_hit_the_limit_all_the_same() {
    let project = Project::new();
    attack!(project, "burn");
    let run = |limit: &str, status: &str, script: &str| {
        let flags = ["-p", "build", limit, "500ms", "--extra-time", "300s", "--report", "r.json"];
        project.shell(&flags, script).exits(124);
        let report = project.report();
        assert_eq!((&report["status"], &report["exit_code"]), (&status.into(), &7.into()), "{report}");
        assert!(report["extra_time_used_us"].as_u64().unwrap() > 0, "{report}");
    };
    run("--cpu-time", "cpu-timeout", "./burn alone 800; exit 7");
    run("--wall-time", "wall-timeout", "sleep 3; exit 7");
}

#[test]
fn the_extra_time_ends_too() {
    let project = Project::new();
    let flags = ["-p", "build", "--wall-time", "300ms", "--extra-time", "300ms", "--report", "r.json"];
    project.shell(&flags, "sleep 1000").exits(124);
    let report = project.report();
    assert!(report["wall_time_us"].as_u64().unwrap() >= 600_000, "{report}");
    assert!(report["extra_time_used_us"].as_u64().unwrap() >= 300_000, "{report}");
}

// TERM first, KILL when that did not help.
#[test]
fn after_kill_after_a_command_that_ignores_term_is_killed() {
    for (limit, script) in [("--wall-time", "sleep 0.05"), ("--cpu-time", ":")] {
        let project = Project::new();
        // As long as a shell may take to come to its trap, and to run it.
        let time = format!("{}s", a_while().as_secs());
        let flags = ["-p", "build", limit, &time, "--kill-after", &time, "--report", "r.json"];
        let output = project.shell(&flags, &format!("trap 'echo asked' TERM; while :; do {script}; done"));
        output.exits(124);
        let report = project.report();
        assert_eq!(report["signal"], 9, "{limit}: {report}");
        assert_eq!(output.text(), "asked", "{limit}");
    }
}

// Layer: RLIMIT_NPROC in a user namespace of the run's own.
#[test]
fn a_fork_bomb_stops_and_the_caller_can_still_fork() {
    let project = Project::new();
    attack!(project, "crowd");
    for (kind, said) in [("processes", "20 EAGAIN"), ("threads", "20 EAGAIN"), ("bomb", "bomb EAGAIN")] {
        let bomb = format!("{} -p build --pids 20 -- ./crowd {kind} 300", super::harness::binary());
        // The caller's forks, while the crowd is there: it is as long as its input does not end.
        let script = format!("{{ for i in 1 2 3 4 5 6 7 8; do sleep 0.1; done; echo forked >&2; }} | {bomb}");
        let output = super::harness::finish(project.outside("sh", &["-c", &script]));
        assert_eq!((output.ok().as_str(), output.stderr.trim()), (said, "forked"), "{kind}");
    }
}
