//! Limits: each is reached on purpose, where that costs little.

use super::baits::Baits;
use super::probe::{Answer, Granted, Probe, Reply, alone, held, no_room, none_of, not_tried, through};
use super::runs::Runs;
use crate::plan::Enforcement;
use crate::sys::probe::{Arg, call};
use crate::sys::process::{self, Cloned};
use nix::errno::Errno;
use nix::libc;
use nix::sys::inotify::{InitFlags, Inotify};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Pid, alarm, ftruncate};
use std::time::{Duration, Instant};

/// In this order.
pub const PROBES: &[Probe] = &[
    Probe::new(
        "processes",
        "Processes are counted over the whole run",
        "fork(2), up to 256 processes at a time",
        processes,
    )
    .unless(|granted| is_open(granted, "pids", granted.plan.limits.pids)),
    Probe::new(
        "file-size",
        "A file grows to its limit and no further",
        "ftruncate(2) of a file in memory to one byte more",
        |_| {
            beyond(Resource::RLIMIT_FSIZE, |limit| {
                let file = memfd_create("x", MFdFlags::MFD_CLOEXEC)?;
                ftruncate(file, i64::try_from(limit.saturating_add(1)).map_err(|_| Errno::EFBIG)?)
            })
        },
    )
    .unless(|granted| is_open(granted, "file_size", granted.plan.limits.file_size)),
    Probe::new(
        "open-files",
        "Descriptors are counted",
        "fcntl(2) F_DUPFD onto the number that is one too many",
        |_| {
            beyond(Resource::RLIMIT_NOFILE, |limit| {
                let number = i32::try_from(limit).map_err(|_| Errno::EINVAL)?;
                call(libc::SYS_fcntl, &[Arg::Number(0), Arg::Number(libc::F_DUPFD), Arg::Number(number)]).map(drop)
            })
        },
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
        "inotify_init1(2), up to 512 instances",
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
            runs.ends(&format!("{HOG}={}", limit + (64 << 20)), "out-of-memory")
        },
    )
    .unless(|granted| {
        let is_preferred = granted.plan.cgroup.mode == Enforcement::Prefer;
        is_open(granted, "memory", granted.plan.limits.memory)
            .or_else(|| is_preferred.then(|| "cgroup.mode: prefer".into()))
    }),
    Probe::by_run(
        "cpu-time",
        "CPU time ends all of the run",
        "a run that computes past the limit, in two processes",
        |runs| within_patience(runs, runs.plan().limits.cpu_time, SPIN, "cpu-timeout"),
    )
    .unless(|granted| is_open(granted, "cpu_time", granted.plan.limits.cpu_time)),
    Probe::by_run("wall-time", "Time ends all of the run", "a run that sleeps past the limit", |runs| {
        within_patience(runs, runs.plan().limits.wall_time, SLEEP, "wall-timeout")
    })
    .unless(|granted| is_open(granted, "wall_time", granted.plan.limits.wall_time)),
    Probe::by_run("output", "Output ends all of the run", "a run that writes more than the limit", |runs| {
        let Some(limit) = runs.plan().limits.output else { return nothing_to_reach() };
        if limit > MOST_OUTPUT {
            return not_tried(format_args!("the limit is {} MiB: the attempt writes 256 MiB at most", limit >> 20));
        }
        runs.ends(FLOOD, "output-limit")
    })
    .unless(|granted| is_open(granted, "output", granted.plan.limits.output)),
];

fn is_open(_: &Granted, name: &str, limit: Option<u64>) -> Option<String> {
    limit.is_none_or(|limit| limit == RLIM_INFINITY).then(|| format!("limits.{name}: unlimited"))
}

/// As many as the attempt makes at most: it is a guest on this host.
const MOST: usize = 256;

fn processes(baits: &Baits) -> Answer {
    if baits.is_bare {
        return not_tried("outside a sandbox they would be counted with all of the user's");
    }
    if let Some(limit) = baits.pids.filter(|limit| *limit > MOST as u64) {
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
        Some(Errno::EAGAIN) => held(format_args!("{} at a time", children.len() + 2)),
        Some(errno) => not_tried(format_args!("fork failed for another reason: {errno:?}")),
        None => through(format_args!("{MOST} and more")),
    }
}

