//! What lies outside for the probes to reach: told to the inside half on its stdin.

use crate::plan;
use nix::libc::RLIM_INFINITY;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The directory inside under which verify shows its own two entries.
pub const PLACE: &str = "/.sandbox-verify";
/// How the name of everything begins that verify makes.
pub const NAME: &str = "sandbox-verify";
/// The variable of the environment that no profile names.
pub const VARIABLE: &str = "SANDBOX_VERIFY_CANARY";
/// What the log on stdout begins with.
pub const LOG_START: &str = "{\"log\":\"kept\"}\n";

/// Paths are of the host, but for `shown`, which is where the probe finds it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Baits {
    /// The probes run without a sandbox.
    pub is_bare: bool,
    /// The plan has a filter that socket(2) comes to.
    pub filters_sockets: bool,
    /// The limits of the plan that a process can reach by itself.
    pub limits: Limits,
    /// What the plan mounts in memory: bytes and inodes by place.
    pub memory: BTreeMap<PathBuf, (u64, u64)>,
    /// How many inotify instances a user of the host has (inotify(7)).
    pub inotify_instances: u64,
    /// A file of mode 0600 that nothing grants, and what is in it.
    pub secret: PathBuf,
    /// The canary: in the secret file, in a variable, on the supervisor's command line, in the victim's memory.
    pub canary: String,
    /// A directory that is shown read-only, though every user may write it.
    pub shown: PathBuf,
    /// Names in the caller's home that the plan does not show.
    pub home: Vec<PathBuf>,
    /// Users of the host that passwd(5) names.
    pub accounts: Vec<String>,
    /// machine-id(5) of the host.
    pub machine_id: Option<String>,
    /// gethostname(2)
    pub hostname: String,
    /// What /proc/self/ns/KIND of the host says.
    pub namespaces: BTreeMap<String, String>,
    /// A process of the caller's, in the supervisor's process group and session.
    pub victim: i32,
    /// When it started, clock ticks since boot: what tells it from a process inside with its number.
    pub victim_start: u64,
    /// Where in its memory the canary lies.
    pub victim_address: usize,
    /// Ports of listeners on the host's loopback.
    pub tcp4: Option<u16>,
    /// The same of ::1.
    pub tcp6: Option<u16>,
    /// And of a bound UDP socket.
    pub udp: Option<u16>,
    /// A listener with an abstract name (unix(7)).
    pub abstract_socket: String,
    /// A listener with a path.
    pub path_socket: PathBuf,
    /// A System V segment (shmget(2)).
    pub shm: Option<i32>,
    /// A POSIX message queue (mq_open(3)).
    pub queue: Option<String>,
    /// A key in the session keyring (keyrings(7)).
    pub has_key: bool,
    /// The controlling terminal of the supervisor.
    pub terminal: Option<PathBuf>,
    /// Interfaces of the host but its loopback.
    pub interfaces: Vec<String>,
}

/// As in the plan, without those that it leaves open.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Limits {
    pub pids: Option<u64>,
    pub file_size: Option<u64>,
    pub open_files: Option<u64>,
    pub address_space: Option<u64>,
}

impl From<&plan::Limits> for Limits {
    fn from(limits: &plan::Limits) -> Self {
        let set = |limit: Option<u64>| limit.filter(|limit| *limit != RLIM_INFINITY);
        Limits {
            pids: set(limits.pids),
            file_size: set(limits.file_size),
            open_files: set(limits.open_files),
            address_space: set(limits.address_space),
        }
    }
}
