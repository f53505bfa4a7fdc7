//! Links on the way, at the end, and to what is elsewhere.

use crate::bed::{Bed, made, refused, tree};
use crate::tar::{Header, Tar};
use std::fs;

/// An archive that writes through a link to what lies beside the new root.
fn through(target: &str) -> Tar {
    Tar::new().symlink("link", target).file("link/canary", "overwritten")
}

#[test]
fn a_file_behind_a_link_to_an_absolute_name_lies_below_the_new_root() {
    let bed = Bed::new();
    let beside = bed.path("beside");
    let inner = beside.to_str().unwrap().strip_prefix('/').unwrap();
    let archive =
        Tar::new().long(b'L', inner.as_bytes()).directory("x").long(b'K', beside.to_str().unwrap().as_bytes());
    bed.unpack(&archive.symlink("link", "x").file("link/canary", "mine").end()).unwrap();
    assert_eq!(fs::read_to_string(bed.root().join(inner).join("canary")).unwrap(), "mine");
}

#[test]
fn a_link_that_leads_upwards_stops_at_the_new_root() {
    for target in ["..", "../..", "../../../../../../../..", "/..", "a/../../.."] {
        let archive = Tar::new().directory("a").symlink("link", target).file("link/canary", "mine").end();
        assert_eq!(made(&archive)["canary"], "file 644 mine", "{target}");
    }
}

#[test]
fn a_link_beside_the_new_root_by_a_relative_name_leads_nowhere() {
    refused(&through("../beside").end(), "leads nowhere");
}

#[test]
fn a_link_to_what_is_only_on_the_host_leads_nowhere() {
    for target in ["/etc", "/proc/self/root", "/proc/self/cwd", "/dev/fd/0"] {
        refused(&through(target).end(), "leads nowhere");
    }
}

#[test]
fn a_link_in_a_circle_is_refused() {
    refused(&Tar::new().symlink("a", "b").symlink("b", "a").file("a/x", "").end(), "circle");
    refused(&Tar::new().symlink("a", "a").file("a/x", "").end(), "circle");
    refused(&Tar::new().symlink("a", "./a/a/a/a").file("a/x", "").end(), "circle");
}

#[test]
fn a_chain_of_links_that_doubles_its_length_is_refused_in_time() {
    let mut archive = Tar::new().directory("d");
    for level in 0..30 {
        let target = format!("l{0}/../l{0}/..", level - 1);
        archive = archive.symlink(&format!("l{level}"), if level == 0 { "d/.." } else { &target });
    }
    refused(&archive.file("l29/x", "").end(), "circle");
}

#[test]
fn a_link_with_a_long_way_up_and_down_is_refused_in_time() {
    let way = "d/../".repeat(800);
    let archive = Tar::new().directory("d").long(b'K', way.as_bytes()).symlink("link", "x");
    refused(&archive.file("link/x", "").end(), "too far");
}

#[test]
fn a_file_on_the_way_is_no_directory() {
    refused(&Tar::new().file("a", "x").file("a/b", "y").end(), "a is no directory");
    refused(&Tar::new().file("a", "x").symlink("l", "a").file("l/b", "y").end(), "a is no directory");
}

#[test]
fn the_last_name_is_never_followed() {
    let archive = Tar::new().file("kept", "old").symlink("link", "kept").file("link", "new").end();
    assert_eq!(made(&archive), tree([("kept", "file 644 old"), ("link", "file 644 new")]));
    let archive = Tar::new().symlink("link", "/../canary").file("link", "new").end();
    assert_eq!(made(&archive), tree([("link", "file 644 new")]));
}

#[test]
fn a_link_is_kept_as_it_is_written() {
    for target in ["/etc/shadow", "../../../..", "nowhere", "a//b/../c"] {
        assert_eq!(made(&Tar::new().symlink("link", target).end())["link"], format!("link {target}"));
    }
}

#[test]
fn a_link_to_nothing_at_all_is_refused() {
    refused(&Tar::new().symlink("link", "").end(), "no path");
    refused(&Tar::new().long(b'K', &[b'a'; 5000]).symlink("link", "x").end(), "no path");
}

#[test]
fn a_hard_link_to_what_lies_beside_is_refused() {
    refused(&Tar::new().hard_link("a", "../canary").end(), "leads upwards");
    refused(&Tar::new().hard_link("a", "b/../../canary").end(), "leads upwards");
    refused(&Tar::new().pax(&[("linkpath", b"../canary")]).hard_link("a", "b").end(), "leads upwards");
    refused(&Tar::new().hard_link("a", "/etc/passwd").end(), "is not there");
}

#[test]
fn a_hard_link_through_a_link_to_what_lies_beside_is_refused() {
    refused(&Tar::new().symlink("l", "../beside").hard_link("a", "l/canary").end(), "is not there");
    refused(&Tar::new().symlink("l", "/").hard_link("a", "l/etc/passwd").end(), "is not there");
}

#[test]
fn a_hard_link_to_a_symbolic_link_is_one_to_the_link() {
    let archive = Tar::new().symlink("l", "/../canary").hard_link("a", "l").file("a", "new").end();
    assert_eq!(made(&archive), tree([("a", "file 644 new"), ("l", "link /../canary")]));
}

#[test]
fn a_file_over_a_hard_link_leaves_the_other_name_as_it_was() {
    let archive = Tar::new().file("a", "old").hard_link("b", "a").file("b", "new").end();
    assert_eq!(made(&archive), tree([("a", "file 644 old"), ("b", "file 644 new")]));
}

#[test]
fn the_mode_of_a_hard_link_says_nothing() {
    let link = Header { name: b"b", kind: b'1', link: b"a", mode: 0o6777, ..Header::default() };
    assert_eq!(made(&Tar::new().file("a", "x").header(link).end())["a"], "file 644 x");
}

#[test]
fn a_hard_link_to_a_directory_is_refused() {
    refused(&Tar::new().directory("d").hard_link("a", "d").end(), "is a directory");
    refused(&Tar::new().hard_link("a", ".").end(), "is a directory");
    refused(&Tar::new().hard_link("a", "/").end(), "is a directory");
}

#[test]
fn a_hard_link_to_what_is_missing_or_without_a_name_is_refused() {
    refused(&Tar::new().hard_link("a", "b").end(), "is not there");
    refused(&Tar::new().hard_link("a", "b/c/d").end(), "is not there");
    refused(&Tar::new().hard_link("a", "").end(), "no name");
}

#[test]
fn a_hard_link_to_itself_changes_nothing() {
    assert_eq!(made(&Tar::new().file("a", "x").hard_link("a", "./a").end()), tree([("a", "file 644 x")]));
}

#[test]
fn a_hard_link_in_the_place_of_a_directory_that_holds_its_file_is_refused() {
    refused(&Tar::new().file("d/f", "x").hard_link("d", "d/f").end(), "takes the place");
}

#[test]
fn a_hard_link_is_the_same_file_and_counts_no_bytes() {
    use std::os::unix::fs::MetadataExt;
    let bed = Bed::new();
    let link = Header { name: b"d/b", kind: b'1', link: b"a", size: 5, ..Header::default() };
    let summary = bed.unpack(&Tar::new().file("a", "hello").header(link).file("c", "").end()).unwrap();
    let inode = |name| fs::metadata(bed.root().join(name)).unwrap().ino();
    assert_eq!((inode("a"), summary.bytes), (inode("d/b"), 5));
}
