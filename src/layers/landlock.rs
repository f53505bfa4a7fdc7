//! landlock(7): a second fence under the mounts, in the payload only.
//!
//! Rules add rights and are found by walking up the tree inside, so one on `/` lets everything be read that the mounts show, and
//! one on each writable tree lets it be written. What is narrower (read-only inside writable, covers) the mounts enforce. What the
//! fence adds: a descriptor or mount that leads out of the tree inside has no rule above it, and so no right. TCP is left
//! to the network namespace: a rule names one port, and the sandbox's own loopback needs them all.

use crate::error::Error;
use crate::plan::{self, BindRole, Enforcement, MountKind, Plan, RootWritable};
use crate::sys::privileges;
use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, Scope,
};
use nix::errno::Errno;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// Before ABI 2 (Linux 5.19) a rename or link into another directory cannot be granted: builds break.
const LEAST_ABI: u32 = 2;

/// The newest ABI whose rights are planned here.
const NEWEST_ABI: u32 = 7;

/// What will be enforced.
#[derive(Debug, Clone)]
pub struct Fence {
    /// The ABI whose rights are handled.
    pub abi: u32,
    rules: Vec<(PathBuf, BitFlags<AccessFs>)>,
}

/// The fence of a plan on this kernel; none where it is off, or preferred and absent.
pub fn plan(plan: &Plan, degraded: &mut Vec<String>) -> Result<Option<Fence>, Error> {
    let wanted = &plan.landlock;
    if wanted.mode == Enforcement::Off {
        return unfenced(plan);
    }
    let kernel = privileges::landlock_abi();
    let least = wanted.min_abi.max(LEAST_ABI);
    // However new the kernel is: what is not planned here is not enforced.
    if kernel.min(NEWEST_ABI) < least {
        let (lack, remedy) = match kernel < least {
            true => (
                format!("this kernel has Landlock ABI {kernel}, and {least} is asked for (landlock)"),
                "Use a newer kernel with landlock in its list of security modules, or say --landlock prefer",
            ),
            false => (
                format!("this program knows Landlock up to ABI {NEWEST_ABI}, and {least} is asked for (landlock)"),
                "Lower landlock.min_abi, or say --landlock prefer",
            ),
        };
        if wanted.mode == Enforcement::Require {
            return Err(Error::host(lack).step("landlock").remedy(remedy));
        }
        degraded.push(lack);
    }
    match kernel >= LEAST_ABI {
        true => Ok(Some(Fence { abi: kernel.min(NEWEST_ABI), rules: rules(plan, abi(kernel)) })),
        false => unfenced(plan),
    }
}

/// In a mount namespace of its own the command can get rid of a mount point's file: there it is none, and the kernel then takes our
/// mount off it. Landlock keeps it from making such a namespace's mounts.
fn unfenced(plan: &Plan) -> Result<Option<Fence>, Error> {
    match plan.carve_out().filter(|_| plan.features.userns) {
        None => Ok(None),
        Some(carved) => Err(Error::host(format!(
            "{} is protected inside a writable tree, and features.userns lets the command undo that where Landlock is not in force",
            carved.at.display()
        ))
        .step("landlock")
        .origin(&carved.origin)
        .path(&carved.at)
        .remedy("Turn Landlock on (it needs Linux 5.19), or features.userns off, or make the tree around it read-only")),
    }
}

fn abi(kernel: u32) -> ABI {
    ABI::from(kernel.min(NEWEST_ABI) as i32)
}

fn rules(plan: &Plan, abi: ABI) -> Vec<(PathBuf, BitFlags<AccessFs>)> {
    let all = AccessFs::from_all(abi);
    let device = AccessFs::from_file(abi) & !AccessFs::Execute;
    let mut rules = vec![(PathBuf::from("/"), AccessFs::from_read(abi))];
    // Devices and terminals are written and asked by ioctl(2); files of /proc/self are written, by shells with O_TRUNC.
    rules.extend(["/dev", "/proc"].map(|path| (PathBuf::from(path), device)));
    if matches!(plan.root.writable, Some(RootWritable::Tmpfs | RootWritable::Persistent)) {
        rules.push((PathBuf::from("/"), all));
    }
    for mount in &plan.mounts {
        match &mount.kind {
            MountKind::Tmpfs(_) => rules.push((mount.at.clone(), all)),
            MountKind::Bind(plan::Bind { writable: true, role: BindRole::Tree, directory, .. }) => {
                rules.push((mount.at.clone(), if *directory { all } else { AccessFs::from_file(abi) }));
            }
            _ => {}
        }
    }
    rules
}

/// The kernel's form of it, of the files that are there now. Every right that is planned must be in it, or nothing runs.
pub fn ruleset(fence: Option<&Fence>) -> Result<Option<OwnedFd>, Errno> {
    let errno = |()| match Errno::last() {
        Errno::UnknownErrno => Errno::EINVAL,
        errno => errno,
    };
    fence.map(|fence| create(fence).map_err(errno)).transpose()
}

/// Enforces it on this process and what it becomes.
pub fn restrict(ruleset: Option<&OwnedFd>) -> Result<(), Errno> {
    ruleset.map_or(Ok(()), privileges::landlock_restrict_self)
}

fn create(fence: &Fence) -> Result<OwnedFd, ()> {
    let abi = abi(fence.abi);
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(abi))
        .map_err(drop)?;
    let scopes = Scope::from_all(abi);
    if !scopes.is_empty() {
        ruleset = ruleset.scope(scopes).map_err(drop)?;
    }
    let mut created = ruleset.create().map_err(drop)?;
    for (path, rights) in &fence.rules {
        let rule = PathBeneath::new(open(path)?, *rights);
        created = created.add_rule(rule).map_err(drop)?;
    }
    Option::<OwnedFd>::from(created).ok_or(())
}

fn open(path: &Path) -> Result<PathFd, ()> {
    PathFd::new(path).map_err(drop)
}
