//! The serde types of a profile: exactly what YAML may say, one file, nothing resolved.
//!
//! Closed objects, no untagged types, no `flatten`: a typo must name its key and line.

use super::units::{Cpus, Duration, Limit, Mode, Size, Weight, from_scalar};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::str::FromStr;

/// A profile file. Every key is optional; an unknown one is an error.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default, expecting = "a mapping")]
#[allow(missing_docs)] // PROFILE reference: docs/profile.md
pub struct Profile {
    pub version: Option<u32>,
    pub description: Option<String>,
    pub extends: Vec<String>,
    pub command: Option<Vec<String>>,
    pub hostname: Option<String>,
    pub workdir: Option<String>,
    pub user: User,
    pub environment: Environment,
    pub mounts: Vec<Mount>,
    pub root: Root,
    pub network: Network,
    pub limits: Limits,
    pub features: Features,
    pub seccomp: Seccomp,
    pub landlock: Landlock,
    pub cgroup: Cgroup,
    pub capabilities: Vec<String>,
    pub pass_fds: Vec<i32>,
    pub terminal: Option<TerminalMode>,
}

/// `user`
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default, expecting = "a mapping")]
#[allow(missing_docs)]
pub struct User {
    pub uid: Option<Id>,
    pub gid: Option<Id>,
    pub map: Option<IdMap>,
    pub outside: Option<Outside>,
}

/// `user.map`: how many ids there are inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum IdMap {
    /// One: the command's own.
    Single,
    /// The caller's ranges of subuid(5) and subgid(5) beside it.
    Subordinate,
}

/// A number or `caller`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Id {
    /// The caller's own.
    Caller,
    /// This one.
    Number(u32),
}

/// `auto`, `caller` or a number: the id outside, under host root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outside {
    /// The caller's own id; under host root an unprivileged one.
    Auto,
    /// The caller's own id, root included.
    Caller,
    /// This one (host root only).
    Number(u32),
}

/// An id of credentials(7): the last one means "no id" to the kernel.
fn id_number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|id| *id != u32::MAX)
}

impl FromStr for Id {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "caller" => Ok(Id::Caller),
            _ => id_number(text).map(Id::Number).ok_or("neither a number nor the word caller"),
        }
    }
}

impl FromStr for Outside {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Outside::Auto),
            "caller" => Ok(Outside::Caller),
            _ => id_number(text).map(Outside::Number).ok_or("neither a number nor one of the words auto, caller"),
        }
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_scalar(deserializer)
    }
}

impl<'de> Deserialize<'de> for Outside {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_scalar(deserializer)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Id::Caller => serializer.serialize_str("caller"),
            Id::Number(id) => serializer.serialize_u32(*id),
        }
    }
}

impl Serialize for Outside {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Outside::Auto => serializer.serialize_str("auto"),
            Outside::Caller => serializer.serialize_str("caller"),
            Outside::Number(id) => serializer.serialize_u32(*id),
        }
    }
}

/// `environment`
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default, expecting = "a mapping")]
#[allow(missing_docs)]
pub struct Environment {
    pub keep: Vec<String>,
    pub drop: Vec<String>,
    pub set: BTreeMap<String, String>,
}

/// One mount: exactly one kind (`ro` … `unset`), and the options of that kind.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default, expecting = "a mapping")]
#[allow(missing_docs)]
pub struct Mount {
    pub ro: Option<String>,
    pub rw: Option<String>,
    pub tmpfs: Option<String>,
    pub file: Option<String>,
    pub symlink: Option<String>,
    pub hide: Option<String>,
    pub socket: Option<String>,
    pub device: Option<String>,
    pub unset: Option<String>,

    pub at: Option<String>,
    pub optional: Option<bool>,
    pub create: Option<bool>,
    pub noexec: Option<bool>,
    pub size: Option<Size>,
    pub inodes: Option<u64>,
    pub mode: Option<Mode>,
    pub content: Option<String>,
    pub from: Option<String>,
    pub to: Option<String>,
}

