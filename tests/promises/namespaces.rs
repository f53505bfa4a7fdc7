//! A world of its own: users, processes, network, host name, System V IPC and mounts.

use super::harness::{Project, finish, root};
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

// Layer: clone3 with six namespaces.
#[test]
fn every_namespace_is_another_than_the_callers() {
    let project = Project::new();
    for kind in ["user", "mnt", "pid", "net", "uts", "ipc", "cgroup"] {
        let link = format!("/proc/self/ns/{kind}");
        let outside = std::fs::read_link(&link).unwrap();
        let inside = project.inside(&format!("readlink {link}"));
        assert_ne!(inside, outside.to_string_lossy(), "{kind}");
        assert!(inside.starts_with(kind), "{inside}");
    }
}

// Layer: id map.
#[test]
fn the_build_profile_is_uid_0_inside() {
    assert_eq!(Project::new().inside("echo $(id -u):$(id -g) $(id -un)"), "0:0 root");
}

#[test]
fn the_test_profile_keeps_the_callers_ids() {
    let id = |flag| finish(Project::new().outside("id", &[flag])).ok();
    let inside = Project::new().shell(&["-p", "test"], "id -u; id -g").ok();
    assert_eq!(inside, format!("{}\n{}", id("-u"), id("-g")));
}

#[test]
fn any_id_can_be_asked_for() {
    let project = Project::new();
    assert_eq!(project.shell(&["-p", "build", "--uid", "1234", "--gid", "77"], "id -u; id -g").ok(), "1234\n77");
}

#[test]
fn exactly_one_id_is_mapped_and_setgroups_is_denied() {
    let project = Project::new();
    let maps = project.inside("cat /proc/self/uid_map /proc/self/gid_map; cat /proc/self/setgroups");
    let lines: Vec<Vec<&str>> = maps.lines().map(|l| l.split_whitespace().collect()).collect();
    assert_eq!(lines.len(), 3, "{maps}");
    assert_eq!((lines[0][0], lines[0][2]), ("0", "1"));
    assert_eq!((lines[1][0], lines[1][2]), ("0", "1"));
    if !root() {
        assert_eq!(lines[2], ["deny"]);
    }
}

// Layer: UTS namespace.
#[test]
fn the_host_name_is_the_profiles() {
    let project = Project::new();
    assert_eq!(project.inside("uname -n; cat /etc/hostname"), "sandbox\nsandbox");
    assert_eq!(project.shell(&["-p", "build", "--hostname", "box7"], "uname -n").ok(), "box7");
}

// Layer: PID namespace and init.
#[test]
fn pid_1_is_an_init_and_not_the_command() {
    let project = Project::new();
    assert_ne!(project.inside("echo $$"), "1");
    assert_eq!(project.inside("ps -o ppid= -p $$ | tr -d ' '"), "1");
}

#[test]
fn no_process_of_the_host_is_in_proc() {
    let project = Project::new();
    let mut victim = project.outside("sleep", &["86399.731"]).spawn().unwrap();
    let seen = project.inside("for f in /proc/[0-9]*/cmdline; do tr '\\0' ' ' < $f; echo; done");
    let count: usize = project.inside("ls /proc | grep -c '^[0-9]'").parse().unwrap();
    victim.kill().unwrap();
    victim.wait().unwrap();
    assert!(!seen.contains("86399.731"), "{seen}");
    assert!(count <= 5, "{count} processes");
}

#[test]
fn a_process_of_the_host_cannot_be_signalled() {
    let project = Project::new();
    let mut victim = project.outside("sleep", &["1000"]).spawn().unwrap();
    project.shell(&["-p", "build"], &format!("kill -9 {}; kill -9 -1; true", victim.id()));
    assert!(victim.try_wait().unwrap().is_none(), "the process outside is gone");
    victim.kill().unwrap();
    victim.wait().unwrap();
}

/// A client inside: prints the errno of connecting to `address`, or 0.
fn connects(project: &Project, family: &str, address: &str) -> String {
    let code = format!(
        "import socket,errno\ns=socket.socket(socket.{family})\nr=s.connect_ex({address})\nprint(errno.errorcode.get(r, r))"
    );
    project.run(&["-p", "build", "--", "python3", "-c", &code]).ok()
}

// Layer: network namespace.
#[test]
fn a_listener_on_the_hosts_loopback_cannot_be_reached() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    assert_eq!(connects(&Project::new(), "AF_INET", &format!("('127.0.0.1',{port})")), "ECONNREFUSED");
}

#[test]
fn an_abstract_socket_of_the_host_cannot_be_reached() {
    let name = format!("sandbox-test-{}", std::process::id());
    let _listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    assert_eq!(connects(&Project::new(), "AF_UNIX", &format!("'\\0{name}'")), "ECONNREFUSED");
}

#[test]
fn another_network_is_unreachable_at_once() {
    assert_eq!(connects(&Project::new(), "AF_INET", "('192.0.2.1',80)"), "ENETUNREACH");
}

#[test]
fn the_own_loopback_works() {
    let code = "import socket\ns=socket.create_server(('127.0.0.1',0))\nc=socket.create_connection(s.getsockname())\nc.send(b'hi')\nprint(s.accept()[0].recv(9))";
    assert_eq!(Project::new().run(&["-p", "build", "--", "python3", "-c", code]).ok(), "b'hi'");
}

#[test]
fn the_only_interface_is_loopback() {
    assert_eq!(Project::new().inside("tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '"), "lo");
}

// PROFILE: `network.mode: host` is what the caller asks for by name.
#[test]
fn with_the_hosts_network_its_listener_is_reached() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let code = format!("import socket\nsocket.create_connection(('127.0.0.1',{port}))\nprint('there')");
    assert_eq!(Project::new().run(&["-p", "build", "--network", "host", "--", "python3", "-c", &code]).ok(), "there");
}

// Layer: IPC namespace.
#[test]
fn a_shared_memory_segment_of_the_host_is_not_there() {
    let project = Project::new();
    let made = finish(project.outside("ipcmk", &["-M", "4096"])).ok();
    let id = made.rsplit(' ').next().unwrap().to_owned();
    let inside = project.inside(
        "tail -n +2 /proc/sysvipc/shm | wc -l; ipcmk -M 4096 > /dev/null; tail -n +2 /proc/sysvipc/shm | wc -l",
    );
    finish(project.outside("ipcrm", &["-m", &id])).ok();
    assert_eq!(inside, "0\n1");
}

// Layer: pivot_root and the detached old root.
#[test]
fn no_mount_of_the_host_is_left_in_mountinfo() {
    let project = Project::new();
    let mounts = project.inside("cut -d' ' -f5- /proc/self/mountinfo");
    let at_root: Vec<_> = mounts.lines().filter(|line| line.starts_with("/ ")).collect();
    assert_eq!(at_root.len(), 1, "{mounts}");
    assert!(at_root[0].contains("- tmpfs "), "{mounts}");
    assert!(!mounts.lines().any(|line| line.starts_with("/sys")), "{mounts}");
}

#[test]
fn the_cgroup_path_of_the_host_is_not_shown() {
    let cgroup = Project::new().inside("cat /proc/self/cgroup | cut -d: -f3 | sort -u");
    assert_eq!(cgroup, "/");
}
