//! What the README and SECURITY promise, each as a test of the built binary, seen from inside a sandbox.
//!
//! One file per promise. The same tests run as an ordinary user and as root, and on other kernels (`tests/vm`):
//! `SANDBOX_TEST_BINARY` names another binary, `SANDBOX_TEST_SLOW=5` stretches the time-outs, `SANDBOX_TEST_BED=1` says that
//! this is one of those machines.

mod harness;
mod pty;
#[path = "../shared/report.rs"]
mod written_report;

mod cgroup;
mod descriptors;
mod enter;
mod files;
mod id_helpers;
mod journeys;
mod lifecycle;
mod limits;
mod messages;
mod mounts;
mod namespaces;
mod quotas;
mod real_builds;
mod report;
mod root_file_system;
mod root_user;
mod rootfs;
mod rules;
mod running;
mod safe_terminal;
mod signals;
mod special_files;
mod stdio;
mod stepdown;
mod subordinate;
mod supervisor;
mod syscall_table;
mod syscalls;
mod terminal;
mod timings;
mod verify;
