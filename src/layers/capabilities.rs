//! capabilities(7): all five sets down to what the profile keeps, and no way back up.

use crate::sys::privileges;
use caps::{CapSet, Capability};
use nix::errno::Errno;

/// What stays and what goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    kept: Vec<Capability>,
    dropped: Vec<Capability>,
    mask: u64,
}

impl Kept {
    /// Everything that the running kernel knows goes, but `kept`.
    pub fn new(kept: &[Capability]) -> Self {
        let known = caps::runtime::thread_all_supported();
        let mut dropped: Vec<Capability> = known.into_iter().filter(|capability| !kept.contains(capability)).collect();
        dropped.sort_unstable_by_key(Capability::index);
        let mask = kept.iter().fold(0, |mask, capability| mask | capability.bitmask());
        Kept { kept: kept.to_vec(), dropped, mask }
    }
}

/// Drops from the bounding set, raises what is kept into the ambient set (a file without capabilities is executed),
/// locks the securebits, and sets the others.
pub fn reduce(kept: &Kept) -> Result<(), Errno> {
    for capability in &kept.dropped {
        caps::drop(None, CapSet::Bounding, *capability).map_err(|_| Errno::last())?;
    }
    if kept.mask != 0 {
        let all = kept.dropped.iter().fold(kept.mask, |mask, capability| mask | capability.bitmask());
        privileges::set_capabilities(all, kept.mask)?;
        for capability in &kept.kept {
            caps::raise(None, CapSet::Ambient, *capability).map_err(|_| Errno::last())?;
        }
    }
    privileges::lock_securebits()?;
    privileges::set_capabilities(kept.mask, kept.mask)
}
