//! The outside half: lays the baits, lets the victim make the run, and looks what became of them.

use super::baits::{LOG_START, PLACE};
use super::inside::{END, Line};
use super::lay::{Baited, Seen};
use super::probe::{Answer, Attempt, not_tried};
use super::processes::lock;
use super::runs::{Runs, read_report};
use super::stage::{self, Told, is_readable};
use super::verdict::{Verdict, judge};
use super::{Word, battery};
use crate::error::Error;
use crate::plan::{Plan, User};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};

/// Probes that signal all that they can: a run that ends with one ended by it.
const ENDING: [&str; 3] = ["process-signalled", "process-group-signalled", "init-killed"];

/// The run went on to its end, but not each attempt could be made in it.
pub const NO_ROOM: &str = "no-room";

/// What is to be verified.
#[derive(Debug)]
pub struct Request<'run> {
    /// The options of the run, as they were typed.
    pub options: Vec<OsString>,
    /// Where they were typed.
    pub cwd: PathBuf,
    /// What they come to, with the canary variable in the caller's environment.
    pub plan: &'run Plan,
    /// HOME of the caller.
    pub home: Option<PathBuf>,
    /// Without a sandbox, to see that the probes can fail.
    pub is_bare: bool,
}

/// What came of it.
#[derive(Debug)]
pub struct Verification {
    /// Of every probe, in the order of the battery.
    pub verdicts: Vec<Verdict>,
    /// What the profile preferred and this host lacks.
    pub degraded: Vec<String>,
    /// What the run itself said on stderr, a line each.
    pub messages: Vec<String>,
    /// Ids inside and outside, of the run.
    pub user: User,
    /// How the run ended, if that was before the end of the battery; or [`NO_ROOM`].
    pub cut_short: Option<String>,
}

/// Does it.
///
/// # Errors
/// The baits could not be laid; the run could not be made, in the run's own words.
pub fn verify(request: &Request) -> Result<Verification, Error> {
    let held = hold_signals();
    let verification = Baited::lay(request).map_err(|error| {
        Error::host(format!("what the probes are to reach could not be made: {error}"))
            .remedy("Look at the space and the rights in /tmp, and at ulimit -n, or name another place with TMPDIR")
    });
    let verification = verification.and_then(|baited| baited.verify(request));
    // Everything is taken away by now: the caller's signal may come.
    let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&held), None);
    verification
}

/// A signal must not leave half of it behind.
fn hold_signals() -> SigSet {
    let mut held = SigSet::empty();
    let ending: SigSet = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT].into_iter().collect();
    let _ = sigprocmask(SigmaskHow::SIG_BLOCK, Some(&ending), Some(&mut held));
    held
}

