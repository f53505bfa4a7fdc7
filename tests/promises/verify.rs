//! `sandbox verify`: each promise is tried on this host, and a probe that could not fail would say nothing.

use super::harness::{Output, Project, finish, patience, root};
use nix::sys::statfs::{TMPFS_MAGIC, statfs};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::LazyLock;

static SCHEMA: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
    let schema = serde_json::from_str(include_str!("../../schema/verify-1.json")).expect("the schema is JSON");
    jsonschema::draft202012::new(&schema).expect("the schema is one")
});

/// What `sandbox verify --json FLAGS` printed: right by its schema, and its counts those of its verdicts.
#[track_caller]
fn read(output: &Output) -> Value {
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let wrong: Vec<String> =
        SCHEMA.iter_errors(&printed).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(wrong.is_empty(), "{wrong:#?}\n{printed:#}");
    for (count, word) in [("holds", "holds"), ("fails", "fails"), ("granted", "granted"), ("not_tried", "not-tried")] {
        assert_eq!(printed["counts"][count], with(&printed, word).len(), "{word}");
    }
    printed
}

#[track_caller]
fn verify(project: &Project, flags: &[&str]) -> Value {
    read(project.run(&[&["verify", "--json"], flags].concat()).exits(0))
}

/// The probes with this verdict.
fn with(printed: &Value, word: &str) -> BTreeSet<String> {
    let those = printed["verdicts"].as_array().unwrap().iter().filter(|verdict| verdict["verdict"] == word);
    those.map(|verdict| verdict["id"].as_str().unwrap().to_owned()).collect()
}

/// Probe → what gives it away.
fn granted(printed: &Value) -> BTreeMap<String, String> {
    let verdicts = printed["verdicts"].as_array().unwrap().iter();
    let keys = verdicts.filter_map(|verdict| Some((&verdict["id"], verdict["granted_by"].as_str()?)));
    keys.map(|(id, key)| (id.as_str().unwrap().to_owned(), key.to_owned())).collect()
}

/// What is given away; but not that a project is shown whose file system is the host's memory, as /tmp is in Debian 13.
fn granted_power(printed: &Value) -> BTreeSet<String> {
    let in_memory = statfs("/tmp").unwrap().filesystem_type() == TMPFS_MAGIC;
    granted(printed).into_keys().filter(|id| !in_memory || id != "memory-file-systems").collect()
}

fn set<const N: usize>(ids: [&str; N]) -> BTreeSet<String> {
    ids.map(str::to_owned).into()
}

const BUILT_IN: [&str; 9] = ["default", "build", "test", "rust", "python", "node", "agent", "shell", "strict"];

#[test]
fn every_promise_of_the_built_in_profiles_holds_here() {
    let project = Project::new();
    for profile in BUILT_IN {
        let printed = verify(&project, &["-p", profile, "--cgroup", "prefer"]);
        assert_eq!(printed["profiles"].as_array().unwrap().last().unwrap()["name"], profile);
        assert_eq!(printed["cut_short"], Value::Null);
        assert_eq!(printed["uid"]["outside"].as_u64().unwrap() >= 65536, root(), "{profile}");
        // `test` and all that extend it let a command trace its own processes.
        let of_test = !["default", "build", "shell", "strict"].contains(&profile);
        let expected = if of_test { set(["other-processes"]) } else { set([]) };
        assert_eq!(granted_power(&printed), expected, "{profile}");
        assert!(with(&printed, "holds").len() > 70, "{profile}: {:?}", with(&printed, "not-tried"));
    }
}

// Without this, each of the tests above would be one that cannot fail.
#[test]
fn outside_a_sandbox_nearly_every_promise_is_broken() {
    let output = Project::new().run(&["verify", "--json", "--without-sandbox"]);
    let printed = read(output.exits(1));
    assert_eq!(printed["sandboxed"], false);
    // What the kernel itself refuses an ordinary user, or everybody.
    let mut held = set(["hard-limits", "working-directory"]);
    if !root() {
        held.extend(set(["device-nodes", "init-files", "kernel-log", "other-ids", "own-limits", "proc-settings"]));
    }
    let kept: BTreeSet<String> = with(&printed, "holds").difference(&held).cloned().collect();
    // On another host a file may not be there, or a setting forbid what this one allows.
    assert!(kept.len() <= 4, "{kept:?}");
    assert!(with(&printed, "fails").len() > 60, "{printed:#}");
    let always = [
        "secret-file",
        "way-up",
        "read-only-content",
        "read-only-metadata",
        "read-only-names",
        "hidden-file",
        "namespaces",
        "processes-seen",
        "process-signalled",
        "process-group-signalled",
        "process-group-priority",
        "command-lines",
        "what-is-left-running",
        "stdin-file",
        "stdout-log",
        "typing",
        "environment",
        "environment-of-processes",
        "tcp-ipv4",
        "udp",
        "abstract-socket",
        "path-socket",
        "netlink",
        "no-new-privileges",
        "filter",
        "mount-calls",
        "host-left-alone",
        "descriptors",
    ];
    let whole: Vec<_> = set(always).difference(&with(&printed, "fails")).cloned().collect();
    assert!(whole.is_empty(), "{whole:?}");
}

