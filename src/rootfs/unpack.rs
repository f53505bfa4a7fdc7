//! From an archive or an image to a tree of files.
//!
//! Whoever made the archive is not trusted with anything: every name is walked below one descriptor and never followed out of it
//! (`walk`), every byte and name is counted before it is made (`budget`), every digest is compared (`image`). It runs in a sandbox of our
//! own, and does not rely on it.

mod archive;
mod attributes;
mod budget;
mod compression;
mod extract;
mod header;
mod image;
mod name;
mod pax;
mod remove;
mod source;
mod sparse;
mod stream;
mod tree;
mod walk;
mod whiteout;

use serde::{Deserialize, Serialize};
use std::os::fd::BorrowedFd;
use std::path::Path;

/// Who owns what is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owners {
    /// The one who unpacks it.
    Own,
    /// Whom the archive says: needs CAP_CHOWN over those ids, user_namespaces(7), and CAP_FOWNER for hard links to their files, proc(5) on
    /// protected_hardlinks.
    Kept,
}

/// The most that an archive may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all files together, as long as they say they are: holes count.
    pub bytes: u64,
    /// Names.
    pub entries: u64,
}

/// What was made, and what was not.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Summary {
    pub entries: u64,
    pub bytes: u64,
    /// What was left out, and how often: "device nodes", "set-id bits".
    pub left_out: Vec<(String, u64)>,
}

/// Why nothing came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// One sentence: what, on which entry, why.
    pub reason: String,
    /// What to do about it; may be empty.
    pub remedy: String,
}

/// Makes the tree of `source` in the empty directory `into`.
///
/// `source` is a tar archive of a root (plain, or compressed with gzip, zstd or xz), one of an image as `docker save` writes it or with an
/// OCI image layout, or a directory with such a layout. `room` is an empty directory for what must be kept meanwhile. `tell` hears how
/// many bytes of the source were read, for a progress bar. One thread is started; memory is bounded: by 160 MiB for the
/// decoders, and 400 bytes for each name.
///
/// # Errors
/// The source cannot be read, is damaged, holds too much or what leads out of the tree; or the kernel makes a name not. What was made
/// until then is there: the caller removes it.
pub fn unpack(
    source: &Path,
    into: BorrowedFd<'_>,
    room: &Path,
    owners: Owners,
    limits: Limits,
    tell: &mut dyn FnMut(u64),
) -> Result<Summary, Failure> {
    let mut budget = budget::Budget::new(limits);
    let mut tree = tree::Tree::new(into, owners)?;
    match source::open(source, room, limits, tell)? {
        source::Source::Root(file) => stream::flow(file, stream::Digests::None, tell, |stream| {
            let mut archive = archive::Archive::new(stream);
            extract::extract(&mut archive, &mut tree, &mut budget)?;
            archive.finish(&mut budget).map(drop)
        })?,
        source::Source::Image(store) => image::unpack(&store, &mut tree, &mut budget, tell)?,
        source::Source::Kept(store) => image::unpack(&store, &mut tree, &mut budget, &mut |_| {})?,
    }
    tree.finish()?;
    Ok(budget.summary())
}
