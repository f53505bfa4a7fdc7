//! No file system but those of the plan, none larger than it says, and none of the host's.

use super::bench::CANARY;
use super::harness::root;
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use nix::unistd::mkfifo;

#[test]
fn a_fresh_tmpfs_without_a_limit_is_mounted() {
    attack!("mounts", "fresh", "tmpfs").without("capabilities,seccomp,landlock").is_stopped();
}

#[test]
fn the_tree_of_cgroups_is_mounted() {
    attack!("mounts", "fresh", "cgroup2").without("capabilities,seccomp,landlock").is_stopped();
}

// Layer: the kernel also asks for a sysfs that is seen already, which the host's is.
#[test]
fn a_fresh_sysfs_is_mounted() {
    attack!("mounts", "fresh", "sysfs").without("capabilities,seccomp,landlock,detached-root").is_stopped();
}

#[test]
fn a_tmpfs_is_mounted_in_a_nested_user_namespace() {
    attack!("mounts", "nested", "tmpfs").without("seccomp,user-quotas,landlock").is_stopped();
}

// Layer: the kernel also asks for a proc that is seen whole.
#[test]
fn a_fresh_proc_is_mounted_in_a_nested_user_namespace() {
    attack!("mounts", "nested", "proc").without("seccomp,user-quotas,landlock,proc-covers,proc-read-only").is_stopped();
}

#[test]
fn a_sysfs_is_mounted_in_a_nested_user_namespace() {
    attack!("mounts", "nested", "sysfs").without("seccomp,user-quotas,landlock,detached-root").is_stopped();
}

#[test]
fn message_queues_are_mounted_in_a_nested_user_namespace() {
    attack!("mounts", "nested", "mqueue").without("seccomp,user-quotas,landlock").is_stopped();
}

#[test]
fn a_tmpfs_holds_more_bytes_than_it_may() {
    attack!("mounts", "fill", "/small", "2097152").flags(&["--tmpfs=/small:1MiB"]).without("tmpfs-limits").is_stopped();
}

#[test]
fn a_tmpfs_holds_more_files_than_it_may() {
    attack!("mounts", "crowd", "/small", "300").flags(&["--tmpfs=/small:1MiB"]).without("tmpfs-limits").is_stopped();
}

#[test]
fn a_name_is_made_in_dev() {
    attack!("mounts", "make", "/dev/new").without("read-only,landlock").is_stopped();
}

#[test]
fn a_name_is_made_in_the_root() {
    attack!("mounts", "make", "/new").without("read-only,landlock").but_on_a_writable_root().is_stopped();
}

// Only host root can leave a device there (here a harmless one, /dev/zero by another name).
#[test]
fn a_device_in_a_granted_directory_is_opened() {
    if !root() {
        return;
    }
    attack!("mounts", "device", "/shared/device")
        .bait(|bench, _| {
            let device = bench.shared.join("device");
            mknod(&device, SFlag::S_IFCHR, Mode::empty(), makedev(1, 5)).unwrap();
            std::fs::set_permissions(device, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
        })
        .without("nodev")
        .is_stopped();
}

#[test]
fn what_the_host_mounts_after_the_start_is_read() {
    attack!("mounts", "late", "/shared/started", "/shared/mounted", "/granted/directory/secret")
        .bait(|bench, _| {
            for fifo in ["started", "mounted"] {
                mkfifo(&bench.shared.join(fifo), Mode::S_IRWXU | Mode::S_IRWXO).unwrap();
            }
        })
        .set_up(&format!(
            "mkdir -p {{home}}/late; echo {CANARY} > {{home}}/late/secret; cd {{home}}/shared
            mount --bind ../granted ../granted; mount --make-shared ../granted
            {{ read x < started || mount --bind ../late ../granted/directory; echo go > mounted; }} &
            cd {{project}}"
        ))
        .without("private-mounts")
        .is_stopped();
}

#[test]
fn a_mount_of_the_host_is_told_of() {
    attack!("mounts", "told", CANARY)
        .set_up(&format!("mkdir -p {{home}}/elsewhere; mount -t tmpfs {CANARY} {{home}}/elsewhere"))
        .without("detached-root")
        .is_stopped();
}

// Layer: seccomp in profile strict only.
#[test]
fn a_mount_of_the_host_is_listed() {
    attack!("mounts", "listed", CANARY)
        .set_up(&format!("mkdir -p {{home}}/{CANARY}; mount -t tmpfs t {{home}}/{CANARY}"))
        .since((6, 8))
        .without("detached-root,seccomp")
        .is_stopped();
}
