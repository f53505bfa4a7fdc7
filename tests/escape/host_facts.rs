//! What tells of the host: its name, its users, its devices, its kernel's addresses; and the settings of its kernel.
//!
//! Not tried: the kernel's log, which most kernels keep from all but root (dmesg_restrict) whatever the sandbox does.

use super::harness::root;
use std::fs;
use std::path::Path;

/// uid 0 inside alone would keep capabilities through execve(2), and settings of a namespace need one.
const UID_0: &[&str] = &["--uid", "0", "--gid", "0"];

#[test]
fn the_host_tells_its_name() {
    let attack = attack!("host_facts", "name").without("uts-namespace");
    attack
        .bait(|_, command| {
            command.arg(nix::unistd::gethostname().unwrap());
        })
        .is_stopped();
}

#[test]
fn the_users_of_the_host_are_read() {
    for path in ["/etc/passwd", "/etc/group"] {
        let attack = attack!("host_facts", "line", path).without("made-up-etc");
        attack
            .bait(move |_, command| {
                // The user inside has the caller's name.
                let text = fs::read_to_string(path).unwrap();
                command.arg(text.lines().rfind(|line| !line.starts_with("tester:")).unwrap());
            })
            .is_stopped();
    }
}

#[test]
fn the_host_name_is_read_from_its_file() {
    let Ok(name) = fs::read_to_string("/etc/hostname") else { return };
    let attack = attack!("host_facts", "line", "/etc/hostname", name.trim());
    attack.without("made-up-etc").is_stopped();
}

#[test]
fn what_tells_of_the_host_is_read_outside_the_tree() {
    for path in ["/etc/machine-id", "/etc/os-release", "/sys/kernel/mm/transparent_hugepage/enabled"] {
        if fs::read(path).is_ok_and(|content| !content.is_empty()) {
            attack!("host_facts", "read", path).without("detached-root").is_stopped();
        }
    }
}

/// One of the files of /proc that are covered; not every kernel has each, and not every one lets everybody read it.
#[track_caller]
fn covered(name: &str) {
    let path = format!("/proc/{name}");
    if fs::read(&path).is_ok_and(|content| !content.is_empty()) {
        attack!("host_facts", "read", &path).without("proc-covers,private-id").is_stopped();
    }
}

#[test]
fn the_addresses_of_the_kernel_are_read() {
    covered("kallsyms");
}

#[test]
fn the_interrupts_of_the_host_are_counted() {
    covered("interrupts");
}

#[test]
fn the_keys_of_the_host_are_listed() {
    covered("keys");
    covered("key-users");
}

#[test]
fn the_timers_of_the_host_are_listed() {
    covered("timer_list");
}

#[test]
fn how_the_kernel_was_built_is_read() {
    covered("config.gz");
}

#[test]
fn the_place_among_the_cgroups_of_the_host_is_read() {
    // At the root of each there is no path to tell.
    if fs::read_to_string("/proc/self/cgroup").unwrap().lines().all(|line| line.ends_with(":/")) {
        return;
    }
    attack!("host_facts", "cgroup").without("cgroup-namespace").is_stopped();
}

#[test]
fn the_mounts_of_the_host_are_listed() {
    attack!("host_facts", "mounts").without("detached-root").is_stopped();
}

#[test]
fn a_setting_of_the_network_is_written() {
    let attack = attack!("host_facts", "write", "/proc/sys/net/ipv4/ip_default_ttl", "63");
    attack.flags(UID_0).without("proc-read-only,capabilities").is_stopped();
}

#[test]
fn the_next_process_id_is_chosen() {
    let path = "/proc/sys/kernel/ns_last_pid";
    if Path::new(path).exists() {
        attack!("host_facts", "write", path, "1000").flags(UID_0).without("proc-read-only,capabilities").is_stopped();
    }
}

#[test]
fn the_quotas_of_the_user_namespace_are_raised_again() {
    for name in ["max_user_namespaces", "max_inotify_instances", "max_inotify_watches"] {
        let attack = attack!("host_facts", "write", &format!("/proc/sys/user/{name}"), "100000");
        attack.flags(UID_0).without("proc-read-only,capabilities").is_stopped();
    }
}

// They belong to root, so nobody else could write them anyway.
#[test]
fn a_setting_of_the_host_is_opened_by_the_host_s_root() {
    if root() {
        for name in ["sys/kernel/core_pattern", "sys/kernel/modprobe", "sys/vm/drop_caches", "sysrq-trigger"] {
            let path = format!("/proc/{name}");
            if Path::new(&path).exists() {
                attack!("host_facts", "open", &path).without("proc-read-only,private-id").is_stopped();
            }
        }
    }
}
