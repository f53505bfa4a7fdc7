//! `sandbox verify`: a battery of attempts inside a run with the given options, and what came of each.
//!
//! An outside half lays baits and looks what became of them; an inside half, this very program as the command of an ordinary run,
//! goes for them. What is expected follows from the plan: what gets through is the profile's gift, or a broken promise.

pub mod baits;
mod caller;
mod calls;
mod files;
mod host_facts;
mod init;
mod inside;
mod lay;
mod limits;
mod mounts;
mod network;
mod outside;
mod power;
pub mod probe;
mod processes;
mod read_only;
pub mod runs;
mod spend;
mod stage;
mod verdict;

use probe::Probe;

pub use inside::{INSIDE, run as inside};
pub use outside::{NO_ROOM, Request, Verification, verify};
pub use verdict::{Verdict, Word};

/// The groups, in the order in which they are tried and told.
pub const GROUPS: &[(&str, &[Probe])] = &[
    ("files", files::PROBES),
    ("files", mounts::PROBES),
    ("files", read_only::PROBES),
    ("processes", processes::PROBES),
    ("processes", init::PROBES),
    ("caller", caller::PROBES),
    ("network", network::PROBES),
    ("host", host_facts::PROBES),
    ("power", power::PROBES),
    ("power", calls::PROBES),
    ("limits", limits::PROBES),
];

/// The battery.
pub fn battery() -> impl Iterator<Item = (&'static str, &'static Probe)> {
    GROUPS.iter().flat_map(|(group, probes)| probes.iter().map(move |probe| (*group, probe)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_probes_have_one_name() {
        let names: BTreeSet<_> = battery().map(|(_, probe)| probe.id).collect();
        assert_eq!(names.len(), battery().count());
        assert!(
            names
                .iter()
                .all(|id| id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'))
        );
    }

    #[test]
    fn there_are_more_than_fifty() {
        assert!(battery().count() > 50);
    }
}
