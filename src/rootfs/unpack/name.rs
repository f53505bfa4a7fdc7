//! Names in an archive: bytes, which may say anything.

use super::Failure;
use nix::errno::Errno;

/// Bytes of a name, as the kernel takes it at once (PATH_MAX with its NUL).
pub const LONGEST: usize = 4095;
/// Levels of a tree: whoever removes it may keep a descriptor of each.
pub const DEEPEST: usize = 256;

/// The name of an entry, and its parts.
pub struct Name<'n> {
    whole: &'n [u8],
    parts: Vec<&'n [u8]>,
}

impl<'n> Name<'n> {
    /// # Errors
    /// There is no such name below a root, or it is too long.
    pub fn read(name: &'n [u8]) -> Result<Self, Failure> {
        components(name).map(|parts| Name { whole: name, parts })
    }

    /// As it was written.
    pub fn whole(&self) -> &'n [u8] {
        self.whole
    }

    /// The last part; the root has none.
    pub fn last(&self) -> Option<&'n [u8]> {
        self.parts.last().copied()
    }

    pub fn first(&self) -> Option<&'n [u8]> {
        self.parts.first().copied()
    }

    /// Without what says nothing.
    pub fn joined(&self) -> Vec<u8> {
        self.parts.join(&b'/')
    }

    pub fn parents(&self) -> &[&'n [u8]] {
        self.parts.split_last().map_or(&[], |(_, parents)| parents)
    }

    pub fn wrong(&self, why: &str) -> Failure {
        Failure::about(self.whole, why)
    }

    /// The kernel said no.
    pub fn failed(&self, errno: Errno) -> Failure {
        let failure = self.wrong(&format!("it cannot be made: {}", errno.desc()));
        match errno {
            Errno::ENOSPC | Errno::EDQUOT => failure.remedy("Make room where the roots lie, or choose another place"),
            Errno::EINVAL => failure.remedy(FEWER_IDS),
            _ => failure,
        }
    }
}

/// What to do where a number cannot be given to a file.
pub const FEWER_IDS: &str = "Map more ids, or import it as your own";

/// The name's components, without those that say nothing: a leading "/", ".", and "//". The root itself has none.
fn components(name: &[u8]) -> Result<Vec<&[u8]>, Failure> {
    let wrong = |why| Err(Failure::about(name, why));
    if name.is_empty() {
        return Err(Failure::new("an entry has no name"));
    }
    if name.len() > LONGEST {
        return wrong("its name is longer than 4095 bytes");
    }
    if name.contains(&0) {
        return wrong("its name has a NUL byte");
    }
    let components: Vec<_> = name.split(|byte| *byte == b'/').filter(|part| !matches!(*part, b"" | b".")).collect();
    if components.contains(&&b".."[..]) {
        return wrong("its name leads upwards with \"..\"");
    }
    if components.len() > DEEPEST {
        return wrong("it lies deeper than 256 directories");
    }
    if components.iter().any(|part| part.len() > 255) {
        return wrong("a part of its name is longer than 255 bytes");
    }
    Ok(components)
}

/// The name for a message: text, and not without end.
pub fn shown(name: &[u8]) -> String {
    match name.get(..256) {
        Some(start) if name.len() > 256 => String::from_utf8_lossy(start).into_owned() + "…",
        _ => String::from_utf8_lossy(name).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_nothing_is_dropped() {
        for name in ["a/b", "/a/b", "./a/b", "//a///b//", "a/./b/."] {
            assert_eq!(components(name.as_bytes()).unwrap(), [&b"a"[..], b"b"], "{name}");
        }
        assert!(components(b"./").unwrap().is_empty() && components(b"/").unwrap().is_empty());
        assert_eq!(components(b"\xff/..a").unwrap(), [&b"\xff"[..], b"..a"]);
    }

    #[test]
    fn what_leads_elsewhere_or_nowhere_is_refused() {
        let deep = "a/".repeat(257);
        let long = "a/".repeat(2048);
        let wide = "a".repeat(256);
        for name in ["", "..", "../a", "a/../b", "/..", "a/..", "a\0b", &deep, &long, &wide] {
            assert!(components(name.as_bytes()).is_err(), "{name}");
        }
    }
}
