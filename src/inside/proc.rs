//! The /proc of the new PID namespace: quotas written, then dangerous files covered, then settings made read-only.

use super::step::{At, Done, Failure, Step};
use super::tree::Tree;
use crate::prepare::Prepared;
use crate::sys::mount::{self, attr};
use crate::without;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::sys::stat::Mode;
use nix::unistd::write;
use std::os::fd::OwnedFd;
use std::path::Path;

/// Files that tell of the host, or of the kernel's addresses: proc(5). What a kernel does not have is skipped.
const COVERED: [&str; 11] = [
    "cmdline",
    "config.gz",
    "interrupts",
    "kallsyms",
    "kcore",
    "key-users",
    "keys",
    "latency_stats",
    "sched_debug",
    "timer_list",
    "timer_stats",
];

/// Directories that do.
const COVERED_WHOLE: [&str; 4] = ["acpi", "asound", "pressure", "scsi"];

/// More files, which only host root may read: with `outside: caller` the payload is he.
const COVERED_FROM_ROOT: [&str; 7] =
    ["kpagecgroup", "kpagecount", "kpageflags", "pagetypeinfo", "slabinfo", "vmallocinfo", "vmcore"];

/// Settings of the kernel and of its drivers.
const READ_ONLY: [&str; 5] = ["bus", "fs", "irq", "sys", "sysrq-trigger"];

/// Kinds of namespaces that a payload with `features.userns` may make, so many of each: the count is the caller's too.
const NAMESPACES: [&str; 7] = ["user", "pid", "mnt", "net", "ipc", "uts", "time"];
const SOME: &str = "256";

/// Mounts it at `at`.
pub(super) fn mount(tree: &mut Tree, at: &Path, prepared: &Prepared, index: usize) -> Done {
    let attributes = attr::NOSUID | attr::NODEV | attr::NOEXEC;
    let proc = match without::layer("pid-namespace") {
        true => mount::clone_tree(AT_FDCWD, "/proc"),
        false => mount::new_filesystem(c"proc", &[], attributes),
    }
    .at_entry(Step::Proc, index)?;
    quotas(&proc, prepared).at_entry(Step::Quotas, index)?;
    tree.mount(at, &proc, true, index)?;
    for name in READ_ONLY.into_iter().filter(|_| !without::layer("proc-read-only")) {
        make_read_only(&proc, name).at_entry(Step::Proc, index)?;
    }
    let from_root = COVERED_FROM_ROOT.into_iter().filter(|_| prepared.plan.user.outside_uid == 0);
    let files = COVERED.into_iter().chain(from_root).map(|name| (name, false));
    let covered = files.chain(COVERED_WHOLE.map(|name| (name, true)));
    for (name, directory) in covered.filter(|_| !without::layer("proc-covers")) {
        match tree.hide(&at.join(name), directory, index) {
            Err(Failure { step: Step::Mount, errno: Errno::ENOENT, .. }) => {}
            hidden => hidden?,
        }
    }
    Ok(())
}

/// Limits of the new user namespace, namespaces(7), before /proc/sys is covered, and before init loses its capabilities: the kernel asks
/// for them at the write.
fn quotas(proc: &OwnedFd, prepared: &Prepared) -> nix::Result<()> {
    if without::layer("user-quotas") {
        return Ok(());
    }
    if prepared.plan.features.userns {
        NAMESPACES.iter().try_for_each(|kind| set_quota(proc, &format!("sys/user/max_{kind}_namespaces"), SOME))?;
        // Init's own. Where the run has no cgroup of its own, another one could be rooted at the caller's, and mount it.
        set_quota(proc, "sys/user/max_cgroup_namespaces", "1")?;
    } else {
        set_quota(proc, "sys/user/max_user_namespaces", "0")?;
    }
    // Counted per user, across namespaces: inotify(7).
    let [instances, watches] = &prepared.inotify;
    set_quota(proc, "sys/user/max_inotify_instances", instances)?;
    set_quota(proc, "sys/user/max_inotify_watches", watches)
}

/// A kernel built without the feature has no such limit, and nothing to limit.
fn set_quota(proc: &OwnedFd, name: &str, value: &str) -> nix::Result<()> {
    match openat(proc, name, OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty()) {
        Ok(file) => write(&file, value.as_bytes()).map(drop),
        Err(Errno::ENOENT) => Ok(()),
        Err(errno) => Err(errno),
    }
}

fn make_read_only(proc: &OwnedFd, name: &str) -> nix::Result<()> {
    let own = match mount::clone_tree(proc, name) {
        Err(Errno::ENOENT) => return Ok(()),
        answer => answer?,
    };
    mount::restrict_tree(&own, c"", attr::RDONLY)?;
    mount::attach(&own, proc, name)
}
