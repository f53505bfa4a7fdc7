//! `schema/report-1.json` says what a report is: the fields of the program, each of them, and nothing else.

#[path = "shared/report.rs"]
mod written_report;

use sandbox::error::{Error, ErrorKind};
use sandbox::host::outcome::{CgroupFigures, MemorySource, Outcome, Status, Usage};
use sandbox::host::report::{LandlockLayer, render};
use sandbox::host::{Options, ReportFormat};
use sandbox::plan::{self, HostFacts, Plan};
use sandbox::prepare::prepare;
use sandbox::profile::Origin;
use sandbox::profile::schema::{Enforcement, SeccompPolicy};
use sandbox::timings::{Lap, Timings};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

static SCHEMA: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../schema/report-1.json")).expect("the schema is JSON"));

/// The words of a closed set, from what serde says about one that is not in it.
fn words<T: DeserializeOwned>() -> BTreeSet<String> {
    let error = serde_json::from_value::<T>(json!("§")).err().expect("§ is no word").to_string();
    error.split('`').skip(3).step_by(2).map(str::to_owned).collect()
}

fn statuses() -> Vec<Status> {
    words::<Status>().into_iter().map(|word| serde_json::from_value(json!(word)).unwrap()).collect()
}

/// How a run with this status ends, everything measured.
fn outcome(status: Status) -> Outcome {
    let (exit_code, signal, limit) = match status {
        Status::Exited => (Some(3), None, None),
        Status::Signaled => (None, Some(11), None),
        Status::WallTimeout => (Some(0), None, Some("wall_time")),
        Status::CpuTimeout => (None, Some(9), Some("cpu_time")),
        Status::OutOfMemory => (None, Some(9), Some("memory")),
        Status::OutputLimit => (None, Some(9), Some("output")),
        Status::ExecFailed | Status::SetupFailed => (None, None, None),
    };
    let kind = if status == Status::ExecFailed { ErrorKind::Exec } else { ErrorKind::Host };
    let error = Error::new(kind, "no")
        .step("execute")
        .path("/x")
        .errno(nix::errno::Errno::ENOENT)
        .origin(&Origin::default())
        .remedy("do");
    let failed = Outcome::failed(error);
    let cgroup = CgroupFigures {
        layer: "delegated",
        memory_peak_bytes: Some(1 << 30),
        pids_peak: Some(3),
        oom_kills: Some(1),
        user_time_us: Some(2),
        system_time_us: Some(1),
    };
    let usage = Usage {
        user_time_us: 1,
        system_time_us: 1,
        max_rss_bytes: 4096,
        voluntary_switches: 1,
        involuntary_switches: 1,
    };
    Outcome {
        status,
        exit_code,
        signal,
        core_dumped: signal.is_some(),
        limits_hit: limit.into_iter().collect(),
        interrupted_by: Some("SIGTERM"),
        error: failed.error.filter(|_| matches!(status, Status::ExecFailed | Status::SetupFailed)),
        started_at: SystemTime::UNIX_EPOCH,
        wall_time: Duration::from_millis(5),
        usage: Some(usage),
        cgroup: Some(cgroup),
        extra_time_used_us: limit.map(|_| 7),
        stdout_bytes: Some(1),
        stderr_bytes: Some(0),
        protected_created: vec!["/p".into()],
        degraded: vec!["no cgroup".into()],
    }
}

fn plan() -> Plan {
    let merged = sandbox::profile::load(&["build".into()], None).unwrap();
    plan::make(merged, vec!["true".into()], &HostFacts::read().unwrap()).unwrap()
}

fn written(outcome: &Outcome, plan: Option<&Plan>, is_prepared: bool) -> Value {
    let options = Options { name: Some("case-7".into()), report_format: ReportFormat::Json, ..Options::default() };
    let prepared = plan.filter(|_| is_prepared).map(|plan| prepare(plan).unwrap());
    let lap = Lap { step: "id-maps", times: 4, from_us: 1, took_us: 1 };
    let timings = Timings { total_us: 2, supervisor: vec![lap], init: vec![lap], payload: vec![lap] };
    let timings = plan.map(|_| &timings);
    serde_json::from_slice(&render(outcome, &options, plan, prepared.as_ref(), timings)).unwrap()
}

/// A report in which nothing is null that a run with this status can have.
fn full(status: Status) -> Value {
    let mut report = written(&outcome(status), Some(&plan()), true);
    // Not every kernel has it.
    if report["layers"].is_object() {
        report["layers"]["landlock"] = json!(LandlockLayer { abi: 7, mode: Enforcement::Prefer });
    }
    report
}

