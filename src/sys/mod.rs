//! The only `unsafe` code: thin wrappers over the system calls that nix lacks.
//!
//! Each takes and returns owned or borrowed descriptors and paths, so that no caller can pass the kernel a dangling pointer.
#![allow(unsafe_code)] // the one room for it

pub mod descriptor;
pub mod memory;
pub mod mount;
pub mod network;
pub mod privileges;
pub mod probe;
pub mod process;
pub mod pty;
pub mod terminal;
