//! The run's own cgroup: made, limited, joined, read and removed.
//!
//! Two levels. The limits are on the upper one; the payload is in the lower one, where its cgroup namespace has its root, so that
//! no limit is within its sight, even if it could mount cgroup2.

use super::Lack;
use super::files::{all_keyed, get, keyed, number, open_child, put, words};
use crate::host::outcome::CgroupFigures;
use crate::plan::{Limits, Plan};
use nix::errno::Errno;
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{Pid, UnlinkatFlags, unlinkat};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// The period of cpu.max, microseconds: the kernel's own default.
const PERIOD: u64 = 100_000;
/// A run's upper cgroup begins with this.
pub(super) const RUN: &str = "sandbox-";
const LOWER: &str = "payload";
/// The two modes of CPU time in cpu.stat.
pub(super) const MODES: [&str; 2] = ["user_usec", "system_usec"];
/// What to do about a cgroup that refuses what its owner may do.
pub(super) const LOOK: &str = "Look at /proc/self/cgroup and at who may write there";
/// PIDS_MAX of the kernel: pids.max takes no number from here on.
const PIDS_MAX: u64 = 1 << 22;

/// A run's cgroup. Dropped, all in it is dead and it is gone.
#[derive(Debug)]
pub(super) struct RunCgroup {
    layer: &'static str,
    parent: OwnedFd,
    name: String,
    upper: OwnedFd,
    lower: OwnedFd,
    /// CPU time, of each mode, that was init's set-up and not the payload's: microseconds.
    set_up: [u64; 2],
}

/// Out of the scope's own cgroup, which may hold no process if its children are to have controllers.
pub(super) fn keep_apart(scope: &OwnedFd, processes: &[Pid]) -> Result<(), Lack> {
    let moved = make_directory(scope, "outside")
        .and_then(|outside| processes.iter().try_for_each(|pid| put(&outside, "cgroup.procs", &pid.to_string())));
    moved.map_err(|errno| failed("the scope's processes cannot be moved", errno))
}

/// The controllers that the plan's limits need.
pub(super) fn controllers(plan: &Plan) -> Vec<&'static str> {
    let mut needed: Vec<_> = plan.cgroup.needed_by.iter().map(|need| need.controller).collect();
    if plan.limits.pids.is_some() {
        needed.push("pids");
    }
    needed.sort_unstable();
    needed.dedup();
    needed
}

impl RunCgroup {
    /// Makes it below `parent`, writes the limits, reads them back, and moves init in.
    pub(super) fn make(parent: &OwnedFd, layer: &'static str, plan: &Plan, init: Pid) -> Result<Self, Lack> {
        let needed = controllers(plan);
        has_all(parent, &needed, |errno| failed("its controllers cannot be read", errno))?;
        enable_patiently(parent, &needed).map_err(|errno| failed("its controllers cannot be enabled", errno))?;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        // Runs in two PID namespaces may share the parent, and have the same pids.
        let name = format!("{RUN}{init}-{:x}", now.as_nanos());
        let lack = |errno| failed("a directory cannot be made in it", errno);
        let upper = make_directory(parent, &name).map_err(lack)?;
        let parent = parent.try_clone().map_err(|_| failed("its descriptor cannot be copied", Errno::EMFILE))?;
        let lower = make_directory(&upper, LOWER).map_err(|errno| {
            let _ = unlinkat(&parent, name.as_str(), UnlinkatFlags::RemoveDir);
            lack(errno)
        })?;
        // From here on a failure takes the directories away again.
        let cgroup = RunCgroup { layer, parent, name, upper, lower, set_up: [0; 2] };
        cgroup.limit(&plan.limits)?;
        put(&cgroup.lower, "cgroup.procs", &init.to_string()).map_err(|errno| failed("init cannot join it", errno))?;
        Ok(cgroup)
    }

