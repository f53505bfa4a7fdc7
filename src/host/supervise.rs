//! The supervisor's loop: one poll(2) over bytes, init, the cgroup, signals and time, until nothing of the run is left.

use super::cgroup::Cgroup;
use super::launch::Launched;
use super::outcome::{Outcome, Status};
use super::ready::ready;
use super::signals::Signals;
use super::stdio::Stdio;
use super::stream::Progress;
use super::streams::Streams;
use super::terminal::signal_foreground;
use super::verdict::Facts;
use crate::error::{Error, ErrorKind};
use crate::inside::cpu_time::next_look;
use crate::inside::link::Record;
use crate::prepare::Prepared;
use crate::sys::process;
use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFlags, PollTimeout};
use nix::sys::signal::{Signal, killpg, raise};
use nix::sys::socket::MsgFlags;
use nix::unistd::Pid;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant, SystemTime};

/// Between the first INT or TERM and the end of everything.
const GRACE: Duration = Duration::from_secs(10);
/// For init, to end everything and wait for it, before it is ended itself.
const LAST_GRACE: Duration = Duration::from_secs(2);
/// How often a job in the background looks whether a shell has moved it to the foreground, which sends no signal.
const LOOK: Duration = Duration::from_millis(500);

/// One run, from the clone to the last byte.
pub(super) struct Supervisor<'run> {
    prepared: &'run Prepared<'run>,
    init: Launched,
    cgroup: Cgroup<'run>,
    signals: Signals,
    /// Until there is a pty, where there is to be one.
    stdio: Option<Stdio>,
    streams: Option<Streams>,
    payload: Option<OwnedFd>,
    facts: Facts,
    /// Init has closed the link: nothing more will be said.
    silent: bool,
    /// Init has been told that the payload may start.
    may_start: bool,
    /// Signals that came before there was a command to hear them; and whether they are for its group.
    early: Vec<(Signal, bool)>,
    wall_deadline: Option<Instant>,
    kill_deadline: Option<Instant>,
    /// When to look at the CPU time next, if a cgroup counts it.
    next_cpu_look: Option<Instant>,
    /// Init has been told to end everything.
    ending: bool,
    interrupts: u32,
}

/// What a round of poll(2) may find, in the order in which it is dealt with.
#[derive(Clone, Copy, PartialEq)]
enum Event {
    Stream(usize),
    Init,
    Cgroup,
    Started,
    Caller,
    Over,
}

impl<'run> Supervisor<'run> {
    /// Takes over after the clone.
    pub(super) fn new(
        prepared: &'run Prepared<'run>,
        init: Launched,
        signals: Signals,
        stdio: Stdio,
        cgroup: Cgroup<'run>,
    ) -> Result<Self, Error> {
        let mut supervisor = Supervisor {
            prepared,
            init,
            cgroup,
            signals,
            stdio: None,
            streams: None,
            payload: None,
            silent: false,
            may_start: false,
            early: Vec::new(),
            wall_deadline: None,
            kill_deadline: None,
            next_cpu_look: None,
            ending: false,
            interrupts: 0,
            facts: Facts::default(),
        };
        if stdio.needs_pty() {
            supervisor.stdio = Some(stdio);
        } else {
            supervisor.attach(stdio, None).map_err(failed)?;
        }
        let invited = supervisor.cgroup.invite(supervisor.init.pid);
        supervisor.settle(invited);
        Ok(supervisor)
    }

    /// Until init is reaped and all output is delivered.
    pub(super) fn run(mut self) -> Result<Outcome, Error> {
        while !self.wait().map_err(failed)? {}
        // Init's last records may have come with its end.
        self.hear_init().map_err(failed)?;
        self.note_start();
        let (status, usage) = process::wait_with_usage(self.init.pid).map_err(failed)?;
        tracing::debug!("everything inside has ended");
        if let Some(started) = self.facts.started {
            self.facts.wall_time = started.elapsed();
        }
        self.facts.usage = Some(usage.into());
        self.facts.cgroup = self.cgroup.finish();
        self.deliver_rest().map_err(failed)?;
        Ok(self.facts.conclude(status, self.prepared))
    }

    /// One round of poll(2); true when init has ended.
    fn wait(&mut self) -> nix::Result<bool> {
        let mut over = false;
        for event in ready(&self.sources(), self.timeout())? {
            match event {
                Event::Stream(stream) => self.move_bytes(stream),
                Event::Init => self.hear_init()?,
                Event::Cgroup => self.hear_manager(),
                Event::Started => self.note_start(),
                Event::Caller => self.hear_caller()?,
                Event::Over => over = true,
            }
        }
        self.check_time()?;
        if self.streams.as_ref().is_some_and(Streams::in_background) {
            self.with_terminal(Streams::enter)?;
        }
        Ok(over)
    }

