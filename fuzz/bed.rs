//! Where the targets `tar` and `image` unpack: a directory beside a canary, of which nothing may change.

use sandbox::rootfs::unpack::{Limits, Owners, unpack};
use std::fs::{self, File, Permissions};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

const LIMITS: Limits = Limits { bytes: 1 << 16, entries: 200 };

/// Empty, but for the canary.
pub fn bed() -> PathBuf {
    let place = std::env::temp_dir().join(format!("sandbox-fuzz-{}", std::process::id()));
    remove(&place);
    for directory in ["into", "room", "source"] {
        fs::create_dir_all(place.join(directory)).unwrap();
    }
    fs::write(place.join("canary"), "canary").unwrap();
    place
}

/// Unpacks what lies in the bed, and removes the bed.
pub fn assert_stays_inside(bed: &Path, source: &Path) {
    let before = beside(bed);
    let into = File::open(bed.join("into")).unwrap();
    let result = unpack(source, into.as_fd(), &bed.join("room"), Owners::Own, LIMITS, &mut |_| {});
    assert_eq!(beside(bed), before);
    let found = count(&bed.join("into"));
    match result {
        Ok(summary) => {
            assert!(found <= summary.entries && summary.bytes <= LIMITS.bytes, "{found} {summary:?}");
        }
        Err(failure) => assert!(!failure.reason.is_empty() && failure.reason.len() < 2000, "{failure:?}"),
    }
    remove(bed);
}

fn beside(bed: &Path) -> Vec<(PathBuf, u32, u64, i64, Vec<u8>)> {
    let mut names: Vec<_> = fs::read_dir(bed).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    let known = |path: PathBuf| {
        let metadata = path.symlink_metadata().unwrap();
        let content = if metadata.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
        (path, metadata.mode(), metadata.nlink(), metadata.mtime_nsec(), content)
    };
    let room = fs::read_dir(bed.join("room")).unwrap().count();
    assert_eq!(room, 0);
    names.into_iter().filter(|path| !path.ends_with("into") && !path.ends_with("room")).map(known).collect()
}

/// How many names there are.
fn count(directory: &Path) -> u64 {
    fs::set_permissions(directory, Permissions::from_mode(0o700)).unwrap();
    let below = |entry: fs::DirEntry| if entry.file_type().unwrap().is_dir() { count(&entry.path()) } else { 0 };
    fs::read_dir(directory).unwrap().map(|entry| 1 + below(entry.unwrap())).sum()
}

fn remove(bed: &Path) {
    if bed.join("into").is_dir() {
        count(&bed.join("into"));
    }
    let _ = fs::remove_dir_all(bed);
}
