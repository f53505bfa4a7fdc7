//! CPU time of the whole PID namespace, where no cgroup counts it: what is alive, and what was waited for.

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use nix::time::{ClockId, clock_getcpuclockid, clock_gettime};
use nix::unistd::{Pid, SysconfVar, sysconf};
use std::fs;
use std::time::Duration;

/// Between two looks.
const SHORTEST: Duration = Duration::from_millis(5);
const LONGEST: Duration = Duration::from_secs(60);
/// Where processes are looked at: one that begins and ends between two looks, and that nobody waits for, is not seen.
const LONGEST_HERE: Duration = Duration::from_millis(20);
/// More than processes that end between two looks are likely to differ by.
const LARGEST_ERROR: Duration = Duration::from_millis(100);
/// Even of thousands of processes.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// A look costs at most this part of the time between two.
const COST: u32 = 50;

/// When to look next, with `left` of the CPU time: not before all processors together could have used it up.
pub fn next_look(left: Duration, processors: u32) -> Duration {
    (left / processors.max(1)).clamp(SHORTEST, LONGEST)
}

/// What has been used, look by look.
#[derive(Debug, Default)]
pub(super) struct Meter {
    seen: Duration,
    /// Of processes whose parent ignores SIGCHLD: the kernel reaps them, and their time is in nobody's account.
    lost: Duration,
}

impl Meter {
    /// Looks: the CPU time used so far, and how much of it the look took. (By the wall clock, a busy machine would make it seem dear.)
    pub(super) fn look(&mut self) -> (Duration, Duration) {
        let begun = here();
        let tick = tick();
        let (mut now, mut error) = (waited_for_here(), Duration::ZERO);
        for (pid, stat) in others() {
            let waited = waited_for(&stat).map_or(Duration::ZERO, |ticks| tick * ticks);
            // Its own clock is exact, what it waited for is cut to whole ticks, of each mode.
            error = if waited.is_zero() { error } else { (error + 2 * tick).min(LARGEST_ERROR) };
            now += own_clock(pid) + waited;
        }
        self.account(now, error);
        (self.seen + self.lost, here().saturating_sub(begun))
    }

    fn account(&mut self, now: Duration, error: Duration) {
        self.lost += self.seen.saturating_sub(now + error);
        self.seen = now;
    }
}

fn here() -> Duration {
    ClockId::CLOCK_THREAD_CPUTIME_ID.now().map_or(Duration::ZERO, Duration::from)
}

/// When to look again after a look that took `cost`.
pub(super) fn pause(left: Duration, processors: u32, cost: Duration) -> Duration {
    next_look(left, processors).min(LONGEST_HERE).max(cost * COST).min(LONGEST_PAUSE)
}

/// What init has reaped, orphans among it, with all that those had waited for: getrusage(2).
fn waited_for_here() -> Duration {
    getrusage(UsageWho::RUSAGE_CHILDREN).map_or(Duration::ZERO, |usage| {
        let microseconds = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
        Duration::from_micros(microseconds as u64)
    })
}

/// The other processes of this PID namespace: the sandbox's own /proc shows no others.
fn others() -> impl Iterator<Item = (Pid, String)> {
    fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let stat = fs::read(entry.path().join("stat")).ok()?;
        (pid != 1).then(|| (Pid::from_raw(pid), String::from_utf8_lossy(&stat).into_owned()))
    })
}

/// All its threads, ended ones too: clock_getcpuclockid(3).
fn own_clock(pid: Pid) -> Duration {
    clock_getcpuclockid(pid).and_then(clock_gettime).map_or(Duration::ZERO, Duration::from)
}

/// `cutime` and `cstime`, in ticks: proc_pid_stat(5), fields 16 and 17. The name in field 2 is the payload's and may hold anything.
pub(super) fn waited_for(stat: &str) -> Option<u32> {
    let (_, after) = stat.rsplit_once(')')?;
    let mut fields = after.split_ascii_whitespace().skip(13);
    let mut field = || fields.next()?.parse::<u32>().ok();
    field()?.checked_add(field()?)
}

fn tick() -> Duration {
    let rate = sysconf(SysconfVar::CLK_TCK).ok().flatten().filter(|rate| *rate > 0).unwrap_or(100);
    Duration::from_secs(1) / rate as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_process_is_no_field() {
        let stat = "7 (a ) b (1) 2) R 1 7 7 0 -1 0 1 2 3 4 10 20 30 40 20 0 1 0";
        assert_eq!(waited_for(stat), Some(70));
        assert_eq!(waited_for("7 (x"), None);
        assert_eq!(waited_for("7 (x) R 1"), None);
    }

    #[test]
    fn the_own_clock_of_another_process_runs() {
        assert!(own_clock(Pid::this()) > Duration::ZERO);
        assert_eq!(own_clock(Pid::from_raw(1 << 22)), Duration::ZERO);
    }

    #[test]
    fn time_of_children_that_nobody_waits_for_is_kept_but_rounding_is_not_taken_for_it() {
        let ms = Duration::from_millis;
        let mut meter = Meter::default();
        meter.account(ms(500), ms(20));
        meter.account(ms(100), ms(20));
        assert_eq!(meter.seen + meter.lost, ms(480));
        meter.account(ms(90), ms(20));
        assert_eq!(meter.seen + meter.lost, ms(470));
    }

    #[test]
    fn the_next_look_comes_before_the_time_can_be_used_up() {
        assert_eq!(next_look(Duration::from_secs(2), 4), Duration::from_millis(500));
        assert_eq!(next_look(Duration::from_micros(1), 4), SHORTEST);
        assert_eq!(pause(Duration::from_secs(2), 4, Duration::from_micros(1)), LONGEST_HERE);
        assert_eq!(pause(Duration::ZERO, 1, Duration::from_millis(3)), Duration::from_millis(150));
    }
}