    fn sources(&self) -> Vec<(BorrowedFd<'_>, PollFlags, Event)> {
        let streams = self.streams.iter().flat_map(Streams::interests);
        let mut sources: Vec<_> = streams.map(|(index, fd, flags)| (fd, flags, Event::Stream(index))).collect();
        let mut hear = |fd, event| sources.push((fd, PollFlags::POLLIN, event));
        // Init closes the link before its namespace is empty: until that is over, an ended link would wake us without end.
        if !self.silent {
            hear(self.init.link.as_fd(), Event::Init);
        }
        if let Some(manager) = self.cgroup.waits_on() {
            hear(manager, Event::Cgroup);
        }
        // The pipe also ends with an init that was killed before it came to the fork.
        if self.payload.is_some() && self.facts.started.is_none() && self.facts.failure.is_none() {
            hear(self.init.started.as_fd(), Event::Started);
        }
        hear(self.signals.as_fd(), Event::Caller);
        hear(self.init.pidfd.as_fd(), Event::Over);
        sources
    }

    fn timeout(&self) -> PollTimeout {
        let background = self.streams.as_ref().is_some_and(Streams::in_background).then(|| Instant::now() + LOOK);
        let deadlines =
            [self.wall_deadline, self.kill_deadline, self.next_cpu_look, self.cgroup.deadline(), background];
        let next = deadlines.into_iter().flatten().min();
        let Some(next) = next else { return PollTimeout::NONE };
        // Rounded up: a millisecond early would be a round for nothing.
        let left = next.saturating_duration_since(Instant::now()) + Duration::from_micros(999);
        PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
    }

    fn move_bytes(&mut self, stream: usize) {
        let Some(streams) = &mut self.streams else { return };
        match streams.step(stream) {
            Progress::LimitExceeded => self.act_on_limit(Status::OutputLimit),
            Progress::Failed(errno) => {
                self.facts.lost = self.facts.lost.or(Some(errno));
                self.kill_everything();
            }
            Progress::Moved | Progress::Blocked | Progress::Ended => {}
        }
    }

    /// The cgroup's way may have come to its end; it failed, the run is over before it began.
    fn settle(&mut self, way: Result<(), Error>) {
        if let Err(error) = way {
            self.facts.refused.get_or_insert(error);
            self.kill_everything();
        }
        self.let_start();
    }

    fn hear_manager(&mut self) {
        let heard = self.cgroup.hear();
        self.settle(heard);
    }

    /// The word to go, once everything outside is as the payload may see it: its cgroup, and a terminal that looks like the caller's.
    fn let_start(&mut self) {
        if self.may_start || self.stdio.is_some() || !self.cgroup.is_settled() || self.facts.refused.is_some() {
            return;
        }
        self.may_start = true;
        self.facts.degraded.extend(self.cgroup.degraded().map(str::to_owned));
        let degraded: Vec<_> = self.prepared.degraded.iter().chain(&self.facts.degraded).map(String::as_str).collect();
        if !degraded.is_empty() {
            tracing::warn!("weaker than asked for: {}", degraded.join("; "));
        }
        // Init may have failed already and be gone: then its record says why, and this send does not matter.
        let _ = self.init.link.send(Record::Go { in_cgroup: self.cgroup.is_joined() }, &[]);
    }

