//! Modes, times, devices and all that is left out.

use crate::bed::{Bed, made, tree};
use crate::tar::{Header, Tar};
use std::fs;
use std::os::unix::fs::MetadataExt;

fn with_mode(name: &'static str, kind: u8, mode: u32) -> Header<'static> {
    Header { name: name.as_bytes(), kind, mode, ..Header::default() }
}

#[test]
fn no_set_id_bit_is_set_and_each_is_told() {
    let bed = Bed::new();
    let archive = Tar::new()
        .header(with_mode("su", b'0', 0o4755))
        .header(with_mode("sg", b'0', 0o2755))
        .header(with_mode("d", b'5', 0o6775))
        .header(with_mode("tmp", b'5', 0o1777));
    let summary = bed.unpack(&archive.end()).unwrap();
    assert_eq!(summary.left_out, [("set-id bits".to_string(), 3)]);
    assert_eq!(
        bed.tree(),
        tree([("d", "directory 775"), ("sg", "file 755 "), ("su", "file 755 "), ("tmp", "directory 1777")])
    );
}

#[test]
fn devices_are_left_out_and_told_and_a_fifo_is_made() {
    let bed = Bed::new();
    let archive = Tar::new()
        .header(with_mode("dev/null", b'3', 0o666))
        .header(with_mode("dev/sda", b'4', 0o666))
        .header(with_mode("pipe", b'6', 0o620));
    let summary = bed.unpack(&archive.end()).unwrap();
    assert_eq!(summary.left_out, [("device nodes".to_string(), 2)]);
    assert_eq!(bed.tree(), tree([("pipe", "fifo 620")]));
}

#[test]
fn what_a_device_takes_the_place_of_is_gone_and_its_other_names_are_left_out_too() {
    let bed = Bed::new();
    let archive =
        Tar::new().file("a", "x").header(with_mode("a", b'3', 0o666)).hard_link("b", "./a").hard_link("c", "b");
    let summary = bed.unpack(&archive.file("d", "y").end()).unwrap();
    assert_eq!(summary.left_out, [("device nodes".to_string(), 3)]);
    assert_eq!(bed.tree(), tree([("d", "file 644 y")]));
}

#[test]
fn extended_attributes_and_lists_are_left_out_and_told() {
    let bed = Bed::new();
    let records: [(&str, &[u8]); 5] = [
        ("SCHILY.xattr.user.overlay.opaque", b"y"),
        ("SCHILY.xattr.security.capability", b"\x01\0\0\x02"),
        ("LIBARCHIVE.xattr.user.a", b"eA=="),
        ("RHT.security.selinux", b"system_u"),
        ("SCHILY.acl.access", b"user::rwx"),
    ];
    let summary = bed.unpack(&Tar::new().pax(&records).file("a", "x").end()).unwrap();
    assert_eq!(summary.left_out, [("access control lists".to_string(), 1), ("extended attributes".to_string(), 4)]);
}

#[test]
fn directories_that_nobody_may_write_to_are_filled_first() {
    let archive =
        Tar::new().header(with_mode("d", b'5', 0)).header(with_mode("d/e", b'5', 0o555)).file("d/e/f", "x").end();
    assert_eq!(made(&archive), tree([("d", "directory 0"), ("d/e", "directory 555"), ("d/e/f", "file 644 x")]));
}

#[test]
fn a_directory_in_one_that_nobody_may_enter_gets_its_mode_and_time() {
    let bed = Bed::new();
    let early = Header { mtime: 1_000_000_001, ..with_mode("d/e", b'5', 0o711) };
    bed.unpack(&Tar::new().header(with_mode("d", b'5', 0)).header(early).file("d/e/f", "x").end()).unwrap();
    assert_eq!(bed.tree()["d/e"], "directory 711");
    let metadata = fs::metadata(bed.root().join("d")).unwrap();
    assert_eq!(metadata.mtime(), 1_000_000_000, "filling it did not move its time");
}

#[test]
fn the_root_gets_its_mode_and_without_an_entry_that_of_any_other() {
    for (archive, mode) in [(Tar::new().header(with_mode("./", b'5', 0o1750)), 0o1750), (Tar::new(), 0o755)] {
        let bed = Bed::new();
        bed.unpack(&archive.file("a", "").end()).unwrap();
        assert_eq!(fs::metadata(bed.root()).unwrap().mode() & 0o7777, mode);
    }
}

#[test]
fn times_before_1970_and_far_ahead_are_no_obstacle() {
    for mtime in [-1, -1_000_000_000, i64::MIN, 1 << 33, 1 << 40, i64::MAX] {
        let bed = Bed::new();
        let header = |name, kind| Header { name, kind, mtime, link: b"x", ..Header::default() };
        let archive = Tar::new().header(header(b"a", b'0')).header(header(b"l", b'2')).header(header(b"d", b'5'));
        bed.unpack(&archive.end()).unwrap();
        for name in ["a", "l", "d"] {
            let found = fs::symlink_metadata(bed.root().join(name)).unwrap().mtime();
            assert!(found == mtime || mtime.unsigned_abs() > 1 << 32, "{name} {mtime} {found}");
        }
    }
}

#[test]
fn a_time_has_its_nanoseconds() {
    let bed = Bed::new();
    bed.unpack(&Tar::new().pax(&[("mtime", b"-1.25")]).file("a", "").end()).unwrap();
    let metadata = fs::metadata(bed.root().join("a")).unwrap();
    assert_eq!((metadata.mtime(), metadata.mtime_nsec()), (-2, 750_000_000));
}

#[test]
fn the_time_of_a_link_is_its_own_and_not_that_of_its_target() {
    let bed = Bed::new();
    let link = Header { name: b"l", kind: b'2', link: b"a", mtime: 5, ..Header::default() };
    bed.unpack(&Tar::new().file("a", "").header(link).end()).unwrap();
    assert_eq!(fs::metadata(bed.root().join("a")).unwrap().mtime(), 1_000_000_000);
    assert_eq!(fs::symlink_metadata(bed.root().join("l")).unwrap().mtime(), 5);
}

#[test]
fn whoever_an_archive_names_as_owner_its_files_are_those_of_who_unpacks_it() {
    let bed = Bed::new();
    let header = Header { uid: 12345, gid: 54321, ..Header::default() };
    let archive = Tar::new().header(header).pax(&[("uid", b"4294967296"), ("gid", b"99999999999")]).file("b", "");
    bed.unpack(&archive.end()).unwrap();
    let own = fs::metadata(bed.path("canary")).unwrap();
    for name in ["file", "b"] {
        let metadata = fs::metadata(bed.root().join(name)).unwrap();
        assert_eq!((metadata.uid(), metadata.gid()), (own.uid(), own.gid()));
    }
}
