//! /proc/self/mountinfo, /proc/net/unix and /proc/self/uid_map: each line is read by itself, and a path reads as what it was before the
//! kernel wrote it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sandbox::fuzzing::{cgroup, plan};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

fuzz_target!(|bytes: &[u8]| {
    let mounts = cgroup::mounted(bytes);
    let lines = bytes.rsplit(|byte| *byte == b'\n');
    assert_eq!(lines.flat_map(cgroup::mounted).collect::<Vec<_>>(), mounts);

    let line = [b"29 25 0:26 / ", &*escaped(bytes), b" rw shared:9 master:1 - cgroup2 cgroup2 rw"].concat();
    assert_eq!(cgroup::mounted(&line), [(PathBuf::from("/"), PathBuf::from(OsStr::from_bytes(bytes)))]);

    for path in plan::bound_sockets(bytes) {
        assert!(path.is_absolute() && plan::normalise(&path) == path, "{path:?}");
    }
    let text = String::from_utf8_lossy(bytes);
    assert!(plan::id_ranges(&text).len() <= text.lines().count());
    for (shows, _) in mounts.iter().chain([&("/".into(), PathBuf::new())]) {
        let place = cgroup::place(&text, shows);
        assert!(
            place.is_none_or(
                |place| place.is_relative() && plan::normalise(&Path::new("/").join(&place)).ends_with(&place)
            )
        );
    }
});

/// As fs/proc_namespace.c writes a path; a NUL, which no path has, too.
fn escaped(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for byte in path {
        match byte {
            b' ' | b'\t' | b'\n' | b'\\' | b'#' => out.extend(format!("\\{byte:03o}").bytes()),
            _ => out.push(*byte),
        }
    }
    out
}
