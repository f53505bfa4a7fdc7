//! What the kernel counts per user: the command cannot take what the caller needs.

use super::attempt::Attack;
use super::harness::root;
use super::host::through;

/// `strict` refuses some of the calls; here it is the quota that counts.
fn taken(attack: Attack, kind: &'static str, without: &'static str) {
    let attack = attack.flags(&["--seccomp", "default"]).without(without);
    attack
        .bait(move |bench, command| {
            let program = bench.project.home().join("attack/quotas");
            through(command, program.to_str().unwrap(), &["outside", kind]);
        })
        .is_stopped();
}

#[test]
fn the_caller_has_no_inotify_instance_left() {
    taken(attack!("quotas", "take", "inotify"), "inotify", "user-quotas");
}

#[test]
fn the_caller_has_no_pending_signal_left() {
    taken(attack!("quotas", "take", "signals"), "signals", "rlimits");
}

// Landlock: a queue is a file below none of its rules.
#[test]
fn the_caller_has_no_message_queue_left() {
    taken(attack!("quotas", "take", "queues"), "queues", "rlimits,landlock");
}

// Root is bound by no such limit.
#[test]
fn the_caller_can_start_no_process() {
    if !root() {
        taken(attack!("quotas", "take", "processes"), "processes", "rlimits,cgroup");
    }
}
