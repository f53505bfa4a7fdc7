//! /proc/self/mountinfo, /proc/self/uid_map and /etc/subuid: each line is read by itself, a path reads as what it was before the kernel
//! wrote it, and no id is given twice.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sandbox::fuzzing::{cgroup, plan};
use sandbox::plan::Extent;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

fuzz_target!(|bytes: &[u8]| {
    let mounts = plan::mounts(bytes);
    let lines = bytes.split(|byte| *byte == b'\n');
    assert_eq!(lines.flat_map(plan::mounts).collect::<Vec<_>>(), mounts);

    let line = [b"29 25 0:26 / ", &*escaped(bytes), b" rw shared:9 master:1 - cgroup2 cgroup2 rw"].concat();
    let [mount] = &plan::mounts(&line)[..] else { panic!("not one mount") };
    assert_eq!((mount.at.as_os_str(), &*mount.kind), (OsStr::from_bytes(bytes), "cgroup2"));

    let text = String::from_utf8_lossy(bytes);
    assert!(plan::id_ranges(&text).len() <= text.lines().count());
    let (map, written) = plan::subordinate(&text, text.len() as u32);
    assert!(map.len() <= 340 && written.len() < 4096, "{written}");
    for ends in [|extent: &Extent| (extent.inside, extent.count), |extent: &Extent| (extent.outside, extent.count)] {
        let mut ranges: Vec<_> = map.iter().map(ends).collect();
        ranges.sort();
        assert!(
            ranges.windows(2).all(|two| two[0].0.checked_add(two[0].1).is_some_and(|end| end <= two[1].0)),
            "{map:?}"
        );
    }
    for shows in mounts.iter().map(|mount| &*mount.shows).chain([Path::new("/")]) {
        let Some(place) = cgroup::place(&text, shows) else { continue };
        assert!(place.components().all(|part| matches!(part, Component::Normal(_))), "{place:?}");
    }
});

/// As the kernel's mangle_path() writes a path; a NUL, which none has, too.
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
