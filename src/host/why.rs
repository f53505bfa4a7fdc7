//! A failed step → one sentence and a remedy. Here the supervisor may look around: nothing of the payload has run.

use crate::error::{Error, ErrorKind};
use crate::inside::step::{Failure, Step};
use crate::plan::{Mount, MountKind};
use crate::prepare::Prepared;
use nix::errno::Errno;
use std::fs;

/// clone3(2), or what comes just before it, was refused.
pub(super) fn clone_failed(errno: Errno) -> Error {
    let error = Error::host(clone_sentence(errno)).step("namespaces").errno(errno);
    match clone_remedy(errno) {
        Some(remedy) => error.remedy(remedy),
        None => error,
    }
}

/// What to do where it does not depend on the step: any of them opens descriptors.
pub(super) fn advise(error: &mut Error) {
    if error.errno == Some(Errno::EMFILE) {
        error.remedy.get_or_insert_with(|| "Raise the limit on open files (ulimit -n 256)".into());
    }
}

fn setting(path: &str) -> Option<i64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

const DEBIAN_SWITCH: &str = "/proc/sys/kernel/unprivileged_userns_clone";
const UBUNTU_SWITCH: &str = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns";
const NAMESPACE_LIMIT: &str = "/proc/sys/user/max_user_namespaces";

fn in_container() -> bool {
    fs::metadata("/run/.containerenv").is_ok()
        || fs::metadata("/.dockerenv").is_ok()
        || fs::read_to_string("/proc/self/status").is_ok_and(|status| status.contains("Seccomp:\t2"))
}

fn clone_sentence(errno: Errno) -> String {
    match errno {
        Errno::ENOSPC | Errno::EUSERS if setting(NAMESPACE_LIMIT) == Some(0) => {
            "user namespaces are turned off on this host: user.max_user_namespaces is 0".into()
        }
        Errno::ENOSPC | Errno::EUSERS => "no more user namespaces can be made: a limit in /proc/sys/user, or 32 of them nested, is reached".into(),
        Errno::EPERM if setting(DEBIAN_SWITCH) == Some(0) => {
            "user namespaces are turned off for ordinary users: kernel.unprivileged_userns_clone is 0".into()
        }
        Errno::EPERM if in_container() => "this container does not let a user namespace be made: its seccomp profile refuses clone".into(),
        Errno::EPERM => "this host does not let a user namespace be made: a security module, or a chroot, refuses it".into(),
        Errno::ENOSYS | Errno::EINVAL => kernel_sentence("clone3 with a pidfd is not there"),
        Errno::EAGAIN => "no further process can be started: the limit of processes is reached (RLIMIT_NPROC, or the cgroup's pids.max)".into(),
        errno => format!("the namespaces cannot be made: {}", errno.desc()),
    }
}

fn clone_remedy(errno: Errno) -> Option<String> {
    Some(match errno {
        Errno::ENOSPC | Errno::EUSERS => "Ask the administrator for: sysctl user.max_user_namespaces=16384".into(),
        Errno::EPERM if setting(DEBIAN_SWITCH) == Some(0) => {
            "Ask the administrator for: sysctl kernel.unprivileged_userns_clone=1".into()
        }
        Errno::EPERM if in_container() => {
            "Start the container with a seccomp profile that allows user namespaces (docker run --security-opt seccomp=unconfined)".into()
        }
        Errno::EPERM => "Look into the kernel log for the refusal, and allow user namespaces for this program".into(),
        Errno::ENOSYS | Errno::EINVAL => "Use Linux 5.14 or newer; in a container, one whose seccomp profile allows clone3".into(),
        Errno::EAGAIN => "End some processes, or raise the limit (ulimit -u)".into(),
        _ => return None,
    })
}

fn kernel_sentence(lack: &str) -> String {
    let release =
        nix::sys::utsname::uname().map(|name| name.release().to_string_lossy().into_owned()).unwrap_or_default();
    format!("this kernel ({release}) is too old, or a filter stands before it: {lack}")
}

