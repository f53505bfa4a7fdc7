//! The serde types of a profile: exactly what YAML may say, one file, nothing resolved.
//!
//! Closed objects, no untagged types, no `flatten`: a typo must name its key and line.

use super::units::{Duration, Limit, Mode, Size};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A profile file. Every key is optional; an unknown one is an error.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs)] // PROFILE reference: docs/profile.md
pub struct Profile {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    pub description: Option<String>,
    pub extends: Vec<String>,
    pub command: Option<Vec<String>>,
    pub hostname: Option<String>,
    pub workdir: Option<String>,
    pub user: User,
    pub environment: Environment,
    pub mounts: Vec<Mount>,
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
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs)]
pub struct User {
    pub uid: Option<Id>,
    pub gid: Option<Id>,
    pub outside: Option<Outside>,
}

/// A number or `caller`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
pub enum Id {
    /// The caller's own.
    Caller,
    /// This one.
    Number(u32),
}

/// `auto`, `caller` or a number: the id outside, under host root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
pub enum Outside {
    /// The caller's own id; under host root an unprivileged one.
    Auto,
    /// The caller's own id, root included.
    Caller,
    /// This one (host root only).
    Number(u32),
}

/// `environment`
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs)]
pub struct Environment {
    pub keep: Vec<String>,
    pub drop: Vec<String>,
    pub set: BTreeMap<String, String>,
}

/// One mount: exactly one kind (`ro` … `unset`), and the options of that kind.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs)]
pub struct Mount {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ro: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rw: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tmpfs: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symlink: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hide: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub socket: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unset: Option<String>,

    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub optional: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub create: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noexec: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<Size>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inodes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// `network`
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
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

/// `limits`
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs)]
pub struct Limits {
    pub pids: Option<Limit<u64>>,
    pub wall_time: Option<Limit<Duration>>,
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
#[serde(deny_unknown_fields, default)]
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
#[serde(deny_unknown_fields, default)]
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
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs)]
pub struct Landlock {
    pub mode: Option<Enforcement>,
    pub min_abi: Option<u32>,
}

/// `cgroup`
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
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

/// `raw` passes the payload's bytes to the caller's terminal as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum TerminalMode {
    Raw,
}
