//! A run as it will be: resolved and validated, no variable, no relative path, no lookup left.
//!
//! Making a plan changes nothing on the host. `sandbox explain` prints it.

mod base;
mod bound;
#[cfg(test)]
mod built_in_tests;
mod cgroup;
mod closed;
pub mod command;
pub mod contained;
mod covers;
mod descriptors;
mod destinations;
mod entered;
mod environment;
#[cfg(fuzzing)]
pub mod fuzzing;
mod glob;
mod hides;
pub mod host;
mod hostname;
mod identity;
#[cfg(test)]
mod laws;
mod limits;
mod links;
mod lookup;
pub mod mountinfo;
mod mounts;
mod paths;
mod pins;
mod real;
mod refusals;
mod rootfs;
mod roots;
mod sockets;
mod source;
pub mod subordinate;
#[cfg(test)]
pub(crate) mod testing;
mod trust;
mod variables;
mod walk;
mod watches;
mod workdir;
mod written;

use crate::error::Error;
use crate::profile::{self, Merged, Origin};
use std::ffi::OsString;
use std::path::PathBuf;

pub use entered::Entered;
pub use host::HostFacts;
pub use subordinate::Extent;

pub use profile::schema::{Enforcement, NetworkMode, OnDeny, RootWritable, SeccompPolicy, TerminalMode};

/// Everything a run needs to know.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The profiles that took part.
    pub profiles: Vec<profile::Source>,
    /// What is run.
    pub command: Command,
    /// Host name inside.
    pub hostname: String,
    /// Working directory inside: absolute.
    pub workdir: PathBuf,
    /// Ids inside and outside.
    pub user: User,
    /// The environment inside, and what was left out.
    pub environment: Environment,
    /// The file tree, parents before children.
    pub mounts: Vec<Mount>,
    /// Paths (on the host) whose appearance during the run is reported.
    pub watch: Vec<Watch>,
    /// Directories to make on the host before the run (`create: true`): nothing else is ever created there.
    pub create: Vec<Create>,
    /// Things said once on stderr before the run ("… is left out: it is your home").
    pub notices: Vec<String>,
    /// The network namespace.
    pub network: NetworkMode,
    /// Limits.
    pub limits: Limits,
    /// The cgroup of the run, where a limit needs one.
    pub cgroup: Cgroup,
    /// What the profile opens up.
    pub features: Features,
    /// The system call filter.
    pub seccomp: Seccomp,
    /// The second fence.
    pub landlock: Landlock,
    /// Capabilities the command keeps: names as in capabilities(7).
    pub capabilities: Vec<caps::Capability>,
    /// Descriptors of the caller's handed to the command.
    pub pass_fds: Vec<i32>,
    /// How a terminal is treated.
    pub terminal: TerminalMode,
    /// What the tree inside stands on.
    pub root: Root,
}

/// Makes the plan of a run: what the profiles and flags say, on this host, with what was typed after `--`.
///
/// # Errors
/// What is refused, unknown, missing or contradictory, with the line that asked for it.
pub fn make(mut merged: Merged, command: Vec<OsString>, host: &HostFacts) -> Result<Plan, Error> {
    let user = identity::user(&merged, host)?;
    let names = identity::names(&user, host);
    let hostname = hostname::resolve(merged.hostname.as_ref())?;
    let network = merged.network.as_ref().map_or(NetworkMode::None, |mode| mode.value);
    let root = rootfs::find(&merged.root, &user, host)?;
    if root.is_some() {
        rootfs::replace_system(&mut merged.mounts);
    }
    let mut environment = environment::rebuild(&merged.environment, &names, root.is_some(), host)?;
    let own = base::own(&user, &names, environment.home(), &hostname, network, root.as_ref());
    let writable = rootfs::writable(&merged.root, root.is_some())?;
    let size = merged.root.size.as_ref().map(|size| size.value.0);
    let tree = mounts::build(&merged.mounts, &merged.sources, root, own, &user, host)?;
    let features = limits::features(&merged.features);
    let capabilities = identity::capabilities(&merged.capabilities)?;
    closed::check(&tree.mounts, &features, &capabilities, &user, host)?;
    environment::filter_path(&mut environment, &tree.mounts);
    let workdir = workdir::resolve(merged.workdir.as_ref(), &environment, &tree.mounts, host)?;
    let command = command::resolve(command, merged.command.as_ref(), &environment, &tree.mounts, &workdir)?;
    let cgroup = cgroup::cgroup(&merged, &user, host)?;
    Ok(Plan {
        command,
        hostname,
        workdir,
        user,
        environment,
        root: Root { name: rootfs::name(&merged.root), ..base::root(&tree.mounts, writable, size) },
        mounts: tree.mounts,
        watch: tree.watch,
        create: tree.create,
        notices: tree.notices,
        network,
        limits: limits::limits(&merged.limits)?,
        cgroup,
        features,
        seccomp: limits::seccomp(&merged)?,
        landlock: limits::landlock(&merged),
        capabilities,
        pass_fds: descriptors::passed(&merged.pass_fds)?,
        terminal: merged.terminal.map_or(TerminalMode::Raw, |mode| mode.value),
        profiles: merged.sources,
    })
}

