//! Files: what was not granted is not there, what is read-only stays as it is.

use super::baits::Baits;
use super::probe::{
    Answer, Granted, Probe, Reply, alone, held, is_want, no_room, none_but, none_of, not_tried, through, told,
};
use super::read_only::outcomes;
use crate::plan::{BindRole, Mount, MountKind, SeccompPolicy};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::{Mode, SFlag, fchmod, major, minor, mknodat};
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// In this order.
pub const PROBES: &[Probe] = &[
    Probe::new(
        "secret-file",
        "What was not granted is not there",
        "open(2) of a file of the caller's own that nothing grants",
        |baits| read_any([baits.secret.clone()]),
    )
    .unless(shows_the_secret),
    Probe::new("home", "The caller's home is not there, but for what was granted", "lstat(2) of the names in it", home),
    Probe::new(
        "way-up",
        "No way of names leads out of the root",
        "the secret file by .. from the working directory and from a descriptor of /, and by a link in a shown tree",
        way_up,
    )
    .unless(shows_the_secret),
    Probe::new(
        "roots-of-processes",
        "No root or working directory of another process leads out",
        "the secret file by /proc/PID/root and /proc/PID/cwd of every process",
        |baits| {
            let ways = processes().flat_map(|process| [process.join("root"), process.join("cwd")]);
            read_any(ways.flat_map(|way| [way.join(relative(&baits.secret)), up(way, &baits.secret)]))
        },
    )
    .unless(shows_the_secret),
    Probe::new(
        "devices",
        "No device but the harmless six",
        "lstat(2) of all below /dev: name and number of each device",
        devices,
    )
    .unless(|granted| key_of(granted, |kind| matches!(kind, MountKind::Bind(bind) if bind.role == BindRole::Device))),
    Probe::new(
        "device-nodes",
        "No device can be made",
        "mknodat(2) of the memory device in every place that can be written",
        device_nodes,
    ),
    Probe::new(
        "set-id-files",
        "No set-uid file is left behind",
        "fchmod(2) of a file in memory and open(2) of a new one, with the bits",
        set_id_files,
    )
    .unless(|granted| match granted.plan {
        plan if plan.features.set_id_bits => Some("features.set_id_bits".into()),
        plan if plan.seccomp.policy == SeccompPolicy::Off => Some("seccomp.policy: off".into()),
        _ => super::calls::allowed_by_name(granted),
    }),
    Probe::new(
        "host-left-alone",
        "Nothing is created on the host but what create names",
        "to create a file beside the secret one; are the names there the same, outside?",
        |baits| {
            let path = baits.secret.with_file_name("new");
            match fs::File::create(path) {
                Ok(_) => through("open"),
                Err(error) => held(format_args!("{:?}, and they are the same", errno(&error))),
            }
        },
    )
    .unless(shows_the_secret),
];

/// A bind of the plan shows the secret file.
fn shows_the_secret(granted: &Granted) -> Option<String> {
    shown_by(granted, &granted.baits.secret)
}

/// The entry of the plan that shows a path of the host.
pub(super) fn shown_by(granted: &Granted, path: &Path) -> Option<String> {
    granted.plan.host_path(path)?;
    let mount = granted.plan.mounts.iter().rfind(|mount| path.starts_with(&mount.at))?;
    Some(format!("mounts: {} ({})", mount.at.display(), mount.origin))
}

/// The first entry of a kind at or above what got through.
pub(super) fn key_of(granted: &Granted, wanted: fn(&MountKind) -> bool) -> Option<String> {
    granted.each(|path| {
        let is_above = |mount: &&Mount| Path::new(path).starts_with(&mount.at);
        let mount = granted.plan.mounts.iter().rfind(|mount| is_above(mount) && wanted(&mount.kind))?;
        Some(format!("mounts: {} ({})", mount.at.display(), mount.origin))
    })
}

/// The same of whatever is shown from the host.
pub(super) fn bound(granted: &Granted) -> Option<String> {
    key_of(granted, |kind| matches!(kind, MountKind::Bind(_)))
}

/// Those that can be read.
pub(super) fn read_any(paths: impl IntoIterator<Item = PathBuf>) -> Answer {
    let (mut read, mut answers, mut is_empty) = (vec![], vec![], false);
    for path in paths {
        match fs::File::open(&path).and_then(|mut file| std::io::Read::read(&mut file, &mut [0; 64])) {
            // A cover is empty, for whom it opens.
            Ok(0) => is_empty = true,
            Ok(_) => read.push(path.display().to_string()),
            Err(error) => answers.push(errno(&error)),
        }
    }
    match is_empty && read.is_empty() && !answers.iter().any(|errno| is_want(*errno)) {
        true => held(format!("there is nothing in it {}", told(answers)).trim_end()),
        false => none_but(read, answers),
    }
}

/// Those that can be opened: where reading would take something away, or wait.
pub(super) fn open_any(paths: impl IntoIterator<Item = PathBuf>) -> Answer {
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let (mut opened, mut answers) = (vec![], vec![]);
    for path in paths {
        match open(&path, flags, Mode::empty()) {
            Ok(_) => opened.push(path.display().to_string()),
            Err(errno) => answers.push(errno),
        }
    }
    none_but(opened, answers)
}

