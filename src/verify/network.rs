//! Network and IPC: nothing that listens on the host is reached, nothing that it shares is there.

use super::baits::Baits;
use super::files::shown_by;
use super::probe::{
    Answer, Granted, Probe, Reply, alone, held, is_want, no_room, none_but, none_of, not_tried, through,
};
use crate::plan::{NetworkMode, SeccompPolicy};
use crate::sys::probe::{Arg, call};
use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockType, SockaddrIn, SockaddrIn6, SockaddrLike, UnixAddr, connect, sendto,
    socket,
};
use std::ffi::CString;
use std::fs;
use std::net::{Ipv6Addr, SocketAddrV6};
use std::os::fd::AsRawFd;

/// In this order.
pub const PROBES: &[Probe] = &[
    Probe::new(
        "tcp-ipv4",
        "No listener of the host on loopback is reached: TCP, IPv4",
        "connect(2) and sendto(2) with MSG_FASTOPEN to a listener of the caller's on 127.0.0.1; did it accept?",
        |baits| tcp(baits.tcp4.map(|port| SockaddrIn::new(127, 0, 0, 1, port)), AddressFamily::Inet),
    )
    .unless(host_network),
    Probe::new("tcp-ipv6", "No listener of the host on loopback is reached: TCP, IPv6", "the same on ::1", |baits| {
        let to = |port| SockaddrIn6::from(SocketAddrV6::new(Ipv6Addr::LOCALHOST, port, 0, 0));
        tcp(baits.tcp6.map(to), AddressFamily::Inet6)
    })
    .unless(host_network),
    Probe::new(
        "udp",
        "No socket of the host on loopback is reached: UDP",
        "sendto(2) to a socket of the caller's on 127.0.0.1; did it come?",
        udp,
    )
    .unless(host_network),
    Probe::new(
        "abstract-socket",
        "No listener of the host on an abstract socket is reached",
        "connect(2) to one of the caller's; did it accept?",
        |baits| unix(UnixAddr::new_abstract(baits.abstract_socket.as_bytes())),
    )
    .unless(host_network),
    Probe::new(
        "path-socket",
        "No socket with a path is reached that was not granted",
        "connect(2) to one of the caller's; did it accept?",
        |baits| unix(UnixAddr::new(&baits.path_socket)),
    )
    .unless(|granted| shown_by(granted, &granted.baits.path_socket)),
    Probe::new(
        "interfaces",
        "The only network is an own loopback",
        "to find in /proc/net/dev an interface but lo, and in /proc/net/route a route",
        interfaces,
    )
    .unless(host_network),
    Probe::new(
        "socket-families",
        "No socket family but UNIX, INET, INET6 and NETLINK_ROUTE",
        "socket(2) of every other family (VSOCK, ALG, PACKET …), or of these if no filter stands before, with high bits too",
        families,
    )
    .unless(socket_grant),
    Probe::new(
        "netlink",
        "No netlink protocol but ROUTE",
        "socket(2) of every other protocol (AUDIT, CONNECTOR, KOBJECT_UEVENT …), or of these if no filter stands before",
        |baits| {
            // The same of their modules: AUDIT, CONNECTOR and KOBJECT_UEVENT are built in.
            let is_tried = |protocol: &i32| baits.filters_sockets || [9, 11, 15].contains(protocol);
            let protocols = (1..=22).filter(is_tried).map(|protocol| (format!("netlink {protocol}"), Arg::Number(16), protocol));
            sockets(protocols.collect())
        },
    )
    .unless(socket_grant),
    Probe::new(
        "shared-memory",
        "No System V memory of the host's",
        "shmctl(2) and shmat(2) of a segment of the caller's by its id",
        shared_memory,
    ),
    Probe::new(
        "message-queue",
        "No POSIX message queue of the host's",
        "mq_open(3) of a queue of the caller's by its name",
        |baits| {
            let Some(name) = &baits.queue else { return not_tried("the host lets no POSIX message queue be made") };
            let name = CString::new(name.as_str()).unwrap_or_default();
            in_alone(|| call(libc::SYS_mq_open, &[Arg::Text(&name), Arg::Number(0)]).map(drop))
        },
    ),
    Probe::new(
        "session-key",
        "No key of the host's",
        "keyctl(2) search and request_key(2) for a key in the caller's session keyring",
        session_key,
    ),
    Probe::new(
        "keyring-names",
        "No list of the user's keys and quotas",
        "open(2) of /proc/keys and /proc/key-users",
        |_| super::files::read_any(["/proc/keys", "/proc/key-users"].map(Into::into)),
    ),
];

fn host_network(granted: &Granted) -> Option<String> {
    (granted.plan.network == NetworkMode::Host).then(|| "network.mode: host".into())
}

fn socket_grant(granted: &Granted) -> Option<String> {
    match granted.plan.seccomp.policy {
        SeccompPolicy::Off => Some("seccomp.policy: off".into()),
        _ => granted.plan.seccomp.allow.iter().any(|call| call == "socket").then(|| "seccomp.allow: socket".into()),
    }
}

/// A refused connection and one that was never made are told apart from one that was.
fn told_of(reply: nix::Result<Reply>) -> Answer {
    match reply {
        Err(errno) => no_room(errno),
        Ok(Reply::Errno(errno)) if is_want(errno) => no_room(errno),
        Ok(Reply::Done) => through("connected"),
        Ok(reply) => held(reply),
    }
}

