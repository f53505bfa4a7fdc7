//! A Debian with a compiler, as `docker export` writes it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The archive. One is made where none is given: a minute, once.
pub fn archive() -> &'static Path {
    static ARCHIVE: OnceLock<PathBuf> = OnceLock::new();
    ARCHIVE.get_or_init(|| {
        if let Some(given) = std::env::var_os("SANDBOX_TEST_DEBIAN") {
            return given.into();
        }
        let made = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/debian-root")).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        String::from_utf8(made.stdout).unwrap().trim().into()
    })
}
