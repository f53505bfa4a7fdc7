//! PID 1 inside: its memory, its descriptors, its secrets and what /proc shows of it. It has the command's own user id.
//!
//! Landlock is a layer of most: init is outside the command's domain, and so cannot be traced from inside.

use super::attempt::Attack;
use super::bench::CANARY;
use super::harness::{binary, copy_program};
use std::fs;
use std::path::Path;

/// What ptrace(2) rules over.
fn traced(attack: Attack) -> Attack {
    attack.without("dumpable,landlock")
}

#[test]
fn init_is_traced() {
    attack!("init", "attach").without("dumpable,landlock,seccomp").is_stopped();
}

#[test]
fn the_memory_of_init_is_written_through_proc() {
    traced(attack!("init", "memory")).is_stopped();
}

#[test]
fn the_memory_of_init_is_read() {
    attack!("init", "vm-read").without("dumpable,landlock,seccomp").is_stopped();
}

#[test]
fn the_memory_of_init_is_written() {
    attack!("init", "vm-write").without("dumpable,landlock,seccomp").is_stopped();
}

#[test]
fn secrets_of_the_callers_environment_are_read_from_init() {
    let attack = attack!("init", "read", "environ", "canary-9b1f").without("dumpable,landlock,erase");
    attack
        .bait(|_, command| {
            command.env("DEPLOY_TOKEN", CANARY);
        })
        .is_stopped();
}

#[test]
fn a_secret_flag_is_read_from_the_command_line_of_init() {
    let attack = attack!("init", "read", "cmdline", "--env=TOKEN=canary-9b1f").without("erase");
    attack.flags(&["--env=TOKEN=canary-9b1f"]).is_stopped();
}

#[test]
fn what_tells_of_the_address_space_of_init_is_read() {
    for name in ["maps", "smaps", "auxv", "syscall", "personality", "io"] {
        // Some depend on how the kernel was built.
        if Path::new("/proc/self").join(name).exists() {
            traced(attack!("init", "read", name)).is_stopped();
        }
    }
}

#[test]
fn the_descriptors_of_init_are_listed() {
    traced(attack!("init", "list-descriptors")).is_stopped();
}

#[test]
fn a_descriptor_of_init_is_stolen() {
    attack!("init", "steal-descriptor").without("dumpable,landlock,seccomp").is_stopped();
}

#[test]
fn the_supervisor_is_told_lies_in_the_place_of_init() {
    let attack = attack!("init", "speak-for-init").without("dumpable,landlock,seccomp");
    attack.effect(|_, output| output.code() == 125).is_stopped();
}

// CVE-2019-5736: a program in the caller's home, which is his to write.
#[test]
fn the_program_is_opened_for_writing_through_init() {
    let attack = attack!("init", "open", "exe", "write").without("dumpable,landlock,private-id");
    attack
        .bait(|bench, command| {
            let copy = bench.project.home().join("sandbox");
            if !copy.exists() {
                copy_program(binary(), &copy);
            }
            let mut copied = bench.project.outside(copy.to_str().unwrap(), &[]);
            copied.args(command.get_args());
            copied.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
            *command = copied;
        })
        .is_stopped();
}

#[test]
fn the_program_is_read_through_init() {
    traced(attack!("init", "open", "exe", "read")).is_stopped();
}

#[test]
fn the_root_of_init_is_opened() {
    traced(attack!("init", "open", "root", "directory")).is_stopped();
}

#[test]
fn the_working_directory_of_init_is_opened() {
    traced(attack!("init", "open", "cwd", "directory")).is_stopped();
}

#[test]
fn the_namespaces_of_init_are_opened() {
    for kind in ["user", "mnt", "pid", "net", "uts", "ipc", "cgroup"] {
        traced(attack!("init", "open", &format!("ns/{kind}"), "read")).is_stopped();
    }
}

// As uid 0 inside, which alone keeps capabilities through execve(2).
#[test]
fn a_namespace_of_init_is_joined() {
    for by in ["file", "process"] {
        let attack = attack!("init", "join", by).flags(&["--uid", "0", "--gid", "0"]);
        attack.without("dumpable,landlock,seccomp,capabilities").is_stopped();
    }
}

#[test]
fn the_locks_of_init_are_found() {
    traced(attack!("init", "find-locks")).is_stopped();
}

#[test]
fn init_is_compared_with_the_command() {
    attack!("init", "compare").without("dumpable,landlock,seccomp").is_stopped();
}

#[test]
fn events_of_init_are_counted() {
    // Debian's own 3 keeps it from everybody.
    let paranoid = fs::read_to_string("/proc/sys/kernel/perf_event_paranoid");
    if paranoid.is_ok_and(|level| level.trim().parse::<i32>().is_ok_and(|level| level < 3)) {
        attack!("init", "count-events").without("dumpable,landlock,seccomp").is_stopped();
    }
}

// Files of a process that is not dumpable belong to the host's root. (Not its autogroup, which is that of the caller's session.)
#[test]
fn a_setting_of_init_is_written_through_proc() {
    let settings =
        [("oom_score_adj", "500"), ("oom_adj", "8"), ("coredump_filter", "0"), ("clear_refs", "1"), ("sched", "0")];
    for (name, value) in settings.into_iter().filter(|(name, _)| Path::new("/proc/self").join(name).exists()) {
        attack!("init", "write", name, value).without("dumpable").is_stopped();
    }
}

// Everybody may open it; what is asked for is CAP_SYS_NICE, which only uid 0 inside would keep through execve(2).
#[test]
fn the_timers_of_init_are_made_slack() {
    let attack = attack!("init", "write", "timerslack_ns", "1000000000").flags(&["--uid", "0", "--gid", "0"]);
    attack.without("capabilities").is_stopped();
}
