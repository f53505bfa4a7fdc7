//! What is asked about each system call number: with some patterns in all arguments, and where the policy looks at arguments,
//! with many values in each.

use super::ask::Call;
use sandbox::layers::seccomp::policy::{Group, POLICY, Verdict};
use sandbox::layers::seccomp::{Arch, syscalls};
use sandbox::plan::Features;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// Past the newest call, and beyond all tables; the last is what the kernel sees of -1.
const NUMBERS: [RangeInclusive<u32>; 4] = [0..=547, 1023..=1023, 0x3FFF_FFFF..=0x3FFF_FFFF, u32::MAX..=u32::MAX];

/// From Linux 6.14 on no filter is asked about these two (kernel/seccomp.c); the kernel fails them itself.
const PAST_FILTERS: [&str; 2] = ["uretprobe", "uprobe"];

/// In all arguments at once: a low half that says one thing with a high half that says another, too.
const PATTERNS: [u64; 6] =
    [0, u64::MAX, 0xFFFF_FFFF, 0xFFFF_FFFF_0000_0000, 0x5555_5555_5555_5555, 0xAAAA_AAAA_AAAA_AAAA];

/// In one argument, beside small numbers and single bits: what these calls are asked for by number.
const BY_NUMBER: [(&str, &[u64]); 3] = [
    ("ioctl", &[0x5411, 0x5412, 0x541C, 0x5423, 0x5000_9401, 0x5000_9403, 0x5000_9417, 0x4020_BC10]), // of terminals, btrfs, bcachefs
    ("socket", &[132, 262]),                                                                          // SCTP, MPTCP
    ("personality", &[0xFFFF_FFFF]),
];

/// Where one argument decides whether another counts: what it is while the others are tried.
const TOGETHER: [(&str, &[u64]); 12] = [
    ("open", &[0, 0o100]),        // O_CREAT
    ("open", &[0, 0o20_000_000]), // of O_TMPFILE
    ("openat", &[0, 0, 0o100]),
    ("openat", &[0, 0, 0o20_000_000]),
    ("socket", &[1]),
    ("socket", &[2]),
    ("socket", &[10]),
    ("socket", &[16]),
    ("socketpair", &[1]),
    ("prlimit64", &[0, 4]), // RLIMIT_CORE
    ("setpriority", &[2]),
    ("ioprio_set", &[1]),
];

/// A row of the table: the call's number, its name if it has one, and the arguments that stay.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    pub number: u32,
    pub name: &'static str,
    pub arguments: &'static [u64],
}

/// What differs from the row's arguments: one of them or all, and its value.
pub type Change = Option<(Option<usize>, u64)>;

/// All questions; the first about each row changes nothing.
pub fn all() -> Vec<(Row, Change, Call)> {
    let names: BTreeMap<u32, &str> = syscalls::table(Arch::native()).collect();
    let numbers = NUMBERS.into_iter().flatten();
    let alone = numbers.map(|number| Row { number, name: names.get(&number).unwrap_or(&""), arguments: &[] });
    let together = TOGETHER.iter().filter_map(|(name, arguments)| {
        let number = *names.iter().find(|(_, known)| *known == name)?.0;
        Some(Row { number, name, arguments })
    });
    let rows = alone.chain(together).filter(|row| !PAST_FILTERS.contains(&row.name));
    rows.flat_map(|row| changes(&row).into_iter().map(move |change| (row.clone(), change, call(&row, change))))
        .collect()
}

fn changes(row: &Row) -> Vec<Change> {
    let mut changes = vec![None];
    if row.arguments.is_empty() {
        changes.extend(PATTERNS.map(|pattern| Some((None, pattern))));
    }
    if has_rule(row.name) {
        let values = (0..=40).chain((6..64).map(|bit| 1 << bit)).chain(by_number(row.name));
        changes.extend(values.flat_map(|value| (0..5).map(move |at| Some((Some(at), value)))));
    }
    changes
}

fn by_number(name: &str) -> impl Iterator<Item = u64> {
    BY_NUMBER.iter().filter(move |(call, _)| *call == name).flat_map(|(_, values)| values.iter().copied())
}

/// Does the policy look at the arguments of this call?
fn has_rule(name: &str) -> bool {
    let verdict = |group: &Group| group.verdict(false, &Features::default());
    let mut groups = POLICY.iter().filter(|group| matches!(verdict(group), Verdict::Check(_)));
    groups.any(|group| group.calls.split_ascii_whitespace().any(|call| call == name))
}

fn call(row: &Row, change: Change) -> Call {
    let mut arguments = [0; 5];
    arguments[..row.arguments.len()].copy_from_slice(row.arguments);
    match change {
        Some((Some(at), value)) => arguments[at] = value,
        Some((None, value)) => arguments = [value; 5],
        None => {}
    }
    Call { number: row.number, arguments, i386: false }
}
