//! The directory of the names, `RUNTIME/sandbox`: the user's own, closed to all others, made when the first run needs it and
//! removed with the last.

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat};
use nix::sys::socket::sockopt::SendTimeout;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, setsockopt, socket};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat, mkdirat};
use nix::sys::time::{TimeVal, TimeValLike};
use nix::unistd::{UnlinkatFlags, geteuid, getpid, unlinkat};
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Its name in the runtime directory.
pub const NAME: &str = "sandbox";
/// For a place among those who wait, seconds.
const MOST_WAIT: i64 = 5;
/// What a name begins with until its socket listens.
const HIDDEN: char = '.';
/// A hidden name is there for some microseconds; one of this age was left by a run that was killed just then.
const LEFT_BEHIND: Duration = Duration::from_secs(60);

/// XDG_RUNTIME_DIR if it is the caller's own (after su or sudo it may still name another user's), else the usual place; for host
/// root, who has none without a login, /run.
pub fn runtime() -> Option<PathBuf> {
    let uid = geteuid();
    let own = |directory: &PathBuf| std::fs::metadata(directory).is_ok_and(|found| found.uid() == uid.as_raw());
    let named = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|named| named.is_absolute());
    let usual = if uid.is_root() { "/run".into() } else { format!("/run/user/{uid}") };
    named.into_iter().chain([PathBuf::from(usual)]).find(own)
}

/// Why a run cannot be listed, or found.
pub fn why_not(errno: Errno) -> String {
    match (runtime(), errno) {
        (None, _) => "there is no directory for it: XDG_RUNTIME_DIR names none of yours, and /run/user has none".into(),
        (Some(runtime), Errno::EPERM) => {
            format!("{} is not a directory that only you can open", runtime.join(NAME).display())
        }
        (Some(runtime), errno) => format!("{}: {}", runtime.join(NAME).display(), errno.desc()),
    }
}

/// Opened and looked at.
#[derive(Debug)]
pub struct Directory {
    runtime: OwnedFd,
    /// A file, as it can be locked: flock(2).
    own: File,
}

/// What is behind a name.
#[derive(Debug)]
pub enum Found {
    /// A run that listens: a connection to it.
    Alive(OwnedFd),
    /// A run, with more who wait for it than it lets wait: it is stopped, or far too busy.
    Busy,
    /// What a killed run left.
    Dead,
    /// Nothing, or nothing that a run of ours made.
    Nothing,
}

impl Directory {
    /// Opens it; makes it if it is not there.
    ///
    /// # Errors
    /// EPERM if it is another's, or open to others; ENOENT if there is no place for it.
    pub(super) fn make() -> nix::Result<Self> {
        let runtime = open_runtime()?;
        match Self::below(runtime) {
            (runtime, Err(Errno::ENOENT)) => match mkdirat(&runtime, NAME, Mode::S_IRWXU) {
                Ok(()) | Err(Errno::EEXIST) => Self::below(runtime).join(),
                Err(errno) => Err(errno),
            },
            opened => opened.join(),
        }
    }

    /// Opens it.
    pub fn open() -> nix::Result<Self> {
        Self::below(open_runtime()?).join()
    }

    fn below(runtime: OwnedFd) -> (OwnedFd, nix::Result<OwnedFd>) {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let own = openat(&runtime, NAME, flags, Mode::empty()).and_then(|own| {
            let FileStat { st_uid, st_mode, .. } = fstat(&own)?;
            if st_uid == geteuid().as_raw() && st_mode & 0o077 == 0 { Ok(own) } else { Err(Errno::EPERM) }
        });
        (runtime, own)
    }

    /// The address of a name in it: unix(7) has 107 bytes for one, and a runtime directory may be longer.
    pub(super) fn address(&self, name: &str) -> nix::Result<UnixAddr> {
        UnixAddr::new(&Path::new("/proc/self/fd").join(self.own.as_raw_fd().to_string()).join(name))
    }

    /// Tries a name.
    pub fn look(&self, name: &str) -> Found {
        self.try_name(name, SockFlag::SOCK_NONBLOCK)
    }

