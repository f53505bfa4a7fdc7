//! Power: no capability, a filter, a second fence, and no way to more.

use super::baits::Baits;
use super::calls::{Attempt, NULL, features_or_filter, raw, refused};
use super::probe::{Answer, Granted, Probe, Reply, alone, cut_short, held, no_room, none_of, not_tried, through};
use crate::plan::{Enforcement, Plan, SeccompPolicy};
use crate::sys::privileges::landlock_abi;
use crate::sys::probe::Arg::{Bytes, Number, Text, Wide};
use crate::sys::probe::{Arg, call};
use caps::{CapSet, Capability};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::libc;
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::kill;
use nix::sys::stat::Mode;
use nix::unistd::{Pid, Uid, execve, getresuid, setresuid};
use std::fs;
use std::os::fd::AsFd;

/// In this order.
pub const PROBES: &[Probe] = &[
    Probe::new(
        "capabilities",
        "No capability in any set",
        "the effective, permitted, inheritable, bounding and ambient set in /proc/self/status",
        |_| match status("CapEff") {
            Some(_) => none_of(capabilities(), "all five sets are empty"),
            None => not_tried("/proc/self/status cannot be read"),
        },
    )
    .unless(keeps_capabilities),
    Probe::new(
        "uid-0-regains",
        "No capability through uid 0",
        "setresuid(2) to 0, and then execve(2): the effective set after it",
        uid_0_regains,
    )
    .unless(keeps_capabilities),
    Probe::new(
        "other-ids",
        "No other id, and no group more",
        "setresuid(2) and setresgid(2) to other ids, and setgroups(2)",
        other_ids,
    )
    .unless(|granted| by_capability(granted, &["CAP_SETUID", "CAP_SETGID"])),
    Probe::new("no-new-privileges", "No set-uid program gains a right", "prctl(2) PR_GET_NO_NEW_PRIVS", |_| {
        if nix::sys::prctl::get_no_new_privs() == Ok(true) { held("it is on") } else { through("it is off") }
    }),
    Probe::new("filter", "A filter is on", "Seccomp and Seccomp_filters in /proc/self/status", |_| {
        match status("Seccomp").as_deref() {
            None => not_tried("/proc/self/status cannot be read"),
            Some("2") => held(format_args!("{} filters", status("Seccomp_filters").unwrap_or_default())),
            _ => through("there is none"),
        }
    })
    .unless(|granted| no_filter(granted.plan)),
    Probe::new(
        "filter-of-32-bit-calls",
        "The filter holds for another architecture's calls too",
        "getpid(2) as a 32-bit program makes it (int 0x80)",
        of_32_bit,
    )
    .unless(|granted| no_filter(granted.plan)),
    Probe::new(
        "user-namespace",
        "No capability through a user namespace",
        "unshare(2) and clone(2) with CLONE_NEWUSER, with high bits too",
        |_| {
            const USER: i32 = 0x1000_0000;
            refused([
                ("unshare", Box::new(|| unshare(CloneFlags::CLONE_NEWUSER)) as Attempt),
                ("clone", Box::new(|| clone(Number(USER)))),
                ("clone with a high bit", Box::new(|| clone(Wide(USER as u32)))),
                (
                    "clone3",
                    Box::new(|| {
                        call(libc::SYS_clone3, &[Bytes(&(USER as u64).to_ne_bytes()), Number(88)]).and_then(end_child)
                    }),
                ),
            ])
        },
    )
    .unless(|granted| granted.plan.features.userns.then(|| "features.userns".into())),
    Probe::new(
        "other-namespaces",
        "No other namespace is made, and none is joined",
        "unshare(2) of mount, PID, network, IPC, UTS and cgroup, and setns(2)",
        |_| {
            let kinds = [0x0002_0000, 0x2000_0000, 0x4000_0000, 0x0800_0000, 0x0400_0000, 0x0200_0000];
            let unshared = kinds.into_iter().map(|kind| {
                (names_of_kind(kind), Box::new(move || raw(libc::SYS_unshare, &[Number(kind)])) as Attempt)
            });
            refused(unshared.chain([("setns", Box::new(|| raw(libc::SYS_setns, &[Number(-1), Number(0)])) as Attempt)]))
        },
    )
    .unless(|granted| features_or_filter(granted, &[("userns", granted.plan.features.userns)])),
    Probe::new(
        "covers",
        "Covers stay on",
        "umount(2), a bind remount and mount_setattr(2) of what is covered, in a new user namespace too, if there can be one",
        covers,
    ),
    Probe::new(
        "landlock",
        "Landlock is on where the kernel has it",
        "kill(2) of PID 1 with signal 0, or open(2) of /proc/self/comm with O_TRUNC: only Landlock refuses them",
        landlock,
    )
    .unless(|granted| (granted.plan.landlock.mode == Enforcement::Off).then(|| "landlock.mode: off".into())),
];

