//! The plan on one screen: what the command sees, may use, and is held by.

use super::{Seen, files};
use crate::plan::{Cgroup, Enforcement, Extent, Features, NetworkMode, OnDeny, Plan, SeccompPolicy, TerminalMode};
use crate::profile::units::{Cpus, Duration, Size};
use crate::visible;
use nix::libc::RLIM_INFINITY;
use std::ffi::OsStr;
use std::fmt::Write;

/// The text; `verbose` lists every entry and every value.
pub fn text(plan: &Plan, seen: &Seen, verbose: bool) -> String {
    let mut out = String::new();
    let mut section = |label: &str, lines: Vec<String>| {
        for (number, line) in lines.iter().enumerate() {
            // Writing to a String does not fail.
            let _ = writeln!(out, "{:<10}{}", if number == 0 { label } else { "" }, visible::line(line));
        }
    };
    if verbose {
        section(
            "profiles",
            plan.profiles
                .iter()
                .map(|profile| format!("{} ({}, {:.12})", profile.name, profile.source, profile.sha256))
                .collect(),
        );
    }
    section("command", vec![command(plan, seen)]);
    section("user", vec![user(plan, seen)]);
    section("files", files::lines(plan, seen, verbose));
    section("env", environment(plan, seen, verbose));
    section("limits", vec![limits(plan)]);
    section("layers", vec![layers(plan, seen)]);
    out
}

fn command(plan: &Plan, seen: &Seen) -> String {
    let words: Vec<_> = plan.command.argv.iter().map(|word| quoted(word)).collect();
    let place = seen.short(&plan.workdir);
    match &plan.command.found {
        _ if words.is_empty() => format!("none yet: put it after --; it would start in {place}"),
        Some(found) => format!("{} -> {} in {place}", words.join(" "), seen.short(found)),
        None => format!("{} ! not found inside; it would start in {place}", words.join(" ")),
    }
}

/// As a shell would read it back.
fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_alphanumeric() || "-_./=:,+@%~".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

fn user(plan: &Plan, seen: &Seen) -> String {
    let user = &plan.user;
    let others = |map: &[Extent], own: u32| {
        let others = map.iter().filter(|extent| extent.inside != own);
        let ranges = others.map(|extent| format!("{}-{}", extent.outside, extent.outside + (extent.count - 1)));
        ranges.collect::<Vec<_>>().join(" ")
    };
    let name = plan.environment.get("USER").unwrap_or_default().to_string_lossy();
    let mut text =
        format!("{name} {}:{} inside = {}:{} outside", user.uid, user.gid, user.outside_uid, user.outside_gid);
    if user.outside_uid == 0 {
        text.push_str(" ! host root");
    }
    if user.has_range() {
        let (uids, gids) = (others(&user.uids, user.uid), others(&user.gids, user.gid));
        // Writing to a String does not fail.
        let _ = write!(text, "; with uids {uids} and gids {gids} for the other ids inside");
        if !seen.groups.is_empty() {
            let _ = write!(text, "; dropped groups: {}", seen.groups.join(" "));
        }
    } else if !seen.groups.is_empty() {
        // Writing to a String does not fail.
        let _ = write!(text, "; groups that cannot be dropped: {}", seen.groups.join(" "));
    }
    text
}

fn environment(plan: &Plan, seen: &Seen, verbose: bool) -> Vec<String> {
    let environment = &plan.environment;
    let value = |value: &OsStr| seen.short(value.as_ref());
    let mut counts = format!("dropped {}", environment.dropped);
    if !environment.withheld.is_empty() {
        // Writing to a String does not fail.
        let _ = write!(
            counts,
            ", withheld as secrets {} ({})",
            environment.withheld.len(),
            environment.withheld.join(", ")
        );
    }
    if verbose {
        let mut lines: Vec<String> = environment
            .variables
            .iter()
            .map(|(name, text)| format!("{}={}", name.to_string_lossy(), text.to_string_lossy()))
            .collect();
        lines.push(counts);
        return lines;
    }
    let (own, rest): (Vec<_>, Vec<_>) =
        environment.variables.iter().partition(|(name, _)| name == "HOME" || name == "TMPDIR");
    let names: Vec<_> = rest.iter().map(|(name, _)| name.to_string_lossy()).collect();
    let own: Vec<_> = own.iter().map(|(name, text)| format!("{}={}", name.to_string_lossy(), value(text))).collect();
    vec![format!("{}; {}; {counts}", names.join(" "), own.join(" "))]
}

