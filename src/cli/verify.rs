//! `sandbox verify`: what a profile's promises come to on this host, as text or as JSON.

use super::args::{self, Run};
use super::say::{self, Verbosity};
use crate::error::Error;
use crate::host::Options;
use crate::plan::{self, HostFacts, Plan};
use crate::profile;
use crate::verify::{NO_ROOM, Request, Verdict, Verification, Word, baits, verify};
use crate::visible;
use serde_json::{Value, json};
use std::ffi::OsString;
use std::fmt::Write;

/// A promise that was tried does not hold.
const BROKEN: u8 = 1;

/// What is asked for.
#[derive(Debug)]
pub struct Asked {
    /// The run.
    pub run: Box<Run>,
    /// The same, as it was typed.
    pub options: Vec<OsString>,
    /// `--json`
    pub json: bool,
    /// `--without-sandbox`
    pub is_bare: bool,
}

/// Tries it and prints it.
pub fn run(asked: Asked) -> u8 {
    say::start(Verbosity { verbose: asked.run.verbose, quiet: asked.run.quiet, color: asked.run.color });
    match attempt(asked) {
        Ok(code) => code,
        Err(error) => say::error(&error),
    }
}

fn attempt(asked: Asked) -> Result<u8, Error> {
    super::run::refuse_set_id()?;
    refuse(&asked.run)?;
    let cwd = HostFacts::read()?.cwd;
    super::run::enter(&asked.run)?;
    let mut host = HostFacts::read()?;
    host.environment.push((baits::VARIABLE.into(), "canary".into()));
    let merged = profile::load(&asked.run.profiles, Some(asked.run.flags))?;
    let plan = plan::make(merged, vec!["true".into()], &host)?;
    let request = Request { options: asked.options, cwd, plan: &plan, home: host.home, is_bare: asked.is_bare };
    let verification = verify(&request)?;
    for line in &verification.messages {
        tracing::warn!("{}", line.trim_start_matches("sandbox: "));
    }
    let shown = match asked.json {
        true => visible::json(&format!("{:#}\n", object(&verification, &plan, &host.kernel_release, asked.is_bare))),
        false => visible::text(&text(&verification, &plan, &host.kernel_release, asked.is_bare)),
    };
    let printed = say::print(&shown);
    if let Some(status) = &verification.cut_short {
        let short = say::error(&cut_short(status, &verification));
        return Ok(if verification.count(Word::Fails) > 0 { BROKEN } else { short });
    }
    let code = if verification.count(Word::Fails) > 0 { BROKEN } else { 0 };
    Ok(printed.max(code))
}

/// What was not tried must not pass for a success.
fn cut_short(status: &str, verification: &Verification) -> Error {
    if status != NO_ROOM {
        return Error::host(format!("not all was tried: the run of the probes ended before, as {status}"))
            .remedy("Raise the limit that ended it");
    }
    let count = verification.verdicts.iter().filter(|verdict| verdict.is_cut_short).count();
    Error::host(format!("not all was tried: the limits left no room for {count} of the probes"))
        .remedy("Raise limits.pids, limits.open_files or limits.address_space, or the caller's own (ulimit)")
}

/// The run is verify's own: its command, and where its bytes go.
fn refuse(run: &Run) -> Result<(), Error> {
    if !run.command.is_empty() {
        return Err(Error::usage("verify brings its own command").remedy("Take -- and what follows it out"));
    }
    let without_name = Options { name: None, ..run.options.clone() };
    if without_name != Options::default() {
        return Err(Error::usage(
            "verify makes a run of its own, whose stdio, report, timings and exit code are not the caller's",
        )
        .remedy(
            "Take --stdin, --stdout, --stderr, --report, --exit-code and --timings out; --json prints what came of it",
        ));
    }
    Ok(())
}

const WORDS: [(Word, &str, &str); 4] = [
    (Word::Holds, "holds", "hold"),
    (Word::Fails, "FAILS", "fail"),
    (Word::Granted, "granted", "granted by the profile"),
    (Word::NotTried, "not tried", "not tried"),
];

