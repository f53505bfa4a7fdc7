use super::*;
use crate::profile::builtin::BUILT_IN;
use crate::profile::schema::Limits;
use crate::profile::units::{Cpus, Limit, Weight};
use proptest::prelude::*;

fn limits(text: &str) -> Limits {
    parse(format!("limits: {text}\n").as_bytes(), "a.yaml", None)
        .unwrap_or_else(|e| panic!("{text}: {}", e[0]))
        .profile
        .limits
}

fn says(text: &str) -> String {
    match parse(text.as_bytes(), "cc.yaml", None) {
        Ok(_) => "no error".into(),
        Err(errors) => errors.iter().map(Error::to_string).collect::<Vec<_>>().join("\n"),
    }
}

/// Each text with what is said about it.
fn page(texts: &[&str]) -> String {
    texts.iter().map(|text| format!("{}\n=> {}\n\n", text.trim_end(), says(text).replace('\n', "\n=> "))).collect()
}

#[test]
fn an_unknown_word_is_named_with_its_place_and_the_nearest_known_one() {
    insta::assert_snapshot!(page(&[
        "limit: {pids: 4}\n",
        "limits:\n  pid: 4\n",
        "mounts:\n  - ro: /usr\n    optionl: true\n",
        "network: {mode: hots}\n",
        "network:\n  mode: bridge\n",
        "features: {ptrac: true}\n",
        "zebra: 1\n",
    ]));
}

#[test]
fn a_value_of_the_wrong_kind_is_named_with_its_place() {
    insta::assert_snapshot!(page(&[
        "limits: 5\n",
        "limits:\n  pids: many\n",
        "limits:\n  pids: -1\n",
        "limits:\n  wall_time: 30\n",
        "limits:\n  wall_time: 1.5\n",
        "limits:\n  output: 64KB\n",
        "environment:\n  keep: PATH\n",
        "extends: default\n",
        "user:\n  uid: root\n",
        "user: {outside: 4294967295}\n",
        "mounts:\n  - ro: [/usr]\n",
        "mounts:\n  ro: /usr\n",
        "mounts:\n  - /usr\n",
        "features:\n  ptrace: yes\n",
        "landlock: {min_abi: -1}\n",
        "- default\n",
        "just text\n",
        "pass_fds: [3, 1]\n",
        "pass_fds: [99999999999]\n",
        "mounts:\n  - tmpfs: /a\n    mode: 0755\n",
        "mounts:\n  - tmpfs: /a\n    mode: \"0999\"\n",
    ]));
}

#[test]
fn a_share_of_the_host_that_cannot_be_one_is_refused_as_it_was_written() {
    insta::assert_snapshot!(page(&[
        "limits: {cpus: 0}\n",
        "limits: {cpus: 0.001}\n",
        "limits: {cpus: \"0.009\"}\n",
        "limits: {cpus: -1}\n",
        "limits: {cpus: 1e3}\n",
        "limits: {cpus: 1.2e0}\n",
        "limits: {cpus: \"1e3\"}\n",
        "limits: {cpus: 0x2}\n",
        "limits: {cpus: .inf}\n",
        "limits: {cpus: .nan}\n",
        "limits: {cpus: 1.2345}\n",
        "limits: {cpus: 1000000}\n",
        "limits: {cpus: all}\n",
        "limits: {cpus: null}\n",
        "limits: {cpus: [2]}\n",
        "limits: {cpu_weight: 0}\n",
        "limits: {cpu_weight: 10001}\n",
        "limits: {io_weight: -1}\n",
        "limits: {io_weight: 1.5}\n",
        "limits: {io_weight: unlimited}\n",
        "limits: {memory: 64MB}\n",
        "limits: {memory: none}\n",
        "limits: {swap: -1}\n",
        "limits: {cpu_time: 2}\n",
        "limits: {extra_time: unlimited}\n",
    ]));
}

#[test]
fn a_number_of_processors_may_be_whole_or_not_and_bare_or_text() {
    for (text, milli) in [("2", 2000), ("1.5", 1500), ("2.0", 2000), ("\"1.25\"", 1250), ("0.01", 10), ("0.1", 100)] {
        assert_eq!(limits(&format!("{{cpus: {text}}}")).cpus, Some(Limit::At(Cpus(milli))), "{text}");
    }
    assert_eq!(limits("{cpus: unlimited}").cpus, Some(Limit::Unlimited));
    assert_eq!(limits("{cpu_weight: \"7\"}").cpu_weight, Some(Weight(7)));
}

#[test]
fn what_a_later_version_brings_is_refused_by_name() {
    insta::assert_snapshot!(page(&["network:\n  allow: [example.org]\n", "version: 2\nfuture: true\n",]));
}

#[test]
fn what_yaml_can_say_and_a_profile_may_not_is_refused() {
    insta::assert_snapshot!(page(&[
        "hostname: &a box\n",
        "mounts: &a\n  - ro: /usr\nextends: *a\n",
        "environment:\n  keep: [*_FLAGS]\n",
        "hostname: !box x\n",
        "limits:\n  <<: {pids: 1}\n",
        "hostname: a\n---\nhostname: b\n",
        "hostname:\n",
        "mounts:\n  - rw: ~\n",
        "limits: {pids: null}\n",
        "limits:\n  pids: 1\n  output: 1M\n  pids: 2\n",
        "environment:\n  set: {A: \"1\", A: \"2\"}\n",
        "hostname: a\nhostname: b\n",
        "mounts: [[[[[[[[[[[[]]]]]]]]]]]]\n",
        "? [a]\n: b\n",
        "",
        "# nothing\n",
    ]));
}

