//! Families of sockets: only UNIX, INET, INET6 and NETLINK_ROUTE can be made, by no entry of the kernel another.

const STREAM: &str = "1";
const RAW: &str = "3";
const VSOCK: &str = "40";
const NETLINK: &str = "16";

#[test]
fn a_socket_to_the_hypervisor_is_made() {
    attack!("families", "make", VSOCK, STREAM, "0").without("seccomp").is_stopped();
}

// The kernel takes 32 bits of a family, a filter could compare 64.
#[test]
fn a_socket_to_the_hypervisor_is_made_with_a_bit_above_the_32_that_count() {
    attack!("families", "make", "0x100000028", STREAM, "0").without("seccomp").is_stopped();
}

#[test]
fn a_pair_of_sockets_to_the_hypervisor_is_made() {
    attack!("families", "pair", VSOCK).without("seccomp").is_stopped();
}

#[cfg(target_arch = "x86_64")]
#[test]
fn a_socket_to_the_hypervisor_is_made_by_the_32_bit_call() {
    attack!("families", "make32", VSOCK, STREAM, "0").without("seccomp").is_stopped();
}

#[cfg(target_arch = "x86_64")]
#[test]
fn a_socket_to_the_hypervisor_is_made_by_socketcall() {
    attack!("families", "socketcall32", VSOCK, STREAM, "0").without("seccomp").is_stopped();
}

#[test]
fn the_kernels_messages_about_devices_are_listened_to() {
    attack!("families", "make", NETLINK, RAW, "15").without("seccomp").is_stopped();
}

#[test]
fn a_netlink_socket_of_another_protocol_than_route_is_made() {
    // SOCK_DIAG, GENERIC, which every kernel has; then the last of them with a bit that does not count.
    for protocol in ["4", "16", "0x100000010"] {
        attack!("families", "make", NETLINK, RAW, protocol).without("seccomp").is_stopped();
    }
}

#[test]
fn a_packet_socket_is_made() {
    attack!("families", "make", "17", RAW, "0").flags(&["--uid=0"]).without("seccomp,capabilities").is_stopped();
}

#[test]
fn an_xdp_socket_is_made() {
    attack!("families", "make", "44", RAW, "0").flags(&["--uid=0"]).without("seccomp,capabilities").is_stopped();
}

// AF_INET is let through, so that only the missing capability stops it.
#[test]
fn a_raw_socket_is_made() {
    for family in ["2", "10"] {
        attack!("families", "make", family, RAW, "1").flags(&["--uid=0"]).without("capabilities").is_stopped();
    }
}
