//! Names that come twice, as something else: also while the way over them is still remembered.

use crate::bed::{made, refused, tree};
use crate::tar::{Header, Tar};

#[test]
fn of_a_name_that_comes_twice_the_later_one_counts() {
    assert_eq!(made(&Tar::new().file("a", "long text").file("./a", "new").end()), tree([("a", "file 644 new")]));
    let fifo = Header { name: b"a", kind: b'6', ..Header::default() };
    assert_eq!(made(&Tar::new().file("a", "x").header(fifo.clone()).end()), tree([("a", "fifo 644")]));
    assert_eq!(made(&Tar::new().header(fifo).file("a", "x").end()), tree([("a", "file 644 x")]));
    assert_eq!(made(&Tar::new().symlink("a", "b").symlink("a", "c").end()), tree([("a", "link c")]));
}

#[test]
fn a_directory_that_comes_twice_keeps_what_is_in_it_and_gets_the_later_mode() {
    let again = Header { name: b"d/", kind: b'5', mode: 0o700, ..Header::default() };
    let archive = Tar::new().directory("d").file("d/a", "x").header(again).file("d/b", "y").end();
    assert_eq!(made(&archive), tree([("d", "directory 700"), ("d/a", "file 644 x"), ("d/b", "file 644 y")]));
}

#[test]
fn a_directory_replaced_by_a_file_or_a_link_is_gone_with_all_in_it() {
    let full =
        || Tar::new().directory("d").file("d/a", "x").file("d/e/f", "y").symlink("d/e/up", "/").directory("kept");
    let kept = ("kept", "directory 755");
    assert_eq!(made(&full().file("d", "new").end()), tree([("d", "file 644 new"), kept]));
    assert_eq!(made(&full().symlink("d", "kept").end()), tree([("d", "link kept"), kept]));
}

#[test]
fn what_follows_a_directory_that_became_a_link_goes_where_the_link_leads() {
    let archive =
        Tar::new().directory("other").directory("d").file("d/a", "x").symlink("d", "other").file("d/b", "y").end();
    assert_eq!(made(&archive), tree([("d", "link other"), ("other", "directory 755"), ("other/b", "file 644 y")]));
}

#[test]
fn a_directory_that_became_a_link_upwards_leads_to_the_new_root() {
    let archive = Tar::new().directory("d").file("d/a", "x").symlink("d", "../..").file("d/canary", "y").end();
    assert_eq!(made(&archive), tree([("canary", "file 644 y"), ("d", "link ../..")]));
}

#[test]
fn a_parent_further_up_that_became_a_link_is_not_gone_through_any_more() {
    let archive = Tar::new().directory("new/b").file("a/b/c/d", "x").symlink("a", "new").file("a/b/c/e", "y").end();
    let made = made(&archive);
    assert_eq!(
        (made.get("new/b/c/e").map(String::as_str), made.contains_key("new/b/c/d")),
        (Some("file 644 y"), false)
    );
}

#[test]
fn a_link_on_the_way_that_was_turned_leads_to_its_new_target() {
    let archive = Tar::new().directory("one").directory("two").symlink("l", "one").file("l/a", "x");
    let made = made(&archive.symlink("l", "two").file("l/b", "y").end());
    assert_eq!((&*made["one/a"], &*made["two/b"]), ("file 644 x", "file 644 y"));
}

#[test]
fn a_link_behind_a_link_that_was_turned_leads_to_its_new_target() {
    let archive = Tar::new().directory("one").directory("two").symlink("inner", "one").symlink("outer", "inner");
    let made = made(&archive.file("outer/a", "x").symlink("inner", "two").file("outer/b", "y").end());
    assert_eq!((&*made["one/a"], &*made["two/b"]), ("file 644 x", "file 644 y"));
}

#[test]
fn a_way_that_led_over_what_was_replaced_is_not_gone_any_more() {
    let archive = Tar::new().directory("d").directory("d/x").symlink("l", "d/x/..").file("l/a", "");
    refused(&archive.file("l/x", "").file("l/b", "").end(), "x is no directory");
}

#[test]
fn a_link_that_became_a_directory_is_one_and_its_target_stays_empty() {
    let archive = Tar::new().directory("other").symlink("d", "other").directory("d").file("d/a", "x").end();
    assert_eq!(made(&archive), tree([("d", "directory 755"), ("d/a", "file 644 x"), ("other", "directory 755")]));
}

#[test]
fn a_link_on_the_way_that_became_a_file_is_no_directory() {
    refused(
        &Tar::new().directory("d").symlink("l", "d").file("l/a", "").file("l", "").file("l/b", "").end(),
        "l is no directory",
    );
}

#[test]
fn a_file_that_replaces_the_link_it_came_through_lies_where_that_led() {
    // "l/x" is the link itself: what was on the way is replaced by what goes over it.
    let archive = Tar::new().directory("d").symlink("d/x", ".").file("d/x/x", "new").file("d/y", "").end();
    assert_eq!(made(&archive), tree([("d", "directory 755"), ("d/x", "file 644 new"), ("d/y", "file 644 ")]));
}

#[test]
fn a_directory_made_again_has_not_the_mode_of_the_one_that_was_there() {
    let open = Header { name: b"d", kind: b'5', mode: 0o1777, ..Header::default() };
    let archive = Tar::new().header(open).file("d", "").file("d/x", "");
    refused(&archive.clone().end(), "d is no directory");
    let archive = Tar::new().header(Header { name: b"d", kind: b'5', mode: 0o1777, ..Header::default() });
    assert_eq!(made(&archive.symlink("d", "x").file("d", "").end()), tree([("d", "file 644 ")]));
}

#[test]
fn the_mode_of_a_directory_never_reaches_what_took_its_place() {
    let hidden = Header { name: b"d", kind: b'5', mode: 0, ..Header::default() };
    let archive = Tar::new().directory("other").header(hidden).symlink("d", "other").end();
    assert_eq!(made(&archive), tree([("d", "link other"), ("other", "directory 755")]));
}
