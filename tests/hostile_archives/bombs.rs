//! Small archives of much: each is refused before it has cost much, in an address space of 400 MB.

use crate::bed::{Bed, in_little_memory};
use crate::tar::{Header, Tar};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

fn gzip(archive: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(archive).unwrap();
    encoder.finish().unwrap()
}

/// What is refused by a limit names the flag that raises it.
#[track_caller]
fn bomb(archive: &[u8], words: &str, remedy: &str) {
    let failure = Bed::new().unpack(archive).unwrap_err();
    assert!(failure.reason.contains(words) && failure.remedy == remedy, "{failure:?}");
}

const MORE_BYTES: &str = "Raise --max-size";
const MORE_NAMES: &str = "Raise --max-files";

#[test]
fn a_file_larger_than_the_limit_is_refused_before_it_is_made() {
    let bed = Bed::new();
    for size in [(1 << 20) + 1, 1 << 40, i64::MAX as u64 - 511] {
        let archive = Tar::new().header(Header { size, ..Header::default() }).end();
        let failure = bed.unpack(&archive).unwrap_err();
        assert!(failure.remedy == MORE_BYTES || failure.reason.contains("cut off"), "{failure:?}");
        assert!(bed.tree().is_empty());
    }
}

#[test]
fn a_compressed_gigabyte_of_zeros_is_refused() {
    if in_little_memory("bombs::a_compressed_gigabyte_of_zeros_is_refused") {
        let zeros = gzip(&vec![0; 16 << 20]); // members one after another are one
        let start = gzip(&Header { name: b"usr/zeros", size: 1 << 30, ..Header::default() }.block());
        let archive = [start, zeros.repeat(64)].concat();
        assert!(archive.len() < 2 << 20);
        bomb(&archive, "larger than", MORE_BYTES);
    }
}

#[test]
fn files_that_are_too_large_only_together_are_refused() {
    let half = "x".repeat(600_000);
    bomb(&Tar::new().file("a", &half).file("b", &half).end(), "b: with its 600000 bytes", MORE_BYTES);
}

#[test]
fn sizes_whose_sum_overflows_are_refused() {
    let bed = Bed::with_limits(u64::MAX, 10);
    let hole: [(&str, &[u8]); 4] = [
        ("GNU.sparse.major", b"1"),
        ("GNU.sparse.minor", b"0"),
        ("GNU.sparse.name", b"s"),
        ("GNU.sparse.realsize", b"18446744073709551615"),
    ];
    let archive = Tar::new().file("a", "x").pax(&hole).with_data(Header::default(), b"0\n").end();
    assert!(bed.unpack(&archive).is_err());
}

#[test]
fn more_names_than_the_limit_are_refused() {
    let archive = (0..2001).fold(Tar::new(), |tar, number| tar.file(&format!("usr/{number}"), ""));
    bomb(&archive.end(), "more than 2000 names", MORE_NAMES);
}

#[test]
fn the_same_name_again_and_again_counts_each_time() {
    let block = Header { name: b"usr/a", ..Header::default() }.block();
    bomb(&Tar::new().raw(&block.repeat(2001)).end(), "more than 2000 names", MORE_NAMES);
}

#[test]
fn directories_that_are_only_implied_count_as_names() {
    let deep = |number: u32| format!("usr/{number}/{}", "d/".repeat(40));
    let archive = (0..60).fold(Tar::new(), |tar, number| tar.long(b'L', deep(number).as_bytes()).directory("x"));
    bomb(&archive.end(), "more than 2000 names", MORE_NAMES);
}

#[test]
fn extended_headers_without_end_are_refused() {
    if in_little_memory("bombs::extended_headers_without_end_are_refused") {
        let large = vec![b'x'; 900_000];
        for kind in *b"xg" {
            let one = gzip(&Tar::new().extended(kind, &[("comment", &large)]).cut());
            bomb(&one.repeat(300), "belong to no file", MORE_BYTES);
        }
        let one = gzip(&Tar::new().long(b'L', &large).cut());
        bomb(&one.repeat(300), "belong to no file", MORE_BYTES);
    }
}

#[test]
fn an_extended_header_larger_than_any_is_refused_before_it_is_read() {
    if in_little_memory("bombs::an_extended_header_larger_than_any_is_refused_before_it_is_read") {
        for kind in *b"xgLK" {
            for size in [(1 << 20) + 1, 1 << 32, i64::MAX as u64] {
                let failure = Bed::new().unpack(&Tar::new().header(Header { kind, size, ..Header::default() }).end());
                assert!(failure.is_err_and(|failure| failure.reason.contains("1 MiB is the most")));
            }
        }
    }
}

#[test]
fn zeros_without_end_behind_the_end_are_refused() {
    let zeros = gzip(&vec![0; 16 << 20]);
    let start = gzip(&Tar::new().file("usr/a", "x").end());
    bomb(&[start, zeros.repeat(8)].concat(), "belong to no file", MORE_BYTES);
}

#[test]
fn empty_members_of_gzip_without_end_only_take_their_time() {
    let start = gzip(&Tar::new().file("usr/a", "x").end());
    Bed::new().unpack(&[start, gzip(b"").repeat(5000)].concat()).unwrap();
}

#[test]
fn a_window_of_zstd_or_xz_larger_than_ours_is_refused_before_it_is_made() {
    if in_little_memory("bombs::a_window_of_zstd_or_xz_larger_than_ours_is_refused_before_it_is_made") {
        // A frame header with a window of 3.75 TiB, and one of 1 GiB.
        for window in [0xff, 0xa0] {
            let frame = [&b"\x28\xb5\x2f\xfd\x00"[..], &[window], &[0; 64]].concat();
            let failure = Bed::new().unpack(&frame).unwrap_err();
            assert!(failure.reason.contains("cannot be read"), "{failure:?}");
        }
    }
}

#[test]
fn a_tree_that_was_refused_can_be_removed_again() {
    let deep = "d/".repeat(255);
    let bed = Bed::new();
    let closed = Header { name: b"usr/closed", kind: b'5', mode: 0, ..Header::default() };
    let archive = Tar::new().header(closed).long(b'L', deep.as_bytes()).directory("x").file("usr/closed/..", "");
    assert!(bed.unpack(&archive.end()).is_err());
    std::fs::remove_dir_all(bed.root()).unwrap();
}
