//! More than was allowed: processes, files, memory that is a file, namespaces. (Memory itself needs a cgroup: `tests/promises/cgroup`;
//! the supervisor's own under a flood of output has no layer that could be left out: `tests/promises/stdio`.)

use super::attempt::Attack;
use super::bench::Bench;
use std::fs;

fn limited(attack: Attack, flag: &str, without: &'static str) {
    attack.flags(&[flag]).without(without).is_stopped();
}

#[test]
fn more_processes_than_allowed_are_made() {
    limited(attack!("resources", "processes", "60"), "--pids=40", "rlimits,cgroup");
}

#[test]
fn more_threads_than_allowed_are_made() {
    limited(attack!("resources", "threads", "60"), "--pids=40", "rlimits,cgroup");
}

#[test]
fn more_descriptors_than_allowed_are_opened() {
    limited(attack!("resources", "open-files", "200"), "--open-files=100", "rlimits");
}

#[test]
fn a_file_grows_beyond_the_limit() {
    limited(attack!("resources", "file-size", "2000000"), "--file-size=1MiB", "rlimits");
}

#[test]
fn more_addresses_than_allowed_are_mapped() {
    limited(attack!("resources", "address-space", "2000000000"), "--address-space=1GiB", "rlimits");
}

#[test]
fn more_memory_than_allowed_is_locked() {
    limited(attack!("resources", "locked-memory", "1000000"), "--locked-memory=64KiB", "rlimits");
}

fn cores(bench: &Bench) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(&bench.shared).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("core")).collect()
}

// Only where the kernel writes it into the working directory: a handler that it pipes cores to is beyond all limits (core(5)).
#[test]
fn a_dead_process_leaves_its_memory_in_a_file() {
    if fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap().trim() != "core" {
        return;
    }
    let attack = attack!("resources", "core").without("rlimits,seccomp");
    attack
        .effect(|bench, _| {
            let left = cores(bench);
            left.iter().for_each(|core| fs::remove_file(core).unwrap());
            !left.is_empty()
        })
        .is_stopped();
}

#[test]
fn tmp_grows_beyond_its_size() {
    limited(attack!("resources", "fill", "/tmp", "24"), "--tmpfs=/tmp:8MiB", "tmpfs-limits");
}

#[test]
fn shared_memory_grows_beyond_its_size() {
    limited(attack!("resources", "fill", "/dev/shm", "24"), "--tmpfs=/dev/shm:8MiB", "tmpfs-limits");
}

#[test]
fn run_grows_beyond_its_size() {
    attack!("resources", "fill", "/run", "24").without("tmpfs-limits").is_stopped();
}

#[test]
fn the_home_grows_beyond_its_size() {
    let attack = attack!("resources", "fill", "HOME", "24").without("tmpfs-limits");
    // Two profiles have it elsewhere.
    attack.flags(&["--tmpfs={home}:8MiB", "--tmpfs=/home/sandbox:8MiB"]).is_stopped();
}

#[test]
fn the_root_is_filled_with_memory() {
    attack!("resources", "fill", "/", "24")
        .without("read-only,landlock,tmpfs-limits")
        .but_on_a_writable_root()
        .is_stopped();
}

#[test]
fn more_files_than_allowed_are_made_in_tmp() {
    limited(attack!("resources", "crowd", "/tmp", "3000"), "--tmpfs=/tmp:8MiB", "tmpfs-limits");
}

#[test]
fn more_namespaces_than_allowed_are_made() {
    limited(attack!("resources", "namespaces", "300"), "--feature=userns", "user-quotas");
}

#[test]
fn the_file_system_of_cgroups_is_mounted() {
    limited(attack!("resources", "cgroup-file-system"), "--feature=userns", "user-quotas,landlock");
}
