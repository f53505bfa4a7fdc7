//! `sandbox stats NAME`: what a sandbox uses while it runs.

use super::tell::seconds;
use super::{say, table};
use crate::error::Error;
use crate::host::figures::{self, Figures, Source};
use crate::host::registry::ask;
use crate::host::registry::message::{Answer, Limits, Misunderstood, Question};
use crate::visible;
use nix::poll::PollTimeout;
use serde::Serialize;
use std::io::IsTerminal;

/// Between two looks: milliseconds.
const PAUSE: u16 = 1000;

/// How they are shown.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    /// As JSON, an object on a line.
    pub json: bool,
    /// Only once, on a terminal too.
    pub once: bool,
}

/// One look: docs/running.md.
#[derive(Debug, Serialize)]
struct Look<'run> {
    name: &'run str,
    pid: i32,
    memory_bytes: Option<u64>,
    memory_source: Option<Source>,
    memory_peak_bytes: Option<u64>,
    user_time_us: Option<u64>,
    system_time_us: Option<u64>,
    cpu_source: Source,
    /// Of one processor, since the look before.
    cpu_percent: Option<f64>,
    pids: Option<u64>,
    limits: Limits,
}

/// Shows them: on a terminal each second, in place, until the sandbox ends.
///
/// # Errors
/// There is no such sandbox.
pub fn stats(name: &str, form: Form) -> Result<u8, Error> {
    let mut run = ask::find(name)?;
    let (Answer::Stats(stats), mut descriptors) = run.ask(Question::Stats)? else {
        return Err(run.not_understood(&Misunderstood::Nonsense));
    };
    let directory = descriptors.pop();
    let repeats = std::io::stdout().is_terminal() && !form.once;
    let (mut before, mut shown): (Option<u64>, usize) = (None, 0);
    loop {
        let figures = figures::read(&stats, directory.as_ref());
        let used = figures.user_time_us.zip(figures.system_time_us).map(|(user, system)| user + system);
        let percent = used.zip(before).map(|(used, before)| percent(used.saturating_sub(before)));
        before = used;
        let look = look(&run, &figures, percent, stats.limits);
        let text = if form.json { line(&look) } else { page(&look) };
        // Back to where the last one began, and all of it away: ECMA-48 CPL and ED.
        let back = if shown > 0 && !form.json { format!("\x1b[{shown}F\x1b[J") } else { String::new() };
        shown = text.lines().count();
        let code = say::print(&(back + &text));
        if code != 0 || !repeats || run.ends_within(PollTimeout::from(PAUSE)) {
            return Ok(code);
        }
    }
}

fn percent(used_us: u64) -> f64 {
    (used_us as f64 / f64::from(PAUSE)).round() / 10.0
}

fn look<'run>(run: &'run ask::Run, figures: &Figures, cpu_percent: Option<f64>, limits: Limits) -> Look<'run> {
    Look {
        name: &run.name,
        pid: run.pid.as_raw(),
        memory_bytes: figures.memory.map(|(bytes, _)| bytes),
        memory_source: figures.memory.map(|(_, source)| source),
        memory_peak_bytes: figures.memory_peak_bytes,
        user_time_us: figures.user_time_us,
        system_time_us: figures.system_time_us,
        cpu_source: figures.cpu_source,
        cpu_percent,
        pids: figures.pids,
        limits,
    }
}

fn line(look: &Look) -> String {
    // Serialising plain data to memory cannot fail: every number is finite.
    visible::json(&serde_json::to_string(look).unwrap_or_default()) + "\n"
}

fn page(look: &Look) -> String {
    let unknown = || "-".to_owned();
    let of = |limit: Option<String>| limit.map(|limit| format!(" of {limit}")).unwrap_or_default();
    let sum = |source: Option<Source>| if source == Some(Source::Proc) { ", summed over processes" } else { "" };
    let memory = look.memory_bytes.map_or_else(unknown, |bytes| {
        let peak = look.memory_peak_bytes.map(|peak| format!(", peak {}", size(peak))).unwrap_or_default();
        format!("{}{}{peak}{}", size(bytes), of(look.limits.memory_bytes.map(size)), sum(look.memory_source))
    });
    let cpu = look.user_time_us.zip(look.system_time_us).map_or_else(unknown, |(user, system)| {
        let share = look.cpu_percent.map(|percent| format!(", {percent:.0} %")).unwrap_or_default();
        let limit = of(look.limits.cpu_time_us.map(seconds));
        let source = sum(Some(look.cpu_source));
        format!("{}{limit} (user {}, system {}){share}{source}", seconds(user + system), seconds(user), seconds(system))
    });
    let pids =
        look.pids.map_or_else(unknown, |pids| format!("{pids}{}", of(look.limits.pids.map(|most| most.to_string()))));
    let rows = [("NAME", look.name.to_owned()), ("MEMORY", memory), ("CPU", cpu), ("PIDS", pids)];
    table::columns(rows.into_iter().map(|(key, value)| vec![key.to_owned(), value]))
}

fn size(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_says_each_figure_its_limit_and_where_it_is_only_a_sum() {
        let mut look = Look {
            name: "make-7",
            pid: 7,
            memory_bytes: Some(3 << 20),
            memory_source: Some(Source::Cgroup),
            memory_peak_bytes: Some(5 << 20),
            user_time_us: Some(1_500_000),
            system_time_us: Some(500_000),
            cpu_source: Source::Cgroup,
            cpu_percent: Some(percent(980_000)),
            pids: Some(3),
            limits: Limits { memory_bytes: Some(64 << 20), pids: Some(64), ..Limits::default() },
        };
        insta::assert_snapshot!(page(&look), @"
        NAME    make-7
        MEMORY  3.0 MiB of 64.0 MiB, peak 5.0 MiB
        CPU     2.0 s (user 1.5 s, system 0.5 s), 98 %
        PIDS    3 of 64
        ");
        (look.memory_source, look.memory_peak_bytes, look.cpu_source) = (Some(Source::Proc), None, Source::Proc);
        (look.pids, look.cpu_percent, look.limits) = (None, None, Limits::default());
        insta::assert_snapshot!(page(&look), @"
        NAME    make-7
        MEMORY  3.0 MiB, summed over processes
        CPU     2.0 s (user 1.5 s, system 0.5 s), summed over processes
        PIDS    -
        ");
    }
}
