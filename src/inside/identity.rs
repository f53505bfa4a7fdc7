//! Who init is: its ids, its tie to the supervisor, its privacy.

use super::Init;
use super::link::Record;
use super::step::{At, Done, Failure, Step};
use crate::plan::User;
use crate::prepare::Prepared;
use crate::sys::{memory, process};
use crate::without;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::prctl;
use nix::sys::socket::MsgFlags;
use nix::sys::stat::Mode;
use nix::unistd::{Gid, Uid, setgroups, setresgid, setresuid, write};

/// user_namespaces(7): one id inside for one outside.
///
/// An unprivileged process may map only itself, and must give up setgroups(2) first. Under host root the supervisor has mapped another
/// id, which init then becomes; a range of ids was mapped by helpers. In both cases setgroups(2) is there, for the caller's groups to go.
pub(super) fn take_ids(init: &Init) -> Done {
    let prepared = init.prepared;
    let user = &prepared.plan.user;
    if !user.mapped_by_root && !user.has_range() {
        write_proc("/proc/self/setgroups", "deny").at(Step::IdMaps)?;
        write_proc("/proc/self/uid_map", &prepared.uid_map).at(Step::IdMaps)?;
        return write_proc("/proc/self/gid_map", &prepared.gid_map).at(Step::IdMaps);
    }
    match init.link.receive(MsgFlags::empty()).at(Step::IdMaps)? {
        Some((Record::Mapped, _)) => {}
        _ => return Err(Failure { step: Step::IdMaps, index: 0, errno: Errno::EPIPE }),
    }
    become_user(user)
}

/// The ids inside, from those of a caller who may have others: setresuid(2). With one id an ordinary user cannot give up groups, nor
/// has he others than the run: that is looked at before.
pub(super) fn become_user(user: &User) -> Done {
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    if (user.mapped_by_root || user.has_range()) && !without::layer("groups") {
        setgroups(&[]).at(Step::IdMaps)?;
    }
    setresgid(gid, gid, gid).at(Step::IdMaps)?;
    setresuid(uid, uid, uid).at(Step::IdMaps)
}

fn write_proc(path: &str, text: &str) -> nix::Result<()> {
    let file = open(path, OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty())?;
    write(&file, text.as_bytes()).map(drop)
}

/// If the supervisor dies, so does init, and with PID 1 everything inside. After the last change of ids.
pub(super) fn tie_to_supervisor(init: &Init) -> Done {
    process::tie_to(&init.supervisor).at(Step::TieToSupervisor)
}

/// Out of the payload's reach before there is one: not dumpable (ptrace(2), /proc/1/mem, its descriptors and environment),
/// and its command line, which dumpable does not cover, overwritten. No new privileges, for init and all that it becomes.
pub(super) fn hide_init(prepared: &Prepared) -> Done {
    spare_nobody().at(Step::HideInit)?;
    // Said either way: under host root the change of ids has made it so already.
    prctl::set_dumpable(without::layer("dumpable")).at(Step::HideInit)?;
    if !without::layer("no-new-privs") {
        prctl::set_no_new_privs().at(Step::HideInit)?;
    }
    if !without::layer("erase") {
        memory::erase(prepared.arguments);
    }
    Ok(())
}

/// A caller whom the OOM killer spares (oom_score_adj below 0: proc_pid_oom_score_adj(5)) hands that on: the payload would be unkillable
/// at its own limit, and others would go before it.
fn spare_nobody() -> nix::Result<()> {
    let path = "/proc/self/oom_score_adj";
    match std::fs::read_to_string(path) {
        Ok(adjustment) if adjustment.starts_with('-') => write_proc(path, "0"),
        _ => Ok(()),
    }
}
