//! Test-only, the feature `faults`: leaves layers out, so that `tests/escape` can show that an attack which a layer stops succeeds
//! without it.
//!
//! `SANDBOX_WITHOUT` is a list of names from [`LAYERS`], divided by commas. In a program that users get there is nothing to leave out:
//! every question here is answered before it is compiled.

use crate::plan::subordinate::single;
use crate::plan::{Bind, BindRole, Enforcement, Environment, MountKind, Plan, SeccompPolicy, SourcePath};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// What can be left out, and where: most at one place of the code, those of the plan in [`weaken`].
const LAYERS: &[&str] = &[
    "beneath",           // prepare: a source is opened without leaving its tree
    "capabilities",      // plan and layers: all sets emptied, securebits locked
    "cgroup",            // plan: a cgroup of the run's own
    "cgroup-namespace",  // inside
    "close-fds",         // inside: every descriptor closed but 0, 1, 2
    "detached-root",     // inside: the host's root is not to be seen any more
    "dumpable",          // inside: init is not dumpable
    "environment",       // plan: the caller's variables are not kept
    "erase",             // inside: init's argv and environment overwritten
    "groups",            // inside: supplementary groups dropped, where they can be
    "hides",             // plan: what is hidden, and the sockets of the host
    "in-root",           // inside: a destination is looked up as the command would find it
    "ipc-namespace",     // inside
    "keyring",           // inside: a session keyring of its own
    "landlock",          // plan
    "made-up-etc",       // plan: the files of /etc that are made up
    "network-namespace", // inside
    "no-follow",         // host: no link leads to another file than the one that was named
    "no-new-privs",      // inside
    "nodev",             // inside
    "nosuid",            // inside
    "own-id",            // plan: under host root, an id of the run's own
    "own-mount-points",  // inside: a mount point is made in a tmpfs of ours only
    "pid-namespace",     // inside
    "pins",              // plan: the parents of a carve-out
    "pivot-root",        // inside: the new root is that of the mount namespace, not of the process alone
    "private-id",        // plan: under host root, another user than root
    "private-mounts",    // inside: no mount of the host's comes in
    "proc-covers",       // inside: dangerous files of /proc
    "proc-read-only",    // inside: /proc/sys and its like
    "read-only",         // inside: mounts that are not writable
    "recursive",         // sys: what is mounted below a mount is restricted too
    "rlimits",           // layers
    "seccomp",           // plan
    "sender",            // sys: init hears the supervisor, and nobody inside
    "session",           // inside: a session, and a process group, of the command's own
    "stdio",             // inside: pipes of the supervisor's instead of the caller's descriptors
    "tie",               // sys: init dies with the supervisor
    "tmpfs-limits",      // plan: size and inodes
    "user-quotas",       // inside: limits of the user namespace
    "uts-namespace",     // inside
    "wall-time",         // plan: both timers, the supervisor's and init's
    "working-directory", // inside: a look whether it is inside
];

static LEFT_OUT: OnceLock<Vec<String>> = OnceLock::new();

/// Is this layer left out?
pub fn layer(name: &str) -> bool {
    LEFT_OUT.get_or_init(read).iter().any(|layer| layer == name)
}

fn read() -> Vec<String> {
    let text = std::env::var("SANDBOX_WITHOUT").unwrap_or_default();
    let names: Vec<String> = text.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let unknown = names.iter().find(|name| !LAYERS.contains(&name.as_str()));
    assert!(unknown.is_none(), "SANDBOX_WITHOUT: there is no layer {unknown:?}");
    names
}

/// What the plan decides, undone.
pub fn weaken(mut plan: Plan) -> Plan {
    let made_up =
        ["/etc/passwd", "/etc/group", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/etc/nsswitch.conf"];
    plan.mounts.retain_mut(|mount| match &mut mount.kind {
        MountKind::Hide(_) => !layer("hides"),
        MountKind::Bind(bind) => bind.role != BindRole::Pin || !layer("pins"),
        MountKind::File(_) if made_up.iter().any(|path| mount.at.as_os_str() == *path) && layer("made-up-etc") => {
            mount.kind = MountKind::Bind(host_file(&mount.at));
            true
        }
        MountKind::Tmpfs(tmpfs) if layer("tmpfs-limits") => {
            (tmpfs.size, tmpfs.inodes) = (1 << 40, 1 << 20);
            true
        }
        _ => true,
    });
    if layer("capabilities") {
        // By name, or execve(2) would take them from a user other than 0.
        plan.capabilities = caps::all().into_iter().collect();
    }
    if layer("environment") {
        plan.environment = Environment { variables: std::env::vars_os().collect(), ..plan.environment };
    }
    if layer("pid-namespace") {
        // There init would count all processes of the host as the command's.
        plan.limits.cpu_time = None;
    }
    if layer("cgroup") {
        plan.cgroup.needed_by.clear();
    }
    if layer("wall-time") {
        plan.limits.wall_time = None;
    }
    if layer("private-id") && plan.user.mapped_by_root && !plan.user.has_range() {
        (plan.user.uids, plan.user.gids) = (single(plan.user.uid, 0), single(plan.user.gid, 0));
        (plan.user.outside_uid, plan.user.outside_gid, plan.user.mapped_by_root) = (0, 0, false);
    }
    if layer("tmpfs-limits") {
        (plan.root.tmpfs.size, plan.root.tmpfs.inodes) = (1 << 40, 1 << 20);
    }
    if layer("landlock") {
        plan.landlock.mode = Enforcement::Off;
    }
    if layer("seccomp") {
        plan.seccomp.policy = SeccompPolicy::Off;
    }
    plan
}

fn host_file(path: &Path) -> Bind {
    Bind {
        source: SourcePath { base: path.to_owned(), below: PathBuf::new() },
        writable: false,
        noexec: false,
        directory: false,
        role: BindRole::Tree,
        id_mapped: false,
    }
}