/// One more than a limit of setrlimit(2), in a process of its own, which a signal may end.
fn beyond(resource: Resource, attempt: impl FnOnce(u64) -> nix::Result<()>) -> Answer {
    let limit = match getrlimit(resource) {
        Ok((RLIM_INFINITY, _)) => return through("there is no limit"),
        Ok((soft, _)) => soft,
        Err(errno) => return not_tried(format_args!("the limit cannot be read: {errno:?}")),
    };
    match alone(|| attempt(limit)) {
        Err(errno) => no_room(errno),
        Ok(Reply::Done) => through(format_args!("more than {limit}")),
        Ok(reply) => held(format_args!("{reply} beyond {limit}")),
    }
}

fn core(baits: &Baits) -> Answer {
    if baits.is_bare {
        return not_tried("outside a sandbox it would stay behind");
    }
    match process::fork_with_pidfd() {
        Err(errno) => no_room(errno),
        Ok(Cloned::Child) => {
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
        match alone(|| setrlimit(resource, soft, hard + 1)) {
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
    let mut all = Vec::new();
    let refused = loop {
        match Inotify::init(InitFlags::IN_CLOEXEC) {
            Ok(instance) if all.len() < 512 => all.push(instance),
            Ok(_) => return through("512 and more"),
            Err(errno) => break errno,
        }
    };
    match refused {
        Errno::EMFILE | Errno::ENOSYS | Errno::EPERM => held(format_args!("{refused:?} after {}", all.len())),
        errno => not_tried(format_args!("inotify_init1 failed for another reason: {errno:?}")),
    }
}

const MOST_MEMORY: u64 = 900 << 20;
const MOST_OUTPUT: u64 = 256 << 20;
/// Microseconds.
const MOST_TIME: u64 = 3_000_000;

/// Words with which further runs reach a limit.
const HOG: &str = "hog";
const SPIN: &str = "spin";
const SLEEP: &str = "sleep";
const FLOOD: &str = "flood";

/// What the profile does not limit has got through, without a try.
fn nothing_to_reach() -> Answer {
    through("there is no limit")
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

/// All that such a run does; none if the word is no limit's.
pub(super) fn reach(word: &str) -> Option<u8> {
    let limit: Box<dyn FnOnce()> = match word.split_once('=') {
        Some((HOG, bytes)) => {
            let bytes = bytes.parse().ok()?;
            Box::new(move || hog(bytes))
        }
        _ if word == SPIN => Box::new(spin),
        _ if word == SLEEP => Box::new(|| std::thread::sleep(LONG)),
        _ if word == FLOOD => Box::new(flood),
        _ => return None,
    };
    alarm::set(20);
    limit();
    Some(0)
}

/// Longer than any limit that is tried.
const LONG: Duration = Duration::from_secs(15);

/// Half each, touched, and held until both have theirs.
fn hog(bytes: u64) {
    let half = usize::try_from(bytes / 2).unwrap_or(0);
    let take = || {
        let mut memory = vec![1u8; half];
        memory.iter_mut().step_by(4096).for_each(|byte| *byte = byte.wrapping_add(1));
        memory
    };
    match process::fork_with_pidfd() {
        Ok(Cloned::Child) => {
            let _memory = take();
            nix::unistd::pause();
        }
        Ok(Cloned::Parent(..)) => {
            let _memory = take();
            std::thread::sleep(Duration::from_millis(500));
        }
        Err(_) => {}
    }
}

fn spin() {
    let _ = process::fork_with_pidfd();
    let start = Instant::now();
    while start.elapsed() < LONG {}
}

fn flood() {
    use std::io::Write;
    let block = vec![b'x'; 1 << 16];
    for _ in 0..=(MOST_OUTPUT >> 16) {
        if std::io::stdout().write_all(&block).is_err() {
            return;
        }
    }
}
