//! Runs the built binary as a user would: in a throw-away home with a project in it, with a small clean environment.

use crate::written_report;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Pid, geteuid};
use serde_json::Value;
use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// The binary under test.
pub fn binary() -> String {
    std::env::var("SANDBOX_TEST_BINARY").unwrap_or_else(|_| env!("CARGO_BIN_EXE_sandbox").into())
}

/// A copy of a program, made by another process: one that this process has open for writing while a neighbouring test forks cannot
/// be executed (ETXTBSY).
pub fn copy_program(from: impl AsRef<OsStr>, to: &Path) {
    assert!(Command::new("cp").arg(from.as_ref()).arg(to).status().unwrap().success());
}

/// How long anything may take before it counts as hung; stretched under emulation. No test waits for it to pass.
pub fn patience() -> Duration {
    let slow = std::env::var("SANDBOX_TEST_SLOW").map_or(1, |s| s.parse().expect("SANDBOX_TEST_SLOW is a number"));
    Duration::from_secs(60) * slow
}

/// What a shell may take to come to its second line; limits of time that it is to meet are as long.
pub fn a_while() -> Duration {
    (patience() / 30).min(Duration::from_secs(5))
}

/// Is the caller host root?
pub fn root() -> bool {
    geteuid().is_root()
}

/// A home of its own with a project in it, removed at the end.
pub struct Project {
    home: tempfile::TempDir,
    dir: PathBuf,
}

impl Project {
    /// An empty project.
    pub fn new() -> Self {
        let home = tempfile::Builder::new().prefix("sandbox-test-").tempdir().unwrap();
        let dir = home.path().join("project");
        fs::create_dir(&dir).unwrap();
        Project { home, dir }
    }

    /// The project's directory: the current directory of every command.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// HOME of every command.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Writes a file in the project, parents too.
    pub fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// Writes a program in the project, by another process: see [`copy_program`].
    #[track_caller]
    pub fn program(&self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) {
        let path = self.dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let write = ["-c", "cat > \"$0\" && chmod 755 \"$0\"", path.to_str().unwrap()];
        feed(self.outside("sh", &write), content.as_ref()).ok();
    }

    /// What a file in the project holds now; not a report, which is read by [`Project::report`].
    #[track_caller]
    pub fn read(&self, name: &str) -> String {
        let text = fs::read_to_string(self.dir.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(!is_report(&text), "{name} is a report");
        text
    }

    /// The report of a run with `--report r.json`; it must be right by its schema.
    #[track_caller]
    pub fn report(&self) -> Value {
        written_report::read(&self.report_text("r.json"))
    }

    /// A report elsewhere, as it was written.
    #[track_caller]
    pub fn report_text(&self, name: &str) -> String {
        let text = fs::read_to_string(self.dir.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
        written_report::read(&text);
        text
    }

    /// Any program, outside, in this project and with the clean environment.
    pub fn outside(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).current_dir(&self.dir).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", self.home());
        command.env("USER", "tester").env("TERM", "xterm").env("LANG", "C.UTF-8");
        command
    }

    /// `sandbox ARGS`, not yet started.
    pub fn sandbox(&self, args: &[&str]) -> Command {
        self.outside(&binary(), args)
    }

    /// `sandbox ARGS`, to its end, with nothing on stdin.
    pub fn run(&self, args: &[&str]) -> Output {
        finish(self.sandbox(args))
    }

    /// `sandbox FLAGS -- sh -c SCRIPT`, to its end.
    pub fn shell(&self, flags: &[&str], script: &str) -> Output {
        self.run(&[flags, &["--", "sh", "-c", script]].concat())
    }

    /// What `script` prints inside under the `build` profile; it must exit with 0.
    #[track_caller]
    pub fn inside(&self, script: &str) -> String {
        self.shell(&["-p", "build"], script).ok()
    }

    /// Compiles `tests/attacks/NAME.c` into the project; inside it is `./NAME`.
    #[track_caller]
    pub fn attack(&self, name: &str, source: &str) {
        let file = self.write(&format!("{name}.c"), source);
        let mut cc = self.outside("cc", &["-O1", "-pthread", "-o", name]);
        cc.arg(file);
        finish(cc).ok();
    }

    /// A command line that runs `setup` (a shell script) as the owner of private mount and user namespaces, and
    /// then the given command there as the ordinary caller that it was: the machine's own mounts stay untouched.
    pub fn prepared(&self, setup: &str, args: &[&str]) -> Command {
        // uid 0 keeps its capabilities through exec, others need them ambient until the set-up is done.
        let (unshare, drop): (&[&str], _) = match root() {
            true => (&["-m"], ""),
            false => (&["-m", "-U", "-c", "--keep-caps"], "setpriv --inh-caps=-all --ambient-caps=-all"),
        };
        let script = format!("set -e\n{setup}\nexec {drop} \"$@\"");
        let binary = binary();
        self.outside("unshare", &[unshare, &["sh", "-c", &script, "sh", &binary], args].concat())
    }
}

fn is_report(text: &str) -> bool {
    text.starts_with("{\"version\":1,\"sandbox\":")
}

impl Drop for Project {
    /// A report that no test has read must be right too.
    fn drop(&mut self) {
        let entries = fs::read_dir(&self.dir).into_iter().flatten().flatten();
        let files = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
        let texts = files.filter_map(|entry| fs::read_to_string(entry.path()).ok());
        for report in texts.filter(|text| is_report(text) && !thread::panicking()) {
            written_report::read(&report);
        }
    }
}

/// Includes `tests/attacks/NAME.c` and compiles it into the project as `./NAME`.
macro_rules! attack {
    ($project:expr, $name:literal) => {
        $project.attack($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/attacks/", $name, ".c")))
    };
}
pub(crate) use attack;

/// How a command ended and what it wrote.
#[derive(Debug)]
pub struct Output {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Output {
    /// Standard output as text, without white space around it.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim().to_owned()
    }

    /// The exit code; a signal's death of the binary itself fails the test.
    #[track_caller]
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| panic!("killed: {self:?}"))
    }

