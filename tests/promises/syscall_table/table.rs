//! The answers of one setting as a table to read and to compare: a row for each system call.

use super::ask::Setting;
use super::questions::{self, Change, Row};
use std::collections::BTreeMap;
use std::fmt::Write;

/// What stands in each row: one word where no argument counts.
pub type Table = BTreeMap<Row, String>;

/// Asks a setting all questions.
#[track_caller]
pub fn table(setting: &Setting) -> Table {
    let questions = questions::all();
    let calls: Vec<_> = questions.iter().map(|(_, _, call)| *call).collect();
    let mut answers: BTreeMap<Row, Vec<(Change, String)>> = BTreeMap::new();
    for ((row, change, _), answer) in questions.into_iter().zip(setting.ask(&calls)) {
        answers.entry(row).or_default().push((change, answer));
    }
    answers.into_iter().map(|(row, answers)| (row, summary(&answers))).collect()
}

/// The rows that differ from those of `before`.
pub fn difference(before: &Table, after: Table) -> Table {
    after.into_iter().filter(|(row, answer)| before[row] != *answer).collect()
}

/// A line for each row, and one for numbers without a name that follow on one another.
pub fn text(table: &Table) -> String {
    let rows: Vec<_> = table.iter().collect();
    let follows = |(row, answer): &(&Row, &String), (next, other): &(&Row, &String)| {
        row.name.is_empty() && next.name.is_empty() && row.number + 1 == next.number && answer == other
    };
    let lines = rows.chunk_by(follows).map(|chunk| {
        let ((first, answer), (last, _)) = (chunk[0], chunk[chunk.len() - 1]);
        let numbers =
            if first == last { first.number.to_string() } else { format!("{}-{}", first.number, last.number) };
        let name = if first.name.is_empty() { String::new() } else { format!(" {}", first.name) };
        let arguments = if first.arguments.is_empty() { String::new() } else { format!("{:?}", first.arguments) };
        format!("{numbers}{name}{arguments}: {answer}\n")
    });
    lines.collect()
}

/// The first answer, and after it each other one with the changes that bring it.
fn summary(answers: &[(Change, String)]) -> String {
    let first = &answers[0].1;
    let mut others: BTreeMap<_, Vec<u64>> = BTreeMap::new();
    for (change, answer) in answers.iter().filter(|(_, answer)| answer != first) {
        let (at, value) = change.expect("the first alone changes nothing");
        others.entry((answer, at)).or_default().push(value);
    }
    let mut text = first.clone();
    for ((answer, at), values) in others {
        let which = at.map_or("each argument".into(), |at| format!("argument {at}"));
        write!(text, "; {answer} if {which} is {}", folded(&values)).unwrap();
    }
    text
}

/// Numbers and powers of two that follow on one another as ranges.
fn folded(values: &[u64]) -> String {
    let follows = |value: &u64, next: &u64| match *value {
        0..40 => value + 1 == *next,
        _ => value.is_power_of_two() && value.checked_mul(2) == Some(*next),
    };
    let ranges = values.chunk_by(follows).map(|range| match range {
        [first, .., last] => format!("{}-{}", written(*first), written(*last)),
        [only] => written(*only),
        [] => String::new(),
    });
    ranges.collect::<Vec<_>>().join(" ")
}

fn written(value: u64) -> String {
    match value {
        0..=40 => value.to_string(),
        _ if value.is_power_of_two() => format!("2^{}", value.trailing_zeros()),
        _ => format!("{value:#x}"),
    }
}
