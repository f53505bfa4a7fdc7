//! Limits: each is reached on purpose, where that costs little.

use super::baits::Baits;
use super::probe::{Answer, Probe, Reply, alone, held, no_room, none_of, not_tried, through};
use super::runs::Runs;
use super::spend::{FLOOD, HOG, MOST_OUTPUT, SLEEP, SPIN};
use crate::sys::probe::{Arg, call};
use crate::sys::process::{self, Cloned};
use nix::errno::Errno;
use nix::libc;
use nix::sys::inotify::{InitFlags, Inotify};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Pid, ftruncate};
use std::fs::{self, File};
use std::io::Read;

/// In this order.
pub const PROBES: &[Probe] = &[
    Probe::new(
        "processes",
        "Processes are counted over the whole run",
        "fork(2), 256 processes at a time at most",
        processes,
    ),
    Probe::new(
        "file-size",
        "A file grows to its limit and no further",
        "ftruncate(2) of a file in memory to one byte more",
        |baits| {
            beyond(baits.limits.file_size, &[Reply::Errno(Errno::EFBIG), Reply::Killed(libc::SIGXFSZ)], |limit| {
                let file = memfd_create("x", MFdFlags::MFD_CLOEXEC)?;
                ftruncate(file, i64::try_from(limit.saturating_add(1)).map_err(|_| Errno::EOVERFLOW)?)
            })
        },
    ),
    Probe::new(
        "open-files",
        "Descriptors are counted",
        "fcntl(2) F_DUPFD onto the number that is one too many",
        |baits| {
            beyond(baits.limits.open_files, &[Reply::Errno(Errno::EINVAL)], |limit| {
                let number = i32::try_from(limit).map_err(|_| Errno::EOVERFLOW)?;
                call(libc::SYS_fcntl, &[Arg::Number(0), Arg::Number(libc::F_DUPFD), Arg::Number(number)]).map(drop)
            })
        },
    ),
    Probe::new(
        "address-space",
        "The address space of a process has a limit",
        "to reserve as many bytes, in pieces",
        address_space,
    ),
    Probe::new(
        "core",
        "No core file is written, and no helper of the host's started for one",
        "SIGABRT to a process of its own: was there a core?",
        core,
    )
    .unless(|granted| (granted.plan.limits.core > 0).then(|| "limits.core".into())),
    Probe::new(
        "hard-limits",
        "No limit is raised again",
        "setrlimit(2) above the hard limit, of each resource that has one",
        hard_limits,
    )
    .unless(|granted| {
        let kept = granted.plan.capabilities.contains(&caps::Capability::CAP_SYS_RESOURCE);
        kept.then(|| "capabilities: CAP_SYS_RESOURCE".into())
    }),
    Probe::new(
        "watchers",
        "Half of the user's inotify instances are left to the caller",
        "inotify_init1(2), to one more than that",
        watchers,
    ),
    Probe::by_run(
        "memory",
        "Memory is counted over the whole run",
        "a run that takes 64 MiB more than the limit, in two processes",
        |runs| {
            let Some(limit) = runs.plan().limits.memory else { return nothing_to_reach() };
            if limit > MOST_MEMORY {
                return not_tried(format_args!("the limit is {} MiB: the attempt takes 1 GiB at most", limit >> 20));
            }
            if !runs.has_cgroup {
                return not_tried("the run had no cgroup: nothing would stop it from taking the host's memory");
            }
            runs.ends(&format!("{HOG}={}", limit + (64 << 20)), "out-of-memory")
        },
    ),
    Probe::by_run(
        "cpu-time",
        "CPU time ends all of the run",
        "a run that computes past the limit, in two processes",
        |runs| within_patience(runs, runs.plan().limits.cpu_time, SPIN, "cpu-timeout"),
    ),
    Probe::by_run("wall-time", "Time ends all of the run", "a run that sleeps past the limit", |runs| {
        within_patience(runs, runs.plan().limits.wall_time, SLEEP, "wall-timeout")
    }),
    Probe::by_run("output", "Output ends all of the run", "a run that writes more than the limit", |runs| {
        let Some(limit) = runs.plan().limits.output else { return nothing_to_reach() };
        if limit > MOST_OUTPUT {
            return not_tried(format_args!("the limit is {} MiB: the attempt writes 256 MiB at most", limit >> 20));
        }
        runs.ends(FLOOD, "output-limit")
    }),
];

