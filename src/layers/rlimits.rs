//! getrlimit(2): limits of one process, and (RLIMIT_NPROC in a fresh user namespace) of all.

use crate::plan::Limits;
use crate::without;
use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};

/// One limit, soft and hard alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rlimit {
    resource: Resource,
    value: rlim_t,
}

/// Counted per user, across user namespaces: half stays the caller's.
const SHARED: [Resource; 2] = [Resource::RLIMIT_SIGPENDING, Resource::RLIMIT_MSGQUEUE];

/// Set in init: those, and the one that the filter keeps as it is.
const EARLY: [Resource; 3] = [Resource::RLIMIT_SIGPENDING, Resource::RLIMIT_MSGQUEUE, Resource::RLIMIT_CORE];

/// The limits that the plan names. One above the caller's hard limit is lowered to it: it cannot be raised, and holds.
pub fn plan(limits: &Limits) -> nix::Result<Vec<Rlimit>> {
    // RLIMIT_NPROC counts init too; and in the caller's own count it is, too.
    let half_of_callers = getrlimit(Resource::RLIMIT_NPROC)?.0 / 2;
    let processes = limits.pids.map(|pids| pids.saturating_add(1).min(half_of_callers));
    let wanted = [
        (Resource::RLIMIT_NPROC, processes),
        (Resource::RLIMIT_FSIZE, limits.file_size),
        (Resource::RLIMIT_NOFILE, limits.open_files),
        (Resource::RLIMIT_STACK, limits.stack),
        // core(5): 0 does not keep the kernel from handing a core to a helper of the host's, 1 does.
        (Resource::RLIMIT_CORE, Some(limits.core.max(1))),
        (Resource::RLIMIT_AS, limits.address_space),
        (Resource::RLIMIT_MEMLOCK, limits.locked_memory),
    ];
    let named = wanted.into_iter().filter_map(|(resource, value)| value.map(|value| (resource, value)));
    let lowered = named.map(|(resource, value)| {
        let (_, hard) = getrlimit(resource)?;
        Ok(Rlimit { resource, value: value.min(hard) })
    });
    let half = |resource| getrlimit(resource).map(|(soft, _)| Rlimit { resource, value: soft / 2 });
    lowered.chain(SHARED.into_iter().map(half)).collect()
}

/// For init and all that comes from it, before the filter: signals that the payload queues to init are counted by init's limit.
pub fn apply_early(limits: &[Rlimit]) -> nix::Result<()> {
    apply_those(limits, |resource| EARLY.contains(&resource))
}

/// For this process and what it becomes. In a cgroup that counts processes RLIMIT_NPROC is left out: it would refuse the same fork
/// first, and pids.events would not tell.
pub fn apply(limits: &[Rlimit], in_cgroup: bool) -> nix::Result<()> {
    let elsewhere = |resource| EARLY.contains(&resource) || (in_cgroup && resource == Resource::RLIMIT_NPROC);
    apply_those(limits, |resource| !elsewhere(resource))
}

fn apply_those(limits: &[Rlimit], which: impl Fn(Resource) -> bool) -> nix::Result<()> {
    let those = limits.iter().filter(|limit| which(limit.resource));
    those
        .filter(|_| !without::layer("rlimits"))
        .try_for_each(|limit| setrlimit(limit.resource, limit.value, limit.value))
}
