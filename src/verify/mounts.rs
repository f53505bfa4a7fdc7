//! What the table of mounts says: proc_pid_mountinfo(5).

use super::baits::{Baits, PLACE};
use super::files::bound;
use super::probe::{Answer, Probe, none_of, not_tried};
use crate::plan::mountinfo::{Mounted, read};
use nix::sys::statfs::statfs;
use std::path::Path;

/// In this order.
pub const PROBES: &[Probe] = &[
    Probe::new(
        "mounts",
        "No mount of the host is left, but what was granted",
        "/proc/self/mountinfo: one root, a tmpfs, read-only, and no sysfs, cgroup or debugfs",
        mounts,
    )
    // What is mounted below a granted tree is granted with it.
    .unless(bound),
    Probe::new(
        "mount-flags",
        "No mount lets a set-uid program or a device work, but for devices",
        "the flags nosuid and nodev of every mount",
        mount_flags,
    ),
    Probe::new(
        "memory-file-systems",
        "What is mounted in memory has a size and an inode limit",
        "statfs(2) of every tmpfs, beside the plan",
        memory_file_systems,
    )
    .unless(bound),
];

fn mounts(_: &Baits) -> Answer {
    let Ok(mounts) = read() else { return not_tried("/proc/self/mountinfo cannot be read") };
    let roots: Vec<_> = mounts.iter().filter(|mount| mount.at == Path::new("/")).collect();
    let mut wrong = Vec::new();
    if !matches!(roots.as_slice(), [root] if root.kind == "tmpfs" && root.has("ro")) {
        wrong.push("/".to_owned());
    }
    let of_the_host = ["sysfs", "cgroup", "cgroup2", "debugfs", "tracefs", "securityfs", "bpf", "efivarfs"];
    let left = mounts.iter().filter(|mount| of_the_host.contains(&mount.kind.as_str()));
    wrong.extend(left.map(|mount| mount.at.display().to_string()));
    none_of(wrong, format_args!("{} mounts, all of them the plan's", mounts.len()))
}

fn mount_flags(_: &Baits) -> Answer {
    let Ok(mounts) = read() else { return not_tried("/proc/self/mountinfo cannot be read") };
    let device = |mount: &Mounted| mount.at.starts_with("/dev") && mount.has("noexec");
    let wrong = mounts.iter().filter(|mount| !mount.has("nosuid") || !(mount.has("nodev") || device(mount)));
    none_of(wrong.map(|mount| mount.at.display().to_string()).collect(), format_args!("{} mounts", mounts.len()))
}

fn memory_file_systems(baits: &Baits) -> Answer {
    let Ok(mounts) = read() else { return not_tried("/proc/self/mountinfo cannot be read") };
    let (mut larger, mut count) = (vec![], 0);
    // What verify itself shows may lie in a tmpfs of the host's.
    let is_own = |mount: &Mounted| mount.at.starts_with(PLACE);
    for mount in mounts.iter().filter(|mount| mount.kind == "tmpfs" && !is_own(mount)) {
        let Ok(found) = statfs(&mount.at) else { continue };
        count += 1;
        // What the plan does not name lies in the root, as its covers do.
        let limit = baits.memory.get(&mount.at).or(baits.memory.get(Path::new("/"))).copied().unwrap_or_default();
        let size = found.blocks().saturating_mul(found.block_size() as u64);
        // 0 is none. A page is the kernel's rounding; the root has a few inodes more for verify's own mounts.
        let is_limited = |seen: u64, limit: u64, slack: u64| seen != 0 && seen <= limit.saturating_add(slack);
        if !is_limited(size, limit.0, 4096) || !is_limited(found.files(), limit.1, 64) {
            larger.push(mount.at.display().to_string());
        }
    }
    if count == 0 {
        return not_tried("there is none");
    }
    none_of(larger, format_args!("{count} of them, none larger than in the plan"))
}