#[test]
fn a_syntax_error_beside_a_variable_or_a_star_says_to_quote() {
    insta::assert_snapshot!(page(&[
        "mounts:\n  - {rw: ${PWD}}\n",
        "environment:\n  keep: [A, *B]\n",
        "hostname: [a\n",
        "hostname: \"a\n",
        "a: b: c\n",
        "\thostname: a\n",
    ]));
}

#[test]
fn a_mount_has_one_kind_and_only_its_options() {
    insta::assert_snapshot!(page(&[
        "mounts:\n  - optional: true\n",
        "mounts:\n  - ro: /a\n    rw: /b\n",
        "mounts:\n  - ro: /a\n    size: 1M\n",
        "mounts:\n  - tmpfs: /a\n    optional: true\n",
        "mounts:\n  - tmpfs: /a\n    size: 0\n",
        "mounts:\n  - tmpfs: /a\n    inodes: 0\n",
        "mounts:\n  - unset: /a\n    optional: true\n",
        "mounts:\n  - file: /a\n",
        "mounts:\n  - file: /a\n    content: x\n    from: y\n",
        "mounts:\n  - symlink: /a\n",
        "mounts:\n  - ro: /fine\n  - hide: /a\n    at: /b\n  - symlink: /c\n",
    ]));
}

#[test]
fn every_key_of_the_reference_is_read() {
    let text = r#"
version: 1
description: All of it.
extends: [default, ./beside.yaml]
command: [make, -j8]
hostname: box
workdir: ${PWD}/src
user: {uid: caller, gid: 0, map: single, outside: auto}
root: {path: ~/roots/a, writable: tmpfs, size: 2GiB}
environment:
  keep: [A, "B_*"]
  drop: [C]
  set: {D: "1"}
mounts:
  - {ro: /a, at: /b, optional: true, create: true, noexec: true}
  - {rw: /a, at: /b, optional: true, create: true, noexec: true}
  - {tmpfs: /c, size: 1GiB, inodes: 1000, mode: "1777", noexec: true}
  - {file: /d, content: "x\n", mode: "0644"}
  - {file: /e, from: /f}
  - {symlink: /g, to: /h}
  - {hide: "/i/*", optional: true}
  - {socket: /j, at: /k, optional: true}
  - {device: /dev/kvm, at: /l, optional: true}
  - {unset: /m}
network: {mode: host}
limits:
  {memory: 512MiB, swap: 64M, cpus: 1.5, cpu_weight: 50, io_weight: 200, pids: 5, cpu_time: 2s, wall_time: 1h30m,
   extra_time: 500ms, kill_after: 2s, output: unlimited, file_size: 5, open_files: 6, stack: 8M, core: 0,
   address_space: unlimited, locked_memory: 1K}
features:
  {userns: true, ptrace: true, io_uring: true, perf: true, keyring: true, numa: true, personality: true, set_id_bits: true}
seccomp: {policy: strict, on_deny: kill, allow: [mount], deny: [ptrace]}
landlock: {mode: require, min_abi: 4}
cgroup: {mode: prefer}
capabilities: [CAP_NET_BIND_SERVICE]
pass_fds: [3]
terminal: safe
"#;
    let layer = parse(text.as_bytes(), "all.yaml", None).unwrap();
    insta::assert_snapshot!(write(&layer.profile).unwrap());
    assert_eq!(layer.origin("mounts[3].content").to_string(), "all.yaml:18:16: mounts[3].content");
}

#[test]
fn a_bare_number_where_text_is_expected_is_the_text_as_written() {
    let layer = parse(b"environment: {set: {A: 0x10, B: 1.50, C: true}}", "a.yaml", None).unwrap();
    let values: Vec<&str> = layer.profile.environment.set.values().map(String::as_str).collect();
    assert_eq!(values, ["0x10", "1.50", "true"]);
}

#[test]
fn an_entry_that_is_not_written_has_the_place_of_its_parent() {
    let layer = parse(b"limits:\n  pids: 1\n", "a.yaml", None).unwrap();
    assert_eq!(layer.origin("limits.output.x").position, Some((1, 1)));
    assert_eq!(layer.origin("limits.pids").position, Some((2, 3)));
}

#[test]
fn a_profile_of_more_than_a_mebibyte_is_refused() {
    let mut text = "description: ".to_string();
    text.push_str(&"x".repeat(MAX_BYTES - text.len()));
    assert_eq!(says(&text), "no error");
    text.push('x');
    assert_eq!(says(&text), "cc.yaml:1:1: larger than 1 MiB, the most that a profile may be");
}

#[test]
fn bytes_that_are_not_utf8_are_refused() {
    let errors = parse(b"hostname: \xff\n", "cc.yaml", None).unwrap_err();
    assert_eq!(errors[0].to_string(), "cc.yaml:1:1: not UTF-8 text");
}

#[test]
fn built_in_profiles_read_back_as_written() {
    for (name, text) in BUILT_IN {
        let profile = parse(text.as_bytes(), name, None).unwrap_or_else(|errors| panic!("{}", errors[0])).profile;
        let again = parse(write(&profile).unwrap().as_bytes(), name, None).unwrap().profile;
        assert_eq!(again, profile, "{name}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic_and_each_error_has_a_place(text in "([a-z]{1,6}: ?|[-{}\\[\\]:,&*!#|>'\"$~\n ]|mounts:|limits:|ro|[0-9]){0,40}") {
        if let Err(errors) = parse(text.as_bytes(), "p.yaml", None) {
            prop_assert!(!errors.is_empty());
            for error in errors {
                prop_assert!(error.origin.is_some_and(|origin| origin.position.is_some()));
            }
        }
    }
}