pub(super) fn errno(error: &std::io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(0))
}

fn relative(path: &Path) -> &Path {
    path.strip_prefix("/").unwrap_or(path)
}

/// `path`, by more `..` than there are directories.
fn up(from: PathBuf, path: &Path) -> PathBuf {
    from.join("../".repeat(12)).join(relative(path))
}

pub(super) fn processes() -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|path| {
        path.file_name().is_some_and(|name| name.to_string_lossy().bytes().all(|byte| byte.is_ascii_digit()))
    })
}

fn home(baits: &Baits) -> Answer {
    if baits.home.is_empty() {
        return not_tried("the caller's home has no name that the profile does not show");
    }
    let seen = baits.home.iter().filter(|path| path.symlink_metadata().is_ok());
    none_of(seen.map(|path| path.display().to_string()).collect(), format_args!("none of {} names", baits.home.len()))
}

fn way_up(baits: &Baits) -> Answer {
    let by_descriptor = || {
        let root = open("/", OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())?;
        openat(root, &up(PathBuf::new(), &baits.secret), OFlag::O_RDONLY, Mode::empty())
    };
    if by_descriptor().is_ok() {
        return through("from a descriptor of /");
    }
    read_any([up(PathBuf::new(), &baits.secret), baits.shown.join("link")])
}

fn devices(_: &Baits) -> Answer {
    const HARMLESS: [(&str, u64, u64); 7] = [
        ("null", 1, 3),
        ("zero", 1, 5),
        ("full", 1, 7),
        ("random", 1, 8),
        ("urandom", 1, 9),
        ("tty", 5, 0),
        ("pts/ptmx", 5, 2),
    ];
    let (mut other, mut count) = (vec![], 0);
    let mut directories = vec![PathBuf::from("/dev")];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let path = entry.path();
            // lstat(2): readdir(3) tells of the file below a mount, and each device is a mount.
            let Ok(metadata) = path.symlink_metadata() else { continue };
            let kind = metadata.file_type();
            if kind.is_dir() {
                directories.push(path);
            } else if kind.is_char_device() || kind.is_block_device() {
                count += 1;
                let name = path.strip_prefix("/dev").unwrap_or(&path).to_string_lossy().into_owned();
                if !HARMLESS.contains(&(&name, major(metadata.rdev()), minor(metadata.rdev()))) {
                    other.push(path.display().to_string());
                }
            }
        }
    }
    if count == 0 {
        return not_tried("not even a harmless one could be found");
    }
    none_of(other, format_args!("{count} devices, none other"))
}

/// Directories that can be written, the shown one too.
fn writable(baits: &Baits) -> Vec<PathBuf> {
    let wanted = [PathBuf::from("/tmp"), PathBuf::from("/dev/shm"), PathBuf::from("."), baits.shown.clone()];
    wanted.into_iter().filter(|path| nix::unistd::access(path, nix::unistd::AccessFlags::W_OK).is_ok()).collect()
}

fn name() -> String {
    format!("{}-{}", super::baits::NAME, std::process::id())
}

/// A file of that name that was there before is not verify's.
fn remove_what_was_made<T>(made: &nix::Result<T>, path: &Path) {
    if made.is_ok() {
        let _ = fs::remove_file(path);
    }
}

fn device_nodes(baits: &Baits) -> Answer {
    let places = writable(baits);
    if places.is_empty() {
        return not_tried("the profile shows no directory that can be written");
    }
    let memory = nix::sys::stat::makedev(1, 1);
    let mut attempts = Vec::new();
    for place in &places {
        let path = place.join(name());
        let made = mknodat(nix::fcntl::AT_FDCWD, &path, SFlag::S_IFCHR, Mode::empty(), memory);
        remove_what_was_made(&made, &path);
        attempts.push(("mknodat", made));
    }
    outcomes(attempts)
}

fn set_id_files(_: &Baits) -> Answer {
    let place = ["/tmp", "."]
        .map(PathBuf::from)
        .into_iter()
        .find(|path| nix::unistd::access(path, nix::unistd::AccessFlags::W_OK).is_ok());
    let set_id = Mode::S_ISUID | Mode::S_ISGID | Mode::S_IRWXU;
    let in_memory = || {
        let file = nix::sys::memfd::memfd_create("x", nix::sys::memfd::MFdFlags::MFD_CLOEXEC)?;
        fchmod(file, set_id)
    };
    let created = |place: &Path| {
        let path = place.join(name());
        let made = open(&path, OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_WRONLY | OFlag::O_CLOEXEC, set_id);
        remove_what_was_made(&made, &path);
        made.map(drop)
    };
    let mut got = Vec::new();
    let mut refused = Vec::new();
    let by_place = place.map(|place| ("open", alone(|| created(&place))));
    for (name, reply) in [("fchmod", alone(in_memory))].into_iter().chain(by_place) {
        match reply {
            Ok(Reply::Done) => got.push(name.to_owned()),
            Ok(reply) => refused.push(reply.to_string()),
            Err(errno) => return no_room(errno),
        }
    }
    refused.dedup();
    none_of(got, refused.join(", "))
}
