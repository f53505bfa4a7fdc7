//! Names that lead elsewhere, or that are none.

use crate::bed::{Bed, made, refused, tree};
use crate::tar::{Header, Tar};

#[test]
fn an_absolute_name_lies_below_the_new_root() {
    assert_eq!(
        made(&Tar::new().file("/etc/passwd", "x").end()),
        tree([("etc", "directory 755"), ("etc/passwd", "file 644 x")])
    );
}

#[test]
fn the_absolute_name_of_a_canary_is_not_the_canary() {
    let bed = Bed::new();
    let name = bed.path("canary");
    bed.unpack(&Tar::new().pax(&[("path", name.to_str().unwrap().as_bytes())]).file("x", "y").end()).unwrap();
    assert_eq!(std::fs::read_to_string(bed.root().join(name.strip_prefix("/").unwrap())).unwrap(), "y");
}

#[test]
fn a_name_that_leads_upwards_is_refused() {
    for name in ["../canary", "..", "a/../../canary", "/../canary", "./../canary", "a/..", "beside/../../canary"] {
        refused(&Tar::new().directory("a").file(name, "x").end(), "leads upwards");
    }
}

#[test]
fn a_directory_that_leads_upwards_is_refused() {
    refused(&Tar::new().directory("../beside/").end(), "leads upwards");
}

#[test]
fn upwards_is_refused_in_the_long_names_of_both_kinds_too() {
    refused(&Tar::new().long(b'L', b"../canary").file("x", "y").end(), "leads upwards");
    refused(&Tar::new().pax(&[("path", b"../canary")]).file("x", "y").end(), "leads upwards");
}

#[test]
fn upwards_is_refused_in_the_prefix_of_a_name() {
    let mut block = Header { name: b"canary", ..Header::default() }.block();
    block[345..347].copy_from_slice(b"..");
    crate::tar::sum(&mut block);
    refused(&Tar::new().raw(&block).end(), "leads upwards");
}

#[test]
fn an_entry_without_a_name_is_refused() {
    refused(&Tar::new().file("", "x").end(), "no name");
}

#[test]
fn the_root_itself_is_a_directory_and_nothing_else() {
    assert_eq!(made(&Tar::new().directory("./").directory("/").directory(".").end()), tree([]));
    for name in ["/", ".", "./.", "//"] {
        refused(&Tar::new().symlink(name, "/tmp").end(), "it is the root");
        refused(&Tar::new().hard_link(name, "x").file("x", "").end(), "");
        refused(
            &Tar::new().header(Header { name: name.as_bytes(), kind: b'6', ..Header::default() }).end(),
            "it is the root",
        );
    }
}

#[test]
fn a_name_with_a_nul_in_an_extended_header_is_refused() {
    refused(&Tar::new().pax(&[("path", b"a\0/../b")]).file("x", "y").end(), "NUL");
    refused(&Tar::new().pax(&[("linkpath", b"a\0b")]).symlink("x", "y").end(), "NUL");
}

#[test]
fn a_long_name_ends_at_its_first_nul() {
    assert_eq!(made(&Tar::new().long(b'L', b"a\0/../../canary").file("x", "y").end()), tree([("a", "file 644 y")]));
}

#[test]
fn a_name_longer_than_the_kernel_takes_is_refused() {
    for length in [4096, 100_000] {
        let name = b"/a".repeat(length / 2);
        refused(&Tar::new().long(b'L', &name).file("x", "y").end(), "longer than 4095 bytes");
        refused(&Tar::new().pax(&[("path", &name)]).file("x", "y").end(), "longer than 4095 bytes");
    }
}

#[test]
fn a_part_of_a_name_longer_than_the_kernel_takes_is_refused() {
    refused(&Tar::new().long(b'L', &[b'a'; 256]).file("x", "y").end(), "longer than 255 bytes");
    made(&Tar::new().long(b'L', &[b'a'; 255]).file("x", "y").end());
}

#[test]
fn a_name_too_deep_to_be_removed_again_is_refused() {
    refused(&Tar::new().long(b'L', &b"/a".repeat(300)).file("x", "y").end(), "deeper than 256");
}

#[test]
fn a_tree_that_grows_deeper_through_a_link_is_refused_too() {
    let deep = "d/".repeat(200);
    let archive =
        Tar::new().long(b'L', deep.as_bytes()).directory("x").long(b'K', deep.as_bytes()).symlink("link", "x");
    refused(&archive.long(b'L', format!("link/{deep}").as_bytes()).directory("x").end(), "deeper than 256");
}

#[test]
fn a_name_that_is_not_utf_8_is_kept_byte_by_byte() {
    let bed = Bed::new();
    bed.unpack(&Tar::new().with_data(Header { name: b"\xff\xfe\x80", ..Header::default() }, b"x").end()).unwrap();
    let name = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"\xff\xfe\x80");
    assert!(bed.root().join(name).is_file());
}

#[test]
fn a_name_may_hold_line_ends_and_whatever_steers_a_terminal() {
    let name = "a\nb\x1b[2J\r \\\"";
    assert_eq!(made(&Tar::new().file(name, "x").end()), tree([(name, "file 644 x")]));
}

#[test]
fn the_name_in_a_message_has_an_end() {
    let name = b"../".repeat(1000);
    let failure = Bed::new().unpack(&Tar::new().long(b'L', &name).file("x", "y").end()).unwrap_err();
    assert!(failure.reason.len() < 400, "{failure:?}");
}

#[test]
fn whiteouts_are_ordinary_names_in_an_archive_that_is_no_layer() {
    let archive =
        Tar::new().file("a", "x").file(".wh.a", "").directory("d").file("d/b", "y").file("d/.wh..wh..opq", "").end();
    assert_eq!(made(&archive).len(), 5);
}
