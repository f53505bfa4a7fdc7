//! BENCHMARKS.md, whole: nothing in it is written by hand.

use crate::Result;
use crate::options::Options;
use crate::table::{Section, Table};
use std::fs;

const INTRODUCTION: &str = "\
# Benchmarks

What `sandbox` costs: to start, as things grow, and while the command runs; beside its peers, and beside a C program that makes the same namespaces and
mounts and nothing else. This page is what the command below wrote; figures of another machine are other figures, so measure on yours.

![the time that each takes to start a command and end it](docs/benchmarks.svg)
";

/// The page of these sections, and of those that other machines made.
pub fn whole(facts: &Table, sections: &[Section], options: &Options) -> Result<String> {
    let mut page = format!("{INTRODUCTION}\n{}", facts.markdown());
    for section in sections {
        page += &section.markdown();
    }
    for file in &options.add {
        page +=
            &format!("\n{}", fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?.trim_start());
    }
    Ok(page)
}
