//! Every step inside, and every single kernel's answer on the way to execve(2).

use super::attempt::{Bench, COMMAND, fault};
use super::harness::{binary, finish, root};
use super::pty::Terminal;
use nix::errno::Errno;
use sandbox::inside::step::Step;

/// Those that some code somewhere might take for "there is no such thing here", and one that nobody expects.
const ERRNOS: [Errno; 8] = [
    Errno::EPERM,
    Errno::EACCES,
    Errno::ENOENT,
    Errno::ENOSYS,
    Errno::EINVAL,
    Errno::EOPNOTSUPP,
    Errno::EAGAIN,
    Errno::EIO,
];

/// The word of the report.
fn word(step: Step) -> String {
    match step {
        Step::PrivatePropagation | Step::OpenSource | Step::Destination | Step::Mount => "mount".into(),
        Step::RootTmpfs | Step::RootOverlay => "root".into(),
        Step::WorkingDirectory => "workdir".into(),
        other => {
            let mut word = String::new();
            for character in format!("{other:?}").chars() {
                word.extend((character.is_uppercase() && !word.is_empty()).then_some('-'));
                word.extend(character.to_lowercase());
            }
            word
        }
    }
}

#[test]
fn without_a_fault_the_command_runs() {
    let bench = Bench::new();
    let (said, report) = bench.runs("", &[]);
    assert_eq!(said, "");
    assert_eq!(report["degraded"], serde_json::json!([]));
    assert!(report["layers"]["seccomp"].is_object() && report["layers"]["landlock"].is_object(), "{report}");
    // What a test of the promises looks for in the program that users get.
    let program = std::fs::read(binary()).unwrap();
    assert!(program.windows(13).any(|window| window == b"SANDBOX_FAULT"));
}

#[test]
fn a_step_that_fails_is_the_end_of_the_run() {
    let bench = Bench::new();
    for step in (0..).map_while(Step::from_number) {
        // The one is only taken where there is a terminal; the other's own exit codes are below.
        if matches!(step, Step::Terminal | Step::Execute) {
            continue;
        }
        for errno in ERRNOS {
            let flags: &[&str] = if step == Step::RootOverlay { &["--root", "/usr/"] } else { &[] };
            let error = bench.refused(&fault(&format!("{step:?}"), errno), flags);
            assert_eq!(error["step"], word(step), "{error}");
            assert_eq!(error["errno"], format!("{errno:?}"), "{error}");
        }
    }
}

#[test]
fn a_step_that_fails_is_the_last_that_is_timed() {
    let bench = Bench::new();
    for step in (0..).map_while(Step::from_number).filter(|step| !matches!(step, Step::Terminal | Step::Execute)) {
        let flags: &[&str] = if step == Step::RootOverlay { &["--root", "/usr/", "--timings"] } else { &["--timings"] };
        let output = bench.attempt(&fault(&format!("{step:?}"), Errno::EIO), flags);
        bench.not_started(step.name(), &output);
        let timings = bench.project.report()["timings"].clone();
        let last =
            |process: &str| timings[process].as_array().and_then(|laps| laps.last()).map(|lap| lap["step"].clone());
        assert!([last("init"), last("payload")].contains(&Some(step.name().into())), "{step:?}: {timings:#}");
        let names: Vec<_> = timings["supervisor"].as_array().unwrap().iter().map(|lap| lap["step"].clone()).collect();
        assert!(names.contains(&"set-up".into()) && !names.contains(&"command".into()), "{step:?}: {names:?}");
        assert!(output.stderr.contains(&format!("sandbox:   {} ", step.name())), "{step:?}: {}", output.stderr);
    }
}

// A step is many calls: a tree of the middle that cannot be made read-only is as bad as the first.
#[test]
fn no_answer_of_the_kernel_is_passed_over() {
    let bench = Bench::new();
    let answer = |number: u32| format!("answer#{number}={}", Errno::EPERM as i32);
    let (mut number, mut last) = (1, serde_json::Value::Null);
    loop {
        let output = bench.attempt(&answer(number), &[]);
        if output.text() != "125" {
            break;
        }
        bench.not_started(&answer(number), &output);
        last = bench.setup_failed()["step"].clone();
        number += 1;
    }
    // It runs: is that because there were no more, or was this one passed over?
    assert_eq!(last, "rlimits", "the step before execve(2), and not {last} at answer {number}, is the last");
    bench.runs(&answer(number), &[]);
}

// Both go on after the fork. What fails in init must not find the command running: pipe, fork, the word to the supervisor. (That to the
// payload is what starts it: it cannot be said and fail.)
#[test]
fn what_fails_in_init_beside_the_payload_is_the_end_of_the_run() {
    let bench = Bench::new();
    for _ in 0..25 {
        for nth in 1..=3 {
            let error = bench.refused(&fault(&format!("Fork#{nth}"), Errno::EIO), &[]);
            assert_eq!((&error["step"], &error["errno"]), (&"fork".into(), &"EIO".into()), "{error}");
        }
    }
}

#[test]
fn a_terminal_that_cannot_be_made_is_the_end_of_the_run() {
    let bench = Bench::new();
    for nth in 1..=5 {
        let faults = format!("SANDBOX_FAULT=Terminal#{nth}={}", Errno::EIO as i32);
        let binary = binary();
        let args = [&faults, &binary, "-p", "build", "--report", "r.json", "--", "sh", "-c", COMMAND];
        let mut terminal = Terminal::start(&bench.project, "env", &args);
        assert_eq!(terminal.ends().code(), Some(125), "{faults}");
        assert!(!bench.project.path().join("made").exists(), "{faults}");
        let error = bench.setup_failed();
        assert_eq!((&error["step"], &error["errno"]), (&"terminal".into(), &"EIO".into()), "{error}");
    }
    let args = ["SANDBOX_FAULT=Terminal#6=5", &binary(), "-p", "build", "--", "sh", "-c", COMMAND];
    assert_eq!(Terminal::start(&bench.project, "env", &args).ends().code(), Some(0), "there are five");
    assert!(bench.project.path().join("made").exists());
}

// The documented exception: everything stands, and only the program itself cannot be executed.
#[test]
fn a_command_that_cannot_be_executed_is_126_or_127() {
    let bench = Bench::new();
    for (text, code, errno) in [("no program", 126, "ENOEXEC"), ("#!/no/such/interpreter\n", 127, "ENOENT")] {
        bench.project.program("program", text);
        finish(bench.project.sandbox(&["-p", "build", "--report", "r.json", "--", "./program"])).exits(code);
        let report = bench.project.report();
        assert_eq!(report["status"], "exec-failed", "{report}");
        assert_eq!((&report["error"]["step"], &report["error"]["errno"]), (&"execute".into(), &errno.into()));
    }
}

// Under host root the supervisor has a part in it: the id maps, and the user namespace that sources are mapped through.
#[test]
fn what_root_cannot_map_is_the_end_of_the_run() {
    if !root() {
        return; // an ordinary user's init maps itself: that is a step
    }
    let bench = Bench::new();
    let error = bench.refused(&fault("write-maps", Errno::EPERM), &[]);
    assert_eq!((&error["step"], &error["errno"]), (&"id-maps".into(), &"EPERM".into()), "{error}");
    for place in ["write-maps#2", "clone3#2"] {
        let error = bench.refused(&fault(place, Errno::EPERM), &[]);
        assert_eq!((&error["step"], &error["errno"]), (&"namespaces".into(), &"EPERM".into()), "{error}");
    }
}
