//! Where an archive is unpacked: a directory with another beside it, in which nothing may ever change.

use sandbox::rootfs::unpack::{Failure, Limits, Owners, Summary, unpack};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Longer no archive here takes, on a busy machine.
const LONGEST: Duration = Duration::from_secs(60);

pub struct Bed {
    place: tempfile::TempDir,
    limits: Limits,
}

/// A tree as text, by its names: "directory 755", "file 644 content", "link target", "fifo 644".
pub type Tree = BTreeMap<String, String>;

/// Mode, links, time and content of a file.
type Known = (u32, u64, (i64, i64), Vec<u8>);

impl Bed {
    /// With limits that no archive here needs to exceed.
    pub fn new() -> Self {
        Bed::with_limits(1 << 20, 2000)
    }

    pub fn with_limits(bytes: u64, entries: u64) -> Self {
        let place = tempfile::tempdir().unwrap();
        for directory in ["into", "room", "beside", "beside/directory"] {
            fs::create_dir(place.path().join(directory)).unwrap();
        }
        for file in ["canary", "beside/canary", "beside/directory/canary"] {
            fs::write(place.path().join(file), "canary").unwrap();
        }
        Bed { place, limits: Limits { bytes, entries } }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    pub fn root(&self) -> PathBuf {
        self.path("into")
    }

    /// Unpacks the archive, and looks that nothing beside it changed.
    pub fn unpack(&self, archive: &[u8]) -> Result<Summary, Failure> {
        let source = self.path("source");
        fs::write(&source, archive).unwrap();
        self.unpack_from(&source)
    }

    pub fn unpack_from(&self, source: &Path) -> Result<Summary, Failure> {
        let (before, start) = (self.beside(), Instant::now());
        let into = File::open(self.root()).unwrap();
        let mut told = 0;
        let tell = &mut |read| {
            assert!(read >= told, "progress goes on");
            told = read;
        };
        let result = unpack(source, into.as_fd(), &self.path("room"), Owners::Own, self.limits, tell);
        assert!(start.elapsed() < LONGEST, "it took {:?}", start.elapsed());
        assert_eq!(self.beside(), before, "something beside the new root changed");
        result
    }

    /// What lies beside the new root, with all that could be changed of it.
    fn beside(&self) -> BTreeMap<PathBuf, Known> {
        let mut found = BTreeMap::new();
        let mut rest = vec![self.place.path().to_path_buf()];
        while let Some(path) = rest.pop() {
            if path == self.root() {
                continue;
            }
            let metadata = path.symlink_metadata().unwrap();
            let content = if metadata.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
            if metadata.is_dir() {
                rest.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            }
            // A file is made in `room`, and gone again.
            let time = if path.ends_with("room") { (0, 0) } else { (metadata.mtime(), metadata.mtime_nsec()) };
            found.insert(path, (metadata.mode(), metadata.nlink(), time, content));
        }
        found
    }

    pub fn tree(&self) -> Tree {
        let mut tree = Tree::new();
        let mut rest = vec![self.root()];
        while let Some(path) = rest.pop() {
            let metadata = path.symlink_metadata().unwrap();
            let (kind, mode) = (metadata.file_type(), metadata.permissions().mode() & 0o7777);
            let what = if kind.is_dir() {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap(); // to look into it
                rest.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
                format!("directory {mode:o}")
            } else if kind.is_symlink() {
                format!("link {}", fs::read_link(&path).unwrap().display())
            } else if kind.is_fifo() {
                format!("fifo {mode:o}")
            } else {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
                format!("file {mode:o} {}", String::from_utf8_lossy(&fs::read(&path).unwrap()))
            };
            let name =
                String::from_utf8_lossy(path.strip_prefix(self.root()).unwrap().as_os_str().as_bytes()).into_owned();
            tree.insert(name, what);
        }
        tree.remove("");
        tree
    }
}

/// The tree of an archive that must be taken.
#[track_caller]
pub fn made(archive: &[u8]) -> Tree {
    let bed = Bed::new();
    let result = bed.unpack(archive);
    assert!(result.is_ok(), "{result:?}");
    bed.tree()
}

/// An archive that must be refused, with these words.
#[track_caller]
pub fn refused(archive: &[u8], words: &str) {
    let result = Bed::new().unpack(archive);
    assert!(result.as_ref().is_err_and(|failure| failure.reason.contains(words)), "{result:?}");
}

/// A tree as it should be.
pub fn tree<const N: usize>(names: [(&str, &str); N]) -> Tree {
    names.into_iter().map(|(name, what)| (name.to_string(), what.to_string())).collect()
}

/// True in a process of its own with little memory; elsewhere the test of this name is run in one, and false.
#[track_caller]
pub fn in_little_memory(test: &str) -> bool {
    const MARK: &str = "HOSTILE_ARCHIVES_IN_LITTLE_MEMORY";
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    let mut child = Command::new("sh");
    child.args(["-c", "ulimit -v 400000; exec \"$0\" \"$@\""]).arg(std::env::current_exe().unwrap());
    let output = child.args(["--exact", test, "--test-threads=1"]).env(MARK, "").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}{}", String::from_utf8_lossy(&output.stderr));
    false
}
