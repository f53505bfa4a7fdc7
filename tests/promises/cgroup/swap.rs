//! `limits.swap`: none unless it is asked for. On a machine that has swap, and where nothing else happens meanwhile.

use super::super::harness::{Output, Project, attack};
use super::{alone, is_in_a_scope};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// SwapFree, KiB: proc_meminfo(5).
fn free_swap() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("SwapFree:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// A run of `hog anonymous MIB` under `--memory 128MiB` and FLAGS, and the most swap that the host used meanwhile, MiB.
fn swapped(mib: &str, flags: &[&str]) -> (Output, serde_json::Value, u64) {
    let project = Project::new();
    attack!(project, "hog");
    let before = free_swap();
    assert!(before > 200 << 10, "this machine has no swap to test with: {before} KiB");
    let (stop, stopped) = channel::<()>();
    let watch = thread::spawn(move || {
        let mut least = before;
        while stopped.recv_timeout(Duration::from_millis(10)) == Err(RecvTimeoutError::Timeout) {
            least = least.min(free_swap());
        }
        before - least
    });
    let limits = ["-p", "build", "--memory", "128MiB", "--report", "r.json"];
    let output = project.run(&[&limits, flags, &["--", "./hog", "anonymous", mib]].concat());
    drop(stop);
    (output, project.report(), watch.join().unwrap() >> 10)
}

// Layer: memory.swap.max.
#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn a_run_with_a_memory_limit_does_not_swap() {
    let _machine = alone();
    let (output, report, used) = swapped("200", &[]);
    output.exits(137);
    is_in_a_scope(&report, "out-of-memory");
    assert_eq!(report["limits"]["swap_bytes"], 0, "{report}");
    assert!(used < 4, "{used} MiB of swap used");
}

#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn a_run_that_may_swap_holds_more_but_not_more_than_both_together() {
    let _machine = alone();
    let (output, report, used) = swapped("200", &["--swap", "120MiB"]);
    assert_eq!(output.ok(), "held 200 MiB");
    is_in_a_scope(&report, "exited");
    assert_eq!(report["limits"]["swap_bytes"], 120 << 20, "{report}");
    assert!((30..=121).contains(&used), "{used} MiB of swap used");

    let (output, report, used) = swapped("300", &["--swap", "120MiB"]);
    output.exits(137);
    is_in_a_scope(&report, "out-of-memory");
    assert!(used <= 121, "{used} MiB of swap used");
}
