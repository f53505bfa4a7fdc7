//! The payload's last steps down, ending in execve(2).

use super::laps::{self, Process};
use super::step::{At, Done, Failure, Step};
use super::{Footing, Init};
use crate::layers::{landlock, rlimits};
use crate::sys::process;
use crate::without;
use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
use nix::sys::stat::umask;
use nix::unistd::{Pid, execve, fchdir, getcwd, getpid, read, setpgid, setsid, tcsetpgrp};
use std::convert::Infallible;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

/// From fork to execve(2).
pub(super) fn run(init: &Init, footing: &Footing, word: &OwnedFd, parent: Option<&OwnedFd>) -> ! {
    laps::begin(Process::Payload, init.timed_since);
    let tied = parent.map_or(Ok(()), |parent| process::tie_to(parent).at(Step::TieToSupervisor));
    let Err(failure) = tied.and_then(|()| step_down(init, footing, word));
    super::give_up(init, failure)
}

fn step_down(init: &Init, footing: &Footing, word: &OwnedFd) -> Done<Infallible> {
    let prepared = init.prepared;
    let terminal = footing.terminal.as_ref();
    session(terminal)?;
    working_directory(footing)?;
    landlock::restrict(footing.fence).at(Step::Landlock)?;
    umask(prepared.umask);
    stdio(init, terminal)?;
    descriptors(init, word)?;
    // As late as can be: until here both work at once.
    hear(word);
    signals()?;
    rlimits::apply(&prepared.rlimits, footing.in_cgroup).at(Step::Rlimits)?;
    execute(init)
}

/// Init's word, until which signals are blocked: one that comes before the command is kept for it.
fn hear(word: &OwnedFd) {
    if read(word, &mut [0]) != Ok(1) {
        // Init has failed, and said so itself.
        process::exit_now(125);
    }
    laps::note(Step::Barrier);
}

/// With a terminal, a process group of its own in init's session, in the foreground; else a session of its own.
fn session(terminal: Option<&OwnedFd>) -> Done {
    match terminal {
        Some(terminal) => {
            setpgid(Pid::from_raw(0), Pid::from_raw(0)).at(Step::Session)?;
            // SIGTTOU, which this would raise, is still blocked.
            tcsetpgrp(terminal, getpid()).at(Step::Session)
        }
        None if without::layer("session") => Ok(()),
        None => setsid().map(drop).at(Step::Session),
    }
}

/// A working directory outside the root would be a way out: getcwd(2) then answers ENOENT or "(unreachable)".
fn working_directory(footing: &Footing) -> Done {
    fchdir(footing.workdir).at(Step::WorkingDirectory)?;
    match without::layer("working-directory") || getcwd().at(Step::WorkingDirectory)?.is_absolute() {
        true => Ok(()),
        false => Err(Failure { step: Step::WorkingDirectory, index: 0, errno: Errno::EXDEV }),
    }
}

/// None of the caller's own: pipes of the supervisor's, or the sandbox's pty.
fn stdio(init: &Init, terminal: Option<&OwnedFd>) -> Done {
    if without::layer("stdio") {
        return Ok(());
    }
    for (target, pipe) in init.stdio.iter().enumerate() {
        let missing = Failure { step: Step::Stdio, index: target as u32, errno: Errno::EBADF };
        let own = pipe.as_ref().or(terminal).ok_or(missing)?;
        process::place(own, target as RawFd).at_entry(Step::Stdio, target)?;
    }
    Ok(())
}

/// Every signal unblocked and at its default action, whatever the caller ignored or blocked.
fn signals() -> Done {
    process::reset_signals().at(Step::Descriptors)?;
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None).at(Step::Descriptors)
}

/// Closes every descriptor but 0, 1, 2 and those granted; `started`, the link and init's word close themselves at execve(2).
fn descriptors(init: &Init, word: &OwnedFd) -> Done {
    let granted = &init.prepared.plan.pass_fds;
    if without::layer("close-fds") {
        return Ok(());
    }
    let closing_themselves = [init.started.as_raw_fd(), init.link.as_fd().as_raw_fd(), word.as_raw_fd()];
    let kept = [0, 1, 2].iter().chain(granted).chain(&closing_themselves).copied();
    process::close_all_but(kept.collect()).at(Step::Descriptors)?;
    granted.iter().try_for_each(|fd| process::keep_across_exec(*fd)).at(Step::Descriptors)
}

/// As execvp(3) does: the first candidate that can be executed; EACCES is told only if nothing else was found.
fn execute(init: &Init) -> Done<Infallible> {
    let prepared = init.prepared;
    laps::tell(&init.link);
    let mut answer = Errno::ENOENT;
    for candidate in &prepared.candidates {
        let Err(errno) = execve(candidate, &prepared.argv, &prepared.envp);
        match errno {
            Errno::ENOENT | Errno::ENOTDIR => {}
            Errno::EACCES => answer = errno,
            _ => return Err(errno).at(Step::Execute),
        }
    }
    Err(answer).at(Step::Execute)
}
