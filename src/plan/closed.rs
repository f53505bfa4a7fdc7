//! What a run may leave set-uid, or with capabilities, others must not be able to reach.

use super::host::HostFacts;
use super::{BindRole, Features, Mount, User, wrong};
use crate::error::Error;
use caps::Capability;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// On the host such a file of a root file system, or of any tree under host root (where ids on disk are root's), has that power for
/// whoever executes it.
pub(super) fn check(
    mounts: &[Mount],
    features: &Features,
    capabilities: &[Capability],
    user: &User,
    host: &HostFacts,
) -> Result<(), Error> {
    let grants = match (features.set_id_bits, capabilities.contains(&Capability::CAP_SETFCAP)) {
        (true, _) => "features.set_id_bits",
        (_, true) => "CAP_SETFCAP",
        _ => return Ok(()),
    };
    for mount in mounts {
        let Some(bind) = mount.bind().filter(|bind| bind.writable) else { continue };
        let counts = bind.role == BindRole::Root || (bind.role == BindRole::Tree && user.mapped_by_root);
        let path = bind.source.path();
        if counts && !is_closed(&host.real(&path)) {
            let parent = path.parent().unwrap_or(&path).display().to_string();
            return Err(wrong(
                &mount.origin,
                format!(
                    "{} can be reached by other users, and with {grants} the command could leave programs in it that give them power",
                    path.display()
                ),
            )
            .remedy(format!("chmod 700 {parent}, or put it into a directory that only you may enter"))
            .path(&path));
        }
    }
    Ok(())
}

/// Only its owner may search it, or a directory on the way to it.
fn is_closed(path: &Path) -> bool {
    path.ancestors().any(|place| place.metadata().is_ok_and(|found| found.permissions().mode() & 0o011 == 0))
}
