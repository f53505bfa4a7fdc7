//! Job control needs a session of one's own: the roles below are started by the tests through setsid(1), on a fresh pty.

#![allow(clippy::zombie_processes, reason = "waitpid(2) reaps them: it also tells of stops")]

use super::*;
use nix::pty::{OpenptyResult, Winsize, openpty};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{setpgid, tcsetpgrp};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

const IN_SESSION: &str = "SANDBOX_TEST_IN_SESSION";

fn pty() -> OpenptyResult {
    openpty(&Winsize { ws_row: 33, ws_col: 77, ws_xpixel: 0, ws_ypixel: 0 }, None).unwrap()
}

fn termios(tty: &impl AsFd) -> nix::libc::termios {
    tcgetattr(tty).unwrap().into()
}

fn has(tty: &impl AsFd, flag: LocalFlags) -> bool {
    tcgetattr(tty).unwrap().local_flags.contains(flag)
}

fn exited(child: &Child) -> WaitStatus {
    waitpid(pid(child), Some(WaitPidFlag::WUNTRACED)).unwrap()
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).unwrap())
}

/// This very program as `role`, without its own words on the terminal.
fn role(program: &mut Command, role: &str) -> Child {
    let name = format!("host::terminal::tests::{role}");
    program.args(["--ignored", "--exact", "--nocapture", "--test-threads=1", &name]).spawn().unwrap()
}

/// `role` as the leader of a new session on `tty`, which is its stdin.
fn in_session(tty: &OwnedFd, name: &str) -> Child {
    let mut setsid = Command::new("setsid");
    setsid.arg("--ctty").arg(std::env::current_exe().unwrap()).env(IN_SESSION, "1");
    setsid.stdin(tty.try_clone().unwrap()).stdout(Stdio::null());
    role(&mut setsid, name)
}

/// The terminal of a role. Run by `--include-ignored` instead, a role would play with the developer's own.
fn stdin() -> OwnedFd {
    assert!(std::env::var_os(IN_SESSION).is_some(), "a role is started by a test");
    std::io::stdin().as_fd().try_clone_to_owned().unwrap()
}

#[test]
fn the_pty_gets_the_callers_size() {
    let (outer, inner) = (pty(), openpty(None, None).unwrap());
    Terminal::new(outer.slave, true).imitate(inner.master.as_fd()).unwrap();
    let size = window_size(inner.slave.as_fd()).unwrap();
    assert_eq!((size.ws_row, size.ws_col), (33, 77));
}

#[test]
fn a_terminal_that_stays_cooked_echoes_alone() {
    let (outer, inner) = (pty(), pty());
    let mut terminal = Terminal::new(outer.slave.try_clone().unwrap(), false);
    let before = termios(&outer.slave);
    terminal.imitate(inner.master.as_fd()).unwrap();
    assert!(terminal.enter().unwrap(), "what is not our controlling terminal may be read");
    assert_eq!(termios(&outer.slave), before);
    assert!(has(&outer.slave, LocalFlags::ECHO) && !has(&inner.slave, LocalFlags::ECHO));
    assert!(has(&inner.slave, LocalFlags::ICANON));
}

#[test]
fn the_foreground_group_inside_is_continued_by_the_number_that_the_master_tells() {
    let inner = pty();
    let tty = || Stdio::from(inner.slave.try_clone().unwrap());
    let mut stopped = Command::new("setsid");
    stopped.args(["--ctty", "sh", "-c", "kill -STOP $$; exit 7"]).stdin(tty()).stdout(tty()).stderr(tty());
    let child = stopped.spawn().unwrap();
    assert_eq!(exited(&child), WaitStatus::Stopped(pid(&child), Signal::SIGSTOP));
    signal_foreground(inner.master.as_fd(), Signal::SIGCONT).unwrap();
    assert_eq!(exited(&child), WaitStatus::Exited(pid(&child), 7));
}

#[test]
fn a_pty_without_a_foreground_group_is_not_signalled_and_neither_are_we() {
    signal_foreground(pty().master.as_fd(), Signal::SIGCONT).unwrap();
    signal_foreground(pty().master.as_fd(), Signal::SIGINT).unwrap();
}

// The command chooses the group, and can let it die: kill(2) of its number would be ESRCH, or reach who has it next.
#[test]
fn a_foreground_group_that_is_gone_is_not_signalled_by_its_number() {
    let inner = pty();
    let tty = || Stdio::from(inner.slave.try_clone().unwrap());
    let script = "import os, signal
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
child = os.fork()
if child == 0:
    os.setpgid(0, 0), os.tcsetpgrp(0, os.getpid()), os._exit(0)
os.waitpid(child, 0), os.kill(os.getpid(), signal.SIGSTOP)";
    let mut command = Command::new("setsid");
    command.args(["--ctty", "python3", "-c", script]).stdin(tty()).stdout(tty()).stderr(tty());
    let child = command.spawn().unwrap();
    assert_eq!(exited(&child), WaitStatus::Stopped(pid(&child), Signal::SIGSTOP));
    let master = inner.master.as_fd();
    assert!(killpg(tcgetpgrp(master).unwrap(), Signal::SIGINT).is_err(), "the group is gone");
    signal_foreground(master, Signal::SIGINT).unwrap();
    kill(pid(&child), Signal::SIGKILL).unwrap();
}

/// The role exits with 0 only if it ran and all it asserts holds: an unknown name would leave the pty unmarked.
fn succeeds(name: &str) {
    let outer = pty();
    let before = termios(&outer.slave);
    let child = in_session(&outer.slave, name);
    assert_eq!(exited(&child), WaitStatus::Exited(pid(&child), 0));
    assert_eq!(window_size(outer.slave.as_fd()).unwrap().ws_row, 1, "the role {name} did not run");
    assert_eq!(termios(&outer.slave), before);
}

