//! Headers that are damaged, or say what two programs could read in two ways.

use crate::bed::{Bed, made, refused, tree};
use crate::tar::{Header, Tar, record, sum};

#[test]
fn what_is_no_archive_is_refused() {
    for bytes in [&b"hello\n"[..], &[0x55; 512], &[b' '; 4096], b"\x7fELF"] {
        assert!(Bed::new().unpack(bytes).is_err(), "{bytes:?}");
    }
    refused(&[0x55; 512], "no tar archive");
    refused(b"", "shorter than one header");
    refused(b"070701 of cpio", "shorter than one header");
}

#[test]
fn a_wrong_checksum_is_refused() {
    let mut archive = Tar::new().file("a", "x").file("b", "y").end();
    archive[1024] ^= 1;
    refused(&archive, "at byte 1024 there is no header");
}

#[test]
fn a_checksum_over_signed_bytes_is_taken_as_old_programs_wrote_it() {
    let mut block = Header { name: b"\xe4", ..Header::default() }.block();
    block[148..156].fill(b' ');
    let signed: i32 = block.iter().map(|byte| i32::from(byte.cast_signed())).sum();
    block[148..156].copy_from_slice(format!("{signed:06o}\0 ").as_bytes());
    assert_eq!(made(&Tar::new().raw(&block).end()).len(), 1);
}

#[test]
fn an_archive_that_is_cut_off_is_refused() {
    let whole = Tar::new().directory("d").file("d/a", &"x".repeat(1000)).file("d/b", "y").cut();
    for length in [513, 1023, 1025, 2047, 2559] {
        refused(&whole[..length], "cut off");
    }
}

#[test]
fn an_archive_without_blocks_of_zeros_at_its_end_is_whole() {
    assert_eq!(made(&Tar::new().file("a", "x").cut()), tree([("a", "file 644 x")]));
    assert_eq!(made(&Tar::new().file("a", "x").raw(&[0; 512]).cut()), tree([("a", "file 644 x")]));
    assert_eq!(made(&Tar::new().file("a", "x").raw(&[0; 10240]).cut()), tree([("a", "file 644 x")]));
}

#[test]
fn what_follows_the_end_is_not_unpacked() {
    let archive = Tar::new().file("a", "x").raw(&[0; 1024]).file("b", "y").end();
    assert_eq!(made(&archive), tree([("a", "file 644 x")]));
}

#[test]
fn an_archive_of_nothing_and_the_image_of_a_disk_are_refused() {
    let disk = [&[0; 1024][..], b"\x80\x96\x98 ext4", &[0; 4096]].concat();
    for bytes in [Tar::new().end(), vec![0; 4096], disk] {
        refused(&bytes, "there is nothing in the archive");
    }
    assert_eq!(made(&Tar::new().directory("./").end()), tree([]));
}

#[test]
fn an_entry_of_an_unknown_type_is_refused_by_name() {
    for kind in *b"8ADMNVXsz\xff" {
        refused(&Tar::new().header(Header { name: b"odd", kind, ..Header::default() }).end(), "odd: it is of the type");
    }
}

#[test]
fn what_is_no_file_has_no_data() {
    for kind in *b"23456" {
        let header = Header { name: b"odd", kind, link: b"x", ..Header::default() };
        refused(&Tar::new().with_data(header, &[0; 512]).end(), "has data");
    }
    refused(&Tar::new().file("slash/", "data").end(), "has data");
}

#[test]
fn a_file_whose_name_ends_in_a_slash_is_a_directory_as_it_was_before_there_was_a_type_for_it() {
    for kind in *b"0\0" {
        let header = Header { name: b"d/", kind, mode: 0o755, magic: [0; 8], ..Header::default() };
        assert_eq!(made(&Tar::new().header(header).end()), tree([("d", "directory 755")]));
    }
}

#[test]
fn numbers_that_are_none_are_refused() {
    for (at, what) in [(100, "mode"), (108, "owner"), (116, "group"), (124, "size"), (136, "time")] {
        let mut block = Header::default().block();
        block[at..at + 3].copy_from_slice(b"9z-");
        sum(&mut block);
        refused(&Tar::new().raw(&block).end(), what);
    }
}

#[test]
fn a_size_below_zero_or_without_end_is_refused() {
    for size in [u64::MAX, 1 << 63, i64::MAX as u64, u64::MAX - 511] {
        let result = Bed::new().unpack(&Tar::new().header(Header { size, ..Header::default() }).end());
        assert!(result.is_err(), "{size}");
    }
    for size in [&b"18446744073709551615"[..], b"99999999999999999999999", b"-1", b"0x10", b" 1"] {
        let result = Bed::new().unpack(&Tar::new().pax(&[("size", size)]).file("a", "").end());
        assert!(result.is_err(), "{size:?}");
    }
}

#[test]
fn the_size_of_an_extended_header_is_the_one_that_counts() {
    // Who skipped by the header's own size would take the data for entries.
    let hidden = Tar::new().file("hidden", "").cut();
    let archive = Tar::new().pax(&[("size", b"512")]).header(Header { name: b"a", ..Header::default() }).data(&hidden);
    assert_eq!(made(&archive.file("b", "").end()).into_keys().collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn an_extended_header_that_is_damaged_is_refused() {
    for records in [
        &b"5 path=a\n"[..],
        b"999 path=a\n",
        b"path=a\n",
        b"9 path=a",
        b"\n",
        b"0 \n",
        b"99999999999999999999999 path=a\n",
        b"5 ab\n",
    ] {
        let header = Header { name: b"pax", kind: b'x', ..Header::default() };
        assert!(Bed::new().unpack(&Tar::new().with_data(header, records).file("a", "").end()).is_err(), "{records:?}");
    }
}

#[test]
fn an_extended_header_with_nothing_behind_it_is_refused() {
    refused(&Tar::new().pax(&[("path", b"a")]).end(), "ends behind an extended header");
    refused(&Tar::new().long(b'L', b"a").end(), "ends behind an extended header");
}

#[test]
fn the_last_of_several_extended_headers_counts() {
    let archive = Tar::new().pax(&[("path", b"first")]).pax(&[("path", b"second")]).file("x", "y").file("z", "");
    assert_eq!(made(&archive.end()).into_keys().collect::<Vec<_>>(), ["second", "z"]);
}

#[test]
fn one_name_or_size_for_all_entries_is_refused() {
    for (key, value) in [("path", "a"), ("linkpath", "a"), ("size", "512"), ("GNU.sparse.name", "a")] {
        refused(&Tar::new().extended(b'g', &[(key, value.as_bytes())]).file("x", "").end(), "one name or size");
    }
    made(&Tar::new().extended(b'g', &[("comment", b"of git"), ("mtime", b"1.5")]).file("x", "").end());
}

#[test]
fn a_name_in_a_character_set_of_its_own_is_refused() {
    refused(&Tar::new().pax(&[("hdrcharset", b"ISO-IR 8859 1 1998")]).file("x", "").end(), "character set");
}

#[test]
fn a_record_knows_its_own_length() {
    assert_eq!(record("path", b"a"), b"9 path=a\n");
    assert_eq!(record("path", b"ab"), b"11 path=ab\n");
}
