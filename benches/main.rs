//! How fast it is, beside its peers, in one run: BENCHMARKS.md is what this prints.
//!
//!     cargo bench                          start, scale, running and, where there is a service manager, cgroup
//!     cargo bench -- start --rounds 30     one part, with another number of rounds
//!     cargo bench -- --write               writes BENCHMARKS.md and docs/benchmarks.svg
//!     cargo bench -- cgroup --markdown     one part as Markdown, made on another machine …
//!     cargo bench -- --write --add FILE    … and taken into the page
//!
//! Nothing here runs as root of the host: started by root, it becomes an ordinary user first (`helper`).

mod aims;
mod bundle;
mod calls;
mod cgroup;
mod helper;
mod host;
mod host_mounts;
mod measure;
mod memory;
mod mounts;
mod options;
mod page;
mod peers;
mod place;
mod project;
mod running;
mod scale;
mod start;
mod svg;
mod table;

use options::Options;
use std::error::Error;
use std::process::ExitCode;

/// What goes wrong here is said to whoever runs the benchmark, and ends it.
type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let Some(done) = host_mounts::step(&words)? {
        return Ok(done);
    }
    let options = Options::parse(&words)?;
    if cfg!(debug_assertions) {
        return Err("a debug build says nothing about speed: cargo bench".into());
    }
    if helper::is_root() {
        return helper::become_user(&words);
    }
    let others = options.add.iter().map(|file| page::Other::read(file)).collect::<Result<Vec<_>>>()?;
    let facts = host::facts(&options.typed)?;
    let place = place::Place::make(&options)?;
    print!("{}", if options.markdown { facts.markdown() } else { facts.text() });
    let mut sections = Vec::new();
    for part in &options.parts {
        eprintln!("bench: {part}");
        let section = match part.as_str() {
            "start" => start::measure(&place)?,
            "scale" => scale::measure(&place)?,
            "running" => running::measure(&place)?,
            _ => cgroup::measure(&place)?,
        };
        print!("{}", if options.markdown { section.markdown() } else { section.text() });
        sections.push(section);
    }
    if options.write {
        place.helper.write("BENCHMARKS.md", &page::whole(&facts, &sections, &others))?;
        let chart = sections.iter().find_map(|section| section.chart.clone()).unwrap_or_default();
        place.helper.write("docs/benchmarks.svg", &chart)?;
    }
    Ok(ExitCode::SUCCESS)
}
