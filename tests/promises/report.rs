//! The report: one JSON object that tells how the run ended, without guessing.

use super::harness::{Project, binary, finish};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;

/// The report of `sandbox -p PROFILE FLAGS --report r.json -- sh -c SCRIPT`.
fn report(flags: &[&str], script: &str) -> Value {
    let project = Project::new();
    project.shell(&[flags, &["--report", "r.json"]].concat(), script);
    project.report()
}

#[test]
fn the_fields_of_an_ordinary_end() {
    let r = report(&["-p", "build", "--name", "case-7"], "echo hello; echo oops >&2; exit 3");
    assert_eq!(r["version"], 1);
    assert_eq!(r["sandbox"], env!("CARGO_PKG_VERSION"));
    assert_eq!((&r["status"], &r["exit_code"], &r["signal"]), (&"exited".into(), &3.into(), &Value::Null));
    assert_eq!(r["sandbox_exit_code"], 3);
    assert_eq!((&r["stdout_bytes"], &r["stderr_bytes"]), (&6.into(), &5.into()));
    assert_eq!(r["name"], "case-7");
    assert_eq!(r["command"][0], "sh");
    assert_eq!((&r["error"], &r["interrupted_by"]), (&Value::Null, &Value::Null));
    assert_eq!(r["limits_hit"].as_array().unwrap().len(), 0);
    assert_eq!(r["limits"]["pids"], 4096);
    assert!(r["wall_time_us"].as_u64().unwrap() > 0);
    assert!(r["started_at"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn a_signal_is_told_and_the_exit_code_is_null() {
    let r = report(&["-p", "build"], "kill -ABRT $$");
    assert_eq!((&r["status"], &r["exit_code"], &r["signal"]), (&"signaled".into(), &Value::Null, &6.into()));
    assert_eq!((&r["sandbox_exit_code"], &r["core_dumped"]), (&134.into(), &false.into()));
}

#[test]
fn what_was_not_measured_is_null() {
    let r = report(&["-p", "build"], "true");
    for key in ["memory_peak_bytes", "pids_peak", "oom_kills"] {
        assert!(r.get(key).is_some(), "no {key}");
    }
    assert_eq!(r["pids_peak"], Value::Null, "nothing counts processes without a cgroup");
}

#[test]
fn the_time_that_the_command_used_is_there() {
    let r = report(&["-p", "build"], "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done");
    let [user, wall] = ["user_time_us", "wall_time_us"].map(|key| r[key].as_u64().unwrap());
    // What its process used before it was given the word is in the first only.
    assert!(0 < user && user < wall + 10_000, "{r}");
}

#[test]
fn the_layers_and_profiles_are_named() {
    let r = report(&["-p", "test"], "true");
    let names = |v: &Value| v.as_array().unwrap().iter().map(|n| n.as_str().unwrap().to_owned()).collect::<Vec<_>>();
    for kind in ["user", "mount", "pid", "net", "uts", "ipc"] {
        assert!(names(&r["layers"]["namespaces"]).contains(&kind.to_owned()), "{r}");
    }
    assert!(r["layers"]["seccomp"]["calls"].as_u64().unwrap() > 200, "{r}");
    assert_eq!(r["layers"]["uid"]["inside"], nix::unistd::geteuid().as_raw());
    let profiles: Vec<_> = r["profiles"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
    assert!(profiles.contains(&"test"), "{r}");
    assert_eq!(r["profiles"][0]["sha256"].as_str().unwrap().len(), 64);
}

#[test]
fn a_failed_set_up_tells_kind_path_origin_and_remedy() {
    let project = Project::new();
    project.write("cc.yaml", "extends: [build]\nmounts:\n  - ro: /no/such/dir\n");
    project.run(&["-p", "./cc.yaml", "--report", "r.json", "--", "true"]).exits(125);
    let r = project.report();
    assert_eq!((&r["status"], &r["sandbox_exit_code"]), (&"setup-failed".into(), &125.into()));
    let e = &r["error"];
    assert_eq!(e["kind"], "profile");
    assert_eq!(e["path"], "/no/such/dir");
    assert!(e["origin"].as_str().unwrap().contains("cc.yaml:3"), "{r}");
    assert!(e["message"].is_string() && e["remedy"].is_string(), "{r}");
}

#[test]
fn a_command_not_found_is_exec_failed() {
    let project = Project::new();
    project.run(&["-p", "build", "--report", "r.json", "--", "no-such-command"]).exits(127);
    let r = project.report();
    assert_eq!(
        (&r["status"], &r["error"]["kind"], &r["error"]["errno"]),
        (&"exec-failed".into(), &"exec".into(), &"ENOENT".into())
    );
}

#[test]
fn an_old_report_is_gone_before_the_start_and_none_is_no_verdict() {
    let project = Project::new();
    project.write("r.json", "old");
    let output = project.shell(&["-p", "build", "--report", "r.json"], "ls -A");
    assert!(!output.ok().lines().any(|name| name == "r.json"));
    assert_eq!(project.report()["status"], "exited");
}

#[test]
fn the_report_can_go_to_a_descriptor() {
    let project = Project::new();
    let script = format!("{} -p build --report fd:7 -- true 7> r.json", binary());
    finish(project.outside("sh", &["-c", &script])).ok();
    assert_eq!(project.report()["status"], "exited");
}

#[test]
fn text_that_is_no_utf_8_and_control_characters_are_escaped() {
    let project = Project::new();
    project.run(&["-p", "build", "--report", "r.json", "--", "echo", "a\u{1b}[31m\n"]).ok();
    let text = project.report_text("r.json");
    assert!(!text.contains('\x1b'), "{text}");
    assert!(text.contains("\\u001b"), "{text}");
}

#[test]
fn a_report_to_a_dash_is_told_where_stdout_is() {
    let project = Project::new();
    project.run(&["--report", "-", "--", "true"]).refused(&["fd:1", "./-"]);
    assert!(!project.path().join("-").exists());
}

// However a run ends, whoever waits for it has its verdict.
#[test]
fn there_is_a_report_however_the_run_ends() {
    for (flags, command, code, status) in [
        (&["--ro", "/no/such/dir"][..], &["true"][..], 125, "setup-failed"),
        (&["-p", "no-such-profile"], &["true"], 125, "setup-failed"),
        (&[], &["no-such-command"], 127, "exec-failed"),
        (&[], &["/tmp"], 126, "exec-failed"),
        (&[], &["sh", "-c", "exit 3"], 3, "exited"),
        (&[], &["sh", "-c", "kill -SEGV $$"], 139, "signaled"),
        (&["--wall-time", "200ms"], &["sleep", "1000"], 124, "wall-timeout"),
        (&["--output", "64K"], &["yes"], 153, "output-limit"),
    ] {
        let project = Project::new();
        project.run(&[&["-p", "build", "--report", "r.json"], flags, &["--"], command].concat()).exits(code);
        let r = project.report();
        assert_eq!((&r["status"], &r["sandbox_exit_code"]), (&status.into(), &code.into()), "{r}");
    }
}

// Layer: a file of its own that is renamed into place. Written in place, the first half would be there.
#[test]
fn a_report_that_cannot_be_written_whole_is_not_there_at_all() {
    let project = Project::new();
    let script = format!("trap '' XFSZ; ulimit -f 1; exec {} -p build --report r.json -- true", binary());
    finish(project.outside("sh", &["-c", &script])).refused(&["report could not be written", "r.json"]);
    assert_eq!(fs::read_dir(project.path()).unwrap().count(), 0, "nothing is left beside it either");
}

// Layer: rename(2), which replaces a link.
#[test]
fn a_link_that_the_command_puts_in_the_place_of_the_report_is_replaced_and_not_followed() {
    let project = Project::new();
    project.write("../target", "as it was");
    project.shell(&["-p", "build", "--report", "r.json"], "ln -s ../target r.json").ok();
    assert_eq!(project.read("../target"), "as it was");
    assert!(project.path().join("r.json").symlink_metadata().unwrap().is_file());
    assert_eq!(project.report()["status"], "exited");
}

// Layer: the directory is held open since before the start.
#[test]
fn a_directory_that_the_command_replaces_by_a_link_does_not_lead_the_report_away() {
    let project = Project::new();
    fs::create_dir(project.home().join("elsewhere")).unwrap();
    fs::create_dir(project.path().join("out")).unwrap();
    let script = "mv out moved; ln -s ../elsewhere out";
    project.shell(&["-p", "build", "--report", "out/r.json"], script).ok();
    assert_eq!(fs::read_dir(project.home().join("elsewhere")).unwrap().count(), 0);
    assert!(project.report_text("moved/r.json").contains("exited"));
}

/// The meta-file of `sandbox -p build FLAGS -- COMMAND`, each key once.
#[track_caller]
fn meta(flags: &[&str], command: &[&str]) -> BTreeMap<String, String> {
    let project = Project::new();
    let report = ["-p", "build", "--report", "m", "--report-format", "isolate"];
    project.run(&[&report, flags, &["--"], command].concat());
    let mut lines = BTreeMap::new();
    for line in project.read("m").lines() {
        let (key, value) = line.split_once(':').unwrap_or_else(|| panic!("no key in {line:?}"));
        assert_eq!(lines.insert(key.to_owned(), value.to_owned()), None, "{key} is there twice");
    }
    lines
}

/// What a grader decides by.
fn decisive(meta: &BTreeMap<String, String>) -> Vec<String> {
    let keys = ["status", "exitcode", "exitsig", "killed", "message"];
    keys.iter().filter_map(|key| meta.get(*key).map(|value| format!("{key}:{value}"))).collect()
}

#[test]
fn a_grader_that_knows_isolate_can_read_how_a_run_ended() {
    for (flags, command, expected) in [
        (&[][..], &["true"][..], &["exitcode:0"][..]),
        (&[], &["sh", "-c", "exit 3"], &["status:RE", "exitcode:3", "message:Exited with error status 3"]),
        (&[], &["sh", "-c", "kill -ABRT $$"], &["status:SG", "exitsig:6", "message:Caught fatal signal 6"]),
        (
            &["--wall-time", "200ms"],
            &["sleep", "1000"],
            &["status:TO", "killed:1", "message:Time limit exceeded (wall clock)"],
        ),
        (&["--output", "64K"], &["yes"], &["status:SG", "exitsig:25", "killed:1", "message:Output limit exceeded"]),
    ] {
        let meta = meta(flags, command);
        assert_eq!(decisive(&meta), expected);
        for key in ["time", "time-wall"] {
            let (seconds, decimals) = meta[key].split_once('.').unwrap();
            assert!(seconds.parse::<u32>().is_ok() && decimals.len() == 3, "{meta:?}");
        }
        for key in ["max-rss", "csw-voluntary", "csw-forced"] {
            assert!(meta[key].parse::<u64>().is_ok(), "{meta:?}");
        }
    }
}

#[test]
fn a_grader_tells_a_program_that_cannot_be_run_from_a_sandbox_that_cannot() {
    let not_there = meta(&[], &["no-such-command"]);
    assert_eq!((not_there["status"].as_str(), not_there["exitcode"].as_str()), ("RE", "127"));
    let failed = meta(&["--ro", "/no/such/dir"], &["true"]);
    assert_eq!(failed.keys().collect::<Vec<_>>(), ["message", "status"]);
    assert_eq!(failed["status"], "XX");
    assert!(failed["message"].contains("/no/such/dir"), "{failed:?}");
}

#[test]
fn a_name_with_a_newline_forges_no_line_of_the_meta_file() {
    for end in ["\n", "\r", "\u{2028}"] {
        let name = format!("x{end}status:OK{end}exitcode:0");
        let meta = meta(&[], &[&name]);
        assert_eq!((meta["status"].as_str(), meta["exitcode"].as_str()), ("RE", "127"));
    }
}

#[test]
fn a_meta_file_takes_the_same_way_as_the_json() {
    let project = Project::new();
    project.write("m", "old");
    let flags = ["-p", "build", "--report", "m", "--report-format", "isolate"];
    let output = project.shell(&flags, "ls -A; ln -s target m");
    assert_eq!(output.ok(), "");
    assert!(project.path().join("m").symlink_metadata().unwrap().is_file());
    assert!(!project.path().join("target").exists());
    symlink("target", project.path().join("link")).unwrap();
    project.run(&["-p", "build", "--report", "link", "--report-format", "isolate", "--", "true"]).refused(&["link"]);
    project.run(&["--report-format", "isolate", "--", "true"]).refused(&["--report FILE"]);
}
