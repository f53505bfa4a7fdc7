//! `limits.memory`: of all processes together, in every form that a process can hold memory in.

use super::super::harness::{Output, Project, attack};
use super::{beside_others, is_in_a_scope};
use serde_json::Value;

const MIB: u64 = 1 << 20;

/// `hog KIND MIB` under `--memory LIMIT MiB`, with room in /dev/shm for it.
fn hog(kind: &str, mib: u64, limit: u64) -> (Output, Value) {
    let project = Project::new();
    attack!(project, "hog");
    let (mib, limit) = (mib.to_string(), format!("{limit}MiB"));
    let flags = ["-p", "build", "--tmpfs", "/dev/shm:2GiB", "--memory", &limit, "--report", "r.json"];
    let output = project.run(&[&flags[..], &["--", "./hog", kind, &mib]].concat());
    (output, project.report())
}

/// What fits is let be, what does not ends the run with its own status and code.
#[track_caller]
fn held(kind: &str, mib: u64, limit: u64) {
    let _machine = beside_others();
    let (output, report) = hog(kind, limit / 2, limit);
    assert_eq!(output.ok(), format!("held {} MiB", limit / 2), "{kind}");
    is_in_a_scope(&report, "exited");
    let peak = report["memory_peak_bytes"].as_u64().unwrap();
    assert!((limit / 2 * MIB..=limit * MIB).contains(&peak), "{kind}, within: {report}");
    assert_eq!((&report["memory_source"], &report["oom_kills"]), (&"memory.peak".into(), &0.into()), "{report}");

    let (output, report) = hog(kind, mib, limit);
    output.exits(137);
    assert_eq!(output.text(), "", "{kind}");
    is_in_a_scope(&report, "out-of-memory");
    assert_eq!(report["limits_hit"], serde_json::json!(["memory"]), "{report}");
    assert!(report["memory_peak_bytes"].as_u64().unwrap() <= limit * MIB, "{report}");
    assert!(report["oom_kills"].as_u64().unwrap() > 0, "{report}");
}

// Layer: memory.max, for all of these.
#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn of_one_process() {
    held("anonymous", 700, 512);
}

#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn of_eight_processes_together() {
    held("crowd", 700, 512);
}

#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn of_a_memfd() {
    held("memfd", 700, 512);
}

#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn of_a_file_in_tmp() {
    held("file", 700, 512);
}

#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn of_system_v_shared_memory() {
    held("sysv", 700, 512);
}

#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn of_posix_shared_memory() {
    held("posix", 700, 512);
}

// As much as the kernel lets one user hold in pipes; pipe(7).
#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn of_pipe_buffers() {
    held("pipes", 60, 40);
}

#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn a_sigkill_of_its_own_is_not_out_of_memory() {
    let _machine = beside_others();
    let project = Project::new();
    project.shell(&["-p", "build", "--memory", "512MiB", "--report", "r.json"], "kill -9 $$").exits(137);
    let report = project.report();
    is_in_a_scope(&report, "signaled");
    assert_eq!((&report["signal"], &report["oom_kills"]), (&9.into(), &0.into()), "{report}");
    assert_eq!(report["limits_hit"], serde_json::json!([]), "{report}");
}

// Layer: memory.oom.group. A build whose compiler was killed would go on with what is left of it.
#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn the_whole_run_ends_whichever_process_was_too_large_and_whatever_the_command_catches() {
    let _machine = beside_others();
    let project = Project::new();
    attack!(project, "hog");
    let script = "trap '' HUP INT QUIT TERM USR1 USR2; (sh -c './hog anonymous 200; :'; :); echo survived; sleep 1000";
    let output = project.shell(&["-p", "build", "--memory", "100MiB", "--report", "r.json"], script);
    output.exits(137);
    assert_eq!(output.text(), "");
    is_in_a_scope(&project.report(), "out-of-memory");
}
