//! Calls that a filter refuses: each is made so that it does nothing where it is let in.

use super::power::no_filter;
use super::probe::{Answer, Granted, Probe, Reply, alone, no_room, none_of};
use crate::sys::probe::Arg::{Number, Wide};
use crate::sys::probe::{Arg, call};
use nix::errno::Errno;
use nix::libc::{self, c_long};

/// In this order.
pub const PROBES: &[Probe] = &[
    Probe::new(
        "mount-calls",
        "No mount is made, moved, changed or taken off, and no root changed",
        "mount, umount2, pivot_root, chroot and the mount API of file descriptors, with null pointers",
        |_| calls(MOUNTS),
    )
    .unless(|granted| features_or_filter(granted, &[("userns", granted.plan.features.userns)])),
    Probe::new(
        "other-processes",
        "Other processes' memory, registers and descriptors are closed",
        "ptrace, process_vm_readv, process_vm_writev, pidfd_getfd and kcmp of no process",
        |_| calls(PROCESSES),
    )
    .unless(|granted| features_or_filter(granted, &[("ptrace", granted.plan.features.ptrace)])),
    Probe::new("keys", "No key is added, read or asked for", "keyctl, add_key and request_key", |_| calls(KEYS))
        .unless(|granted| features_or_filter(granted, &[("keyring", granted.plan.features.keyring)])),
    Probe::new(
        "io-uring",
        "No ring passes the filter by",
        "io_uring_setup, io_uring_enter and io_uring_register",
        |_| calls(RINGS),
    )
    .unless(|granted| features_or_filter(granted, &[("io_uring", granted.plan.features.io_uring)])),
    Probe::new(
        "performance-counters",
        "No performance counter is opened",
        "perf_event_open with a null pointer",
        |_| calls(COUNTERS),
    )
    .unless(|granted| features_or_filter(granted, &[("perf", granted.plan.features.perf)])),
    Probe::new(
        "numa",
        "No memory is placed on the nodes of the host",
        "mbind, set_mempolicy, move_pages and migrate_pages",
        |_| calls(NODES),
    )
    .unless(|granted| features_or_filter(granted, &[("numa", granted.plan.features.numa)])),
    Probe::new(
        "personality",
        "No odd personality",
        "personality(2) without address randomisation, with high bits too",
        |_| {
            refused([
                ("personality", Box::new(|| raw(libc::SYS_personality, &[Number(0x004_0000)])) as Attempt),
                ("personality with a high bit", Box::new(|| raw(libc::SYS_personality, &[Wide(0x004_0000)]))),
            ])
        },
    )
    .unless(|granted| features_or_filter(granted, &[("personality", granted.plan.features.personality)])),
    Probe::new(
        "kernel-programs",
        "No program is loaded into the kernel, and no page fault held",
        "bpf and userfaultfd",
        |_| calls(PROGRAMS),
    )
    .unless(|granted| features_or_filter(granted, &[])),
    Probe::new(
        "handles",
        "No file by its handle, past the tree that is shown",
        "open_by_handle_at, fanotify_init and fanotify_mark",
        |_| calls(HANDLES),
    )
    .unless(|granted| features_or_filter(granted, &[])),
    Probe::new(
        "administration",
        "What only an administrator needs is refused",
        "modules, kexec, reboot, swap, quotas, log, host name, clock, I/O ports: calls that ask for nothing",
        |_| calls(ADMINISTRATION),
    )
    .unless(|granted| features_or_filter(granted, &[("userns", granted.plan.features.userns)])),
];

