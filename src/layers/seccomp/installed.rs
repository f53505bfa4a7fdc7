//! The filter in force, in one thread and what it starts: the kernel accepts it, and useful work goes on.

use super::*;
use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use std::fs::{Permissions, set_permissions};
use std::os::unix::{fs::PermissionsExt, process::ExitStatusExt};
use std::path::Path;
use std::process::{Command, ExitStatus};

/// Does `work` in a thread under the filter.
fn under<T: Send + 'static>(policy: SeccompPolicy, on_deny: OnDeny, work: impl FnOnce() -> T + Send + 'static) -> T {
    let seccomp = Seccomp { policy, on_deny, allow: vec![], deny: vec![] };
    let filter = compile(&seccomp, &Features::default(), Cores::None, Arch::native()).unwrap().unwrap();
    let thread = std::thread::spawn(move || {
        seccompiler::apply_filter(&filter.program).unwrap();
        work()
    });
    thread.join().unwrap()
}

fn shell(directory: &Path, script: &str) -> ExitStatus {
    Command::new("sh").args(["-e", "-c", script]).current_dir(directory).status().unwrap()
}

#[test]
fn threads_and_programs_start_under_both_policies() {
    for policy in [SeccompPolicy::Default, SeccompPolicy::Strict] {
        under(policy, OnDeny::Errno, || {
            assert_eq!(std::thread::spawn(|| 7).join().unwrap(), 7);
            assert_eq!(shell(Path::new("/"), "echo x | cat > /dev/null; (exit 7) & wait $!").code(), Some(7));
        });
    }
}

#[test]
fn the_kernel_gives_the_errno_of_each_refusal() {
    let directory = tempfile::tempdir().unwrap();
    under(SeccompPolicy::Default, OnDeny::Errno, move || {
        assert_eq!(unshare(CloneFlags::CLONE_NEWUSER), Err(Errno::EPERM));
        assert_eq!(nix::mount::umount("/nonexistent"), Err(Errno::EPERM));
        let vsock = socket(AddressFamily::Vsock, SockType::Stream, SockFlag::empty(), None);
        assert_eq!(vsock.err(), Some(Errno::EAFNOSUPPORT));
        let set_id = set_permissions(directory.path(), Permissions::from_mode(0o4755));
        assert_eq!(set_id.unwrap_err().raw_os_error(), Some(libc::EPERM));
        set_permissions(directory.path(), Permissions::from_mode(0o1755)).unwrap();
    });
}

#[test]
fn kill_ends_a_process_at_its_first_denied_call() {
    let directory = tempfile::tempdir().unwrap();
    let status = under(SeccompPolicy::Strict, OnDeny::Kill, move || {
        shell(directory.path(), "ulimit -c 0; touch f; chmod 755 f; exec chmod 4755 f")
    });
    assert_eq!(status.signal(), Some(libc::SIGSYS));
}

#[test]
fn strict_compiles_and_runs_c_with_threads_pipes_loopback_and_jit_memory() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("a.c"), include_str!("installed.c")).unwrap();
    let status =
        under(SeccompPolicy::Strict, OnDeny::Errno, move || shell(directory.path(), "cc -pthread a.c -o a && ./a"));
    assert_eq!(status.code(), Some(0), "the exit code is the line of installed.c that failed");
}
