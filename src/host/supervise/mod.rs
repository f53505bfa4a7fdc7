//! The supervisor's loop: one poll(2) over bytes, init, the cgroup, signals and time, until nothing of the run is left.

mod answers;
mod limits;
mod signals;
mod start;

use crate::error::{Error, ErrorKind};
use crate::host::cgroup::Cgroup;
use crate::host::launch::Launched;
use crate::host::outcome::{Outcome, Status};
use crate::host::ready::ready;
use crate::host::registry::Registration;
use crate::host::registry::visitors::Visitors;
use crate::host::signals::Signals;
use crate::host::stdio::Stdio;
use crate::host::stream::Progress;
use crate::host::streams::Streams;
use crate::host::verdict::Facts;
use crate::inside::door::{Door, Parts};
use crate::inside::link::Record;
use crate::prepare::Prepared;
use crate::sys::process;
use crate::timings::Stopwatch;
use nix::errno::Errno;
use nix::poll::{PollFlags, PollTimeout};
use nix::sys::signal::{Signal, raise};
use nix::sys::socket::MsgFlags;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

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
    /// For one who enters. It holds the mounts inside.
    door: Option<Door>,
    /// Where others of the caller's find this run, unless it cannot be found.
    registration: Option<Registration>,
    visitors: Visitors,
    facts: Facts,
    watch: &'run mut Stopwatch,
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
    Knock,
    Visitors,
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
        registration: Option<Registration>,
        watch: &'run mut Stopwatch,
    ) -> Result<Self, Error> {
        let mut supervisor = Supervisor {
            prepared,
            init,
            cgroup,
            signals,
            stdio: None,
            streams: None,
            payload: None,
            door: None,
            silent: false,
            may_start: false,
            early: Vec::new(),
            wall_deadline: None,
            kill_deadline: None,
            next_cpu_look: None,
            ending: false,
            interrupts: 0,
            facts: Facts::default(),
            watch,
            registration,
            visitors: Visitors::default(),
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
        // An init that was killed has not said that the command ended.
        self.note_end(None);
        (self.registration, self.door) = (None, None);
        self.visitors = Visitors::default();
        let (status, usage) = process::wait_with_usage(self.init.pid).map_err(failed)?;
        self.watch.lap("end");
        tracing::debug!("everything inside has ended");
        self.facts.usage = Some(usage.into());
        self.facts.cgroup = self.watch.after("remove-cgroup", self.cgroup.finish());
        let delivered = self.deliver_rest();
        self.watch.after("output", delivered).map_err(failed)?;
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
                // What init said before counts: its word of a payload that failed comes before that one's end.
                Event::Started => {
                    self.hear_init()?;
                    self.note_start();
                }
                Event::Caller => self.hear_caller()?,
                Event::Knock => self.admit(),
                Event::Visitors => self.hear_visitors(),
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
        // Who has asked is heard before the next one takes his place.
        for visitor in self.visitors.waiting() {
            hear(visitor, Event::Visitors);
        }
        if let Some(registration) = &self.registration {
            hear(registration.as_fd(), Event::Knock);
        }
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
                Record::Started { fence, terminals } => {
                    self.watch.lap("set-up");
                    tracing::debug!("init is set up and has forked");
                    let door = descriptors.split_off(1.min(descriptors.len()));
                    self.payload = descriptors.pop();
                    self.door = Door::from_descriptors(door, Parts { fence, terminals }).ok();
                }
                Record::Stopped => self.with_terminal(Streams::suspend)?,
                Record::Ended { status, wall_time_us } => {
                    tracing::debug!("the command ended");
                    self.facts.ended = Some(status);
                    let took = Duration::from_micros(wall_time_us);
                    if self.facts.started.is_none() {
                        // Only seen now.
                        self.note_start();
                        self.facts.started_at = self.facts.started_at.and_then(|now| now.checked_sub(took));
                    }
                    self.note_end(Some(took));
                    // Nothing is left to be entered, and the door keeps the mounts: init's end takes them with it, at our side.
                    self.door = None;
                }
                Record::Used { user_time_us, system_time_us } => {
                    self.facts.init_us = [user_time_us.into(), system_time_us.into()];
                }
                Record::TimedOut => self.note_limit(Status::WallTimeout),
                Record::CpuTimedOut => self.act_on_time(Status::CpuTimeout),
                Record::Failed(failure) => self.note_failure(failure),
                Record::Lap(lap) => self.watch.hear(lap),
                // Said only by this side.
                Record::Mapped | Record::Trees | Record::Go { .. } => return Err(Errno::EBADMSG),
            }
        }
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

    fn with_terminal(&mut self, take: fn(&mut Streams) -> nix::Result<()>) -> nix::Result<()> {
        match &mut self.streams {
            // A terminal that is gone (EIO) is the caller's hangup, not our failure.
            Some(streams) => take(streams).or_else(|errno| if errno == Errno::EIO { Ok(()) } else { Err(errno) }),
            None => Ok(()),
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
