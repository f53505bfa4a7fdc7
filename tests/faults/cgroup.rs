//! The way to a cgroup, wherever it may end. An ordinary directory stands for the hierarchy: what the kernel would refuse, it refuses
//! too, for it makes no files by itself.

use super::attempt::{Bench, fault, holds};
use super::harness::patience;
use nix::errno::Errno;
use serde_json::Value;
use std::fs;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A limit that only a cgroup can hold.
const LIMIT: [&str; 2] = ["--memory", "1GiB"];

/// The faults must end the run where the cgroup is required, and be told where it is preferred.
#[track_caller]
fn lacks(bench: &Bench, faults: &str, reason: &str) {
    let error = bench.refused(faults, &LIMIT);
    assert_eq!((&error["kind"], &error["step"]), (&"host".into(), &"cgroup".into()), "{error}");
    holds(&error["message"], &["limits.memory needs a cgroup: ", reason]);
    holds(&error["remedy"], &["--cgroup prefer"]);
    holds(&error["origin"], &["--memory"]);
    let report = bench.degraded(faults, &[&LIMIT[..], &["--cgroup", "prefer"]].concat(), reason);
    assert_eq!(report["layers"]["cgroup"], Value::Null, "{report}");
    assert_eq!(report["limits"]["memory_bytes"], Value::Null, "{report}");
}

/// A directory in the place of the hierarchy, and the faults that make it one.
fn hierarchy(bench: &Bench) -> (PathBuf, String) {
    let directory = bench.project.home().join("hierarchy");
    fs::create_dir(&directory).unwrap();
    let faults = format!("mountinfo=9 1 0:9 / {} rw - cgroup2 none rw;cgroup=0::/;", directory.display());
    (directory, faults)
}

/// A D-Bus socket that is none yet, and the fault that leads there.
fn bus(bench: &Bench) -> (PathBuf, String) {
    let socket = bench.project.home().join("bus");
    let faults = format!("bus=unix:path={};", socket.display());
    (socket, faults)
}

#[test]
fn a_host_without_cgroup2_has_none() {
    let bench = Bench::new();
    lacks(&bench, "mountinfo=9 1 0:9 / /sys rw - sysfs none rw", "no cgroup v2 file system is mounted here");
    lacks(&bench, "mountinfo=9 1 0:9 / /no/such rw - cgroup2 none rw", "/no/such cannot be opened");
    let (_, hierarchy) = hierarchy(&bench);
    lacks(&bench, &hierarchy.replace("0::/", "0::/../other"), "no mount of cgroup v2 shows this process's own cgroup");
    lacks(&bench, &hierarchy.replace("0::/", "1:memory:/"), "no mount of cgroup v2 shows this process's own cgroup");
}

#[test]
fn a_manager_that_cannot_be_reached_gives_none() {
    let bench = Bench::new();
    let faults = hierarchy(&bench).1 + &bus(&bench).1;
    lacks(&bench, &faults, "systemd cannot be reached over D-Bus");
}

