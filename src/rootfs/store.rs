//! Where imported root file systems lie: `$XDG_DATA_HOME/sandbox/roots/NAME/tree`.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The directory of all of them: XDG_DATA_HOME if it is absolute, else `~/.local/share`; none without a home.
pub fn directory(data_home: Option<&OsStr>, home: Option<&Path>) -> Option<PathBuf> {
    let named = data_home.map(Path::new).filter(|path| path.is_absolute()).map(Path::to_path_buf);
    let data = named.or_else(|| home.map(|home| home.join(".local/share")))?;
    Some(data.join("sandbox/roots"))
}

/// The tree of one of them.
pub fn tree(directory: &Path, name: &str) -> PathBuf {
    directory.join(name).join("tree")
}

/// May one be called so? A letter or digit, then those and `_`, `-`, `.`; 64 bytes at most. A name is never a path.
pub fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    name.len() <= 64
        && bytes.next().is_some_and(|first| first.is_ascii_alphanumeric())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_never_a_path_nor_hidden() {
        assert!(["debian", "debian-12", "a.b_c", "9"].into_iter().all(is_name));
        assert!(["", ".", "..", ".a", "a/b", "-a", "ä", "a b", &"a".repeat(65)].into_iter().all(|name| !is_name(name)));
    }

    #[test]
    fn a_relative_data_home_does_not_count() {
        let home = Some(Path::new("/home/u"));
        let own = directory(Some(OsStr::new("/data")), home).unwrap();
        assert_eq!(own, Path::new("/data/sandbox/roots"));
        for none in [None, Some(OsStr::new("data")), Some(OsStr::new(""))] {
            assert_eq!(directory(none, home).unwrap(), Path::new("/home/u/.local/share/sandbox/roots"));
        }
        assert_eq!(directory(None, None), None);
    }
}
