//! What the caller has on stdin, stdout and stderr: the bytes are the command's, the open files are not.

use super::attempt::Attack;
use super::bench::{Bench, CANARY};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

/// A file that every user may open, so that no mode stops what is tried.
fn open_to_all(bench: &Bench, _: &mut Command) {
    let file = bench.project.home().join("open");
    fs::write(&file, CANARY).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
}

fn with_input(attack: Attack) -> Attack {
    attack.started_by(&["watch", "0", "read", "{home}/open"]).bait(open_to_all)
}

fn with_log(attack: Attack) -> Attack {
    attack.started_by(&["watch", "1", "append", "{home}/open"]).bait(open_to_all)
}

#[test]
fn the_file_on_stdin_is_opened_again_for_writing() {
    for path in ["/proc/self/fd/0", "/dev/stdin", "/dev/fd/0"] {
        with_input(attack!("stdio", "write-through", path)).without("stdio,landlock").is_stopped();
    }
}

#[test]
fn the_log_on_stdout_is_opened_again_for_reading() {
    with_log(attack!("stdio", "read-through", "/proc/self/fd/1", CANARY)).without("stdio,landlock").is_stopped();
}

#[test]
fn the_log_on_stdout_is_truncated() {
    with_log(attack!("stdio", "truncate-log")).without("stdio").is_stopped();
}

#[test]
fn the_log_on_stdout_loses_its_append_mode_and_is_overwritten() {
    with_log(attack!("stdio", "overwrite-log")).without("stdio").is_stopped();
}

#[test]
fn the_callers_stdin_is_left_non_blocking() {
    with_input(attack!("stdio", "set-nonblocking")).without("stdio").is_stopped();
}

#[test]
fn the_callers_stdin_is_left_with_another_signal_than_sigio() {
    with_input(attack!("stdio", "set-signal")).without("stdio").is_stopped();
}

#[test]
fn the_callers_stdin_is_left_locked() {
    with_input(attack!("stdio", "lock")).without("stdio").is_stopped();
}

#[test]
fn what_others_wrote_into_the_pipe_on_stdout_is_read_back() {
    attack!("stdio", "read-through", "/proc/self/fd/1", "before")
        .started_by(&["full-pipe"])
        .without("stdio")
        .is_stopped();
}

// Here and below the supervisor reads from elsewhere, or it might take what is looked for itself.
#[test]
fn the_pipe_on_stdin_is_written_for_its_other_readers() {
    attack!("stdio", "write-through", "/proc/self/fd/0")
        .started_by(&["silent-pipe"])
        .flags(&["--stdin=/dev/null"])
        .without("stdio")
        .is_stopped();
}

#[test]
fn a_directory_comes_through_a_socket_on_stdin() {
    attack!("stdio", "receive", "secret")
        .started_by(&["send-directory", "{home}"])
        .flags(&["--stdin=/dev/null"])
        .without("stdio,landlock")
        .is_stopped();
}
