//! Making processes and holding on to them: clone3(2), clone(2), pidfds, close_range(2), wait4(2).

use super::descriptor::owned;
use nix::Result;
use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};

/// Who one is after a clone.
pub enum Cloned {
    /// The new process.
    Child,
    /// The old one: the child's pid and a pidfd for it.
    Parent(Pid, OwnedFd),
}

/// clone3(2) like fork(2), into the new namespaces of `flags` (CLONE_NEW…), with a pidfd.
///
/// The caller must be single-threaded: only then may the child go on using the allocator.
pub fn clone_into(flags: libc::c_int) -> Result<Cloned> {
    #[cfg(feature = "faults")]
    crate::faults::fail("clone3")?;
    let mut pidfd: RawFd = -1;
    // SAFETY: clone_args is plain numbers; all zero is its neutral value.
    let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
    args.flags = (flags | libc::CLONE_PIDFD) as u64;
    args.exit_signal = libc::SIGCHLD as u64;
    args.pidfd = &raw mut pidfd as u64;
    // SAFETY: no CLONE_VM, so the child has its own copy of memory and stack, as after fork(2); `pidfd` outlives the call.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, &raw mut args, size_of::<libc::clone_args>()) };
    cloned(pid, pidfd)
}

/// clone(2) like fork(2), with a pidfd: for a process whose filter refuses clone3(2).
pub fn fork_with_pidfd() -> Result<Cloned> {
    let mut pidfd: RawFd = -1;
    let flags = libc::CLONE_PIDFD | libc::SIGCHLD;
    // SAFETY: no CLONE_VM and no stack, as after fork(2); with CLONE_PIDFD the third argument, the same on every
    // architecture, is where the pidfd goes, and it outlives the call.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, 0, &raw mut pidfd, 0, 0) };
    cloned(pid, pidfd)
}

fn cloned(pid: libc::c_long, pidfd: RawFd) -> Result<Cloned> {
    match Errno::result(pid)? {
        0 => Ok(Cloned::Child),
        // SAFETY: the kernel stored a new descriptor there before it returned to the parent.
        pid => Ok(Cloned::Parent(Pid::from_raw(pid as i32), unsafe { OwnedFd::from_raw_fd(pidfd) })),
    }
}

/// pidfd_open(2)
pub fn pidfd_open(pid: Pid) -> Result<OwnedFd> {
    // SAFETY: plain numbers.
    owned(unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) })
}

/// pidfd_send_signal(2)
pub fn pidfd_send_signal(pidfd: impl AsFd, signal: Signal) -> Result<()> {
    send_signal(pidfd, signal as i32)
}

fn send_signal(pidfd: impl AsFd, signal: libc::c_int) -> Result<()> {
    let (fd, none) = (pidfd.as_fd().as_raw_fd(), std::ptr::null::<libc::siginfo_t>());
    // SAFETY: the descriptor is borrowed; a null siginfo means that of kill(2).
    Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_send_signal, fd, signal, none, 0) }).map(drop)
}

/// close_range(2): closes every descriptor but those of `kept`.
///
/// For a process that is about to execve(2), or never drops an owner again: a number may otherwise be a stranger's by then.
pub fn close_all_but(mut kept: Vec<RawFd>) -> Result<()> {
    kept.sort_unstable();
    let mut first = 0;
    for last in kept.into_iter().map(|fd| fd - 1).chain([RawFd::MAX]) {
        if first <= last {
            // SAFETY: closing touches no memory; the contract above keeps owners from closing what takes the number next.
            Errno::result(unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) })?;
        }
        first = last.saturating_add(2);
    }
    Ok(())
}

/// dup3(2) onto a fixed number: places `fd` at `target`, open across execve(2).
pub fn place(fd: impl AsFd, target: RawFd) -> Result<()> {
    if fd.as_fd().as_raw_fd() == target {
        return keep_across_exec(target);
    }
    // SAFETY: the descriptor is borrowed; what was at `target` is closed, as documented.
    Errno::result(unsafe { libc::dup3(fd.as_fd().as_raw_fd(), target, 0) }).map(drop)
}

