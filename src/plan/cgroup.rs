//! Which limits need a cgroup, and what to do where the host gives none.

use super::{Cgroup, Enforcement, HostFacts, Need, User, wrong};
use crate::error::Error;
use crate::profile::units::Limit;
use crate::profile::{Located, Merged, Origin};

/// The cgroup of the run.
///
/// # Errors
/// A limit needs one that `cgroup.mode: off` forbids.
pub(super) fn cgroup(merged: &Merged, user: &User, host: &HostFacts) -> Result<Cgroup, Error> {
    let mode = merged.cgroup.as_ref().map_or(Enforcement::Require, |mode| mode.value);
    let is_host_root = user.outside_uid == 0 && host.has_every_uid();
    let needed_by = needs(merged, is_host_root || user.has_range());
    match needed_by.first() {
        Some(Need { key, origin: Some(origin), .. }) if mode == Enforcement::Off => {
            Err(wrong(&origin.without_key(), format!("{key} needs a cgroup, and cgroup.mode is off"))
                .remedy("Take one of the two out, or say cgroup: {mode: prefer}"))
        }
        _ => Ok(Cgroup { mode, needed_by }),
    }
}

/// Processes, times, output and what setrlimit(2) holds need none; but RLIMIT_NPROC does not hold host root, and of a range of ids
/// each by itself.
fn needs(merged: &Merged, escapes_rlimit: bool) -> Vec<Need> {
    let limits = &merged.limits;
    let all = [
        ("limits.memory", "memory", limited(&limits.memory)),
        ("limits.swap", "memory", limited(&limits.swap)),
        ("limits.cpus", "cpu", limited(&limits.cpus)),
        ("limits.cpu_weight", "cpu", limits.cpu_weight.as_ref().map(|weight| &weight.origin)),
        ("limits.pids", "pids", limited(&limits.pids).filter(|_| escapes_rlimit)),
        ("limits.io_weight", "io", limits.io_weight.as_ref().map(|weight| &weight.origin)),
    ];
    let need = |(key, controller, origin): (_, _, Option<&Origin>)| {
        origin.map(|origin| Need { key, controller, origin: Some(origin.clone()) })
    };
    all.into_iter().filter_map(need).collect()
}

