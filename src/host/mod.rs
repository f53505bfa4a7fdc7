//! The outside half: launch, id maps, supervise, outcome.

mod cgroup;
mod end;
pub mod enter;
#[cfg(not(fuzzing))]
mod escapes;
#[cfg(fuzzing)]
pub mod escapes;
pub mod figures;
mod launch;
pub mod meta_file;
mod newidmap;
mod open;
pub mod outcome;
pub mod pass;
mod ready;
pub mod registry;
pub mod report;
pub mod report_file;
mod root;
mod signals;
mod stdio;
mod stream;
mod streams;
mod supervise;
mod terminal;
mod verdict;
mod why;

use crate::error::Error;
use crate::plan::Plan;
use crate::prepare::Prepared;
use crate::timings::Stopwatch;
use cgroup::Cgroup;
#[cfg(fuzzing)]
pub use cgroup::fuzzing;
pub use open::new_file;
use outcome::Outcome;
use registry::Registration;
use signals::Signals;
use std::os::fd::AsFd;
use std::path::PathBuf;
use stdio::Stdio;
use supervise::Supervisor;

/// What only the command line says of a run: where its bytes go and how its end is told.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Options {
    /// Files instead of the caller's own stdio.
    pub stdin: Option<PathBuf>,
    /// Truncated, only after the checks.
    pub stdout: Option<PathBuf>,
    /// May be the same file as `stdout`.
    pub stderr: Option<PathBuf>,
    /// Where the report goes.
    pub report: Option<ReportTarget>,
    /// What it looks like.
    pub report_format: ReportFormat,
    /// `--exit-code STATUS=N`
    pub exit_codes: Vec<(outcome::Status, u8)>,
    /// `--name`: by which others find the run; and for the report.
    pub name: Option<String>,
    /// `--timings`
    pub timings: bool,
}

/// `--report FILE|fd:N`
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum ReportTarget {
    File(PathBuf),
    Fd(i32),
}

/// `--report-format`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReportFormat {
    /// [`report`]
    #[default]
    Json,
    /// [`meta_file`]
    Isolate,
}

/// Does it. Whatever goes wrong becomes an outcome too: a run without a verdict does not exist.
pub fn run(prepared: &Prepared, options: &Options, watch: &mut Stopwatch) -> Outcome {
    let mut outcome = attempt(prepared, options, watch).unwrap_or_else(Outcome::failed);
    outcome.error.as_mut().into_iter().for_each(why::advise);
    outcome.protected_created = appeared(prepared.plan);
    outcome
}

fn attempt(prepared: &Prepared, options: &Options, watch: &mut Stopwatch) -> Result<Outcome, Error> {
    let (stdin, stdout, stderr) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
    let mut stdio =
        Stdio::prepare(options, [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()], prepared.plan.limits.output)?;
    let signals = watch.after("stdio", Signals::block()).map_err(why::clone_failed)?;
    let cgroup = watch.after("cgroup", Cgroup::find(prepared.plan))?;
    let registration = watch.after("registration", Registration::make(options, prepared.plan))?;
    let ends = stdio.take_payload_ends();
    root::give(&ends, &prepared.plan.user).map_err(why::clone_failed)?;
    let init = launch::launch(prepared, ends, watch)?;
    tracing::debug!("namespaces made, init starts");
    signals.listen().map_err(why::clone_failed)?;
    Supervisor::new(prepared, init, signals, stdio, cgroup, registration, watch)?.run()
}

/// Watched paths where something is that was not there when the plan was made.
fn appeared(plan: &Plan) -> Vec<String> {
    plan.watch
        .iter()
        .filter(|watch| watch.has_appeared())
        .map(|watch| watch.path.to_string_lossy().into_owned())
        .collect()
}
