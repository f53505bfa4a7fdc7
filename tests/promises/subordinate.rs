//! `map: subordinate`: users of their own inside, and nothing more of the host. As root the same with a private block of ids.

use super::harness::{Output, Project, finish, root};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::fs;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Stdio;

/// Where there may be no cgroup, the limit of processes has to go.
const RANGE: [&str; 6] = ["-p", "build", "--map", "subordinate", "--pids", "unlimited"];
/// What root of a container has of those that are about ids.
const POWER: &[&str] = &["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_SETUID", "CAP_SETGID"];
/// `as_user ID COMMAND…`
const AS_USER: &str = "as_user() { id=$1; shift; setpriv --reuid $id --regid $id --clear-groups \"$@\"; }; ";

/// A script inside with these capabilities.
fn with(project: &Project, capabilities: &[&str], more: &[&str], script: &str) -> Output {
    let kept = capabilities.iter().flat_map(|capability| ["--capability", capability]);
    let flags: Vec<&str> = RANGE.into_iter().chain(kept).chain(more.iter().copied()).collect();
    project.shell(&flags, &format!("{AS_USER}{script}"))
}

/// The lines of a map: first inside, first outside, count.
fn extents(map: &str) -> Vec<[u32; 3]> {
    let line = |line: &str| line.split_whitespace().map(|n| n.parse().unwrap()).collect::<Vec<_>>().try_into().unwrap();
    map.lines().map(line).collect()
}

/// The host's id for one inside.
fn outside(project: &Project, inside: u32) -> u32 {
    let map = extents(&with(project, &[], &[], "cat /proc/self/uid_map").ok());
    map.iter()
        .find(|[first, _, count]| (*first..first + count).contains(&inside))
        .map(|[first, out, _]| out + inside - first)
        .unwrap()
}

// Layer: newuidmap and newgidmap; under host root the supervisor.
#[test]
fn the_own_id_and_a_range_are_inside() {
    let project = Project::new();
    let own = finish(project.outside("id", &["-u"])).ok().parse::<u32>().unwrap();
    for file in ["uid_map", "gid_map"] {
        let map = extents(&with(&project, &[], &[], &format!("cat /proc/self/{file}")).ok());
        assert_eq!((map[0][0], map[0][2], map[1][0]), (0, 1, 1), "{map:?}");
        assert!(map.iter().map(|[_, _, count]| count).sum::<u32>() >= 65536, "{map:?}");
        assert!(map.iter().all(|[_, outside, _]| *outside >= 65536 || *outside == own), "{map:?}");
        assert!(map.iter().all(|[_, outside, _]| *outside != 0), "{map:?}");
    }
    let elsewhere = extents(&with(&project, &[], &["--uid", "1234"], "id -u >&2; cat /proc/self/uid_map").ok());
    assert_eq!(
        elsewhere.iter().map(|[inside, _, count]| (*inside, *count)).take(2).collect::<Vec<_>>(),
        [(0, 1234), (1234, 1)]
    );
}

#[test]
fn the_report_tells_the_map() {
    let project = Project::new();
    let map = extents(&with(&project, &[], &["--report", "r.json"], "cat /proc/self/gid_map").ok());
    let told = project.report()["layers"]["gid"]["map"].clone();
    let told = told
        .as_array()
        .unwrap()
        .iter()
        .map(|extent| ["inside", "outside", "count"].map(|key| extent[key].as_u64().unwrap() as u32));
    assert_eq!(told.collect::<Vec<_>>(), map);
}

#[test]
fn a_user_inside_cannot_read_what_is_another_s() {
    let project = Project::new();
    let script = "as_user 33 sh -c 'umask 077; echo mine > /tmp/file; cat /tmp/file'; stat -c %u:%g /tmp/file; as_user 34 cat /tmp/file";
    let output = with(&project, POWER, &[], script);
    assert_eq!((output.code(), output.text().as_str()), (1, "mine\n33:33"), "{output:?}");
    output.says(&["Permission denied"]);
}

// Layer: no capability that the profile does not name.
#[test]
fn other_ids_are_taken_and_given_only_with_the_capability() {
    let project = Project::new();
    let tries = [
        ("CAP_CHOWN", "touch /tmp/a; chown 5:6 /tmp/a"),
        ("CAP_SETUID", "setpriv --reuid 33 true"),
        ("CAP_SETGID", "setpriv --regid 33 --groups 34 true"),
    ];
    for (capability, script) in tries {
        with(&project, &[capability], &[], script).exits(0);
        assert_ne!(with(&project, &[], &[], script).code(), 0, "{capability}");
        let others: Vec<&str> = POWER.iter().copied().filter(|other| *other != capability).collect();
        assert_ne!(with(&project, &others, &[], script).code(), 0, "{capability}");
    }
}

// Layer: securebits without SECBIT_NO_SETUID_FIXUP.
#[test]
fn a_service_that_leaves_uid_0_has_no_capability_and_no_way_back() {
    let script = "as_user 33 sh -c 'grep Cap[PEA] /proc/self/status; setpriv --reuid 0 true || echo stays; id -u'";
    let output = with(&Project::new(), POWER, &[], script).ok();
    let (status, rest) = output.split_at(output.find("stays").unwrap());
    assert!(status.lines().count() == 3 && status.lines().all(|line| line.ends_with("0000000000000000")), "{status}");
    assert_eq!(rest, "stays\n33");
}