/// The fields of every object: `limits.pids`, `profiles.name`.
fn fields(path: &str, value: &Value, into: &mut BTreeSet<String>) {
    for (key, child) in value.as_object().into_iter().flatten() {
        let path = join(path, key);
        fields(&path, child, into);
        into.insert(path);
    }
    value.as_array().into_iter().flatten().for_each(|item| fields(path, item, into));
}

/// Every object of the schema, by the path that it has in a report.
fn objects(path: &str, schema: &'static Value, into: &mut Vec<(String, &'static Value)>) {
    if let Some(name) = schema["$ref"].as_str() {
        return objects(path, SCHEMA.pointer(name.strip_prefix('#').unwrap()).expect(name), into);
    }
    for choice in schema["anyOf"].as_array().into_iter().flatten() {
        objects(path, choice, into);
    }
    if let Some(items) = schema.get("items") {
        objects(path, items, into);
    }
    if let Some(properties) = schema["properties"].as_object() {
        into.push((path.into(), schema));
        properties.iter().for_each(|(key, child)| objects(&join(path, key), child, into));
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.into() } else { format!("{path}.{key}") }
}

fn all_objects() -> Vec<(String, &'static Value)> {
    let mut all = Vec::new();
    objects("", &SCHEMA, &mut all);
    all
}

fn keys(object: &Value) -> impl Iterator<Item = &String> {
    object.as_object().into_iter().flatten().map(|(key, _)| key)
}

#[test]
fn a_report_of_every_outcome_is_right() {
    let plan = plan();
    for status in statuses() {
        let measured = outcome(status);
        let nothing_measured = Outcome {
            usage: None,
            cgroup: None,
            extra_time_used_us: None,
            interrupted_by: None,
            stdout_bytes: None,
            stderr_bytes: None,
            ..measured.clone()
        };
        for outcome in [measured, nothing_measured] {
            let mut reports = vec![written(&outcome, Some(&plan), true)];
            if outcome.error.is_some() {
                reports.extend([written(&outcome, Some(&plan), false), written(&outcome, None, false)]);
            }
            for report in reports {
                assert_eq!(written_report::errors(&report), Vec::<String>::new(), "{report:#}");
            }
        }
    }
}

#[test]
fn the_schema_has_the_fields_of_the_program_at_each_level() {
    let mut program = BTreeSet::new();
    for status in statuses() {
        fields("", &full(status), &mut program);
    }
    let schema: BTreeSet<String> = all_objects()
        .iter()
        .flat_map(|(path, schema)| keys(&schema["properties"]).map(|key| join(path, key)))
        .collect();
    assert_eq!(program.difference(&schema).collect::<Vec<_>>(), Vec::<&String>::new(), "not in the schema");
    assert_eq!(schema.difference(&program).collect::<Vec<_>>(), Vec::<&String>::new(), "not in the program");
}

#[test]
fn every_object_of_the_schema_is_closed_and_every_field_required() {
    for (path, schema) in all_objects() {
        assert_eq!((&schema["type"], &schema["additionalProperties"]), (&json!("object"), &json!(false)), "{path}");
        let required: BTreeSet<&str> =
            schema["required"].as_array().expect(&path).iter().flat_map(Value::as_str).collect();
        let there: BTreeSet<&str> = keys(&schema["properties"]).map(String::as_str).collect();
        assert_eq!(required, there, "{path}");
    }
}

#[test]
fn the_schema_has_the_words_of_the_program() {
    let at = |pointer: &str| -> BTreeSet<String> {
        let words = SCHEMA.pointer(pointer).and_then(|node| node["enum"].as_array()).expect(pointer);
        words.iter().flat_map(Value::as_str).map(str::to_owned).collect()
    };
    let set = |words: &[Value]| words.iter().map(|word| word.as_str().unwrap().to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(at("/properties/status"), words::<Status>());
    // What is off is not in force: it is null.
    let in_force = |mut words: BTreeSet<String>| (words.remove("off"), words).1;
    assert_eq!(at("/$defs/landlock/properties/mode"), in_force(words::<Enforcement>()));
    assert_eq!(at("/$defs/seccomp/properties/policy"), in_force(words::<SeccompPolicy>()));
    let kinds = [ErrorKind::Usage, ErrorKind::Profile, ErrorKind::Host, ErrorKind::Exec, ErrorKind::Internal];
    assert_eq!(at("/$defs/error/properties/kind"), set(&kinds.map(|kind| json!(kind))));
    let sources = [MemorySource::Cgroup, MemorySource::LargestProcess];
    assert_eq!(at("/properties/memory_source"), set(&sources.map(|source| json!(source))));
    let namespaces = full(Status::Exited)["layers"]["namespaces"].as_array().unwrap().clone();
    assert_eq!(at("/$defs/layers/properties/namespaces/items"), set(&namespaces));
}

#[test]
fn the_page_names_every_field_and_status() {
    let page = include_str!("../docs/report.md");
    let mut names: BTreeSet<String> = words::<Status>();
    for (_, schema) in all_objects() {
        names.extend(keys(&schema["properties"]).cloned());
    }
    let missing: Vec<&String> = names.iter().filter(|name| !page.contains(&format!("`{name}`"))).collect();
    assert_eq!(missing, Vec::<&String>::new());
}

/// Every value in it, by its JSON pointer.
fn values(pointer: &str, value: &Value, into: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(map) => map.iter().map(|(key, child)| (key.clone(), child)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(index, child)| (index.to_string(), child)).collect(),
        _ => Vec::new(),
    };
    for (key, child) in children {
        let pointer = format!("{pointer}/{key}");
        values(&pointer, child, into);
        into.push(pointer);
    }
}

