//! Sockets of the host in a granted tree: no mount flag stops connect(2), so they are covered.

use std::fs;
use std::os::unix::fs::symlink;

const KINDS: [&str; 3] = ["stream", "datagram", "packets"];

#[test]
fn a_daemon_is_called_in_a_directory_that_was_granted_to_read() {
    for kind in KINDS {
        attack!("path_sockets", "call", kind, "/granted/agent.sock")
            .started_by(&["listen", kind, "{home}/granted/agent.sock"])
            .without("hides")
            .is_stopped();
    }
}

#[test]
fn a_daemon_is_called_in_a_directory_that_was_granted_to_write() {
    for kind in KINDS {
        attack!("path_sockets", "call", kind, "/shared/agent.sock")
            .started_by(&["listen", kind, "{home}/shared/agent.sock"])
            .without("hides")
            .is_stopped();
    }
}

#[test]
fn a_daemon_is_called_deep_below_a_directory_that_was_granted() {
    attack!("path_sockets", "call", "stream", "/granted/a/b/agent.sock")
        .started_by(&["listen", "stream", "{home}/granted/a/b/agent.sock"])
        .bait(|bench, _| fs::create_dir_all(bench.granted.join("a/b")).unwrap())
        .without("hides")
        .is_stopped();
}

#[test]
fn a_daemon_is_called_through_a_link() {
    attack!("path_sockets", "call", "stream", "/granted/link")
        .started_by(&["listen", "stream", "{home}/granted/agent.sock"])
        .bait(|bench, _| drop(symlink("agent.sock", bench.granted.join("link"))))
        .without("hides")
        .is_stopped();
}

#[test]
fn a_daemon_is_called_whose_socket_was_bound_by_a_name_relative_to_the_directory() {
    attack!("path_sockets", "call", "stream", "/granted/agent.sock")
        .started_by(&["listen-relative", "stream", "{home}/granted", "agent.sock"])
        .without("hides")
        .is_stopped();
}

#[test]
fn a_daemon_is_called_whose_socket_was_renamed_or_has_a_second_name() {
    for how in ["rename", "link"] {
        attack!("path_sockets", "call", "stream", "/granted/agent.sock")
            .started_by(&["listen-moved", how, "stream", "{home}/granted/first.sock", "{home}/granted/agent.sock"])
            .without("hides")
            .is_stopped();
    }
}

#[test]
fn a_daemon_of_another_network_namespace_is_called() {
    attack!("path_sockets", "call", "stream", "/granted/agent.sock")
        .started_by(&["listen-elsewhere", "stream", "{home}/granted/agent.sock"])
        .without("hides")
        .is_stopped();
}

#[test]
fn a_daemon_is_called_whose_socket_was_bound_through_a_link() {
    attack!("path_sockets", "call", "stream", "/granted/agent.sock")
        .started_by(&["listen", "stream", "{home}/link/agent.sock"])
        .bait(|bench, _| drop(symlink("granted", bench.project.home().join("link"))))
        .without("hides")
        .is_stopped();
}

#[test]
fn a_daemon_hands_out_a_directory_of_the_host() {
    attack!("path_sockets", "receive", "/granted/agent.sock", "secret")
        .started_by(&["serve-directory", "{home}/granted/agent.sock", "{home}"])
        .without("hides,landlock")
        .is_stopped();
}

#[test]
fn only_the_socket_that_is_named_is_called() {
    let flags = ["--socket={home}/granted/agent.sock:/run/agent.sock"];
    let started_by = ["listen", "stream", "{home}/granted/agent.sock"];
    attack!("path_sockets", "call", "stream", "/run/agent.sock").started_by(&started_by).flags(&flags).is_granted();
}
