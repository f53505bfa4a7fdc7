//! Sizes, durations, octal modes: text with a unit → a number.

/// Bytes. `512MiB`, `64K` are 1024-based; `KB` is refused as ambiguous.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Size(pub u64);

/// Microseconds. A unit is needed: `30m`, `2s`, `500ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Duration(pub u64);

/// Permission bits, written as octal text: `"0755"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Mode(pub u32);

/// A number, or the word `unlimited`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit<T> {
    /// At most this.
    At(T),
    /// `unlimited`
    Unlimited,
}