fn mark() {
    set_window_size(stdin().as_fd(), &Winsize { ws_row: 1, ws_col: 1, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
}

#[test]
fn termios_are_restored() {
    succeeds("role_foreground");
}

#[test]
#[ignore = "a role, started by a test"]
fn role_foreground() {
    let (tty, inner) = (stdin(), pty());
    let before = termios(&tty);
    let mut terminal = Terminal::new(stdin(), true);
    terminal.imitate(inner.master.as_fd()).unwrap();
    assert!(has(&inner.slave, LocalFlags::ECHO), "with the caller's terminal raw, the pty echoes");
    for _ in 0..2 {
        assert!(terminal.enter().unwrap() && terminal.enter().unwrap());
        assert!(!has(&tty, LocalFlags::ICANON) && !has(&tty, LocalFlags::ECHO) && !has(&tty, LocalFlags::ISIG));
        terminal.leave();
        assert_eq!(termios(&tty), before);
    }
    terminal.enter().unwrap();
    drop(terminal);
    assert_eq!(termios(&tty), before);
    assert_eq!(tcgetpgrp(&tty).unwrap(), getpgrp());
    mark();
}

#[test]
fn termios_are_restored_by_a_panic_before_it_speaks() {
    let outer = pty();
    let before = termios(&outer.slave);
    let child = in_session(&outer.slave, "role_panic");
    assert_eq!(exited(&child), WaitStatus::Exited(pid(&child), 101));
    assert_eq!(termios(&outer.slave), before);
}

#[test]
#[ignore = "a role, started by a test"]
fn role_panic() {
    let mut terminal = Terminal::new(stdin(), true);
    terminal.enter().unwrap();
    // As with `panic = "abort"`, no destructor runs: the hook alone has to do it.
    std::mem::forget(terminal);
    assert!(has(&stdin(), LocalFlags::ICANON), "raw");
}

#[test]
fn in_the_background_nothing_is_set_and_nothing_read() {
    succeeds("role_leader_of_background");
}

#[test]
#[ignore = "a role, started by a test"]
fn role_leader_of_background() {
    let mut itself = Command::new(std::env::current_exe().unwrap());
    let child = role(itself.process_group(0), "role_background");
    assert_eq!(exited(&child), WaitStatus::Exited(pid(&child), 0));
}

#[test]
#[ignore = "a role, started by a test"]
fn role_background() {
    let inner = pty();
    let before = (termios(&stdin()), termios(&inner.slave));
    let mut terminal = Terminal::new(stdin(), true);
    assert_eq!(terminal.standing(), Standing::Background);
    terminal.imitate(inner.master.as_fd()).unwrap();
    assert!(!terminal.enter().unwrap());
    drop(terminal);
    assert_eq!((termios(&stdin()), termios(&inner.slave)), before);
    // A change by the background would stop us, but for this.
    SigSet::from(Signal::SIGTTOU).thread_block().unwrap();
    mark();
}

#[test]
fn ctrl_z_gives_the_terminal_back_stops_us_and_fg_takes_it_again() {
    succeeds("role_shell");
}

/// What a shell does: a job of its own group in the foreground, stopped, continued in the foreground.
#[test]
#[ignore = "a role, started by a test"]
fn role_shell() {
    SigSet::from(Signal::SIGTTOU).thread_block().unwrap();
    let tty = stdin();
    let before = termios(&tty);
    // Blocked in every thread, as in the supervisor, which reads it from a signalfd and has but one.
    let mut itself = Command::new("env");
    itself.arg("--block-signal=TSTP").arg(std::env::current_exe().unwrap());
    let job = role(itself.process_group(0), "role_job");
    let group = pid(&job);
    setpgid(group, group)
        .or_else(|errno| if errno == nix::errno::Errno::EACCES { Ok(()) } else { Err(errno) })
        .unwrap();
    // Started in the background, the job stops itself to be brought to the foreground.
    assert_eq!(exited(&job), WaitStatus::Stopped(group, Signal::SIGSTOP));
    tcsetpgrp(&tty, group).unwrap();
    killpg(group, Signal::SIGCONT).unwrap();

    assert_eq!(exited(&job), WaitStatus::Stopped(group, Signal::SIGTSTP));
    assert_eq!(termios(&tty), before, "given back while stopped");
    tcsetpgrp(&tty, getpgrp()).unwrap();
    tcsetpgrp(&tty, group).unwrap();
    killpg(group, Signal::SIGCONT).unwrap();

    assert_eq!(exited(&job), WaitStatus::Exited(group, 0));
    assert_eq!(termios(&tty), before);
    tcsetpgrp(&tty, getpgrp()).unwrap();
}

#[test]
#[ignore = "a role, started by a test"]
fn role_job() {
    let inner = pty();
    let mut terminal = Terminal::new(stdin(), true);
    assert!(!terminal.enter().unwrap());
    nix::sys::signal::raise(Signal::SIGSTOP).unwrap();
    assert!(terminal.enter().unwrap());
    assert!(terminal.suspend(inner.master.as_fd()).unwrap());
    assert!(!has(&stdin(), LocalFlags::ICANON), "raw again");
    assert!(SigSet::thread_get_mask().unwrap().contains(Signal::SIGTSTP));
    drop(terminal);
    mark();
}

#[test]
fn in_an_orphaned_group_nobody_is_stopped_and_the_command_goes_on() {
    succeeds("role_orphan");
}

#[test]
#[ignore = "a role, started by a test"]
fn role_orphan() {
    let inner = pty();
    let mut terminal = Terminal::new(stdin(), true);
    terminal.enter().unwrap();
    assert!(terminal.suspend(inner.master.as_fd()).unwrap());
    drop(terminal);
    mark();
}