/// clone(2) as fork(2) into new namespaces: the child ends at once.
fn clone(flags: Arg) -> nix::Result<()> {
    let flags = match flags {
        Number(bits) => Number(bits | libc::SIGCHLD),
        Wide(bits) => Wide(bits | libc::SIGCHLD as u32),
        other => other,
    };
    call(libc::SYS_clone, &[flags, NULL, NULL, NULL, NULL]).and_then(end_child)
}

fn end_child(pid: u64) -> nix::Result<()> {
    match pid {
        0 => crate::sys::process::exit_now(0),
        _ => Ok(()),
    }
}

fn names_of_kind(kind: i32) -> &'static str {
    match kind {
        0x0002_0000 => "unshare (mount)",
        0x2000_0000 => "unshare (pid)",
        0x4000_0000 => "unshare (net)",
        0x0800_0000 => "unshare (ipc)",
        0x0400_0000 => "unshare (uts)",
        _ => "unshare (cgroup)",
    }
}

/// A line of proc_pid_status(5).
fn status(name: &str) -> Option<String> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t").map(|value| value.trim().to_owned()))
}

/// Those in any set, by name.
fn capabilities() -> Vec<String> {
    let sets = ["CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb"].map(status);
    let bits = sets.iter().flatten().filter_map(|set| u64::from_str_radix(set, 16).ok()).fold(0, |all, set| all | set);
    let named = |number: u8| caps::all().into_iter().find(|known: &Capability| known.index() == number);
    let held = (0..64).filter(|number| bits & (1 << number) != 0);
    held.map(|number| named(number).map_or(format!("capability {number}"), |known| known.to_string())).collect()
}

fn keeps_capabilities(granted: &Granted) -> Option<String> {
    let kept = |name: &String| granted.plan.capabilities.iter().any(|kept| kept.to_string() == *name);
    granted.through.iter().all(kept).then(|| "capabilities".into())
}

/// The word after [`super::INSIDE`] with which a process tells its capabilities.
pub(super) const TELL: &str = "capabilities";

/// What the process that is executed below says: the capabilities it has, one a line.
pub(super) fn tell_capabilities() -> u8 {
    let held: Vec<String> = caps::read(None, CapSet::Effective)
        .map(|held| held.iter().map(ToString::to_string).collect())
        .unwrap_or_default();
    println!("{}", held.join("\n"));
    0
}

fn uid_0_regains(baits: &Baits) -> Answer {
    let Ok((reader, writer)) = nix::unistd::pipe2(OFlag::O_CLOEXEC) else {
        return cut_short("there could be no pipe for it");
    };
    let reply = alone(|| {
        let root = Uid::from_raw(0);
        // Where uid 0 is not mapped there is none to become.
        let _ = setresuid(root, root, root);
        crate::sys::process::place(writer.as_fd(), 1)?;
        let word = |text: &str| std::ffi::CString::new(text).map_err(|_| Errno::EINVAL);
        let argv = [word("sandbox")?, word(super::INSIDE)?, word(TELL)?];
        let none: [std::ffi::CString; 0] = [];
        execve(c"/proc/self/exe", &argv, &none).map(drop)
    });
    drop(writer);
    let told = std::io::read_to_string(fs::File::from(reader)).unwrap_or_default();
    let is_root = getresuid().is_ok_and(|ids| ids.real.is_root());
    match reply {
        Err(errno) => no_room(errno),
        Ok(Reply::Done) if baits.is_bare && !is_root => not_tried("the caller is not uid 0, and cannot become it"),
        Ok(Reply::Done) => none_of(told.split_whitespace().map(str::to_owned).collect(), "none after execve"),
        Ok(reply) => not_tried(format_args!("the program could not be executed again: {reply}")),
    }
}

