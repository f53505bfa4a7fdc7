//! The report: one JSON object, version 1. What could not be measured is null.

use super::Options;
use super::outcome::{MemorySource, Outcome, Status, rfc3339};
use crate::error::{Error, ErrorKind};
use crate::plan::{Enforcement, Extent, NetworkMode, Plan, SeccompPolicy};
use crate::prepare::Prepared;
use crate::profile::Source;
use crate::timings::Timings;
use crate::visible;
use serde::Serialize;

/// The object as it is written.
#[derive(Debug, Serialize)]
#[allow(missing_docs)] // docs/report.md
pub struct Report<'run> {
    pub version: u32,
    pub sandbox: &'static str,
    pub status: Status,
    pub exit_code: Option<i32>,
    pub signal: Option<i32>,
    pub core_dumped: bool,
    pub sandbox_exit_code: u8,
    pub limits_hit: &'run [&'static str],
    pub interrupted_by: Option<&'static str>,
    pub error: Option<ReportedError>,
    pub started_at: String,
    pub name: Option<&'run str>,
    pub command: Vec<String>,
    pub wall_time_us: u64,
    pub user_time_us: Option<u64>,
    pub system_time_us: Option<u64>,
    pub extra_time_used_us: Option<u64>,
    pub memory_peak_bytes: Option<u64>,
    pub memory_source: Option<MemorySource>,
    pub pids_peak: Option<u64>,
    pub oom_kills: Option<u64>,
    pub stdout_bytes: Option<u64>,
    pub stderr_bytes: Option<u64>,
    pub context_switches: Option<Switches>,
    pub limits: Option<Limits>,
    pub profiles: &'run [Source],
    pub protected_created: &'run [String],
    pub degraded: Vec<&'run str>,
    pub layers: Option<Layers>,
    pub timings: Option<&'run Timings>,
}

/// `error`
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct ReportedError {
    pub kind: ErrorKind,
    pub step: Option<&'static str>,
    pub path: Option<String>,
    pub errno: Option<String>,
    pub origin: Option<String>,
    pub message: String,
    pub remedy: Option<String>,
}

/// `context_switches`
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct Switches {
    pub voluntary: u64,
    pub involuntary: u64,
}

/// `limits`: those in force, null where there is none.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct Limits {
    pub memory_bytes: Option<u64>,
    pub swap_bytes: Option<u64>,
    pub pids: Option<u64>,
    pub cpus: Option<f64>,
    pub cpu_weight: Option<u64>,
    pub io_weight: Option<u64>,
    pub wall_time_us: Option<u64>,
    pub cpu_time_us: Option<u64>,
    pub extra_time_us: u64,
    pub kill_after_us: u64,
    pub output_bytes: Option<u64>,
    pub file_size_bytes: Option<u64>,
    pub open_files: Option<u64>,
    pub stack_bytes: Option<u64>,
    pub core_bytes: u64,
    pub address_space_bytes: Option<u64>,
    pub locked_memory_bytes: Option<u64>,
}

/// `layers`: those in force.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct Layers {
    pub namespaces: Vec<&'static str>,
    pub landlock: Option<LandlockLayer>,
    pub seccomp: Option<SeccompLayer>,
    pub cgroup: Option<&'static str>,
    pub uid: Ids,
    pub gid: Ids,
}

/// `layers.landlock`
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct LandlockLayer {
    pub abi: u32,
    pub mode: Enforcement,
}

/// `layers.seccomp`
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct SeccompLayer {
    pub policy: SeccompPolicy,
    pub calls: usize,
}

/// An id inside and the same outside.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct Ids {
    pub inside: u32,
    pub outside: u32,
    /// Every id that there is inside; one extent, unless the profile says `map: subordinate`.
    pub map: Vec<Extent>,
}