// Layers: nosuid, no_new_privs, and the filter that lets no such bit be set.
#[test]
fn no_set_user_id_program_changes_the_user() {
    let project = Project::new();
    // Under host root only where nobody else can reach it.
    std::fs::set_permissions(project.home(), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let script = "cp /usr/bin/id /tmp/; chown 44 /tmp/id; chmod 4755 /tmp/id; as_user 33 /tmp/id -u";
    let more: &[&str] = &["--feature", "set_id_bits"];
    assert_eq!(with(&project, POWER, more, &script.replace("; as", " && as")).ok(), "33");
    with(&project, POWER, &[], "touch /tmp/f && chmod 4755 /tmp/f").exits(1);
}

#[test]
fn the_caller_s_files_are_the_command_s_own() {
    let project = Project::new();
    project.write("mine", "");
    let script = "stat -c %u:%g mine; touch made";
    assert_eq!(with(&project, &[], &["--uid", "1234", "--gid", "99"], script).ok(), "1234:99");
    let mine = |name: &str| fs::metadata(project.path().join(name)).unwrap();
    assert_eq!((mine("made").uid(), mine("made").gid()), (mine("mine").uid(), mine("mine").gid()));
}

#[test]
fn ids_that_are_not_in_the_range_are_nobody_s() {
    let output = with(&Project::new(), POWER, &[], "stat -c %u:%g /usr; touch /tmp/a; chown 3000000 /tmp/a");
    assert_eq!((output.code(), output.text().as_str()), (1, "65534:65534"), "{output:?}");
    output.says(&["Invalid argument"]);
}

#[test]
fn what_another_user_made_is_a_subordinate_id_s_on_the_host_and_can_be_removed_again() {
    let project = Project::new();
    with(&project, POWER, &[], "install -d -m 700 -o 33 dir && as_user 33 touch dir/file").exits(0);
    let made = fs::metadata(project.path().join("dir")).unwrap();
    // Under host root the files are on the disk as they are inside.
    let expected = if root() { 33 } else { outside(&project, 33) };
    assert!(made.uid() == expected && made.permissions().mode() & 0o7777 == 0o700, "{made:?}");
    if !root() {
        assert!(fs::read_dir(project.path().join("dir")).is_err());
    }
    with(&project, &["CAP_DAC_OVERRIDE"], &[], "rm -r dir").exits(0);
    assert!(!project.path().join("dir").exists());
}

/// Processes of the host that were started with this word.
fn processes(word: &str) -> Vec<String> {
    let commands = fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| fs::read_to_string(entry.path().join("cmdline")).ok());
    commands.filter(|command| command.split('\0').any(|argument| argument == word)).collect()
}

// Layer: init's CAP_KILL, and the end of the PID namespace.
#[test]
fn processes_of_other_users_end_with_the_run() {
    let word = &format!("3333.{}", std::process::id());
    let script = format!("as_user 33 sh -c 'sleep {word} & sleep {word} &'; exit 7");
    with(&Project::new(), POWER, &["--report", "r.json"], &script).exits(7);
    assert_eq!(processes(word), Vec::<String>::new());
}

// Layer: init's CAP_KILL: without it what is left is not waited for, and what it used is nobody's.
#[test]
fn the_time_of_processes_of_other_users_is_counted() {
    let project = Project::new();
    let burn = "as_user 33 sh -c 'trap \"\" TERM; (while :; do :; done) & echo > /tmp/started'; ";
    let wait = "while [ $(awk '{print $14}' /proc/[0-9]*/stat | sort -n | tail -1) -lt 50 ]; do sleep 0.05; done";
    with(&project, POWER, &["--report", "r.json"], &format!("{burn}{wait}")).exits(0);
    let used = project.report()["user_time_us"].as_u64().unwrap();
    assert!(used >= 450_000, "{used}");
}

// Layer: the supervisor owns the user namespace.
#[test]
fn limits_and_signals_reach_a_command_that_became_another_user() {
    let project = Project::new();
    let word = &format!("4444.{}", std::process::id());
    let script = format!("exec setpriv --reuid 33 --regid 33 --clear-groups sleep {word}");
    with(&project, POWER, &["--wall-time", "300ms"], &script).exits(124);
    with(&project, POWER, &["--wall-time", "300ms", "--kill-after", "30s"], &script).exits(124);
    let script = format!("exec setpriv --reuid 33 --regid 33 --clear-groups sh -c 'echo ready; exec sleep {word}'");
    let kept = POWER.iter().flat_map(|capability| ["--capability", capability]);
    let flags: Vec<&str> = RANGE.into_iter().chain(kept).chain(["--", "sh", "-c", &script]).collect();
    let mut run = project.sandbox(&flags).stdout(Stdio::piped()).spawn().unwrap();
    run.stdout.as_mut().unwrap().read_exact(&mut [0; 5]).unwrap();
    kill(Pid::from_raw(run.id().cast_signed()), Signal::SIGTERM).unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(143));
    assert_eq!(processes(word), Vec::<String>::new());
}

// RLIMIT_NPROC holds each user id by itself.
#[test]
fn a_limit_of_processes_needs_a_cgroup() {
    let project = Project::new();
    let run = |cgroup, more: &[&str]| {
        let flags = ["-p", "build", "--map", "subordinate", "--cgroup", cgroup, "--report", "r.json"];
        project.run(&[&flags[..], more, &["--", "true"]].concat())
    };
    run("off", &[]).refused(&["limits.pids needs a cgroup"]);
    run("off", &["--pids", "unlimited"]).exits(0);
    run("prefer", &[]).exits(0);
    let report = project.report();
    let said = report["degraded"].as_array().unwrap().iter().filter_map(Value::as_str).collect::<String>();
    assert!(
        !report["layers"]["cgroup"].is_null() || said.contains("limits.pids (but of each user id by itself)"),
        "{report}"
    );
}
