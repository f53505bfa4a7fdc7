//! Files with holes.

use crate::bed::{Bed, made, refused};
use crate::tar::{Header, Tar, sum};

/// An old sparse file of GNU tar: pieces, whether a block of more follows, its length.
fn old(pieces: &[(u64, u64)], more: bool, length: u64, stored: u64) -> [u8; 512] {
    let mut block = Header { name: b"s", kind: b'S', size: stored, magic: *b"ustar  \0", ..Header::default() }.block();
    for (index, (start, size)) in pieces.iter().enumerate() {
        let at = 386 + index * 24;
        block[at..at + 11].copy_from_slice(format!("{start:011o}").as_bytes());
        block[at + 12..at + 23].copy_from_slice(format!("{size:011o}").as_bytes());
    }
    block[482] = more.into();
    block[483..494].copy_from_slice(format!("{length:011o}").as_bytes());
    sum(&mut block);
    block
}

fn new(map: &str, data: &[u8], length: &str) -> Vec<u8> {
    let mut stored = map.as_bytes().to_vec();
    stored.resize(stored.len().next_multiple_of(512), 0);
    stored.extend(data);
    let records: [(&str, &[u8]); 4] = [
        ("GNU.sparse.major", b"1"),
        ("GNU.sparse.minor", b"0"),
        ("GNU.sparse.name", b"s"),
        ("GNU.sparse.realsize", length.as_bytes()),
    ];
    Tar::new()
        .pax(&records)
        .with_data(Header { name: b"GNUSparseFile.1/s", ..Header::default() }, &stored)
        .file("z", "end")
        .end()
}

#[test]
fn both_forms_put_their_pieces_where_they_belong() {
    let expected = format!("file 644 \0\0ab{}cd\0", "\0".repeat(6));
    let archive = Tar::new().raw(&old(&[(2, 2), (10, 2)], false, 13, 4)).data(b"abcd").file("z", "end").end();
    assert_eq!((&made(&archive)["s"], &*made(&archive)["z"]), (&expected, "file 644 end"));
    let archive = new("2\n2\n2\n10\n2\n", b"abcd", "13");
    assert_eq!((&made(&archive)["s"], &*made(&archive)["z"]), (&expected, "file 644 end"));
}

#[test]
fn pieces_that_overlap_go_backwards_or_lie_outside_are_refused() {
    for (pieces, length, stored) in [
        (vec![(10, 2), (0, 2)], 20, 4),
        (vec![(0, 3), (2, 2)], 20, 5),
        (vec![(0, 2), (19, 2)], 20, 4),
        (vec![(0, 2)], 20, 4),
        (vec![(0, 4)], 20, 2),
        (vec![(0o77777777777, 4)], 20, 4),
    ] {
        refused(
            &Tar::new().raw(&old(&pieces, false, length, stored)).data(&vec![b'x'; stored as usize]).end(),
            "damaged",
        );
    }
    for map in [
        "1\n18446744073709551615\n4\n",
        "1\n0\n99\n",
        "2\n0\n4\n",
        "x\n",
        "-1\n",
        "1\n0\n",
        "99999999999999999999999\n",
    ] {
        assert!(Bed::new().unpack(&new(map, b"abcd", "20")).is_err(), "{map}");
    }
}

#[test]
fn a_hole_counts_as_the_bytes_it_stands_for() {
    refused(&Tar::new().raw(&old(&[(0, 4)], false, 1 << 32, 4)).data(b"abcd").end(), "larger than");
    refused(&new("1\n0\n4\n", b"abcd", "18446744073709551615"), "larger than");
}

#[test]
fn a_map_that_goes_on_for_ever_is_refused() {
    let mut block = [0; 512];
    block[504] = 1;
    let archive = Tar::new().raw(&old(&[], true, 13, 0)).raw(&block.repeat(5000)).end();
    refused(&archive, "belong to no file");
}

#[test]
fn older_forms_are_refused_by_name() {
    for key in ["GNU.sparse.map", "GNU.sparse.offset", "GNU.sparse.numblocks", "SCHILY.realsize"] {
        refused(&Tar::new().pax(&[(key, b"1")]).file("s", "x").end(), "sparse file in a form other");
    }
    refused(
        &Tar::new().pax(&[("GNU.sparse.major", b"2"), ("GNU.sparse.minor", b"0")]).file("s", "x").end(),
        "in a form other",
    );
    refused(
        &Tar::new().pax(&[("GNU.sparse.major", b"1"), ("GNU.sparse.minor", b"0")]).symlink("s", "x").end(),
        "in a form other",
    );
}
