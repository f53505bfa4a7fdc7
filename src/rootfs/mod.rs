//! Root file systems that were imported: where they lie, and what they are called.

pub mod store;
pub mod unpack;
