//! layers

pub mod seccomp;
