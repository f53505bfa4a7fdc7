//! The network: no listener of the host's is reached, none inside is reached from the host, and nothing of the host's is listed.

use std::fs;

#[test]
fn a_listener_on_the_hosts_loopback_is_reached() {
    for kind in ["tcp4", "tcp6", "udp4", "udp6"] {
        attack!("network", "call", kind, "@").started_by(&["listen", kind]).without("network-namespace").is_stopped();
    }
}

// Landlock's rules on TCP do not cover it, and are not used.
#[test]
fn a_listener_is_reached_without_connect_by_tcp_fast_open() {
    attack!("network", "call", "tcp4-fast", "@")
        .started_by(&["listen", "tcp4-fast"])
        .without("network-namespace")
        .is_stopped();
}

#[test]
fn an_abstract_socket_of_the_host_is_reached() {
    for kind in ["abstract", "abstract-datagram"] {
        attack!("network", "call", kind, "@")
            .started_by(&["listen", kind])
            .without("network-namespace,landlock")
            .is_stopped();
    }
}

#[test]
fn a_listener_inside_waits_for_the_host() {
    for kind in ["tcp4", "tcp6", "abstract"] {
        attack!("network", "listen-inside", kind, "/shared")
            .started_by(&["call-in", kind, "{home}/shared"])
            .without("network-namespace")
            .is_stopped();
    }
}

#[test]
fn the_hosts_connections_are_listed_in_proc() {
    attack!("network", "find-port", "@").started_by(&["listen", "tcp4"]).without("network-namespace").is_stopped();
}

#[test]
fn the_hosts_interfaces_are_listed_by_netlink() {
    // What there is besides the loopback's.
    if fs::read_dir("/sys/class/net").is_ok_and(|interfaces| interfaces.count() < 2) {
        return;
    }
    attack!("network", "find-interface").without("network-namespace").is_stopped();
}
