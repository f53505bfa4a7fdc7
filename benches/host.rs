//! The machine, and the versions of everything.

use crate::Result;
use crate::measure::Named;
use crate::peers::version;
use crate::place;
use crate::table::Table;
use nix::sys::utsname::uname;
use std::fs;
use std::thread;
use std::time::SystemTime;

/// Where, when and how it was measured.
pub fn facts(command: &str) -> Result<Table> {
    let mut table = Table::new(["", ""]);
    let mut row = |name: &str, value: String| table.row([name.into(), value]);
    row("date", humantime::format_rfc3339_seconds(SystemTime::now()).to_string()[..10].into());
    row("command", format!("`{command}`"));
    row("processor", field("/proc/cpuinfo", "model name", ':').unwrap_or("unknown".into()));
    row("processors", thread::available_parallelism().map_or("unknown".into(), |count| count.to_string()));
    row("memory", field("/proc/meminfo", "MemTotal", ':').unwrap_or("unknown".into()));
    let kernel =
        |name: nix::Result<nix::sys::utsname::UtsName>| name.map(|n| n.release().to_string_lossy().into_owned());
    row("Linux", kernel(uname()).unwrap_or("unknown".into()));
    row("system", field("/etc/os-release", "PRETTY_NAME", '=').unwrap_or("unknown".into()).trim_matches('"').into());
    row(
        "load before",
        fs::read_to_string("/proc/loadavg").unwrap_or_default().split(' ').take(3).collect::<Vec<_>>().join(" "),
    );
    // Of a binary from elsewhere the checkout says nothing.
    let commit = if place::is_of_this_build() { commit() } else { String::new() };
    row("sandbox", format!("{}{commit}", version(&place::sandbox()?)));
    for program in ["bwrap", "unshare", "firejail", "crun", "runc", "systemd-run", "cc", "make", "git", "strace"] {
        row(program, version(program));
    }
    Ok(table)
}

/// The commit that is checked out, if this is a checkout that can be read.
fn commit() -> String {
    let words = [
        "git",
        "-c",
        "safe.directory=*",
        "-C",
        env!("CARGO_MANIFEST_DIR"),
        "describe",
        "--always",
        "--dirty",
        "--exclude=*",
    ];
    Named::new("git", words).output().map_or(String::new(), |commit| format!(" ({})", commit.trim()))
}

/// The value of the first line `key … separator value`.
fn field(file: &str, key: &str, separator: char) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(key))?;
    Some(line.split_once(separator)?.1.trim().into())
}
