//! The supervisor's loop: one poll(2) over signals, init, time and bytes, until nothing of the run is left.

use super::launch::Launched;
use super::outcome::{Outcome, Status};
use super::signals::Signals;
use super::stdio::Stdio;
use super::stream::Progress;
use super::streams::Streams;
use super::terminal::signal_foreground;
use super::verdict::Facts;
use crate::error::{Error, ErrorKind};
use crate::inside::link::Record;
use crate::prepare::Prepared;
use crate::sys::process;
use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg, raise};
use nix::sys::socket::MsgFlags;
use nix::unistd::Pid;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant, SystemTime};

/// Between the first INT or TERM and the end of everything.
const GRACE: Duration = Duration::from_secs(10);
/// How often a job in the background looks whether a shell has moved it to the foreground, which sends no signal.
const LOOK: Duration = Duration::from_millis(500);

/// One run, from the clone to the last byte.
pub(super) struct Supervisor<'run> {
    prepared: &'run Prepared<'run>,
    init: Launched,
    signals: Signals,
    /// Until there is a pty, where there is to be one.
    stdio: Option<Stdio>,
    streams: Option<Streams>,
    payload: Option<OwnedFd>,
    facts: Facts,
    /// Init has closed the link: nothing more will be said.
    silent: bool,
    wall_deadline: Option<Instant>,
    kill_deadline: Option<Instant>,
    interrupts: u32,
}

impl<'run> Supervisor<'run> {
    /// Takes over after the clone.
    pub(super) fn new(
        prepared: &'run Prepared<'run>,
        init: Launched,
        signals: Signals,
        stdio: Stdio,
    ) -> Result<Self, Error> {
        let mut supervisor = Supervisor {
            prepared,
            init,
            signals,
            stdio: None,
            streams: None,
            payload: None,
            silent: false,
            wall_deadline: None,
            kill_deadline: None,
            interrupts: 0,
            facts: Facts::default(),
        };
        if stdio.needs_pty() {
            supervisor.stdio = Some(stdio);
        } else {
            supervisor.attach(stdio, None).map_err(failed)?;
        }
        Ok(supervisor)
    }

    /// Until init is reaped and all output is delivered.
    pub(super) fn run(mut self) -> Result<Outcome, Error> {
        while !self.wait().map_err(failed)? {}
        // Init's last records may have come with its end.
        self.hear_init().map_err(failed)?;
        if self.facts.started.is_none() && self.facts.failure.is_none() && self.payload.is_some() {
            self.note_start();
        }
        let (status, usage) = process::wait_with_usage(self.init.pid).map_err(failed)?;
        tracing::debug!("everything inside has ended");
        if let Some(started) = self.facts.started {
            self.facts.wall_time = started.elapsed();
        }
        self.facts.usage = Some(usage.into());
        self.deliver_rest().map_err(failed)?;
        Ok(self.facts.conclude(status, self.prepared))
    }

