//! `schema/profile-1.json` says of every profile what `sandbox profile check` says.

use sandbox::profile::builtin::BUILT_IN;
use sandbox::profile::schema::{Mount, Profile};
use sandbox::profile::text;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::Command;
use std::sync::LazyLock;

static SCHEMA: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../schema/profile-1.json")).expect("the schema is JSON"));
static VALIDATOR: LazyLock<jsonschema::Validator> =
    LazyLock::new(|| jsonschema::draft202012::new(&SCHEMA).expect("the schema is one"));

/// What an editor with the schema makes of the text.
fn schema_accepts(yaml: &str) -> bool {
    VALIDATOR.is_valid(&serde_yaml::from_str(yaml).expect(yaml))
}

/// What `sandbox profile check` makes of it.
fn sandbox_accepts(yaml: &str) -> bool {
    let mut file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
    file.write_all(yaml.as_bytes()).unwrap();
    let mut check = Command::new(env!("CARGO_BIN_EXE_sandbox"));
    let output = check.args(["profile", "check"]).arg(file.path()).output().unwrap();
    assert!(output.status.success() || output.stderr.starts_with(b"sandbox: "), "{yaml}\n{output:?}");
    output.status.success()
}

const RIGHT: &[&str] = &[
    "version: 1",
    "{description: What it is for, extends: [build], command: [make, -j, 8]}",
    "{hostname: box, workdir: \"${PWD}/src\", terminal: safe, network: {mode: host}}",
    "user: {uid: caller, gid: 0, map: single, outside: auto}",
    "user: {map: subordinate}",
    "user: {uid: \"1000\", gid: 4294967294, outside: 65534}",
    "environment: {keep: [\"LC_*\"], drop: [LC_ALL], set: {JOBS: 8, ON: true, A: text}}",
    "mounts: []",
    "root: {path: \"${PROFILE_DIR}/root\", writable: no}",
    "root: {name: debian, writable: tmpfs, size: 2GiB}",
    "root: {writable: persistent}",
    "mounts: [{ro: /a, at: /b, optional: true, create: true, noexec: true}]",
    "mounts: [{tmpfs: /a, size: 1.5GiB, inodes: 10, mode: \"1777\"}]",
    "mounts: [{tmpfs: /a, size: 65536, mode: \"700\"}]",
    "mounts: [{file: /a, content: \"\"}, {file: /b, from: /c, mode: \"0444\"}, {symlink: /d, to: e}]",
    "mounts: [{hide: \"/a/*\", optional: true}, {socket: /s}, {device: /dev/kvm, at: /d}, {unset: /tmp}]",
    "limits: {pids: 64, wall_time: 1h30m, kill_after: 500ms, output: unlimited, file_size: 64M, core: 0}",
    "limits: {pids: unlimited, wall_time: 1.5s, stack: 8MiB, open_files: \"64\", address_space: 2T, locked_memory: 64KiB}",
    "limits: {wall_time: 1h2m3s4ms5us}",
    "limits: {memory: 512MiB, swap: 0, cpus: 2, cpu_weight: 1, io_weight: 10000, cpu_time: 2s, extra_time: 500ms}",
    "limits: {memory: unlimited, swap: unlimited, cpus: unlimited, cpu_time: unlimited}",
    "limits: {cpus: 0.01}",
    "limits: {cpus: 1.125, cpu_weight: \"100\", io_weight: \"007\"}",
    "limits: {cpus: \"999999.999\"}",
    "limits: {cpus: 999999}",
    "features: {ptrace: true, userns: false}",
    "seccomp: {policy: strict, on_deny: kill, allow: [mount], deny: [ptrace]}",
    "{landlock: {mode: require, min_abi: 4}, cgroup: {mode: off}}",
    "{capabilities: [CAP_NET_BIND_SERVICE], pass_fds: [3, 9]}",
];

