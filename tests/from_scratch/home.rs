//! A throw-away home, with shells in it.

use crate::debian;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::fs;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// How long a session of a shell may take before it counts as hung.
pub fn patience() -> Duration {
    let slow = std::env::var("SANDBOX_TEST_SLOW").map_or(1, |s| s.parse().expect("SANDBOX_TEST_SLOW is a number"));
    Duration::from_secs(300) * slow
}

/// Does this machine give a cgroup, as one of the beds does?
pub fn gives_a_cgroup() -> bool {
    std::env::var_os("SANDBOX_TEST_BED").is_some()
}

/// A home with a project in it, `sandbox` on PATH, and nobody else's sandboxes. Removed at the end, with all roots.
pub struct Home {
    dir: tempfile::TempDir,
}

impl Home {
    pub fn new() -> Self {
        // In memory, as /tmp is on some machines, a whole system may find no room.
        let place = std::env::var_os("TMPDIR").map_or_else(|| PathBuf::from("/var/tmp"), PathBuf::from);
        let dir = tempfile::Builder::new().prefix("sandbox-from-scratch-").tempdir_in(place).unwrap();
        let home = Home { dir };
        for made in ["project", "bin", "run"] {
            fs::DirBuilder::new().mode(0o700).create(home.path().join(made)).unwrap();
        }
        let binary = std::env::var("SANDBOX_TEST_BINARY").unwrap_or_else(|_| env!("CARGO_BIN_EXE_sandbox").into());
        symlink(fs::canonicalize(binary).unwrap(), home.path().join("bin/sandbox")).unwrap();
        home
    }

    /// One with `debian.tar` in the project.
    pub fn with_debian() -> Self {
        let home = Home::new();
        symlink(debian::archive(), home.project().join("debian.tar")).unwrap();
        home
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn project(&self) -> PathBuf {
        self.path().join("project")
    }

    /// A bash that runs this script, in the project.
    pub fn shell(&self, script: &str) -> Command {
        let mut shell = Command::new("bash");
        let path = std::env::var("PATH").unwrap();
        shell.args(["-c", script]).current_dir(self.project()).env_clear().stdin(Stdio::null());
        shell.env("PATH", format!("{}/bin:{path}:/usr/sbin:/sbin", self.path().display())).env("HOME", self.path());
        shell.env("USER", "tester").env("TERM", "xterm").env("LANG", "C.UTF-8");
        // The service manager is found by it; elsewhere there is none, and nobody else's sandboxes are to be seen.
        let runtime = match gives_a_cgroup() {
            true => format!("/run/user/{}", nix::unistd::getuid()).into(),
            false => self.path().join("run"),
        };
        shell.env("XDG_RUNTIME_DIR", runtime);
        shell
    }

    /// What the script prints, errors too, with its exit code.
    #[track_caller]
    pub fn run(&self, script: &str) -> (String, i32) {
        // One pipe for both, as on a terminal: the order stays.
        let mut shell = self.shell(&format!("exec 2>&1\n{script}"));
        let child = shell.stdout(Stdio::piped()).process_group(0).spawn().unwrap();
        let group = Pid::from_raw(child.id().cast_signed());
        let (ended, end) = mpsc::channel::<()>();
        let guard = std::thread::spawn(move || {
            let hung = end.recv_timeout(patience()) == Err(mpsc::RecvTimeoutError::Timeout);
            if hung {
                killpg(group, Signal::SIGKILL).ok();
            }
            hung
        });
        let output = child.wait_with_output().unwrap();
        drop(ended);
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(!guard.join().unwrap(), "hung: {script}\n{printed}");
        let code = output.status.code().unwrap_or_else(|| panic!("killed: {script}\n{printed}"));
        (printed, code)
    }

    /// What the script prints; each of its commands must end with 0.
    #[track_caller]
    pub fn ok(&self, script: &str) -> String {
        let (printed, code) = self.run(&format!("set -e -o pipefail\n{script}"));
        assert_eq!(code, 0, "{script}\n{printed}");
        printed.trim().to_owned()
    }
}

impl Drop for Home {
    /// Files of other ids are nobody's to remove but `sandbox`'s.
    fn drop(&mut self) {
        let remove = "ls ~/.local/share/sandbox/roots | xargs --no-run-if-empty sandbox rootfs remove";
        self.shell(remove).stdout(Stdio::null()).stderr(Stdio::null()).status().ok();
    }
}