impl Baited {
    fn verify(mut self, request: &Request) -> Result<Verification, Error> {
        let mut runs = self.runs(request)?;
        let report = self.directory.0.join("reports/run.json");
        let command = runs.command(&report, &self.baits.canary, None);
        let slave = self.terminal.as_ref().map(|pty| &pty.slave);
        let (told, baits) = stage::play(command, &self.directory.0, &self.baits, slave)
            .map_err(|errno| Error::host(format!("the run could not be started: {}", errno.desc())).errno(errno))?;
        self.baits = baits;
        // At once: what is left of the run is seen by its lock.
        let left = lock(&self.directory.0.join("shown")).is_none();
        let report = read_report(&report);
        let messages = self.messages();
        if let Some(error) = no_run(&report, told.as_ref(), &messages, request.is_bare) {
            return Err(error);
        }
        let effects = self.effects(told.as_ref(), left);
        debug_assert!(effects.keys().all(|id| battery().any(|(_, probe)| probe.id == *id)), "{effects:?}");
        let (mut answers, is_whole) = self.answers();
        runs.has_cgroup = !report["layers"]["cgroup"].is_null();
        let status = report["status"].as_str().unwrap_or("signaled").to_owned();
        let is_own_end = ["exited", "signaled"].contains(&status.as_str());
        if answers.is_empty() && !is_whole && is_own_end {
            return Err(Error::host(format!("the probes could not start in this run: it ended as {status}"))
                .remedy("Raise limits.address_space, or what else leaves a program no room to start"));
        }
        // Elsewhere it died of something else: the host's memory ran out, say.
        let last = self.last(&answers).filter(|last| ENDING.contains(last));
        if let Some(last) = last.filter(|_| !is_whole && is_own_end) {
            answers.insert(last.to_owned(), Answer::Through(vec![format!("the run ended with it: {status}")]));
        }
        let verdicts: Vec<Verdict> = battery()
            .map(|(group, probe)| {
                let answer = match probe.attempt {
                    Attempt::Run(_) if request.is_bare => not_tried("there is no run"),
                    Attempt::Run(attempt) => attempt(&runs),
                    Attempt::Inside(_) => {
                        answers.get(probe.id).cloned().unwrap_or_else(|| not_tried("the run had ended"))
                    }
                };
                judge((group, probe), answer, effects.get(probe.id), request.plan, &self.baits)
            })
            .collect();
        let has_no_room = verdicts.iter().any(|verdict| verdict.is_cut_short).then(|| NO_ROOM.to_owned());
        Ok(Verification {
            verdicts,
            degraded: strings(&report["degraded"]),
            messages,
            user: user(&report, request.plan),
            cut_short: if is_whole { has_no_room } else { Some(status) },
        })
    }

    fn runs<'run>(&self, request: &Request<'run>) -> Result<Runs<'run>, Error> {
        let program = std::env::current_exe().map_err(|error| {
            Error::host(format!("the path of this program cannot be told: {error}")).remedy("Mount a proc file system")
        })?;
        let shown = self.directory.0.join("shown");
        let hidden = format!("{PLACE}/shown/hidden");
        let mut options = request.options.clone();
        for mount in [bind(&program, "sandbox")?, bind(&shown, "shown")?, serde_json::json!({"hide": hidden})] {
            options.push("--mount".into());
            options.push(mount.to_string().into());
        }
        Ok(Runs {
            plan: request.plan,
            program,
            options,
            cwd: request.cwd.clone(),
            directory: self.directory.0.clone(),
            is_bare: request.is_bare,
            has_cgroup: false,
        })
    }

    fn messages(&self) -> Vec<String> {
        let text = fs::read(self.directory.0.join("stderr")).unwrap_or_default();
        String::from_utf8_lossy(&text).lines().map(str::to_owned).collect()
    }

    /// The inside half's lines, and whether they go to the end.
    fn answers(&self) -> (BTreeMap<String, Answer>, bool) {
        let text = fs::read_to_string(self.directory.0.join("log")).unwrap_or_default();
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok());
        let mut answers: BTreeMap<String, Answer> = lines.map(|line| (line.id, line.answer)).collect();
        let is_whole = answers.remove(END).is_some();
        (answers, is_whole)
    }

    /// The probe that had no answer when the run ended.
    fn last(&self, answers: &BTreeMap<String, Answer>) -> Option<&'static str> {
        let inside = battery().filter(|(_, probe)| matches!(probe.attempt, Attempt::Inside(_)));
        inside.map(|(_, probe)| probe.id).find(|id| !answers.contains_key(*id))
    }

    /// By probe: what should not have happened outside.
    fn effects(&self, told: Option<&Told>, left: bool) -> BTreeMap<&'static str, String> {
        let after = Seen::look(&self.directory.0).ok();
        let changed: Vec<String> = after.as_ref().map_or(vec!["all of it".into()], |after| self.before.changes(after));
        let accepted = |listener: &Option<TcpListener>| listener.as_ref().is_some_and(|socket| socket.accept().is_ok());
        let received = |socket: &UdpSocket| socket.recv(&mut [0; 8]).is_ok();
        let log = fs::read_to_string(self.directory.0.join("log")).unwrap_or_default();
        let stdin = fs::read(self.directory.0.join("stdin")).unwrap_or_default();
        let killed = told.is_none();
        let told = told.cloned().unwrap_or_default();
        let is_shown = |name: &str| changed.iter().any(|changed| changed == name);
        let written = self.terminal.as_ref().is_some_and(|pty| is_readable(&pty.master));
        [
            ("tcp-ipv4", accepted(&self.tcp[0]), "the listener accepted a connection"),
            ("tcp-ipv6", accepted(&self.tcp[1]), "the listener accepted a connection"),
            ("udp", self.udp.as_ref().is_some_and(received), "the datagram came"),
            ("abstract-socket", self.unix[0].accept().is_ok(), "the listener accepted a connection"),
            ("path-socket", self.unix[1].accept().is_ok(), "the listener accepted a connection"),
            ("read-only-content", is_shown("file"), "the file is another outside"),
            ("read-only-metadata", is_shown("file"), "the file is another outside"),
            ("hidden-file", is_shown("hidden"), "the file is another outside"),
            ("read-only-names", !changed.is_empty(), "the tree is another outside"),
            ("host-left-alone", after.is_none_or(|after| after.beside != self.before.beside), "there are other names"),
            ("stdin-file", stdin.first() != Some(&b'{') || stdin.last() != Some(&b'}'), "the file is another"),
            ("stdout-log", !log.starts_with(LOG_START), "the log begins otherwise"),
            ("process-signalled", told.signalled, "the signal came"),
            ("process-group-signalled", told.group_signalled || killed, "the signal came"),
            ("process-group-priority", told.is_reniced, "the caller's priority is another"),
            ("terminal", told.is_typed || written, "something came to the terminal"),
            ("terminal-settings", told.terminal_changed || told.flags_changed, "they are others"),
            ("what-is-left-running", left, "the lock was held after the run"),
        ]
        .into_iter()
        .filter(|(_, happened, _)| *happened)
        .map(|(id, _, what)| (id, what.to_owned()))
        .collect()
    }
}

