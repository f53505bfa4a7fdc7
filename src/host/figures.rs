//! What a run uses at this moment: from its cgroup, and what that does not count from /proc. Read by whoever asks, not by the run.

use super::cgroup::current;
use super::registry::message::Stats;
use nix::unistd::{SysconfVar, sysconf};
use serde::Serialize;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::Path;

/// Whose figures they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Source {
    /// The cgroup's: every process there ever was.
    #[serde(rename = "cgroup")]
    Cgroup,
    /// The sum over the processes that are there: memory that two share counts twice, and time of those that have ended only as far
    /// as their parent, still there, has waited for them.
    #[serde(rename = "proc")]
    Proc,
}

/// The figures; none where neither knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Figures {
    pub memory: Option<(u64, Source)>,
    pub memory_peak_bytes: Option<u64>,
    pub user_time_us: Option<u64>,
    pub system_time_us: Option<u64>,
    pub cpu_source: Source,
    pub pids: Option<u64>,
}

/// Reads them; `directory` is the run's cgroup, if it has one.
pub fn read(stats: &Stats, directory: Option<&OwnedFd>) -> Figures {
    let counted = directory.map(|directory| current(directory, stats.set_up_us.unwrap_or_default()));
    let whole = |counted: &super::cgroup::Current| counted.memory_bytes.is_some() && counted.pids.is_some();
    let seen = if counted.as_ref().is_some_and(whole) { Sum::default() } else { sum(stats) };
    let [user, system] = counted.map_or([None; 2], |counted| counted.cpu_times_us);
    let seen_memory = seen.processes.map(|_| (seen.memory_bytes, Source::Proc));
    Figures {
        memory: counted.and_then(|counted| counted.memory_bytes).map(|bytes| (bytes, Source::Cgroup)).or(seen_memory),
        memory_peak_bytes: counted.and_then(|counted| counted.memory_peak_bytes),
        user_time_us: user.or(seen.processes.map(|_| seen.user_time_us)),
        system_time_us: system.or(seen.processes.map(|_| seen.system_time_us)),
        cpu_source: if user.is_some() { Source::Cgroup } else { Source::Proc },
        pids: counted.and_then(|counted| counted.pids).or(seen.processes),
    }
}

/// Over the processes of a PID namespace, without its init.
#[derive(Debug, Default)]
struct Sum {
    /// With their threads; none where nobody was looked for.
    processes: Option<u64>,
    memory_bytes: u64,
    user_time_us: u64,
    system_time_us: u64,
}

fn sum(stats: &Stats) -> Sum {
    let Some(namespace) = stats.pid_namespace else { return Sum::default() };
    let wanted = format!("pid:[{namespace}]");
    let mut sum = Sum { processes: Some(0), ..Sum::default() };
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let pid = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok());
        let Some(_) = pid.filter(|pid| *pid != stats.init_pid) else { continue };
        let path = entry.path();
        if fs::read_link(path.join("ns/pid")).is_ok_and(|of| of == Path::new(&wanted))
            && let Ok(stat) = fs::read(path.join("stat"))
        {
            sum.add(&String::from_utf8_lossy(&stat));
        }
    }
    sum
}

impl Sum {
    /// /proc/PID/stat: proc_pid_stat(5).
    fn add(&mut self, stat: &str) {
        let system = |variable, usual| sysconf(variable).ok().flatten().map_or(usual, |value| value as u64);
        let (ticks, page) = (system(SysconfVar::CLK_TCK, 100).max(1), system(SysconfVar::PAGE_SIZE, 4096));
        // The second field is the name in parentheses and may hold anything; fields count on from its last ')'.
        let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
        let fields: Vec<&str> = after.split_ascii_whitespace().collect();
        let field = |number: usize| fields.get(number - 3).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
        self.user_time_us += (field(14) + field(16)) * 1_000_000 / ticks;
        self.system_time_us += (field(15) + field(17)) * 1_000_000 / ticks;
        self.processes = self.processes.map(|processes| processes + field(20));
        self.memory_bytes += field(24) * page;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_added_whatever_its_name() {
        let mut sum = Sum { processes: Some(1), ..Sum::default() };
        let tail = "S 1 2 3 4 5 6 7 8 9 10 100 200 10 20 0 0 3 0 99 4096 7 18446744073709551615";
        sum.add(&format!("42 (a) b (c)) {tail}"));
        assert_eq!(sum.processes, Some(4));
        let page = sysconf(SysconfVar::PAGE_SIZE).unwrap().unwrap() as u64;
        assert_eq!(sum.memory_bytes, 7 * page);
        assert_eq!((sum.user_time_us, sum.system_time_us), (1_100_000, 2_200_000));
        sum.add("nonsense");
        assert_eq!(sum.processes, Some(4));
    }

    #[test]
    fn without_a_cgroup_this_process_is_found_in_its_own_namespace() {
        use std::os::unix::fs::MetadataExt;
        let stats = Stats {
            pid_namespace: Some(fs::metadata("/proc/self/ns/pid").unwrap().ino()),
            init_pid: 1,
            set_up_us: None,
            limits: Default::default(),
        };
        let figures = read(&stats, None);
        assert!(figures.pids.unwrap() >= 1 && figures.memory.unwrap().0 > 0, "{figures:?}");
        assert_eq!(figures.memory.unwrap().1, Source::Proc);
    }
}