/// wait4(2) for one child that has ended: its raw wait status and what it and its descendants used.
pub fn wait_with_usage(pid: Pid) -> Result<(i32, libc::rusage)> {
    let mut status = 0;
    // SAFETY: rusage is plain numbers; all zero is a value of it.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    loop {
        // SAFETY: both pointers outlive the call.
        match Errno::result(unsafe { libc::wait4(pid.as_raw(), &raw mut status, 0, &raw mut usage) }) {
            Ok(_) => return Ok((status, usage)),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// wait4(2) for any child: its pid and raw wait status, or none if `WNOHANG` found nothing.
pub fn wait_any(flags: libc::c_int) -> Result<Option<(Pid, i32)>> {
    let mut status = 0;
    // SAFETY: the pointer outlives the call.
    match Errno::result(unsafe { libc::waitpid(-1, &raw mut status, flags) })? {
        0 => Ok(None),
        pid => Ok(Some((Pid::from_raw(pid), status))),
    }
}

/// What woke PID 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// Nothing came in time; or what means nothing.
    Nothing,
    /// SIGCHLD. (The payload can send one too: it is only a reason to look.)
    Child,
    /// [`tell_to_end`], from outside the PID namespace.
    ToldToEnd,
}

/// The supervisor's word to init: a real-time signal, of which one from inside does not swallow it (signal(7)).
const END: libc::c_int = 40;

/// Tells init to end: pidfd_send_signal(2).
pub fn tell_to_end(pidfd: impl AsFd) -> Result<()> {
    send_signal(pidfd, END)
}

/// rt_sigtimedwait(2) for SIGCHLD and the word to end, which must be blocked; without a timeout it waits for ever.
///
/// A sender inside has a pid here, one outside has 0. The payload can make its own look the same only by filling the queue first
/// (rt_sigqueueinfo(2)); then it ends itself.
pub fn wait_for_signal(timeout: Option<std::time::Duration>) -> Woken {
    let timeout = timeout
        .map(|timeout| libc::timespec { tv_sec: timeout.as_secs() as i64, tv_nsec: i64::from(timeout.subsec_nanos()) });
    let timeout = timeout.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: sigset_t and siginfo_t are plain numbers; all zero is a value of either, of the first the empty set.
    let (mut set, mut info): (libc::sigset_t, libc::siginfo_t) = unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
    for signal in [libc::SIGCHLD, END] {
        // SAFETY: the set outlives the call.
        unsafe { libc::sigaddset(&raw mut set, signal) };
    }
    // SAFETY: the set, the timeout (or null) and the siginfo outlive the call.
    let signal = unsafe { libc::sigtimedwait(&raw const set, &raw mut info, timeout) };
    // SAFETY: for these two signals the kernel fills in a pid.
    let from_outside = info.si_code == libc::SI_USER && unsafe { info.si_pid() } == 0;
    let from_outside = from_outside || crate::without::layer("sender");
    match signal {
        libc::SIGCHLD => Woken::Child,
        END if from_outside => Woken::ToldToEnd,
        _ => Woken::Nothing,
    }
}

/// Takes ownership of a descriptor that the kernel has just given to this process (SCM_RIGHTS).
pub fn adopt(fd: RawFd) -> OwnedFd {
    // SAFETY: recvmsg(2) made this number for the caller, and nix hands it out once.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// rt_sigaction(2) for every signal: the default action. What is ignored execve(2) would keep ignored, the two signals that libc
/// keeps for itself too, which its own sigaction(2) refuses to touch.
pub fn reset_signals() -> Result<()> {
    const SIGNALS: std::ops::RangeInclusive<libc::c_int> = 1..=64;
    SIGNALS.filter(|signal| ![libc::SIGKILL, libc::SIGSTOP].contains(signal)).try_for_each(set_default)
}

/// rt_sigaction(2) for SIGCHLD: while a caller's SIG_IGN is in force, which execve(2) keeps, children are reaped by nobody and
/// waitpid(2) finds none.
pub fn wait_for_children() -> Result<()> {
    set_default(libc::SIGCHLD)
}

fn set_default(signal: libc::c_int) -> Result<()> {
    // struct kernel_sigaction: SIG_DFL, no flags, no restorer, an empty mask.
    let (default, none) = ([0u64; 4], std::ptr::null::<u64>());
    // SAFETY: the action outlives the call and is no function, so no code of ours runs in a signal handler.
    Errno::result(unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, default.as_ptr(), none, size_of::<u64>()) })
        .map(drop)
}

/// Clears FD_CLOEXEC of a descriptor that the profile hands to the command by number.
pub fn keep_across_exec(fd: RawFd) -> Result<()> {
    // SAFETY: F_SETFD touches no memory.
    Errno::result(unsafe { libc::fcntl(fd, libc::F_SETFD, 0) }).map(drop)
}

/// _exit(2): no destructor and no exit handler of the process that this one was cloned from.
pub fn exit_now(code: i32) -> ! {
    // SAFETY: ends the process without touching memory.
    unsafe { libc::_exit(code) }
}

/// If the process behind the pidfd dies, so does this one, its child: PR_SET_PDEATHSIG(2const), and a look whether it is dead already.
///
/// After the last change of ids, which clears the signal. ESRCH if it is gone: its pid would not tell, being 0 in a new PID namespace.
pub fn tie_to(parent: impl AsFd) -> Result<()> {
    if crate::without::layer("tie") {
        return Ok(());
    }
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
    let mut parent = [PollFd::new(parent.as_fd(), PollFlags::POLLIN)];
    match poll(&mut parent, PollTimeout::ZERO)? {
        0 => Ok(()),
        _ => Err(Errno::ESRCH),
    }
}

/// The life of a helper that only holds a namespace: tied to its parent like init, until it is killed.
pub fn wait_to_be_killed(parent: impl AsFd) -> ! {
    if tie_to(&parent).is_ok() {
        let _ = poll(&mut [PollFd::new(parent.as_fd(), PollFlags::POLLIN)], PollTimeout::NONE);
    }
    exit_now(0)
}