#[test]
fn what_the_profile_gives_away_is_granted_by_its_key() {
    let project = Project::new();
    let network = granted(&verify(&project, &["--network", "host"]));
    for probe in ["namespaces", "tcp-ipv4", "udp"] {
        assert_eq!(network.get(probe).map(String::as_str), Some("network.mode: host"), "{probe}: {network:?}");
    }
    let no_filter = granted(&verify(&project, &["--seccomp", "off"]));
    let probes = ["filter", "typing", "mount-calls", "keys", "personality", "set-id-files", "netlink", "init-changed"];
    for probe in probes {
        assert_eq!(no_filter.get(probe).map(String::as_str), Some("seccomp.policy: off"), "{probe}: {no_filter:?}");
    }
    let variable = verify(&project, &["--env", "SANDBOX_VERIFY_CANARY"]);
    assert_eq!(granted_power(&variable), set(["environment", "environment-of-processes"]));
    let call = granted(&verify(&project, &["--seccomp-allow", "personality"]));
    assert_eq!(call.get("personality").map(String::as_str), Some("seccomp.allow: personality"));
}

#[test]
fn each_feature_gives_away_its_own_and_no_more() {
    let project = Project::new();
    for (feature, probes) in [
        ("ptrace", set(["other-processes"])),
        ("keyring", set(["keys"])),
        ("personality", set(["personality"])),
        ("set_id_bits", set(["set-id-files"])),
        ("userns", set(["user-namespace", "other-namespaces", "mount-calls"])),
    ] {
        assert_eq!(granted_power(&verify(&project, &["--feature", feature])), probes, "{feature}");
    }
}

// Layer: Landlock itself; before ABI 3 the probe says that it cannot tell.
#[test]
fn without_landlock_its_probe_is_granted() {
    let printed = verify(&Project::new(), &["--landlock", "off"]);
    assert!(with(&printed, "not-tried").contains("landlock") || granted_power(&printed) == set(["landlock"]));
}

#[test]
fn a_shown_secret_is_granted_by_the_mount_that_shows_it() {
    if root() {
        // The place of its files is a directory of root's own, which is closed to the command's id whatever shows it.
        return;
    }
    let project = Project::new();
    let place = tempfile::tempdir_in("/tmp").unwrap();
    let mut command = project.sandbox(&["verify", "--json", "--ro", "/dev/shm", "--ro", "/var/tmp", "--ro", "/tmp"]);
    command.env("TMPDIR", place.path());
    let output = finish(command);
    let keys = granted(&read(output.exits(0)));
    assert_eq!(keys.get("secret-file").map(String::as_str), Some("mounts: /tmp (--ro)"), "{keys:?}");
}

#[test]
fn limits_that_are_soon_reached_are_reached() {
    let project = Project::new();
    // The battery itself must not use it up; and 3 s is the most that it tries.
    let cpu_time = format!("{}s", (patience().as_secs() / 60).min(3));
    let flags = [
        "--pids",
        "20",
        "--file-size",
        "1MiB",
        "--open-files",
        "64",
        "--address-space",
        "4GiB",
        "--cpu-time",
        &cpu_time,
        "--output",
        "4MiB",
    ];
    let holds = with(&verify(&project, &flags), "holds");
    let limits = set(["processes", "file-size", "open-files", "address-space", "cpu-time", "output"]);
    assert!(limits.is_subset(&holds), "{holds:?}");
    let holds = with(&verify(&project, &["--wall-time", "3s"]), "holds");
    assert!(holds.contains("wall-time"), "{holds:?}");
}

