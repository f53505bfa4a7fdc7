//! The caller: his descriptors, his terminal, his environment.

use super::baits::{Baits, LOG_START, VARIABLE};
use super::files::open_any;
use super::probe::{Answer, Granted, Probe, held, none_of, not_tried, through};
use crate::plan::SeccompPolicy;
use crate::sys::descriptor::is_inherited;
use crate::sys::probe::{Arg, call};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::libc;
use nix::sys::stat::{Mode, SFlag, fstat};
use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
use nix::sys::uio::{pread, pwrite};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

/// In this order.
pub const PROBES: &[Probe] = &[
    Probe::new(
        "descriptors",
        "No descriptor of the caller's",
        "fcntl(2) of the numbers 3 to 1023, of which the caller left some open",
        |_| none_of((3..1024).filter(|fd| is_inherited(*fd)).map(|fd| fd.to_string()).collect(), "none is open"),
    )
    .unless(|granted| {
        let passed = |number: &String| granted.plan.pass_fds.iter().any(|fd| fd.to_string() == *number);
        granted.through.iter().all(passed).then(|| "pass_fds".into())
    }),
    Probe::new(
        "stdin-file",
        "A file on stdin cannot be written through it",
        "write(2) to descriptor 0, and to /proc/self/fd/0 reopened; is the file as it was?",
        stdin,
    ),
    Probe::new(
        "stdout-log",
        "A log on stdout cannot be read, or written elsewhere than at its end",
        "pread(2) and pwrite(2) of descriptor 1, O_APPEND taken off, and of /proc/self/fd/1 reopened",
        stdout,
    ),
    Probe::new(
        "terminal",
        "The caller's terminal is not held",
        "open(2) of /dev/tty, to write and type (TIOCSTI) there; did anything come?",
        terminal,
    )
    .unless(|granted| super::files::shown_by(granted, granted.baits.terminal.as_deref()?)),
    Probe::new(
        "terminal-by-name",
        "No other terminal of the user's is there",
        "open(2) of the terminal by its name below /dev/pts",
        |baits| match &baits.terminal {
            None => not_tried("the host has no pseudo-terminals"),
            Some(path) => open_any([path.clone()]),
        },
    ),
    Probe::new(
        "terminal-settings",
        "The caller's terminal is left as it was",
        "to change its settings (termios(3)) by /dev/tty, and O_NONBLOCK of descriptor 0; are they the same, outside?",
        terminal_settings,
    ),
    Probe::new(
        "typing",
        "Nothing is typed into a terminal",
        "ioctl(2) TIOCSTI and TIOCLINUX on descriptor 0, with high bits in the command too",
        typing,
    )
    .unless(|granted| match granted.plan.seccomp.policy {
        SeccompPolicy::Off => Some("seccomp.policy: off".into()),
        _ => granted.plan.seccomp.allow.iter().any(|call| call == "ioctl").then(|| "seccomp.allow: ioctl".into()),
    }),
    Probe::new(
        "environment",
        "Variables that were not named are not there",
        "a canary in the caller's environment, by getenv(3)",
        |baits| match std::env::var_os(VARIABLE) {
            Some(value) if value == *baits.canary => through(VARIABLE),
            _ => held("it is not there"),
        },
    )
    .unless(keeps_the_variable),
    Probe::new(
        "environment-of-processes",
        "The caller's environment cannot be read through another process",
        "the same canary in /proc/PID/environ of every process",
        |baits| super::processes::canary_in("environ", baits),
    )
    .unless(keeps_the_variable),
    Probe::new(
        "working-directory",
        "The working directory is inside",
        "getcwd(2), and whether the path that it gives leads to the same directory",
        working_directory,
    ),
];

fn keeps_the_variable(granted: &Granted) -> Option<String> {
    let kept = granted.plan.environment.variables.iter().any(|(name, _)| name == VARIABLE);
    kept.then(|| "environment.keep".into())
}

fn is_file(fd: impl AsFd) -> bool {
    fstat(fd).is_ok_and(|stat| SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == SFlag::S_IFREG)
}

fn reopened(number: i32, flags: OFlag) -> nix::Result<OwnedFd> {
    open(&*format!("/proc/self/fd/{number}"), flags | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK, Mode::empty())
}

