//! Rules between the keys of one layer, which serde types cannot say.

use super::{Layer, schema::Mount};
use crate::error::Error;

/// Kind of a mount, and the options it takes.
const KINDS: &[(&str, &[&str])] = &[
    ("ro", &["at", "optional", "create", "noexec"]),
    ("rw", &["at", "optional", "create", "noexec"]),
    ("tmpfs", &["size", "inodes", "mode", "noexec"]),
    ("file", &["content", "from", "mode"]),
    ("symlink", &["to"]),
    ("hide", &["optional"]),
    ("socket", &["at", "optional"]),
    ("device", &["at", "optional"]),
    ("unset", &[]),
];

/// Every breach of a rule, in the order of the entries.
pub fn check(layer: &Layer) -> Vec<Error> {
    let mut errors: Vec<Error> = Vec::new();
    for (i, mount) in layer.profile.mounts.iter().enumerate() {
        errors.extend(mount_error(layer, mount, &format!("mounts[{i}]")));
    }
    for (i, fd) in layer.profile.pass_fds.iter().enumerate().filter(|(_, fd)| **fd <= 2) {
        let error = Error::profile(format!("{fd} is not above 2: 0, 1 and 2 are always the sandbox's own pipes"));
        errors.push(error.origin(&layer.origin(&format!("pass_fds[{i}]"))));
    }
    if layer.profile.root.path.is_some() && layer.profile.root.name.is_some() {
        let error = Error::profile("a root file system has either a path or a name");
        errors.push(error.remedy("Write one of the two").origin(&layer.origin("root.name")));
    }
    // To tmpfs(5) a limit of 0 is none.
    if layer.profile.root.size.is_some_and(|size| size.0 == 0) {
        errors.push(Error::profile("a size of 0 leaves no room").origin(&layer.origin("root.size")));
    }
    errors
}

fn mount_error(layer: &Layer, mount: &Mount, path: &str) -> Option<Error> {
    let set = mount.keys();
    let wrong = |message: String, key: &str| {
        Some(
            Error::profile(message)
                .origin(&layer.origin(&format!("{path}{}{key}", if key.is_empty() { "" } else { "." }))),
        )
    };
    let kinds: Vec<_> = KINDS.iter().filter(|(kind, _)| set.contains(kind)).collect();
    let (kind, options) = match kinds[..] {
        [one] => *one,
        [] => {
            let all: Vec<_> = KINDS.iter().map(|(kind, _)| *kind).collect();
            return wrong(format!("a mount needs exactly one of {}", all.join(", ")), "");
        }
        [(first, _), (second, _), ..] => {
            return wrong(format!("{first} and {second} in one mount: write two entries"), second);
        }
    };
    if let Some(option) = set.iter().find(|key| **key != kind && !options.contains(key)) {
        let takes = if options.is_empty() { "none".into() } else { options.join(", ") };
        return wrong(format!("{option} is not an option of {kind}, which takes {takes}"), option);
    }
    match kind {
        "file" if mount.content.is_some() == mount.from.is_some() => {
            wrong("file needs exactly one of content, from".into(), kind)
        }
        // To tmpfs(5) a limit of 0 is none.
        "tmpfs" if mount.size.is_some_and(|size| size.0 == 0) => wrong("a size of 0 leaves no room".into(), "size"),
        "tmpfs" if mount.inodes == Some(0) => wrong("0 inodes leave no room".into(), "inodes"),
        "symlink" if mount.to.is_none() => wrong("symlink needs the option to".into(), kind),
        _ => None,
    }
}
