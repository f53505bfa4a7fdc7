//! How a layer of an image says what it takes away from those below it, image-spec's layer.md.

use super::Failure;
use super::name::Name;

const PREFIX: &[u8] = b".wh.";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whiteout<'n> {
    /// This name.
    Name(&'n [u8]),
    /// All that is in the directory.
    Opaque,
    /// What aufs keeps for itself: it means nothing.
    OfAufs,
}

/// What the name says; none: it is the name of a file.
///
/// # Errors
/// It says what cannot be.
pub fn read<'n>(name: &Name<'n>) -> Result<Option<Whiteout<'n>>, Failure> {
    if name.parents().iter().any(|part| part.starts_with(PREFIX)) {
        return Err(name.wrong("it lies in a whiteout, which is no directory"));
    }
    match name.last().and_then(|last| last.strip_prefix(PREFIX)) {
        None => Ok(None),
        Some(b"" | b"." | b"..") => Err(name.wrong("it is the whiteout of no name")),
        Some(b".wh..opq") => Ok(Some(Whiteout::Opaque)),
        Some(hidden) if hidden.starts_with(PREFIX) => Ok(Some(Whiteout::OfAufs)),
        Some(hidden) => Ok(Some(Whiteout::Name(hidden))),
    }
}
