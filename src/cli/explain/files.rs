//! The file tree, a line for each thing somebody decided; the system's own directories in one.

use super::Seen;
use crate::plan::{BindRole, Mount, MountKind, Plan, RootWritable};
use crate::profile::Origin;
use crate::profile::units::Size;
use std::path::Path;

/// A line: what, where, who asked, what to know.
struct Row {
    word: &'static str,
    place: String,
    origin: String,
    remark: String,
}

/// The lines, with room for a label before the first.
pub(super) fn lines(plan: &Plan, seen: &Seen, verbose: bool) -> Vec<String> {
    let mut rows = Vec::new();
    let mut room = Vec::new();
    let mut system = 0;
    for mount in &plan.mounts {
        match &mount.kind {
            _ if verbose => rows.push(row(plan, seen, mount)),
            MountKind::Tmpfs(tmpfs) => room.push(format!("{} {}", seen.short(&mount.at), Size(tmpfs.size))),
            _ if is_background(mount) => system += usize::from(is_system(&mount.at) && mount.origin.source != OWN),
            _ => rows.push(row(plan, seen, mount)),
        }
    }
    for watch in plan.watch.iter().filter(|watch| watch.is_absent()) {
        let remark = "absent: reported if it appears".into();
        rows.push(Row {
            word: "watch",
            place: place(plan, seen, &watch.path),
            origin: short_origin(&watch.origin),
            remark,
        });
    }
    let mut lines = aligned(&rows);
    let system = (system > 0).then(|| format!("(ro: {system} system entries, -v lists them)"));
    let room = (!room.is_empty()).then(|| format!("tmpfs  {}", room.join(" · ")));
    let last: Vec<String> = room.into_iter().chain(system).collect();
    if !last.is_empty() {
        lines.push(last.join("   "));
    }
    lines
}

/// The origin of what every sandbox has.
const OWN: &str = "sandbox";

/// What nobody reads twice: the system's directories, our own entries, links and pins.
fn is_background(mount: &Mount) -> bool {
    match &mount.kind {
        MountKind::Bind(bind) => match bind.role {
            BindRole::Pin => true,
            BindRole::Tree => !bind.writable && is_system(&mount.at) && bind.source.path() == mount.at,
            BindRole::Device => mount.origin.source == OWN,
            BindRole::Socket | BindRole::Root => false,
        },
        MountKind::Symlink(_) | MountKind::Devpts | MountKind::Proc => true,
        MountKind::File(_) => mount.origin.source == OWN,
        MountKind::Hide(_) | MountKind::Tmpfs(_) => false,
    }
}

fn is_system(path: &Path) -> bool {
    const SYSTEM: [&str; 9] = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/nix"];
    SYSTEM.iter().any(|tree| path.starts_with(tree))
}

fn row(plan: &Plan, seen: &Seen, mount: &Mount) -> Row {
    let (word, remark) = match &mount.kind {
        MountKind::Bind(bind) => {
            let from = bind.source.path();
            let mut remarks = Vec::new();
            if bind.role == BindRole::Tree && bind.writable {
                remarks.push("! everything here can be changed".into());
            }
            if from != mount.at {
                remarks.push(format!("from {}", seen.short(&from)));
            }
            if plan.create.iter().any(|create| create.path() == from) {
                remarks.push("made before the run".into());
            }
            if bind.id_mapped {
                remarks.push("root's files are the command's".into());
            }
            if bind.noexec {
                remarks.push("noexec".into());
            }
            let word = match bind.role {
                BindRole::Pin => "pin",
                BindRole::Device => "device",
                BindRole::Socket => {
                    remarks.push("! a way out: whoever listens is outside".into());
                    "socket"
                }
                BindRole::Root => {
                    remarks.push(match plan.root.writable {
                        Some(RootWritable::Persistent) => "! what is written to it stays".into(),
                        Some(RootWritable::Tmpfs) => format!("writes are in memory, {}", Size(plan.root.tmpfs.size)),
                        _ => "read-only".into(),
                    });
                    "root"
                }
                BindRole::Tree if bind.writable => "rw",
                BindRole::Tree => "ro",
            };
            if bind.role == BindRole::Tree && is_pinned(plan, &mount.at) {
                remarks.push("parents pinned".into());
            }
            (word, remarks.join(", "))
        }
        MountKind::Tmpfs(tmpfs) => ("tmpfs", format!("{}, {} inodes", Size(tmpfs.size), tmpfs.inodes)),
        MountKind::File(_) => ("file", "made up".into()),
        MountKind::Symlink(text) => ("link", format!("to {}", text.display())),
        MountKind::Hide(_) => ("hide", "every access is refused".into()),
        MountKind::Devpts => ("pts", "its own terminals".into()),
        MountKind::Proc => ("proc", "its own processes".into()),
    };
    Row { word, place: place(plan, seen, &mount.at), origin: short_origin(&mount.origin), remark }
}

/// In the project the rest is enough.
fn place(plan: &Plan, seen: &Seen, path: &Path) -> String {
    let project = plan.mounts.iter().any(|other| other.at == seen.cwd && other.at != path);
    match path.strip_prefix(&seen.cwd) {
        Ok(rest) if project => rest.display().to_string(),
        _ => seen.short(path),
    }
}

fn is_pinned(plan: &Plan, at: &Path) -> bool {
    let parent = plan.mounts.iter().find(|mount| Some(mount.at.as_path()) == at.parent());
    parent.is_some_and(|mount| matches!(&mount.kind, MountKind::Bind(bind) if bind.role == BindRole::Pin))
}

/// `build:6`, `--ro`
fn short_origin(origin: &Origin) -> String {
    match origin.position() {
        Some((line, _)) => format!("{}:{line}", origin.source),
        None => origin.source.clone(),
    }
}

fn aligned(rows: &[Row]) -> Vec<String> {
    let width = |text: &dyn Fn(&Row) -> usize| rows.iter().map(text).max().unwrap_or(0);
    let place = width(&|row| row.place.chars().count()).min(44);
    let origin = width(&|row| row.origin.chars().count());
    let line = |row: &Row| format!("{:<6} {:<place$}  {:<origin$}  {}", row.word, row.place, row.origin, row.remark);
    rows.iter().map(|row| line(row).trim_end().to_owned()).collect()
}
