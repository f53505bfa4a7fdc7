//! The caller's terminal: not typed into, not held, and left as it was.

use super::attempt::{Attack, is_off_for_all};

const TIOCSTI: &str = "0x5412";

#[track_caller]
fn typing_is_stopped(attack: &Attack) {
    if !is_off_for_all("dev/tty/legacy_tiocsti", |value| value == 0) {
        attack.is_stopped();
    }
}

#[test]
fn something_is_typed_into_the_callers_terminal() {
    let attack = attack!("terminal", "type", "/dev/tty", TIOCSTI).started_by(&["on-terminal"]);
    typing_is_stopped(&attack.without("stdio,session,seccomp"));
}

// The kernel takes 32 bits of the number, a filter could compare 64: CVE-2019-10063.
#[test]
fn something_is_typed_with_a_bit_above_the_32_that_count() {
    let attack = attack!("terminal", "type", "/dev/tty", "0x100005412").started_by(&["on-terminal"]);
    typing_is_stopped(&attack.without("stdio,session,seccomp"));
}

#[test]
fn something_is_typed_though_stdin_stdout_and_stderr_are_no_terminal() {
    let attack = attack!("terminal", "type", "/dev/tty", TIOCSTI).started_by(&["with-pipes"]);
    typing_is_stopped(&attack.without("session,seccomp"));
}

#[test]
fn the_console_is_asked_by_its_own_ioctl() {
    attack!("terminal", "ask-console").started_by(&["on-terminal"]).without("seccomp").is_stopped();
}

#[test]
fn the_callers_terminal_is_left_raw() {
    attack!("terminal", "make-raw").started_by(&["on-terminal"]).without("stdio,session").is_stopped();
}

#[test]
fn the_callers_terminal_is_left_with_another_line_discipline() {
    attack!("terminal", "set-discipline").started_by(&["on-terminal"]).without("stdio,session,seccomp").is_stopped();
}

#[test]
fn the_foreground_of_the_callers_terminal_is_taken() {
    for how in ["on-terminal", "with-pipes"] {
        attack!("terminal", "take-foreground").started_by(&[how]).without("stdio,session").is_stopped();
    }
}

#[test]
fn another_terminal_of_the_host_is_opened() {
    attack!("terminal", "open-another", "@").started_by(&["with-another"]).without("detached-root").is_stopped();
}