/// The JSON text, with a newline at its end. `plan` and `prepared` are missing where the run did not get that far, `timings` where
/// nobody asked for them.
pub fn render(
    outcome: &Outcome,
    options: &Options,
    plan: Option<&Plan>,
    prepared: Option<&Prepared>,
    timings: Option<&Timings>,
) -> Vec<u8> {
    let (usage, memory) = (outcome.usage, outcome.memory_peak());
    let cgroup = outcome.cgroup.map(|cgroup| cgroup.layer);
    let preferred = prepared.map(|prepared| prepared.degraded.as_slice()).unwrap_or_default();
    // Of a run that never was, no layer was in force.
    let has_run = outcome.status != Status::SetupFailed;
    let report = Report {
        version: 1,
        sandbox: env!("CARGO_PKG_VERSION"),
        status: outcome.status,
        exit_code: outcome.exit_code,
        signal: outcome.signal,
        core_dumped: outcome.core_dumped,
        sandbox_exit_code: outcome.sandbox_exit_code(&options.exit_codes),
        limits_hit: &outcome.limits_hit,
        interrupted_by: outcome.interrupted_by,
        error: outcome.error.as_ref().map(reported),
        started_at: rfc3339(outcome.started_at),
        name: options.name.as_deref(),
        command: plan
            .map(|plan| plan.command.argv.iter().map(|word| word.to_string_lossy().into_owned()).collect())
            .unwrap_or_default(),
        wall_time_us: outcome.wall_time.as_micros() as u64,
        user_time_us: outcome.user_time_us(),
        system_time_us: outcome.system_time_us(),
        extra_time_used_us: outcome.extra_time_used_us,
        memory_peak_bytes: memory.map(|(peak, _)| peak),
        memory_source: memory.map(|(_, source)| source),
        pids_peak: outcome.cgroup.and_then(|cgroup| cgroup.pids_peak),
        oom_kills: outcome.cgroup.and_then(|cgroup| cgroup.oom_kills),
        stdout_bytes: outcome.stdout_bytes,
        stderr_bytes: outcome.stderr_bytes,
        context_switches: usage
            .map(|usage| Switches { voluntary: usage.voluntary_switches, involuntary: usage.involuntary_switches }),
        limits: plan.map(|plan| limits(plan, !has_run || outcome.cgroup.is_some())),
        profiles: plan.map(|plan| plan.profiles.as_slice()).unwrap_or_default(),
        protected_created: &outcome.protected_created,
        degraded: preferred.iter().chain(&outcome.degraded).map(String::as_str).collect(),
        layers: plan.zip(prepared.filter(|_| has_run)).map(|(plan, prepared)| layers(plan, prepared, cgroup)),
        timings,
    };
    // Serialising plain data to memory cannot fail: every map key is text and every number finite.
    let text = serde_json::to_string(&report).unwrap_or_default();
    // A report is also looked at on a terminal.
    (visible::json(&text) + "\n").into_bytes()
}

fn reported(error: &Error) -> ReportedError {
    ReportedError {
        kind: error.kind,
        step: error.step,
        path: error.path.clone(),
        errno: error.errno.map(|errno| format!("{errno:?}")),
        origin: error.origin.as_ref().map(ToString::to_string),
        message: error.message.clone(),
        remedy: error.remedy.clone(),
    }
}

/// `has_cgroup`: those that only a cgroup holds are in force.
fn limits(plan: &Plan, has_cgroup: bool) -> Limits {
    let limits = &plan.limits;
    let held = |limit: Option<u64>| limit.filter(|_| has_cgroup);
    Limits {
        memory_bytes: held(limits.memory),
        swap_bytes: held(limits.swap),
        pids: if plan.cgroup.needed_by.iter().any(|need| need.key == "limits.pids") {
            held(limits.pids)
        } else {
            limits.pids
        },
        cpus: held(limits.cpus).map(|thousandths| thousandths as f64 / 1000.0),
        cpu_weight: held(limits.cpu_weight),
        io_weight: held(limits.io_weight),
        wall_time_us: limits.wall_time,
        cpu_time_us: limits.cpu_time,
        extra_time_us: limits.extra_time,
        kill_after_us: limits.kill_after,
        output_bytes: limits.output,
        file_size_bytes: limits.file_size,
        open_files: limits.open_files,
        stack_bytes: limits.stack,
        core_bytes: limits.core,
        address_space_bytes: limits.address_space,
        locked_memory_bytes: limits.locked_memory,
    }
}

/// The layers of a run; `cgroup` is known only once it has begun.
pub fn layers(plan: &Plan, prepared: &Prepared, cgroup: Option<&'static str>) -> Layers {
    let network = (plan.network == NetworkMode::None).then_some("net");
    Layers {
        namespaces: ["user", "mount", "pid"].into_iter().chain(network).chain(["uts", "ipc", "cgroup"]).collect(),
        landlock: prepared.landlock.as_ref().map(|fence| LandlockLayer { abi: fence.abi, mode: plan.landlock.mode }),
        seccomp: prepared
            .filter
            .as_ref()
            .map(|filter| SeccompLayer { policy: plan.seccomp.policy, calls: filter.allowed }),
        cgroup,
        uid: Ids { inside: plan.user.uid, outside: plan.user.outside_uid, map: plan.user.uids.clone() },
        gid: Ids { inside: plan.user.gid, outside: plan.user.outside_gid, map: plan.user.gids.clone() },
    }
}