/// A step inside failed: nothing of the payload ran.
pub(super) fn step_failed(failure: Failure, prepared: &Prepared) -> Error {
    let entry = prepared.plan.mounts.get(failure.index as usize);
    let error = match failure.step {
        Step::OpenSource | Step::Destination | Step::Mount | Step::Proc | Step::Quotas | Step::Devpts => match entry {
            Some(mount) => mount_failed(failure, mount),
            None => other_failed(failure),
        },
        Step::IdMaps if prepared.plan.user.mapped_by_root => id_map_failed(failure, entry),
        Step::WorkingDirectory => {
            let workdir = &prepared.plan.workdir;
            Error::profile(format!(
                "the working directory {} cannot be entered inside: {}",
                workdir.display(),
                failure.errno.desc()
            ))
            .path(workdir)
            .remedy("Name one that is inside with --workdir, or bring it in with --ro or --rw")
        }
        _ => other_failed(failure),
    };
    error.step(word(failure.step)).errno(failure.errno)
}

/// The restriction of Ubuntu lets the clone pass and refuses what follows.
fn restricted_by_apparmor(errno: Errno) -> Option<Error> {
    let refused = matches!(errno, Errno::EPERM | Errno::EACCES) && setting(UBUNTU_SWITCH) == Some(1);
    refused.then(|| {
        Error::host("AppArmor gives user namespaces of ordinary users no rights on this host: kernel.apparmor_restrict_unprivileged_userns is 1")
            .remedy("Ask the administrator for an AppArmor profile for this program with the rule userns, (or: sysctl kernel.apparmor_restrict_unprivileged_userns=0)")
    })
}

fn other_failed(failure: Failure) -> Error {
    if let Some(error) = restricted_by_apparmor(failure.errno) {
        return error;
    }
    let errno = failure.errno;
    match (failure.step, errno) {
        (Step::PrivatePropagation | Step::RootTmpfs, Errno::EPERM | Errno::EACCES) => {
            Error::host("a user namespace was made, but mounting in it is refused: a security module or a container's seccomp profile forbids it")
                .remedy("Look into the kernel log for the refusal; in a container, allow mount in its seccomp and AppArmor profiles")
        }
        (Step::RootTmpfs, Errno::ENOSYS) => {
            Error::host(kernel_sentence("the file-descriptor based mount calls are not there")).remedy("Use Linux 5.14 or newer")
        }
        (Step::RootOverlay, Errno::ENODEV | Errno::EPERM) => {
            Error::host(kernel_sentence("overlayfs, on which a root file system stands, cannot be mounted in a user namespace"))
                .remedy("Load the module overlay; or --root-writable persistent, which needs none but changes the root file system")
        }
        (Step::PivotRoot, Errno::EINVAL) => {
            Error::host("the root cannot be changed: this host runs from its initramfs, which pivot_root refuses")
                .remedy("Start it inside a mount namespace whose root is a real mount (unshare -m, or a switched root)")
        }
        (Step::Seccomp, Errno::EINVAL) => {
            Error::host("this kernel was built without system call filters (CONFIG_SECCOMP_FILTER)").remedy("Use another kernel, or --seccomp off")
        }
        (Step::Fork, Errno::EAGAIN) => Error::host("no process can be made inside: the limit of processes is reached")
            .remedy("Raise --pids, or the caller's own limit (ulimit -u)"),
        (step, errno) => Error::host(format!("{} failed: {}", doing(step), errno.desc())),
    }
}

fn id_map_failed(failure: Failure, entry: Option<&Mount>) -> Error {
    match (entry.map(|mount| (&mount.kind, mount)), failure.errno) {
        (Some((MountKind::Bind(bind), mount)), Errno::EINVAL | Errno::EOPNOTSUPP) => {
            let path = bind.source.path();
            Error::host(format!(
                "{} cannot be id-mapped: its file system, or one mounted below it, does not know how (overlayfs never does)",
                path.display()
            ))
            .path(path)
            .origin(&mount.origin)
            .remedy("Run as an ordinary user; or let the payload be host root for its files: --outside caller (whose processes only a cgroup can limit: --cgroup prefer goes on without)")
        }
        _ => Error::host(format!("the ids of the sandbox could not be mapped: {}", failure.errno.desc())),
    }
}