#[test]
fn a_manager_that_never_answers_is_waited_for_5_seconds() {
    let bench = Bench::new();
    let (socket, bus) = bus(&bench);
    let faults = hierarchy(&bench).1 + &bus;
    let _nobody_accepts = UnixListener::bind(&socket).unwrap();
    fs::set_permissions(&socket, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
    let start = Instant::now();
    lacks(&bench, &faults, "systemd did not answer within 5 s");
    // Two runs.
    assert!((Duration::from_secs(10)..patience()).contains(&start.elapsed()), "{:?}", start.elapsed());
}

#[test]
fn a_manager_that_says_no_gives_none() {
    let bench = Bench::new();
    let faults = hierarchy(&bench).1 + &bus(&bench).1;
    for (answer, reason) in [
        (r#"{"Refused":"no more of them"}"#, "systemd refused a scope: no more of them"),
        (r#"{"Job":"timeout"}"#, "systemd did not finish the scope: timeout"),
        (r#"{"Moved":"0::/no.scope"}"#, "the scope's cgroup cannot be opened"),
        (r#"{"Moved":"0::/../escaped.scope"}"#, "the scope's cgroup cannot be opened"),
        ("it ends without any", "the helper that speaks to systemd ended without an answer"),
    ] {
        lacks(&bench, &format!("{faults}manager={answer}"), reason);
    }
}

#[test]
fn a_scope_out_of_which_its_processes_cannot_be_moved_is_none() {
    let bench = Bench::new();
    let (directory, hierarchy) = hierarchy(&bench);
    fs::create_dir(directory.join("run.scope")).unwrap();
    let faults = hierarchy + &bus(&bench).1 + r#"manager={"Moved":"0::/run.scope"}"#;
    lacks(&bench, &faults, "the scope's processes cannot be moved");
}

/// Makes the directory one that is delegated to the caller, with these controllers; false where systemd has to say so.
fn delegate(directory: &Path, controllers: &str) -> bool {
    for (name, text) in [
        ("cgroup.controllers", controllers),
        ("cgroup.subtree_control", ""),
        ("cgroup.procs", ""),
        ("cgroup.events", "populated 1\n"),
    ] {
        fs::write(directory.join(name), text).unwrap();
    }
    !Path::new("/run/systemd/system").exists()
}

#[test]
fn a_controller_that_is_not_delegated_gives_none() {
    let bench = Bench::new();
    let (directory, faults) = hierarchy(&bench);
    if delegate(&directory, "cpu io") {
        // And nobody else to ask.
        lacks(&bench, &(faults + &bus(&bench).1), "systemd cannot be reached over D-Bus");
    }
}

#[test]
fn a_limit_that_cannot_be_written_gives_none_and_leaves_no_directory() {
    let bench = Bench::new();
    let (directory, faults) = hierarchy(&bench);
    if !delegate(&directory, "cpu memory pids io") {
        return;
    }
    lacks(&bench, &faults, "cgroup.max.descendants cannot be set to 1 (No such file or directory)");
    let enable = fault("put cgroup.subtree_control", Errno::EACCES);
    lacks(&bench, &(faults + &enable), "the delegated cgroup cannot be used: Permission denied");
    let left: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(left.iter().all(|path| path.is_file()), "{left:?}");
}

/// Each file of a real cgroup, refused.
#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn a_file_of_a_real_cgroup_that_cannot_be_written_gives_none() {
    let bench = Bench::new();
    let (_, report) = bench.runs("", &LIMIT);
    assert!(report["layers"]["cgroup"].is_string(), "{report}");
    for file in ["cgroup.max.descendants", "memory.max", "memory.oom.group", "cgroup.procs"] {
        lacks(&bench, &fault(&format!("put {file}"), Errno::EACCES), "Permission denied");
    }
    for (flags, file) in
        [(["--cpus", "0.5"], "cpu.max"), (["--cpu-weight", "50"], "cpu.weight"), (["--pids", "99"], "pids.max")]
    {
        let faults = fault(&format!("put {file}"), Errno::EACCES);
        let error = bench.refused(&faults, &[&LIMIT[..], &flags].concat());
        assert_eq!(error["step"], "cgroup");
        holds(&error["message"], &[file, "cannot be set"]);
        let report = bench.degraded(&faults, &[&LIMIT[..], &flags, &["--cgroup", "prefer"]].concat(), file);
        assert_eq!(report["layers"]["cgroup"], Value::Null, "{report}");
    }
}

#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn a_limit_of_a_real_cgroup_that_reads_back_otherwise_gives_none() {
    let bench = Bench::new();
    lacks(&bench, "get memory.max=max", "memory.max was set to 1073741824 and is max");
    lacks(&bench, "get memory.oom.group=0", "memory.oom.group was set to 1 and is 0");
    // In the scope: whatever is delegated to the caller already has them.
    let bare = "get cgroup.controllers#1=cpu;get cgroup.controllers#2=cpu";
    assert_eq!(bench.refused(bare, &LIMIT)["step"], "cgroup");
}
