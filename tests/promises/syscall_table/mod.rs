//! What the filter that is installed answers to every system call number there is, as reviewed: any drift shows here.
//!
//! `tests/attacks/every_call.c` asks, without one call being carried out: so a table is the filter's alone, the same on each
//! kernel and for each user. Every answer is compared with the one of the unit tests' interpreter, too.

mod ask;
#[path = "../../../src/layers/seccomp/interpreter.rs"]
mod interpreter;
mod questions;
mod table;

use ask::{Call, NO_SUCH_GATE, Setting};
use sandbox::plan::SeccompPolicy;
use std::collections::BTreeSet;
use table::{difference, table, text};

fn default() -> Setting {
    Setting::policy("default", SeccompPolicy::Default)
}

fn strict() -> Setting {
    Setting::policy("strict", SeccompPolicy::Strict)
}

fn off() -> Setting {
    Setting::policy("off", SeccompPolicy::Off)
}

// Of the other architecture there is the model alone: src/layers/seccomp/tests.rs.
#[cfg(target_arch = "x86_64")]
#[test]
fn every_call_gets_the_answer_that_was_reviewed() {
    insta::assert_snapshot!(text(&table(&default())));
}

#[cfg(target_arch = "x86_64")]
#[test]
fn each_setting_changes_the_answers_that_were_reviewed() {
    let settings = [
        strict(),
        Setting::kill(),
        Setting::feature("userns", |features| features.userns = true),
        Setting::feature("ptrace", |features| features.ptrace = true),
        Setting::feature("io_uring", |features| features.io_uring = true),
        Setting::feature("perf", |features| features.perf = true),
        Setting::feature("keyring", |features| features.keyring = true),
        Setting::feature("numa", |features| features.numa = true),
        Setting::feature("personality", |features| features.personality = true),
        Setting::feature("set_id_bits", |features| features.set_id_bits = true),
    ];
    let before = table(&default());
    let changes = settings.iter().map(|setting| {
        let flags = setting.flags.join(" ");
        format!("{flags}\n\n{}\n", text(&difference(&before, table(setting))))
    });
    insta::assert_snapshot!(changes.collect::<String>());
}

// The proof that the program sees a filter at all.
#[test]
fn without_a_filter_every_call_is_allowed() {
    let answers: BTreeSet<_> = table(&off()).into_values().collect();
    assert_eq!(answers, ["allowed".to_owned()].into());
}

// Layer: the architecture, which the filter looks at before the number.
#[cfg(target_arch = "x86_64")]
#[test]
fn no_number_of_x32_or_i386_passes() {
    const X32: u32 = 0x4000_0000;
    let numbers = || (0..=547).chain([1023, 100_000, 0x3FFF_FFFF]);
    let calls = |number: u32, i386| [0, u64::MAX].map(|every| Call { number, arguments: [every; 5], i386 });
    let x32: Vec<_> = numbers().flat_map(|number| calls(number | X32, false)).collect();
    let i386: Vec<_> = numbers().flat_map(|number| calls(number, true)).collect();
    for (setting, refused) in
        [(default(), "ENOSYS"), (strict(), "ENOSYS"), (Setting::kill(), "killed"), (off(), "allowed")]
    {
        for (architecture, calls) in [("x32", &x32), ("i386", &i386)] {
            let answers: BTreeSet<_> = setting.ask(calls).into_iter().collect();
            if architecture == "i386" && answers == [NO_SUCH_GATE.to_owned()].into() {
                println!("NOT CHECKED: this kernel has no i386 entry, so the filter was not asked about its calls");
                continue;
            }
            assert_eq!(answers, [refused.to_owned()].into(), "{architecture} with {:?}", setting.flags);
        }
    }
}
