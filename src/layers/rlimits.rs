//! getrlimit(2): limits of one process, and (RLIMIT_NPROC in a fresh user namespace) of all.

use crate::plan::Limits;
use crate::without;
use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};
use serde::{Deserialize, Serialize};

/// One limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Wire", try_from = "Wire")]
pub struct Rlimit {
    resource: Resource,
    soft: rlim_t,
    hard: rlim_t,
    when: When,
}

/// The same in the file of one who enters: the resource's number first.
type Wire = (i32, rlim_t, rlim_t, When);

impl From<Rlimit> for Wire {
    fn from(limit: Rlimit) -> Wire {
        (limit.resource as i32, limit.soft, limit.hard, limit.when)
    }
}

impl TryFrom<Wire> for Rlimit {
    type Error = &'static str;

    fn try_from((number, soft, hard, when): Wire) -> Result<Self, Self::Error> {
        let resource = ALL.into_iter().find(|resource| *resource as i32 == number).ok_or("no such limit")?;
        Ok(Rlimit { resource, soft, hard, when })
    }
}

/// Where it is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum When {
    /// In init, before the filter, for all that comes from it: signals that the payload queues to init are counted by init's limit, and
    /// the filter keeps RLIMIT_CORE as it is.
    Early,
    /// In the payload.
    Late,
    /// In the payload, where no cgroup counts processes: it would refuse the same fork first, and pids.events would not tell.
    WithoutCgroup,
}

/// Counted per user, across user namespaces: half stays the caller's.
const SHARED: [Resource; 3] = [Resource::RLIMIT_SIGPENDING, Resource::RLIMIT_MSGQUEUE, Resource::RLIMIT_NPROC];

/// All that there are.
const ALL: [Resource; 16] = [
    Resource::RLIMIT_AS,
    Resource::RLIMIT_CORE,
    Resource::RLIMIT_CPU,
    Resource::RLIMIT_DATA,
    Resource::RLIMIT_FSIZE,
    Resource::RLIMIT_LOCKS,
    Resource::RLIMIT_MEMLOCK,
    Resource::RLIMIT_MSGQUEUE,
    Resource::RLIMIT_NICE,
    Resource::RLIMIT_NOFILE,
    Resource::RLIMIT_NPROC,
    Resource::RLIMIT_RSS,
    Resource::RLIMIT_RTPRIO,
    Resource::RLIMIT_RTTIME,
    Resource::RLIMIT_SIGPENDING,
    Resource::RLIMIT_STACK,
];

/// Those of this process, which a run's command has where the plan names none.
pub fn inherited() -> nix::Result<Vec<Rlimit>> {
    let own = |resource| getrlimit(resource).map(|(soft, hard)| Rlimit { resource, soft, hard, when: When::Early });
    ALL.into_iter().map(own).collect()
}

impl Rlimit {
    /// No higher than this process may set it.
    pub fn within_own(self) -> Self {
        let most = getrlimit(self.resource).map_or(self.hard, |(_, hard)| hard);
        Rlimit { soft: self.soft.min(most), hard: self.hard.min(most), ..self }
    }
}

/// The limits that the plan names, in their order. One above the caller's hard limit is lowered to it: it cannot be raised, and holds.
pub fn plan(limits: &Limits) -> nix::Result<Vec<Rlimit>> {
    let half = |resource| getrlimit(resource).map(|(soft, _)| soft / 2);
    let shared = SHARED
        .map(|resource| half(resource).map(|value| Rlimit { resource, soft: value, hard: value, when: When::Early }));
    // RLIMIT_NPROC counts init too.
    let most = half(Resource::RLIMIT_NPROC)?;
    let processes = limits.pids.map(|pids| pids.saturating_add(1).min(most));
    let wanted = [
        // core(5): 0 does not keep the kernel from handing a core to a helper that core_pattern pipes to, 1 does.
        (Resource::RLIMIT_CORE, Some(limits.core.max(1)), When::Early),
        (Resource::RLIMIT_NPROC, processes, When::WithoutCgroup),
        (Resource::RLIMIT_FSIZE, limits.file_size, When::Late),
        (Resource::RLIMIT_NOFILE, limits.open_files, When::Late),
        (Resource::RLIMIT_STACK, limits.stack, When::Late),
        (Resource::RLIMIT_AS, limits.address_space, When::Late),
        (Resource::RLIMIT_MEMLOCK, limits.locked_memory, When::Late),
    ];
    let named = wanted.into_iter().filter_map(|(resource, value, when)| value.map(|value| (resource, value, when)));
    let lowered = named.map(|(resource, value, when)| {
        let (_, hard) = getrlimit(resource)?;
        let value = value.min(hard);
        Ok(Rlimit { resource, soft: value, hard: value, when })
    });
    shared.into_iter().chain(lowered).collect()
}

/// For init and all that comes from it.
pub fn apply_early(limits: &[Rlimit]) -> nix::Result<()> {
    apply_those(limits, |when| when == When::Early)
}

/// For this process and what it becomes.
pub fn apply(limits: &[Rlimit], in_cgroup: bool) -> nix::Result<()> {
    apply_those(limits, |when| when == When::Late || (when == When::WithoutCgroup && !in_cgroup))
}

fn apply_those(limits: &[Rlimit], at: impl Fn(When) -> bool) -> nix::Result<()> {
    let those = limits.iter().filter(|limit| at(limit.when) && !without::layer("rlimits"));
    those.into_iter().try_for_each(|limit| setrlimit(limit.resource, limit.soft, limit.hard))
}