const WRONG: &[&str] = &[
    "limit: {pids: 4}",
    "version: 2",
    "[]",
    "hostname: null",
    "extends: default",
    "user: {uid: root}",
    "user: {uid: -1}",
    "user: {outside: 4294967295}",
    "user: {map: both}",
    "environment: {keep: PATH}",
    "environment: {set: [A]}",
    "environment: {set: {A: [b]}}",
    "mounts: {ro: /a}",
    "root: debian",
    "root: {path: /a, name: a}",
    "root: {path: [/a]}",
    "root: {name: a, writable: true}",
    "root: {name: a, writable: always}",
    "root: {name: a, size: 0}",
    "root: {name: a, sizes: 1G}",
    "mounts: [/a]",
    "mounts: [{}]",
    "mounts: [{optional: true}]",
    "mounts: [{ro: /a, rw: /b}]",
    "mounts: [{ro: [/a]}]",
    "mounts: [{ro: /a, optionl: true}]",
    "mounts: [{ro: /a, optional: \"yes\"}]",
    "mounts: [{file: /a}]",
    "mounts: [{file: /a, content: x, from: /b}]",
    "mounts: [{symlink: /a}]",
    "mounts: [{tmpfs: /a, mode: 755}]",
    "mounts: [{tmpfs: /a, mode: \"0999\"}]",
    "mounts: [{tmpfs: /a, mode: \"07777x\"}]",
    "mounts: [{tmpfs: /a, size: 64KB}]",
    "mounts: [{tmpfs: /a, size: 64k}]",
    "mounts: [{tmpfs: /a, size: 0.5}]",
    "mounts: [{tmpfs: /a, size: unlimited}]",
    "mounts: [{tmpfs: /a, inodes: 1M}]",
    "mounts: [{tmpfs: /a, inodes: 0}]",
    "mounts: [{tmpfs: /a, size: 0}]",
    "mounts: [{tmpfs: /a, size: 0.0K}]",
    "network: {mode: bridge}",
    "network: {allow: [example.org]}",
    "limits: 5",
    "limits: {pids: -1}",
    "limits: {pids: 1K}",
    "limits: {pids: many}",
    "limits: {wall_time: 30}",
    "limits: {wall_time: \"30\"}",
    "limits: {wall_time: \"\"}",
    "limits: {wall_time: 1s1h}",
    "limits: {wall_time: 1d}",
    "limits: {kill_after: unlimited}",
    "limits: {output: -1}",
    "limits: {output: 1.5}",
    "limits: {memory: 512MB}",
    "limits: {memory: -1}",
    "limits: {swap: some}",
    "limits: {cpus: 0}",
    "limits: {cpus: -1}",
    "limits: {cpus: 0.009}",
    "limits: {cpus: .inf}",
    "limits: {cpus: 1000000}",
    "limits: {cpus: \"0.0\"}",
    "limits: {cpus: \"0.009\"}",
    "limits: {cpus: \"01\"}",
    "limits: {cpus: \"1e3\"}",
    "limits: {cpus: \"1.2345\"}",
    "limits: {cpus: \"1000000\"}",
    "limits: {cpus: true}",
    "limits: {cpu_weight: 0}",
    "limits: {cpu_weight: 10001}",
    "limits: {io_weight: \"10001\"}",
    "limits: {io_weight: 1.5}",
    "limits: {io_weight: unlimited}",
    "limits: {cpu_time: 2}",
    "limits: {extra_time: unlimited}",
    "features: {ptrace: \"true\"}",
    "features: {gpu: true}",
    "seccomp: {policy: loose}",
    "seccomp: {on_deny: trap}",
    "landlock: {min_abi: -1}",
    "cgroup: {mode: maybe}",
    "pass_fds: [2]",
    "pass_fds: [\"3\"]",
    "pass_fds: [2147483648]",
    "terminal: tame",
];

#[test]
fn every_built_in_profile_is_right() {
    for (name, yaml) in BUILT_IN {
        let profile = serde_yaml::from_str(yaml).unwrap();
        let errors: Vec<String> = VALIDATOR.iter_errors(&profile).map(|error| format!("{name}: {error}")).collect();
        assert_eq!(errors, Vec::<String>::new());
    }
}

