//! Started by host root: the supervisor maps another id, and opens for it what only root may open.
//!
//! The payload is not host uid 0, whose ownership alone opens /etc/shadow and /proc/sys. What it is given is id-mapped, so that
//! root's files are its own and what it makes belongs to root: mount_setattr(2), MOUNT_ATTR_IDMAP.

use super::launch::Launched;
use super::why;
use crate::error::Error;
use crate::inside::link::{BATCH, Link, Record};
use crate::inside::open_tree;
use crate::inside::step::{Failure, Step};
use crate::plan::{User, subordinate};
use crate::prepare::Prepared;
use crate::sys::mount;
use crate::sys::process::{self, Cloned};
use nix::errno::Errno;
use nix::fcntl::AT_FDCWD;
use nix::libc;
use nix::sys::signal::Signal;
use nix::unistd::{Gid, Pid, Uid, fchown};
use std::fs;
use std::os::fd::{AsFd, OwnedFd};

/// The payload's pipes become its own: it may open them again, as /dev/stdout.
pub(super) fn give(ends: &[Option<OwnedFd>], user: &User) -> nix::Result<()> {
    let (uid, gid) = (Uid::from_raw(user.outside_uid), Gid::from_raw(user.outside_gid));
    let pipes = ends.iter().flatten().filter(|_| user.mapped_by_root);
    pipes.into_iter().try_for_each(|pipe| fchown(pipe, Some(uid), Some(gid)))
}

/// Writes init's id maps, then sends it the trees of the plan's binds.
pub(super) fn provide(prepared: &Prepared, init: &Launched) -> Result<(), Error> {
    let maps = write_maps(init.pid, &prepared.uid_map, &prepared.gid_map).and_then(|()| {
        init.link.send(Record::Mapped, &[]).map_err(|errno| std::io::Error::from_raw_os_error(errno as i32))
    });
    maps.map_err(|error| {
        let errno = Errno::from_raw(error.raw_os_error().unwrap_or(0));
        why::step_failed(Failure { step: Step::IdMaps, index: 0, errno }, prepared)
    })?;
    let userns = match prepared.binds().any(|(_, bind)| bind.id_mapped) {
        true => Some(root_userns(prepared)?),
        false => None,
    };
    send_trees(prepared, &init.link, userns.as_ref())
}

fn write_maps(pid: Pid, uid_map: &str, gid_map: &str) -> std::io::Result<()> {
    #[cfg(feature = "faults")]
    crate::faults::fail("write-maps")?;
    fs::write(format!("/proc/{pid}/uid_map"), uid_map)?;
    fs::write(format!("/proc/{pid}/gid_map"), gid_map)
}

fn send_trees(prepared: &Prepared, link: &Link, userns: Option<&OwnedFd>) -> Result<(), Error> {
    let binds: Vec<_> = prepared.binds().collect();
    let may_be_gone =
        |index: usize| prepared.plan.mounts.get(index).is_some_and(|mount| prepared.plan.may_be_gone(mount));
    for batch in binds.chunks(BATCH) {
        let mut trees = Vec::with_capacity(batch.len());
        for (index, bind) in batch {
            let failed = |step| move |errno| why::step_failed(Failure { step, index: *index as u32, errno }, prepared);
            let tree = match open_tree(bind) {
                // Init cannot mount this in its place either, and goes on.
                Err(Errno::ENOENT) if may_be_gone(*index) => mount::clone_tree(AT_FDCWD, "/dev/null"),
                Ok(tree) => match userns.filter(|_| bind.id_mapped) {
                    Some(userns) => {
                        mount::map_ids(&tree, userns).map_err(failed(Step::IdMaps))?;
                        Ok(tree)
                    }
                    None => Ok(tree),
                },
                failed => failed,
            };
            let tree = tree.map_err(failed(Step::OpenSource))?;
            trees.push(tree);
        }
        let borrowed: Vec<_> = trees.iter().map(AsFd::as_fd).collect();
        if link.send(Record::Trees, &borrowed).is_err() {
            // Init is gone; its own record says why.
            return Ok(());
        }
    }
    Ok(())
}

/// A user namespace whose id 0 is the payload's id outside, whatever its id inside, with the range of the run after it: id-mapped
/// mounts translate through it.
fn root_userns(prepared: &Prepared) -> Result<OwnedFd, Error> {
    let user = &prepared.plan.user;
    let uids = subordinate::text(&subordinate::with_own_first(&user.uids, user.outside_uid));
    let gids = subordinate::text(&subordinate::with_own_first(&user.gids, user.outside_gid));
    let failed = |errno| why::clone_failed(errno);
    let parent = process::pidfd_open(nix::unistd::getpid()).map_err(failed)?;
    match process::clone_into(libc::CLONE_NEWUSER).map_err(failed)? {
        Cloned::Child => process::wait_to_be_killed(&parent),
        Cloned::Parent(pid, pidfd) => {
            let maps = write_maps(pid, &uids, &gids);
            let userns = maps.and_then(|()| fs::File::open(format!("/proc/{pid}/ns/user")));
            let _ = process::pidfd_send_signal(&pidfd, Signal::SIGKILL);
            process::wait_with_usage(pid).map_err(failed)?;
            userns.map(OwnedFd::from).map_err(|error| failed(Errno::from_raw(error.raw_os_error().unwrap_or(0))))
        }
    }
}
