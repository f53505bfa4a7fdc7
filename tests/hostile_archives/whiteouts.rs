//! What a layer takes away from those below it, and from nobody else.

use crate::bed::{Bed, Tree, made, refused, tree};
use crate::image::Image;
use crate::tar::{Header, Tar};

/// The tree of these layers, the lowest first.
#[track_caller]
fn layers<const N: usize>(layers: [Tar; N]) -> Tree {
    made(&archive(layers))
}

fn archive<const N: usize>(layers: [Tar; N]) -> Vec<u8> {
    let layers = layers.map(Tar::end);
    Image::of_plain(&layers.each_ref().map(Vec::as_slice)).archive()
}

fn lower() -> Tar {
    Tar::new()
        .directory("d")
        .file("d/a", "low")
        .file("d/b", "low")
        .directory("d/e")
        .file("d/e/f", "low")
        .file("c", "low")
}

#[test]
fn a_whiteout_hides_the_file_the_link_or_the_whole_directory_of_its_name() {
    assert_eq!(layers([lower(), Tar::new().file(".wh.d", "")]), tree([("c", "file 644 low")]));
    assert_eq!(
        layers([Tar::new().symlink("l", "c").file("c", "x"), Tar::new().file(".wh.l", "")]),
        tree([("c", "file 644 x")])
    );
    assert!(!layers([lower(), Tar::new().file("d/.wh.a", "")]).contains_key("d/a"));
}

#[test]
fn an_opaque_directory_has_only_what_its_own_layer_puts_there_before_or_after() {
    let expected = tree([("c", "file 644 low"), ("d", "directory 755"), ("d/new", "file 644 x")]);
    assert_eq!(layers([lower(), Tar::new().directory("d").file("d/.wh..wh..opq", "").file("d/new", "x")]), expected);
    assert_eq!(layers([lower(), Tar::new().directory("d").file("d/new", "x").file("d/.wh..wh..opq", "")]), expected);
}

#[test]
fn an_opaque_root_has_only_its_own_layer() {
    assert_eq!(layers([lower(), Tar::new().file("new", "x").file(".wh..wh..opq", "")]), tree([("new", "file 644 x")]));
    assert_eq!(layers([lower(), Tar::new().file(".wh..wh..opq", "")]), tree([]));
}

#[test]
fn an_opaque_directory_keeps_what_its_own_layer_put_deep_below() {
    let upper = Tar::new().file("d/e/new", "x").file(".wh..wh..opq", "");
    let expected = tree([("d", "directory 755"), ("d/e", "directory 755"), ("d/e/new", "file 644 x")]);
    assert_eq!(layers([lower(), upper]), expected);
}

#[test]
fn a_whiteout_never_hides_what_its_own_layer_made() {
    let expected = "file 644 new";
    assert_eq!(layers([lower(), Tar::new().file("c", "new").file(".wh.c", "")])["c"], expected);
    assert_eq!(layers([lower(), Tar::new().file(".wh.c", "").file("c", "new")])["c"], expected);
}

#[test]
fn a_directory_beside_its_own_whiteout_is_that_of_its_layer_alone() {
    let expected = tree([("c", "file 644 low"), ("d", "directory 755"), ("d/new", "file 644 x")]);
    assert_eq!(layers([lower(), Tar::new().directory("d").file("d/new", "x").file(".wh.d", "")]), expected);
    assert_eq!(layers([lower(), Tar::new().file(".wh.d", "").directory("d").file("d/new", "x")]), expected);
}

#[test]
fn a_name_that_hides_what_the_layer_before_made_hides_it() {
    assert_eq!(
        layers([lower(), Tar::new().file("c", "new"), Tar::new().file(".wh.c", "").file(".wh.d", "")]),
        tree([])
    );
}

#[test]
fn a_whiteout_of_nothing_or_in_nothing_is_none() {
    assert_eq!(
        layers([Tar::new().file("a", ""), Tar::new().file(".wh.b", "").file("x/y/.wh.z", "")]),
        tree([("a", "file 644 ")])
    );
}

