//! From one process to two: the clone, and the id maps that init cannot write itself.

use super::newidmap::Helpers;
use super::root;
use super::why;
use crate::error::Error;
use crate::inside::door::Door;
use crate::inside::link::{Link, Record};
use crate::inside::{self, Init};
use crate::prepare::Prepared;
use crate::sys::process::{self, Cloned};
use crate::timings::Stopwatch;
use nix::fcntl::OFlag;
use nix::sys::signal::Signal;
use nix::unistd::{Pid, getpid, pipe2};
use std::os::fd::OwnedFd;
use std::time::Instant;

/// Init, as the supervisor knows it.
#[derive(Debug)]
pub struct Launched {
    /// Its pid here.
    pub pid: Pid,
    /// Readable when it has ended.
    pub pidfd: OwnedFd,
    /// To it.
    pub link: Link,
    /// Ends with the payload's execve(2), or with the payload.
    pub started: OwnedFd,
    /// It is no init, but the stand-in of one who enters.
    is_stand_in: bool,
}

impl Launched {
    /// Tells init to end everything inside and wait for it, so that what it used is known. A stand-in hears no word: it waits for
    /// the one payload that it has.
    pub fn end(&self, payload: Option<&OwnedFd>) {
        let _ = match payload {
            Some(payload) if self.is_stand_in => process::pidfd_send_signal(payload, Signal::SIGKILL),
            _ => process::tell_to_end(&self.pidfd),
        };
    }

    /// Ends init, and with it everything inside.
    pub fn kill(&self) {
        // ESRCH: it has ended already.
        let _ = process::pidfd_send_signal(&self.pidfd, Signal::SIGKILL);
    }
}

impl Drop for Launched {
    /// On every way out, also that of an error here: nothing stays, not even for the moment that it takes to die.
    fn drop(&mut self) {
        self.kill();
        // ECHILD: it has been waited for already.
        let _ = process::wait_with_usage(self.pid);
    }
}

/// Starts init with the payload's ends of stdio; a `None` there asks init for a terminal.
///
/// Every signal must be blocked: init must not act on one meant for the supervisor.
pub fn launch(prepared: &Prepared, stdio: [Option<OwnedFd>; 3], watch: &mut Stopwatch) -> Result<Launched, Error> {
    let user = &prepared.plan.user;
    // Before the clone: without them there is nothing to begin.
    let helpers = if user.has_range() && !user.mapped_by_root { Some(Helpers::find()?) } else { None };
    let launched = watch.after("clone", begin(prepared, stdio, None, watch.since()))?;
    if user.mapped_by_root {
        watch.after("id-maps", root::provide(prepared, &launched))?;
    } else if let Some(helpers) = helpers {
        let supervisor = process::pidfd_open(getpid()).map_err(why::clone_failed)?;
        watch.after("id-maps", helpers.map(launched.pid, &user.uids, &user.gids, &supervisor))?;
        // If it is gone, its end says so.
        let _ = launched.link.send(Record::Mapped, &[]);
    }
    Ok(launched)
}

/// Starts the stand-in of one who enters by `door`, with the payload's ends of stdio.
pub fn launch_stand_in(
    prepared: &Prepared,
    stdio: [Option<OwnedFd>; 3],
    door: Door,
    watch: &mut Stopwatch,
) -> Result<Launched, Error> {
    watch.after("clone", begin(prepared, stdio, Some(door), watch.since()))
}

fn begin(
    prepared: &Prepared,
    stdio: [Option<OwnedFd>; 3],
    door: Option<Door>,
    timed_since: Option<Instant>,
) -> Result<Launched, Error> {
    let lack = |errno| why::clone_failed(errno);
    // Before the clone: this pidfd is how init can see that the supervisor is already dead.
    let supervisor = process::pidfd_open(getpid()).map_err(lack)?;
    let (link, init_link) = Link::pair().map_err(lack)?;
    let (started, init_started) = pipe2(OFlag::O_CLOEXEC).map_err(lack)?;
    let (is_stand_in, namespaces) = match &door {
        Some(_) => (true, 0),
        None => (false, inside::namespaces(prepared.plan.network)),
    };
    match process::clone_into(namespaces).map_err(lack)? {
        Cloned::Child => {
            // A copy of the supervisor's end here would keep init, which waits for its ids before it is tied, waiting for ever.
            drop((link, started));
            let init = Init { prepared, link: init_link, supervisor, stdio, started: init_started, timed_since };
            match door {
                Some(door) => inside::stand_in(init, door),
                None => inside::run(init),
            }
        }
        Cloned::Parent(pid, pidfd) => Ok(Launched { pid, pidfd, link, started, is_stand_in }),
    }
}