fn other_ids(_: &Baits) -> Answer {
    let own = getresuid().map(|ids| ids.real.as_raw()).unwrap_or(0);
    let other = if own == 1 { 2 } else { 1 };
    let to = Number(other);
    let all: [(&str, Attempt); 3] = [
        ("setresuid", Box::new(move || raw(libc::SYS_setresuid, &[to, to, to]))),
        ("setresgid", Box::new(move || raw(libc::SYS_setresgid, &[Number(4), Number(4), Number(4)]))),
        ("setgroups", Box::new(|| raw(libc::SYS_setgroups, &[Number(0), NULL]))),
    ];
    let (mut got, mut refused) = (vec![], vec![]);
    for (name, attempt) in all {
        match alone(attempt) {
            Err(errno) => return no_room(errno),
            Ok(Reply::Done) => got.push(name.to_owned()),
            Ok(reply) => refused.push(reply.to_string()),
        }
    }
    refused.dedup();
    none_of(got, refused.join(", "))
}

#[cfg(target_arch = "x86_64")]
fn of_32_bit(_: &Baits) -> Answer {
    match alone(|| crate::sys::probe::getpid_of_32_bit().map(drop)) {
        Err(errno) => no_room(errno),
        Ok(Reply::Done) => through("int 0x80"),
        Ok(Reply::Killed(libc::SIGSEGV)) => not_tried("this kernel has no 32-bit calls"),
        Ok(reply) => held(reply),
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn of_32_bit(_: &Baits) -> Answer {
    not_tried("this processor's 32-bit calls need a program of their own")
}

/// Refused as owner of nothing, and as root of a new namespace, because what is mounted came from a more privileged one.
fn covers(baits: &Baits) -> Answer {
    if baits.is_bare {
        return not_tried("nothing is covered here");
    }
    let place = baits.shown.join("hidden");
    let Ok(path) = std::ffi::CString::new(place.as_os_str().as_encoded_bytes()) else { return not_tried("no path") };
    let attempt = |in_namespace: bool, which: usize| {
        let path = path.clone();
        alone(move || {
            if in_namespace {
                unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS)?;
            }
            match which {
                // MNT_DETACH
                0 => raw(libc::SYS_umount2, &[Text(&path), Number(2)]),
                // MS_REMOUNT | MS_BIND, without MS_RDONLY
                1 => raw(libc::SYS_mount, &[NULL, Text(&path), NULL, Number(0x1020), NULL]),
                // Takes MOUNT_ATTR_RDONLY off.
                _ => {
                    let change = [[0; 8], 1u64.to_ne_bytes(), [0; 8], [0; 8]].concat();
                    raw(libc::SYS_mount_setattr, &[Number(-100), Text(&path), NULL, Bytes(&change), Number(32)])
                }
            }
        })
    };
    let (mut done, mut refused) = (vec![], vec![]);
    for in_namespace in [false, true] {
        for (which, name) in ["umount", "remount", "mount_setattr"].into_iter().enumerate() {
            let name = if in_namespace { format!("{name} in a namespace") } else { name.to_owned() };
            match attempt(in_namespace, which) {
                Err(errno) => return no_room(errno),
                Ok(Reply::Done) => done.push(name),
                Ok(reply) => refused.push(reply.to_string()),
            }
        }
    }
    refused.sort();
    refused.dedup();
    none_of(done, refused.join(", "))
}

/// From ABI 6 on a signal does not leave the domain, and init is outside of it. Before, the rights on /proc do not hold O_TRUNC,
/// which is one of its own from ABI 3 on.
fn landlock(baits: &Baits) -> Answer {
    let abi = landlock_abi();
    let refused = match abi {
        0..3 => return not_tried(format_args!("this kernel has Landlock ABI {abi}, whose refusals look like others")),
        6.. if !baits.is_bare => kill(Pid::from_raw(1), None).err(),
        _ => open("/proc/self/comm", OFlag::O_WRONLY | OFlag::O_TRUNC | OFlag::O_CLOEXEC, Mode::empty()).err(),
    };
    match refused {
        None => through("there is no such fence"),
        Some(errno) => held(format_args!("{errno:?}")),
    }
}

pub(super) fn no_filter(plan: &Plan) -> Option<String> {
    (plan.seccomp.policy == SeccompPolicy::Off).then(|| "seccomp.policy: off".into())
}

/// The profile keeps one of these.
pub(super) fn by_capability(granted: &Granted, names: &[&str]) -> Option<String> {
    let kept = granted.plan.capabilities.iter().map(ToString::to_string).find(|kept| names.contains(&kept.as_str()))?;
    Some(format!("capabilities: {kept}"))
}
