//! A run's cgroup while it runs, as one who was handed its directory reads it.

use super::files::{all_keyed, number};
use super::run::MODES;
use std::os::fd::OwnedFd;

/// What it counts now; none where the controller is not on, or the kernel has not the file.
#[derive(Debug, Clone, Copy)]
pub struct Current {
    /// memory.current, bytes.
    pub memory_bytes: Option<u64>,
    /// memory.peak, bytes.
    pub memory_peak_bytes: Option<u64>,
    /// cpu.stat, user and system time, microseconds.
    pub cpu_times_us: [Option<u64>; 2],
    /// pids.current, without init.
    pub pids: Option<u64>,
}

/// Reads it; `set_up` is what of the CPU time was not the command's.
pub fn current(directory: &OwnedFd, set_up: [u64; 2]) -> Current {
    let [user, system] = all_keyed(directory, "cpu.stat", MODES);
    let since = |used: Option<u64>, set_up| used.map(|used| used.saturating_sub(set_up));
    Current {
        memory_bytes: number(directory, "memory.current"),
        memory_peak_bytes: number(directory, "memory.peak"),
        cpu_times_us: [since(user, set_up[0]), since(system, set_up[1])],
        pids: number(directory, "pids.current").map(|pids| pids.saturating_sub(1)),
    }
}