#[test]
fn the_schema_and_the_program_accept_what_is_right() {
    for yaml in RIGHT {
        assert_eq!((schema_accepts(yaml), sandbox_accepts(yaml)), (true, true), "(schema, sandbox) on {yaml}");
    }
}

#[test]
fn the_schema_and_the_program_refuse_what_is_wrong() {
    for yaml in WRONG {
        assert_eq!((schema_accepts(yaml), sandbox_accepts(yaml)), (false, false), "(schema, sandbox) on {yaml}");
    }
}

#[test]
fn the_schema_and_the_program_agree_on_every_pair_of_keys_of_a_mount() {
    let value = |key: &str| match key {
        "optional" | "create" | "noexec" => json!(true),
        "size" | "inodes" => json!(1),
        "mode" => json!("0755"),
        _ => json!("/x"),
    };
    let all = keys(&json!(Mount::default()));
    // The third key is what a file or a symbolic link needs besides.
    for (a, b) in all.iter().flat_map(|a| all.iter().map(move |b| (a, b))) {
        for third in [a, "content", "to"] {
            let mount = BTreeMap::from([a, b, third].map(|key| (key, value(key))));
            let yaml = json!({"mounts": [mount]}).to_string();
            let program = text::parse(yaml.as_bytes(), "p.yaml", None).is_ok();
            assert_eq!(schema_accepts(&yaml), program, "schema, against the program, on {yaml}");
        }
    }
}

#[test]
fn the_schema_has_the_keys_of_the_program_at_each_level() {
    let profile = json!(Profile::default());
    let properties = &SCHEMA["properties"];
    assert_eq!(keys(properties), keys(&profile));
    for (key, value) in profile.as_object().unwrap().iter().filter(|(_, value)| value.is_object()) {
        assert_eq!(keys(&properties[key]["properties"]), keys(value), "{key}");
    }
    let kinds = properties["mounts"]["items"]["oneOf"].as_array().unwrap();
    let of_kinds = kinds.iter().flat_map(|kind| {
        let name = kind["$ref"].as_str().unwrap().strip_prefix("#").unwrap();
        keys(&SCHEMA.pointer(name).unwrap()["properties"])
    });
    assert_eq!(of_kinds.collect::<BTreeSet<_>>(), keys(&json!(Mount::default())));
}

#[test]
fn the_schema_has_the_words_of_the_program() {
    for (path, value) in entries("", &SCHEMA["properties"]) {
        let Some(words) = value["enum"].as_array() else { continue };
        let yaml = |word: &Value| match path.split_once('.') {
            Some((outer, inner)) => json!({outer: {inner: word}}).to_string(),
            None => json!({&path: word}).to_string(),
        };
        let errors = text::parse(yaml(&json!("§")).as_bytes(), "p.yaml", None).expect_err(&path);
        let known: Vec<_> = words.iter().map(|word| word.as_str().unwrap()).collect();
        let message = errors[0].to_string();
        assert!(message.ends_with(&format!("Known here: {}", known.join(", "))), "{path}: {message}");
    }
}

#[test]
fn every_object_of_the_schema_is_closed() {
    for (path, value) in entries("", &SCHEMA) {
        if value["properties"].is_object() && value["type"] == "object" {
            assert_eq!(value["additionalProperties"], json!(false), "{path}");
        }
    }
}

fn keys(object: &Value) -> BTreeSet<String> {
    object.as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect()
}

/// Every object below this one, by the path that it describes in a profile.
fn entries(path: &str, value: &Value) -> Vec<(String, Value)> {
    let mut all = vec![(path.to_string(), value.clone())];
    for (key, child) in value.as_object().into_iter().flatten() {
        let path = match (path, key.as_str()) {
            (path, "properties") => path.to_string(),
            ("", key) => key.to_string(),
            (path, key) => format!("{path}.{key}"),
        };
        all.extend(entries(&path, child));
    }
    all
}
