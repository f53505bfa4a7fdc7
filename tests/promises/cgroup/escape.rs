//! From inside no cgroup is in sight or in reach, and what a payload may do in its own is without effect on its limits.

use super::super::harness::{Project, attack};
use super::live::{Live, WAIT, children};
use super::{beside_others, cgroup_of, is_in_a_scope};
use std::fs;

const FLAGS: [&str; 6] = ["-p", "build", "--memory", "256MiB", "--report", "r.json"];

// Layers: no cgroupfs inside; a cgroup namespace.
#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn no_cgroup_is_in_sight() {
    let _machine = beside_others();
    let project = Project::new();
    let script = "cat /proc/self/cgroup; grep -c cgroup /proc/mounts; find / -name 'cgroup.*' 2>/dev/null
        for p in /proc/[0-9]*; do cat $p/cgroup; done | sort -u";
    assert_eq!(project.shell(&FLAGS, script).ok(), "0::/\n0\n0::/");
    is_in_a_scope(&project.report(), "exited");
}

// Layer: init joins before it forks.
#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn the_command_is_in_its_cgroup_from_its_first_instruction() {
    let _machine = beside_others();
    let project = Project::new();
    attack!(project, "first");
    let output = project.run(&[&FLAGS[..], &["--pids", "1", "--", "./first"]].concat()).ok();
    assert_eq!(output, "0::/\nEAGAIN");
    let report = project.report();
    is_in_a_scope(&report, "exited");
    assert_eq!(report["pids_peak"], 1, "{report}");
}

// Layer: two levels.
#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn the_limits_are_one_level_above_all_processes_of_the_run() {
    let _machine = beside_others();
    let project = Project::new();
    let flags = ["--memory", "256MiB", "--swap", "16MiB", "--pids", "30", "--cpus", "1.5"];
    let live = Live::shell(&project, &flags, &format!("sleep 1000 & setsid sleep 1000 & {WAIT}"));
    let (init, payload) = (live.init(), live.payload());
    let leaf = cgroup_of(payload);
    assert!(leaf.ends_with("payload"), "{}", leaf.display());
    let mut inside: Vec<_> =
        fs::read_to_string(leaf.join("cgroup.procs")).unwrap().lines().map(str::to_owned).collect();
    let mut expected = [vec![init, payload], children(payload)].concat();
    expected.sort_unstable();
    inside.sort_by_key(|pid| pid.parse::<i32>().unwrap());
    assert_eq!(inside, expected.iter().map(i32::to_string).collect::<Vec<_>>());
    assert_eq!(expected.len(), 4);
    for (file, value) in [
        ("memory.max", "268435456"),
        ("memory.swap.max", "16777216"),
        ("memory.oom.group", "1"),
        ("pids.max", "31"), // and init
        ("cpu.max", "150000 100000"),
        ("cgroup.procs", ""),
        ("cgroup.max.descendants", "1"),
    ] {
        assert_eq!(live.limit(file), value, "{file}");
    }
    // The helper and the supervisor are elsewhere: what they use is not the run's.
    for other in [live.helper(), live.pid()] {
        assert!(!cgroup_of(other).starts_with(live.limits()), "{}", cgroup_of(other).display());
    }
    assert_eq!(live.end().code(), Some(0));
}

// They belong to the caller's uid, which is the command's.
#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn the_hosts_cgroups_cannot_be_granted_for_writing() {
    let _machine = beside_others();
    let project = Project::new();
    let raise = "for f in $(find /c -path '*/sandbox-*/memory.max'); do echo max > $f && touch raised; done";
    project
        .shell(&["-p", "build", "--rw", "/sys/fs/cgroup:/c", "--memory", "256MiB"], raise)
        .refused(&["limits could be lifted"]);
    project.shell(&["-p", "build", "--ro", "/sys/fs/cgroup:/c", "--memory", "256MiB"], raise);
    assert!(!project.path().join("raised").exists());
}