fn limits(plan: &Plan) -> String {
    let limits = &plan.limits;
    let rlimit = |limit: u64| if limit == RLIM_INFINITY { "unlimited".into() } else { Size(limit).to_string() };
    let number = |limit: u64| if limit == RLIM_INFINITY { "unlimited".into() } else { limit.to_string() };
    let time = |limit: u64| Duration(limit).to_string();
    let counted = match (plan.cgroup.needed_by.is_empty(), plan.cgroup.mode) {
        (true, _) => "rlimit",
        (false, Enforcement::Require) => "cgroup",
        (false, _) => "cgroup, else rlimit",
    };
    let extra = if limits.cpu_time.or(limits.wall_time).is_some() { "" } else { " (of no limit on time: no effect)" };
    let all = [
        ("memory", limits.memory.map(|size| Size(size).to_string())),
        ("swap", limits.swap.or(limits.memory.and(Some(RLIM_INFINITY))).map(rlimit)),
        ("cpus", limits.cpus.map(|cpus| Cpus(cpus).to_string())),
        ("cpu weight", limits.cpu_weight.map(|weight| weight.to_string())),
        ("io weight", limits.io_weight.map(|weight| weight.to_string())),
        ("pids", limits.pids.map(|pids| format!("{pids} ({counted})"))),
        ("cpu time", limits.cpu_time.map(time)),
        ("wall time", limits.wall_time.map(time)),
        ("extra time", (limits.extra_time > 0).then(|| time(limits.extra_time) + extra)),
        ("kill after", (limits.kill_after > 0).then(|| time(limits.kill_after))),
        ("output", limits.output.map(|size| Size(size).to_string())),
        ("file size", limits.file_size.map(rlimit)),
        ("open files", limits.open_files.map(number)),
        ("stack", limits.stack.map(rlimit)),
        ("core", Some(rlimit(limits.core))),
        ("address space", limits.address_space.map(rlimit)),
        ("locked memory", limits.locked_memory.map(rlimit)),
    ];
    let set: Vec<String> = all.into_iter().filter_map(|(name, limit)| Some(format!("{name} {}", limit?))).collect();
    let wall_only = limits.wall_time.is_none() && limits.cpu_time.is_some();
    let open: Vec<&str> = [
        ("processes", limits.pids.is_none()),
        ("memory", limits.memory.is_none()),
        ("time", limits.wall_time.is_none() && !wall_only),
        ("wall time", wall_only),
    ]
    .into_iter()
    .filter_map(|(name, open)| open.then_some(name))
    .collect();
    let mut text = set.join(", ");
    if !open.is_empty() {
        // Writing to a String does not fail.
        let _ = write!(text, "; {}: unlimited", open.join(", "));
    }
    if limits.memory.is_none() {
        text.push_str(" ! a run can use all memory: --memory");
    }
    text
}

fn layers(plan: &Plan, seen: &Seen) -> String {
    let namespaces = match plan.network {
        NetworkMode::None => "7 namespaces".to_owned(),
        NetworkMode::Host => "6 namespaces ! the host's network".to_owned(),
    };
    let capabilities = match plan.capabilities.as_slice() {
        [] => "no capabilities".to_owned(),
        kept => kept.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
    };
    let landlock = match (plan.landlock.mode, seen.landlock) {
        (Enforcement::Off, _) => "! no Landlock".to_owned(),
        (_, None) => "! no Landlock on this kernel (prefer)".to_owned(),
        (mode, Some(abi)) => {
            format!("Landlock ABI {abi} ({})", if mode == Enforcement::Require { "require" } else { "prefer" })
        }
    };
    let features = on(&plan.features).into_iter().map(|feature| format!(" + {feature}")).collect::<String>();
    let policy = match plan.seccomp.policy {
        SeccompPolicy::Default => "seccomp default",
        SeccompPolicy::Strict => "seccomp strict",
        SeccompPolicy::Off => "! no seccomp",
    };
    let calls = seen.calls.map(|calls| format!(", {calls} calls")).unwrap_or_default();
    let kill = if plan.seccomp.on_deny == OnDeny::Kill { ", a denied call kills" } else { "" };
    let terminal = if plan.terminal == TerminalMode::Safe { " · safe terminal" } else { "" };
    let cgroup = cgroup(&plan.cgroup);
    format!("{namespaces} · {capabilities} · {landlock} · {policy}{calls}{kill}{features} · {cgroup}{terminal}")
}

fn cgroup(cgroup: &Cgroup) -> String {
    let keys: Vec<&str> = cgroup.needed_by.iter().map(|need| need.key).collect();
    match (keys.as_slice(), cgroup.mode) {
        ([], _) => "no cgroup needed".into(),
        (keys, Enforcement::Require) => format!("cgroup required for {}", keys.join(", ")),
        (keys, _) => format!("cgroup preferred for {}", keys.join(", ")),
    }
}

/// The names of the features that are on.
pub(super) fn on(features: &Features) -> Vec<&'static str> {
    let Features { userns, ptrace, io_uring, perf, keyring, numa, personality, set_id_bits } = *features;
    let all = [
        ("userns", userns),
        ("ptrace", ptrace),
        ("io_uring", io_uring),
        ("perf", perf),
        ("keyring", keyring),
        ("numa", numa),
        ("personality", personality),
        ("set_id_bits", set_id_bits),
    ];
    all.into_iter().filter_map(|(name, on)| on.then_some(name)).collect()
}