/// An error of the line that asked: a flag is the command line's.
fn wrong(origin: &Origin, message: impl Into<String>) -> Error {
    let error = if origin.is_flag { Error::usage(message) } else { Error::profile(message) };
    // What every sandbox has nobody wrote.
    if *origin == base::own_origin() { error } else { error.origin(origin) }
}

/// What is run.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// argv, the name as typed first.
    pub argv: Vec<OsString>,
    /// Paths inside, tried in order by execve(2): one if the name holds a slash, else one per PATH entry.
    pub candidates: Vec<PathBuf>,
    /// The first candidate that the plan's mounts show to be there, for `explain`.
    pub found: Option<PathBuf>,
}

/// Who the command is, and the maps of user_namespaces(7).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[allow(missing_docs)]
pub struct User {
    pub uid: u32,
    pub gid: u32,
    pub outside_uid: u32,
    pub outside_gid: u32,
    /// Every user id that there is inside: the command's alone, or ranges of subordinate ids around it.
    pub uids: Vec<Extent>,
    /// The same of groups.
    pub gids: Vec<Extent>,
    /// The caller is host root and the outside id is another: the supervisor writes the maps and makes the trees.
    pub mapped_by_root: bool,
}

impl User {
    /// `map: subordinate`: are there other ids than the command's own?
    pub fn has_range(&self) -> bool {
        self.uids.len() > 1
    }
}

/// The environment inside.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Environment {
    /// `NAME`, value; sorted by name.
    pub variables: Vec<(OsString, OsString)>,
    /// How many of the caller's were not kept.
    pub dropped: usize,
    /// Names that a pattern matched but that look like secrets.
    pub withheld: Vec<String>,
}

/// What the tree inside stands on: a tmpfs, or a root file system, which then is the first of the mounts, at `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// The tmpfs; over a root file system it holds what is made and written.
    pub tmpfs: Tmpfs,
    /// What becomes of what is written to a root file system; none without one.
    pub writable: Option<RootWritable>,
    /// Of an imported one: it is not to be removed during the run.
    pub name: Option<String>,
}

/// One entry of the tree inside.
#[derive(Debug, Clone, PartialEq)]
pub struct Mount {
    /// Destination: absolute, normalised, no `..`.
    pub at: PathBuf,
    /// What is there.
    pub kind: MountKind,
    /// Who asked for it.
    pub origin: Origin,
}

/// What is mounted or made.
#[derive(Debug, Clone, PartialEq)]
pub enum MountKind {
    /// A recursive bind of a host path.
    Bind(Bind),
    /// A fresh tmpfs.
    Tmpfs(Tmpfs),
    /// A read-only file made up by us.
    File(File),
    /// A symbolic link made up by us (only below a tmpfs of ours).
    Symlink(PathBuf),
    /// Covered: every access is EACCES.
    Hide(Hide),
    /// The `/dev/pts` of the sandbox's own.
    Devpts,
    /// The `/proc` of the PID namespace.
    Proc,
}

/// Where a bind is taken from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourcePath {
    /// Opened by name, links followed: a path that its writer may be trusted with.
    pub base: PathBuf,
    /// Opened below `base` without leaving it (RESOLVE_BENEATH, no magic links); empty for `base` itself.
    pub below: PathBuf,
}

impl SourcePath {
    /// The whole path, for messages.
    pub fn path(&self) -> PathBuf {
        // Joining nothing would add a slash.
        if self.below.as_os_str().is_empty() { self.base.clone() } else { self.base.join(&self.below) }
    }
}

/// A directory to make: the last component only.
#[derive(Debug, Clone, PartialEq)]
pub struct Create {
    /// Where, by the rules of a source.
    pub parent: SourcePath,
    /// The name to make in it.
    pub name: OsString,
    /// Who asked.
    pub origin: Origin,
}

impl Create {
    /// The whole path, for messages.
    pub fn path(&self) -> PathBuf {
        self.parent.path().join(&self.name)
    }
}

/// A recursive bind mount.
#[derive(Debug, Clone, PartialEq)]
pub struct Bind {
    /// The host path.
    pub source: SourcePath,
    /// Writable?
    pub writable: bool,
    /// MS_NOEXEC
    pub noexec: bool,
    /// A directory (else a file, a device or a socket).
    pub directory: bool,
    /// Why it is there.
    pub role: BindRole,
    /// Under host root: id-mapped so that files of host root are the payload's.
    pub id_mapped: bool,
}

