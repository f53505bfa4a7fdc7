//! `root.json`, beside the tree of a root: what was imported, when, and what was left out.

use super::unpack::Summary;
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;

const NAME: &str = "root.json";

/// No record is larger.
const MOST: u64 = 1 << 20;

/// How many ids the files of a root have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Map {
    /// One: all are the caller's.
    #[default]
    Single,
    /// A range of them: subuid(5).
    Subordinate,
}

/// What it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Of this format: 1.
    pub version: u32,
    /// Its name when it was imported.
    pub name: String,
    /// The last part of the path that was imported, as text; `-` for stdin.
    pub source: String,
    /// Of its bytes, in lower-case hexadecimal digits; none for a directory and for what is larger than 256 MiB.
    pub sha256: Option<String>,
    /// RFC 3339, in UTC.
    pub imported_at: String,
    /// Names in the tree.
    pub entries: u64,
    /// Of all its files.
    pub bytes: u64,
    /// Whose they are.
    pub map: Map,
    /// What was left out, and how often.
    pub left_out: Vec<(String, u64)>,
}

impl Record {
    /// Of what has just been unpacked.
    pub fn new(name: &str, source: &str, sha256: Option<String>, map: Map, summary: Summary) -> Record {
        Record {
            version: 1,
            name: name.into(),
            source: source.into(),
            sha256,
            imported_at: humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string(),
            entries: summary.entries,
            bytes: summary.bytes,
            map,
            left_out: summary.left_out,
        }
    }

    /// From the directory of a root, whose tree must be there, too.
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence.
    pub fn read(directory: impl AsFd) -> Result<Record, String> {
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let failed = |name: &str, errno: Errno| match errno {
            Errno::ENOENT => format!("it has no {name}"),
            errno => format!("its {name} cannot be opened: {}", errno.desc()),
        };
        let tree = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        openat(&directory, "tree", tree, Mode::empty()).map_err(|errno| failed("tree", errno))?;
        let file = openat(&directory, NAME, flags, Mode::empty()).map_err(|errno| failed(NAME, errno))?;
        let mut text = String::new();
        File::from(file)
            .take(MOST)
            .read_to_string(&mut text)
            .map_err(|error| format!("its {NAME} cannot be read: {error}"))?;
        match serde_json::from_str::<Record>(&text) {
            Ok(record) if record.version == 1 => Ok(record),
            Ok(record) => Err(format!("its {NAME} is of version {}, and this sandbox reads 1", record.version)),
            Err(error) => Err(format!("its {NAME} cannot be read: {error}")),
        }
    }

    /// Into the directory of a root that has none yet.
    pub(super) fn write(&self, directory: impl AsFd) -> io::Result<()> {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC;
        let mut file = File::from(openat(&directory, NAME, flags, Mode::from_bits_truncate(0o600))?);
        file.write_all(format!("{:#}\n", serde_json::to_value(self)?).as_bytes())?;
        file.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn record() -> Record {
        let summary = Summary { entries: 3, bytes: 4096, left_out: vec![("device nodes".into(), 2)] };
        Record::new("debian", "debian.tar.xz", None, Map::Single, summary)
    }

    #[test]
    fn what_is_written_is_read_again() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("tree")).unwrap();
        let directory = File::open(root.path()).unwrap();
        record().write(&directory).unwrap();
        assert_eq!(Record::read(&directory).unwrap(), record());
        assert!(record().write(&directory).is_err(), "one that is there is never replaced");
    }

    #[test]
    fn what_is_wrong_with_one_is_told() {
        let root = tempfile::tempdir().unwrap();
        let directory = File::open(root.path()).unwrap();
        assert_eq!(Record::read(&directory).unwrap_err(), "it has no tree");
        fs::create_dir(root.path().join("tree")).unwrap();
        assert_eq!(Record::read(&directory).unwrap_err(), "it has no root.json");
        for (text, said) in [("{", "cannot be read"), ("", "cannot be read")] {
            fs::write(root.path().join(NAME), text).unwrap();
            assert!(Record::read(&directory).unwrap_err().contains(said));
        }
        let newer = Record { version: 2, ..record() };
        fs::write(root.path().join(NAME), serde_json::to_string(&newer).unwrap()).unwrap();
        assert!(Record::read(&directory).unwrap_err().contains("of version 2"));
        fs::remove_file(root.path().join(NAME)).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", root.path().join(NAME)).unwrap();
        assert!(Record::read(&directory).unwrap_err().contains("cannot be opened"));
    }
}
