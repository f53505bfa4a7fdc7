//! How the time grows: with the binds, the host's mounts, the size of the profile, the files of the project, and the number of sandboxes at once.

use crate::Result;
use crate::aims::Aim;
use crate::host_mounts;
use crate::measure::{Median, Named, in_turn, interleaved};
use crate::mounts;
use crate::peers::{BWRAP, FLOOR, OURS, bwrap};
use crate::place::Place;
use crate::start::ms;
use crate::table::{Section, Table};
use std::fmt::Write;
use std::fs;
use std::time::Instant;

const HOW: &str = "Each starts `true`, as above. \"Linear or better\" holds if one more costs, between the two largest, at most a quarter more than between the \
two before, or nothing beyond its deviation, which is the sum of those of both ends; \"unclear\" is what is more, but by less than the deviations.";

/// Measures it.
pub fn measure(place: &Place) -> Result<Section> {
    let mut section = Section::new("Scale", HOW);
    binds(place, &mut section)?;
    host_mounts(place, &mut section)?;
    profile(place, &mut section)?;
    project(place, &mut section)?;
    at_once(place, &mut section)?;
    Ok(section)
}

/// A point of a curve.
type Point = (usize, Median);

/// What one more costs, between two points, each of which may be off.
fn slope((few, before): Point, (many, after): Point) -> Median {
    let more = (many - few) as f64;
    Median { value: (after.value - before.value) / more, deviation: (after.deviation + before.deviation) / more }
}

/// Is `after` at most a quarter more than `before`, or nothing that its deviation does not hold? None where it is more by less than
/// the deviations.
fn is_within_a_quarter(after: Median, before: Median) -> Option<bool> {
    let allowed = |before: f64| 1.25 * before;
    let (before, off) = (before.value.max(0.0), before.deviation);
    if after.value <= allowed(before).max(after.deviation) {
        Some(true)
    } else if after.value - after.deviation > allowed(before + off) {
        Some(false)
    } else {
        None
    }
}

fn linear_aim(what: &str, points: &[Point]) -> Option<Aim> {
    let [.., a, b, c] = points else { return None };
    let (before, after) = (slope(*a, *b), slope(*b, *c));
    let each = format!("one more: {}, then {}", micros(before), micros(after));
    Some(Aim::said(&format!("{what}: linear or better"), each, is_within_a_quarter(after, before)))
}

/// Of a slope in milliseconds.
fn micros(slope: Median) -> String {
    format!("{:.1} ±{:.1} µs", 1e3 * slope.value, 1e3 * slope.deviation)
}

/// A column for each count.
fn by_count(counts: &[usize]) -> Table {
    Table::new([String::new()].into_iter().chain(counts.iter().map(usize::to_string)))
}

fn binds(place: &Place, section: &mut Section) -> Result<()> {
    const COUNTS: [usize; 4] = [1, 10, 100, 1000];
    let mut commands = Vec::new();
    for count in COUNTS {
        let mut profile = String::from("extends: [default]\nmounts:\n");
        for index in 0..count {
            let source = place.word(&format!("binds/{index}"));
            fs::create_dir_all(&source)?;
            writeln!(profile, "  - ro: {source}\n    at: /bound/{index}")?;
        }
        let file = write(place, &format!("binds-{count}.yaml"), &profile)?;
        let entries = mounts::of(place, &["-p", &file])?;
        commands.push(Named::new(OURS, [&place.sandbox, "-p", &file, "--", "true"]));
        commands.push(Named::new(BWRAP, [bwrap(), mounts::bwrap(&entries), vec!["--".into(), "true".into()]].concat()));
        if let Ok(floor) = &place.floor {
            let words = [vec![floor.clone()], mounts::floor(&entries), vec!["--".into(), "true".into()]].concat();
            commands.push(Named::new(FLOOR, words));
        }
    }
    let points = curves(place, section, "Binds beside those of the default profile, ms:", &COUNTS, commands)?;
    let last = points.last().map(|(_, time)| *time);
    section.aims.push(Aim::at_most("1000 binds", 60.0, last, " ms"));
    section.aims.extend(linear_aim("binds", &points));
    Ok(())
}

/// Measures `commands`, the same ones for each count, as a table of curves; returns that of ours.
fn curves(
    place: &Place,
    section: &mut Section,
    says: &str,
    counts: &[usize],
    commands: Vec<Named>,
) -> Result<Vec<Point>> {
    let mut names: Vec<String> = Vec::new();
    let mut runnable = Vec::new();
    for command in &commands {
        if !names.contains(&command.name) {
            match command.output() {
                Ok(_) => names.push(command.name.clone()),
                Err(reason) if command.name == OURS => return Err(reason.into()),
                Err(_) => continue,
            }
        }
        runnable.push(command.clone());
    }
    let costs = interleaved(&runnable, place.fewer)?;
    let mut table = by_count(counts);
    let mut ours = Vec::new();
    for name in names {
        let times: Vec<Median> =
            runnable.iter().zip(&costs).filter(|(c, _)| c.name == name).map(|(_, cost)| cost.wall).collect();
        if name == OURS {
            ours = counts.iter().copied().zip(times.iter().copied()).collect();
        }
        table.row([name].into_iter().chain(times.iter().map(ms)));
    }
    section.tables.push((says.into(), table));
    Ok(ours)
}