/// As many as the attempt makes at most: it is a guest on this host.
const MOST: usize = 256;

fn processes(baits: &Baits) -> Answer {
    if baits.is_bare {
        return not_tried("outside a sandbox they would be counted with all of the user's");
    }
    if baits.limits.pids.is_none() {
        return nothing_to_reach();
    }
    if let Some(limit) = baits.limits.pids.filter(|limit| *limit > MOST as u64) {
        return not_tried(format_args!("the limit is {limit}, and the attempt makes at most {MOST} processes"));
    }
    let mut children: Vec<Pid> = Vec::new();
    let mut refused = None;
    while children.len() < MOST && refused.is_none() {
        match process::fork_with_pidfd() {
            Ok(Cloned::Child) => loop {
                nix::unistd::pause();
            },
            Ok(Cloned::Parent(pid, _)) => children.push(pid),
            Err(errno) => refused = Some(errno),
        }
    }
    for child in &children {
        let _ = kill(*child, Signal::SIGKILL);
        let _ = waitpid(*child, None);
    }
    match refused {
        // With the two that make the attempt.
        Some(Errno::EAGAIN) => counted(children.len() as u64 + 2, baits.limits.pids),
        Some(errno) => not_tried(format_args!("fork failed for another reason: {errno:?}")),
        None => through(format_args!("{MOST} and more")),
    }
}

/// Refused is not enough: it may have been another limit, nearer or further away. PID 1 and what starts it may count too.
fn counted(processes: u64, limit: Option<u64>) -> Answer {
    let left = limit.and_then(|limit| limit.checked_sub(processes));
    match left {
        Some(..=3) => held(format_args!("{processes} at a time")),
        Some(_) => not_tried(format_args!("another limit came first: {processes} at a time")),
        None => through(format_args!("{processes} at a time")),
    }
}

/// One more than a limit of the plan, in a process of its own, which a signal may end; any other reply is not the limit's.
fn beyond(limit: Option<u64>, of_the_limit: &[Reply], attempt: impl FnOnce(u64) -> nix::Result<()>) -> Answer {
    let Some(limit) = limit else { return nothing_to_reach() };
    match alone(|| attempt(limit)) {
        Err(errno) => no_room(errno),
        Ok(Reply::Done) => through(format_args!("more than {limit}")),
        Ok(reply) if of_the_limit.contains(&reply) => held(format_args!("{reply} beyond {limit}")),
        Ok(reply) => not_tried(format_args!("it failed for another reason: {reply}")),
    }
}

/// In pieces, for what is larger than the host's memory the kernel refuses without any limit: proc_sys_vm(5), overcommit_memory.
fn address_space(baits: &Baits) -> Answer {
    const PIECES: usize = 64;
    let Some(limit) = baits.limits.address_space else { return nothing_to_reach() };
    let Ok(piece) = usize::try_from(limit / PIECES as u64) else { return not_tried("no process has so much") };
    let mut pieces: Vec<Vec<u8>> = Vec::with_capacity(PIECES + 1);
    while pieces.len() <= PIECES {
        let mut next = Vec::new();
        if next.try_reserve_exact(piece).is_err() {
            let used = used_address_space();
            return match used + 2 * piece as u64 > limit {
                true => held(format_args!("ENOMEM after {used} of {limit}")),
                false => not_tried(format_args!("another limit came first: ENOMEM after {used} of {limit}")),
            };
        }
        pieces.push(std::hint::black_box(next));
    }
    through(format_args!("more than {limit}"))
}

/// proc_pid_statm(5): bytes; no heap is needed to tell them.
fn used_address_space() -> u64 {
    let mut text = [0; 64];
    let length = File::open("/proc/self/statm").and_then(|mut file| file.read(&mut text)).unwrap_or(0);
    let pages = text[..length].split(|byte| *byte == b' ').next().and_then(|pages| str::from_utf8(pages).ok());
    pages.and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096
}

