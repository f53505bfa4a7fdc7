//! Laying the baits, and taking them away.

use super::baits::{Baits, LOG_START, NAME, PLACE};
use super::outside::Request;
use crate::plan::{MountKind, Plan, SeccompPolicy};
use crate::sys::probe::{Arg, call};
use crate::sys::process::keep_across_exec;
use nix::fcntl::{FcntlArg, FdFlag, Flock, FlockArg, OFlag, fcntl, open};
use nix::libc;
use nix::pty::{OpenptyResult, openpty};
use nix::sys::stat::Mode;
use nix::unistd::{gethostname, mkdtemp, ttyname};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::io;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, symlink};
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};

/// The baits, for as long as they lie.
pub(super) struct Baited {
    pub baits: Baits,
    pub tcp: [Option<TcpListener>; 2],
    pub udp: Option<UdpSocket>,
    pub unix: [UnixListener; 2],
    pub terminal: Option<OpenptyResult>,
    /// Inherited by whatever is started.
    _open: OwnedFd,
    pub before: Seen,
    /// The last to be dropped: to remove it takes descriptors, which the others then hold no more.
    pub directory: Directory,
}

impl Baited {
    pub fn lay(request: &Request) -> io::Result<Self> {
        let directory = Directory(place(request.plan)?);
        let path = directory.0.clone();
        let canary = format!("canary-{}-{:x}", std::process::id(), fs::metadata(&path)?.ctime_nsec());
        let secret = path.join("secret");
        write(&secret, 0o600, &canary)?;
        for name in ["stdin", "stderr"] {
            write(&path.join(name), 0o600, "")?;
        }
        write(&path.join("log"), 0o600, LOG_START)?;
        fs::create_dir(path.join("reports"))?;
        let shown = path.join("shown");
        show(&shown, &secret)?;
        let tcp = ["127.0.0.1:0", "[::1]:0"].map(|address| {
            let listener = TcpListener::bind(address).ok()?;
            listener.set_nonblocking(true).ok().map(|()| listener)
        });
        let udp = UdpSocket::bind("127.0.0.1:0").ok().filter(|socket| socket.set_nonblocking(true).is_ok());
        let name = format!("{NAME}-{canary}");
        let path_socket = path.join("socket");
        let unix =
            [UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name)?)?, UnixListener::bind(&path_socket)?];
        unix.iter().try_for_each(|listener| listener.set_nonblocking(true))?;
        let terminal = openpty(None, None).ok().filter(|pty| [&pty.master, &pty.slave].into_iter().all(is_private));
        let inherited = open(&path, OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?;
        keep_across_exec(inherited.as_raw_fd())?;
        // The last that may fail: what follows is taken away by whoever holds it.
        let before = Seen::look(&directory.0)?;
        let tcp_port = |number: usize| Some(tcp[number].as_ref()?.local_addr().ok()?.port());
        let baits = Baits {
            is_bare: request.is_bare,
            filters_sockets: !request.is_bare && filters_sockets(request.plan),
            limits: (&request.plan.limits).into(),
            memory: memory(request.plan),
            inotify_instances: number("/proc/sys/fs/inotify/max_user_instances").unwrap_or(128),
            secret,
            shown: if request.is_bare { shown } else { Path::new(PLACE).join("shown") },
            home: names_in(request.home.as_deref(), request.plan),
            accounts: accounts(),
            machine_id: fs::read_to_string("/etc/machine-id")
                .ok()
                .map(|id| id.trim().to_owned())
                .filter(|id| !id.is_empty()),
            hostname: gethostname().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            namespaces: namespaces(),
            tcp4: tcp_port(0),
            tcp6: tcp_port(1),
            udp: udp.as_ref().and_then(|socket| Some(socket.local_addr().ok()?.port())),
            abstract_socket: name,
            path_socket,
            shm: segment().ok(),
            queue: queue(&canary).ok(),
            terminal: terminal.as_ref().and_then(|pty| ttyname(&pty.slave).ok()),
            interfaces: interfaces(),
            canary,
            ..Baits::default()
        };
        Ok(Baited { baits, directory, tcp, udp, unix, terminal, _open: inherited, before })
    }
}

