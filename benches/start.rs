//! What it costs to start a command and end it, beside the peers and beside the floor.

use crate::aims::{Aim, START};
use crate::measure::{Cost, Median, Named, interleaved};
use crate::memory::{self, Process};
use crate::peers::{self, BWRAP, FLOOR, OURS, Peer};
use crate::place::Place;
use crate::svg::{self, Bar};
use crate::table::{Notes, Section, Table};
use crate::{Result, calls};
use std::fs;

const HOW: &str = "Each starts `true` and ends: the time from before the start until it was waited for. All run in turn, in another order each \
round, with stdin, stdout and stderr on /dev/null; medians, with the median absolute deviation. CPU time and page faults are of all \
descendants, those too that outlive the program (bwrap does not wait for its PID 1); system calls those that strace -f sees, in a run of its own. The mounts are those of `sandbox explain` for the \
default profile, given bind by bind to the floor, bwrap, crun and runc; unshare gets a /proc of its own over the caller's file tree, \
firejail its own default profile with an empty home. The column counts what is in the mount table inside. Less than ours is less work: \
bwrap makes no files in /etc and covers less of /proc. Private memory is Private_Clean + Private_Dirty of all processes between the \
caller and the command, while the command waits.";

/// Measures it.
pub fn measure(place: &Place) -> Result<Section> {
    let mut notes = Notes::default();
    let (mut measured, mut commands) = (Vec::new(), Vec::new());
    for peer in peers::all(place)? {
        match peer.running(place, &["true"]).and_then(|command| command.output().map(|_| command)) {
            Ok(command) => {
                commands.push(command);
                measured.push(peer);
            }
            Err(reason) => notes.add(peer.name, format!("not measured: {reason}")),
        }
    }
    commands.push(Named::new("true alone", ["true"]));
    let costs = interleaved(&commands, place.rounds)?;
    let wall = |name: &str| commands.iter().position(|command| command.name == name).map(|index| costs[index].wall);
    let ratio = |cost: &Cost, to: &str| wall(to).map(|wall| cost.wall.per(&wall));
    let two = |ratio: Option<Median>| ratio.map_or("–".into(), |ratio| format!("{:.2}", ratio.value));
    let mut times = Table::new(["", "wall, ms", "× bwrap", "× floor", "CPU, ms", "page faults"]);
    let mut works = Table::new(["", "mounts", "system calls", "private, KiB", "program, KiB", "besides"]);
    for (command, cost) in commands.iter().zip(&costs) {
        let shown = [ms(&cost.wall), two(ratio(cost, BWRAP)), two(ratio(cost, FLOOR)), ms(&cost.cpu)];
        times.row([command.name.clone()].into_iter().chain(shown).chain([format!("{:.0}", cost.faults.value)]));
    }
    let mut ours = Vec::new();
    for (peer, command) in measured.iter().zip(&commands) {
        let processes = in_between(place, peer, &mut notes);
        works.row([
            peer.name.into(),
            mount_points(place, peer).map_or("–".into(), |points| points.len().to_string()),
            counted_calls(place, peer, command, &mut notes),
            private(&processes).map_or("–".into(), |kib| kib.to_string()),
            peer.program
                .as_ref()
                .and_then(|file| fs::metadata(file).ok())
                .map_or("–".into(), |f| (f.len() / 1024).to_string()),
            peer.layers.into(),
        ]);
        if peer.name == OURS {
            ours = processes;
        }
    }
    same_mounts(place, &measured, &mut notes);
    let ours_wall = wall(OURS);
    let against = |name: &str| Some(ours_wall?.per(&wall(name)?));
    let aims = vec![
        Aim::at_most("sandbox -- true, × the wall time of bwrap", 0.7, against(BWRAP), "").or_because(START),
        Aim::at_most("sandbox -- true, × the wall time of the floor", 1.2, against(FLOOR), "").or_because(START),
        Aim::at_most(
            "private memory of supervisor and init",
            4.0,
            private(&ours).map(|kib| Median::exact(kib as f64 / 1024.0)),
            " MiB",
        ),
    ];
    let bars = commands.iter().zip(&costs).map(|(c, cost)| Bar {
        name: c.name.clone(),
        value: cost.wall.value,
        ours: c.name.starts_with(OURS),
    });
    Ok(Section {
        title: "Start",
        how: HOW.into(),
        tables: vec![
            (format!("Time, {} rounds:", place.rounds), times),
            ("Work, and what each has besides namespaces and mounts:".into(), works),
            (
                "Memory of `sandbox`, default profile, KiB, process by process while the command waits:".into(),
                memory_table(&ours),
            ),
        ],
        notes,
        aims,
        chart: Some(svg::bars("Start and end of `true`, ms, median", bars.collect())),
    })
}