// What was not tried must not pass for a success.
#[test]
fn a_run_that_ends_before_the_last_probe_is_an_error() {
    let output = Project::new().run(&["verify", "--json", "--output", "1KiB"]);
    output.exits(125).says(&["not all was tried", "output-limit"]);
    let printed = read(&output);
    assert_eq!(printed["cut_short"], "output-limit");
    assert!(printed["counts"]["not_tried"].as_u64().unwrap() > 20);
}

#[test]
fn attempts_that_find_no_room_are_an_error() {
    for limit in [["--pids", "2"], ["--open-files", "4"]] {
        let output = Project::new().run(&[&["verify", "--json"][..], &limit].concat());
        output.exits(125).says(&["not all was tried", "left no room", "limits.pids"]);
        let printed = read(&output);
        assert_eq!(printed["cut_short"], "no-room");
        assert!(with(&printed, "not-tried").contains("process-memory"), "{printed:#}");
    }
    // Not even the probes themselves: no secret is accused of that.
    Project::new().run(&["verify", "--address-space", "1MiB"]).refused(&["could not start", "limits.address_space"]);
}

#[test]
fn a_granted_device_is_seen_among_the_harmless() {
    let printed = verify(&Project::new(), &["--device", "/dev/ptmx"]);
    assert_eq!(granted(&printed).get("devices").map(String::as_str), Some("mounts: /dev/ptmx (--device)"));
}

#[test]
fn shown_facts_of_the_host_are_granted_by_the_mount_that_shows_them() {
    let keys = granted(&verify(&Project::new(), &["--ro", "/etc"]));
    assert_eq!(keys.get("accounts").map(String::as_str), Some("mounts: /etc (--ro)"), "{keys:?}");
    verify(&Project::new(), &["--ro", "/var/lib"]);
}

// A refusal of another kind would pass for the limit's.
#[test]
fn only_the_limit_itself_holds_a_limit() {
    let project = Project::new();
    let printed = verify(&project, &["--seccomp-deny", "memfd_create", "--file-size", "1MiB"]);
    assert!(with(&printed, "not-tried").contains("file-size"), "{printed:#}");
    let bare = read(&project.run(&["verify", "--json", "--without-sandbox", "--address-space", "1TiB"]));
    assert!(!with(&bare, "holds").contains("address-space"), "{bare:#}");
    let open = with(&verify(&project, &[]), "not-tried");
    assert!(open.is_superset(&set(["file-size", "open-files", "address-space", "memory", "output"])), "{open:?}");
}

#[test]
fn what_cannot_be_looked_at_does_not_hold() {
    let printed = verify(&Project::new(), &["--seccomp-deny", "getdents64"]);
    let blind = set(["devices", "processes-seen", "environment-of-processes", "sys", "roots-of-processes"]);
    assert!(with(&printed, "not-tried").is_superset(&blind), "{printed:#}");
}

#[test]
fn what_cannot_be_run_is_told_in_the_words_of_the_run() {
    let project = Project::new();
    project.run(&["verify", "-p", "nosuch"]).refused(&["no profile \"nosuch\""]);
    project.run(&["verify", "--ro", "/not/there"]).refused(&["--ro", "/not/there does not exist"]);
    project.run(&["verify", "--landlock", "require", "--landlock-min-abi", "99"]).refused(&["landlock", "99"]);
    project.run(&["verify", "--", "ls"]).refused(&["verify brings its own command"]);
    project.run(&["verify", "--report", "r.json"]).refused(&["verify makes a run of its own"]);
}

#[test]
fn the_filter_that_kills_is_verified_too() {
    let printed = verify(&Project::new(), &["--seccomp-on-deny", "kill"]);
    assert_eq!(printed["cut_short"], Value::Null);
    assert!(with(&printed, "holds").contains("typing"));
    // The filter ends the first of its attempts, and not the others.
    let verdicts = printed["verdicts"].as_array().unwrap();
    let memory = verdicts.iter().find(|verdict| verdict["id"] == "process-memory").unwrap();
    assert!(memory["seen"].as_str().unwrap().starts_with("killed by the filter, E"), "{memory}");
}

