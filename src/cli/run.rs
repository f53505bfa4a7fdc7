//! `sandbox [run] -- COMMAND`

use super::args::Run;
use super::say::{self, Verbosity};
use super::{tell, timings};
use crate::error::Error;
use crate::host::outcome::Outcome;
use crate::host::report_file::ReportFile;
use crate::host::{self, Options, ReportFormat, meta_file, report};
use crate::plan::{self, HostFacts, Plan};
use crate::prepare::{self, Prepared};
use crate::profile;
use crate::timings::Stopwatch;
use std::mem::ManuallyDrop;

/// Does it, and returns the exit code.
pub fn run(run: Run, mut watch: Stopwatch) -> u8 {
    say::start(Verbosity { verbose: run.verbose, quiet: run.quiet, color: run.color });
    if run.options.timings {
        watch.keep();
    }
    let code = attempt(run, &mut watch);
    watch.lap("report");
    timings::tell(&watch, "init");
    code
}

fn attempt(run: Run, watch: &mut Stopwatch) -> u8 {
    let options = run.options.clone();
    // The place of the report is found before anything can go wrong, for a run without a verdict must not leave an old one.
    let place = enter(&run).and_then(|()| options.report.as_ref().map(ReportFile::prepare).transpose());
    let place = match watch.after("command-line", place) {
        Ok(place) => place,
        Err(error) => return say::error(&error),
    };
    let (outcome, report) = match plan(run, watch) {
        // The process ends with the run, and its memory with it: nothing of it is taken apart first.
        Ok(plan) => with_plan(&ManuallyDrop::new(plan), &options, watch),
        Err(error) => failed(error, &options, None, watch),
    };
    tell::tell(&outcome);
    if let Some((place, report)) = place.zip(report)
        && let Err(error) = place.publish(&report)
    {
        // The caller was promised a report: without it this run has no verdict.
        return say::error(&error);
    }
    outcome.sandbox_exit_code(&options.exit_codes)
}

/// `-C DIR`: everything after counts from there.
pub(super) fn enter(run: &Run) -> Result<(), Error> {
    let Some(directory) = &run.directory else { return Ok(()) };
    std::env::set_current_dir(directory).map_err(|error| {
        Error::usage(format!("-C: {} cannot be entered: {error}", directory.display()))
            .path(directory)
            .remedy("Name a directory")
    })
}

/// Profiles, flags and host facts → the plan.
fn plan(run: Run, watch: &mut Stopwatch) -> Result<Plan, Error> {
    refuse_set_id()?;
    let merged = watch.after("profiles", profile::load(&run.profiles, Some(run.flags)))?;
    tracing::debug!(
        "profiles read: {}",
        merged.sources.iter().map(|source| source.name.as_str()).collect::<Vec<_>>().join(" < ")
    );
    let host = watch.after("host-facts", HostFacts::read())?;
    let plan = watch.after("plan", plan::make(merged, run.command, &host))?;
    #[cfg(feature = "faults")]
    let plan = crate::without::weaken(plan);
    tracing::debug!("plan made: {} mounts", plan.mounts.len());
    Ok(plan)
}

/// With more rights than the caller's, every path and variable of his would be a way to use them.
pub(super) fn refuse_set_id() -> Result<(), Error> {
    let uid = nix::unistd::getresuid().map(|ids| ids.real == ids.effective && ids.real == ids.saved);
    let gid = nix::unistd::getresgid().map(|ids| ids.real == ids.effective && ids.real == ids.saved);
    match (uid, gid) {
        (Ok(true), Ok(true)) => Ok(()),
        _ => Err(Error::host("sandbox runs with other rights than its caller's: it must not be set-uid or set-gid")
            .remedy("Take the bit off: chmod ug-s, on the file of this program")),
    }
}

fn with_plan(plan: &Plan, options: &Options, watch: &mut Stopwatch) -> (Outcome, Option<Vec<u8>>) {
    for notice in &plan.notices {
        tracing::warn!("{notice}");
    }
    let prepared = match watch.after("prepare", prepare::prepare(plan)) {
        Ok(prepared) => prepared,
        Err(error) => return failed(error, options, Some(plan), watch),
    };
    let mut prepared = ManuallyDrop::new(prepared);
    tracing::debug!("filter, ruleset and sources prepared");
    tracing::info!("{}", start_line(plan, &prepared));
    let outcome = host::run(&prepared, options, watch);
    // Whoever reads the report may take his time; the root is free.
    prepared.root_in_use = None;
    let report = render(&outcome, options, Some(plan), Some(&prepared), watch);
    (outcome, report)
}

fn failed(error: Error, options: &Options, plan: Option<&Plan>, watch: &Stopwatch) -> (Outcome, Option<Vec<u8>>) {
    let outcome = Outcome::failed(error);
    let report = render(&outcome, options, plan, None, watch);
    (outcome, report)
}

/// The report, where one was asked for.
fn render(
    outcome: &Outcome,
    options: &Options,
    plan: Option<&Plan>,
    prepared: Option<&Prepared>,
    watch: &Stopwatch,
) -> Option<Vec<u8>> {
    options.report.as_ref()?;
    Some(match options.report_format {
        ReportFormat::Json => report::render(outcome, options, plan, prepared, watch.read().as_ref()),
        ReportFormat::Isolate => meta_file::render(outcome),
    })
}

fn start_line(plan: &Plan, prepared: &Prepared) -> String {
    let profile = plan.profiles.last().map(|last| format!("{} {:.12}", last.name, last.sha256)).unwrap_or_default();
    let layers = report::layers(plan, prepared, None);
    let landlock = layers.landlock.map_or("no Landlock".into(), |landlock| format!("Landlock ABI {}", landlock.abi));
    let seccomp = layers.seccomp.map_or("no seccomp".into(), |seccomp| format!("seccomp {} calls", seccomp.calls));
    let user = &plan.user;
    let namespaces = layers.namespaces.len();
    format!(
        "profile {profile}, user {}:{} inside = {}:{} outside, {namespaces} namespaces, {landlock}, {seccomp}",
        user.uid, user.gid, user.outside_uid, user.outside_gid
    )
}