/// `8.31 ±0.12`
pub fn ms(median: &Median) -> String {
    format!("{:.2} ±{:.2}", median.value, median.deviation)
}

fn in_between(place: &Place, peer: &Peer, notes: &mut Notes) -> Vec<Process> {
    let seen =
        peer.running(place, &[memory::WAITING]).map_err(Into::into).and_then(|command| memory::look(place, &command));
    let processes = seen.unwrap_or_else(|reason: Box<dyn std::error::Error>| {
        notes.add(peer.name, format!("memory not measured: {reason}"));
        Vec::new()
    });
    if processes.iter().any(|process| process.private.is_none()) {
        notes.add(peer.name, "memory not measured: only root can read it (start the benchmark as root)".into());
    }
    processes
}

/// Of all of them, if all could be read; there may be none.
fn private(processes: &[Process]) -> Option<u64> {
    processes.iter().map(|process| process.private).sum::<Option<u64>>().filter(|_| !processes.is_empty())
}

/// Where something is mounted inside, by /proc/self/mountinfo, proc(5).
fn mount_points(place: &Place, peer: &Peer) -> Option<Vec<String>> {
    let table = peer.running(place, &["cat", "/proc/self/mountinfo"]).and_then(|command| command.output()).ok()?;
    let mut points: Vec<String> = table.lines().filter_map(|line| line.split(' ').nth(4)).map(String::from).collect();
    points.sort();
    Some(points)
}

/// The floor is one only if it makes what we make.
fn same_mounts(place: &Place, peers: &[Peer], notes: &mut Notes) {
    let of = |name| mount_points(place, peers.iter().find(|peer: &&Peer| peer.name == name)?);
    if let (Some(ours), Some(floor)) = (of(OURS), of(FLOOR))
        && ours != floor
    {
        notes.add(FLOOR, format!("is none: it has mounted {floor:?}, we {ours:?}"));
    }
}

fn counted_calls(place: &Place, peer: &Peer, command: &Named, notes: &mut Notes) -> String {
    let counted = match peer.is_set_id() {
        true => Err("it is set-user-ID, and traced it would lose that".into()),
        false => calls::count(place, command),
    };
    counted.map(|calls| calls.to_string()).unwrap_or_else(|reason| {
        notes.add(peer.name, format!("system calls not counted: {reason}"));
        "–".into()
    })
}

fn memory_table(processes: &[Process]) -> Table {
    let mut table = Table::new([
        "",
        "private",
        "with its share of what is shared (Pss)",
        "anonymous (RssAnon)",
        "most ever resident (VmHWM)",
    ]);
    let or = |kib: Option<u64>| kib.map_or("–".into(), |kib| kib.to_string());
    for (index, each) in processes.iter().enumerate() {
        let role = ["supervisor", "init"].get(index).copied().unwrap_or(&each.name);
        table.row([
            role.into(),
            or(each.private),
            or(each.proportional),
            each.anonymous.to_string(),
            each.peak.to_string(),
        ]);
    }
    let sum = |of: fn(&Process) -> Option<u64>| or(processes.iter().map(of).sum());
    table.row([
        "together".into(),
        sum(|p| p.private),
        sum(|p| p.proportional),
        sum(|p| Some(p.anonymous)),
        sum(|p| Some(p.peak)),
    ]);
    table
}
