//! The report: one JSON object that tells how the run ended, without guessing.

use super::harness::Project;
use serde_json::Value;

/// The report of `sandbox -p PROFILE FLAGS --report r.json -- sh -c SCRIPT`.
fn report(flags: &[&str], script: &str) -> Value {
    let project = Project::new();
    project.shell(&[flags, &["--report", "r.json"]].concat(), script);
    serde_json::from_str(&project.read("r.json")).unwrap()
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
    assert!(r["user_time_us"].as_u64().unwrap() > 10_000, "{r}");
    assert!(r["wall_time_us"].as_u64() >= r["user_time_us"].as_u64(), "{r}");
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
    let r: Value = serde_json::from_str(&project.read("r.json")).unwrap();
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
    let r: Value = serde_json::from_str(&project.read("r.json")).unwrap();
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
    assert!(project.read("r.json").starts_with('{'));
}

#[test]
fn the_report_can_go_to_a_descriptor() {
    let project = Project::new();
    let script = format!("{} -p build --report fd:7 -- true 7> r.json", super::harness::binary());
    super::harness::finish(project.outside("sh", &["-c", &script])).ok();
    assert!(serde_json::from_str::<Value>(&project.read("r.json")).is_ok());
}

#[test]
fn text_that_is_no_utf_8_and_control_characters_are_escaped() {
    let project = Project::new();
    project.run(&["-p", "build", "--report", "r.json", "--", "echo", "a\u{1b}[31m\n"]).ok();
    let text = project.read("r.json");
    assert!(!text.contains('\x1b'), "{text}");
    assert!(text.contains("\\u001b"), "{text}");
}

#[test]
fn a_report_to_a_dash_is_told_where_stdout_is() {
    let project = Project::new();
    project.run(&["--report", "-", "--", "true"]).refused(&["fd:1", "./-"]);
    assert!(!project.path().join("-").exists());
}
