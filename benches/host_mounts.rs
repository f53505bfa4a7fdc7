//! A host with many mounts, without touching this one: a mount namespace of the benchmark's own, in which the mounts are made and everything
//! is then run. Two steps of this program, started by unshare(1): the first mounts, as root of a user namespace; the second is the caller again,
//! in one more user namespace, and measures.

use crate::Result;
use crate::helper::is_root;
use crate::measure::{Median, Named, interleaved};
use crate::place::Place;
use nix::mount::{MsFlags, mount};
use nix::unistd::{getgid, getuid};
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

const MOUNT: &str = "--step-mount";
const MEASURE: &str = "--step-measure";

/// The wall times of `commands` on a host with `count` mounts more.
pub fn measure(place: &Place, count: usize, commands: &[Named]) -> Result<Vec<Median>> {
    let list = place.word("commands.json");
    fs::write(&list, serde_json::to_string(commands)?)?;
    let directory = place.word("host-mounts");
    fs::create_dir_all(&directory)?;
    let program = std::env::current_exe()?.display().to_string();
    let (count, rounds) = (count.to_string(), place.fewer.to_string());
    let (user, group) = (format!("--map-user={}", getuid()), format!("--map-group={}", getgid()));
    let first = ["unshare", "--map-root-user", "--mount", &program, MOUNT, &directory, &count];
    let second = ["unshare", "--user", &user, &group, &program, MEASURE, &list, &rounds];
    let times = Named::new("unshare", [&first[..], &second].concat()).output()?;
    Ok(serde_json::from_str(&times)?)
}

/// Is this root only of a user namespace of one user's, as `unshare --map-root-user` makes it? Its mounts are nobody else's:
/// user_namespaces(7).
fn is_in_own_namespace() -> Result<bool> {
    let map = fs::read_to_string("/proc/self/uid_map")?;
    let ranges: Vec<&str> = map.split_whitespace().collect();
    Ok(matches!(ranges[..], ["0", outside, "1"] if outside != "0"))
}

/// Carries out one of the steps, if the command line is one.
pub fn step(words: &[String]) -> Result<Option<ExitCode>> {
    match words {
        [step, ..] if step == MOUNT && !is_in_own_namespace()? => {
            Err(format!("{step} is a step of the benchmark, and mounts only in the namespace that it made for it")
                .into())
        }
        [step, ..] if step == MEASURE && is_root() => {
            Err(format!("{step} is a step of the benchmark, not for root").into())
        }
        [step, directory, count, next @ ..] if step == MOUNT && !next.is_empty() => {
            for index in 0..count.parse()? {
                let at = Path::new(directory).join(format!("{index}"));
                fs::create_dir_all(&at)?;
                mount(Some("none"), &at, Some("tmpfs"), MsFlags::empty(), Some("size=4k"))?;
            }
            Err(Command::new(&next[0]).args(&next[1..]).exec().into())
        }
        [step, list, rounds] if step == MEASURE => {
            let commands: Vec<Named> = serde_json::from_str(&fs::read_to_string(list)?)?;
            for command in &commands {
                command.output().map_err(|reason| format!("{}: {reason}", command.name))?;
            }
            let times: Vec<Median> = interleaved(&commands, rounds.parse()?)?.iter().map(|cost| cost.wall).collect();
            println!("{}", serde_json::to_string(&times)?);
            Ok(Some(ExitCode::SUCCESS))
        }
        _ => Ok(None),
    }
}
