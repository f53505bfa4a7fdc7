//! If the supervisor dies, by whatever, everything inside dies with it.

use super::attempt::Attack;
use super::bench::Bench;
use super::host::{ON_HOST, through};
use std::process::Command;

/// Killed after 0, 1, 2 … `most` milliseconds, and when the command is busy, each time in a run of its own.
fn killed(most: &'static str) -> impl Fn(&Bench, &mut Command) {
    move |bench, command| {
        let program = bench.project.home().join("attack/supervisor_killed");
        through(command, program.to_str().unwrap(), &["outside", most]);
    }
}

fn busy() -> Attack {
    attack!("supervisor_killed", "busy").flags(ON_HOST)
}

// The barrier and the tie have their moment somewhere in this time, each at another one on each machine.
#[test]
fn something_outlives_a_supervisor_that_is_killed_while_it_starts_or_is_busy() {
    busy().without("tie").bait(killed("20")).is_stopped();
}

#[test]
fn children_outlive_init_when_the_supervisor_is_killed() {
    busy().without("pid-namespace").bait(killed("-1")).is_stopped();
}
