//! System calls of a whole run, counted by strace(1).

use crate::measure::Named;
use crate::place::Place;
use std::fs;

/// All calls of `command` and its descendants, until the last has ended.
pub fn count(place: &Place, command: &Named) -> Result<u64, String> {
    let summary = place.word("calls");
    let traced = ["strace", "--follow-forks", "--summary-only", "--output", &summary].map(String::from);
    Named::new("strace", traced.into_iter().chain(command.argv.clone())).output()?;
    let summary = fs::read_to_string(&summary).map_err(|e| e.to_string())?;
    // 100.00    0.004211    5    818    36 total
    let total = summary.lines().find(|line| line.ends_with(" total")).ok_or("strace gave no total")?;
    total.split_whitespace().nth(3).and_then(|calls| calls.parse().ok()).ok_or("strace gave no total".into())
}
