//! Plan data → filter, ruleset, masks. Knows nothing of processes.

pub mod capabilities;
pub mod landlock;
pub mod rlimits;
pub mod seccomp;
