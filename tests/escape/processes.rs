//! Processes of the host: not seen, not signalled, not tuned. That they share the caller's user id protects them from nothing.
//!
//! ptrace(2), /proc/PID/mem, setns(2), pidfd_getfd(2) and process_vm_readv(2) on them cannot succeed even without a PID namespace: they
//! ask for a capability in the target's user namespace. Against init, which is in the command's own, `init` tries them.

use super::attempt::Attack;
use super::host::{ON_HOST, Victim, through};
use std::process::Command;

/// An attack on the victim that has an effect on it.
fn harms(attack: Attack, without: &'static str, harmed: impl Fn(&Victim) -> bool + 'static) -> Attack {
    Victim::of(attack.without(without).flags(ON_HOST), harmed)
}

#[test]
fn a_process_of_the_host_is_seen() {
    let attack = attack!("processes", "see").without("pid-namespace").flags(ON_HOST);
    let victim = Victim::default();
    attack.bait(move |bench, command| victim.start(bench, command)).is_stopped();
}

// Landlock: its signal scope.
#[test]
fn a_process_of_the_host_is_killed_by_each_call_that_signals() {
    for call in ["kill", "tkill", "tgkill", "sigqueue", "pidfd", "killpg"] {
        let attack = attack!("processes", "signal", call);
        harms(attack, "pid-namespace,landlock,private-id", Victim::is_dead).is_stopped();
    }
}

#[test]
fn a_process_of_the_host_gets_a_lower_limit() {
    let limited = |victim: &Victim| victim.file("limits").contains("Max cpu time              1 ");
    harms(attack!("processes", "limit"), "pid-namespace,private-id", limited).is_stopped();
}

#[test]
fn a_process_of_the_host_is_made_nicer() {
    let nicer = |victim: &Victim| victim.stat(19) == "7";
    harms(attack!("processes", "nice"), "pid-namespace,private-id", nicer).is_stopped();
}

#[test]
fn a_process_of_the_host_is_left_to_idle_processors() {
    let idle = |victim: &Victim| victim.stat(41) == "5";
    harms(attack!("processes", "schedule"), "pid-namespace,private-id", idle).is_stopped();
}

#[test]
fn a_process_of_the_host_is_pinned_to_one_processor() {
    let pinned = |victim: &Victim| victim.file("status").contains("Cpus_allowed_list:\t0\n");
    harms(attack!("processes", "pin"), "pid-namespace,private-id", pinned).is_stopped();
}

#[test]
fn a_process_of_the_host_is_made_the_first_to_be_killed_for_memory() {
    let first = |victim: &Victim| victim.file("oom_score_adj") == "1000\n";
    let attack = attack!("processes", "write", "oom_score_adj", "1000");
    harms(attack, "pid-namespace,private-id", first).is_stopped();
}

#[test]
fn a_process_of_the_host_dumps_other_memory() {
    let other = |victim: &Victim| victim.file("coredump_filter") == "000001ff\n";
    let attack = attack!("processes", "write", "coredump_filter", "0x1ff");
    harms(attack, "pid-namespace,private-id", other).is_stopped();
}

#[test]
fn the_callers_processes_are_reached_through_their_user() {
    let attack = attack!("processes", "reach-user").without("pid-namespace,private-id").flags(ON_HOST);
    attack.bait(|_, command| through(command, "nice", &["-n", "5"])).is_stopped();
}

#[test]
fn a_process_of_the_host_is_killed_by_a_socket_that_is_said_to_be_its() {
    for owner in ["process", "group"] {
        let attack = attack!("processes", "io-signal", owner);
        harms(attack, "pid-namespace,landlock,private-id", Victim::is_dead).is_stopped();
    }
}

#[test]
fn the_callers_process_group_is_killed() {
    let attack = attack!("processes", "signal-group");
    harms(attack, "session,landlock,private-id", Victim::is_dead).is_stopped();
}

#[test]
fn the_callers_process_group_is_made_nicer() {
    let nicer = |victim: &Victim| victim.stat(19) == "7";
    harms(attack!("processes", "nice-group"), "session,private-id", nicer).is_stopped();
}

#[test]
fn the_callers_process_group_gets_the_last_turn_at_the_disk() {
    let last = |victim: &Victim| {
        let class = Command::new("ionice").args(["-p", &victim.number()]).output().unwrap();
        class.stdout.starts_with(b"idle")
    };
    harms(attack!("processes", "io-group"), "session,private-id", last).is_stopped();
}