    fn limit(&self, limits: &Limits) -> Result<(), Lack> {
        // No cgroup below the payload's own, whatever it manages to mount.
        self.set("cgroup.max.descendants", "1")?;
        if let Some(pids) = limits.pids {
            // One more for init. The lower level has the controller too, as Linux before 6.11 counts there what was refused.
            let most = pids.saturating_add(1);
            self.set("pids.max", &if most < PIDS_MAX { most.to_string() } else { "max".into() })?;
            enable(&self.upper, &["pids"]).map_err(|errno| failed("pids cannot be enabled", errno))?;
        }
        if let Some(memory) = limits.memory {
            self.set("memory.max", &whole_pages(memory))?;
            // All of the run or nothing of it: what the OOM killer leaves over is of no use.
            self.set("memory.oom.group", "1")?;
        }
        if let Some(swap) = limits.swap {
            // A kernel without swap accounting has no such file: fine as long as there is nothing to account.
            if host_has_swap() || get(&self.upper, "memory.swap.max") != Err(Errno::ENOENT) {
                self.set("memory.swap.max", &whole_pages(swap))?;
            }
        }
        if let Some(thousandths) = limits.cpus {
            self.set("cpu.max", &format!("{} {PERIOD}", thousandths.saturating_mul(PERIOD / 1000)))?;
        }
        if let Some(weight) = limits.cpu_weight {
            self.set("cpu.weight", &weight.to_string())?;
        }
        if let Some(weight) = limits.io_weight {
            self.weigh_io(weight)?;
        }
        Ok(())
    }

    /// Writes a limit and reads it back: what counts is what the kernel made of it.
    fn set(&self, file: &str, value: &str) -> Result<(), Lack> {
        let written = put(&self.upper, file, value).and_then(|()| get(&self.upper, file));
        match written {
            Ok(read) if read.trim() == value => Ok(()),
            Ok(read) => {
                Err(Lack::new(format!("{file} was set to {value} and is {}", read.trim()), "Choose another value"))
            }
            Err(errno @ (Errno::EINVAL | Errno::ERANGE)) => {
                Err(Lack::new(format!("{file} does not take {value} ({})", errno.desc()), "Choose another value"))
            }
            Err(errno) => Err(failed(&format!("{file} cannot be set to {value}"), errno)),
        }
    }

    /// io.cost's and BFQ's, whichever the host's disks go by. The range of the latter ends at 1000.
    fn weigh_io(&self, weight: u64) -> Result<(), Lack> {
        let bfq = if weight <= 100 { weight } else { 100 + (weight - 100) / 11 };
        let mut weighed = false;
        for (file, value) in [("io.weight", weight), ("io.bfq.weight", bfq)] {
            let value = format!("default {value}");
            match put(&self.upper, file, &value).and_then(|()| get(&self.upper, file)) {
                Err(Errno::ENOENT) => {}
                Ok(read) if read.lines().any(|line| line == value) => weighed = true,
                Ok(_) => return Err(failed(&format!("{file} did not take {value}"), Errno::EINVAL)),
                Err(errno) => return Err(failed(&format!("{file} cannot be set"), errno)),
            }
        }
        if weighed {
            return Ok(());
        }
        Err(Lack::new("this kernel weighs no I/O: it has neither io.cost nor BFQ", "Take limits.io_weight out"))
    }

    pub(super) fn layer(&self) -> &'static str {
        self.layer
    }

    /// The upper level, and what [`RunCgroup::begin`] found.
    pub(super) fn limited(&self) -> (BorrowedFd<'_>, [u64; 2]) {
        (self.upper.as_fd(), self.set_up)
    }

    /// The lower level.
    pub(super) fn joined(&self) -> BorrowedFd<'_> {
        self.lower.as_fd()
    }

    /// From here on CPU time is the payload's.
    pub(super) fn begin(&mut self) {
        self.set_up = all_keyed(&self.upper, "cpu.stat", MODES).map(|used| used.unwrap_or(0));
    }

    /// cpu.stat: user and system time since then, microseconds.
    fn cpu_times_us(&self) -> [Option<u64>; 2] {
        let [user, system] = all_keyed(&self.upper, "cpu.stat", MODES);
        let since = |used: Option<u64>, set_up| used.map(|used| used.saturating_sub(set_up));
        [since(user, self.set_up[0]), since(system, self.set_up[1])]
    }

    /// The two together.
    pub(super) fn cpu_time_us(&self) -> Option<u64> {
        let [user, system] = self.cpu_times_us();
        Some(user? + system?)
    }

    /// memory.events: processes that the OOM killer took.
    fn oom_kills(&self) -> Option<u64> {
        keyed(&self.upper, "memory.events", "oom_kill")
    }

    /// Did it take one?
    pub(super) fn is_out_of_memory(&self) -> bool {
        self.oom_kills().is_some_and(|kills| kills > 0)
    }

    /// Was this cgroup full, and not one above it, or the host?
    pub(super) fn has_reached_its_memory(&self) -> bool {
        keyed(&self.upper, "memory.events", "oom").is_some_and(|full| full > 0)
    }

    /// cgroup.kill
    pub(super) fn kill(&self) {
        // A kernel before 5.14 has no such file; init's end takes all with it there too.
        let _ = put(&self.upper, "cgroup.kill", "1");
    }

    /// What it used.
    pub(super) fn figures(&self) -> CgroupFigures {
        let [user_time_us, system_time_us] = self.cpu_times_us();
        CgroupFigures {
            layer: self.layer,
            memory_peak_bytes: number(&self.upper, "memory.peak"),
            // Without init.
            pids_peak: number(&self.upper, "pids.peak").map(|peak| peak.saturating_sub(1)),
            oom_kills: self.oom_kills(),
            user_time_us,
            system_time_us,
        }
    }

    /// Was a fork refused for pids.max? (The lower level's count is, before Linux 6.11, also of refusals further up.)
    pub(super) fn has_refused_a_fork(&self) -> bool {
        let refused = |level| keyed(level, "pids.events", "max").is_some_and(|count| count > 0);
        let was_full =
            number(&self.upper, "pids.peak").is_none_or(|peak| Some(peak) == number(&self.upper, "pids.max"));
        refused(&self.upper) || (refused(&self.lower) && was_full)
    }
}

