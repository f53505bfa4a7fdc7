//! BENCHMARKS.md, whole: nothing in it is written by hand.

use crate::Result;
use crate::table::{Section, Table};
use std::fs;
use std::path::Path;

const INTRODUCTION: &str = "\
# Benchmarks

What `sandbox` costs: to start, as things grow, and while the command runs; beside its peers, and beside a C program that makes the same namespaces and
mounts and nothing else. This page is what the command below wrote; figures of another machine are other figures, so measure on yours. Where the
deviation of a figure reaches over the aim, the verdict is \"unclear\".

![the time that each takes to start a command and end it](docs/benchmarks.svg)
";

/// The page of these sections, and of those that other machines made.
pub fn whole(facts: &Table, sections: &[Section], others: &[Other]) -> String {
    let mut page = format!("{INTRODUCTION}\n{}", facts.markdown());
    // One without a figure has nothing to say beside the same from elsewhere.
    for section in sections {
        if !section.tables.is_empty() || !others.iter().any(|other| other.has(section.title)) {
            page += &section.markdown();
        }
    }
    for other in others {
        page += &other.markdown();
    }
    page
}

/// What `--markdown` printed on another machine.
pub struct Other {
    facts: String,
    /// Title and text.
    sections: Vec<(String, String)>,
}

impl Other {
    /// Reads it.
    pub fn read(file: &Path) -> Result<Self> {
        let text = fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
        let mut parts = text.split("\n## ");
        let facts = parts.next().unwrap_or_default().lines().filter(|line| line.starts_with('|'));
        let facts = facts.collect::<Vec<_>>().join("\n");
        let sections: Vec<(String, String)> =
            parts.filter_map(|part| part.split_once('\n')).map(|(title, text)| (title.into(), text.into())).collect();
        match sections.is_empty() || !facts.contains("| processor |") {
            true => Err(format!("{}: this is not what --markdown prints", file.display()).into()),
            false => Ok(Other { facts, sections }),
        }
    }

    fn has(&self, title: &str) -> bool {
        self.sections.iter().any(|(own, _)| own == title)
    }

    /// Each heading says where, and what that machine is stands below the first.
    fn markdown(&self) -> String {
        let is_emulated = self.facts.lines().any(|fact| fact.starts_with("| processor |") && fact.contains("QEMU TCG"));
        let place = if is_emulated { "In a test bed under emulation" } else { "On another machine" };
        let machine = [format!("\n{}\n", self.facts)].into_iter().chain(std::iter::repeat(String::new()));
        let section = |((title, text), machine): (&(String, String), String)| {
            format!("\n## {place}: {title}\n{machine}\n{}\n", text.trim())
        };
        self.sections.iter().zip(machine).map(section).collect()
    }
}