/// Who wrote a limit, if it is one.
fn limited<T>(limit: &Option<Located<Limit<T>>>) -> Option<&Origin> {
    limit.as_ref().filter(|limit| matches!(limit.value, Limit::At(_))).map(|limit| &limit.origin)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::subordinate;
    use crate::plan::testing::{flag, line};
    use crate::profile::schema::Limits;
    use crate::profile::text;

    fn cgroup(merged: &Merged) -> Result<Cgroup, Error> {
        super::cgroup(merged, &nobody_special(), &HostFacts::default())
    }

    fn nobody_special() -> User {
        let ids = subordinate::single(0, 1000);
        User {
            uid: 0,
            gid: 0,
            outside_uid: 1000,
            outside_gid: 1000,
            uids: ids.clone(),
            gids: ids,
            mapped_by_root: false,
        }
    }

    #[test]
    fn processes_of_a_range_of_ids_need_a_cgroup() {
        let range = User { uids: subordinate::around(0, 1000, &[(100_000, 5)]), ..nobody_special() };
        for (limits, needed) in
            [("limits: {pids: 3}", 1), ("limits: {pids: unlimited}", 0), ("limits: {cpu_time: 1s}", 0)]
        {
            let plan = super::cgroup(&merged(limits), &range, &HostFacts::default()).unwrap();
            assert_eq!(plan.needed_by.len(), needed, "{limits}");
        }
    }

    #[test]
    fn processes_of_host_root_need_a_cgroup_and_those_of_a_containers_root_do_not() {
        let merged = merged("limits: {pids: 3}");
        let root = User { outside_uid: 0, outside_gid: 0, ..nobody_special() };
        let needed_by = |mapped_uids: Vec<(u32, u32)>, user: User| {
            let host = HostFacts { mapped_uids, ..HostFacts::default() };
            super::cgroup(&merged, &user, &host).unwrap().needed_by.len()
        };
        assert_eq!(needed_by(vec![(0, u32::MAX)], root.clone()), 1);
        assert_eq!(needed_by(vec![(0, u32::MAX)], nobody_special()), 0);
        assert_eq!(needed_by(vec![(0, 1), (1, 65536)], root), 0);
    }

    /// A profile with these lines alone.
    fn merged(yaml: &str) -> Merged {
        Merged::from(&text::parse(yaml.as_bytes(), "cc.yaml", None).unwrap_or_else(|errors| panic!("{}", errors[0])))
    }

    fn needed_by(limits: &str) -> Vec<(&'static str, &'static str)> {
        let plan = cgroup(&merged(&format!("limits: {limits}"))).unwrap();
        plan.needed_by.iter().map(|need| (need.key, need.controller)).collect()
    }

    #[test]
    fn without_a_limit_none_is_needed_and_one_that_is_must_be_there() {
        assert_eq!(cgroup(&Merged::default()).unwrap(), Cgroup { mode: Enforcement::Require, needed_by: vec![] });
        assert_eq!(cgroup(&merged("cgroup: {mode: prefer}")).unwrap().mode, Enforcement::Prefer);
    }

    #[test]
    fn each_limit_that_only_a_cgroup_can_hold_needs_one() {
        let all = "{io_weight: 1, cpu_weight: 100, cpus: 0.5, swap: 0, memory: 1G}";
        let expected = [
            ("limits.memory", "memory"),
            ("limits.swap", "memory"),
            ("limits.cpus", "cpu"),
            ("limits.cpu_weight", "cpu"),
            ("limits.io_weight", "io"),
        ];
        assert_eq!(needed_by(all), expected);
        for (limits, need) in [
            ("{memory: 1G}", expected[0]),
            ("{swap: 1G}", expected[1]),
            ("{memory: unlimited, swap: 0}", expected[1]),
            ("{cpus: 2}", expected[2]),
            ("{cpu_weight: 100}", expected[3]),
            ("{io_weight: 100}", expected[4]),
        ] {
            assert_eq!(needed_by(limits), [need], "{limits}");
        }
    }

    #[test]
    fn no_other_limit_and_none_that_is_unlimited_needs_one() {
        // Every key that there is, so that a new one is thought of here.
        let keys = serde_json::json!(Limits::default());
        for key in keys.as_object().unwrap().keys() {
            let values: &[&str] = match key.as_str() {
                "cpu_weight" | "io_weight" => &[],
                "memory" | "swap" | "cpus" => &["unlimited"],
                "extra_time" | "kill_after" => &["1s"],
                "cpu_time" | "wall_time" => &["1s", "unlimited"],
                _ => &["1", "unlimited"],
            };
            for value in values {
                assert_eq!(needed_by(&format!("{{{key}: {value}}}")), [], "{key}: {value}");
            }
        }
    }

    #[test]
    fn a_need_keeps_the_line_of_its_limit() {
        let plan = cgroup(&merged("limits:\n  pids: 3\n  cpus: 2\n")).unwrap();
        let origin = plan.needed_by[0].origin.as_ref().unwrap();
        assert_eq!((origin.source.as_str(), origin.position()), ("cc.yaml", Some((3, 3))));
    }

    #[test]
    fn a_cgroup_that_is_needed_and_forbidden_is_an_error_of_the_limit() {
        let off = merged("limits:\n  pids: 3\n  swap: 0\n  cpus: 2\ncgroup: {mode: off}\n");
        insta::assert_snapshot!(cgroup(&off).unwrap_err(), @"cc.yaml:3:3: limits.swap needs a cgroup, and cgroup.mode is off. Take one of the two out, or say cgroup: {mode: prefer}");
        for fine in
            ["limits: {pids: 3, cpu_time: 1s}\ncgroup: {mode: off}\n", "limits: {cpus: 2}\ncgroup: {mode: prefer}\n"]
        {
            assert!(cgroup(&merged(fine)).is_ok(), "{fine}");
        }
    }

    #[test]
    fn the_limit_is_named_by_its_flag_or_by_its_line_in_a_built_in() {
        let mut off = merged("limits: {memory: 1G}\ncgroup: {mode: off}\n");
        let mut with = |origin: Origin| {
            off.limits.memory.as_mut().unwrap().origin = origin;
            cgroup(&off).unwrap_err()
        };
        let error = with(flag("--memory"));
        insta::assert_snapshot!(error, @"--memory: limits.memory needs a cgroup, and cgroup.mode is off. Take one of the two out, or say cgroup: {mode: prefer}");
        assert_eq!(error.kind, crate::error::ErrorKind::Usage);
        let built_in = Origin { position: None, ..line("strict", 0, "limits.memory") };
        let (line, column) = built_in.position().unwrap();
        let named = format!("strict:{line}:{column}: limits.memory needs a cgroup");
        assert!(with(built_in).to_string().starts_with(&named), "{named}");
    }
}