// Then verify's own files lie where the profile shows nothing, and that may be a tmpfs of the host's.
#[test]
fn a_profile_that_may_write_tmp_is_verified_from_elsewhere() {
    if root() {
        // Of root's files there only those can be written that are mapped to the command's id; that is another test's.
        return;
    }
    // Where the home lies below it, /tmp is refused.
    let home = tempfile::tempdir_in(std::env::var_os("HOME").unwrap()).unwrap();
    let project = Project::new();
    let mut command = project.sandbox(&["verify", "--json", "--rw", "/tmp"]);
    command.env("HOME", home.path());
    let printed = read(finish(command).exits(0));
    // Where the host's /tmp is one in memory, that one is granted.
    let seen: BTreeSet<_> = ["holds", "granted"].into_iter().flat_map(|verdict| with(&printed, verdict)).collect();
    assert!(with(&printed, "holds").is_superset(&set(["secret-file", "supervisor-killed"])), "{printed:#}");
    assert!(seen.is_superset(&set(["memory-file-systems"])), "{printed:#}");
}

#[test]
fn it_works_at_home_and_counts_directories_from_where_it_is_typed() {
    let project = Project::new();
    let mut at_home = project.sandbox(&["verify", "--json"]);
    at_home.current_dir(project.home());
    read(finish(at_home).exits(0));
    let mut above = project.sandbox(&["verify", "--json", "-C", "project"]);
    above.current_dir(project.home());
    read(finish(above).exits(0));
}

#[test]
fn the_text_fits_a_terminal_and_ends_with_the_counts() {
    let output = Project::new().run(&["verify", "-p", "build"]);
    let text = output.exits(0).text();
    let wide: Vec<&str> = text.lines().filter(|line| line.chars().count() > 100).collect();
    assert!(wide.is_empty(), "{wide:#?}");
    assert!(text.contains("  holds     What was not granted is not there"), "{text}");
    assert!(text.contains("hold, 0 fail,") && text.contains("build, uid 0 inside"), "{text}");
    let broken = Project::new().run(&["verify", "--without-sandbox"]).exits(1).text();
    assert!(broken.starts_with("FAILS     What was not granted is not there\n            secret-file: "), "{broken}");
}

#[test]
fn nothing_of_a_verification_is_left_on_the_host() {
    let project = Project::new();
    let place = tempfile::tempdir().unwrap();
    for flags in [&["--seccomp", "off", "--network", "host"][..], &["--without-sandbox"]] {
        let mut command = project.sandbox(&[&["verify"], flags].concat());
        command.env("TMPDIR", place.path());
        finish(command);
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0, "{flags:?}");
        assert_eq!(fs::read_dir(project.path()).unwrap().count(), 0, "{flags:?}");
    }
    // Of this test's own runs: neighbours may just be verifying too.
    let marker = place.path().to_string_lossy().into_owned();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let left =
        processes.filter(|entry| fs::read(entry.path().join("environ")).is_ok_and(|bytes| holds(&bytes, &marker)));
    assert_eq!(left.count(), 0);
}

#[test]
fn a_file_of_the_callers_that_has_a_name_of_verifys_stays() {
    let project = Project::new();
    // Whatever number the probe has inside.
    let names: Vec<_> = (1..300).map(|pid| project.path().join(format!("sandbox-verify-{pid}"))).collect();
    names.iter().for_each(|name| fs::write(name, "precious").unwrap());
    verify(&project, &["-p", "build"]);
    assert!(names.iter().all(|name| name.exists()));
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

// The segment is the run's only trace that no process and no directory holds.
#[test]
fn no_shared_memory_segment_is_left() {
    let project = Project::new();
    let output = finish(project.outside(
        "unshare",
        &unshared(&[
            "sh",
            "-c",
            &format!("{} verify > /dev/null; tail -n +2 /proc/sysvipc/shm | wc -l", super::harness::binary()),
        ]),
    ));
    assert_eq!(output.ok(), "0");
}

/// In an IPC namespace of its own.
fn unshared<'a>(command: &[&'a str]) -> Vec<&'a str> {
    let flags: &[&str] = if root() { &["-i"] } else { &["-i", "-U", "-c"] };
    [flags, command].concat()
}

/// Every name of a property, at any level.
fn properties(schema: &Value, into: &mut BTreeSet<String>) {
    for (key, child) in schema.as_object().into_iter().flatten() {
        if key == "properties" {
            into.extend(child.as_object().unwrap().keys().cloned());
        }
        properties(child, into);
    }
}

#[test]
fn the_page_names_every_field_of_the_schema() {
    let schema: Value = serde_json::from_str(include_str!("../../schema/verify-1.json")).unwrap();
    let page = include_str!("../../docs/verify.md");
    let mut names = BTreeSet::new();
    properties(&schema, &mut names);
    let missing: Vec<_> = names.iter().filter(|name| !page.contains(&format!("`{name}`"))).collect();
    assert_eq!(missing, Vec::<&String>::new());
}