/// A read-only mount of verify's own, as `--mount` reads it.
fn bind(source: &Path, name: &str) -> Result<serde_json::Value, Error> {
    let text = source.to_str().filter(|text| !text.ends_with(" (deleted)")).ok_or_else(|| {
        Error::host(format!("{} cannot be shown inside", source.display()))
            .remedy("Install sandbox at a path of plain text")
    })?;
    Ok(serde_json::json!({"ro": text.replace('$', "$$"), "at": format!("{PLACE}/{name}")}))
}

/// In the run's own words, if it did not come to the command.
fn no_run(report: &serde_json::Value, told: Option<&Told>, messages: &[String], is_bare: bool) -> Option<Error> {
    if let Some(failed) = told.and_then(|told| told.failed.as_ref()) {
        return Some(Error::host(format!("the run could not be started: {failed}")));
    }
    if is_bare {
        return None;
    }
    match report["status"].as_str() {
        Some("setup-failed" | "exec-failed") => {
            let error = &report["error"];
            let told = Error::host(error["message"].as_str().unwrap_or_default());
            Some(match error["remedy"].as_str() {
                Some(remedy) => told.remedy(remedy),
                None => told,
            })
        }
        Some(_) => None,
        None => {
            let said = messages.last().map_or("it left no report", |line| line.trim_start_matches("sandbox: "));
            Some(Error::host(said))
        }
    }
}

fn strings(list: &serde_json::Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(|text| Some(text.as_str()?.to_owned())).collect()
}

/// The outside id is the run's own: under host root each has another.
fn user(report: &serde_json::Value, plan: &Plan) -> User {
    let id = |kind: &str, fallback| report["layers"][kind]["outside"].as_u64().map_or(fallback, |id| id as u32);
    let (outside_uid, outside_gid) = (id("uid", plan.user.outside_uid), id("gid", plan.user.outside_gid));
    User { outside_uid, outside_gid, ..plan.user.clone() }
}

impl Verification {
    /// How many have this word.
    pub fn count(&self, word: Word) -> usize {
        self.verdicts.iter().filter(|verdict| verdict.verdict == word).count()
    }
}
