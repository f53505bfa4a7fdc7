//! `sandbox rootfs import | list | remove | export`

mod progress;
mod table;

use super::args::{ImportOptions, Noise, RootfsSubcommand};
use super::say::{self, Verbosity};
use crate::host::outcome::exit_code::SIGNALED;
use crate::rootfs::contained::Stopped;
use crate::rootfs::export::export;
use crate::rootfs::import::{Request, import};
use crate::rootfs::list::list;
use crate::rootfs::remove::remove;
use crate::rootfs::unpack::{Limits, Summary};
use crate::visible;
use progress::Bar;
use std::path::Path;

/// Does it, and returns the exit code.
pub fn run(subcommand: RootfsSubcommand) -> u8 {
    match subcommand {
        RootfsSubcommand::Import { options, noise } => with(&noise, || import_one(options, &noise)),
        RootfsSubcommand::List { json, noise } => with(&noise, || show(json)),
        RootfsSubcommand::Remove { names, noise } => with(&noise, || remove_each(&names)),
        RootfsSubcommand::Export { name, file, noise } => with(&noise, || export_one(&name, file.as_deref())),
    }
}

fn with(noise: &Noise, attempt: impl FnOnce() -> Result<u8, Stopped>) -> u8 {
    say::start(Verbosity { verbose: noise.verbose, quiet: noise.quiet, color: noise.color });
    match super::run::refuse_set_id().map_err(Stopped::Failed).and_then(|()| attempt()) {
        Ok(code) => code,
        Err(stopped) => failed(&stopped),
    }
}

/// As a shell says it of a command that a signal ended.
fn failed(stopped: &Stopped) -> u8 {
    match stopped {
        Stopped::By(signal) => SIGNALED.saturating_add(u8::try_from(*signal).unwrap_or_default()),
        Stopped::Failed(error) => say::error(error),
    }
}

fn import_one(options: ImportOptions, noise: &Noise) -> Result<u8, Stopped> {
    let request = Request {
        source: options.source,
        name: options.name,
        map: options.map,
        limits: Limits { bytes: options.max_size.0, entries: options.max_files },
    };
    let mut bar = Bar::new(&request.name, noise.quiet);
    let record = import(&request, &mut |progress| bar.show(progress));
    drop(bar);
    let record = record?;
    let files = table::files(record.entries);
    let left_out = left_out(&record.left_out);
    tracing::warn!("{}: {files}, {}{left_out}", record.name, table::size(record.bytes));
    Ok(0)
}

/// `; left out: 2 device nodes, 1 socket`; empty if nothing was.
fn left_out(left_out: &[(String, u64)]) -> String {
    let one = |what: &str| format!("1 {}", what.strip_suffix('s').unwrap_or(what));
    let each = left_out.iter().map(|(what, count)| if *count == 1 { one(what) } else { format!("{count} {what}") });
    let each: Vec<String> = each.collect();
    if each.is_empty() { String::new() } else { format!("; left out: {}", each.join(", ")) }
}

fn show(json: bool) -> Result<u8, Stopped> {
    let roots = list()?;
    Ok(match json {
        true => say::print(&visible::json(&format!("{:#}\n", table::object(&roots)))),
        false => say::show(&table::text(&roots)),
    })
}

/// Each, whatever becomes of the others.
fn remove_each(names: &[String]) -> Result<u8, Stopped> {
    let mut code = 0;
    for name in names {
        match remove(name) {
            Ok(()) => tracing::info!("{name}: removed"),
            Err(stopped @ Stopped::By(_)) => return Err(stopped),
            Err(stopped) => code = failed(&stopped),
        }
    }
    Ok(code)
}

fn export_one(name: &str, file: Option<&Path>) -> Result<u8, Stopped> {
    let summary: Summary = export(name, file)?;
    tracing::info!("{name}: {}, an archive of {}", table::files(summary.entries), table::size(summary.bytes));
    if !summary.left_out.is_empty() {
        tracing::warn!("{name}{}", left_out(&summary.left_out));
    }
    Ok(0)
}