impl Mount {
    /// The keys that are set, kind and options alike.
    pub fn keys(&self) -> Vec<&'static str> {
        let keys = [
            ("ro", self.ro.is_some()),
            ("rw", self.rw.is_some()),
            ("tmpfs", self.tmpfs.is_some()),
            ("file", self.file.is_some()),
            ("symlink", self.symlink.is_some()),
            ("hide", self.hide.is_some()),
            ("socket", self.socket.is_some()),
            ("device", self.device.is_some()),
            ("unset", self.unset.is_some()),
            ("at", self.at.is_some()),
            ("optional", self.optional.is_some()),
            ("create", self.create.is_some()),
            ("noexec", self.noexec.is_some()),
            ("size", self.size.is_some()),
            ("inodes", self.inodes.is_some()),
            ("mode", self.mode.is_some()),
            ("content", self.content.is_some()),
            ("from", self.from.is_some()),
            ("to", self.to.is_some()),
        ];
        keys.into_iter().filter(|(_, set)| *set).map(|(key, _)| key).collect()
    }
}

/// `root`: a root file system of the command's own, in the place of the host's programs and libraries.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default, expecting = "a mapping")]
#[allow(missing_docs)]
pub struct Root {
    pub path: Option<String>,
    pub name: Option<String>,
    pub writable: Option<RootWritable>,
    pub size: Option<Size>,
}

/// `root.writable`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RootWritable {
    /// Read-only.
    No,
    /// What is written is in memory, and gone after the run.
    Tmpfs,
    /// What is written stays in the root file system.
    Persistent,
}

/// `network`
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default, expecting = "a mapping")]
#[allow(missing_docs)]
pub struct Network {
    pub mode: Option<NetworkMode>,
}

/// `none`: its own loopback only; `host`: the host's network namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum NetworkMode {
    None,
    Host,
}

/// `each_limit!(name!(arguments))` → `name!(arguments, memory, swap, …)`: the keys of [`Limits`], for whoever goes through all.
macro_rules! each_limit {
    ($name:ident!($($arguments:tt)*)) => {
        $name!(
            $($arguments)*, memory, swap, cpus, cpu_weight, io_weight, pids, cpu_time, wall_time, extra_time, kill_after,
            output, file_size, open_files, stack, core, address_space, locked_memory
        )
    };
}
pub(crate) use each_limit;

/// `limits`
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default, expecting = "a mapping")]
#[allow(missing_docs)]
pub struct Limits {
    pub memory: Option<Limit<Size>>,
    pub swap: Option<Limit<Size>>,
    pub cpus: Option<Limit<Cpus>>,
    pub cpu_weight: Option<Weight>,
    pub io_weight: Option<Weight>,
    pub pids: Option<Limit<u64>>,
    pub cpu_time: Option<Limit<Duration>>,
    pub wall_time: Option<Limit<Duration>>,
    pub extra_time: Option<Duration>,
    pub kill_after: Option<Duration>,
    pub output: Option<Limit<Size>>,
    pub file_size: Option<Limit<Size>>,
    pub open_files: Option<Limit<u64>>,
    pub stack: Option<Limit<Size>>,
    pub core: Option<Limit<Size>>,
    pub address_space: Option<Limit<Size>>,
    pub locked_memory: Option<Limit<Size>>,
}

/// `features`
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default, expecting = "a mapping")]
#[allow(missing_docs)]
pub struct Features {
    pub userns: Option<bool>,
    pub ptrace: Option<bool>,
    pub io_uring: Option<bool>,
    pub perf: Option<bool>,
    pub keyring: Option<bool>,
    pub numa: Option<bool>,
    pub personality: Option<bool>,
    pub set_id_bits: Option<bool>,
}

/// `seccomp`
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default, expecting = "a mapping")]
#[allow(missing_docs)]
pub struct Seccomp {
    pub policy: Option<SeccompPolicy>,
    pub on_deny: Option<OnDeny>,
    pub allow: Vec<String>,
    pub deny: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum SeccompPolicy {
    Default,
    Strict,
    Off,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum OnDeny {
    Errno,
    Kill,
}

/// `landlock`
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default, expecting = "a mapping")]
#[allow(missing_docs)]
pub struct Landlock {
    pub mode: Option<Enforcement>,
    pub min_abi: Option<u32>,
}

/// `cgroup`
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default, expecting = "a mapping")]
#[allow(missing_docs)]
pub struct Cgroup {
    pub mode: Option<Enforcement>,
}

/// What to do where the host cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Enforcement {
    /// An error.
    Require,
    /// One line on stderr, a mark in the report, and go on.
    Prefer,
    /// Do not ask for it.
    Off,
}

/// `raw` passes the payload's bytes to the caller's terminal as they are, `safe` only what can do no more than show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum TerminalMode {
    Raw,
    Safe,
}