    /// The same; one that is only busy makes room soon, and is waited for.
    pub fn reach(&self, name: &str) -> Found {
        self.try_name(name, SockFlag::empty())
    }

    fn try_name(&self, name: &str, flags: SockFlag) -> Found {
        let attempt = || {
            let socket = socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC | flags, None)?;
            // Of connect(2), where it waits.
            setsockopt(&socket, SendTimeout, &TimeVal::seconds(MOST_WAIT))?;
            connect(socket.as_raw_fd(), &self.address(name)?).map(|()| socket)
        };
        match attempt() {
            Ok(socket) => Found::Alive(socket),
            // EINTR: stopped and continued while it waited.
            Err(Errno::EAGAIN | Errno::EINTR) => Found::Busy,
            // A file that is no socket says the same.
            Err(Errno::ECONNREFUSED) if self.is_socket(name) => Found::Dead,
            Err(_) => Found::Nothing,
        }
    }

    fn is_socket(&self, name: &str) -> bool {
        let stat = fstatat(&self.own, name, AtFlags::AT_SYMLINK_NOFOLLOW);
        stat.is_ok_and(|stat| SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == SFlag::S_IFSOCK)
    }

    /// The names of the runs that listen, sorted; what killed runs left is removed.
    pub fn names(&self) -> nix::Result<Vec<String>> {
        let mut names = Vec::new();
        let mut dead = Vec::new();
        for name in self.all()? {
            match self.look(&name) {
                _ if name.starts_with(HIDDEN) => dead.push(name),
                Found::Alive(_) | Found::Busy => names.push(name),
                Found::Dead => dead.push(name),
                Found::Nothing => {}
            }
        }
        if !dead.is_empty() {
            self.remove(&dead)?;
        }
        names.sort();
        Ok(names)
    }

    fn all(&self) -> nix::Result<Vec<String>> {
        let mut names = Vec::new();
        // A descriptor of its own: reading moves its offset.
        let own = openat(&self.own, ".", OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?;
        for entry in Dir::from_fd(own)?.iter() {
            names.extend(
                entry?.file_name().to_str().ok().filter(|name| !matches!(*name, "." | "..")).map(str::to_owned),
            );
        }
        Ok(names)
    }

    /// Removes those of the names that killed runs left. One at a time: between the look and the removal nobody else may take a name.
    pub(super) fn remove(&self, names: &[String]) -> nix::Result<()> {
        let errno = |error: std::io::Error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw);
        self.own.lock().map_err(errno)?;
        for name in names {
            let is_left = match name.starts_with(HIDDEN) {
                true => self.age(name).is_some_and(|age| age > LEFT_BEHIND),
                false => matches!(self.look(name), Found::Dead),
            };
            if is_left {
                // ENOENT: gone in the meantime.
                let _ = unlinkat(&self.own, name.as_str(), UnlinkatFlags::NoRemoveDir);
            }
        }
        self.own.unlock().map_err(errno)
    }

    fn age(&self, name: &str) -> Option<Duration> {
        let made = fstatat(&self.own, name, AtFlags::AT_SYMLINK_NOFOLLOW).ok()?.st_mtime;
        SystemTime::now().duration_since(UNIX_EPOCH + Duration::from_secs(u64::try_from(made).ok()?)).ok()
    }

    /// A run leaves nothing; if another has a name in it, or makes one this moment, it stays, or is made again.
    pub(super) fn remove_if_empty(&self) {
        let _ = unlinkat(&self.runtime, NAME, UnlinkatFlags::RemoveDir);
    }
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.own.as_fd()
    }
}

/// Both descriptors, or why there is no second.
trait Join {
    fn join(self) -> nix::Result<Directory>;
}

impl Join for (OwnedFd, nix::Result<OwnedFd>) {
    fn join(self) -> nix::Result<Directory> {
        let (runtime, own) = self;
        Ok(Directory { runtime, own: own?.into() })
    }
}

fn open_runtime() -> nix::Result<OwnedFd> {
    let place = runtime().ok_or(Errno::ENOENT)?;
    open(&place, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
}

/// A name for the moment, of this process alone.
pub(super) fn hidden() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{HIDDEN}{}-{:x}", getpid(), now.as_nanos())
}
