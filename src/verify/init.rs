//! PID 1 inside, which shares its user with the command: closed, and out of its reach.

use super::baits::Baits;
use super::files::errno;
use super::probe::{Answer, Probe, Reply, alone, held, no_room, none_but, none_of, not_tried, told};
use crate::sys::probe::{Arg, call};
use crate::sys::process;
use nix::errno::Errno;
use nix::libc;
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::signal::{Signal, kill};
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::Pid;
use std::fs;
use std::io::IoSliceMut;

/// In this order.
pub const PROBES: &[Probe] = &[
    Probe::new(
        "init-files",
        "PID 1 inside cannot be read",
        "its environ, mem, maps, auxv, exe, root, cwd and fd in /proc/1",
        init_files,
    ),
    Probe::new(
        "init-traced",
        "PID 1 inside cannot be traced",
        "ptrace(2), process_vm_readv(2) and pidfd_getfd(2) of PID 1",
        init_traced,
    ),
    Probe::new(
        "init-changed",
        "PID 1 inside cannot be changed",
        "prlimit(2), setpriority(2), sched_setaffinity(2) and sched_setscheduler(2) of PID 1, to what it has",
        init_changed,
    )
    .unless(|granted| {
        use crate::plan::SeccompPolicy::Off;
        match granted.plan.seccomp.policy {
            Off => Some("seccomp.policy: off".into()),
            _ => super::calls::allowed_by_name(granted),
        }
    }),
    Probe::new(
        "init-killed",
        "PID 1 inside cannot be killed",
        "SIGKILL, SIGSTOP, SIGTERM and SIGCHLD to it",
        |baits| {
            if baits.is_bare {
                return not_tried("PID 1 is the host's here");
            }
            use Signal::{SIGCHLD, SIGKILL, SIGSTOP, SIGTERM};
            let replies = [SIGKILL, SIGSTOP, SIGTERM, SIGCHLD].map(|signal| kill(Pid::from_raw(1), signal));
            let refused = told(replies.into_iter().filter_map(Result::err).collect());
            // Who reads this, PID 1 lives: with it the probe would have died.
            held(if refused.is_empty() { "it lives".into() } else { format!("it lives ({refused})") })
        },
    ),
];

fn init_files(_: &Baits) -> Answer {
    let (mut read, mut refused) = (vec![], vec![]);
    for name in ["environ", "mem", "maps", "auxv"] {
        match fs::File::open(format!("/proc/1/{name}")) {
            Ok(_) => read.push(name.to_owned()),
            Err(error) => refused.push(errno(&error)),
        }
    }
    for name in ["exe", "root", "cwd"] {
        match fs::read_link(format!("/proc/1/{name}")) {
            Ok(_) => read.push(name.to_owned()),
            Err(error) => refused.push(errno(&error)),
        }
    }
    match fs::read_dir("/proc/1/fd").and_then(|mut fds| fds.next().transpose()) {
        Ok(Some(_)) => read.push("fd".to_owned()),
        Ok(None) => {}
        Err(error) => refused.push(errno(&error)),
    }
    none_but(read, refused)
}

fn init_traced(baits: &Baits) -> Answer {
    if baits.is_bare {
        return not_tried("PID 1 is the host's here");
    }
    const PTRACE_SEIZE: i32 = 0x4206;
    let init = Arg::Number(1);
    let traced = alone(|| call(libc::SYS_ptrace, &[Arg::Number(PTRACE_SEIZE), init]).map(drop));
    let memory = alone(|| {
        let remote = [RemoteIoVec { base: 4096, len: 1 }];
        match process_vm_readv(Pid::from_raw(1), &mut [IoSliceMut::new(&mut [0])], &remote) {
            // It let us in, and there is nothing at that address.
            Err(Errno::EFAULT) => Ok(()),
            answer => answer.map(drop),
        }
    });
    let descriptor = alone(|| {
        let init = process::pidfd_open(Pid::from_raw(1))?;
        let init = Arg::Number(std::os::fd::AsRawFd::as_raw_fd(&init));
        match call(libc::SYS_pidfd_getfd, &[init, Arg::Number(999_999), Arg::Number(0)]) {
            // It looked, and there is no such descriptor.
            Err(Errno::EBADF) => Ok(()),
            answer => answer.map(drop),
        }
    });
    let all = [("ptrace", traced), ("process_vm_readv", memory), ("pidfd_getfd", descriptor)];
    replies(all)
}

/// To what it has already: nothing changes, wherever it succeeds.
fn init_changed(baits: &Baits) -> Answer {
    if baits.is_bare {
        return not_tried("PID 1 is the host's here");
    }
    let (soft, hard) = getrlimit(Resource::RLIMIT_CORE).unwrap_or((0, 0));
    let limit = [soft.to_ne_bytes(), hard.to_ne_bytes()].concat();
    let (init, number) = (Arg::Number(1), Arg::Number);
    let limited = alone(|| call(libc::SYS_prlimit64, &[init, number(4), Arg::Bytes(&limit), number(0)]).map(drop));
    let nice = alone(|| call(libc::SYS_setpriority, &[number(0), init, number(0)]).map(drop));
    let mask = Arg::Bytes(&[0xff; 128]);
    let bound = alone(|| call(libc::SYS_sched_setaffinity, &[init, number(128), mask]).map(drop));
    let schedule = alone(|| call(libc::SYS_sched_setscheduler, &[init, number(0), Arg::Bytes(&[0; 4])]).map(drop));
    replies([
        ("prlimit", limited),
        ("setpriority", nice),
        ("sched_setaffinity", bound),
        ("sched_setscheduler", schedule),
    ])
}

/// Names what succeeded in a process of its own.
fn replies<const N: usize>(all: [(&str, nix::Result<Reply>); N]) -> Answer {
    let (mut done, mut refused) = (vec![], vec![]);
    for (name, reply) in all {
        match reply {
            Err(errno) => return no_room(errno),
            Ok(Reply::Done) => done.push(name.to_owned()),
            Ok(reply) => refused.push(reply.to_string()),
        }
    }
    refused.dedup();
    none_of(done, refused.join(", "))
}
