//! What tar(1) writes, in each of its forms and with each compression, comes back as it was.

use crate::bed::Bed;
use crate::tar::Tar;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

/// A tree with all that a root has.
fn fill(root: &Path) {
    let long = "a_long_name_".repeat(15);
    for directory in ["usr/bin", "usr/lib/empty", "var/tmp"] {
        fs::create_dir_all(root.join(directory)).unwrap();
    }
    fs::create_dir_all(root.join(&long).join(&long)).unwrap();
    fs::write(root.join(&long).join(&long).join(&long), "deep").unwrap();
    fs::write(root.join("usr/bin/tool"), "tool").unwrap();
    fs::write(root.join("usr/bin/large"), (0..300_000u32).flat_map(u32::to_le_bytes).collect::<Vec<_>>()).unwrap();
    fs::write(root.join("ümlaut \n\\"), "").unwrap();
    let sparse = fs::File::create(root.join("sparse")).unwrap();
    for at in (0..40).map(|number| number * 100_000) {
        std::os::unix::fs::FileExt::write_at(&sparse, b"data", at).unwrap();
    }
    sparse.set_len(5_000_000).unwrap();
    fs::hard_link(root.join("usr/bin/tool"), root.join("usr/bin/alias")).unwrap();
    symlink("usr/bin", root.join("bin")).unwrap();
    symlink(format!("{long}/{long}"), root.join("long")).unwrap();
    nix::unistd::mkfifo(&root.join("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    fs::set_permissions(root.join("var/tmp"), fs::Permissions::from_mode(0o1777)).unwrap();
    fs::set_permissions(root.join("usr/lib"), fs::Permissions::from_mode(0o555)).unwrap();
}

/// What `find` tells of all of it, with the content of the files.
fn listed(root: &Path) -> String {
    let script = r#"cd "$1" && find . -printf '%P|%y|%m|%n|%s|%T@|%l\0' | sort -z | grep -zv '^|' | grep -zvE '\|d\|' | tr '\0' '\n'
        find . -type d -printf '%P|%m|%T@\0' | sort -z | grep -zv '^|' | tr '\0' '\n'; find . -type f -print0 | sort -z | xargs -0 cksum"#;
    let output = Command::new("sh").args(["-c", script, "sh"]).arg(root).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Packs with the flags of tar(1), and looks that the same comes back. False if a program is missing.
fn comes_back(flags: &[&str]) -> bool {
    let bed = Bed::with_limits(64 << 20, 100);
    let root = bed.path("root");
    fs::create_dir(&root).unwrap();
    fill(&root);
    let archive = bed.path("archive");
    let packed =
        Command::new("tar").args(flags).arg("-cf").arg(&archive).arg("-C").arg(&root).arg(".").output().unwrap();
    if !packed.status.success() {
        println!("NOT CHECKED: tar {flags:?}: {}", String::from_utf8_lossy(&packed.stderr));
        return false;
    }
    let summary = bed.unpack_from(&archive).unwrap();
    // Of whole seconds only, where the form has no more.
    let seconds = |text: String| if flags.contains(&"--format=pax") { text } else { cut_fractions(&text) };
    assert_eq!(seconds(listed(&bed.root())), seconds(listed(&root)), "{flags:?}");
    assert!(summary.left_out.is_empty() && summary.entries > 10);
    for root in [root, bed.root()] {
        fs::set_permissions(root.join("usr/lib"), fs::Permissions::from_mode(0o755)).unwrap();
    }
    true
}

fn cut_fractions(text: &str) -> String {
    let mut cut = String::new();
    for (at, part) in text.split('.').enumerate() {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        cut.push_str(if at > 0 && digits >= 9 { &part[digits..] } else { part });
    }
    cut
}

#[test]
fn each_form_of_tar_comes_back_with_holes_too() {
    for form in ["gnu", "pax", "oldgnu"] {
        let form = format!("--format={form}");
        assert!(comes_back(&[&form]));
        assert!(comes_back(&[&form, "--sparse"]));
    }
}

#[test]
fn each_compression_comes_back() {
    assert!(comes_back(&["--gzip"]));
    for compression in ["--zstd", "--xz"] {
        comes_back(&[compression]);
    }
}

#[test]
fn what_ustar_has_room_for_comes_back() {
    let bed = Bed::new();
    let root = bed.path("root");
    let name = "n".repeat(99);
    fs::create_dir_all(root.join(&name)).unwrap();
    fs::write(root.join(&name).join(&name), "x").unwrap();
    let archive = bed.path("archive");
    let mut tar = Command::new("tar");
    assert!(
        tar.arg("--format=ustar").arg("-cf").arg(&archive).arg("-C").arg(&root).arg(".").status().unwrap().success()
    );
    bed.unpack_from(&archive).unwrap();
    assert_eq!(fs::read_to_string(bed.root().join(&name).join(&name)).unwrap(), "x");
}

#[test]
fn a_root_in_a_directory_of_its_archive_is_refused_with_what_to_do() {
    let within =
        |tar: Tar| tar.directory("root.x86_64").directory("root.x86_64/usr").symlink("root.x86_64/bin", "usr/bin");
    let failure = Bed::new().unpack(&within(Tar::new().file("version", "1")).end()).unwrap_err();
    assert!(failure.reason.contains("in its directory root.x86_64"), "{failure:?}");
    assert!(failure.remedy.contains("tar -C root.x86_64 -cf root.tar ."), "{failure:?}");
    Bed::new().unpack(&within(Tar::new().directory("etc")).end()).unwrap();
    Bed::new().unpack(&within(Tar::new().directory("other/usr")).end()).unwrap();
}

#[test]
fn owners_are_kept_for_whoever_may_give_files_away() {
    use sandbox::rootfs::unpack::{Limits, Owners, unpack};
    use std::os::fd::AsFd;
    if !nix::unistd::geteuid().is_root() {
        return println!("NOT CHECKED: only root may give files away");
    }
    use crate::tar::Header;
    let bed = Bed::new();
    let of = |name, kind, link| Header { name, kind, link, uid: 42, gid: 43, mode: 0o755, ..Header::default() };
    let archive =
        Tar::new().header(of(b"d", b'5', b"")).header(of(b"d/f", b'0', b"")).header(of(b"d/l", b'2', b"/canary"));
    let archive = archive.hard_link("d/h", "d/f").header(of(b"p", b'6', b"")).end();
    fs::write(bed.path("source"), archive).unwrap();
    let into = fs::File::open(bed.root()).unwrap();
    unpack(
        &bed.path("source"),
        into.as_fd(),
        &bed.path("room"),
        Owners::Kept,
        Limits { bytes: 100, entries: 10 },
        &mut |_| {},
    )
    .unwrap();
    for name in ["d", "d/f", "d/l", "d/h", "p"] {
        let metadata = fs::symlink_metadata(bed.root().join(name)).unwrap();
        assert_eq!((metadata.uid(), metadata.gid()), (42, 43), "{name}");
    }
    assert_eq!(fs::metadata(bed.root()).unwrap().uid(), 0, "nobody spoke of the root");
}
