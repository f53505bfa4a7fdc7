//! What it costs while the command runs: builds, trees, and single system calls, inside beside outside.

use crate::Result;
use crate::aims::{Aim, RUNNING};
use crate::measure::{Median, Named, in_turn};
use crate::place::Place;
use crate::project;
use crate::table::{Section, Table};
use std::fs;
use std::path::Path;

const HOW: &str = "In `sandbox -p build`, as the caller's own uid (or git would find another owner than outside, and read each file again), beside the same \
without a sandbox, in turn. The time is taken inside, around the command: the start of the sandbox is not in \
it. Then without one layer, or without both, so that the cost has a name. The first rounds warm the machine up and are not counted.";
const FILTER: &str = "The filter orders nothing by how hot a call is: since Linux 5.11 the kernel keeps a bitmap of the calls that a filter \
allows whatever their arguments, and does not run it for them. getppid is such a call";

/// The same command in each of these.
const AROUND: [(&str, Option<&[&str]>); 5] = [
    ("outside", None),
    ("inside", Some(&[])),
    ("no seccomp", Some(&["--seccomp", "off"])),
    ("no Landlock", Some(&["--landlock", "off"])),
    ("neither", Some(&["--seccomp", "off", "--landlock", "off"])),
];

/// Measures it.
pub fn measure(place: &Place) -> Result<Section> {
    let mut section = Section::new("While it runs", HOW);
    match &place.inside {
        Ok(inside) => {
            works(place, &mut section, inside)?;
            calls(place, &mut section, inside)?;
        }
        Err(reason) => section.notes.add("all of it", format!("not measured: {reason}")),
    }
    Ok(section)
}

/// `timed`, run in the current directory in each of [`AROUND`], or with the flags that show it the program.
fn around(place: &Place, timed: &[&str]) -> Vec<Named> {
    let programs = place.word("bin");
    let word = |name: &str, flags: Option<&[&str]>| {
        let sandbox = flags.map(|flags| {
            [
                &[place.sandbox.as_str(), "-p", "build", "--uid", "caller", "--gid", "caller", "--ro", &programs],
                flags,
                &["--"],
            ]
            .concat()
        });
        Named::new(name, [sandbox.unwrap_or_default(), timed.to_vec()].concat())
    };
    AROUND.iter().map(|(name, flags)| word(name, *flags)).collect()
}

/// Nanoseconds, as `inside` prints them.
fn nanoseconds(command: &Named) -> Result<f64> {
    let said = command.output().map_err(|reason| format!("{}: {}: {reason}", command.name, command.argv.join(" ")))?;
    let last = said.lines().last().unwrap_or_default();
    Ok(last.parse().map_err(|_| format!("{}: \"{last}\" is no time", command.name))?)
}

/// Percent that each of [`AROUND`] takes more than the first, and how far that may be off.
fn more(medians: &[Median]) -> Vec<Median> {
    let percent = |ratio: Median| Median { value: 100.0 * (ratio.value - 1.0), deviation: 100.0 * ratio.deviation };
    medians.iter().map(|median| percent(median.per(&medians[0]))).collect()
}

fn works(place: &Place, section: &mut Section, inside: &str) -> Result<()> {
    let (build, tree) = (place.path("build"), place.path("tree"));
    // A short trial of the benchmark itself works on little.
    let (sources, files) = if place.rounds < 10 { (6, 2000) } else { (60, 20_000) };
    project::c(&build, sources)?;
    project::tree(&tree, files)?;
    let works: [(String, &Path, &[&str], usize, f64); 3] = [
        (format!("make -j2, {sources} files of C"), &build, &["make", "--silent", "-j2"], place.few, 1.0),
        (format!("git status, {files} files"), &tree, &["git", "status", "--porcelain"], place.rounds, 3.0),
        (format!("find -size, {files} files"), &tree, &["find", ".", "-size", "+1G"], place.rounds, 3.0),
    ];
    let mut table = Table::new(
        ["", "outside, ms"].into_iter().map(String::from).chain(AROUND[1..].iter().map(|(name, _)| name.to_string())),
    );
    for (name, directory, words, rounds, aim) in works {
        std::env::set_current_dir(directory)?;
        let commands = around(place, &[&[inside, "run"], words].concat());
        if let Err(reason) = commands[0].output() {
            section.notes.add(&name, format!("not measured: {reason}"));
            continue;
        }
        let samples = in_turn(&commands, rounds, |command| {
            clean(&build)?;
            nanoseconds(command)
        })?;
        let medians: Vec<Median> =
            samples.into_iter().map(|times| Median::of(times.into_iter().map(|ns| ns / 1e6))).collect();
        let more = more(&medians);
        let outside = format!("{:.1} ±{:.1}", medians[0].value, medians[0].deviation);
        table.row(
            [name.clone(), outside]
                .into_iter()
                .chain(more[1..].iter().map(|more| format!("{:+.1} ±{:.1} %", more.value, more.deviation))),
        );
        let aim = Aim::at_most(&format!("{name}: more than outside"), aim, Some(more[1]), " %");
        section.aims.push(aim.or_because(RUNNING));
    }
    std::env::set_current_dir(place.path("project"))?;
    let says = format!(
        "Work, and how much more of the time it takes inside; {} rounds of make, {} of the others:",
        place.few, place.rounds
    );
    section.tables.push((says, table));
    Ok(())
}

/// What a build leaves.
fn clean(build: &Path) -> Result<()> {
    for entry in fs::read_dir(build)?.flatten() {
        let made = entry.path();
        if made.extension().is_some_and(|extension| extension == "o") || made.ends_with("program") {
            fs::remove_file(made)?;
        }
    }
    Ok(())
}

fn calls(place: &Place, section: &mut Section, inside: &str) -> Result<()> {
    const CALLS: [(&str, usize); 4] =
        [("getppid", 2_000_000), ("read", 1_000_000), ("stat", 500_000), ("open", 200_000)];
    let mut table = Table::new(
        ["ns for each call"].into_iter().map(String::from).chain(AROUND.iter().map(|(name, _)| name.to_string())),
    );
    let mut of_the_filter = String::new();
    for (call, count) in CALLS {
        let samples = in_turn(&around(place, &[inside, call, &count.to_string()]), place.fewer, nanoseconds)?;
        let medians: Vec<Median> =
            samples.into_iter().map(|times| Median::of(times.into_iter().map(|ns| ns / count as f64))).collect();
        let shown = |median: &Median| format!("{:.1} ±{:.1}", median.value, median.deviation);
        table.row([call.into()].into_iter().chain(medians.iter().map(shown)));
        if call == "getppid" {
            of_the_filter = for_the_filter(&medians[1], &medians[2]);
        }
    }
    let says = format!(
        "{FILTER}: {of_the_filter}.\n\nSingle calls in a loop (`open` with its `close`; `read` of one byte of /dev/zero), {} rounds:",
        place.fewer
    );
    section.tables.push((says, table));
    Ok(())
}

/// What the figures tell of a call that the filter is not run for.
fn for_the_filter(with: &Median, without: &Median) -> String {
    let (more, noise) = (with.value - without.value, with.deviation + without.deviation);
    match more > noise {
        true => format!("with the filter it takes {more:.1} ±{noise:.1} ns more, which is what decided it"),
        false => "whether it takes longer with the filter, the figures do not tell, since the difference lies within the deviations".into(),
    }
}
