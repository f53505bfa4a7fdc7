//! What one who enters needs of the plan, as the run itself has it: nothing is read again from profiles, which may have changed.
//!
//! It travels in a sealed file, memfd_create(2), so that what was looked at is what is used.

use super::registry::message::{self, Misunderstood};
use crate::layers::{capabilities, rlimits, seccomp};
use crate::plan::{Entered, Plan, TerminalMode, User};
use crate::prepare::Prepared;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::stat::Mode;
use nix::unistd::{getgroups, write};
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

/// One of a filter: code, jt, jf and k of bpf(4)'s form.
type Instruction = (u16, u8, u8, u32);

/// Longer than any: an environment has at most some megabytes, execve(2).
const LONGEST: u64 = 64 << 20;

/// The value. A change of it is a new [`message::FORMAT`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pass {
    user: User,
    /// The supplementary groups of the run: who enters may have no others.
    groups: Vec<u32>,
    /// For messages; the directory itself comes as a descriptor.
    workdir: OsString,
    environment: Vec<(OsString, OsString)>,
    umask: u32,
    filter: Option<(Vec<Instruction>, usize)>,
    capabilities: Vec<String>,
    rlimits: Vec<rlimits::Rlimit>,
    terminal: TerminalMode,
}

impl Pass {
    /// Of a run.
    pub(super) fn of(prepared: &Prepared) -> nix::Result<Self> {
        let plan = prepared.plan;
        let instruction = |i: &seccompiler::sock_filter| (i.code, i.jt, i.jf, i.k);
        Ok(Pass {
            user: plan.user.clone(),
            groups: own_groups()?,
            workdir: plan.workdir.clone().into(),
            environment: plan.environment.variables.clone(),
            umask: prepared.umask.bits(),
            filter: prepared
                .filter
                .as_ref()
                .map(|filter| (filter.program.iter().map(instruction).collect(), filter.allowed)),
            capabilities: plan.capabilities.iter().map(ToString::to_string).collect(),
            // The caller's own limits as well: who enters may have higher ones.
            rlimits: rlimits::inherited()?.into_iter().chain(prepared.rlimits.iter().copied()).collect(),
            terminal: plan.terminal,
        })
    }

    /// In a file that nobody can change any more.
    pub(super) fn seal(&self) -> nix::Result<OwnedFd> {
        let file = memfd_create("sandbox-pass", MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?;
        let text = message::encode(self);
        let mut rest = text.as_slice();
        while !rest.is_empty() {
            let written = write(&file, rest)?;
            rest = rest.get(written..).unwrap_or_default();
        }
        fcntl(&file, FcntlArg::F_ADD_SEALS(all_seals()))?;
        Ok(file)
    }

    /// Out of such a file.
    ///
    /// # Errors
    /// It is not sealed, or of another version of this program.
    pub fn read(file: OwnedFd) -> Result<Self, Misunderstood> {
        let seals = fcntl(&file, FcntlArg::F_GET_SEALS).map(SealFlag::from_bits_retain);
        if !seals.is_ok_and(|seals| seals.contains(all_seals())) {
            return Err(Misunderstood::Nonsense);
        }
        let mut text = Vec::new();
        let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
        // Opened anew, the offset is at the beginning.
        let opened = std::fs::File::open(path).map_err(|_| Misunderstood::Nonsense)?;
        opened.take(LONGEST).read_to_end(&mut text).map_err(|_| Misunderstood::Nonsense)?;
        message::decode(&text)
    }

    /// Groups of this process that the run has not; under host root, and with a range of ids, all are given up.
    pub fn groups_too_many(&self) -> nix::Result<Vec<u32>> {
        if self.user.mapped_by_root || self.user.has_range() {
            return Ok(Vec::new());
        }
        Ok(own_groups()?.into_iter().filter(|group| !self.groups.contains(group)).collect())
    }

    /// The value of a variable inside.
    pub fn variable(&self, name: &str) -> Option<&OsString> {
        self.environment.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// The plan of the command that enters.
    pub fn plan(&self, argv: Vec<OsString>) -> Result<Plan, Misunderstood> {
        let capabilities = self.capabilities.iter().map(|name| name.parse().map_err(|_| Misunderstood::Nonsense));
        Ok(Plan::of_entered(Entered {
            argv,
            workdir: PathBuf::from(&self.workdir),
            user: self.user.clone(),
            variables: self.environment.clone(),
            capabilities: capabilities.collect::<Result<_, _>>()?,
            terminal: self.terminal,
        }))
    }

    /// The run's own layers, instead of those that this process would make.
    pub fn apply(&self, prepared: &mut Prepared) {
        let instruction = |&(code, jt, jf, k): &Instruction| seccompiler::sock_filter { code, jt, jf, k };
        prepared.filter = self.filter.as_ref().map(|(program, allowed)| seccomp::Filter {
            program: program.iter().map(instruction).collect(),
            allowed: *allowed,
        });
        prepared.rlimits = self.rlimits.iter().map(|limit| limit.within_own()).collect();
        prepared.umask = Mode::from_bits_truncate(self.umask);
        prepared.capabilities = capabilities::Kept::new(&prepared.plan.capabilities, self.user.has_range());
    }
}

fn all_seals() -> SealFlag {
    SealFlag::F_SEAL_SEAL | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_WRITE
}

/// getgroups(2), and the group of this process itself.
fn own_groups() -> Result<Vec<u32>, Errno> {
    let own = nix::unistd::getegid().as_raw();
    Ok(getgroups()?.iter().map(|group| group.as_raw()).chain([own]).collect())
}
