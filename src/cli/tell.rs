//! What is said at the end of a run: the limit that ended it, and with -v how it ended and what it used.

use crate::host::outcome::{MemorySource, Outcome, Status};

/// Says it.
pub(super) fn tell(outcome: &Outcome) {
    if let Some(error) = &outcome.error {
        tracing::error!("{error}");
    }
    for path in &outcome.protected_created {
        tracing::warn!(
            "{path} appeared or was replaced during the run, and the command could reach it: look at it before you use it"
        );
    }
    if let Some(refused) = fork_line(outcome) {
        tracing::warn!("{refused}");
    }
    if let Some(limit) = limit_line(outcome) {
        tracing::warn!("{limit}");
    }
    if let Some(end) = end_line(outcome) {
        tracing::info!("{end}");
    }
}

/// Why a command may have failed that was itself not ended by a limit.
fn fork_line(outcome: &Outcome) -> Option<&'static str> {
    let went_well = outcome.status == Status::Exited && outcome.exit_code == Some(0);
    (outcome.limits_hit.contains(&"pids") && !went_well)
        .then_some("a process could not be started: as many ran as there may be (limits.pids)")
}

/// Which limit ended the command, at what figure.
fn limit_line(outcome: &Outcome) -> Option<String> {
    if outcome.status == Status::OutOfMemory && !outcome.limits_hit.contains(&"memory") {
        return Some(
            "the OOM killer ended the command: the host, or a cgroup around the run's, had no memory left".into(),
        );
    }
    let (limit, figure, key) = match outcome.status {
        Status::WallTimeout => ("wall-clock", format!(" after {}", seconds(wall_time_us(outcome))), "wall_time"),
        Status::CpuTimeout => {
            let used = cpu_time_us(outcome).map(|used| format!(" after {} of CPU time", seconds(used)));
            ("CPU-time", used.unwrap_or_default(), "cpu_time")
        }
        Status::OutOfMemory => {
            let peak = outcome.memory_peak().filter(|(_, source)| *source == MemorySource::Cgroup);
            ("memory", peak.map_or(String::new(), |(peak, _)| format!(": it held {} MiB", peak >> 20)), "memory")
        }
        Status::OutputLimit => ("output", String::new(), "output"),
        Status::Exited | Status::Signaled | Status::ExecFailed | Status::SetupFailed => return None,
    };
    Some(format!("the {limit} limit ended the command{figure} (limits.{key})"))
}

/// How a run ended and what it used; none if there was none.
fn end_line(outcome: &Outcome) -> Option<String> {
    let end = match outcome.status {
        Status::Exited => format!("exited {}", outcome.exit_code.unwrap_or(0)),
        Status::Signaled => format!("killed by signal {}", outcome.signal.unwrap_or(0)),
        Status::WallTimeout => "wall-clock limit".into(),
        Status::CpuTimeout => "CPU-time limit".into(),
        Status::OutOfMemory => "memory limit".into(),
        Status::OutputLimit => "output limit".into(),
        Status::ExecFailed | Status::SetupFailed => return None,
    };
    let cpu = cpu_time_us(outcome).map(|used| format!("cpu {}", seconds(used)));
    let memory = outcome.memory_peak().map(|(peak, source)| match source {
        MemorySource::Cgroup => format!("peak {} MiB", peak >> 20),
        MemorySource::LargestProcess => format!("largest process {} MiB", peak >> 20),
    });
    let processes = outcome.cgroup.and_then(|cgroup| cgroup.pids_peak).map(|peak| match peak {
        1 => "1 process".into(),
        _ => format!("{peak} processes"),
    });
    let end = format!("{end} in {}", seconds(wall_time_us(outcome)));
    Some([Some(end), cpu, memory, processes].into_iter().flatten().collect::<Vec<_>>().join(", "))
}

fn wall_time_us(outcome: &Outcome) -> u64 {
    outcome.wall_time.as_micros() as u64
}

fn cpu_time_us(outcome: &Outcome) -> Option<u64> {
    outcome.user_time_us().zip(outcome.system_time_us()).map(|(user, system)| user + system)
}

/// Microseconds as people read them.
pub(super) fn seconds(microseconds: u64) -> String {
    format!("{:.1} s", microseconds as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use crate::host::outcome::{CgroupFigures, Usage};
    use std::time::{Duration, SystemTime};

    fn outcome(status: Status, cgroup: Option<CgroupFigures>) -> Outcome {
        let usage = Usage {
            user_time_us: 1_900_000,
            system_time_us: 200_000,
            max_rss_bytes: 12 << 20,
            voluntary_switches: 0,
            involuntary_switches: 0,
        };
        Outcome {
            status,
            exit_code: Some(0),
            limits_hit: if status == Status::OutOfMemory { vec!["memory"] } else { vec![] },
            started_at: SystemTime::UNIX_EPOCH,
            wall_time: Duration::from_millis(3200),
            usage: Some(usage),
            cgroup,
            ..Outcome::failed(Error::host("never was"))
        }
    }

    fn counted() -> Option<CgroupFigures> {
        Some(CgroupFigures {
            layer: "delegated",
            memory_peak_bytes: Some(412 << 20),
            pids_peak: Some(38),
            oom_kills: Some(1),
            user_time_us: Some(5_500_000),
            system_time_us: Some(400_000),
        })
    }

    /// What is said of each status, with and without a cgroup.
    fn page(line: fn(&Outcome) -> Option<String>) -> String {
        let mut page = String::new();
        for status in [
            Status::Exited,
            Status::Signaled,
            Status::WallTimeout,
            Status::CpuTimeout,
            Status::OutOfMemory,
            Status::OutputLimit,
            Status::SetupFailed,
        ] {
            for cgroup in [counted(), None] {
                page += &line(&outcome(status, cgroup)).unwrap_or_else(|| "-".into());
                page.push('\n');
            }
        }
        page
    }

    #[test]
    fn the_limit_that_ended_a_run_is_told_with_its_figure_and_its_key() {
        insta::assert_snapshot!(page(limit_line));
    }

    #[test]
    fn the_end_is_told_with_the_figures_of_the_cgroup_where_there_is_one() {
        insta::assert_snapshot!(page(end_line));
    }

    #[test]
    fn a_host_without_memory_is_not_told_as_the_runs_limit() {
        let elsewhere = Outcome { limits_hit: vec![], ..outcome(Status::OutOfMemory, counted()) };
        assert!(limit_line(&elsewhere).unwrap().starts_with("the OOM killer ended the command: the host"));
    }

    #[test]
    fn a_refused_fork_is_told_unless_the_command_coped_with_it() {
        let refused = Outcome { limits_hit: vec!["pids"], ..outcome(Status::Exited, None) };
        assert!(fork_line(&Outcome { exit_code: Some(2), ..refused.clone() }).is_some());
        assert_eq!(fork_line(&Outcome { exit_code: Some(0), ..refused }), None);
        assert_eq!(fork_line(&Outcome { exit_code: Some(2), ..outcome(Status::Exited, None) }), None);
    }

    #[test]
    fn one_process_is_no_processes() {
        let cgroup = counted().map(|cgroup| CgroupFigures { pids_peak: Some(1), ..cgroup });
        let line = end_line(&outcome(Status::Exited, cgroup)).unwrap();
        assert!(line.ends_with(", 1 process"), "{line}");
    }
}
