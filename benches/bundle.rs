//! A minimal OCI bundle with the same mounts, for crun(1) and runc(8), without root: config.json of the OCI runtime specification.

use crate::Result;
use crate::mounts::Entry;
use crate::place::Place;
use nix::unistd::{getgid, getuid};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

/// Makes the bundle of `runtime` for `payload`, and returns the command line that runs it.
pub fn make(place: &Place, runtime: &str, entries: &[Entry], payload: &[&str]) -> Result<Vec<String>> {
    let name = format!("{runtime}-{}", payload[0]);
    let (bundle, root) = (place.path(&name), place.path(&name).join("rootfs"));
    if !root.exists() {
        fs::create_dir_all(&root)?;
        entries.iter().try_for_each(|entry| lay(&root, entry))?;
    }
    fs::write(bundle.join("config.json"), config(place, entries, payload).to_string())?;
    let manager: &[&str] = if runtime == "crun" { &["--cgroup-manager=disabled"] } else { &["--rootless=true"] };
    let (state, bundle) = (place.word("state"), bundle.display().to_string());
    let words = [&[runtime, "--root", &state], manager, &["run", "--bundle", &bundle, &name]].concat();
    Ok(words.into_iter().map(String::from).collect())
}

/// What is no mount lies in the root directory itself.
fn lay(root: &Path, entry: &Entry) -> Result<()> {
    let at = root.join(entry.at().trim_start_matches('/'));
    if entry.at().starts_with("/proc") || entry.at().starts_with("/dev") {
        return Ok(());
    }
    fs::create_dir_all(at.parent().unwrap_or(root))?;
    match entry {
        Entry::Symlink { to, .. } => symlink(to, at)?,
        Entry::File { content, .. } => fs::write(at, content)?,
        _ => {}
    }
    Ok(())
}

fn config(place: &Place, entries: &[Entry], payload: &[&str]) -> Value {
    let private = ["nosuid", "nodev", "noexec"];
    let mut mounts = vec![
        json!({"destination": "/proc", "type": "proc", "source": "proc", "options": private}),
        json!({"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=65536k"]}),
        json!({"destination": "/dev/pts", "type": "devpts", "source": "devpts",
               "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]}),
    ];
    let (mut covered, mut read_only) = (Vec::new(), Vec::new());
    for entry in entries {
        match entry {
            Entry::Bind { source, at, options, .. } if !at.starts_with("/dev/") => {
                let access = if options.contains('r') { "ro" } else { "rw" };
                mounts.push(json!({"destination": at, "type": "bind", "source": source,
                                   "options": ["rbind", access, "nosuid", "nodev"]}));
            }
            Entry::Tmpfs { at, size, inodes, mode } => mounts.push(json!({"destination": at, "type": "tmpfs", "source": "tmpfs",
                "options": ["nosuid", "nodev", format!("size={size}"), format!("nr_inodes={inodes}"), format!("mode={mode}")]})),
            Entry::Cover { at, .. } => covered.push(at),
            Entry::ReadOnly { at } => read_only.push(at),
            _ => {}
        }
    }
    let kinds = ["user", "mount", "pid", "network", "uts", "ipc", "cgroup"];
    let namespaces: Vec<Value> = kinds.iter().map(|kind| json!({"type": kind})).collect();
    json!({
        "ociVersion": "1.0.0",
        "root": {"path": "rootfs", "readonly": true},
        "hostname": "sandbox",
        "process": {
            "terminal": false, "user": {"uid": 0, "gid": 0}, "args": payload, "cwd": place.path("project"),
            "env": ["PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8"], "noNewPrivileges": true, "capabilities": {},
            "rlimits": [{"type": "RLIMIT_CORE", "soft": 0, "hard": 0}],
        },
        "mounts": mounts,
        "linux": {
            "uidMappings": [{"containerID": 0, "hostID": getuid().as_raw(), "size": 1}],
            "gidMappings": [{"containerID": 0, "hostID": getgid().as_raw(), "size": 1}],
            "namespaces": namespaces, "maskedPaths": covered, "readonlyPaths": read_only,
        },
    })
}
