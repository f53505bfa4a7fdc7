//! PID 1 inside: its limits, its turn at the processor, its signals. Starved or stopped, it would give a false verdict.

use super::host::ON_HOST;

#[test]
fn init_gets_a_lower_limit() {
    attack!("init_calls", "limit").without("seccomp").is_stopped();
}

#[test]
fn init_is_pinned_to_one_processor() {
    attack!("init_calls", "pin").without("seccomp").is_stopped();
}

#[test]
fn init_is_left_to_idle_processors() {
    for call in ["setscheduler", "setparam", "setattr"] {
        attack!("init_calls", "schedule", call).without("seccomp").is_stopped();
    }
}

#[test]
fn init_is_made_nicer() {
    for whom in ["process", "user"] {
        attack!("init_calls", "nice", whom).without("seccomp").is_stopped();
    }
}

#[test]
fn init_gets_the_last_turn_at_the_disk() {
    for whom in ["process", "user"] {
        attack!("init_calls", "disk", whom).without("seccomp").is_stopped();
    }
}

// A verdict needs somebody who waits for the command.
#[test]
fn init_is_killed() {
    let attack = attack!("init_calls", "kill").without("pid-namespace,landlock").flags(ON_HOST);
    attack.effect(|_, output| output.code() != 43).is_stopped();
}

#[test]
fn init_is_stopped() {
    attack!("init_calls", "stop").without("pid-namespace,landlock").flags(ON_HOST).is_stopped();
}

#[test]
fn the_supervisors_word_to_init_is_forged() {
    let attack = attack!("init_calls", "say-end").without("landlock,sender");
    attack.effect(|_, output| output.code() != 43).is_stopped();
}
