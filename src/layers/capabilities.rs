//! capabilities(7): all five sets down to what the profile keeps, and no way back up.

use crate::sys::privileges;
use crate::without;
use caps::{CapSet, Capability};
use nix::errno::Errno;

/// What stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    kept: Vec<Capability>,
    mask: u64,
    /// There are other user ids inside than init's.
    has_range: bool,
}

impl Kept {
    /// Everything that the running kernel knows goes, but `kept`; and of init, which ends processes of other user ids where there
    /// are some, CAP_KILL. It is in no set that execve(2) hands on.
    pub fn new(kept: &[Capability], has_range: bool) -> Self {
        let mask = kept.iter().fold(0, |mask, capability| mask | capability.bitmask());
        Kept { kept: kept.to_vec(), mask, has_range }
    }
}

/// Drops from the bounding set, raises what is kept into the ambient set (a file without capabilities is executed),
/// locks the securebits, and sets the others.
pub fn reduce(kept: &Kept) -> Result<(), Errno> {
    // By number, until the kernel knows no more: a newer kernel may know some that we have no name for.
    for number in (0..u64::BITS).filter(|number| kept.mask & (1 << number) == 0) {
        match privileges::drop_from_bounding_set(number) {
            Err(Errno::EINVAL) => break,
            answer => answer?,
        }
    }
    if kept.mask != 0 {
        privileges::set_capabilities(u64::MAX, kept.mask)?;
        for capability in &kept.kept {
            caps::raise(None, CapSet::Ambient, *capability).map_err(|_| Errno::last())?;
        }
    }
    if without::layer("capabilities") {
        return Ok(());
    }
    privileges::lock_securebits(kept.has_range)?;
    let of_init = if kept.has_range { Capability::CAP_KILL.bitmask() } else { 0 };
    privileges::set_capabilities(kept.mask | of_init, kept.mask)
}
