//! Who is measured: each one's command line, version, and which layers it has.

use crate::Result;
use crate::bundle;
use crate::measure::Named;
use crate::mounts::{self, Entry};
use crate::place::Place;
use std::fs;
use std::path::PathBuf;

/// One that starts a command in something of its own.
pub struct Peer {
    /// In the tables.
    pub name: &'static str,
    /// What it does besides namespaces and mounts.
    pub layers: &'static str,
    /// The program's file.
    pub program: Option<PathBuf>,
    how: How,
}

enum How {
    /// These words, then the command.
    Words(Vec<String>),
    /// An OCI runtime, which finds the command in its bundle.
    Bundle { runtime: &'static str, entries: Vec<Entry> },
    /// Not on this host.
    Not(String),
}

impl Peer {
    fn new(name: &'static str, layers: &'static str, words: Vec<String>) -> Self {
        let program = find(&words[0]);
        let how = match &program {
            Some(_) => How::Words(words),
            None => How::Not("not installed".into()),
        };
        Peer { name, layers, program, how }
    }

    fn ours(name: &'static str, layers: &'static str, place: &Place, flags: &[&str]) -> Self {
        Peer::new(name, layers, words(&[&[place.sandbox.as_str()], flags, &["--"]].concat()))
    }

    fn runtime(runtime: &'static str, layers: &'static str, entries: Vec<Entry>) -> Self {
        let program = find(runtime);
        let how = match program {
            Some(_) => How::Bundle { runtime, entries },
            None => How::Not("not installed".into()),
        };
        Peer { name: runtime, layers, program, how }
    }

    /// Its command line for `payload`, or why there is none.
    pub fn running(&self, place: &Place, payload: &[&str]) -> std::result::Result<Named, String> {
        match &self.how {
            How::Words(start) => Ok(Named::new(self.name, start.iter().cloned().chain(words(payload)))),
            How::Bundle { runtime, entries } => {
                let bundle = bundle::make(place, runtime, entries, payload).map_err(|e| e.to_string())?;
                Ok(Named::new(self.name, bundle))
            }
            How::Not(reason) => Err(reason.clone()),
        }
    }

    /// Is its program set-user-ID? strace(1) would take that from it.
    pub fn is_set_id(&self) -> bool {
        use std::os::unix::fs::MetadataExt;
        self.program.as_ref().and_then(|file| fs::metadata(file).ok()).is_some_and(|facts| facts.mode() & 0o4000 != 0)
    }
}

/// All of them; the first is the one that the others are compared with.
pub fn all(place: &Place) -> Result<Vec<Peer>> {
    let same = mounts::of(place, &[])?;
    let mut floor = match &place.floor {
        Ok(floor) => Peer::new(FLOOR, "none", vec![floor.clone()]),
        Err(reason) => Peer { name: FLOOR, layers: "none", program: None, how: How::Not(reason.clone()) },
    };
    if let How::Words(words) = &mut floor.how {
        words.extend(mounts::floor(&same));
        words.push("--".into());
    }
    let strict = strict(place);
    Ok(vec![
        Peer::ours(OURS, "PID 1, own stdio, limits, seccomp, Landlock", place, &[]),
        Peer::ours("sandbox --network host", "the same, the host's network", place, &["--network", "host"]),
        Peer::ours("sandbox --seccomp off", "the same without seccomp", place, &["--seccomp", "off"]),
        Peer::ours("sandbox --landlock off", "the same without Landlock", place, &["--landlock", "off"]),
        Peer::ours("sandbox -p strict", strict.1, place, strict.0),
        Peer::ours("sandbox --memory 512MiB", "default, and a cgroup", place, &["--memory", "512MiB"]),
        floor,
        Peer::new(BWRAP, "PID 1, no capabilities", [bwrap(), mounts::bwrap(&same), vec!["--".into()]].concat()),
        Peer::new("unshare", "none; no mounts but /proc", words(UNSHARE)),
        Peer::new("firejail", "seccomp, capabilities; its own default profile", words(FIREJAIL)),
        Peer::runtime("crun", "limits, no capabilities; no seccomp in this bundle", mounts::of(place, &[])?),
        Peer::runtime("runc", "limits, no capabilities; no seccomp in this bundle", same),
    ])
}

/// The names that aims are about.
pub const OURS: &str = "sandbox";
/// The C program.
pub const FLOOR: &str = "floor (C)";
/// The peer that is nearest.
pub const BWRAP: &str = "bwrap";

/// bwrap with the namespaces of ours, before the mounts.
pub fn bwrap() -> Vec<String> {
    words(&[
        "bwrap",
        "--die-with-parent",
        "--new-session",
        "--unshare-all",
        "--uid",
        "0",
        "--gid",
        "0",
        "--hostname",
        "sandbox",
    ])
}

const UNSHARE: &[&str] = &[
    "unshare",
    "--map-root-user",
    "--mount",
    "--pid",
    "--net",
    "--uts",
    "--ipc",
    "--cgroup",
    "--fork",
    "--mount-proc",
    "--kill-child",
];
const FIREJAIL: &[&str] = &["firejail", "--quiet", "--net=none", "--private", "--"];

/// `strict` as it is where there is a cgroup, and without its limit on memory where there is none.
fn strict(place: &Place) -> (&'static [&'static str], &'static str) {
    let whole = Named::new("strict", [&place.sandbox, "-p", "strict", "--", "true"]);
    match whole.output() {
        Ok(_) => (&["-p", "strict"], "a stricter filter, limits of time and output, a cgroup"),
        Err(_) => (
            &["-p", "strict", "--memory", "unlimited", "--cgroup", "off"],
            "a stricter filter, limits of time and output; without its limit on memory: no cgroup here",
        ),
    }
}

/// Its first line about itself, by `--version`.
pub fn version(program: &str) -> String {
    let said = Named::new(program, [program, "--version"]).output();
    let line = |text: String| text.lines().next().unwrap_or_default().trim().to_string();
    said.map(line).unwrap_or_else(|_| "not here".into())
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| word.to_string()).collect()
}

/// Where PATH, as the measured ones have it, leads for `program`.
fn find(program: &str) -> Option<PathBuf> {
    let path = crate::place::environment().into_iter().find(|(name, _)| name == "PATH").map(|(_, path)| path)?;
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|file| file.is_file())
}
