//! The part that reads what nobody trusts: stopped in the middle of its work, and looked at from outside.

use super::super::harness::{Project, patience};
use super::{children, import, large, send, start};
use nix::sys::signal::Signal;
use std::fs;
use std::time::Instant;

/// The part inside: the child of init, itself the child of the supervisor.
fn part(import: u32) -> Option<u32> {
    let supervisor = children(import).into_iter().next()?;
    let init = children(supervisor).into_iter().next()?;
    let part = children(init).into_iter().next()?;
    let command = fs::read(format!("/proc/{part}/cmdline")).ok()?;
    command.starts_with(b"/job/sandbox\0__rootfs\0").then_some(part)
}

/// What `look` says of it while it stands still.
#[track_caller]
fn stopped<T>(project: &Project, args: &[&str], look: impl Fn(u32) -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        assert!(begun.elapsed() < patience(), "never caught");
        let mut running = start(project, args);
        let found = loop {
            if let Some(part) = part(running.id()) {
                send(part, Signal::SIGSTOP);
                break look(part);
            }
            if running.try_wait().unwrap().is_some() {
                break None;
            }
        };
        running.kill().ok();
        running.wait().unwrap();
        if let Some(found) = found {
            return found;
        }
        // It was too fast.
        project.run(&["rootfs", "remove", "x"]);
    }
}

fn status(part: u32, key: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{part}/status")).ok()?;
    Some(status.lines().find_map(|line| line.strip_prefix(&format!("{key}:")))?.trim().to_owned())
}

/// What is mounted below /job, and whether it can be written.
fn shown(part: u32) -> Option<Vec<(String, bool)>> {
    let mounts = fs::read_to_string(format!("/proc/{part}/mountinfo")).ok()?;
    let mounts = mounts.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let below = mounts.filter(|fields| fields[4].starts_with("/job/"));
    let mut shown: Vec<_> =
        below.map(|fields| (fields[4].to_owned(), fields[5].split(',').any(|option| option == "rw"))).collect();
    shown.sort();
    Some(shown).filter(|shown| !shown.is_empty())
}

/// Every mount of a file system that is on a disk.
fn from_disk(part: u32) -> Option<Vec<String>> {
    let mounts = fs::read_to_string(format!("/proc/{part}/mountinfo")).ok()?;
    let points = mounts.lines().filter(|line| !line.contains(" 0:")).filter_map(|line| line.split(' ').nth(4));
    Some(points.map(str::to_owned).collect())
}

fn capabilities(part: u32) -> Option<Vec<u64>> {
    let sets = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"].map(|set| status(part, set));
    sets.into_iter().map(|set| u64::from_str_radix(&set?, 16).ok()).collect()
}

fn namespaces(pid: &str) -> Option<Vec<String>> {
    let names = ["user", "mnt", "pid", "net", "uts", "ipc"];
    names
        .map(|name| fs::read_link(format!("/proc/{pid}/ns/{name}")).ok())
        .into_iter()
        .map(|link| Some(link?.display().to_string()))
        .collect()
}

#[test]
fn the_part_that_unpacks_is_shown_nothing_else() {
    let project = Project::new();
    large(&project);
    let import = ["rootfs", "import", "large.tar", "--name", "x"];
    let (shown, disk) = stopped(&project, &import, |part| Some((shown(part)?, from_disk(part)?)));
    let expected = [("/job/room", true), ("/job/sandbox", false), ("/job/source", false), ("/job/tree", true)];
    assert_eq!(shown, expected.map(|(path, writable)| (path.to_owned(), writable)));
    assert!(disk.iter().all(|point| point.starts_with("/job/")), "{disk:?}");
}

#[test]
fn the_part_that_unpacks_has_no_power() {
    let project = Project::new();
    large(&project);
    let import = ["rootfs", "import", "large.tar", "--name", "x"];
    let (sets, filter, others) = stopped(&project, &import, |part| {
        Some((capabilities(part)?, status(part, "Seccomp")?, namespaces(&part.to_string())?))
    });
    assert_eq!((sets, filter.as_str()), (vec![0; 5], "2"));
    for (other, own) in others.iter().zip(namespaces("self").unwrap()) {
        assert_ne!(*other, own);
    }
}

#[test]
fn the_part_that_packs_reads_and_can_do_no_more() {
    let project = Project::new();
    large(&project);
    import(&project, "large.tar", "kept").ok();
    let export = ["rootfs", "export", "kept"];
    let (shown, sets) = stopped(&project, &export, |part| Some((shown(part)?, capabilities(part)?)));
    assert_eq!(shown, [("/job/sandbox".to_owned(), false), ("/job/tree".to_owned(), false)]);
    const CAP_DAC_READ_SEARCH: u64 = 1 << 2;
    assert!(sets.iter().all(|set| *set == CAP_DAC_READ_SEARCH), "{sets:x?}");
}
