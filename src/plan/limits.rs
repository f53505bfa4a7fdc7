//! Limits, features and layers: what was written, else the default.

use super::{Enforcement, Features, Landlock, Limits, OnDeny, Seccomp, SeccompPolicy, wrong};
use crate::error::Error;
use crate::layers::seccomp::syscalls;
use crate::profile::units::{Limit, Size};
use crate::profile::{self, Located, Merged};
use nix::libc::RLIM_INFINITY;

/// Less is not enough for execve(2) and a loader: the kernel would kill the command before its first line.
const LEAST_MEMORY: u64 = 1 << 20;

/// The limits. One that nobody wrote leaves what the caller has, but for `core`, which is 0.
pub(super) fn limits(written: &profile::Limits) -> Result<Limits, Error> {
    if let Some(pids) = written.pids.as_ref().filter(|pids| pids.value == Limit::At(0)) {
        return Err(wrong(&pids.origin, "a limit of 0 processes leaves none for the command").remedy("Write 1 or more"));
    }
    let memory = at(&written.memory, |size| size.0);
    if let (Some(Located { origin, .. }), Some(0..LEAST_MEMORY)) = (&written.memory, memory) {
        let error = wrong(origin, "a memory limit below 1MiB leaves no room to start a command");
        return Err(error.remedy("Write 1MiB or more: most programs need several"));
    }
    let size = |limit: &Option<Located<Limit<Size>>>| limit.as_ref().map(|limit| rlimit(limit.value, |size| size.0));
    Ok(Limits {
        memory,
        // Swap would be a way round a limit on memory.
        swap: if written.swap.is_some() { at(&written.swap, |size| size.0) } else { memory.and(Some(0)) },
        cpus: at(&written.cpus, |cpus| cpus.0),
        cpu_weight: written.cpu_weight.as_ref().map(|weight| weight.value.0),
        io_weight: written.io_weight.as_ref().map(|weight| weight.value.0),
        pids: at(&written.pids, |pids| pids),
        cpu_time: at(&written.cpu_time, |time| time.0),
        wall_time: at(&written.wall_time, |time| time.0),
        extra_time: written.extra_time.as_ref().map_or(0, |time| time.value.0),
        kill_after: written.kill_after.as_ref().map_or(0, |time| time.value.0),
        output: at(&written.output, |size| size.0),
        file_size: size(&written.file_size),
        open_files: written.open_files.as_ref().map(|limit| rlimit(limit.value, |number| number)),
        stack: size(&written.stack),
        core: size(&written.core).unwrap_or(0),
        address_space: size(&written.address_space),
        locked_memory: size(&written.locked_memory),
    })
}

fn at<T: Copy>(limit: &Option<Located<Limit<T>>>, number: impl Fn(T) -> u64) -> Option<u64> {
    match limit.as_ref()?.value {
        Limit::At(value) => Some(number(value)),
        Limit::Unlimited => None,
    }
}

fn rlimit<T>(limit: Limit<T>, number: impl Fn(T) -> u64) -> u64 {
    match limit {
        Limit::At(value) => number(value),
        Limit::Unlimited => RLIM_INFINITY,
    }
}

/// What the profile opens up.
pub(super) fn features(written: &profile::Features) -> Features {
    let on = |feature: &Option<Located<bool>>| feature.as_ref().is_some_and(|feature| feature.value);
    Features {
        userns: on(&written.userns),
        ptrace: on(&written.ptrace),
        io_uring: on(&written.io_uring),
        perf: on(&written.perf),
        keyring: on(&written.keyring),
        numa: on(&written.numa),
        personality: on(&written.personality),
        set_id_bits: on(&written.set_id_bits),
    }
}

/// The filter's policy.
pub(super) fn seccomp(merged: &Merged) -> Result<Seccomp, Error> {
    let names = |written: &[Located<String>]| {
        let checked = written.iter().map(|Located { value, origin }| {
            if syscalls::exists(value) {
                return Ok(value.clone());
            }
            Err(wrong(origin, format!("there is no system call {value:?}")).remedy(match syscalls::nearest(value) {
                Some(near) => format!("Did you mean {near:?}?"),
                None => "Take it out".into(),
            }))
        });
        checked.collect::<Result<Vec<_>, _>>()
    };
    Ok(Seccomp {
        policy: merged.seccomp_policy.as_ref().map_or(SeccompPolicy::Default, |policy| policy.value),
        on_deny: merged.seccomp_on_deny.as_ref().map_or(OnDeny::Errno, |action| action.value),
        allow: names(&merged.seccomp_allow)?,
        deny: names(&merged.seccomp_deny)?,
    })
}

