//! The doors to what reads bytes that others wrote, for the targets in `fuzz/`. They exist only in a build with `--cfg fuzzing`,
//! which `fuzz/run` makes; what is public anyway has none.

pub use crate::host::fuzzing as cgroup;
pub use crate::inside::fuzzing as inside;
pub use crate::plan::fuzzing as plan;

/// Text from elsewhere as it is shown: whole, on one line.
pub fn shown(text: &str) -> [String; 2] {
    [crate::visible::text(text), crate::visible::line(text)]
}
