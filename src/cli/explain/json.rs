//! The plan as JSON: paths and values as lossy UTF-8, numbers in base units.

use crate::plan::{Bind, BindRole, Limits, MountKind, Plan, SourcePath};
use serde_json::{Map, Value, json};
use std::ffi::OsStr;

/// The object, `"version": 1`.
pub fn json(plan: &Plan) -> Value {
    let variables: Map<String, Value> =
        plan.environment.variables.iter().map(|(name, value)| (lossy(name), lossy(value).into())).collect();
    json!({
        "version": 1,
        "profiles": plan.profiles,
        "command": {
            "argv": plan.command.argv.iter().map(lossy).collect::<Vec<_>>(),
            "candidates": plan.command.candidates.iter().map(lossy).collect::<Vec<_>>(),
            "found": plan.command.found.as_ref().map(lossy),
        },
        "hostname": plan.hostname,
        "workdir": lossy(&plan.workdir),
        "user": plan.user,
        "environment": {
            "variables": variables,
            "dropped": plan.environment.dropped,
            "withheld": plan.environment.withheld,
        },
        "mounts": plan.mounts.iter().map(|mount| {
            let mut entry = kind(&mount.kind);
            entry["at"] = lossy(&mount.at).into();
            entry["origin"] = mount.origin.to_string().into();
            entry
        }).collect::<Vec<_>>(),
        "watch": plan.watch.iter().filter(|watch| watch.is_absent()).map(|watch| json!({"path": lossy(&watch.path), "origin": watch.origin.to_string()})).collect::<Vec<_>>(),
        "create": plan.create.iter().map(|create| json!({"path": lossy(create.path()), "origin": create.origin.to_string()})).collect::<Vec<_>>(),
        "notices": plan.notices,
        "network": {"mode": plan.network},
        "limits": limits(&plan.limits),
        "cgroup": {
            "mode": plan.cgroup.mode,
            "needed_by": plan.cgroup.needed_by.iter().map(|need| json!({
                "key": need.key,
                "controller": need.controller,
                "origin": need.origin.as_ref().map(ToString::to_string),
            })).collect::<Vec<_>>(),
        },
        "features": plan.features,
        "seccomp": {
            "policy": plan.seccomp.policy,
            "on_deny": plan.seccomp.on_deny,
            "allow": plan.seccomp.allow,
            "deny": plan.seccomp.deny,
        },
        "landlock": {"mode": plan.landlock.mode, "min_abi": plan.landlock.min_abi},
        "capabilities": plan.capabilities.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "pass_fds": plan.pass_fds,
        "terminal": plan.terminal,
        "root": {"size_bytes": plan.root.tmpfs.size, "inodes": plan.root.tmpfs.inodes, "writable": plan.root.writable},
    })
}

fn kind(kind: &MountKind) -> Value {
    match kind {
        MountKind::Bind(bind) => json!({
            "kind": bind_kind(bind),
            "source": source(&bind.source),
            "noexec": bind.noexec,
            "directory": bind.directory,
            "id_mapped": bind.id_mapped,
        }),
        MountKind::Tmpfs(tmpfs) => json!({
            "kind": "tmpfs",
            "size_bytes": tmpfs.size,
            "inodes": tmpfs.inodes,
            "mode": format!("{:04o}", tmpfs.mode),
            "noexec": tmpfs.noexec,
        }),
        MountKind::File(file) => json!({
            "kind": "file",
            "content": String::from_utf8_lossy(&file.content),
            "mode": format!("{:04o}", file.mode),
        }),
        MountKind::Symlink(text) => json!({"kind": "symlink", "to": lossy(text)}),
        MountKind::Hide(hide) => json!({"kind": "hide", "directory": hide.directory}),
        MountKind::Devpts => json!({"kind": "devpts"}),
        MountKind::Proc => json!({"kind": "proc"}),
    }
}

fn bind_kind(bind: &Bind) -> &'static str {
    match bind.role {
        BindRole::Tree if bind.writable => "rw",
        BindRole::Tree => "ro",
        BindRole::Pin => "pin",
        BindRole::Device => "device",
        BindRole::Socket => "socket",
        BindRole::Root => "root",
    }
}

fn source(source: &SourcePath) -> Value {
    json!({"path": lossy(source.path()), "opened_below": (!source.below.as_os_str().is_empty()).then(|| lossy(&source.base))})
}

/// As in the profile; `null` is no limit, or the caller's own.
fn limits(limits: &Limits) -> Value {
    let rlimit = |limit: Option<u64>| match limit {
        Some(nix::libc::RLIM_INFINITY) => Value::from("unlimited"),
        limit => limit.into(),
    };
    json!({
        "memory_bytes": limits.memory,
        "swap_bytes": limits.swap,
        "milli_cpus": limits.cpus,
        "cpu_weight": limits.cpu_weight,
        "io_weight": limits.io_weight,
        "pids": limits.pids,
        "cpu_time_us": limits.cpu_time,
        "wall_time_us": limits.wall_time,
        "extra_time_us": limits.extra_time,
        "kill_after_us": limits.kill_after,
        "output_bytes": limits.output,
        "file_size_bytes": rlimit(limits.file_size),
        "open_files": rlimit(limits.open_files),
        "stack_bytes": rlimit(limits.stack),
        "core_bytes": rlimit(Some(limits.core)),
        "address_space_bytes": rlimit(limits.address_space),
        "locked_memory_bytes": rlimit(limits.locked_memory),
    })
}

fn lossy(text: impl AsRef<OsStr>) -> String {
    text.as_ref().to_string_lossy().into_owned()
}
