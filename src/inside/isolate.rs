//! What else is the sandbox's own: loopback, host name, keyring, the view of cgroups.

use super::link::{Link, Record};
use super::step::{At, Done, Failure, Step};
use crate::plan::NetworkMode;
use crate::sys::{network, privileges};
use crate::without;
use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::MsgFlags;
use nix::unistd;

/// A new network namespace has a loopback that is down.
pub(super) fn loopback(mode: NetworkMode) -> Done {
    match mode {
        NetworkMode::None if without::layer("network-namespace") => Ok(()),
        NetworkMode::None => network::loopback_up().at(Step::Loopback),
        NetworkMode::Host => Ok(()),
    }
}

/// uts_namespaces(7)
pub(super) fn hostname(name: &str) -> Done {
    if without::layer("uts-namespace") {
        return Ok(());
    }
    unistd::sethostname(name).at(Step::Hostname)
}

/// The caller's session keyring would be inherited: session-keyring(7). A kernel without keys has none to inherit.
pub(super) fn keyring() -> Done {
    if without::layer("keyring") {
        return Ok(());
    }
    match privileges::fresh_session_keyring() {
        Err(Errno::ENOSYS) => Ok(()),
        answer => answer.at(Step::Keyring),
    }
}

/// The one barrier: outside, all is ready. The end of the other side means that the supervisor is dead.
/// True if init is in a cgroup of the run's own now.
pub(super) fn wait_for_go(link: &Link) -> Done<bool> {
    match link.receive(MsgFlags::empty()).at(Step::Barrier)? {
        Some((Record::Go { in_cgroup }, _)) => Ok(in_cgroup),
        _ => Err(Failure { step: Step::Barrier, index: 0, errno: Errno::EPIPE }),
    }
}

/// cgroup_namespaces(7): rooted at the cgroup that init is in now.
pub(super) fn cgroup_namespace() -> Done {
    if without::layer("cgroup-namespace") {
        return Ok(());
    }
    unshare(CloneFlags::CLONE_NEWCGROUP).at(Step::CgroupNamespace)
}
