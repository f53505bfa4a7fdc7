//! Files: what was not granted is not read.

use super::bench::CANARY;
use super::harness::finish;
use std::fs;

#[test]
fn a_file_of_the_home_is_read_by_its_path() {
    attack!("files", "read-secret", "{home}/secret").without("detached-root").is_stopped();
}

// Layer: Landlock, which has no rule for a tree that is not the sandbox's.
#[test]
fn a_file_of_the_home_is_read_through_a_directory_that_the_caller_left_open() {
    attack!("files", "descriptor", "7", "secret")
        .set_up("exec 7< {home}/project")
        .without("close-fds,landlock")
        .is_stopped();
}

#[test]
fn a_file_of_the_home_is_read_by_breaking_out_of_a_chroot() {
    attack!("files", "chroot", "7", "{home}/secret")
        .set_up("exec 7< {home}/project")
        .without("close-fds,capabilities,seccomp,landlock")
        .is_stopped();
}

#[test]
fn a_file_of_the_home_is_read_below_a_root_that_is_unmounted() {
    attack!("files", "unmount", "{home}/secret").without("pivot-root,capabilities,seccomp,landlock").is_stopped();
}

#[test]
fn a_hidden_directory_is_opened_by_its_handle() {
    attack!("files", "handle", "/granted")
        .flags(&["--hide=/granted/hidden"])
        .bait(|bench, _| {
            let hidden = bench.granted.join("hidden");
            fs::create_dir(&hidden).unwrap();
            fs::write(hidden.join("secret"), CANARY).unwrap();
            let program = bench.project.home().join("attack/files");
            let args = [hidden, bench.shared.join("handle")].map(|path| path.to_str().unwrap().to_owned());
            let [program, hidden, handle] = [program.to_str().unwrap(), &args[0], &args[1]];
            finish(bench.project.outside(program, &["write-handle", hidden, handle])).ok();
        })
        // Before Linux 6.11 the kernel wants the power of the host's root for it, which nothing inside can give.
        .since((6, 11))
        .without("capabilities,seccomp")
        .is_stopped();
}

#[test]
fn an_account_of_the_host_is_found() {
    attack!("files", "account", "daemon").without("made-up-etc").is_stopped();
}
