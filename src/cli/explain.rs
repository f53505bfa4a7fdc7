//! `sandbox explain`: the plan, as text or as JSON; nothing is started.

mod files;
mod json;
mod text;

use super::args::Run;
use super::say::{self, Verbosity};
use crate::error::Error;
use crate::layers::{landlock, seccomp};
use crate::plan::{self, HostFacts, Plan};
use crate::profile;
use crate::visible;
use std::path::{Path, PathBuf};

pub use json::json;
pub use text::text;

/// Prints it.
pub fn explain(run: Run, as_json: bool) -> u8 {
    say::start(Verbosity { verbose: run.verbose, quiet: run.quiet, color: run.color });
    let verbose = run.verbose > 0;
    let shown = make(run).and_then(|(plan, host)| {
        for notice in &plan.notices {
            tracing::warn!("{notice}");
        }
        Ok(match as_json {
            true => visible::json(&format!("{:#}\n", json(&plan))),
            false => visible::text(&text(&plan, &Seen::look(&plan, &host)?, verbose)),
        })
    });
    match shown {
        Ok(shown) => say::print(&shown),
        Err(error) => say::error(&error),
    }
}

/// The plan of the run; without a command, that of the profile alone.
fn make(run: Run) -> Result<(Plan, HostFacts), Error> {
    super::run::refuse_set_id()?;
    super::run::enter(&run)?;
    let merged = profile::load(&run.profiles, Some(run.flags))?;
    let host = HostFacts::read()?;
    let none = run.command.is_empty() && merged.command.is_none();
    let command = if none { vec!["true".into()] } else { run.command };
    let mut plan = plan::make(merged, command, &host)?;
    if none {
        plan.command.argv.clear();
        plan.command.candidates.clear();
        plan.command.found = None;
    }
    Ok((plan, host))
}

/// What the text says of the host beside the plan.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// HOME of the caller, shown as `~`.
    pub home: Option<PathBuf>,
    /// The current directory: `.`-relative names count from it.
    pub cwd: PathBuf,
    /// Supplementary groups by name: with a single id they stay.
    pub groups: Vec<String>,
    /// Landlock's ABI that will be used.
    pub landlock: Option<u32>,
    /// System calls that the filter lets through.
    pub calls: Option<usize>,
}

impl Seen {
    fn look(plan: &Plan, host: &HostFacts) -> Result<Self, Error> {
        let groups = std::fs::read_to_string("/etc/group").unwrap_or_default();
        // What is weaker than asked for is said by the run; here the layer is simply not listed.
        let fence = landlock::plan(plan, &mut Vec::new())?;
        let filter =
            seccomp::compile(&plan.seccomp, &plan.features, seccomp::Cores::of(&plan.limits), seccomp::Arch::native())?;
        Ok(Seen {
            home: host.home.clone(),
            cwd: host.cwd.clone(),
            groups: host.groups.iter().filter(|gid| **gid != host.gid).map(|gid| group_name(&groups, *gid)).collect(),
            landlock: fence.map(|fence| fence.abi),
            calls: filter.map(|filter| filter.allowed),
        })
    }

    /// A path as people write it: the home as `~`.
    fn short(&self, path: &Path) -> String {
        let below =
            self.home.as_deref().filter(|home| *home != Path::new("/")).and_then(|home| path.strip_prefix(home).ok());
        match below {
            Some(rest) if rest.as_os_str().is_empty() => "~".into(),
            Some(rest) => format!("~/{}", rest.display()),
            None => path.display().to_string(),
        }
    }
}

/// group(5): the name, else the number.
fn group_name(groups: &str, gid: u32) -> String {
    let number = gid.to_string();
    let named = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == number).then(|| name.to_owned())
    };
    groups.lines().find_map(named).unwrap_or(number.clone())
}

#[cfg(test)]
mod tests;
