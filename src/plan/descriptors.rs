//! Descriptors handed to the command by number: only what the caller left open.

use super::wrong;
use crate::error::Error;
use crate::profile::Located;
use crate::sys::descriptor;

/// The numbers, each of an inherited descriptor. Any other number would be one of the supervisor's own by the time of the clone.
pub(super) fn passed(written: &[Located<i32>]) -> Result<Vec<i32>, Error> {
    let inherited = |fd: &Located<i32>| match descriptor::is_inherited(fd.value) {
        true => Ok(fd.value),
        false => Err(wrong(&fd.origin, format!("descriptor {} is not open", fd.value))
            .remedy(format!("Open it in the shell, as in {0}<FILE or {0}>FILE", fd.value))),
    };
    written.iter().map(inherited).collect()
}
