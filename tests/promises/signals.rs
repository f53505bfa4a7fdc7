//! Signals to `sandbox` reach the command; who asks twice gets what he asks for.

use super::harness::{Project, binary, finish, patience};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ExitStatus, Stdio};
use std::time::Instant;

/// A run that has said "ready", and the rest of its output.
struct Run {
    child: Child,
    stdout: BufReader<std::process::ChildStdout>,
}

impl Run {
    fn start(flags: &[&str], script: &str) -> (Project, Run) {
        let project = Project::new();
        let mut command = project.sandbox(&[&["-p", "build"], flags, &["--", "sh", "-c", script]].concat());
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut run = Run { stdout: BufReader::new(child.stdout.take().unwrap()), child };
        assert_eq!(run.line(), "ready");
        (project, run)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }

    /// The exit status and the rest of the output.
    fn ends(mut self) -> (ExitStatus, String) {
        let start = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            if start.elapsed() > patience() {
                self.child.kill().unwrap();
                panic!("the run does not end");
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap(), rest.trim().to_owned())
    }
}

const LOOP: &str = "echo ready; while :; do sleep 0.05; done";

#[test]
fn each_signal_reaches_the_command() {
    for name in ["INT", "TERM", "HUP", "QUIT", "USR1", "USR2", "WINCH"] {
        let (_project, run) = Run::start(&[], &format!("trap 'echo got {name}; exit 7' {name}; {LOOP}"));
        run.signal(format!("SIG{name}").parse().unwrap());
        let (status, rest) = run.ends();
        assert_eq!((status.code(), rest.as_str()), (Some(7), format!("got {name}").as_str()));
    }
}

#[test]
fn an_unhandled_term_ends_the_run_with_143() {
    let (_project, run) = Run::start(&[], LOOP);
    run.signal(Signal::SIGTERM);
    assert_eq!(run.ends().0.code(), Some(143));
}

// The first is the command's to handle, the second is not.
#[test]
fn a_second_int_kills() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let name = &signal.as_str()[3..];
        let (_project, mut run) = Run::start(&[], &format!("trap 'echo once' {name}; {LOOP}"));
        run.signal(signal);
        assert_eq!(run.line(), "once");
        run.signal(signal);
        assert_eq!(run.ends().0.code(), Some(137), "{signal}");
    }
}

#[test]
fn the_report_names_the_callers_signal_whatever_the_command_made_of_it() {
    let (project, run) = Run::start(&["--report", "r.json"], &format!("trap 'exit 0' TERM; {LOOP}"));
    run.signal(Signal::SIGTERM);
    assert_eq!(run.ends().0.code(), Some(0));
    let report = project.report();
    assert_eq!((&report["status"], &report["interrupted_by"]), (&"exited".into(), &"SIGTERM".into()), "{report}");
}

#[test]
fn there_is_a_report_of_a_run_that_the_caller_interrupts_once_or_twice() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let (project, run) = Run::start(&["--report", "r.json"], LOOP);
        run.signal(signal);
        assert_eq!(run.ends().0.code(), Some(128 + signal as i32));
        let report = project.report();
        assert_eq!((&report["status"], &report["signal"]), (&"signaled".into(), &(signal as i32).into()), "{report}");
        assert_eq!(report["interrupted_by"], signal.as_str());

        let trap = format!("trap 'echo once' {}; {LOOP}", &signal.as_str()[3..]);
        let (project, mut run) = Run::start(&["--report", "r.json"], &trap);
        run.signal(signal);
        assert_eq!(run.line(), "once");
        run.signal(signal);
        assert_eq!(run.ends().0.code(), Some(137));
        let report = project.report();
        assert_eq!((&report["status"], &report["signal"]), (&"signaled".into(), &9.into()), "{report}");
        assert_eq!(report["interrupted_by"], signal.as_str());
    }
}

// What nobody saw end has no verdict.
#[test]
fn there_is_no_report_of_a_run_whose_supervisor_was_killed() {
    let (project, run) = Run::start(&["--report", "r.json"], LOOP);
    run.signal(Signal::SIGKILL);
    assert_eq!(run.ends().0.code(), None);
    assert!(!project.path().join("r.json").exists());
}

#[test]
fn a_stopped_command_is_no_ended_command() {
    let (_project, mut run) = Run::start(
        &[],
        "echo ready; sh -c 'kill -STOP $PPID; sleep 0.2; kill -CONT $PPID' & sleep 1; echo back; exit 6",
    );
    assert_eq!(run.line(), "back");
    assert_eq!(run.ends().0.code(), Some(6));
}

// The caller's own job control: a stopped and continued supervisor goes on.
#[test]
fn a_stopped_and_continued_supervisor_goes_on() {
    let (_project, run) = Run::start(&[], "echo ready; sleep 0.3; echo after; exit 5");
    run.signal(Signal::SIGSTOP);
    run.signal(Signal::SIGCONT);
    let (status, rest) = run.ends();
    assert_eq!((status.code(), rest.as_str()), (Some(5), "after"));
}

#[test]
fn a_signal_from_inside_to_init_is_not_forwarded() {
    let (_project, run) =
        Run::start(&[], "trap 'exit 9' TERM USR1; echo ready; kill -TERM 1; kill -USR1 1; sleep 0.3; exit 5");
    assert_eq!(run.ends().0.code(), Some(5));
}

// Pending since before the start, it is heard in the first round; it may not depend on luck whether there is a command yet.
#[test]
fn a_signal_that_comes_before_the_command_is_kept_for_it() {
    let project = Project::new();
    let script = "import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
os.kill(os.getpid(), signal.SIGTERM)
os.execv(sys.argv[1], sys.argv[1:])";
    for _ in 0..10 {
        let command = ["--", "sh", "-c", "trap 'exit 7' TERM; while :; do sleep 0.1; done"];
        let args = ["-c", script, &super::harness::binary(), "-p", "build", "--report", "r.json"];
        let output = super::harness::finish(project.outside("python3", &[&args[..], &command[..]].concat()));
        assert!([7, 143].contains(&output.code()), "{output:?}");
        assert_eq!(project.report()["interrupted_by"], "SIGTERM");
    }
}

// execve(2) keeps what is ignored; some shells of CI and some daemons ignore it.
#[test]
fn a_caller_who_ignores_the_end_of_his_children_gets_the_exit_code() {
    let project = Project::new();
    let code =
        "import os, signal, sys\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\nos.execv(sys.argv[1], sys.argv[1:])";
    let args = ["-c", code, &binary(), "-p", "build", "--", "sh", "-c", "true & wait $!; exit 7"];
    finish(project.outside("python3", &args)).exits(7);
}