pub(super) type Attempt = Box<dyn FnOnce() -> nix::Result<()>>;
type Call = (&'static str, c_long, &'static [Arg<'static>]);
pub(super) const NULL: Arg = Number(0);
const NONE: Arg = Number(-1);
/// None of these does anything where it is let in: their pointers are null, their descriptors none.
const MOUNTS: &[Call] = &[
    ("mount", libc::SYS_mount, &[NULL, NULL, NULL, NULL, NULL]),
    ("umount2", libc::SYS_umount2, &[NULL, Number(8)]),
    ("pivot_root", libc::SYS_pivot_root, &[NULL, NULL]),
    ("chroot", libc::SYS_chroot, &[NULL]),
    ("fsopen", libc::SYS_fsopen, &[NULL, NULL]),
    ("fspick", libc::SYS_fspick, &[NONE, NULL, NULL]),
    ("fsconfig", libc::SYS_fsconfig, &[NONE, NULL, NULL, NULL, NULL]),
    ("fsmount", libc::SYS_fsmount, &[NONE, NULL, NULL]),
    ("open_tree", libc::SYS_open_tree, &[NONE, NULL, NULL]),
    ("move_mount", libc::SYS_move_mount, &[NONE, NULL, NONE, NULL, NULL]),
    ("mount_setattr", libc::SYS_mount_setattr, &[NONE, NULL, NULL, NULL, Number(32)]),
];
const PROCESSES: &[Call] = &[
    ("ptrace", libc::SYS_ptrace, &[Number(0x4206), NONE, NULL, NULL]),
    ("process_vm_readv", libc::SYS_process_vm_readv, &[NONE, NULL, NULL, NULL, NULL, NULL]),
    ("process_vm_writev", libc::SYS_process_vm_writev, &[NONE, NULL, NULL, NULL, NULL, NULL]),
    ("pidfd_getfd", libc::SYS_pidfd_getfd, &[NONE, NULL, NULL]),
    ("kcmp", libc::SYS_kcmp, &[NONE, NONE, NULL, NULL, NULL]),
];
const KEYS: &[Call] = &[
    ("keyctl", libc::SYS_keyctl, &[Number(9999)]),
    ("add_key", libc::SYS_add_key, &[NULL, NULL, NULL, NULL, NULL]),
    ("request_key", libc::SYS_request_key, &[NULL, NULL, NULL, NULL]),
];
const RINGS: &[Call] = &[
    ("io_uring_setup", libc::SYS_io_uring_setup, &[NULL, NULL]),
    ("io_uring_enter", libc::SYS_io_uring_enter, &[NONE, NULL, NULL, NULL, NULL, NULL]),
    ("io_uring_register", libc::SYS_io_uring_register, &[NONE, NULL, NULL, NULL]),
];
const COUNTERS: &[Call] = &[("perf_event_open", libc::SYS_perf_event_open, &[NULL, NULL, NONE, NONE, NULL])];
const NODES: &[Call] = &[
    ("mbind", libc::SYS_mbind, &[Number(1), NULL, NULL, NULL, NULL, NULL]),
    ("set_mempolicy", libc::SYS_set_mempolicy, &[Number(99), NULL, NULL]),
    ("move_pages", libc::SYS_move_pages, &[NULL, NULL, NULL, NULL, NULL, Number(99)]),
    ("migrate_pages", libc::SYS_migrate_pages, &[NULL, NULL, NULL, NULL]),
];
const PROGRAMS: &[Call] =
    &[("bpf", libc::SYS_bpf, &[Number(9999), NULL, NULL]), ("userfaultfd", libc::SYS_userfaultfd, &[Number(99)])];
const HANDLES: &[Call] = &[
    ("open_by_handle_at", libc::SYS_open_by_handle_at, &[NONE, NULL, NULL]),
    ("fanotify_init", libc::SYS_fanotify_init, &[NONE, NULL]),
    ("fanotify_mark", libc::SYS_fanotify_mark, &[NONE, NULL, NULL, NONE, NULL]),
];
const ADMINISTRATION: &[Call] = &[
    ("init_module", libc::SYS_init_module, &[NULL, NULL, NULL]),
    ("finit_module", libc::SYS_finit_module, &[NONE, NULL, NULL]),
    ("delete_module", libc::SYS_delete_module, &[NULL, NULL]),
    ("kexec_load", libc::SYS_kexec_load, &[NULL, Number(99), NULL, NONE]),
    ("reboot", libc::SYS_reboot, &[NULL, NULL, NULL, NULL]),
    ("swapon", libc::SYS_swapon, &[NULL, NULL]),
    ("swapoff", libc::SYS_swapoff, &[NULL]),
    ("quotactl", libc::SYS_quotactl, &[NONE, NULL, NULL, NULL]),
    ("syslog", libc::SYS_syslog, &[NONE, NULL, NULL]),
    ("sethostname", libc::SYS_sethostname, &[NULL, NONE]),
    ("setdomainname", libc::SYS_setdomainname, &[NULL, NONE]),
    ("settimeofday", libc::SYS_settimeofday, &[NULL, NULL]),
    ("clock_settime", libc::SYS_clock_settime, &[NULL, NULL]),
    #[cfg(target_arch = "x86_64")]
    ("iopl", libc::SYS_iopl, &[NULL]),
];

pub(super) fn raw(number: c_long, arguments: &[Arg]) -> nix::Result<()> {
    call(number, arguments).map(drop)
}

/// Each in a process of its own: what a layer refuses is refused, what the kernel looked at got through.
fn calls(all: &[Call]) -> Answer {
    refused(all.iter().map(|(name, number, arguments)| (*name, move || raw(*number, arguments))))
}

/// The same of any attempts.
pub(super) fn refused<F: FnOnce() -> nix::Result<()>>(all: impl IntoIterator<Item = (&'static str, F)>) -> Answer {
    let (mut got, mut replies) = (vec![], vec![]);
    for (name, attempt) in all {
        match alone(attempt) {
            Err(errno) => return no_room(errno),
            // Of user namespaces there may be none: namespaces(7).
            Ok(reply) if reply.is_refusal() || reply == Reply::Errno(Errno::ENOSPC) => replies.push(reply.to_string()),
            Ok(_) => got.push(name.to_owned()),
        }
    }
    replies.sort();
    replies.dedup();
    none_of(got, replies.join(", "))
}

pub(super) fn features_or_filter(granted: &Granted, features: &[(&str, bool)]) -> Option<String> {
    let feature = features.iter().find(|(_, on)| *on).map(|(name, _)| format!("features.{name}"));
    feature.or_else(|| no_filter(granted.plan)).or_else(|| allowed_by_name(granted))
}

/// Each call that got through is one that the profile names.
pub(super) fn allowed_by_name(granted: &Granted) -> Option<String> {
    // "clone with a high bit" is a clone.
    let call = |name: &String| name.split(' ').next().map(str::to_owned);
    let named = |name: &String| call(name).is_some_and(|call| granted.plan.seccomp.allow.contains(&call));
    let first = granted.through.first().and_then(call)?;
    granted.through.iter().all(named).then(|| format!("seccomp.allow: {first}"))
}