impl Drop for Baited {
    /// What no process holds: the queue.
    fn drop(&mut self) {
        if let Some(name) = self.baits.queue.as_deref().and_then(|name| std::ffi::CString::new(name).ok()) {
            let _ = call(libc::SYS_mq_unlink, &[Arg::Text(&name)]);
        }
    }
}

/// A directory that is removed with all that is in it.
pub(super) struct Directory(pub PathBuf);

impl Drop for Directory {
    fn drop(&mut self) {
        let lock = fs::File::open(self.0.join("shown/lock"));
        let _ = fs::remove_dir_all(&self.0);
        // A daemon that nothing ended holds it until it sees that it is gone.
        if let Ok(lock) = lock {
            let _ = Flock::lock(lock, FlockArg::LockExclusive);
        }
    }
}

/// Names and change times: of the shown tree, and names beside it.
#[derive(Debug, PartialEq)]
pub(super) struct Seen {
    pub shown: BTreeMap<OsString, (i64, i64, u64)>,
    pub beside: Vec<OsString>,
}

impl Seen {
    pub fn look(directory: &Path) -> io::Result<Seen> {
        let mut shown = BTreeMap::new();
        for entry in fs::read_dir(directory.join("shown"))?.flatten() {
            let metadata = entry.path().symlink_metadata()?;
            shown.insert(entry.file_name(), (metadata.ctime(), metadata.ctime_nsec(), metadata.size()));
        }
        let mut beside: Vec<_> = fs::read_dir(directory)?.flatten().map(|entry| entry.file_name()).collect();
        beside.sort();
        Ok(Seen { shown, beside })
    }

    /// Names in the shown tree that are others, or have changed.
    pub fn changes(&self, after: &Seen) -> Vec<String> {
        let names = self.shown.keys().chain(after.shown.keys());
        let changed = names.filter(|name| self.shown.get(*name) != after.shown.get(*name));
        changed.map(|name| name.to_string_lossy().into_owned()).collect()
    }
}

/// A new directory, private, in the first usual place that the profile does not show.
fn place(plan: &Plan) -> io::Result<PathBuf> {
    let places = [std::env::temp_dir(), "/tmp".into(), "/var/tmp".into(), "/dev/shm".into()];
    // The path of a socket in it has 107 bytes (unix(7)), and options are text.
    let fits = |place: &PathBuf| place.to_str().is_some_and(|text| text.len() < 72);
    let places = places.into_iter().filter_map(|place| place.canonicalize().ok());
    let places: Vec<PathBuf> = places.filter(fits).collect();
    let unshown = places.iter().filter(|place| plan.host_path(place).is_none());
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for place in unshown.chain(&places) {
        match mkdtemp(&place.join(format!("{NAME}-XXXXXX"))) {
            Ok(path) => return Ok(path),
            Err(errno) => last = errno.into(),
        }
    }
    Err(last)
}

fn write(path: &Path, mode: u32, text: &str) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    io::Write::write_all(&mut file, text.as_bytes())?;
    // Whatever the umask is.
    fs::set_permissions(path, Permissions::from_mode(mode))
}

/// Made close-on-exec: openpty(3) makes it so that it is inherited.
fn is_private(fd: &OwnedFd) -> bool {
    fcntl(fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).is_ok()
}

/// What any user may change, so that only the mount stands in the way.
fn show(shown: &Path, secret: &Path) -> io::Result<()> {
    fs::create_dir(shown)?;
    for name in ["file", "spare", "hidden", "lock"] {
        write(&shown.join(name), 0o666, "content")?;
    }
    symlink(secret, shown.join("link"))?;
    fs::set_permissions(shown, Permissions::from_mode(0o777))
}