/// Why a bind is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BindRole {
    /// `ro` or `rw`
    Tree,
    /// A directory between a writable tree and a carve-out, bound onto itself so that it cannot be renamed.
    Pin,
    /// `device`: without MS_NODEV.
    Device,
    /// `socket`
    Socket,
    /// `root`: a file system that is nobody's but the run's, whatever its links say.
    Root,
}

/// A tmpfs, always with limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tmpfs {
    /// Bytes.
    pub size: u64,
    /// Inodes.
    pub inodes: u64,
    /// Permission bits of its root.
    pub mode: u32,
    /// MS_NOEXEC
    pub noexec: bool,
    /// Read-only once the tree is complete.
    pub sealed: bool,
}

/// A made-up file.
#[derive(Debug, Clone, PartialEq)]
pub struct File {
    /// Its bytes.
    pub content: Vec<u8>,
    /// Permission bits.
    pub mode: u32,
}

/// A cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hide {
    /// What is covered is a directory.
    pub directory: bool,
    /// It may be gone by the time of the mount: a socket of the host's that nobody named. What a profile names may not, for it
    /// could be put back.
    pub may_be_gone: bool,
}

/// A path to look at after the run.
#[derive(Debug, Clone, PartialEq)]
pub struct Watch {
    /// On the host.
    pub path: PathBuf,
    /// What is there now; none if it is absent.
    now: Option<watches::Identity>,
    /// Who asked.
    pub origin: Origin,
}

impl Watch {
    /// Was nothing there when the plan was made?
    pub fn is_absent(&self) -> bool {
        self.now.is_none()
    }

    /// Is something there that was not when the plan was made?
    pub fn has_appeared(&self) -> bool {
        let now = watches::identity(&self.path);
        now.is_some() && now != self.now
    }
}

/// Limits, in base units; `None` is no limit, or the caller's own where so documented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub struct Limits {
    /// Bytes: memory.max of cgroups(7).
    pub memory: Option<u64>,
    /// Bytes: memory.swap.max; 0 where memory is limited and nobody wrote this.
    pub swap: Option<u64>,
    /// Thousandths of a processor: cpu.max.
    pub cpus: Option<u64>,
    /// 1 to 10000: cpu.weight; `None` leaves the kernel's 100.
    pub cpu_weight: Option<u64>,
    /// 1 to 10000: io.weight; `None` leaves the kernel's 100.
    pub io_weight: Option<u64>,
    /// Processes and threads of the payload (RLIMIT_NPROC is set to one more, for init).
    pub pids: Option<u64>,
    /// Microseconds of user and system time, of all processes together.
    pub cpu_time: Option<u64>,
    /// Microseconds.
    pub wall_time: Option<u64>,
    /// Microseconds that the run may go on after a limit of time; its status is the time-out all the same.
    pub extra_time: u64,
    /// Microseconds between TERM and KILL at the wall-clock limit.
    pub kill_after: u64,
    /// Bytes of stdout and stderr together.
    pub output: Option<u64>,
    /// The rest are rlimits of getrlimit(2): `None` leaves the caller's, `RLIM_INFINITY` is unlimited.
    pub file_size: Option<u64>,
    pub open_files: Option<u64>,
    pub stack: Option<u64>,
    pub core: u64,
    pub address_space: Option<u64>,
    pub locked_memory: Option<u64>,
}

/// The run's own cgroup.
#[derive(Debug, Clone, PartialEq)]
pub struct Cgroup {
    /// What to do where the host gives none.
    pub mode: Enforcement,
    /// The limits that only a cgroup can hold; none is made where there are none.
    pub needed_by: Vec<Need>,
}

/// A limit that only a cgroup can hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Need {
    /// `limits.memory`
    pub key: &'static str,
    /// The controller of cgroups(7) that holds it: `memory`, `cpu` or `io`.
    pub controller: &'static str,
    /// Who asked for it.
    pub origin: Option<Origin>,
}

/// What the profile opens up (each false by default).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[allow(missing_docs)]
pub struct Features {
    pub userns: bool,
    pub ptrace: bool,
    pub io_uring: bool,
    pub perf: bool,
    pub keyring: bool,
    pub numa: bool,
    pub personality: bool,
    pub set_id_bits: bool,
}

/// The filter's policy.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct Seccomp {
    pub policy: SeccompPolicy,
    pub on_deny: OnDeny,
    /// Names, checked to exist on this architecture.
    pub allow: Vec<String>,
    pub deny: Vec<String>,
}

/// landlock(7)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Landlock {
    /// What to do where the kernel lacks it.
    pub mode: Enforcement,
    /// The least ABI that will do.
    pub min_abi: u32,
}
