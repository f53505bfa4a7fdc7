//! What an earlier run left, or a concurrent one changes, in a writable directory leads `sandbox` nowhere it was not sent.

use super::attempt::Attack;
use super::bench::{Bench, CANARY};
use super::harness::Output;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

/// A directory of the home that nobody granted, with a secret in it.
fn private(bench: &Bench) -> std::path::PathBuf {
    let private = bench.project.home().join("private");
    fs::remove_dir_all(&private).ok();
    directory(&private);
    fs::write(private.join("secret"), CANARY).unwrap();
    private
}

/// One that any user may write.
fn directory(path: &Path) {
    fs::create_dir(path).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o777)).unwrap();
}

fn tells(_: &Bench, output: &Output) -> bool {
    output.text().contains(CANARY)
}

/// While `sandbox` starts, another run exchanges `/shared/place` for `/shared/other`.
fn flipped(attack: Attack) -> Attack {
    attack.beside(&["flip", "/shared/place", "/shared/other"]).starts(25)
}

// Layer: Landlock not, since the directory would have become part of what is shown.
#[test]
fn a_source_is_exchanged_for_a_link_to_a_private_directory() {
    flipped(attack!("planted", "show", "/place/secret"))
        .flags(&["--ro={home}/shared/place:/place"])
        .bait(|bench, _| {
            directory(&bench.shared.join("place"));
            symlink(private(bench), bench.shared.join("other")).unwrap();
        })
        .effect(tells)
        .without("beneath")
        .may_be_refused()
        .is_stopped();
}

#[test]
fn a_directory_on_the_way_to_a_source_is_exchanged_for_a_link() {
    flipped(attack!("planted", "show", "/place"))
        .flags(&["--ro={home}/shared/place/secret:/place"])
        .bait(|bench, _| {
            directory(&bench.shared.join("place"));
            fs::write(bench.shared.join("place/secret"), "nothing").unwrap();
            symlink("../private", bench.shared.join("other")).unwrap();
            private(bench);
        })
        .effect(tells)
        .without("beneath")
        .may_be_refused()
        .is_stopped();
}

#[test]
fn the_working_directory_is_exchanged_for_a_descriptor_of_the_callers() {
    flipped(attack!("planted", "show", "secret"))
        .flags(&["--workdir=/shared/place"])
        .bait(|bench, _| {
            directory(&bench.shared.join("place"));
            symlink("/proc/self/fd/7", bench.shared.join("other")).unwrap();
            private(bench);
        })
        .set_up("exec 7< {home}/private")
        .effect(tells)
        .without("working-directory,landlock")
        .may_be_refused()
        .is_stopped();
}

#[test]
fn a_mount_point_is_made_on_the_host() {
    flipped(attack!("planted", "speak"))
        .flags(&["--tmpfs=/shared/place/point:1MiB"])
        .bait(|bench, _| {
            ["place", "place/point", "bare"].iter().for_each(|name| directory(&bench.shared.join(name)));
            symlink("bare", bench.shared.join("other")).unwrap();
        })
        .effect(|bench, _| bench.shared.join("bare/point").exists())
        .without("own-mount-points")
        .may_be_refused()
        .is_stopped();
}

#[test]
fn a_mount_point_is_made_in_a_private_directory() {
    flipped(attack!("planted", "speak"))
        .flags(&["--tmpfs=/shared/place/point:1MiB"])
        .bait(|bench, _| {
            ["place", "place/point"].iter().for_each(|name| directory(&bench.shared.join(name)));
            symlink(private(bench), bench.shared.join("other")).unwrap();
        })
        .effect(|bench, _| bench.project.home().join("private/point").exists())
        .without("in-root,own-mount-points")
        .may_be_refused()
        .is_stopped();
}

/// A link to a file of the home's that nobody named.
fn link_to_victim(bench: &Bench, _: &mut Command) {
    let victim = bench.project.home().join("victim");
    fs::write(&victim, "as it was").unwrap();
    symlink(victim, bench.shared.join("link")).unwrap();
}

fn overwritten(bench: &Bench, _: &Output) -> bool {
    fs::read_to_string(bench.project.home().join("victim")).unwrap() != "as it was"
}

macro_rules! outputs {
    ($($name:ident $flag:literal)+) => { $(
        #[test]
        fn $name() {
            attack!("planted", "speak")
                .flags(&[concat!($flag, "={home}/shared/link")])
                .bait(link_to_victim)
                .effect(overwritten)
                .without("no-follow")
                .may_be_refused()
                .is_stopped();
        }
    )+ };
}

outputs! {
    a_file_is_overwritten_through_a_link_in_the_place_of_stdout "--stdout"
    a_file_is_overwritten_through_a_link_in_the_place_of_stderr "--stderr"
    a_file_is_overwritten_through_a_link_in_the_place_of_the_report "--report"
}

#[test]
fn a_file_is_made_through_a_dangling_link_in_the_place_of_stdout() {
    attack!("planted", "speak")
        .flags(&["--stdout={home}/shared/link"])
        .bait(|bench, _| {
            let made = bench.project.home().join("made");
            fs::remove_file(&made).ok();
            symlink(made, bench.shared.join("link")).unwrap();
        })
        .effect(|bench, _| bench.project.home().join("made").exists())
        .without("no-follow")
        .may_be_refused()
        .is_stopped();
}

#[test]
fn a_secret_is_read_through_a_link_in_the_place_of_stdin() {
    attack!("planted", "show", "/dev/stdin")
        .flags(&["--stdin={home}/shared/link"])
        .bait(|bench, _| symlink(bench.secret(), bench.shared.join("link")).unwrap())
        .effect(tells)
        .without("no-follow")
        .may_be_refused()
        .is_stopped();
}

#[test]
fn a_secret_is_read_through_a_link_on_the_way_to_stdin() {
    attack!("planted", "show", "/dev/stdin")
        .flags(&["--stdin=way/secret"])
        .bait(|bench, _| {
            let way = bench.project.path().join("way");
            fs::remove_file(&way).ok();
            symlink(private(bench), way).unwrap();
        })
        .effect(tells)
        .without("no-follow")
        .may_be_refused()
        .is_stopped();
}
