//! Runs commands in turn, many times, and makes medians of it.

use crate::Result;
use crate::place::environment;
use nix::sys::prctl::set_child_subreaper;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::wait::waitpid;
use serde::{Deserialize, Serialize};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// So that what a run leaves to the kernel (namespaces are taken apart later) is not paid by the next.
const PAUSE: Duration = Duration::from_millis(5);

/// A command line with the name that it has in the tables.
#[derive(Clone, Serialize, Deserialize)]
pub struct Named {
    /// In the tables.
    pub name: String,
    /// The command line.
    pub argv: Vec<String>,
}

impl Named {
    /// From words.
    pub fn new(name: impl Into<String>, argv: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Named { name: name.into(), argv: argv.into_iter().map(Into::into).collect() }
    }

    /// What starts it: with the environment of all; stdin, stdout and stderr are /dev/null.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.argv[0]);
        command.args(&self.argv[1..]).env_clear().envs(environment());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Runs it once for its output; what it says of itself is the error.
    pub fn output(&self) -> std::result::Result<String, String> {
        let done = self.command().stdout(Stdio::piped()).stderr(Stdio::piped()).output().map_err(|e| e.to_string())?;
        match done.status.success() {
            true => Ok(String::from_utf8_lossy(&done.stdout).into_owned()),
            false => Err(reason(&String::from_utf8_lossy(&done.stderr), &done.status.to_string())),
        }
    }

    fn timed(&self) -> Result<Sample> {
        let before = getrusage(UsageWho::RUSAGE_CHILDREN)?;
        let begun = Instant::now();
        let status = self.command().status()?;
        let wall = begun.elapsed();
        reap_orphans();
        let after = getrusage(UsageWho::RUSAGE_CHILDREN)?;
        if !status.success() {
            return Err(format!("{} failed while it was measured: {status}", self.name).into());
        }
        let cpu = |usage: &nix::sys::resource::Usage| {
            let (user, system) = (usage.user_time(), usage.system_time());
            (user.tv_sec() + system.tv_sec()) * 1_000_000 + user.tv_usec() + system.tv_usec()
        };
        let faults = |usage: &nix::sys::resource::Usage| usage.minor_page_faults() + usage.major_page_faults();
        Ok(Sample {
            wall: wall.as_secs_f64() * 1e3,
            cpu: (cpu(&after) - cpu(&before)) as f64 / 1e3,
            faults: (faults(&after) - faults(&before)) as f64,
        })
    }
}

/// What a run did not wait for itself, so that its CPU time counts: bwrap ends before its PID 1 does.
fn reap_orphans() {
    while waitpid(None, None).is_ok() {}
}

/// The first sentence of an error.
fn reason(stderr: &str, status: &str) -> String {
    let line = stderr.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or(status);
    line.split_inclusive(". ").next().unwrap_or(line).trim_end_matches([' ', '.']).into()
}

/// One run.
#[derive(Clone, Copy)]
pub struct Sample {
    /// Milliseconds from before the start until it was waited for.
    pub wall: f64,
    /// Milliseconds of CPU, of it and all its descendants, those too that outlive it.
    pub cpu: f64,
    /// Page faults, of the same.
    pub faults: f64,
}

/// A median and the median absolute deviation from it, which one outlier does not move.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub struct Median {
    /// The median.
    pub value: f64,
    /// Half of the values are nearer to it than this.
    pub deviation: f64,
}

impl Median {
    /// Of at least one value.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.into_iter().collect();
        let value = middle(values.clone());
        Median { value, deviation: middle(values.into_iter().map(|each| (each - value).abs()).collect()) }
    }

    /// One that is counted, not measured again and again.
    pub fn exact(value: f64) -> Self {
        Median { value, deviation: 0.0 }
    }

    /// How many times `other` it is; the relative deviations add up.
    pub fn per(&self, other: &Self) -> Self {
        let value = self.value / other.value;
        let relative = |median: &Self| (median.deviation / median.value).abs();
        Median { value, deviation: value * (relative(self) + relative(other)) }
    }
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    if values.len() % 2 == 1 { values[half] } else { (values[half - 1] + values[half]) / 2.0 }
}

/// What a command takes.
#[derive(Clone, Copy)]
pub struct Cost {
    /// Wall time, ms.
    pub wall: Median,
    /// CPU time, ms.
    pub cpu: Median,
    /// Page faults.
    pub faults: Median,
}

/// All commands in turn, so that whatever else the machine does meets each of them; in another order each round, so that none always
/// follows the same one.
pub fn interleaved(commands: &[Named], rounds: usize) -> Result<Vec<Cost>> {
    let samples = in_turn(commands, rounds, Named::timed)?;
    let of = |samples: &[Sample], pick: fn(&Sample) -> f64| Median::of(samples.iter().map(pick));
    let cost = |samples: &Vec<Sample>| Cost {
        wall: of(samples, |s| s.wall),
        cpu: of(samples, |s| s.cpu),
        faults: of(samples, |s| s.faults),
    };
    Ok(samples.iter().map(cost).collect())
}

/// What `once` makes of each item, in `rounds` rounds after those that warm up.
pub fn in_turn<T, S>(items: &[T], rounds: usize, mut once: impl FnMut(&T) -> Result<S>) -> Result<Vec<Vec<S>>> {
    set_child_subreaper(true)?;
    let warm_up = if rounds < 3 { 1 } else { 2 };
    let mut samples: Vec<Vec<S>> = items.iter().map(|_| Vec::new()).collect();
    let mut order: Vec<usize> = (0..items.len()).collect();
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for round in 0..warm_up + rounds {
        dice.shuffle(&mut order);
        for &index in &order {
            let sample = once(&items[index])?;
            if round >= warm_up {
                samples[index].push(sample);
            }
            thread::sleep(PAUSE);
        }
    }
    Ok(samples)
}

/// xorshift64: the same order in every run.
struct Dice(u64);

impl Dice {
    fn shuffle(&mut self, order: &mut [usize]) {
        for last in (1..order.len()).rev() {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            order.swap(last, (self.0 % (last as u64 + 1)) as usize);
        }
    }
}
