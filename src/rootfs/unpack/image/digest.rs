//! Digests, by which an image names its parts.

use super::super::Failure;
use super::super::stream::hexadecimal;
use sha2::{Digest as _, Sha256};

/// SHA-256: 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest(String);

impl Digest {
    /// # Errors
    /// It is of another kind, or no digest at all: it is never a path.
    pub fn read(text: &str) -> Result<Self, Failure> {
        text.strip_prefix("sha256:").and_then(Digest::of_digits).ok_or_else(|| {
            Failure::about(text.as_bytes(), "in the image stands this for a digest, but none of SHA-256 looks so")
        })
    }

    pub fn of_digits(digits: &str) -> Option<Self> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        (digits.len() == 64 && digits.bytes().all(is_digit)).then(|| Digest(digits.to_string()))
    }

    /// Where an OCI layout keeps the part.
    pub fn blob(&self) -> String {
        format!("blobs/sha256/{}", self.0)
    }

    pub fn is(&self, digits: &str) -> bool {
        self.0 == digits
    }

    pub fn is_of(&self, bytes: &[u8]) -> bool {
        self.is(&hexadecimal(Sha256::new_with_prefix(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_never_a_path() {
        let digits = "a".repeat(64);
        assert_eq!(Digest::read(&format!("sha256:{digits}")).unwrap().blob(), format!("blobs/sha256/{digits}"));
        let path = "../".repeat(21) + "x";
        for wrong in [
            "",
            "sha256:",
            "sha256:../../x",
            &digits,
            &format!("sha256:{path}"),
            &format!("sha256:{}", digits.to_uppercase()),
        ] {
            assert!(Digest::read(wrong).is_err(), "{wrong}");
        }
    }
}