    /// One round of poll(2); true when init has ended.
    fn wait(&mut self) -> nix::Result<bool> {
        let timeout = self.timeout();
        let mut polled = vec![
            PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            // Init closes the link before its namespace is empty: until that is over, an ended link would wake us without end.
            PollFd::new(if self.silent { self.init.pidfd.as_fd() } else { self.init.link.as_fd() }, PollFlags::POLLIN),
            PollFd::new(self.init.pidfd.as_fd(), PollFlags::POLLIN),
        ];
        if self.facts.started.is_none() && self.facts.failure.is_none() {
            polled.push(PollFd::new(self.init.started.as_fd(), PollFlags::POLLIN));
        }
        let fixed = polled.len();
        let mut owners = Vec::new();
        for (index, fd, flags) in self.streams.iter().flat_map(Streams::interests) {
            polled.push(PollFd::new(fd, flags));
            owners.push(index);
        }
        match poll(&mut polled, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
        let ready: Vec<bool> = polled.iter().map(|fd| fd.any().unwrap_or(true)).collect();
        let is_ready = |index: usize| ready.get(index).copied().unwrap_or(false);
        let streams = owners.into_iter().zip(fixed..).filter(|(_, place)| is_ready(*place)).map(|(index, _)| index);
        let mut streams: Vec<usize> = streams.collect();
        streams.dedup();
        let (signalled, said, over) = (is_ready(0), is_ready(1), is_ready(2));
        let running = fixed > 3 && is_ready(3);

        for stream in streams {
            self.move_bytes(stream);
        }
        if said {
            self.hear_init()?;
        }
        // The pipe also ends with an init that was killed before it came to the fork.
        if running && self.facts.failure.is_none() && self.payload.is_some() {
            self.note_start();
        }
        if signalled {
            self.hear_caller()?;
        }
        self.check_time()?;
        if self.streams.as_ref().is_some_and(Streams::in_background) {
            self.with_terminal(Streams::enter)?;
        }
        Ok(over)
    }

    fn timeout(&self) -> PollTimeout {
        let background = self.streams.as_ref().is_some_and(Streams::in_background).then(|| Instant::now() + LOOK);
        let next = [self.wall_deadline, self.kill_deadline, background].into_iter().flatten().min();
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

    /// execve(2) has closed the pipe: the command runs, and its time counts.
    fn note_start(&mut self) {
        let now = Instant::now();
        self.facts.started = Some(now);
        self.facts.started_at = Some(SystemTime::now());
        let wall = self.prepared.plan.limits.wall_time.map(Duration::from_micros);
        self.wall_deadline = wall.and_then(|wall| now.checked_add(wall));
        tracing::debug!("the command runs");
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
                        // Init may be gone by now; then its end tells why.
                        let _ = self.init.link.send(Record::Go, &[]);
                    }
                }
                Record::Started => {
                    tracing::debug!("init is set up and has forked");
                    self.payload = descriptors.pop();
                }
                Record::Stopped => self.with_terminal(Streams::suspend)?,
                Record::Ended(status) => {
                    tracing::debug!("the command ended");
                    self.facts.ended = Some(status);
                }
                Record::TimedOut => self.facts.limit = self.facts.limit.or(Some(Status::WallTimeout)),
                Record::Failed(failure) => self.facts.failure = Some(failure),
                // Said only by this side.
                Record::Mapped | Record::Trees | Record::Go => return Err(Errno::EBADMSG),
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
        if self.interrupts > 1 || self.payload.is_none() {
            return self.kill_everything();
        }
        self.forward(signal, by_terminal);
        self.kill_deadline = Instant::now().checked_add(GRACE);
    }

    fn forward(&self, signal: Signal, to_group: bool) {
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
                self.facts.limit = self.facts.limit.or(Some(Status::WallTimeout));
                self.forward(Signal::SIGTERM, false);
                self.kill_deadline = now.checked_add(kill_after);
            }
        }
        if is_over(self.kill_deadline) {
            self.kill_deadline = None;
            self.kill_everything();
        }
        Ok(())
    }

    fn act_on_limit(&mut self, limit: Status) {
        self.facts.limit = self.facts.limit.or(Some(limit));
        self.kill_everything();
    }

    /// PID 1 of the namespace takes all with it: pid_namespaces(7).
    fn kill_everything(&self) {
        self.init.kill();
    }

    /// Everything inside is dead; what it wrote is still the caller's. A caller who interrupts does not want it.
    fn deliver_rest(&mut self) -> nix::Result<()> {
        let Some(mut streams) = self.streams.take() else { return Ok(()) };
        streams.drain();
        while !streams.have_ended() && (self.interrupts < 2) {
            let mut polled = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
            let mut owners = Vec::new();
            for (index, fd, flags) in streams.interests() {
                polled.push(PollFd::new(fd, flags));
                owners.push(index);
            }
            match poll(&mut polled, PollTimeout::NONE) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno),
            }
            owners.dedup();
            for stream in owners {
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
