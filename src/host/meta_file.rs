//! The report as isolate's meta-file, for graders that read that: isolate(1) of version 2, section META-FILES. Lines of `key:value`;
//! what was not measured has no line. docs/report.md has the table of what becomes what.

use super::outcome::{Outcome, Status};
use crate::visible;
use nix::libc;
use nix::sys::signal::Signal;

type Line = (&'static str, String);

/// The text of the file.
pub fn render(outcome: &Outcome) -> Vec<u8> {
    // A name in a message comes from the payload's side: no further line can be forged.
    let lines = figures(outcome).into_iter().chain(verdict(outcome));
    lines.map(|(key, value)| format!("{key}:{}\n", visible::line(&value))).collect::<String>().into_bytes()
}

/// Times in seconds, sizes in kilobytes.
fn figures(outcome: &Outcome) -> Vec<Line> {
    let mut lines = Vec::new();
    if let Some(usage) = outcome.usage {
        let cpu_us = outcome.user_time_us().unwrap_or(0) + outcome.system_time_us().unwrap_or(0);
        lines.extend([
            ("time", seconds(u128::from(cpu_us / 1000))),
            ("time-wall", seconds(outcome.wall_time.as_millis())),
            ("max-rss", (usage.max_rss_bytes >> 10).to_string()),
            ("csw-voluntary", usage.voluntary_switches.to_string()),
            ("csw-forced", usage.involuntary_switches.to_string()),
        ]);
    }
    let peak = outcome.cgroup.and_then(|cgroup| cgroup.memory_peak_bytes);
    lines.extend(peak.map(|bytes| ("cg-mem", (bytes >> 10).to_string())));
    let oom_kills = outcome.cgroup.and_then(|cgroup| cgroup.oom_kills).unwrap_or(0);
    if outcome.status == Status::OutOfMemory || oom_kills > 0 {
        lines.push(("cg-oom-killed", "1".into()));
    }
    lines
}

fn seconds(milliseconds: u128) -> String {
    format!("{}.{:03}", milliseconds / 1000, milliseconds % 1000)
}

/// `status` and what goes with it; a run that ended well has none.
fn verdict(outcome: &Outcome) -> Vec<Line> {
    let why = || outcome.error.as_ref().map(ToString::to_string).unwrap_or_default();
    let mut lines = match (outcome.status, interrupted(outcome)) {
        (Status::Exited | Status::Signaled, Some(signal)) => died(signal, "Interrupted".into()),
        (Status::Exited, None) => match outcome.exit_code.unwrap_or(0) {
            0 => vec![("exitcode", "0".into())],
            code => exited(code, format!("Exited with error status {code}")),
        },
        (Status::Signaled, None) => {
            let signal = outcome.signal.unwrap_or(0);
            died(signal, format!("Caught fatal signal {signal}"))
        }
        (Status::WallTimeout, _) => ended("TO", "Time limit exceeded (wall clock)".into()),
        (Status::CpuTimeout, _) => ended("TO", "Time limit exceeded".into()),
        (Status::OutOfMemory, _) => died(libc::SIGKILL, format!("Caught fatal signal {}", libc::SIGKILL)),
        // What exceeds isolate's own limit on output, that of a file's size, dies of this signal.
        (Status::OutputLimit, _) => died(libc::SIGXFSZ, "Output limit exceeded".into()),
        // isolate's child exits with 127 when its execve(2) fails: a fault of the program, not of the sandbox.
        (Status::ExecFailed, _) => {
            let code = i32::from(outcome.sandbox_exit_code(&[]));
            exited(code, format!("Exited with error status {code}: {}", why()))
        }
        (Status::SetupFailed, _) => ended("XX", why()),
    };
    if was_killed(outcome) {
        lines.push(("killed", "1".into()));
    }
    lines
}

fn ended(status: &'static str, message: String) -> Vec<Line> {
    vec![("status", status.into()), ("message", message)]
}

fn exited(code: i32, message: String) -> Vec<Line> {
    [vec![("exitcode", code.to_string())], ended("RE", message)].concat()
}

fn died(signal: i32, message: String) -> Vec<Line> {
    [vec![("exitsig", signal.to_string())], ended("SG", message)].concat()
}

/// The number of the caller's signal: to isolate, a run that was interrupted has no result, whatever the program made of it.
fn interrupted(outcome: &Outcome) -> Option<i32> {
    Some(outcome.interrupted_by?.parse::<Signal>().ok()? as i32)
}

/// Did a signal of ours end it? A command that uses the time of `kill_after` to exit, or that had ended when its limit was found to be
/// exceeded, was not killed, and one that was short of memory was killed by the kernel.
fn was_killed(outcome: &Outcome) -> bool {
    let by_us = match outcome.status {
        Status::WallTimeout | Status::CpuTimeout | Status::OutputLimit => true,
        Status::Exited | Status::Signaled => outcome.interrupted_by.is_some(),
        Status::OutOfMemory | Status::ExecFailed | Status::SetupFailed => false,
    };
    by_us && outcome.signal.is_some()
}

#[cfg(test)]
mod tests;
