//! The command line.

use crate::Result;
use std::path::PathBuf;

/// In the order of the page.
const PARTS: [&str; 4] = ["start", "scale", "running", "cgroup"];

/// What is to be measured, how often, and where it goes.
pub struct Options {
    /// Some of [`PARTS`].
    pub parts: Vec<String>,
    /// How often each command that takes milliseconds is run, at least twice, or there is no deviation; those that take seconds, a
    /// tenth of it.
    pub rounds: usize,
    /// Markdown on stdout instead of text.
    pub markdown: bool,
    /// BENCHMARKS.md and docs/benchmarks.svg are written.
    pub write: bool,
    /// Markdown of other machines, for the page.
    pub add: Vec<PathBuf>,
    /// The command line as it was typed, for the page.
    pub typed: String,
}

impl Options {
    /// From the words after the program's name.
    pub fn parse(words: &[String]) -> Result<Self> {
        let typed: Vec<&str> = words.iter().map(String::as_str).filter(|word| *word != "--bench").collect();
        let mut options = Options {
            parts: Vec::new(),
            rounds: 100,
            markdown: false,
            write: false,
            add: Vec::new(),
            typed: ["cargo bench --"].into_iter().chain(typed.iter().copied()).collect::<Vec<_>>().join(" "),
        };
        let mut words = typed.into_iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} needs a value"));
            match word {
                "--rounds" => {
                    let rounds = value()?.parse().ok().filter(|rounds| *rounds >= 2);
                    options.rounds = rounds.ok_or("--rounds needs a number of at least 2")?;
                }
                "--add" => options.add.push(std::path::absolute(value()?)?),
                "--markdown" => options.markdown = true,
                "--write" => options.write = true,
                part if PARTS.contains(&part) => options.parts.push(part.into()),
                _ => return Err(format!("\"{word}\" is no part and no option; parts: {}", PARTS.join(" ")).into()),
            }
        }
        if options.write && !options.parts.is_empty() {
            return Err("--write writes the whole page: leave the parts out".into());
        }
        if options.parts.is_empty() {
            options.parts = PARTS.map(String::from).to_vec();
        }
        Ok(options)
    }

    /// Rounds of what takes a tenth of a second or so; three are the fewest of which a median leaves out the worst.
    pub fn fewer(&self) -> usize {
        self.rounds.div_ceil(5).max(3)
    }

    /// Rounds of what takes seconds.
    pub fn few(&self) -> usize {
        self.rounds.div_ceil(10).max(3)
    }
}