fn mount_failed(failure: Failure, mount: &Mount) -> Error {
    let at = mount.at.display();
    let errno = failure.errno;
    if let Some(error) = restricted_by_apparmor(errno) {
        return error;
    }
    let error = match (&mount.kind, failure.step, errno) {
        (MountKind::Proc, _, Errno::EPERM | Errno::EACCES) => {
            return Error::host("a fresh /proc is refused: parts of this container's own /proc are masked, and a new one would show them")
                .path(&mount.at)
                .remedy("Start the container with an unmasked /proc (docker run --security-opt systempaths=unconfined, podman run --security-opt unmask=ALL)");
        }
        (MountKind::Bind(bind), Step::OpenSource, Errno::ENOENT) => {
            Error::profile(format!("{} is gone: it was there a moment ago", bind.source.path().display()))
                .remedy("Make it, or say optional: true")
        }
        (MountKind::Bind(bind), Step::OpenSource, Errno::EXDEV | Errno::ELOOP) => Error::profile(format!(
            "{} leads out of {} by a symbolic link: refused",
            bind.source.path().display(),
            bind.source.base.display()
        ))
        .remedy("Name the real directory"),
        (MountKind::Bind(bind), Step::OpenSource, _) => {
            Error::host(format!("{} cannot be opened: {}", bind.source.path().display(), errno.desc()))
                .remedy("Check its permissions, or leave it out")
        }
        (_, _, Errno::ENOENT | Errno::EROFS | Errno::EACCES) => Error::profile(format!(
            "{at} cannot be made inside: it would have to be created on the host, below a tree that is bound there"
        ))
        .remedy("Create it in that tree first, or choose another destination with at"),
        (_, _, Errno::ENOTDIR | Errno::EINVAL) => {
            Error::profile(format!("{at} cannot be mounted: one is a directory and the other a file"))
                .remedy("Give a destination of the same kind")
        }
        (_, _, Errno::ENOSPC) => Error::profile(format!("{at} cannot be made: the sandbox's root has no room for it"))
            .remedy("Use fewer or smaller made-up files"),
        _ => Error::host(format!("{at} cannot be mounted: {}", errno.desc())),
    };
    let error = error.path(&mount.at);
    // What every sandbox has is on no line that could be named.
    if mount.origin.position.is_none() && !mount.origin.is_flag { error } else { error.origin(&mount.origin) }
}

/// The payload's execve(2) failed.
pub(super) fn execute_failed(errno: Errno, prepared: &Prepared) -> Error {
    let error = match errno {
        Errno::ENOENT => crate::plan::command::not_found(prepared.plan),
        Errno::EACCES => {
            let name =
                prepared.plan.command.argv.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            Error::new(ErrorKind::Exec, format!("{name} was found but cannot be executed: permission denied"))
                .remedy("Set its execute bit (chmod +x); it may also lie on a mount that is noexec, or be a directory")
        }
        Errno::ENOEXEC => Error::new(
            ErrorKind::Exec,
            "the command is neither a program of this machine nor a script with a first line #!",
        )
        .remedy("Name its interpreter: sandbox -- sh ./script"),
        Errno::E2BIG => Error::new(ErrorKind::Exec, "the command line and environment are too long for execve")
            .remedy("Shorten them"),
        errno => Error::new(ErrorKind::Exec, format!("the command cannot be executed: {}", errno.desc())),
    };
    let error = Error { kind: ErrorKind::Exec, ..error };
    error.step("execute").errno(errno)
}

/// The step in the report: one word, and the same for what a user takes for one.
fn word(step: Step) -> &'static str {
    match step {
        Step::PrivatePropagation | Step::OpenSource | Step::Destination => Step::Mount.name(),
        Step::RootTmpfs | Step::RootOverlay => "root",
        step => step.name(),
    }
}

fn doing(step: Step) -> String {
    match step {
        Step::IdMaps => "mapping the ids (/proc/self/uid_map)".into(),
        Step::PrivatePropagation => "cutting the mount namespace off".into(),
        Step::RootTmpfs => "mounting the root".into(),
        Step::RootOverlay => "mounting the root file system (overlayfs)".into(),
        Step::PivotRoot => "changing the root".into(),
        Step::Loopback => "bringing the loopback up".into(),
        Step::Capabilities => "dropping the capabilities".into(),
        Step::Seccomp => "installing the system call filter".into(),
        Step::Landlock => "the Landlock ruleset".into(),
        other => format!("the step {}", word(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_schema_and_the_page_of_the_report_have_the_word_of_every_step() {
        let outside = ["create", "cgroup", "namespaces", "stdio", "supervise"];
        let words: BTreeSet<&str> = (0..).map_while(Step::from_number).map(word).chain(outside).collect();
        let schema: serde_json::Value = serde_json::from_str(include_str!("../../schema/report-1.json")).unwrap();
        let known = schema["$defs"]["error"]["properties"]["step"]["enum"].as_array().unwrap();
        assert_eq!(known.iter().filter_map(|word| word.as_str()).collect::<BTreeSet<_>>(), words);
        let page = include_str!("../../docs/report.md");
        let missing: Vec<_> = words.iter().filter(|word| !page.contains(&format!("`{word}`"))).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
