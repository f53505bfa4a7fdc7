//! The host's side of a bind: opened once, here in the new mount namespace, and cloned as a detached tree.

use super::Init;
use super::link::{Link, Record};
use super::step::{At, Done, Failure, Step};
use crate::plan::{Bind, BindRole};
use crate::prepare::open_source;
use crate::sys::mount::{self, attr};
use crate::without;
use nix::errno::Errno;
use nix::fcntl::AT_FDCWD;
use nix::mount::{MsFlags, mount as mount_old};
use nix::sys::socket::MsgFlags;
use std::collections::VecDeque;
use std::os::fd::OwnedFd;

/// Hands out the trees of the plan's binds, in the plan's order.
pub(super) enum Sources<'run> {
    /// Opened here.
    Own,
    /// Made by the supervisor under host root, id-mapped, and received a batch at a time.
    Received(&'run Link, VecDeque<OwnedFd>),
}

impl<'run> Sources<'run> {
    /// Cuts this mount namespace off first: a mount that the host makes later must not appear inside.
    pub(super) fn new(init: &'run Init) -> Done<Self> {
        let none = None::<&str>;
        let cut_off = if without::layer("private-mounts") { MsFlags::MS_SLAVE } else { MsFlags::MS_PRIVATE };
        mount_old(none, "/", none, MsFlags::MS_REC | cut_off, none).at(Step::PrivatePropagation)?;
        Ok(match init.prepared.plan.user.mapped_by_root {
            true => Sources::Received(&init.link, VecDeque::new()),
            false => Sources::Own,
        })
    }

    /// The tree of one bind, its flags set before anything can see it.
    pub(super) fn clone_tree(&mut self, bind: &Bind, index: usize) -> Done<OwnedFd> {
        let tree = match self {
            Sources::Own => open_tree(bind).at_entry(Step::OpenSource, index)?,
            Sources::Received(link, trees) => {
                if trees.is_empty() {
                    *trees = receive(link).at_entry(Step::OpenSource, index)?;
                }
                let none = Failure { step: Step::OpenSource, index: index as u32, errno: Errno::EPIPE };
                trees.pop_front().ok_or(none)?
            }
        };
        mount::restrict_tree(&tree, c"", attributes(bind)).at_entry(Step::Mount, index)?;
        Ok(tree)
    }
}

fn receive(link: &Link) -> nix::Result<VecDeque<OwnedFd>> {
    match link.receive(MsgFlags::empty())? {
        Some((Record::Trees, trees)) => Ok(trees.into()),
        _ => Err(Errno::EPIPE),
    }
}

/// A detached copy of what the bind is taken from; also used by the supervisor under host root.
pub fn open_tree(bind: &Bind) -> nix::Result<OwnedFd> {
    match bind.source.below.as_os_str().is_empty() {
        true => mount::clone_tree(AT_FDCWD, &bind.source.base),
        false => mount::clone_tree(open_source(&bind.source)?, c""),
    }
}

/// Recursive: a mount below the source is no way around them.
fn attributes(bind: &Bind) -> u64 {
    let role = match bind.role {
        BindRole::Tree | BindRole::Pin | BindRole::Root => attr::NOSUID | attr::NODEV,
        BindRole::Device => attr::NOSUID | attr::NOEXEC,
        BindRole::Socket => attr::NOSUID | attr::NODEV | attr::NOEXEC,
    };
    // A device is written through a read-only mount too; its mode, owner and times are not.
    let writable = if bind.writable && bind.role != BindRole::Device { 0 } else { attr::RDONLY };
    let left_out = [("nosuid", attr::NOSUID), ("nodev", attr::NODEV), ("read-only", attr::RDONLY)];
    let left_out = left_out.into_iter().filter(|(layer, _)| without::layer(layer)).fold(0, |all, (_, flag)| all | flag);
    (role | writable | if bind.noexec { attr::NOEXEC } else { 0 }) & !left_out
}
