//! Descriptors that the caller left open, not close-on-exec: none is there, and so nothing is reached through one.

const AT: &str = "9";

#[test]
fn a_file_that_the_caller_left_open_is_read() {
    attack!("inherited", "read", AT).started_by(&["hold", AT, "{home}/secret"]).without("close-fds").is_stopped();
}

#[test]
fn a_file_left_open_at_a_high_number_is_read() {
    attack!("inherited", "read", "900").started_by(&["hold", "900", "{home}/secret"]).without("close-fds").is_stopped();
}

#[test]
fn a_file_is_opened_below_a_directory_that_the_caller_left_open() {
    attack!("inherited", "read-below", AT, "secret")
        .started_by(&["hold", AT, "{home}"])
        .without("close-fds,landlock")
        .is_stopped();
}

#[test]
fn a_directory_that_the_caller_left_open_becomes_the_current_one() {
    attack!("inherited", "read-from-within", AT, "secret")
        .started_by(&["hold", AT, "{home}"])
        .without("close-fds,landlock")
        .is_stopped();
}

#[test]
fn something_is_said_through_a_socket_of_the_callers() {
    attack!("inherited", "write", AT).started_by(&["hold-socket", AT]).without("close-fds").is_stopped();
}

#[test]
fn an_eventfd_of_the_callers_is_signalled() {
    attack!("inherited", "write", AT).started_by(&["hold-eventfd", AT]).without("close-fds").is_stopped();
}

#[test]
fn a_process_of_the_host_is_watched_through_a_pidfd_of_the_callers() {
    attack!("inherited", "watch-process", AT).started_by(&["hold-pidfd", AT]).without("close-fds").is_stopped();
}

#[test]
fn any_descriptor_above_2_is_found_open() {
    attack!("inherited", "find-any").started_by(&["hold", "500", "/dev/null"]).without("close-fds").is_stopped();
}
