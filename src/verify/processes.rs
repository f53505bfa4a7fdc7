//! Processes: none of the host's is there, PID 1 is closed, and the caller's process group is another.

use super::baits::Baits;
use super::files::{errno, processes};
use super::probe::{Answer, Probe, Reply, alone, cut_short, held, is_want, no_room, none_of, not_tried, through, told};
use super::runs::Runs;
use crate::plan::NetworkMode;
use crate::sys::probe::{Arg, call};
use crate::sys::process::{self, Cloned};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::{Pid, alarm, close, getppid, setsid};
use std::fs;
use std::io::{IoSliceMut, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// In this order.
pub const PROBES: &[Probe] = &[
    Probe::new(
        "namespaces",
        "Every namespace but that of time is the sandbox's own",
        "readlink(2) of /proc/self/ns: user, mnt, pid, net, uts, ipc, cgroup, beside the host's",
        namespaces,
    )
    .unless(|granted| {
        let only_network = granted.through.iter().all(|kind| kind == "net");
        (only_network && granted.plan.network == NetworkMode::Host).then(|| "network.mode: host".into())
    }),
    Probe::new(
        "processes-seen",
        "No process of the host is seen",
        "to find in /proc any process but PID 1 and the probes",
        |_| {
            let own = [1, std::process::id() as i32, getppid().as_raw()].map(|pid| format!("/proc/{pid}"));
            let (known, other): (Vec<String>, Vec<String>) =
                processes().map(|path| path.display().to_string()).partition(|path| own.contains(path));
            if known.is_empty() { not_tried("/proc cannot be listed") } else { none_of(other, "none") }
        },
    ),
    Probe::new(
        "process-signalled",
        "No process of the host is signalled",
        "kill(2), tgkill(2) and pidfd_send_signal(2) to a process of the caller's; did it come?",
        signal,
    ),
    Probe::new(
        "process-group-signalled",
        "The caller's process group is not signalled",
        "kill(2) to process group 0 and to the caller's; did it come?",
        |baits| {
            let replies = [Pid::from_raw(0), Pid::from_raw(-baits.victim)].map(|to| kill(to, Signal::SIGWINCH));
            held(format_args!("it did not come ({})", told(replies.into_iter().filter_map(Result::err).collect())))
        },
    ),
    Probe::new(
        "process-group-priority",
        "The caller's priority is not changed",
        "setpriority(2) and ioprio_set(2) of process group 0 and of the caller; is his as it was?",
        |baits| {
            const IDLE: i32 = 3 << 13;
            let victim = Arg::Number(baits.victim);
            let calls = [
                call(libc::SYS_setpriority, &[Arg::Number(1), Arg::Number(0), Arg::Number(7)]),
                call(libc::SYS_setpriority, &[Arg::Number(0), victim, Arg::Number(7)]),
                call(libc::SYS_ioprio_set, &[Arg::Number(2), Arg::Number(0), Arg::Number(IDLE)]),
                call(libc::SYS_ioprio_set, &[Arg::Number(1), victim, Arg::Number(IDLE)]),
            ];
            let refused = told(calls.into_iter().filter_map(Result::err).collect());
            held(if refused.is_empty() { "it is".into() } else { format!("it is ({refused})") })
        },
    ),
    Probe::new(
        "process-memory",
        "No memory or environment of a process outside is read",
        "process_vm_readv(2) and /proc/PID/mem at the address of a canary, and /proc/PID/environ",
        memory,
    ),
    Probe::new(
        "command-lines",
        "The caller's command line cannot be read through PID 1",
        "a canary on the command line of sandbox, in /proc/PID/cmdline of every process",
        |baits| canary_in("cmdline", baits),
    ),
    Probe::new(
        "what-is-left-running",
        "What the command left running ends with it",
        "a daemon with its own session holds a lock; is it free right after the run?",
        left_running,
    ),
    Probe::by_run(
        "supervisor-killed",
        "If sandbox is killed, nothing of the run lives on",
        "SIGKILL to the supervisor of a second run, whose command holds a lock; is it free within 5 s?",
        supervisor_killed,
    ),
];

fn namespaces(baits: &Baits) -> Answer {
    let mut shared = Vec::new();
    for (kind, host) in &baits.namespaces {
        match fs::read_link(format!("/proc/self/ns/{kind}")) {
            Ok(own) if own.to_string_lossy() == host.as_str() => shared.push(kind.clone()),
            Ok(_) => {}
            Err(error) => return not_tried(format_args!("/proc/self/ns/{kind} cannot be read: {error}")),
        }
    }
    none_of(shared, format_args!("{} namespaces, each another", baits.namespaces.len()))
}

/// The number may be a process's of ours inside: what counts is whether it came.
fn signal(baits: &Baits) -> Answer {
    let victim = Pid::from_raw(baits.victim);
    let (number, urgent) = (Arg::Number(baits.victim), Arg::Number(Signal::SIGURG as i32));
    let replies = [
        kill(victim, Signal::SIGURG),
        call(libc::SYS_tgkill, &[number, number, urgent]).map(drop),
        process::pidfd_open(victim).and_then(|victim| process::pidfd_send_signal(victim, Signal::SIGURG)),
    ];
    let refused = told(replies.into_iter().filter_map(Result::err).collect());
    held(if refused.is_empty() { "it did not come".into() } else { format!("it did not come ({refused})") })
}

/// proc_pid_stat(5): field 22, the start time.
pub(super) fn start_of(pid: i32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    text.rsplit_once(')')?.1.split_ascii_whitespace().nth(22 - 3)?.parse().ok()
}

fn memory(baits: &Baits) -> Answer {
    let mut buffer = vec![0; baits.canary.len()];
    let mut found = Vec::new();
    let remote = [RemoteIoVec { base: baits.victim_address, len: buffer.len() }];
    // Alone: a filter that kills must not keep the others from being tried.
    let vm = alone(|| {
        let mut buffer = buffer.clone();
        process_vm_readv(Pid::from_raw(baits.victim), &mut [IoSliceMut::new(&mut buffer)], &remote)?;
        // There may be another process with that number.
        if buffer == baits.canary.as_bytes() { Ok(()) } else { Err(Errno::ESRCH) }
    });
    let vm = match vm {
        Err(errno) => return no_room(errno),
        Ok(Reply::Done) => {
            found.push("process_vm_readv".to_owned());
            String::new()
        }
        Ok(reply) => reply.to_string(),
    };
    let mem = fs::File::open(format!("/proc/{}/mem", baits.victim))
        .and_then(|mem| mem.read_exact_at(&mut buffer, baits.victim_address as u64));
    if mem.is_ok() && buffer == baits.canary.as_bytes() {
        found.push("mem".to_owned());
    }
    let is_victim = start_of(baits.victim) == Some(baits.victim_start);
    if is_victim && fs::read(format!("/proc/{}/environ", baits.victim)).is_ok() {
        found.push("environ".to_owned());
    }
    none_of(found, [vm, told(mem.err().map(|error| errno(&error)).into_iter().collect())].join(", "))
}

/// The processes whose `name` in /proc holds the canary.
pub(super) fn canary_in(name: &str, baits: &Baits) -> Answer {
    let canary = baits.canary.as_bytes();
    let (mut found, mut refused, mut count) = (vec![], vec![], 0);
    for path in processes().map(|process| process.join(name)) {
        match fs::read(&path) {
            Ok(bytes) if bytes.windows(canary.len()).any(|window| window == canary) => {
                found.push(path.display().to_string());
            }
            Ok(_) => count += 1,
            Err(error) => refused.push(errno(&error)),
        }
    }
    match refused.iter().find(|errno| is_want(**errno)) {
        Some(errno) if found.is_empty() => no_room(*errno),
        // The probe's own can be read, or it could read none.
        _ if found.is_empty() && count == 0 => not_tried(format_args!("no {name} could be read ({})", told(refused))),
        _ => none_of(found, format_args!("none of {count} processes")),
    }
}

/// Seconds that a daemon lives where nothing ends it.
const LIFE: u32 = 60;

fn left_running(baits: &Baits) -> Answer {
    match process::fork_with_pidfd() {
        Err(errno) => no_room(errno),
        Ok(Cloned::Parent(pid, _)) => match nix::sys::wait::waitpid(pid, None) {
            Ok(nix::sys::wait::WaitStatus::Exited(_, 0)) => held("the lock was free"),
            _ => cut_short("the daemon did not start"),
        },
        Ok(Cloned::Child) => {
            let daemon = setsid().and_then(|_| process::fork_with_pidfd());
            match daemon {
                Ok(Cloned::Child) => hold_lock(&baits.shown),
                // It has the lock when it says so, by its end of a signal: it stops itself.
                Ok(Cloned::Parent(pid, _)) => {
                    let flags = nix::sys::wait::WaitPidFlag::WUNTRACED;
                    let stopped = nix::sys::wait::waitpid(pid, Some(flags));
                    let has_it = matches!(stopped, Ok(nix::sys::wait::WaitStatus::Stopped(..)));
                    let _ = kill(pid, Signal::SIGCONT);
                    process::exit_now(i32::from(!has_it))
                }
                Err(_) => process::exit_now(1),
            }
        }
    }
}

/// flock(2) needs no more than a descriptor for reading.
pub(super) fn lock(shown: &Path) -> Option<Flock<fs::File>> {
    Flock::lock(fs::File::open(shown.join("lock")).ok()?, FlockArg::LockExclusiveNonblock).ok()
}

fn hold_lock(shown: &Path) -> ! {
    // Let go by its end, and no sooner: who waits for the lock waits for that.
    let Some(_lock) = lock(shown) else { process::exit_now(1) };
    for number in 0..3 {
        let _ = close(number);
    }
    alarm::set(LIFE);
    let _ = nix::sys::signal::raise(Signal::SIGSTOP);
    // Where nothing ends it, it goes when the lock's file does.
    while shown.join("lock").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    process::exit_now(0)
}

/// The word with which a second run holds the lock.
pub(super) const HOLD: &str = "hold";

/// All that the second run does: it holds the lock, says so, and waits to be ended.
pub(super) fn hold(shown: &Path) -> u8 {
    let Some(_lock) = lock(shown) else { return 1 };
    println!("held");
    alarm::set(30);
    loop {
        nix::unistd::pause();
    }
}

fn supervisor_killed(runs: &Runs) -> Answer {
    let mut run = match runs.start(HOLD) {
        Ok(run) => run,
        Err(error) => return cut_short(format_args!("the second run could not be started: {error}")),
    };
    let mut said = [0; 5];
    let heard = run.stdout.as_mut().is_some_and(|stdout| stdout.read_exact(&mut said).is_ok());
    let _ = run.kill();
    let _ = run.wait();
    if !heard {
        return cut_short("the second run did not come to hold the lock");
    }
    let killed = Instant::now();
    while killed.elapsed() < Duration::from_secs(5) {
        if lock(&runs.shown()).is_some() {
            return held("the lock was free");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    through("the lock was held for 5 s")
}
