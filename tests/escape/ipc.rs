//! System V IPC and message queues. The profile `strict` has none at all, hence `seccomp` beside the namespace.

use super::bench::CANARY;
use std::fs;
use std::os::unix::fs::PermissionsExt;

const LAYERS: &str = "ipc-namespace,seccomp";

#[test]
fn shared_memory_of_the_host_is_mapped() {
    attack!("ipc", "attach-memory", "@").started_by(&["share", "memory"]).without(LAYERS).is_stopped();
}

#[test]
fn a_message_is_put_into_a_queue_of_the_host() {
    attack!("ipc", "send-message", "@").started_by(&["share", "queue"]).without(LAYERS).is_stopped();
}

#[test]
fn a_semaphore_of_the_host_is_raised() {
    attack!("ipc", "raise-semaphore", "@").started_by(&["share", "semaphore"]).without(LAYERS).is_stopped();
}

#[test]
fn the_hosts_objects_are_listed_in_proc() {
    for (kind, list) in
        [("memory", "/proc/sysvipc/shm"), ("queue", "/proc/sysvipc/msg"), ("semaphore", "/proc/sysvipc/sem")]
    {
        attack!("ipc", "find", list, "@").started_by(&["share", kind]).without("ipc-namespace").is_stopped();
    }
}

#[test]
fn shared_memory_is_left_on_the_host() {
    attack!("ipc", "leave-memory", "@").started_by(&["left"]).without(LAYERS).is_stopped();
}

#[test]
fn a_queue_or_a_semaphore_is_left_on_the_host() {
    for attack in ["leave-queue", "leave-semaphore"] {
        attack!("ipc", attack, "@").started_by(&["left"]).without(LAYERS).is_stopped();
    }
}

#[test]
fn a_posix_message_queue_is_left_on_the_host() {
    attack!("ipc", "leave-posix-queue", "@").started_by(&["left"]).without(LAYERS).is_stopped();
}

#[test]
fn a_posix_shared_memory_object_of_the_host_is_read() {
    // Of shm_open(3), which is open(2) there. Removed at its end.
    let object = tempfile::Builder::new().prefix("sandbox-escape-").tempfile_in("/dev/shm").unwrap();
    fs::write(&object, CANARY).unwrap();
    fs::set_permissions(&object, PermissionsExt::from_mode(0o644)).unwrap();
    attack!("files", "read-secret", object.path().to_str().unwrap()).without("detached-root").is_stopped();
}
