//! Facts of the host, and its settings.

use super::baits::Baits;
use super::files::{bound, errno, open_any, read_any, shown_by};
use super::probe::{Answer, Granted, Probe, none_but, none_of, not_tried};
use std::fs;
use std::path::Path;

/// In this order.
pub const PROBES: &[Probe] = &[
    Probe::new(
        "accounts",
        "No account of the host comes with /etc",
        "to find in /etc/passwd a user of the host's, and to open /etc/shadow and /etc/sudoers",
        accounts,
    )
    .unless(bound),
    Probe::new(
        "machine-id",
        "The machine's id is not there",
        "/etc/machine-id and /var/lib/dbus/machine-id, beside the host's",
        |baits| {
            let Some(id) = &baits.machine_id else { return not_tried("the host has no /etc/machine-id") };
            let files = ["/etc/machine-id", "/var/lib/dbus/machine-id"];
            let found = files.into_iter().filter(|file| fs::read_to_string(file).is_ok_and(|text| text.trim() == id));
            none_of(found.map(str::to_owned).collect(), "neither holds it")
        },
    )
    .unless(bound),
    Probe::new(
        "host-name",
        "The host's name is not told",
        "uname(2), /etc/hostname and /proc/sys/kernel/hostname, beside the host's",
        host_name,
    )
    .unless(|granted| match granted.plan.hostname == granted.baits.hostname {
        true => Some("hostname".into()),
        false => bound(granted),
    }),
    Probe::new(
        "proc-files",
        "/proc tells nothing dangerous of the host",
        "open(2) of kallsyms, kcore, interrupts, timer_list, config.gz and the like",
        |_| {
            let names = [
                "acpi",
                "asound",
                "config.gz",
                "interrupts",
                "kallsyms",
                "kcore",
                "latency_stats",
                "sched_debug",
                "scsi",
                "timer_list",
                "timer_stats",
                "vmcore",
            ];
            let entries = names.map(|name| Path::new("/proc").join(name));
            let listed = entries.iter().filter(|path| has_entries(path));
            match read_any(entries.iter().filter(|path| !path.is_dir()).cloned()) {
                Answer::Held(seen) => none_of(listed.map(|path| path.display().to_string()).collect(), seen),
                answer => answer,
            }
        },
    ),
    Probe::new(
        "proc-settings",
        "The kernel's settings are read-only",
        "open(2) for writing of settings below /proc/sys, some of them the namespace's own, and sysrq-trigger",
        settings,
    ),
    Probe::new("sys", "/sys is not there", "to list /sys, /sys/fs/cgroup and /sys/firmware", |_| {
        let places = ["/sys", "/sys/fs/cgroup", "/sys/firmware", "/sys/kernel/security"];
        let listed = places.into_iter().filter(|path| has_entries(Path::new(path)));
        if !has_entries(Path::new("/proc")) {
            return not_tried("no directory can be listed");
        }
        none_of(listed.map(str::to_owned).collect(), "none has an entry")
    })
    .unless(grants_sys),
    Probe::new(
        "cgroup-path",
        "The cgroup's path on the host is not told",
        "/proc/self/cgroup: / in every hierarchy",
        |baits| {
            let Ok(text) = fs::read_to_string("/proc/self/cgroup") else {
                return not_tried("/proc/self/cgroup cannot be read");
            };
            let paths = text.lines().filter_map(|line| line.splitn(3, ':').nth(2)).filter(|path| *path != "/");
            let paths: Vec<String> = paths.map(str::to_owned).collect();
            if baits.is_bare && paths.is_empty() {
                return not_tried("the caller is in the root cgroup himself");
            }
            none_of(paths, "/")
        },
    ),
    Probe::new(
        "own-limits",
        "The run's own limits cannot be lifted",
        "open(2) for writing of cgroup.procs, memory.max, pids.max and the like wherever a cgroup is mounted",
        own_limits,
    ),
    Probe::new("kernel-log", "The kernel's log is closed", "open(2) of /dev/kmsg and /proc/kmsg", |_| {
        open_any(["/dev/kmsg", "/proc/kmsg"].map(Into::into))
    })
    .unless(|granted| shown_by(granted, Path::new("/dev/kmsg"))),
];

fn has_entries(directory: &Path) -> bool {
    fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_some_and(|entry| entry.is_ok()))
}

fn accounts(baits: &Baits) -> Answer {
    let text = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let named = |user: &String| text.lines().any(|line| line.split(':').next() == Some(user));
    let is_told = baits.accounts.iter().any(named).then_some("/etc/passwd");
    let closed =
        ["/etc/shadow", "/etc/gshadow", "/etc/sudoers"].into_iter().filter(|path| fs::File::open(path).is_ok());
    let found: Vec<String> = is_told.into_iter().chain(closed).map(str::to_owned).collect();
    if found.is_empty() && baits.accounts.is_empty() {
        return not_tried("the host has no account but root's and the caller's");
    }
    none_of(found, format_args!("none of {}", baits.accounts.len()))
}

fn host_name(baits: &Baits) -> Answer {
    let own = nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let by_file = |path: &'static str| (path, fs::read_to_string(path).unwrap_or_default());
    let all = [("uname", own), by_file("/etc/hostname"), by_file("/proc/sys/kernel/hostname")];
    let telling = all.into_iter().filter(|(_, name)| name.trim() == baits.hostname);
    none_of(telling.map(|(source, _)| source.to_owned()).collect(), "it is another")
}

fn settings(_: &Baits) -> Answer {
    let files = [
        "sys/kernel/core_pattern",
        "sys/kernel/hostname",
        "sys/kernel/shmmax",
        "sys/fs/mqueue/queues_max",
        "sys/net/ipv4/ip_forward",
        "sys/net/ipv4/ip_unprivileged_port_start",
        "sys/user/max_user_namespaces",
        "sys/user/max_inotify_instances",
        "sys/vm/drop_caches",
        "sysrq-trigger",
    ];
    let (mut opened, mut refused) = (vec![], vec![]);
    for file in files {
        match fs::OpenOptions::new().write(true).open(Path::new("/proc").join(file)) {
            Ok(_) => opened.push(format!("/proc/{file}")),
            Err(error) => refused.push(errno(&error)),
        }
    }
    none_but(opened, refused)
}

fn grants_sys(granted: &Granted) -> Option<String> {
    let mount = granted.plan.mounts.iter().find(|mount| mount.at.starts_with("/sys"))?;
    Some(format!("mounts: {} ({})", mount.at.display(), mount.origin))
}

fn own_limits(_: &Baits) -> Answer {
    let Ok(mounts) = crate::plan::mountinfo::read() else { return not_tried("/proc/self/mountinfo cannot be read") };
    let mut places: Vec<_> =
        mounts.into_iter().filter(|mount| mount.kind.starts_with("cgroup")).map(|m| m.at).collect();
    places.push("/sys/fs/cgroup".into());
    let files = ["cgroup.procs", "tasks", "memory.max", "pids.max", "cpu.max", "cgroup.subtree_control"];
    let all = places.iter().flat_map(|place| files.map(|file| place.join(file)));
    let opened = all.filter(|path| fs::OpenOptions::new().write(true).open(path).is_ok());
    none_of(opened.map(|path| path.display().to_string()).collect(), format_args!("none in {} places", places.len()))
}
