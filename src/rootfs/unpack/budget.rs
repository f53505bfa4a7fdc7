//! What an archive may still cost, and what of it was left out.

use super::{Failure, Limits, Summary, name};
use std::collections::BTreeMap;

/// Counts before anything is made.
pub struct Budget {
    limits: Limits,
    /// The limit of bytes that the caller has set.
    said: u64,
    entries: u64,
    bytes: u64,
    /// Bytes that are no file's: long names, what follows the end.
    overhead: u64,
    left_out: BTreeMap<&'static str, u64>,
}

impl Budget {
    pub fn new(limits: Limits) -> Self {
        Budget { said: limits.bytes, limits, entries: 0, bytes: 0, overhead: 0, left_out: BTreeMap::new() }
    }

    /// Twice as many bytes, for who looks at an image before it is unpacked: its layers may hide each other.
    pub fn to_look(limits: Limits) -> Self {
        let twice = Limits { bytes: limits.bytes.saturating_mul(2), ..limits };
        Budget { said: limits.bytes, ..Budget::new(twice) }
    }

    /// One more entry, of so many bytes.
    ///
    /// # Errors
    /// It is more than the limits allow.
    pub fn entry(&mut self, entry: &[u8], size: u64) -> Result<(), Failure> {
        self.names(1)?;
        match self.bytes.checked_add(size) {
            Some(bytes) if bytes <= self.limits.bytes => self.bytes = bytes,
            _ => {
                let (entry, most) = (name::shown(entry), self.said);
                let reason = format!("{entry}: with its {size} bytes, the files are larger than {most} bytes together");
                return Err(Failure::new(reason).remedy("Raise --max-size"));
            }
        }
        Ok(())
    }

    /// Names that are made.
    ///
    /// # Errors
    /// They are more than the limits allow.
    pub fn names(&mut self, names: u64) -> Result<(), Failure> {
        self.entries += names;
        if self.entries > self.limits.entries {
            let reason = format!("the archive holds more than {} names", self.limits.entries);
            return Err(Failure::new(reason).remedy("Raise --max-files"));
        }
        Ok(())
    }

    /// Bytes that the archive makes one read for nothing.
    ///
    /// # Errors
    /// They are more than all its files may have.
    pub fn overhead(&mut self, bytes: u64) -> Result<(), Failure> {
        self.overhead = self.overhead.saturating_add(bytes);
        if self.overhead > self.limits.bytes.max(1 << 20) {
            let reason = format!("the archive has more than {} bytes that belong to no file", self.said);
            return Err(Failure::new(reason).remedy("Raise --max-size"));
        }
        Ok(())
    }

    pub fn leave_out(&mut self, what: &'static str, count: u64) {
        if count > 0 {
            *self.left_out.entry(what).or_default() += count;
        }
    }

    pub fn summary(self) -> Summary {
        let left_out = self.left_out.into_iter().map(|(what, count)| (what.to_string(), count)).collect();
        Summary { entries: self.entries, bytes: self.bytes, left_out }
    }
}
