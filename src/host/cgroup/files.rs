//! The files of one cgroup, below its directory's descriptor.

use nix::Result;
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use nix::unistd::{read, write};
use std::os::fd::OwnedFd;

/// Longer than any file read here.
const LONGEST: usize = 1 << 22;

/// One write(2): the kernel takes a value whole or not at all.
pub(super) fn put(directory: &OwnedFd, name: &str, value: &str) -> Result<()> {
    #[cfg(feature = "faults")]
    crate::faults::fail(&format!("put {name}"))?;
    let file = openat(directory, name, OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty())?;
    write(&file, value.as_bytes()).map(drop)
}

/// The whole text.
pub(super) fn get(directory: &OwnedFd, name: &str) -> Result<String> {
    #[cfg(feature = "faults")]
    if let Some(text) = crate::faults::answer(&format!("get {name}")) {
        return Ok(text.into());
    }
    let file = openat(directory, name, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?;
    let (mut text, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        match read(&file, &mut buffer)? {
            0 => return String::from_utf8(text).map_err(|_| Errno::EILSEQ),
            _ if text.len() > LONGEST => return Err(Errno::EFBIG),
            count => text.extend_from_slice(buffer.get(..count).unwrap_or_default()),
        }
    }
}

/// A file of one number.
pub(super) fn number(directory: &OwnedFd, name: &str) -> Option<u64> {
    get(directory, name).ok()?.trim().parse().ok()
}

/// A number of a "flat keyed" file: `oom_kill 2`.
pub(super) fn keyed(directory: &OwnedFd, name: &str, key: &str) -> Option<u64> {
    let [number] = all_keyed(directory, name, [key]);
    number
}

/// Several numbers of one, read at once.
pub(super) fn all_keyed<const N: usize>(directory: &OwnedFd, name: &str, keys: [&str; N]) -> [Option<u64>; N] {
    let text = get(directory, name).unwrap_or_default();
    keys.map(|key| key_of(&text, key))
}

pub(super) fn key_of(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok())
}

/// The words of a file: `cpu memory pids`.
pub(super) fn words(directory: &OwnedFd, name: &str) -> Result<Vec<String>> {
    Ok(get(directory, name)?.split_ascii_whitespace().map(str::to_owned).collect())
}

/// A child's directory.
pub(super) fn open_child(directory: &OwnedFd, name: &str) -> Result<OwnedFd> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    openat(directory, name, flags, Mode::empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_by_its_whole_name() {
        let text = "low 0\nhigh 0\nmax 31\noom 1\noom_kill 2\noom_group_kill 1\n";
        assert_eq!(key_of(text, "oom"), Some(1));
        assert_eq!(key_of(text, "oom_kill"), Some(2));
        assert_eq!(key_of(text, "oom_"), None);
        assert_eq!(key_of("usage_usec nonsense\n", "usage_usec"), None);
    }
}