fn object(verification: &Verification, plan: &Plan, kernel: &str, is_bare: bool) -> Value {
    let user = &verification.user;
    json!({
        "version": 1,
        "sandbox": env!("CARGO_PKG_VERSION"),
        "kernel": kernel,
        "profiles": plan.profiles,
        "sandboxed": !is_bare,
        "uid": {"inside": user.uid, "outside": user.outside_uid},
        "gid": {"inside": user.gid, "outside": user.outside_gid},
        "verdicts": verification.verdicts,
        "counts": {
            "holds": verification.count(Word::Holds),
            "fails": verification.count(Word::Fails),
            "granted": verification.count(Word::Granted),
            "not_tried": verification.count(Word::NotTried),
        },
        "cut_short": verification.cut_short,
        "degraded": verification.degraded,
    })
}

/// What fails first, then each group; what holds in one line, what does not with the reason.
fn text(verification: &Verification, plan: &Plan, kernel: &str, is_bare: bool) -> String {
    let mut out = String::new();
    let (fails, rest): (Vec<&Verdict>, Vec<&Verdict>) =
        verification.verdicts.iter().partition(|verdict| verdict.verdict == Word::Fails);
    fails.iter().for_each(|verdict| line(&mut out, verdict));
    let mut group = "";
    for verdict in rest {
        if verdict.group != group {
            group = verdict.group;
            let _ = writeln!(out, "{}{group}", if out.is_empty() { "" } else { "\n" });
        }
        line(&mut out, verdict);
    }
    out.push('\n');
    for degraded in &verification.degraded {
        paragraph(&mut out, "", &format!("degraded: {degraded}"));
    }
    let counts: Vec<String> =
        WORDS.iter().map(|(word, _, said)| format!("{} {said}", verification.count(*word))).collect();
    let profile = plan.profiles.last().map_or("no profile", |last| last.name.as_str());
    let user = &verification.user;
    let place = match is_bare {
        true => "without a sandbox".to_owned(),
        false => format!("{profile}, uid {} inside = {} outside", user.uid, user.outside_uid),
    };
    paragraph(&mut out, "", &format!("{} · {place} · Linux {kernel}", counts.join(", ")));
    out
}

fn line(out: &mut String, verdict: &Verdict) {
    let word = WORDS.iter().find(|(word, ..)| *word == verdict.verdict).map_or("", |(_, said, _)| *said);
    let _ = writeln!(out, "  {word:<10}{}", verdict.promise);
    let why = match verdict.verdict {
        Word::Holds => return,
        Word::Fails => format!("{}: {}: {}", verdict.id, verdict.tried, verdict.seen),
        Word::Granted => {
            format!("{}: by {}: {}", verdict.id, verdict.granted_by.as_deref().unwrap_or_default(), verdict.seen)
        }
        Word::NotTried => format!("{}: {}", verdict.id, verdict.seen),
    };
    paragraph(out, "            ", &why);
}

/// Columns.
const WIDTH: usize = 100;

/// At most that wide, unless a single word is wider.
fn paragraph(out: &mut String, indent: &str, text: &str) {
    let mut column = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if column == 0 || column + 1 + length > WIDTH {
            out.push_str(if column == 0 { indent } else { "\n" });
            out.push_str(if column == 0 { "" } else { indent });
            column = indent.len();
        } else {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out.push('\n');
}

/// The words after `verify`, less those that are its own.
pub fn options(words: &[OsString]) -> Vec<OsString> {
    words.iter().filter(|word| !args::VERIFY_ONLY.iter().any(|own| word.to_str() == Some(own))).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::battery;

    #[test]
    fn every_promise_fits_on_a_line() {
        for (_, probe) in battery() {
            assert!(probe.promise.chars().count() + 12 <= WIDTH, "{}", probe.promise);
        }
    }

    #[test]
    fn a_paragraph_is_as_wide_as_it_may_be() {
        let mut out = String::new();
        paragraph(&mut out, "    ", &"word ".repeat(50));
        assert!(out.lines().all(|line| line.starts_with("    ") && line.len() <= WIDTH), "{out}");
        assert_eq!(out.lines().count(), 3);
    }
}