fn in_alone(attempt: impl FnOnce() -> nix::Result<()>) -> Answer {
    told_of(alone(attempt))
}

fn tcp(to: Option<impl SockaddrLike>, family: AddressFamily) -> Answer {
    let Some(to) = to else { return not_tried("the host has no such loopback") };
    let stream = || socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None);
    in_alone(|| {
        let connected = connect(stream()?.as_raw_fd(), &to);
        connected.or_else(|_| {
            sendto(stream()?.as_raw_fd(), b"x", &to, MsgFlags::from_bits_retain(libc::MSG_FASTOPEN)).map(drop)
        })
    })
}

/// Sent is not received: the socket outside says what came.
fn udp(baits: &Baits) -> Answer {
    let Some(port) = baits.udp else { return not_tried("the host has no such loopback") };
    let reply = alone(|| {
        let datagram = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
        sendto(datagram.as_raw_fd(), b"x", &SockaddrIn::new(127, 0, 0, 1, port), MsgFlags::empty()).map(drop)
    });
    match reply {
        Ok(Reply::Done) => held("sent, and it did not come"),
        reply => told_of(reply),
    }
}

fn unix(to: nix::Result<UnixAddr>) -> Answer {
    match to {
        Err(errno) => not_tried(format_args!("the name is no address: {errno:?}")),
        Ok(to) => in_alone(|| {
            let stream = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
            connect(stream.as_raw_fd(), &to)
        }),
    }
}

fn interfaces(baits: &Baits) -> Answer {
    let Ok(devices) = fs::read_to_string("/proc/net/dev") else { return not_tried("/proc/net/dev cannot be read") };
    let names = devices.lines().skip(2).filter_map(|line| line.split(':').next()).map(str::trim);
    let other = names.filter(|name| *name != "lo").map(str::to_owned);
    let routes = fs::read_to_string("/proc/net/route").unwrap_or_default();
    let routes = routes.lines().skip(1).filter_map(|line| line.split('\t').next());
    let found: Vec<String> = other.chain(routes.map(|interface| format!("a route by {interface}"))).collect();
    if found.is_empty() && baits.interfaces.is_empty() {
        return not_tried("the host itself has none");
    }
    none_of(found, "lo, and no route")
}

fn families(baits: &Baits) -> Answer {
    const VSOCK: u32 = 40;
    // Where no filter stands before it the kernel loads a module for a family, which stays: a few will do.
    let is_tried =
        |family: &i32| baits.filters_sockets || [libc::AF_PACKET, libc::AF_ALG, libc::AF_VSOCK].contains(family);
    let number = |family| (format!("family {family}"), Arg::Number(family), 0);
    let mut all: Vec<_> = (3..46)
        .filter(|family| ![libc::AF_INET6, libc::AF_NETLINK].contains(family))
        .filter(is_tried)
        .map(number)
        .collect();
    all.push(("family 40 with a high bit".into(), Arg::Wide(VSOCK), 0));
    sockets(all)
}

/// Each of the types, for no family has them all.
fn sockets(all: Vec<(String, Arg, i32)>) -> Answer {
    let mut made = Vec::new();
    let mut refused = Vec::new();
    for (name, family, protocol) in all {
        let reply = alone(|| {
            let types = [libc::SOCK_STREAM, libc::SOCK_DGRAM, libc::SOCK_RAW, libc::SOCK_SEQPACKET];
            let calls = types.map(|kind| call(libc::SYS_socket, &[family, Arg::Number(kind), Arg::Number(protocol)]));
            calls.into_iter().min_by_key(|reply| reply.is_err()).unwrap_or(Err(Errno::EINVAL)).map(drop)
        });
        match reply {
            Err(errno) => return no_room(errno),
            Ok(Reply::Done) => made.push(name),
            Ok(Reply::Errno(errno)) => refused.push(errno),
            Ok(Reply::Killed(_)) => refused.push(Errno::EPERM),
        }
    }
    none_but(made, refused)
}

fn shared_memory(baits: &Baits) -> Answer {
    const IPC_STAT: i32 = 2;
    let Some(id) = baits.shm else { return not_tried("the host lets no System V segment be made") };
    in_alone(|| {
        let asked = call(libc::SYS_shmctl, &[Arg::Number(id), Arg::Number(IPC_STAT), Arg::Bytes(&[])]);
        asked
            .or_else(|_| call(libc::SYS_shmat, &[Arg::Number(id), Arg::Number(0), Arg::Number(libc::SHM_RDONLY)]))
            .map(drop)
    })
}

fn session_key(baits: &Baits) -> Answer {
    const KEYCTL_SEARCH: i32 = 10;
    const SESSION: i32 = -3;
    if !baits.has_key {
        return not_tried("the host lets the caller add no key");
    }
    let (kind, name) = (Arg::Text(c"user"), Arg::Text(c"sandbox-verify"));
    let searched = [Arg::Number(KEYCTL_SEARCH), Arg::Number(SESSION), kind, name, Arg::Number(0)];
    match in_alone(|| call(libc::SYS_keyctl, &searched).map(drop)) {
        Answer::Held(_) => {
            in_alone(|| call(libc::SYS_request_key, &[kind, name, Arg::Number(0), Arg::Number(0)]).map(drop))
        }
        answer => answer,
    }
}
