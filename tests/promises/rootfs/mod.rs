//! `sandbox rootfs`: a root is imported whole or not at all, by a part of the program that is shown nothing else.

mod contained;
mod export;
mod import;
mod interrupted;
mod remove;
mod sources;
mod store;
mod subordinate;

use super::harness::{Output, Project, finish};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::LazyLock;

static SCHEMA: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
    let schema = serde_json::from_str(include_str!("../../../schema/rootfs-1.json")).expect("the schema is JSON");
    jsonschema::draft202012::new(&schema).expect("the schema is one")
});

/// A tree with one of each kind, as `tree`.
const TREE: &str = r"
    mkdir -p tree/bin tree/etc tree/empty
    echo root:x:0:0::/:/bin/sh > tree/etc/passwd
    printf '#!/bin/sh\necho hello\n' > tree/bin/hello
    chmod 755 tree/bin/hello
    chmod 600 tree/etc/passwd
    ln tree/bin/hello tree/bin/hardlink
    ln -s ../bin/hello tree/etc/link
";

/// `sh -ec SCRIPT` outside, in the project; it must succeed.
#[track_caller]
fn outside(project: &Project, script: &str) -> String {
    finish(project.outside("sh", &["-ec", script])).ok()
}

/// The tar archive of [`TREE`], as `tree.tar`.
#[track_caller]
fn archive(project: &Project) {
    outside(project, &format!("{TREE}\ntar -cf tree.tar -C tree ."));
}

/// What is listed of a root is [`TREE`]: seven names and 43 bytes, and perhaps the root itself.
fn holds_all(root: &Value) -> bool {
    root["bytes"] == 43 && (7..=9).contains(&root["entries"].as_u64().unwrap())
}

/// Where the roots of the project's user lie.
fn store(project: &Project) -> PathBuf {
    project.home().join(".local/share/sandbox/roots")
}

/// `sandbox rootfs import SOURCE --name NAME`
fn import(project: &Project, source: &str, name: &str) -> Output {
    project.run(&["rootfs", "import", source, "--name", name])
}

/// What `list --json` has of each root: right by its schema.
#[track_caller]
fn list(project: &Project) -> Vec<Value> {
    let printed = project.run(&["rootfs", "list", "--json"]);
    printed.exits(0);
    let printed: Value = serde_json::from_slice(&printed.stdout).unwrap();
    let wrong: Vec<String> = SCHEMA.iter_errors(&printed).map(|error| error.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}\n{printed:#}");
    printed["roots"].as_array().unwrap().clone()
}

/// Their names.
#[track_caller]
fn names(project: &Project) -> Vec<String> {
    list(project).iter().map(|root| root["name"].as_str().unwrap().to_owned()).collect()
}

/// Starts it, with an open pipe on stdin.
fn start(project: &Project, args: &[&str]) -> Child {
    project.sandbox(args).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn send(pid: u32, signal: Signal) {
    kill(Pid::from_raw(pid.cast_signed()), signal).ok();
}

fn children(pid: u32) -> Vec<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

/// An archive of [`FILES`] names that takes a while, as `large.tar`.
fn large(project: &Project) {
    let script =
        "mkdir tree; cd tree; seq 0 2998 | while read i; do echo $i > $i; done; tar -cf ../large.tar .; rm -r ../tree";
    outside(project, script);
}

const FILES: u64 = 3000;

/// Everything in the store, hidden or not.
fn left(project: &Project) -> Vec<String> {
    let entries = fs::read_dir(store(project)).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
