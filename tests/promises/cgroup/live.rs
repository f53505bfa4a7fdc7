//! A run that goes on, as the host sees it.

use super::super::harness::{Project, patience};
use super::cgroup_of;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Instant;

/// `sandbox … -- …`, whose command has said "ready", and ends when its input does.
pub(super) struct Live {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

/// For a script: until its input ends.
pub(super) const WAIT: &str = "echo ready; read line || exit 0";

impl Live {
    /// `sandbox -p build FLAGS -- sh -c SCRIPT`
    #[track_caller]
    pub(super) fn shell(project: &Project, flags: &[&str], script: &str) -> Self {
        let mut live = Self::start(project.sandbox(&[&["-p", "build"], flags, &["--", "sh", "-c", script]].concat()));
        assert_eq!(live.line(), "ready");
        live
    }

    /// Any command line, as a process group.
    pub(super) fn start(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Live { stdin: child.stdin.take(), stdout, child }
    }

    /// The next line that it prints.
    pub(super) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    /// A line of input.
    #[track_caller]
    pub(super) fn say(&mut self, line: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// What was started.
    pub(super) fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// PID 1 of the sandbox: of the supervisor's children the one that has one itself.
    #[track_caller]
    pub(super) fn init(&self) -> i32 {
        children(self.pid()).into_iter().find(|pid| !children(*pid).is_empty()).expect("an init with a payload")
    }

    /// The process that speaks to systemd: of the supervisor's children the one without any.
    #[track_caller]
    pub(super) fn helper(&self) -> i32 {
        children(self.pid()).into_iter().find(|pid| children(*pid).is_empty()).expect("a helper")
    }

    /// The command.
    #[track_caller]
    pub(super) fn payload(&self) -> i32 {
        children(self.init())[0]
    }

    /// The directory of the run's limits.
    #[track_caller]
    pub(super) fn limits(&self) -> PathBuf {
        cgroup_of(self.payload()).parent().unwrap().to_owned()
    }

    /// A file of the run's limits.
    #[track_caller]
    pub(super) fn limit(&self, file: &str) -> String {
        let path = self.limits().join(file);
        fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())).trim().to_owned()
    }

    /// Ends the command's input and waits for the end.
    #[track_caller]
    pub(super) fn end(mut self) -> ExitStatus {
        self.stdin = None;
        self.wait()
    }

    /// Waits for the end.
    #[track_caller]
    pub(super) fn wait(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < patience(), "the run does not end");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
}

impl Drop for Live {
    /// A failed test leaves no run: a shell's neither.
    fn drop(&mut self) {
        killpg(Pid::from_raw(self.pid()), Signal::SIGKILL).ok();
        self.child.wait().ok();
    }
}

/// A process's children: proc_pid_task_tid_children(5).
pub(super) fn children(pid: i32) -> Vec<i32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_ascii_whitespace().map(|pid| pid.parse().unwrap()).collect()
}
