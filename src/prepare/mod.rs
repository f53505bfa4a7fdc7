//! Plan → Prepared: everything that allocates or can be known before the first clone.

use crate::error::Error;
use crate::layers::{capabilities, landlock, rlimits, seccomp};
use crate::plan::{Bind, BindRole, MountKind, Plan, SourcePath, subordinate};
use crate::rootfs::store::{Hold, hold};
use crate::sys::descriptor::open_resolved;
use crate::sys::memory;
use crate::without;
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open};
use nix::sys::stat::{Mode, mkdirat, umask};
use nix::sys::utsname::uname;
use nix::unistd::{SysconfVar, sysconf};
use std::ffi::{CString, OsStr};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;

/// A run that is ready to be done.
#[derive(Debug)]
pub struct Prepared<'plan> {
    /// What it was made from; the steps walk its lists.
    pub plan: &'plan Plan,
    /// For execve(2).
    pub argv: Vec<CString>,
    /// `NAME=value`
    pub envp: Vec<CString>,
    /// Paths inside, tried in order.
    pub candidates: Vec<CString>,
    /// For /proc/PID/uid_map, where no helper writes it.
    pub uid_map: String,
    /// For /proc/PID/gid_map.
    pub gid_map: String,
    /// seccomp(2), unless the policy is `off`.
    pub filter: Option<seccomp::Filter>,
    /// landlock(7), unless it is off or skipped.
    pub landlock: Option<landlock::Fence>,
    /// capabilities(7): what is dropped and what stays.
    pub capabilities: capabilities::Kept,
    /// setrlimit(2)
    pub rlimits: Vec<rlimits::Rlimit>,
    /// user.max_inotify_instances and user.max_inotify_watches: half of the caller's, whose counts the payload's are in.
    pub inotify: [String; 2],
    /// Processors that are online: so much faster than the clock can CPU time run.
    pub processors: u32,
    /// The caller's umask(2), for the payload.
    pub umask: Mode,
    /// Where this process's argv and environment lie, for init to overwrite.
    pub arguments: memory::Arguments,
    /// An imported root file system, in use.
    pub root_in_use: Option<Hold>,
    /// What the profile preferred and this host lacks, one sentence each.
    pub degraded: Vec<String>,
}

/// Makes the plan ready. Creates what the plan's `create: true` entries name; nothing else changes on the host.
pub fn prepare(plan: &Plan) -> Result<Prepared<'_>, Error> {
    let arguments = memory::find_arguments().map_err(|error| {
        Error::host(format!("/proc/self/stat cannot be read: {error}")).remedy("Mount a proc file system on /proc")
    })?;
    let release = uname().map(|name| name.release().to_string_lossy().into_owned()).unwrap_or_default();
    refuse_old(&release)?;
    let mut degraded = Vec::new();
    if plan.user.outside_uid == 0 {
        degraded.push("the command is host root for every file that it is shown (user.outside)".into());
    }
    for directory in &plan.create {
        create_directory(directory)?;
    }
    Ok(Prepared {
        plan,
        argv: plan.command.argv.iter().map(|word| c_string(word)).collect::<Result<_, _>>()?,
        envp: environment(plan)?,
        candidates: plan.command.candidates.iter().map(|path| c_string(path.as_os_str())).collect::<Result<_, _>>()?,
        uid_map: subordinate::text(&plan.user.uids),
        gid_map: subordinate::text(&plan.user.gids),
        filter: seccomp::compile(
            &plan.seccomp,
            &plan.features,
            seccomp::Cores::of(&plan.limits),
            seccomp::Arch::native(),
        )?,
        landlock: landlock::plan(plan, &mut degraded)?,
        capabilities: capabilities::Kept::new(&plan.capabilities, plan.user.has_range()),
        rlimits: rlimits::plan(&plan.limits).map_err(|errno| {
            Error::host(format!("the caller's limits cannot be read: {}", errno.desc())).step("rlimits")
        })?,
        // What every kernel allows at least.
        inotify: [half_of("instances", 128), half_of("watches", 8192)],
        processors: processors(),
        umask: current_umask(),
        arguments,
        root_in_use: plan.root.name.as_deref().map(hold).transpose()?,
        degraded,
    })
}