fn core(baits: &Baits) -> Answer {
    if baits.is_bare {
        return not_tried("outside a sandbox it would stay behind");
    }
    match process::fork_with_pidfd() {
        Err(errno) => no_room(errno),
        Ok(Cloned::Child) => {
            // Where it could be written.
            let _ = nix::unistd::chdir("/tmp");
            let _ = nix::sys::signal::raise(Signal::SIGABRT);
            process::exit_now(0)
        }
        Ok(Cloned::Parent(pid, _)) => match waitpid(pid, None) {
            Ok(WaitStatus::Signaled(_, _, true)) => through("the kernel says so"),
            Ok(WaitStatus::Signaled(_, _, false)) => held("none"),
            answer => not_tried(format_args!("it did not die of it: {answer:?}")),
        },
    }
}

fn hard_limits(_: &Baits) -> Answer {
    use Resource::{RLIMIT_AS, RLIMIT_CORE, RLIMIT_FSIZE, RLIMIT_MEMLOCK, RLIMIT_NOFILE, RLIMIT_NPROC, RLIMIT_STACK};
    let all = [RLIMIT_AS, RLIMIT_CORE, RLIMIT_FSIZE, RLIMIT_MEMLOCK, RLIMIT_NOFILE, RLIMIT_NPROC, RLIMIT_STACK];
    let limited = all.into_iter().filter_map(|resource| {
        let (soft, hard) = getrlimit(resource).ok()?;
        (hard != RLIM_INFINITY).then_some((resource, soft, hard))
    });
    let (mut raised, mut count) = (vec![], 0);
    for (resource, soft, hard) in limited {
        count += 1;
        // What getrlimit says then counts: of RLIMIT_CORE the filter only says that it was set.
        let raise = || {
            setrlimit(resource, soft, hard + 1)?;
            getrlimit(resource).and_then(|(_, now)| if now > hard { Ok(()) } else { Err(Errno::EPERM) })
        };
        match alone(raise) {
            Err(errno) => return no_room(errno),
            Ok(Reply::Done) => raised.push(format!("{resource:?}")),
            Ok(_) => {}
        }
    }
    none_of(raised, format_args!("none of {count}"))
}

/// inotify(7): they are counted per user, whatever namespace he is in.
fn watchers(baits: &Baits) -> Answer {
    if baits.is_bare {
        return not_tried("outside a sandbox they would be the caller's own");
    }
    // What the namespace allows: namespaces(7). Fewer are the host's refusal, or that of RLIMIT_NOFILE.
    let quota =
        fs::read_to_string("/proc/sys/user/max_inotify_instances").ok().and_then(|text| text.trim().parse().ok());
    let mut all = Vec::new();
    // The sandbox leaves 64, which is half of what most hosts allow.
    let most = (baits.inotify_instances / 2).max(64);
    let refused = loop {
        match Inotify::init(InitFlags::IN_CLOEXEC) {
            Ok(instance) => all.push(instance),
            Err(errno) => break errno,
        }
        if all.len() as u64 > most {
            return through(format_args!("{} of {}", all.len(), baits.inotify_instances));
        }
    };
    match refused {
        Errno::EMFILE if quota != Some(all.len()) => {
            not_tried(format_args!("another limit came first: EMFILE after {}", all.len()))
        }
        Errno::EMFILE | Errno::ENOSYS | Errno::EPERM => held(format_args!("{refused:?} after {}", all.len())),
        errno => not_tried(format_args!("inotify_init1 failed for another reason: {errno:?}")),
    }
}

const MOST_MEMORY: u64 = 900 << 20;
/// Microseconds.
const MOST_TIME: u64 = 3_000_000;

fn nothing_to_reach() -> Answer {
    not_tried("the profile sets no limit")
}

fn within_patience(runs: &Runs, limit: Option<u64>, word: &str, status: &str) -> Answer {
    match limit.map(|limit| limit.saturating_add(runs.plan().limits.extra_time)) {
        None => nothing_to_reach(),
        Some(limit) if limit > MOST_TIME => {
            not_tried(format_args!("the limit is {} s: the attempt takes 3 s at most", limit / 1_000_000))
        }
        Some(_) => runs.ends(word, status),
    }
}