    /// execve(2) has closed the pipe: the command runs, and its time counts.
    fn note_start(&mut self) {
        if self.facts.started.is_some() || self.facts.failure.is_some() || self.payload.is_none() {
            return;
        }
        let now = Instant::now();
        self.facts.started = Some(now);
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

    fn hear_init(&mut self) -> nix::Result<()> {
        loop {
            let (record, mut descriptors) = match self.init.link.receive(MsgFlags::MSG_DONTWAIT) {
                Ok(Some(heard)) => heard,
                Ok(None) => {
                    self.silent = true;
                    return Ok(());
                }
                Err(Errno::EAGAIN) => return Ok(()),
                // Init ended without reading all; what it said is still there.
                Err(Errno::ECONNRESET) => continue,
                Err(errno) => return Err(errno),
            };
            match record {
                Record::Terminal => {
                    if let Some(stdio) = self.stdio.take() {
                        self.attach(stdio, descriptors.pop())?;
                        self.let_start();
                    }
                }
                Record::Started { user_time_us, system_time_us } => {
                    tracing::debug!("init is set up and has forked");
                    self.facts.set_up_us = [user_time_us.into(), system_time_us.into()];
                    self.payload = descriptors.pop();
                }
                Record::Stopped => self.with_terminal(Streams::suspend)?,
                Record::Ended(status) => {
                    tracing::debug!("the command ended");
                    self.facts.ended = Some(status);
                }
                Record::TimedOut => self.note_limit(Status::WallTimeout),
                Record::CpuTimedOut => self.note_limit(Status::CpuTimeout),
                Record::Failed(failure) => self.facts.failure = Some(failure),
                // Said only by this side.
                Record::Mapped | Record::Trees | Record::Go { .. } => return Err(Errno::EBADMSG),
            }
        }
    }

    fn attach(&mut self, stdio: Stdio, master: Option<OwnedFd>) -> nix::Result<()> {
        self.streams = Some(stdio.attach(master)?);
        self.with_terminal(Streams::enter)
    }

    fn with_terminal(&mut self, take: fn(&mut Streams) -> nix::Result<()>) -> nix::Result<()> {
        match &mut self.streams {
            // A terminal that is gone (EIO) is the caller's hangup, not our failure.
            Some(streams) => take(streams).or_else(|errno| if errno == Errno::EIO { Ok(()) } else { Err(errno) }),
            None => Ok(()),
        }
    }

    fn hear_caller(&mut self) -> nix::Result<()> {
        while let Some(heard) = self.signals.next()? {
            let Ok(signal) = Signal::try_from(heard.ssi_signo as i32) else { continue };
            // A terminal signals the whole foreground group, and so must we.
            let by_terminal = heard.ssi_code == libc::SI_KERNEL;
            match signal {
                Signal::SIGWINCH if self.on_pty() => self.streams.as_ref().map_or(Ok(()), Streams::resize)?,
                Signal::SIGCONT => self.with_terminal(Streams::enter)?,
                Signal::SIGTSTP => self.stop()?,
                Signal::SIGINT | Signal::SIGTERM => self.interrupt(signal, by_terminal),
                other => self.forward(other, by_terminal),
            }
        }
        Ok(())
    }

    /// The first INT or TERM is the command's to act on, the second is the caller's last word.
    fn interrupt(&mut self, signal: Signal, by_terminal: bool) {
        self.facts.interrupted_by.get_or_insert(signal.as_str());
        self.interrupts += 1;
        if self.interrupts > 1 || !self.may_start {
            return self.kill_everything();
        }
        self.forward(signal, by_terminal);
        if !self.ending {
            self.kill_deadline = Instant::now().checked_add(GRACE);
        }
    }

    fn forward(&mut self, signal: Signal, to_group: bool) {
        if self.facts.started.is_none() {
            return self.early.push((signal, to_group));
        }
        // The payload may have ended this moment: nobody is left to hear it.
        let _ = match (self.streams.as_ref().and_then(Streams::master), &self.payload) {
            // A hangup goes to the command alone: the rest of its session hears it when the pty ends.
            (Some(master), _) if to_group && signal != Signal::SIGHUP => signal_foreground(master, signal),
            (None, Some(payload)) if to_group => pid_of(payload).and_then(|group| killpg(group, signal)),
            (_, Some(payload)) => process::pidfd_send_signal(payload, signal),
            (_, None) => Ok(()),
        };
    }

    fn on_pty(&self) -> bool {
        self.streams.as_ref().is_some_and(|streams| streams.master().is_some())
    }

    /// SIGTSTP: the payload stops, then this job. On a pty it stops itself, and init says so; else it is stopped, as a group that no
    /// shell could continue ignores SIGTSTP.
    fn stop(&mut self) -> nix::Result<()> {
        if self.on_pty() {
            self.forward(Signal::SIGTSTP, true);
            return Ok(());
        }
        self.forward(Signal::SIGSTOP, true);
        raise(Signal::SIGSTOP)?;
        self.forward(Signal::SIGCONT, true);
        Ok(())
    }

    fn check_time(&mut self) -> nix::Result<()> {
        let now = Instant::now();
        let is_over = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now);
        if is_over(self.wall_deadline) {
            self.wall_deadline = None;
            let kill_after = Duration::from_micros(self.prepared.plan.limits.kill_after);
            if self.facts.ended.is_some() {
                // In time: it is this timer that is late, after a kill -STOP.
            } else if kill_after.is_zero() {
                self.act_on_limit(Status::WallTimeout);
            } else {
                self.note_limit(Status::WallTimeout);
                self.forward(Signal::SIGTERM, false);
                self.kill_deadline = now.checked_add(kill_after);
            }
        }
        if is_over(self.kill_deadline) {
            self.kill_deadline = None;
            if self.ending { self.init.kill() } else { self.kill_everything() }
        }
        if is_over(self.next_cpu_look) {
            self.check_cpu_time(now);
        }
        if is_over(self.cgroup.deadline()) {
            self.hear_manager();
        }
        Ok(())
    }

