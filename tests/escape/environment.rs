//! The caller's variables: the names that a profile keeps, and no secret among them.

use super::attempt::Attack;
use super::bench::{Bench, CANARY};
use std::process::Command;

/// Each name is set to a secret.
fn with(names: &'static [&'static str], attack: Attack) -> Attack {
    let set = |_: &Bench, command: &mut Command| {
        command.envs(names.iter().map(|name| (name, CANARY)));
    };
    attack.bait(set).without("environment")
}

/// `attack!`, of variables that are there under any of these names.
macro_rules! get {
    ($($name:literal),+) => { with(&[$($name),+], attack!("environment", "get" $(, $name)+)) };
}

#[test]
fn the_keys_of_a_cloud_are_read() {
    get!("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "GOOGLE_APPLICATION_CREDENTIALS").is_stopped();
}

#[test]
fn a_token_is_read() {
    get!("GITHUB_TOKEN", "GH_TOKEN", "CI_JOB_TOKEN", "NPM_CONFIG__AUTH").is_stopped();
}

// Layer: what looks like a secret is not kept by a pattern, as CARGO_*, NODE_* and PYTHON* of three profiles are.
#[test]
fn a_token_that_a_pattern_of_the_profile_matches_is_read() {
    get!("CARGO_REGISTRIES_MINE_TOKEN", "NODE_AUTH_TOKEN", "PYTHON_KEYRING_PASSWORD").is_stopped();
}

#[test]
fn the_socket_of_an_agent_or_a_bus_is_named() {
    get!("SSH_AUTH_SOCK", "DBUS_SESSION_BUS_ADDRESS", "DOCKER_HOST", "WAYLAND_DISPLAY", "XAUTHORITY").is_stopped();
}

#[test]
fn a_library_or_a_script_of_the_callers_choice_is_loaded_first() {
    get!("LD_PRELOAD", "LD_AUDIT", "BASH_ENV", "ENV", "PERL5OPT", "GIT_SSH_COMMAND").is_stopped();
}

#[test]
fn a_secret_is_found_in_proc_self_environ() {
    with(&["MY_SECRET"], attack!("environment", "find-in", "/proc/self/environ", CANARY)).is_stopped();
}

#[test]
fn a_secret_is_found_on_the_stack() {
    let (half, rest) = CANARY.split_at(4);
    with(&["MY_SECRET"], attack!("environment", "find-on-stack", half, rest)).is_stopped();
}