impl Drop for RunCgroup {
    /// Everything in it has ended, but for a set-up that failed: a process that dies counts for a moment longer.
    fn drop(&mut self) {
        for round in 0..200 {
            if remove(&self.parent, &self.name) {
                return;
            }
            if round == 0 {
                self.kill();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Removes a run's two levels, if nothing is in them. True if they are gone; or the scope is, and all below it.
pub(super) fn remove(parent: &OwnedFd, name: &str) -> bool {
    if let Ok(upper) = open_child(parent, name) {
        let _ = unlinkat(&upper, LOWER, UnlinkatFlags::RemoveDir);
    }
    matches!(unlinkat(parent, name, UnlinkatFlags::RemoveDir), Ok(()) | Err(Errno::ENOENT | Errno::ENODEV))
}

/// A new directory, opened.
fn make_directory(parent: &OwnedFd, name: &str) -> nix::Result<OwnedFd> {
    mkdirat(parent, name, Mode::from_bits_truncate(0o755))?;
    open_child(parent, name)
}

/// cgroup.subtree_control
pub(super) fn enable(directory: &OwnedFd, controllers: &[&str]) -> nix::Result<()> {
    let enabled = words(directory, "cgroup.subtree_control")?;
    let missing = controllers.iter().filter(|controller| !enabled.iter().any(|name| name == *controller));
    let wanted: Vec<_> = missing.map(|controller| format!("+{controller}")).collect();
    if wanted.is_empty() { Ok(()) } else { put(directory, "cgroup.subtree_control", &wanted.join(" ")) }
}

/// A thread that was ending when its process was moved away (one of the helper's) counts for a moment longer: EBUSY.
fn enable_patiently(directory: &OwnedFd, controllers: &[&str]) -> nix::Result<()> {
    for _ in 0..200 {
        match enable(directory, controllers) {
            Err(Errno::EBUSY) => std::thread::sleep(Duration::from_millis(2)),
            answer => return answer,
        }
    }
    Err(Errno::EBUSY)
}

/// As the kernel rounds it.
fn whole_pages(bytes: u64) -> String {
    let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok().flatten().unwrap_or(4096) as u64;
    (bytes / page * page).to_string()
}

fn host_has_swap() -> bool {
    std::fs::read_to_string("/proc/swaps").map_or(true, |swaps| swaps.lines().count() > 1)
}

fn failed(what: &str, errno: Errno) -> Lack {
    Lack::new(format!("{what} ({})", errno.desc()), LOOK)
}

/// Are all of them in cgroup.controllers?
pub(super) fn has_all(directory: &OwnedFd, needed: &[&str], unreadable: impl Fn(Errno) -> Lack) -> Result<(), Lack> {
    let there = words(directory, "cgroup.controllers").map_err(unreadable)?;
    match needed.iter().find(|controller| !there.iter().any(|name| name == *controller)) {
        Some(missing) => Err(not_delegated(missing)),
        None => Ok(()),
    }
}

fn not_delegated(controller: &str) -> Lack {
    let remedy = match nix::unistd::geteuid().is_root() {
        true => "Look whether the kernel has it (/sys/fs/cgroup/cgroup.controllers, cgroup_disable= on its command line), and whether \
                 the cgroups above give it on"
            .to_owned(),
        false => "Let the administrator put Delegate=cpu io memory pids into /etc/systemd/system/user@.service.d/delegate.conf, \
                  below [Service], and log in again; in a container, let it be started with this controller"
            .to_owned(),
    };
    Lack::new(
        format!("the controller {controller} is not delegated to this user, or the host has it on cgroup v1"),
        remedy,
    )
}
