//! Root file systems of their own: imported from archives and images, listed, removed and exported.
//!
//! What reads an archive, or a tree that came out of one, does so inside a sandbox of its own ([`contained`]): the half outside
//! prepares a directory ([`staging`]), hears what is said ([`words`]), and gives what came of it a name ([`store`]).

pub mod contained;
pub mod delete;
mod descent;
mod dispose;
pub mod export;
mod guarded;
pub mod hold;
pub mod import;
pub mod inside;
pub mod list;
pub mod pack;
pub mod record;
pub mod remove;
pub mod source;
pub mod staging;
pub mod store;
mod tar_header;
pub mod target;
pub mod unpack;
pub mod words;
