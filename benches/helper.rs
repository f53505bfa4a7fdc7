//! Started by root, the benchmark runs as an ordinary user, since those who use a sandbox are not root. What only root can do, root does
//! for it, asked over a socket that is the user's stdin: read what a process that is not dumpable takes, and write into the checkout.

use crate::Result;
use nix::unistd::geteuid;
use serde_json::{Value, json};
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode, Stdio};
use std::thread;

/// Set for the one whose stdin is the socket.
const MARK: &str = "SANDBOX_BENCH_HELPED";
/// What root writes into the checkout, nothing else.
const PAGES: [&str; 2] = ["BENCHMARKS.md", "docs/benchmarks.svg"];

/// Is this root's process?
pub fn is_root() -> bool {
    geteuid().is_root()
}

/// Root's side: runs this program as the user of tests/as-user, and answers it until it ends.
pub fn become_user(words: &[String]) -> Result<ExitCode> {
    let (ours, theirs) = UnixStream::pair()?;
    let mut user = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/as-user"));
    user.arg(std::env::current_exe()?).args(words).env(MARK, "1").stdin(Stdio::from(OwnedFd::from(theirs)));
    if let Ok(name) = std::env::var("SANDBOX_BENCH_USER") {
        user.env("SANDBOX_CI_USER", name);
    }
    let mut started = user.spawn().map_err(|e| format!("tests/as-user cannot be started: {e}"))?;
    drop(user);
    let answering = thread::spawn(move || serve(ours));
    let status = started.wait()?;
    let _ = answering.join();
    Ok(ExitCode::from(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default()) as u8))
}

fn serve(mut socket: UnixStream) -> io::Result<()> {
    for line in BufReader::new(socket.try_clone()?).lines() {
        let asked: Value = serde_json::from_str(&line?)?;
        let answer = match asked["name"].as_str() {
            None => smaps(asked["pid"].as_u64().unwrap_or_default()),
            Some(name) => page(name, asked["text"].as_str().unwrap_or_default()).map(|()| String::new()),
        };
        let answer = answer.map_or_else(|e| json!({"error": e.to_string()}), |text| json!({"text": text}));
        writeln!(socket, "{answer}")?;
    }
    Ok(())
}

fn smaps(pid: u64) -> io::Result<String> {
    fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))
}

fn page(name: &str, text: &str) -> io::Result<()> {
    if !PAGES.contains(&name) {
        return Err(io::Error::other(format!("{name} is no page of the benchmark")));
    }
    fs::write(format!("{}/{name}", env!("CARGO_MANIFEST_DIR")), text)
}

/// The user's side: asks root if there is one, else does it itself.
pub struct Helper(Option<UnixStream>);

impl Helper {
    /// The one that this process was started with.
    pub fn connect() -> Result<Self> {
        let helped = std::env::var_os(MARK).is_some();
        Ok(Helper(helped.then(|| io::stdin().as_fd().try_clone_to_owned()).transpose()?.map(UnixStream::from)))
    }

    /// /proc/PID/smaps_rollup, proc(5).
    pub fn smaps(&self, pid: u64) -> Result<String> {
        self.ask(json!({"pid": pid}), || smaps(pid))
    }

    /// One of the benchmark's pages.
    pub fn write(&self, name: &str, text: &str) -> Result<()> {
        self.ask(json!({"name": name, "text": text}), || page(name, text).map(|()| String::new())).map(drop)
    }

    fn ask(&self, question: Value, alone: impl FnOnce() -> io::Result<String>) -> Result<String> {
        let Some(mut socket) = self.0.as_ref() else { return Ok(alone()?) };
        writeln!(socket, "{question}")?;
        let mut line = String::new();
        BufReader::new(socket).read_line(&mut line)?;
        let mut answer: Value = serde_json::from_str(&line)?;
        match answer["text"].take() {
            Value::String(text) => Ok(text),
            _ => Err(answer["error"].as_str().unwrap_or("no answer").into()),
        }
    }
}
