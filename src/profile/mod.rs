//! What a user may write: the schema, where profiles are found, how they extend each other.
//!
//! One direction: text → [`schema::Profile`] (one file, checked) → [`Merged`] (all files and flags, with origins).
//! Nothing here looks at the file system but to find and read profiles; variables are expanded by the plan.

pub mod builtin;
mod check;
pub(crate) mod events;
pub mod later;
mod load;
mod lookup;
mod merge;
pub mod schema;
pub mod text;
pub mod units;
pub mod wording;

use std::collections::BTreeMap;
use std::path::PathBuf;

pub use check::check;
pub use load::load;
pub use lookup::{Found, Shelves};

/// One profile file, or all the flags of a command line: what it says, and where it says it.
#[derive(Debug, Clone, Default)]
pub struct Layer {
    /// What it says.
    pub profile: schema::Profile,
    /// By path of the entry: `mounts[2].rw`.
    pub origins: BTreeMap<String, Origin>,
    /// Which file; none for flags.
    pub source: Option<Source>,
}

/// Where an entry was written: errors, `explain` and the report live on it.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Origin {
    /// `cc.yaml`, a built-in's name (`build`), or a flag (`--ro`).
    pub source: String,
    /// Line and column, counted from 1; none for a flag, and for a built-in until [`Origin::position`] is asked.
    pub position: Option<(usize, usize)>,
    /// The entry in its file: `mounts[2].rw`, `limits.pids`; empty for a flag.
    pub key: String,
    /// The directory of the profile file, `${PROFILE_DIR}`; none for built-ins and flags.
    #[serde(skip)]
    pub profile_dir: Option<PathBuf>,
    /// A flag's relative path counts from the current directory; in a profile it is an error.
    pub is_flag: bool,
}

/// A value with the place that gave it.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Located<T> {
    /// The value as written.
    pub value: T,
    /// Who wrote it.
    pub origin: Origin,
}

/// One profile that took part, in the order of application (the most basic first).
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Source {
    /// `build`, `cc`.
    pub name: String,
    /// `built-in`, or the path of the file.
    pub source: String,
    /// SHA-256 of its bytes, lower-case hexadecimal.
    pub sha256: String,
    /// The file, to be covered read-only where it lies in a writable tree; none for built-ins.
    #[serde(skip)]
    pub path: Option<PathBuf>,
    /// First line of `description`.
    pub description: Option<String>,
}

/// One profile's `environment`, applied in order: keep, then drop, then set.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize)]
pub struct EnvironmentLayer {
    /// Patterns of names to keep.
    pub keep: Vec<String>,
    /// Patterns of names to drop.
    pub drop: Vec<String>,
    /// Names to set; values may hold `${…}`.
    pub set: Vec<(String, String)>,
    /// Who wrote it.
    pub origin: Origin,
}

/// Every profile and flag of a run, merged by the rules of the profile reference.
///
/// Mounts are only concatenated here: they are keyed by destination, which is known after the
/// plan has expanded variables.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize)]
pub struct Merged {
    /// The profiles that took part, the most basic first.
    pub sources: Vec<Source>,
    /// `command`
    pub command: Option<Located<Vec<String>>>,
    /// `hostname`
    pub hostname: Option<Located<String>>,
    /// `workdir`
    pub workdir: Option<Located<String>>,
    /// `user.uid`
    pub uid: Option<Located<schema::Id>>,
    /// `user.gid`
    pub gid: Option<Located<schema::Id>>,
    /// `user.map`
    pub map: Option<Located<schema::IdMap>>,
    /// `user.outside`
    pub outside: Option<Located<schema::Outside>>,
    /// `environment`, a layer per profile and one for the flags.
    pub environment: Vec<EnvironmentLayer>,
    /// `mounts` of all, in order of application.
    pub mounts: Vec<Located<schema::Mount>>,
    /// `root`
    pub root: Root,
    /// `network.mode`
    pub network: Option<Located<schema::NetworkMode>>,
    /// `limits`, merged per key.
    pub limits: Limits,
    /// `features`, merged per key: (name, value).
    pub features: Features,
    /// `seccomp.policy`
    pub seccomp_policy: Option<Located<schema::SeccompPolicy>>,
    /// `seccomp.on_deny`
    pub seccomp_on_deny: Option<Located<schema::OnDeny>>,
    /// `seccomp.allow`, appended, duplicates dropped.
    pub seccomp_allow: Vec<Located<String>>,
    /// `seccomp.deny`
    pub seccomp_deny: Vec<Located<String>>,
    /// `landlock.mode`
    pub landlock_mode: Option<Located<schema::Enforcement>>,
    /// `landlock.min_abi`
    pub landlock_min_abi: Option<Located<u32>>,
    /// `cgroup.mode`
    pub cgroup: Option<Located<schema::Enforcement>>,
    /// `capabilities`, appended, duplicates dropped.
    pub capabilities: Vec<Located<String>>,
    /// `pass_fds`, appended, duplicates dropped.
    pub pass_fds: Vec<Located<i32>>,
    /// `terminal`
    pub terminal: Option<Located<schema::TerminalMode>>,
}