#[test]
fn a_whiteout_of_what_is_no_name_is_refused() {
    for name in [".wh.", ".wh..", ".wh...", "d/.wh.", "d/.wh.."] {
        refused(&archive([lower(), Tar::new().file(name, "")]), "whiteout of no name");
    }
    for name in [".wh.a/..", "../.wh.canary", ".wh.a/../../canary", ".wh../canary"] {
        refused(&archive([lower(), Tar::new().file(name, "")]), "");
    }
}

#[test]
fn a_whiteout_that_is_a_directory_is_refused() {
    refused(&archive([lower(), Tar::new().file(".wh.d/a", "")]), "lies in a whiteout");
    refused(&archive([lower(), Tar::new().directory("d/.wh..wh..opq/x")]), "lies in a whiteout");
}

#[test]
fn a_whiteout_behind_a_link_stays_in_the_new_root() {
    for target in ["../beside", "/../beside", "../../../../../.."] {
        let upper = Tar::new().symlink("l", target).file("l/.wh.canary", "").file("l/.wh.directory", "");
        made(&archive([lower(), upper])); // the bed looks after the canaries
    }
    let upper = Tar::new().symlink("l", "..").file("l/.wh..wh..opq", "");
    assert_eq!(layers([lower(), upper]), tree([("l", "link ..")]));
}

#[test]
fn a_whiteout_takes_a_link_and_never_what_it_leads_to() {
    let low = Tar::new().directory("d").file("d/a", "x").symlink("l", "d");
    assert_eq!(layers([low, Tar::new().file(".wh.l", "")]), tree([("d", "directory 755"), ("d/a", "file 644 x")]));
}

#[test]
fn what_a_whiteout_removed_is_not_gone_through_any_more() {
    let low = Tar::new().directory("d").symlink("l", "d").file("l/a", "low");
    let upper = Tar::new().file("l/b", "x").file(".wh.l", "").file("l/c", "y");
    let made = layers([low, upper]);
    assert_eq!(
        (made["l"].as_str(), made["l/c"].as_str(), made["d/b"].as_str()),
        ("directory 755", "file 644 y", "file 644 x")
    );
}

#[test]
fn a_layer_replaces_what_is_below_as_another_kind() {
    let upper = Tar::new().file("d", "now a file").directory("c").file("c/x", "y");
    assert_eq!(
        layers([lower(), upper]),
        tree([("c", "directory 755"), ("c/x", "file 644 y"), ("d", "file 644 now a file")])
    );
}

#[test]
fn a_file_of_one_layer_is_not_changed_through_its_other_name_by_the_next() {
    let low = Tar::new().file("a", "low").hard_link("b", "a");
    assert_eq!(layers([low, Tar::new().file("b", "new")]), tree([("a", "file 644 low"), ("b", "file 644 new")]));
}

#[test]
fn a_hard_link_to_a_file_of_a_layer_below_stays_when_that_name_is_hidden() {
    let upper = Tar::new().hard_link("b", "c").file(".wh.c", "");
    assert_eq!(layers([Tar::new().file("c", "low"), upper]), tree([("b", "file 644 low")]));
}

#[test]
fn a_directory_without_write_permission_is_hidden_too() {
    let closed = Header { name: b"d", kind: b'5', mode: 0o111, ..Header::default() };
    assert_eq!(layers([Tar::new().header(closed).file("d/a", ""), Tar::new().file(".wh.d", "")]), tree([]));
}

#[test]
fn what_aufs_kept_for_itself_means_nothing() {
    assert_eq!(
        layers([Tar::new().directory(".wh..wh.plnk").file(".wh..wh.aufs", "").file("a", "")]),
        tree([("a", "file 644 ")])
    );
}

#[test]
fn thousands_of_whiteouts_look_through_a_directory_once() {
    let files = (0..5_000).fold(Tar::new(), |tar, number| tar.file(&format!("d/{number}"), ""));
    let opaque = Header { name: b"d/.wh..wh..opq", ..Header::default() }.block().repeat(5_000);
    let name = Header { name: b".wh.d", ..Header::default() }.block().repeat(5_000);
    let image = Image::of_plain(&[&lower().end(), &files.raw(&opaque).raw(&name).end()]);
    let bed = Bed::with_limits(1 << 30, 100_000);
    bed.unpack(&image.archive()).unwrap();
    assert_eq!(bed.tree().len(), 5_002);
}
