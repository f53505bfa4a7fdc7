//! System calls: what the filter refuses does not reach the kernel, by no entry, thread or program.

use super::attempt::is_off_for_all;

/// The others are for tests, whose debuggers and sanitizers trace: `features: {ptrace: true}`.
const WITHOUT_PTRACE: [&str; 4] = ["default", "build", "shell", "strict"];

#[test]
fn memory_that_is_readable_becomes_executable_by_personality() {
    for attack in ["map-executable", "high-bits"] {
        attack!("kernel_calls", attack).without("seccomp").is_stopped();
    }
}

#[test]
fn a_refused_call_is_made_by_a_thread() {
    attack!("kernel_calls", "by-thread").without("seccomp").is_stopped();
}

#[test]
fn a_refused_call_is_made_by_a_child() {
    attack!("kernel_calls", "by-child").without("seccomp").is_stopped();
}

#[test]
fn a_refused_call_is_made_after_execve() {
    attack!("kernel_calls", "after-execve").without("seccomp").is_stopped();
}

#[test]
fn a_refused_call_is_made_under_a_filter_of_its_own() {
    attack!("kernel_calls", "without-filter").without("seccomp").is_stopped();
}

#[cfg(target_arch = "x86_64")]
#[test]
fn a_refused_call_is_made_by_the_32_bit_entry() {
    attack!("kernel_calls", "by-32-bit-entry").without("seccomp").is_stopped();
}

#[test]
fn a_ring_is_set_up_whose_work_passes_no_filter() {
    if !is_off_for_all("kernel/io_uring_disabled", |value| value > 0) {
        attack!("kernel_calls", "set-up-ring").without("seccomp").is_stopped();
    }
}

#[test]
fn the_kernel_is_stopped_at_page_faults() {
    attack!("kernel_calls", "stop-at-page-faults").without("seccomp").is_stopped();
}

#[test]
fn events_of_the_processor_are_counted() {
    if !is_off_for_all("kernel/perf_event_paranoid", |value| value > 2) {
        attack!("kernel_calls", "count-events").without("seccomp").is_stopped();
    }
}

#[test]
fn whole_mounts_are_watched() {
    attack!("kernel_calls", "watch-mounts").without("seccomp").is_stopped();
}

#[test]
fn memory_is_placed_on_a_node() {
    attack!("kernel_calls", "place-memory").without("seccomp").is_stopped();
}

#[test]
fn pointers_of_the_kernel_are_compared() {
    attack!("kernel_calls", "compare-kernel-pointers").only_under(&WITHOUT_PTRACE).without("seccomp").is_stopped();
}

#[test]
fn a_process_is_traced() {
    attack!("kernel_calls", "trace-child").only_under(&WITHOUT_PTRACE).without("seccomp").is_stopped();
}

#[test]
fn the_memory_of_a_process_is_read_by_its_number() {
    attack!("kernel_calls", "read-memory").only_under(&WITHOUT_PTRACE).without("seccomp").is_stopped();
}

#[cfg(target_arch = "x86_64")]
#[test]
fn segments_of_the_processor_are_asked_for() {
    attack!("kernel_calls", "read-segments").without("seccomp").is_stopped();
}

// What only an administrator may do the kernel refuses as well: here it must not even look at the arguments.
#[test]
fn a_call_for_administrators_reaches_the_kernel() {
    for attack in ["set-clock", "ask-quota", "delete-key-type"] {
        attack!("kernel_calls", attack).without("seccomp").is_stopped();
    }
    // Before, the kernel asked for a capability of the host's first.
    attack!("kernel_calls", "open-by-handle").without("seccomp").since((6, 11)).is_stopped();
}
