//! The system call filter: from the plan to one BPF program, seccomp(2).
//!
//! Installed once, in init, before the command's process exists. Its answers are ALLOW, an errno, or (with
//! `on_deny: kill`) the end of the process: that replaces each EPERM, each refused argument and each call of a foreign
//! architecture, but no ENOSYS, which libraries ask for at start-up and then do without. One thing is answered with success and not
//! done: changing RLIMIT_CORE.

pub mod arguments;
#[cfg(test)]
mod installed;
#[cfg(test)]
mod interpreter;
pub mod policy;
pub mod syscalls;
#[cfg(test)]
mod tests;
mod tree;
mod words;

use crate::error::Error;
use crate::plan::{Features, Limits, OnDeny, Seccomp, SeccompPolicy};
use arguments::Rule;
use nix::libc;
use policy::{NEEDED, POLICY, Verdict};
use seccompiler::{BpfProgram, SeccompAction};

/// An architecture with a table of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Arch {
    X86_64,
    Aarch64,
}

impl Arch {
    /// The one this binary is for.
    pub const fn native() -> Arch {
        #[cfg(target_arch = "x86_64")]
        return Arch::X86_64;
        #[cfg(target_arch = "aarch64")]
        return Arch::Aarch64;
    }

    /// `AUDIT_ARCH_*` of linux/audit.h: the ELF machine, 64 bits, little-endian.
    const fn audit(self) -> u32 {
        match self {
            Arch::X86_64 => 0xC000_003E,
            Arch::Aarch64 => 0xC000_00B7,
        }
    }
}

/// Whether the limits let cores be written: then the command may change that as it likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Cores {
    None,
    Written,
}

impl Cores {
    /// By `limits.core`.
    pub fn of(limits: &Limits) -> Cores {
        if limits.core == 0 { Cores::None } else { Cores::Written }
    }
}

/// x32 calls have this bit in their number (and the architecture of x86_64).
const X32: u32 = 0x4000_0000;

/// A compiled filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// For `seccompiler::apply_filter`, which also sets no_new_privs; far below the kernel's 4096 instructions.
    pub program: BpfProgram,
    /// How many calls it lets through, some by their arguments: drift must be visible.
    pub allowed: usize,
}

/// Compiles the plan's filter; none with `policy: off`.
///
/// # Errors
/// A name that is no system call, a denied one that the sandbox itself needs (both the profile's fault).
pub fn compile(seccomp: &Seccomp, features: &Features, cores: Cores, arch: Arch) -> Result<Option<Filter>, Error> {
    if seccomp.policy == SeccompPolicy::Off {
        return Ok(None);
    }
    let (mut ranges, mut next, mut allowed) = (Vec::new(), 0, 0);
    for (call, verdict) in syscalls::calls(arch).iter().zip(verdicts(seccomp, features, cores, arch)?) {
        let number = call.number.into();
        if number > next {
            ranges.push((next, Verdict::Absent));
        }
        allowed += usize::from(matches!(verdict, Verdict::Allow | Verdict::Check(_)));
        ranges.push((number, verdict));
        next = number + 1;
    }
    ranges.push((next, Verdict::Absent));
    ranges.dedup_by_key(|range| range.1);

    let mut ranges: Vec<_> =
        ranges.into_iter().map(|(start, verdict)| (start, leaf(verdict, seccomp.on_deny))).collect();
    let foreign = denied(libc::ENOSYS, seccomp.on_deny);
    if arch == Arch::X86_64 {
        let absent = leaf(Verdict::Absent, seccomp.on_deny);
        ranges.extend([(X32, vec![tree::answer(foreign.clone())]), (X32 << 1, absent)]);
    }
    let program = tree::program(arch.audit(), foreign, &ranges);
    Ok(Some(Filter { program, allowed }))
}

/// The answer to each call of the architecture: the policy's, then `allow`, then `deny`.
fn verdicts(seccomp: &Seccomp, features: &Features, cores: Cores, arch: Arch) -> Result<Vec<Verdict>, Error> {
    let strict = seccomp.policy == SeccompPolicy::Strict;
    let of_groups = POLICY.iter().map(|group| match (group.verdict(strict, features), cores) {
        (Verdict::Check(Rule::KeepCoreLimit), Cores::Written) => Verdict::Allow,
        (Verdict::Check(Rule::KeepCoreLimitNotInit), Cores::Written) => Verdict::Check(Rule::NotInit),
        (verdict, _) => verdict,
    });
    let of_groups: Vec<_> = of_groups.collect();
    let mut verdicts: Vec<_> = syscalls::calls(arch).iter().map(|call| of_groups[usize::from(call.group)]).collect();
    for (names, verdict) in [(&seccomp.allow, Verdict::Allow), (&seccomp.deny, Verdict::Refuse)] {
        for name in names {
            match syscalls::table(arch).position(|(_, known)| known == name) {
                Some(call) => verdicts[call] = verdict,
                // A call of another architecture alone.
                None if syscalls::exists(name) => {}
                None => return Err(unknown(name)),
            }
        }
    }
    match seccomp.deny.iter().find(|denied| NEEDED.split_ascii_whitespace().any(|needed| needed == *denied)) {
        Some(name) => {
            Err(Error::profile(format!("seccomp.deny names {name}, which the sandbox needs to run a command"))
                .remedy(format!("Take {name} off the list")))
        }
        None => Ok(verdicts),
    }
}

fn unknown(name: &str) -> Error {
    let error = Error::profile(format!("there is no system call named {name:?}"));
    match syscalls::nearest(name) {
        Some(nearest) => error.remedy(format!("Did you mean {nearest:?}?")),
        None => error.remedy("syscalls(2) lists them"),
    }
}

fn leaf(verdict: Verdict, on_deny: OnDeny) -> BpfProgram {
    match verdict {
        Verdict::Allow => vec![tree::answer(SeccompAction::Allow)],
        Verdict::Refuse => vec![tree::answer(denied(libc::EPERM, on_deny))],
        Verdict::Absent => vec![tree::answer(SeccompAction::Errno(libc::ENOSYS as u32))],
        Verdict::Check(rule) => rule.compile(denied(rule.errno(), on_deny)),
    }
}

fn denied(errno: i32, on_deny: OnDeny) -> SeccompAction {
    match on_deny {
        OnDeny::Errno => SeccompAction::Errno(errno as u32),
        OnDeny::Kill => SeccompAction::KillProcess,
    }
}