fn stdin(_: &Baits) -> Answer {
    let mut written = Vec::new();
    if nix::unistd::write(std::io::stdin(), b"").is_ok() && is_file(std::io::stdin()) {
        written.push("descriptor 0".to_owned());
    }
    if reopened(0, OFlag::O_WRONLY).is_ok_and(|file| is_file(&file) && pwrite(&file, b"{", 0).is_ok()) {
        written.push("/proc/self/fd/0".to_owned());
    }
    none_of(written, "what is there is no file of the caller's")
}

fn stdout(_: &Baits) -> Answer {
    let mut done = Vec::new();
    let start = &LOG_START.as_bytes()[..1];
    let mut byte = [0];
    if pread(std::io::stdout(), &mut byte, 0).is_ok() {
        done.push("pread".to_owned());
    }
    if is_file(std::io::stdout()) {
        let flags = call(libc::SYS_fcntl, &[Arg::Number(1), Arg::Number(libc::F_GETFL)]).unwrap_or(0) as i32;
        let set = |flags| call(libc::SYS_fcntl, &[Arg::Number(1), Arg::Number(libc::F_SETFL), Arg::Number(flags)]);
        if set(flags & !libc::O_APPEND).is_ok() && pwrite(std::io::stdout(), start, 0).is_ok() {
            done.push("pwrite".to_owned());
        }
        let _ = set(flags);
    }
    if reopened(1, OFlag::O_RDONLY).is_ok_and(|file| is_file(&file) && pread(&file, &mut byte, 0) == Ok(1)) {
        done.push("/proc/self/fd/1".to_owned());
    }
    none_of(done, "what is there is no file of the caller's")
}

fn terminal(baits: &Baits) -> Answer {
    if baits.terminal.is_none() {
        return not_tried("the host has no pseudo-terminals");
    }
    match open("/dev/tty", OFlag::O_RDWR | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC, Mode::empty()) {
        Err(errno) => held(format_args!("/dev/tty is {errno:?}")),
        Ok(tty) => {
            let typed = call(libc::SYS_ioctl, &[Arg::Number(tty.as_raw_fd()), Arg::Number(0x5412), Arg::Bytes(b"x")]);
            let written = nix::unistd::write(&tty, b"x");
            Answer::Through(
                [("open", true), ("TIOCSTI", typed.is_ok()), ("write", written.is_ok())]
                    .into_iter()
                    .filter(|(_, done)| *done)
                    .map(|(name, _)| name.to_owned())
                    .collect(),
            )
        }
    }
}

fn terminal_settings(baits: &Baits) -> Answer {
    if baits.terminal.is_none() {
        return not_tried("the host has no pseudo-terminals");
    }
    let _ = fcntl(std::io::stdin(), FcntlArg::F_SETFL(OFlag::O_NONBLOCK));
    let changed =
        open("/dev/tty", OFlag::O_RDWR | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC, Mode::empty()).and_then(|tty| {
            let mut settings = tcgetattr(&tty)?;
            settings.local_flags.toggle(LocalFlags::ECHO);
            tcsetattr(&tty, SetArg::TCSANOW, &settings)
        });
    match changed {
        Ok(()) => through("tcsetattr"),
        Err(errno) => held(format_args!("they are ({errno:?})")),
    }
}

/// On a pipe the kernel itself would say ENOTTY: any answer but the filter's is one of the terminal driver.
fn typing(_: &Baits) -> Answer {
    let commands = [
        ("TIOCSTI", Arg::Number(0x5412)),
        ("TIOCSTI with a high bit", Arg::Wide(0x5412)),
        ("TIOCLINUX", Arg::Number(0x541c)),
        ("TIOCLINUX with a high bit", Arg::Wide(0x541c)),
    ];
    super::calls::refused(commands.map(|(name, command)| {
        (name, move || call(libc::SYS_ioctl, &[Arg::Number(0), command, Arg::Bytes(b"x")]).map(drop))
    }))
}

fn working_directory(_: &Baits) -> Answer {
    let Ok(path) = nix::unistd::getcwd() else { return through("getcwd fails") };
    let identity = |path: &Path| nix::sys::stat::stat(path).map(|stat| (stat.st_dev, stat.st_ino));
    match (path.is_absolute(), identity(&path), identity(Path::new("."))) {
        (true, Ok(by_name), Ok(own)) if by_name == own => held(format_args!("{}", path.display())),
        (_, _, Err(Errno::EACCES)) => not_tried("it cannot be searched"),
        _ => through(path.display()),
    }
}
