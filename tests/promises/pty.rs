//! A terminal and someone who types: a pty whose other end is the controlling terminal of a program.

use super::harness::{Project, patience};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{Winsize, openpty};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::time::Instant;

/// A program on a terminal of its own.
pub struct Terminal {
    master: File,
    /// Held open, so that the settings can be read after the program's end.
    slave: OwnedFd,
    child: Child,
    screen: String,
    /// Up to here `screen` has been looked at.
    read: usize,
}

impl Terminal {
    /// Starts `program ARGS` in `project`, as the leader of a session with a terminal of 24 by 80.
    pub fn start(project: &Project, program: &str, args: &[&str]) -> Self {
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(&size, None).unwrap();
        let stdio = || pty.slave.try_clone().unwrap();
        // setsid(1) takes its stdin as the controlling terminal before it becomes the program.
        let mut command: Command = project.outside("setsid", &[&["--ctty", program], args].concat());
        let child = command.env("PS1", "$ ").stdin(stdio()).stdout(stdio()).stderr(stdio()).spawn().unwrap();
        Terminal { master: pty.master.into(), slave: pty.slave, child, screen: String::new(), read: 0 }
    }

    /// The outer terminal's path.
    pub fn path(&self) -> PathBuf {
        nix::unistd::ttyname(&self.slave).unwrap()
    }

    /// Types.
    pub fn types(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until `text` appears after what was last waited for.
    #[track_caller]
    pub fn shows(&mut self, text: &str) {
        let start = Instant::now();
        loop {
            if let Some(at) = self.screen[self.read..].find(text) {
                self.read += at + text.len();
                return;
            }
            let mut fds = [PollFd::new(self.master.as_fd(), PollFlags::POLLIN)];
            assert!(start.elapsed() < patience(), "no {text:?} on the terminal, but: {}", self.screen);
            if poll(&mut fds, PollTimeout::from(500u16)).unwrap() == 0 {
                continue;
            }
            let mut bytes = [0; 4096];
            let n = self.master.read(&mut bytes).unwrap_or(0);
            self.screen.push_str(&String::from_utf8_lossy(&bytes[..n]));
        }
    }

    /// All that has been read from the terminal.
    pub fn screen(&self) -> &str {
        &self.screen
    }

    /// `stty ARGS` on the outer terminal: what it prints.
    pub fn stty(&self, args: &[&str]) -> String {
        let output = Command::new("stty").arg("-F").arg(self.path()).args(args).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Waits for the program's end.
    #[track_caller]
    pub fn ends(&mut self) -> ExitStatus {
        let start = Instant::now();
        while start.elapsed() < patience() {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            // The program may wait for its last output to be read.
            let mut fds = [PollFd::new(self.master.as_fd(), PollFlags::POLLIN)];
            if poll(&mut fds, PollTimeout::from(50u16)).unwrap() > 0 {
                let mut bytes = [0; 4096];
                let n = self.master.read(&mut bytes).unwrap_or(0);
                self.screen.push_str(&String::from_utf8_lossy(&bytes[..n]));
            }
        }
        panic!("does not end; the terminal shows: {}", self.screen);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