/// The second fence.
pub(super) fn landlock(merged: &Merged) -> Landlock {
    Landlock {
        mode: merged.landlock_mode.as_ref().map_or(Enforcement::Prefer, |mode| mode.value),
        min_abi: merged.landlock_min_abi.as_ref().map_or(1, |abi| abi.value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing::located;
    use crate::profile::units::{Cpus, Duration, Weight};

    #[test]
    fn what_nobody_wrote_is_unlimited_or_the_caller_s_and_there_are_no_cores() {
        assert_eq!(limits(&profile::Limits::default()).unwrap(), Limits::default());
        assert_eq!(Limits::default().core, 0);
    }

    #[test]
    fn unlimited_is_no_limit_of_ours_and_the_highest_rlimit() {
        let written = profile::Limits {
            pids: Some(located(Limit::Unlimited)),
            memory: Some(located(Limit::Unlimited)),
            swap: Some(located(Limit::Unlimited)),
            cpus: Some(located(Limit::Unlimited)),
            cpu_time: Some(located(Limit::Unlimited)),
            wall_time: Some(located(Limit::Unlimited)),
            open_files: Some(located(Limit::Unlimited)),
            core: Some(located(Limit::Unlimited)),
            ..Default::default()
        };
        let limits = limits(&written).unwrap();
        assert_eq!((limits.pids, limits.cpu_time, limits.wall_time), (None, None, None));
        assert_eq!((limits.memory, limits.swap, limits.cpus), (None, None, None));
        assert_eq!((limits.open_files, limits.core), (Some(RLIM_INFINITY), RLIM_INFINITY));
    }

    #[test]
    fn limits_are_in_base_units() {
        let written = profile::Limits {
            memory: Some(located(Limit::At(Size(1 << 20)))),
            swap: Some(located(Limit::At(Size(4096)))),
            cpus: Some(located(Limit::At(Cpus(1500)))),
            cpu_weight: Some(located(Weight(100))),
            io_weight: Some(located(Weight(1))),
            cpu_time: Some(located(Limit::At(Duration(3_000_000)))),
            extra_time: Some(located(Duration(7))),
            pids: Some(located(Limit::At(64))),
            wall_time: Some(located(Limit::At(Duration(2_000_000)))),
            kill_after: Some(located(Duration(500_000))),
            output: Some(located(Limit::At(Size(1024)))),
            ..Default::default()
        };
        let limits = limits(&written).unwrap();
        assert_eq!(
            (limits.pids, limits.wall_time, limits.kill_after, limits.output),
            (Some(64), Some(2_000_000), 500_000, Some(1024))
        );
        assert_eq!((limits.memory, limits.swap, limits.cpus), (Some(1 << 20), Some(4096), Some(1500)));
        assert_eq!((limits.cpu_weight, limits.io_weight), (Some(100), Some(1)));
        assert_eq!((limits.cpu_time, limits.extra_time), (Some(3_000_000), 7));
    }

    fn memory_and_swap(memory: Option<Limit<Size>>, swap: Option<Limit<Size>>) -> (Option<u64>, Option<u64>) {
        let written = profile::Limits { memory: memory.map(located), swap: swap.map(located), ..Default::default() };
        let limits = limits(&written).unwrap();
        (limits.memory, limits.swap)
    }

    #[test]
    fn memory_is_not_swapped_out_where_it_is_limited_unless_somebody_says_so() {
        let (some, all) = (Some(Limit::At(Size(1 << 30))), Some(Limit::Unlimited));
        assert_eq!(memory_and_swap(some, None), (Some(1 << 30), Some(0)));
        assert_eq!(memory_and_swap(some, some), (Some(1 << 30), Some(1 << 30)));
        assert_eq!(memory_and_swap(some, all), (Some(1 << 30), None));
        for memory in [None, all] {
            assert_eq!(memory_and_swap(memory, None), (None, None));
            assert_eq!(memory_and_swap(memory, Some(Limit::At(Size(0)))), (None, Some(0)));
        }
    }

    #[test]
    fn memory_that_leaves_no_room_for_a_command_is_refused() {
        for bytes in [0, 1, (1 << 20) - 1] {
            let written = profile::Limits { memory: Some(located(Limit::At(Size(bytes)))), ..Default::default() };
            let error = limits(&written).unwrap_err().to_string();
            assert_eq!(
                error,
                "a.yaml:1:5: key: a memory limit below 1MiB leaves no room to start a command. Write 1MiB or more: most programs need several"
            );
        }
    }

    #[test]
    fn no_process_at_all_is_refused() {
        let written = profile::Limits { pids: Some(located(Limit::At(0))), ..Default::default() };
        assert!(limits(&written).unwrap_err().message.contains("leaves none for the command"));
    }

    #[test]
    fn a_feature_is_off_unless_it_is_written_true() {
        let written =
            profile::Features { ptrace: Some(located(true)), userns: Some(located(false)), ..Default::default() };
        assert_eq!(features(&written), Features { ptrace: true, ..Default::default() });
    }

    #[test]
    fn an_unknown_system_call_is_an_error() {
        let merged =
            Merged { seccomp_allow: vec![located("fork".into()), located("frok".into())], ..Default::default() };
        insta::assert_snapshot!(seccomp(&merged).unwrap_err(), @r#"a.yaml:1:5: key: there is no system call "frok". Did you mean "fork"?"#);
        let merged = Merged { seccomp_deny: vec![located("fork".into())], ..Default::default() };
        assert_eq!(seccomp(&merged).unwrap().deny, ["fork"]);
    }

    #[test]
    fn the_layers_have_the_documented_defaults() {
        assert_eq!(landlock(&Merged::default()), Landlock { mode: Enforcement::Prefer, min_abi: 1 });
        let filter = seccomp(&Merged::default()).unwrap();
        assert_eq!((filter.policy, filter.on_deny), (SeccompPolicy::Default, OnDeny::Errno));
    }
}
