//! The mounts of a run, once, from `sandbox explain --json` and the run's own mount table; and the same as bwrap's flags, as floor's steps.

use crate::Result;
use crate::measure::Named;
use crate::place::Place;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

/// One thing in the file tree inside; paths are absolute.
pub enum Entry {
    /// A bind mount; `options`: r read-only, d no devices, x no programs.
    Bind { source: String, at: String, directory: bool, options: &'static str },
    /// A file system in memory.
    Tmpfs { at: String, size: u64, inodes: u64, mode: String },
    /// A symbolic link.
    Symlink { at: String, to: String },
    /// A small file that is made up.
    File { at: String, content: String },
    /// What is there is covered by something empty of mode 0.
    Cover { at: String, directory: bool },
    /// A part of /proc on itself, read-only.
    ReadOnly { at: String },
    /// /proc, /dev/pts.
    Kernel { kind: &'static str, at: String },
}

impl Entry {
    /// Where it is inside.
    pub fn at(&self) -> &str {
        match self {
            Entry::Bind { at, .. } | Entry::Tmpfs { at, .. } | Entry::Symlink { at, .. } | Entry::File { at, .. } => at,
            Entry::Cover { at, .. } | Entry::ReadOnly { at } | Entry::Kernel { at, .. } => at,
        }
    }
}

/// The mounts of `sandbox FLAGS -- true`, parents before children.
pub fn of(place: &Place, flags: &[&str]) -> Result<Vec<Entry>> {
    let words = |first: &[&str], last: &[&str]| {
        let words = [&[place.sandbox.as_str()], first, flags, &["--"], last].concat();
        Named::new("sandbox", words).output()
    };
    let plan: Value = serde_json::from_str(&words(&["explain", "--json"], &["true"])?)?;
    let planned = plan["mounts"].as_array().ok_or("sandbox explain shows no mounts")?;
    let mut entries = planned.iter().map(entry).collect::<Result<Vec<_>>>()?;
    // What is laid over /proc depends on the kernel; the run's own table has it.
    let table = words(&[], &["cat", "/proc/self/mountinfo"])?;
    let below_proc = table.lines().filter_map(|line| {
        let at = line.split(' ').nth(4).filter(|at| at.starts_with("/proc/"))?.to_string();
        let own = line.contains(" - proc ");
        Some(if own { Entry::ReadOnly { at } } else { Entry::Cover { directory: Path::new(&at).is_dir(), at } })
    });
    let proc = entries.iter().position(|entry| entry.at() == "/proc").ok_or("sandbox explain shows no /proc")?;
    entries.splice(proc + 1..proc + 1, below_proc.collect::<Vec<_>>());
    Ok(entries)
}

fn entry(mount: &Value) -> Result<Entry> {
    let text = |key: &str| mount[key].as_str().map(String::from).ok_or(format!("no {key} in {mount}"));
    let number = |key: &str| mount[key].as_u64().ok_or(format!("no {key} in {mount}"));
    let directory = mount["directory"] == true;
    let at = text("at")?;
    let source = || mount["source"]["path"].as_str().map(String::from).ok_or(format!("no source in {mount}"));
    Ok(match mount["kind"].as_str().unwrap_or_default() {
        "ro" => Entry::Bind { source: source()?, at, directory, options: "rd" },
        "rw" => Entry::Bind { source: source()?, at, directory, options: "d" },
        "device" => Entry::Bind { source: source()?, at, directory, options: "rx" },
        "tmpfs" => Entry::Tmpfs { at, size: number("size_bytes")?, inodes: number("inodes")?, mode: text("mode")? },
        "symlink" => Entry::Symlink { at, to: text("to")? },
        "file" => Entry::File { at, content: text("content")? },
        "hide" => Entry::Cover { at, directory },
        "proc" => Entry::Kernel { kind: "proc", at },
        "devpts" => Entry::Kernel { kind: "devpts", at },
        kind => return Err(format!("a mount of kind \"{kind}\", which the benchmark does not know").into()),
    })
}

/// As bwrap's flags. Its own /dev and /proc are what its users take; the made-up files of /etc it does not make.
pub fn bwrap(entries: &[Entry]) -> Vec<String> {
    let mut flags: Vec<String> = ["--proc", "/proc", "--dev", "/dev"].map(String::from).to_vec();
    for entry in
        entries.iter().filter(|entry| !["/proc", "/dev"].iter().any(|own| Path::new(entry.at()).starts_with(own)))
    {
        let words: Vec<&str> = match entry {
            Entry::Bind { source, at, options, .. } if options.contains('r') => vec!["--ro-bind", source, at],
            Entry::Bind { source, at, .. } => vec!["--bind", source, at],
            Entry::Tmpfs { at, size, mode, .. } => {
                flags.extend(["--perms".into(), mode.clone(), "--size".into(), size.to_string()]);
                vec!["--tmpfs", at]
            }
            Entry::Symlink { at, to } => vec!["--symlink", to, at],
            Entry::Cover { at, directory: true } => vec!["--perms", "0000", "--tmpfs", at],
            Entry::Cover { at, directory: false } => vec!["--ro-bind", "/dev/null", at],
            Entry::File { .. } | Entry::ReadOnly { .. } | Entry::Kernel { .. } => vec![],
        };
        flags.extend(words.into_iter().map(String::from));
    }
    flags.extend(["--remount-ro", "/"].map(String::from));
    flags
}

/// As floor's steps, mount points and parents too.
pub fn floor(entries: &[Entry]) -> Vec<String> {
    let mut made = BTreeSet::new();
    let mut bound: Vec<&str> = Vec::new();
    let mut steps = Vec::new();
    let mut step = |words: &[&str]| steps.extend(words.iter().map(|word| word.to_string()));
    for entry in entries {
        let at = entry.at().trim_start_matches('/');
        // Below a bind mount, or /proc, the mount point is there already.
        let ours = !bound.iter().any(|bound| Path::new(entry.at()).starts_with(bound));
        if ours {
            let mut parents: Vec<&Path> =
                Path::new(at).ancestors().skip(1).filter(|p| !p.as_os_str().is_empty()).collect();
            parents.reverse();
            for parent in parents.into_iter().filter_map(Path::to_str) {
                if made.insert(parent.to_string()) {
                    step(&["dir", parent]);
                }
            }
        }
        let is_directory = match entry {
            Entry::Bind { directory, .. } | Entry::Cover { directory, .. } => Some(*directory),
            Entry::Tmpfs { .. } | Entry::Kernel { .. } => Some(true),
            _ => None,
        };
        match is_directory.filter(|_| ours) {
            Some(true) if made.insert(at.to_string()) => step(&["dir", at]),
            Some(false) => step(&["file", at, ""]),
            _ => {}
        }
        match entry {
            Entry::Bind { source, options, .. } => step(&["bind", source, at, options]),
            Entry::Tmpfs { size, inodes, mode, .. } => {
                step(&["mount", "tmpfs", at, "", &format!("size={size},nr_inodes={inodes},mode={mode}")]);
            }
            Entry::Symlink { to, .. } => step(&["symlink", to, at]),
            Entry::File { content, .. } => step(&["file", at, content]),
            Entry::Cover { directory, .. } => step(&["cover", if *directory { "d" } else { "f" }, at]),
            Entry::ReadOnly { .. } => step(&["bind", at, at, "rdx"]),
            Entry::Kernel { kind, .. } => step(&["mount", kind, at, "x", if *kind == "devpts" { PTS } else { "" }]),
        }
        if matches!(entry, Entry::Bind { .. } | Entry::Kernel { .. }) {
            bound.push(entry.at());
        }
    }
    steps
}

const PTS: &str = "newinstance,mode=620,ptmxmode=666,max=256";
