//! Memory of supervisor and init, seen while the command waits: everything is set up then, and nothing is freed before the end.

use crate::Result;
use crate::measure::Named;
use crate::place::Place;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

/// What waits, on a pipe.
pub const WAITING: &str = "cat";

/// One process between the caller and the command; KiB.
#[derive(Default)]
pub struct Process {
    /// Its name.
    pub name: String,
    /// Private_Clean + Private_Dirty of smaps_rollup: pages that nobody else has mapped. None where it cannot be read.
    pub private: Option<u64>,
    /// Pss: its private pages, and its share of those that it shares with others.
    pub proportional: Option<u64>,
    /// RssAnon of status: what it wrote, not what it maps of files.
    pub anonymous: u64,
    /// VmHWM of status: the most that was ever resident, files too. An upper bound for any peak.
    pub peak: u64,
}

/// The processes of `command`, whose payload is [`WAITING`], without that payload.
pub fn look(place: &Place, command: &Named) -> Result<Vec<Process>> {
    let mut started = command.command().stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let first = u64::from(started.id());
    let mut input = started.stdin.take().ok_or("no pipe")?;
    let mut output = started.stdout.take().ok_or("no pipe")?;
    // One byte there and back: then the command runs, and waits.
    let seen = input.write_all(b"\n").and_then(|()| std::io::Read::read_exact(&mut output, &mut [0]));
    let processes = match seen {
        Ok(()) => settled(first).map(|pids| pids.into_iter().map(|pid| measure(place, pid)).collect()),
        Err(error) => Err(format!("{}: {error}", command.name).into()),
    };
    drop(input);
    started.wait()?;
    processes
}

/// The descendants once none of them runs any more.
fn settled(first: u64) -> Result<Vec<u64>> {
    let begun = Instant::now();
    loop {
        thread::sleep(Duration::from_millis(20));
        let all = descendants(first)?;
        let resting = all.iter().all(|(_, state)| state == "S");
        if resting || begun.elapsed() > Duration::from_secs(2) {
            return Ok(all.into_iter().map(|(pid, _)| pid).filter(|pid| name(*pid) != WAITING).collect());
        }
    }
}

/// `first` and all below it, with their states, by /proc/PID/stat.
fn descendants(first: u64) -> Result<Vec<(u64, String)>> {
    let mut parents = BTreeMap::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u64>().ok()) else { continue };
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        // The name before it may hold anything, a parenthesis too.
        let mut fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest).split(' ');
        let (Some(state), Some(parent)) = (fields.next(), fields.next().and_then(|p| p.parse::<u64>().ok())) else {
            continue;
        };
        parents.insert(pid, (parent, state.to_string()));
    }
    let below = |mut pid: u64| {
        while pid != first {
            match parents.get(&pid) {
                Some((parent, _)) => pid = *parent,
                None => return false,
            }
        }
        true
    };
    Ok(parents.iter().filter(|(pid, _)| below(**pid)).map(|(pid, (_, state))| (*pid, state.clone())).collect())
}

fn name(pid: u64) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().into()
}

fn measure(place: &Place, pid: u64) -> Process {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let smaps = place.helper.smaps(pid).ok();
    let private = |smaps: &String| Some(kib(smaps, "Private_Clean:")? + kib(smaps, "Private_Dirty:")?);
    Process {
        name: name(pid),
        private: smaps.as_ref().and_then(private),
        proportional: smaps.as_ref().and_then(|smaps| kib(smaps, "Pss:")),
        anonymous: kib(&status, "RssAnon:").unwrap_or_default(),
        peak: kib(&status, "VmHWM:").unwrap_or_default(),
    }
}

fn kib(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(key)?.split_whitespace().next()?.parse().ok())
}