#[track_caller]
fn refused(report: &Value, what: &str) {
    assert!(!written_report::errors(report).is_empty(), "{what} is accepted");
}

#[test]
fn a_report_with_any_field_broken_is_refused() {
    for status in [Status::CpuTimeout, Status::ExecFailed] {
        let right = full(status);
        assert_eq!(written_report::errors(&right), Vec::<String>::new());
        let mut pointers = vec![];
        values("", &right, &mut pointers);
        for pointer in &pointers {
            let changed = |to: Value| {
                let mut report = right.clone();
                *report.pointer_mut(pointer).unwrap() = to;
                report
            };
            refused(&changed(json!({"unknown": 1})), pointer);
            let value = right.pointer(pointer).unwrap();
            if value.is_number() {
                refused(&changed(json!(-1)), &format!("{pointer}: -1"));
                refused(&changed(json!(value.to_string())), &format!("{pointer} as text"));
            }
            if let Some(mut object) = value.as_object().cloned() {
                object.insert("unknown".into(), json!(1));
                refused(&changed(object.into()), &format!("{pointer} with one more"));
            }
            let (parent, key) = pointer.rsplit_once('/').unwrap();
            let mut report = right.clone();
            if let Some(object) = report.pointer_mut(parent).and_then(Value::as_object_mut) {
                object.remove(key);
                refused(&report, &format!("no {pointer}"));
            }
        }
        let mut more = right.clone();
        more["unknown"] = json!(1);
        refused(&more, "one more field");
    }
}

#[test]
fn a_word_that_is_not_known_and_a_form_that_is_not_right_are_refused() {
    for (status, pointers) in [
        (
            Status::CpuTimeout,
            &[
                "/sandbox",
                "/status",
                "/limits_hit/0",
                "/interrupted_by",
                "/started_at",
                "/memory_source",
                "/profiles/0/sha256",
                "/layers/namespaces/0",
                "/layers/landlock/mode",
                "/layers/seccomp/policy",
                "/layers/cgroup",
                "/timings/init/0/step",
            ][..],
        ),
        (Status::ExecFailed, &["/error/kind", "/error/step", "/error/errno"]),
    ] {
        for pointer in pointers {
            let mut report = full(status);
            *report.pointer_mut(pointer).expect(pointer) = json!("§");
            refused(&report, pointer);
        }
    }
}

#[test]
fn a_status_without_what_it_means_is_refused() {
    for (status, key, value) in [
        (Status::Exited, "exit_code", Value::Null),
        (Status::Exited, "signal", json!(9)),
        (Status::Exited, "limits_hit", json!(["output"])),
        (Status::Exited, "layers", Value::Null),
        (Status::Exited, "limits", Value::Null),
        (Status::Exited, "error", full(Status::ExecFailed)["error"].clone()),
        (Status::Exited, "memory_source", Value::Null),
        (Status::Exited, "memory_peak_bytes", Value::Null),
        (Status::Signaled, "signal", Value::Null),
        (Status::Signaled, "exit_code", json!(0)),
        (Status::WallTimeout, "limits_hit", json!([])),
        (Status::CpuTimeout, "limits_hit", json!(["wall_time"])),
        (Status::OutOfMemory, "limits_hit", json!(["output"])),
        (Status::OutputLimit, "limits_hit", json!(["memory"])),
        (Status::ExecFailed, "error", Value::Null),
        (Status::SetupFailed, "error", Value::Null),
        (Status::SetupFailed, "exit_code", json!(0)),
        (Status::SetupFailed, "layers", full(Status::Exited)["layers"].clone()),
    ] {
        let mut report = full(status);
        report[key] = value;
        refused(&report, &format!("{status:?} with {key} = {}", report[key]));
    }
}

#[test]
#[should_panic = "is a required property"]
fn a_test_that_reads_a_broken_report_fails() {
    let mut report = full(Status::Exited);
    report.as_object_mut().unwrap().remove("oom_kills");
    written_report::read(&report.to_string());
}