    fn check_cpu_time(&mut self, now: Instant) {
        self.next_cpu_look = None;
        let limits = &self.prepared.plan.limits;
        let Some((limit, used)) = limits.cpu_time.zip(self.cgroup.cpu_time_us()) else { return };
        match limit.saturating_add(limits.extra_time).checked_sub(used) {
            None | Some(0) => self.act_on_limit(Status::CpuTimeout),
            Some(left) => {
                self.next_cpu_look = Some(now + next_look(Duration::from_micros(left), self.prepared.processors))
            }
        }
    }

    /// The first limit is the verdict; and the OOM killer, of which the next round would tell, was before any of them.
    fn note_limit(&mut self, limit: Status) {
        let first = if self.cgroup.is_out_of_memory() { Status::OutOfMemory } else { limit };
        self.facts.limit.get_or_insert(first);
    }

    fn act_on_limit(&mut self, limit: Status) {
        self.note_limit(limit);
        self.kill_everything();
    }

    /// The cgroup's processes at once, its figures stay. Without one init does it, which knows the figures; and if it is too slow,
    /// its own end takes all with it: pid_namespaces(7).
    fn kill_everything(&mut self) {
        self.cgroup.kill();
        if self.cgroup.is_joined() || self.payload.is_none() {
            self.init.kill();
        } else if !std::mem::replace(&mut self.ending, true) {
            self.init.end();
            self.kill_deadline = Instant::now().checked_add(LAST_GRACE);
        }
    }

    /// Everything inside is dead; what it wrote is still the caller's. A caller who interrupts does not want it.
    fn deliver_rest(&mut self) -> nix::Result<()> {
        let Some(mut streams) = self.streams.take() else { return Ok(()) };
        streams.drain();
        while !streams.have_ended() && (self.interrupts < 2) {
            let interests = streams.interests().map(|(index, fd, flags)| (fd, flags, Event::Stream(index)));
            let mut sources: Vec<_> = interests.collect();
            sources.push((self.signals.as_fd(), PollFlags::POLLIN, Event::Caller));
            let events = ready(&sources, PollTimeout::NONE)?;
            let ready_streams = events.into_iter().filter_map(|event| match event {
                Event::Stream(stream) => Some(stream),
                _ => None,
            });
            for stream in ready_streams {
                match streams.step(stream) {
                    Progress::LimitExceeded => self.facts.limit = self.facts.limit.or(Some(Status::OutputLimit)),
                    Progress::Failed(errno) => self.facts.lost = self.facts.lost.or(Some(errno)),
                    Progress::Moved | Progress::Blocked | Progress::Ended => {}
                }
            }
            while let Some(heard) = self.signals.next()? {
                match Signal::try_from(heard.ssi_signo as i32) {
                    Ok(Signal::SIGINT | Signal::SIGTERM | Signal::SIGHUP | Signal::SIGQUIT) => self.interrupts = 2,
                    Ok(Signal::SIGTSTP) => raise(Signal::SIGSTOP)?,
                    _ => {}
                }
            }
        }
        self.facts.bytes = streams.bytes();
        streams.leave();
        Ok(())
    }
}

fn failed(errno: Errno) -> Error {
    Error::new(ErrorKind::Internal, format!("the supervisor could not go on: {}", errno.desc()))
        .step("supervise")
        .errno(errno)
}

/// The pid, in this PID namespace, of the process behind a pidfd: proc_pid_fdinfo(5). It leads its process group.
fn pid_of(pidfd: &OwnedFd) -> nix::Result<Pid> {
    let text = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd())).map_err(|_| Errno::ESRCH)?;
    let pid = text.lines().find_map(|line| line.strip_prefix("Pid:")?.trim().parse().ok());
    // -1 once it is reaped; 0 if it is not in this namespace.
    pid.filter(|pid| *pid > 1).map(Pid::from_raw).ok_or(Errno::ESRCH)
}