fn host_mounts(place: &Place, section: &mut Section) -> Result<()> {
    const COUNTS: [usize; 3] = [10, 100, 1000];
    let bare = "namespaces alone (C)";
    let mut commands = vec![Named::new(OURS, [&place.sandbox, "--", "true"])];
    if let Ok(floor) = &place.floor {
        let steps = mounts::floor(&mounts::of(place, &[])?);
        commands.push(Named::new(bare, [floor, "--", "true"]));
        commands.push(Named::new(FLOOR, [vec![floor.clone()], steps, vec!["--".into(), "true".into()]].concat()));
    }
    let mut table = by_count(&COUNTS);
    let mut times_of = Vec::new();
    for count in COUNTS {
        match host_mounts::measure(place, count, &commands) {
            Ok(times) => times_of.push(times),
            Err(reason) => {
                section.notes.add("mounts of the host", format!("not measured: {reason}"));
                return Ok(());
            }
        }
    }
    for (index, command) in commands.iter().enumerate() {
        table.row([command.name.clone()].into_iter().chain(times_of.iter().map(|times| ms(&times[index]))));
    }
    let says = "Mounts on the host (file systems in memory, made in a mount namespace of the benchmark's own, in which all of this runs), ms:";
    section.tables.push((says.into(), table));
    let curve = |index: usize| -> Vec<Point> {
        COUNTS.iter().copied().zip(times_of.iter().map(|times| times[index])).collect()
    };
    let ours = curve(0);
    section.aims.extend(linear_aim("mounts of the host", &ours));
    if commands.len() > 1 {
        let (ours, kernel) = (slope(ours[0], ours[2]), slope(curve(1)[0], curve(1)[2]));
        let figures = format!("one more mount: {}; of CLONE_NEWNS itself: {}", micros(ours), micros(kernel));
        section.aims.push(Aim::said(
            "no cost of the host's mounts but that of CLONE_NEWNS, within a quarter",
            figures,
            is_within_a_quarter(ours, kernel),
        ));
    }
    Ok(())
}

/// Profiles of which each extends the next: half of the entries are variables, half mounts of something that is not there.
fn profile(place: &Place, section: &mut Section) -> Result<()> {
    const COUNTS: [usize; 3] = [10, 100, 1000];
    const DEPTH: usize = 5;
    let mut commands = Vec::new();
    for count in COUNTS {
        let mut next = "default".to_string();
        for level in 0..DEPTH {
            let mut text = format!("extends: [{next}]\nenvironment:\n  set:\n");
            let entries = || level * count / DEPTH / 2..(level + 1) * count / DEPTH / 2;
            for index in entries() {
                writeln!(text, "    VARIABLE_{index}: \"{index}\"")?;
            }
            text.push_str("mounts:\n");
            for index in entries() {
                writeln!(text, "  - {{ro: /opt/absent/{index}, optional: true}}")?;
            }
            next = write(place, &format!("deep-{count}-{level}.yaml"), &text)?;
        }
        commands.push(Named::new(OURS, [&place.sandbox, "-p", &next, "--", "true"]));
    }
    let says = "Entries of the profile, over five files of which each extends the next, ms:";
    let points = curves(place, section, says, &COUNTS, commands)?;
    section.aims.extend(linear_aim("entries of the profile", &points));
    Ok(())
}

/// The caller's own directory is looked through for sockets of daemons before it is shown.
fn project(place: &Place, section: &mut Section) -> Result<()> {
    const COUNTS: [usize; 4] = [10, 100, 1000, 10_000];
    const IN_EACH_DIRECTORY: usize = 10;
    let mut commands = Vec::new();
    for count in COUNTS {
        let project = place.word(&format!("project-{count}"));
        for index in 0..count {
            let directory = format!("{project}/{}", index / IN_EACH_DIRECTORY);
            fs::create_dir_all(&directory)?;
            fs::write(format!("{directory}/{index}"), "")?;
        }
        commands.push(Named::new(OURS, [&place.sandbox, "-C", &project, "--", "true"]));
    }
    let says = "Files in the project, ten in each directory, ms. It is looked through for sockets of daemons no further than its first \
2000 names (100 000 where a socket that is lost may be in it), so that beyond them more files cost nothing more:";
    let points = curves(place, section, says, &COUNTS, commands)?;
    section.aims.extend(linear_aim("files in the project", &points));
    Ok(())
}

fn at_once(place: &Place, section: &mut Section) -> Result<()> {
    const COUNTS: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];
    let command = Named::new(OURS, [&place.sandbox, "--", "true"]);
    let samples = in_turn(&COUNTS, place.fewer, |count| {
        let begun = Instant::now();
        let started = (0..*count).map(|_| command.command().spawn()).collect::<std::io::Result<Vec<_>>>()?;
        for mut child in started {
            let status = child.wait()?;
            if !status.success() {
                return Err(format!("one of {count} sandboxes at once failed: {status}").into());
            }
        }
        Ok(begun.elapsed().as_secs_f64() * 1e3)
    })?;
    let points: Vec<Point> = COUNTS.into_iter().zip(samples.into_iter().map(Median::of)).collect();
    let mut table = by_count(&COUNTS);
    table.row(["until the last has ended".into()].into_iter().chain(points.iter().map(|(_, time)| ms(time))));
    table.row(
        ["for each".into()]
            .into_iter()
            .chain(points.iter().map(|(count, time)| format!("{:.2}", time.value / *count as f64))),
    );
    section.tables.push(("Sandboxes at once, started one after the other without waiting, ms:".into(), table));
    section.aims.extend(linear_aim("sandboxes at once", &points));
    Ok(())
}

fn write(place: &Place, name: &str, text: &str) -> Result<String> {
    fs::write(place.path(name), text)?;
    Ok(place.word(name))
}
