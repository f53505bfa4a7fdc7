//! `sandbox ps`: the sandboxes of this user that run.

use super::table;
use crate::error::Error;
use crate::host::registry::ask::{self, Run};
use crate::host::registry::message::{Info, State};
use crate::visible;
use nix::errno::Errno;
use serde::Serialize;
use std::time::{Duration, SystemTime};

/// One of them: docs/running.md. What a silent one does not tell is null.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    pid: i32,
    state: State,
    since: Option<String>,
    profiles: Option<Vec<String>>,
    command: Option<Vec<String>>,
    init_pid: Option<i32>,
    cgroup: Option<String>,
}

/// All of them, as a table or as JSON.
pub fn ps(json: bool) -> Result<String, Error> {
    let rows: Vec<Row> = ask::names().iter().filter_map(|name| row(ask::find(name).ok()?)).collect();
    if json {
        // Serialising plain data to memory cannot fail.
        return Ok(visible::json(&serde_json::to_string_pretty(&rows).unwrap_or_default()) + "\n");
    }
    let now = SystemTime::now();
    let head = ["NAME", "PID", "AGE", "PROFILE", "COMMAND"].map(str::to_owned).to_vec();
    let lines = rows.iter().map(|row| {
        let profile = row.profiles.as_ref().and_then(|profiles| profiles.last().cloned());
        let command = row.command.as_ref().map(|words| words.join(" "));
        let what = match row.state {
            State::Silent => "(stopped)".into(),
            State::Running => command.unwrap_or_default(),
            State::Starting => format!("{} (starting)", command.unwrap_or_default()),
            State::Ending => format!("{} (ending)", command.unwrap_or_default()),
        };
        let age = row.since.as_deref().and_then(|since| age(since, now)).unwrap_or_else(|| "-".into());
        vec![row.name.clone(), row.pid.to_string(), age, profile.unwrap_or_else(|| "-".into()), what]
    });
    Ok(table::columns(std::iter::once(head).chain(lines)))
}

/// None for one that has ended since.
fn row(mut run: Run) -> Option<Row> {
    let info = run.info();
    let (name, pid) = (run.name, run.pid.as_raw());
    Some(match info {
        Err(Error { errno: Some(Errno::EPIPE), .. }) => return None,
        Err(_) => Row {
            name,
            pid,
            state: State::Silent,
            since: None,
            profiles: None,
            command: None,
            init_pid: None,
            cgroup: None,
        },
        Ok(Info { state, since, profiles, command, init_pid, cgroup }) => Row {
            name,
            pid,
            state,
            since: Some(since),
            profiles: Some(profiles),
            command: Some(command),
            init_pid: Some(init_pid),
            cgroup,
        },
    })
}

/// In the largest unit of which there is one.
fn age(since: &str, now: SystemTime) -> Option<String> {
    let since = humantime::parse_rfc3339(since).ok()?;
    let seconds = now.duration_since(since).unwrap_or(Duration::ZERO).as_secs();
    Some(match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86400),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_in_the_largest_unit() {
        let since = "2026-01-01T00:00:00.000Z";
        let start = humantime::parse_rfc3339(since).unwrap();
        for (seconds, shown) in [(0, "0s"), (59, "59s"), (61, "1m"), (7199, "1h"), (200_000, "2d")] {
            assert_eq!(age(since, start + Duration::from_secs(seconds)).unwrap(), shown);
        }
        assert_eq!(age(since, start - Duration::from_secs(9)).unwrap(), "0s", "the clock was put back");
        assert_eq!(age("yesterday", start), None);
    }
}
