//! From an archive or an image to a tree of files.

use serde::{Deserialize, Serialize};

/// Who owns what is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owners {
    /// The one who unpacks it.
    Own,
    /// Whom the archive says: needs CAP_CHOWN over those ids, user_namespaces(7).
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