/// Before Linux 5.14 RLIMIT_NPROC counts the caller's other processes: getrlimit(2).
fn refuse_old(release: &str) -> Result<(), Error> {
    const OLDEST: (u32, u32) = (5, 14);
    let mut numbers = release.split(['.', '-']).map_while(|number| number.parse().ok());
    match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) if (major, minor) < OLDEST => {
            Err(Error::host(format!("this is Linux {release}, and 5.14 is the oldest that will do"))
                .remedy("Use a newer kernel"))
        }
        _ => Ok(()),
    }
}

fn environment(plan: &Plan) -> Result<Vec<CString>, Error> {
    let join = |(name, value): &(std::ffi::OsString, std::ffi::OsString)| {
        let mut entry = name.clone();
        entry.push("=");
        entry.push(value);
        c_string(&entry)
    };
    plan.environment.variables.iter().map(join).collect()
}

fn c_string(text: &OsStr) -> Result<CString, Error> {
    CString::new(text.as_bytes()).map_err(|_| {
        Error::usage(format!("{:?} holds a NUL byte, which execve cannot pass on", text.to_string_lossy()))
    })
}

fn half_of(what: &str, least: u32) -> String {
    let allowed = std::fs::read_to_string(format!("/proc/sys/user/max_inotify_{what}")).ok();
    (allowed.and_then(|allowed| allowed.trim().parse().ok()).unwrap_or(least) / 2).to_string()
}

fn processors() -> u32 {
    let online = sysconf(SysconfVar::_NPROCESSORS_ONLN).ok().flatten();
    online.and_then(|online| online.try_into().ok()).unwrap_or(1)
}

/// umask(2) can only be read by setting it; nothing else runs in this process meanwhile.
fn current_umask() -> Mode {
    let mask = umask(Mode::empty());
    umask(mask);
    mask
}

/// Opens what a bind is taken from, as far as it may be trusted: below `base` no link leads out of it.
pub fn open_source(source: &SourcePath) -> nix::Result<OwnedFd> {
    let base = open(&source.base, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())?;
    if source.below.as_os_str().is_empty() { Ok(base) } else { open_beneath(&base, &source.below) }
}

/// openat2(2) that neither leaves `base` nor follows a magic link.
fn open_beneath(base: &OwnedFd, path: &std::path::Path) -> nix::Result<OwnedFd> {
    let beneath = ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS;
    let how = OpenHow::new().flags(OFlag::O_PATH | OFlag::O_CLOEXEC).resolve(if without::layer("beneath") {
        ResolveFlag::empty()
    } else {
        beneath
    });
    open_resolved(base, path, how)
}

/// `create: true`: the last component, below a parent that is opened by the rules of a source.
fn create_directory(wanted: &crate::plan::Create) -> Result<(), Error> {
    let failed = |errno: Errno| {
        Error::host(format!("{} cannot be created: {}", wanted.path().display(), errno.desc()))
            .step("create")
            .origin(&wanted.origin)
            .path(wanted.path())
            .errno(errno)
    };
    let parent = open_source(&wanted.parent).map_err(failed)?;
    match mkdirat(&parent, wanted.name.as_os_str(), Mode::from_bits_truncate(0o755)) {
        Ok(()) | Err(Errno::EEXIST) => Ok(()),
        Err(errno) => Err(failed(errno)),
    }
}

impl Prepared<'_> {
    /// The plan's binds with their place in its list: what [`crate::inside::link::Record::Trees`] counts.
    pub fn binds(&self) -> impl Iterator<Item = (usize, &Bind)> {
        self.plan.mounts.iter().enumerate().filter_map(|(index, mount)| match &mount.kind {
            MountKind::Bind(bind) => Some((index, bind)),
            _ => None,
        })
    }

    /// The root file system, if there is one: the first of the mounts.
    pub fn root(&self) -> Option<(usize, &Bind)> {
        self.binds().next().filter(|(_, bind)| bind.role == BindRole::Root)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_before_5_14_is_refused() {
        for old in ["4.19.0-25-amd64", "5.4", "5.13.19"] {
            let error = refuse_old(old).unwrap_err().to_string();
            assert_eq!(error, format!("this is Linux {old}, and 5.14 is the oldest that will do. Use a newer kernel"));
        }
        assert!(["5.14.0-427.el9", "5.15-rc1", "6.1.0", "7.0", "odd"].into_iter().all(|new| refuse_old(new).is_ok()));
    }
}