/// Names in the home that no entry of the plan shows, or makes.
fn names_in(home: Option<&Path>, plan: &Plan) -> Vec<PathBuf> {
    const ENOUGH: usize = 64;
    let entries = home.and_then(|home| fs::read_dir(home).ok()).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    let is_made = |path: &PathBuf| plan.mounts.iter().any(|mount| mount.at.starts_with(path));
    paths.filter(|path| plan.host_path(path).is_none() && !is_made(path)).take(ENOUGH).collect()
}

fn filters_sockets(plan: &Plan) -> bool {
    plan.seccomp.policy != SeccompPolicy::Off && !plan.seccomp.allow.iter().any(|call| call == "socket")
}

/// Sizes and inodes of every tmpfs, the root among them.
fn memory(plan: &Plan) -> BTreeMap<PathBuf, (u64, u64)> {
    let root = (PathBuf::from("/"), (plan.root.tmpfs.size, plan.root.tmpfs.inodes));
    let mounted = plan.mounts.iter().filter_map(|mount| match &mount.kind {
        MountKind::Tmpfs(tmpfs) => Some((mount.at.clone(), (tmpfs.size, tmpfs.inodes))),
        _ => None,
    });
    mounted.chain([root]).collect()
}

fn accounts() -> Vec<String> {
    let own = nix::unistd::getuid().to_string();
    let text = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let others = text.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let (name, uid) = (fields.next()?, fields.nth(1)?);
        (!["0", "65534", &own].contains(&uid)).then(|| name.to_owned())
    });
    others.take(64).collect()
}

fn namespaces() -> BTreeMap<String, String> {
    let kinds = ["user", "mnt", "pid", "net", "uts", "ipc", "cgroup"];
    let link = |kind: &str| Some(fs::read_link(format!("/proc/self/ns/{kind}")).ok()?.to_string_lossy().into_owned());
    kinds.into_iter().filter_map(|kind| Some((kind.to_owned(), link(kind)?))).collect()
}

fn number(file: &str) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

fn interfaces() -> Vec<String> {
    let text = fs::read_to_string("/proc/net/dev").unwrap_or_default();
    let names = text.lines().skip(2).filter_map(|line| line.split(':').next()).map(str::trim);
    names.filter(|name| *name != "lo").map(str::to_owned).collect()
}

/// shmget(2): it lives for as long as this process has it attached, whatever ends it.
fn segment() -> nix::Result<i32> {
    const IPC_RMID: i32 = 0;
    let (private, size, mode) = (Arg::Number(0), Arg::Number(4096), Arg::Number(0o600));
    let id = call(libc::SYS_shmget, &[private, size, mode])? as i32;
    let attached = call(libc::SYS_shmat, &[Arg::Number(id), Arg::Number(0), Arg::Number(libc::SHM_RDONLY)]);
    call(libc::SYS_shmctl, &[Arg::Number(id), Arg::Number(IPC_RMID), Arg::Number(0)])?;
    attached.map(|_| id)
}

/// mq_open(3), whose kernel form has no slash.
fn queue(canary: &str) -> nix::Result<String> {
    let name = format!("{NAME}-{canary}");
    let text = std::ffi::CString::new(name.clone()).map_err(|_| nix::errno::Errno::EINVAL)?;
    let flags = Arg::Number(libc::O_CREAT | libc::O_EXCL | libc::O_RDONLY | libc::O_CLOEXEC);
    // One message of one byte, for all of a user's queues are counted together: mq_overview(7).
    let attributes: Vec<u8> = [0i64, 1, 1, 0].into_iter().flat_map(i64::to_ne_bytes).collect();
    call(libc::SYS_mq_open, &[Arg::Text(&text), flags, Arg::Number(0o600), Arg::Bytes(&attributes)])?;
    Ok(name)
}