/// `root` after merging: of path and name the last wins.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize)]
#[allow(missing_docs)]
pub struct Root {
    pub path: Option<Located<String>>,
    pub name: Option<Located<String>>,
    pub writable: Option<Located<schema::RootWritable>>,
    pub size: Option<Located<units::Size>>,
}

/// `limits` after merging: each with its origin. `None` = not written anywhere; `Unlimited` where the type allows.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize)]
#[allow(missing_docs)]
pub struct Limits {
    pub memory: Option<Located<units::Limit<units::Size>>>,
    pub swap: Option<Located<units::Limit<units::Size>>>,
    pub cpus: Option<Located<units::Limit<units::Cpus>>>,
    pub cpu_weight: Option<Located<units::Weight>>,
    pub io_weight: Option<Located<units::Weight>>,
    pub pids: Option<Located<units::Limit<u64>>>,
    pub cpu_time: Option<Located<units::Limit<units::Duration>>>,
    pub wall_time: Option<Located<units::Limit<units::Duration>>>,
    pub extra_time: Option<Located<units::Duration>>,
    pub kill_after: Option<Located<units::Duration>>,
    pub output: Option<Located<units::Limit<units::Size>>>,
    pub file_size: Option<Located<units::Limit<units::Size>>>,
    pub open_files: Option<Located<units::Limit<u64>>>,
    pub stack: Option<Located<units::Limit<units::Size>>>,
    pub core: Option<Located<units::Limit<units::Size>>>,
    pub address_space: Option<Located<units::Limit<units::Size>>>,
    pub locked_memory: Option<Located<units::Limit<units::Size>>>,
}

/// `features` after merging.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize)]
#[allow(missing_docs)]
pub struct Features {
    pub userns: Option<Located<bool>>,
    pub ptrace: Option<Located<bool>>,
    pub io_uring: Option<Located<bool>>,
    pub perf: Option<Located<bool>>,
    pub keyring: Option<Located<bool>>,
    pub numa: Option<Located<bool>>,
    pub personality: Option<Located<bool>>,
    pub set_id_bits: Option<Located<bool>>,
}

impl Origin {
    /// Line and column, counted from 1; none for a flag.
    pub fn position(&self) -> Option<(usize, usize)> {
        self.position.or_else(|| builtin::position(&self.source, &self.key))
    }

    /// The same place without the key, for a sentence that names it itself.
    pub fn without_key(&self) -> Origin {
        // An entry of a built-in finds its line by the key.
        Origin { position: self.position(), key: String::new(), ..self.clone() }
    }
}

impl std::fmt::Display for Origin {
    /// `cc.yaml:7:5: mounts[2].rw`, `build: limits.pids`, `--ro`
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.source)?;
        if let Some((line, column)) = self.position() {
            write!(f, ":{line}:{column}")?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        Ok(())
    }
}
