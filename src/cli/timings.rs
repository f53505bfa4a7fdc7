//! The table of `--timings`: each process a block, each step a line.

use super::say;
use crate::timings::{Lap, Stopwatch, Timings};
use std::fmt::Write;

/// Says it, if it was asked for. `first` is what the first process inside is.
pub(super) fn tell(watch: &Stopwatch, first: &str) {
    if let Some(timings) = watch.read() {
        say::tell(&table(&timings, first));
    }
}

fn table(timings: &Timings, first: &str) -> String {
    let mut table = format!("{:22}{:>10}{:>10}\n", "microseconds", "from", "took");
    for (process, laps) in [("supervisor", &timings.supervisor), (first, &timings.init), ("payload", &timings.payload)]
    {
        if let Some(begun) = laps.first() {
            row(&mut table, process, begun.from_us, laps.iter().map(|lap| lap.took_us).sum(), 1);
            for Lap { step, times, from_us, took_us } in laps {
                row(&mut table, &format!("  {step}"), *from_us, *took_us, *times);
            }
        }
    }
    row(&mut table, "total", 0, timings.total_us, 1);
    table
}

fn row(table: &mut String, what: &str, from_us: u64, took_us: u64, times: u64) {
    let times = if times > 1 { format!("  {times} times") } else { String::new() };
    // Writing to a String does not fail.
    let _ = writeln!(table, "{what:22}{from_us:>10}{took_us:>10}{times}");
}
