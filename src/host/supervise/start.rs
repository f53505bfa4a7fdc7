//! From the clone to the command: the cgroup, the terminal, the word to go, and the moments when it begins and ends.

use super::Supervisor;
use crate::error::Error;
use crate::host::stdio::Stdio;
use crate::host::streams::Streams;
use crate::inside::cpu_time::next_look;
use crate::inside::link::Record;
use crate::inside::step::Failure;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant, SystemTime};

impl Supervisor<'_> {
    /// The cgroup's way may have come to its end; it failed, the run is over before it began.
    pub(super) fn settle(&mut self, way: Result<(), Error>) {
        if let Err(error) = way {
            self.facts.refused.get_or_insert(error);
            self.kill_everything();
        }
        self.let_start();
    }

    pub(super) fn hear_manager(&mut self) {
        let heard = self.cgroup.hear();
        self.settle(heard);
    }

    /// The word to go, once everything outside is as the payload may see it: its cgroup, and a terminal that looks like the caller's.
    pub(super) fn let_start(&mut self) {
        if self.may_start || self.stdio.is_some() || !self.cgroup.is_settled() || self.facts.refused.is_some() {
            return;
        }
        self.may_start = true;
        self.facts.degraded.extend(self.cgroup.degraded().map(str::to_owned));
        let degraded: Vec<_> = self.prepared.degraded.iter().chain(&self.facts.degraded).map(String::as_str).collect();
        if !degraded.is_empty() {
            tracing::warn!("weaker than asked for: {}", degraded.join("; "));
        }
        self.cgroup.begin();
        self.watch.lap("barrier");
        if self.cgroup.is_joined() {
            tracing::debug!("init is in the run's cgroup, its limits are in force");
        }
        // Init may have failed already and be gone: then its record says why, and this send does not matter.
        let _ = self.init.link.send(Record::Go { in_cgroup: self.cgroup.holds_payload() }, &[]);
    }

    /// execve(2) has closed the pipe: the command runs, and its time counts.
    pub(super) fn note_start(&mut self) {
        if self.facts.started.is_some() || self.facts.failure.is_some() || self.payload.is_none() {
            return;
        }
        let now = Instant::now();
        self.facts.started = Some(now);
        self.watch.lap("execute");
        self.facts.started_at = Some(SystemTime::now());
        let limits = &self.prepared.plan.limits;
        let allowed = |limit: u64| Duration::from_micros(limit.saturating_add(limits.extra_time));
        self.wall_deadline = limits.wall_time.and_then(|wall| now.checked_add(allowed(wall)));
        let counted = limits.cpu_time.filter(|_| self.cgroup.is_joined());
        self.next_cpu_look = counted.map(|limit| now + next_look(allowed(limit), self.prepared.processors));
        tracing::debug!("the command runs");
        for (signal, to_group) in std::mem::take(&mut self.early) {
            self.forward(signal, to_group);
        }
    }

    /// The command ended, by init's word, which knows how long it took, or with init. What it left behind takes a moment more, which
    /// is not its own.
    pub(super) fn note_end(&mut self, took: Option<Duration>) {
        if let (Some(started), None) = (self.facts.started, self.facts.wall_time) {
            self.facts.wall_time = Some(took.unwrap_or_else(|| started.elapsed()));
            self.watch.lap("command");
        }
    }

    pub(super) fn note_failure(&mut self, failure: Failure) {
        // What came of it may be told as well.
        if self.facts.failure.is_none() {
            self.facts.failure = Some(failure);
            self.watch.lap(if self.payload.is_none() { "set-up" } else { "execute" });
        }
    }

    pub(super) fn attach(&mut self, stdio: Stdio, master: Option<OwnedFd>) -> nix::Result<()> {
        self.streams = Some(stdio.attach(master, self.prepared.plan.terminal)?);
        self.with_terminal(Streams::enter)
    }
}