    /// It must have exited with 0: its standard output.
    #[track_caller]
    pub fn ok(&self) -> String {
        self.exits(0).text()
    }

    /// It must have exited with this code.
    #[track_caller]
    pub fn exits(&self, code: i32) -> &Self {
        assert_eq!(self.code(), code, "stdout: {}\nstderr: {}", self.text(), self.stderr);
        self
    }

    /// It must have failed in `sandbox` itself, before the command, in words that hold all of `parts`.
    #[track_caller]
    pub fn refused(&self, parts: &[&str]) {
        self.exits(125).says(parts);
    }

    /// What it wrote to stderr must hold all of `parts`, ignoring case.
    #[track_caller]
    pub fn says(&self, parts: &[&str]) {
        let said = self.stderr.to_lowercase();
        let missing: Vec<_> = parts.iter().filter(|part| !said.contains(&part.to_lowercase())).collect();
        assert!(missing.is_empty(), "missing {missing:?} in: {}", self.stderr);
    }
}

/// Runs a command to its end, with nothing on stdin.
#[track_caller]
pub fn finish(command: Command) -> Output {
    feed(command, b"")
}

/// Runs a command to its end, with `input` on stdin; kills it when it hangs.
#[track_caller]
pub fn feed(command: Command, input: &[u8]) -> Output {
    feed_within(command, input, patience())
}

/// The same for what is known to take long.
#[track_caller]
pub fn feed_within(mut command: Command, input: &[u8], patience: Duration) -> Output {
    use std::os::unix::process::CommandExt;
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = command.spawn().unwrap_or_else(|e| panic!("{:?}: {e}", command.get_program()));
    let group = Pid::from_raw(child.id().cast_signed());
    let (mut stdin, mut stdout, mut stderr) =
        (child.stdin.take(), child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let (ended, end) = mpsc::channel::<()>();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let (status, hung) = thread::scope(|scope| {
        // A command that does not read its input is no failure of ours: EPIPE is ignored.
        scope.spawn(move || stdin.take().unwrap().write_all(input).ok());
        let readers = [scope.spawn(|| stdout.read_to_end(&mut out)), scope.spawn(|| stderr.read_to_end(&mut err))];
        let guard = scope.spawn(move || {
            let hung = end.recv_timeout(patience) == Err(mpsc::RecvTimeoutError::Timeout);
            if hung {
                killpg(group, Signal::SIGKILL).ok();
            }
            hung
        });
        // What it left running may hold its output open: that is a hang too.
        for reader in readers {
            reader.join().unwrap().unwrap();
        }
        let status = child.wait().unwrap();
        drop(ended);
        (status, guard.join().unwrap())
    });
    let output = Output { status, stdout: out, stderr: String::from_utf8_lossy(&err).into_owned() };
    assert!(!hung, "hung: {command:?}: {output:?}");
    output
}
