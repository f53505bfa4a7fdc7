//! What every sandbox has: `/proc`, a minimal `/dev`, and the files in `/etc` that programs expect.

use super::identity::Names;
use super::walk::{self, End};
use super::{Bind, BindRole, File, Mount, MountKind, NetworkMode, Root, RootWritable, SourcePath, Tmpfs, User, lookup};
use crate::profile::Origin;
use std::path::{Path, PathBuf};

/// Who asked for what nobody asked for.
pub(super) fn own_origin() -> Origin {
    Origin { source: "sandbox".into(), ..Origin::default() }
}

/// The entries; `home` is HOME inside. A root file system has users of its own, and its own ways to look up names.
pub(super) fn own(
    user: &User,
    names: &Names,
    home: &Path,
    hostname: &str,
    network: NetworkMode,
    root: Option<&Mount>,
) -> Vec<Mount> {
    let mut mounts = vec![("/proc".to_owned(), MountKind::Proc), ("/dev/pts".to_owned(), MountKind::Devpts)];
    if root.is_some() {
        // What lies in its /dev is the archive's.
        let dev = Tmpfs { size: 64 << 10, inodes: 64, mode: 0o755, noexec: true, sealed: true };
        // Programs expect to write there, whatever they write to.
        let room = Tmpfs { size: 1 << 30, inodes: 1 << 18, mode: 0o1777, noexec: false, sealed: false };
        mounts.extend([("/dev", dev), ("/var/tmp", room)].map(|(at, tmpfs)| (at.to_owned(), MountKind::Tmpfs(tmpfs))));
    }
    for name in ["null", "zero", "full", "random", "urandom", "tty"] {
        let path = format!("/dev/{name}");
        mounts.push((path.clone(), MountKind::Bind(device(path))));
    }
    let links = [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
        ("ptmx", "pts/ptmx"),
    ];
    mounts.extend(links.map(|(name, text)| (format!("/dev/{name}"), MountKind::Symlink(text.into()))));
    let files = [
        ("passwd", passwd(user, names, home)),
        ("group", group(user, names)),
        ("hosts", format!("127.0.0.1\tlocalhost {hostname}\n::1\tlocalhost ip6-localhost\n").into_bytes()),
        ("hostname", format!("{hostname}\n").into_bytes()),
        (
            "nsswitch.conf",
            b"passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nservices: files\nprotocols: files\n"
                .to_vec(),
        ),
        ("resolv.conf", resolv_conf(network)),
    ];
    let has_its_own = |name: &str, root: &Mount| {
        let at = Path::new("/etc").join(name);
        // In one that keeps what is written, an empty file would be left where it is mounted.
        let keeps = root.bind().is_some_and(|bind| bind.writable);
        ["passwd", "group", "nsswitch.conf"].contains(&name)
            && (keeps || matches!(walk::walk(std::slice::from_ref(root), &at, None).end, End::Host(_)))
    };
    for (name, content) in files {
        if !root.is_some_and(|root| has_its_own(name, root)) {
            mounts.push((format!("/etc/{name}"), MountKind::File(File { content, mode: 0o444 })));
        }
    }
    mounts.into_iter().map(|(at, kind)| Mount { at: at.into(), kind, origin: own_origin() }).collect()
}

/// The root: 16 MiB for the made-up files, and as many inodes as the destinations and the ways to them need.
pub(super) fn root(mounts: &[Mount], writable: Option<RootWritable>, size: Option<u64>) -> Root {
    let names = mounts.iter().map(|mount| mount.at.components().count()).sum::<usize>() as u64;
    let (size, written) = match writable {
        Some(RootWritable::Tmpfs) => size.map_or((1 << 30, 1 << 18), |size| (size, size / 4096)),
        _ => (16 << 20, 0),
    };
    Root {
        tmpfs: Tmpfs {
            size,
            inodes: 64 + names + written,
            mode: 0o755,
            noexec: false,
            sealed: writable.is_none_or(|how| how == RootWritable::No),
        },
        writable,
        name: None,
    }
}

/// Adds those whose destination the profile has not given, by itself or with a tree around it.
pub(super) fn add(mounts: &mut Vec<Mount>, own: Vec<Mount>) {
    for mount in own {
        let given = lookup::nearest(mounts, &mount.at)
            .is_some_and(|other| other.at == mount.at || other.bind().is_some_and(|bind| bind.role != BindRole::Root));
        if !given {
            lookup::insert(mounts, mount);
        }
    }
}

fn device(path: String) -> Bind {
    Bind {
        source: SourcePath { base: path.into(), below: PathBuf::new() },
        writable: true,
        noexec: true,
        directory: false,
        role: BindRole::Device,
        id_mapped: false,
    }
}

/// passwd(5): the user, root and nobody (the owner of all that is not mapped).
fn passwd(user: &User, names: &Names, home: &Path) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt;
    // A home whose name would end the field cannot be said here; HOME says it.
    let home = Some(home.as_os_str().as_bytes()).filter(|home| !home.iter().any(|byte| b":\n".contains(byte)));
    let mut lines = Vec::new();
    let mut line = |name: &str, uid: u32, gid: u32, home: &[u8], shell: &str| {
        lines.extend_from_slice(format!("{name}:x:{uid}:{gid}:{name}:").as_bytes());
        lines.extend_from_slice(home);
        lines.extend_from_slice(format!(":{shell}\n").as_bytes());
    };
    line(&names.user, user.uid, user.gid, home.unwrap_or(b"/"), "/bin/sh");
    if user.uid != 0 {
        line("root", 0, 0, b"/root", "/bin/sh");
    }
    if user.uid != NOBODY {
        line("nobody", NOBODY, NOBODY, b"/", "/bin/false");
    }
    lines
}

/// group(5)
fn group(user: &User, names: &Names) -> Vec<u8> {
    let mut text = format!("{}:x:{}:\n", names.group, user.gid);
    for (name, gid) in [("root", 0), ("tty", 5), ("nogroup", NOBODY)] {
        if user.gid != gid {
            text.push_str(&format!("{name}:x:{gid}:\n"));
        }
    }
    text.into_bytes()
}

/// The kernel's overflow id, `/proc/sys/kernel/overflowuid`.
pub(super) const NOBODY: u32 = 65534;

/// Empty, and so a name that cannot be resolved fails at once, without a network; else the host's.
fn resolv_conf(network: NetworkMode) -> Vec<u8> {
    match network {
        NetworkMode::None => Vec::new(),
        NetworkMode::Host => std::fs::read("/etc/resolv.conf").unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing::{World, by_flag};
    use crate::plan::{Plan, paths};
    use crate::profile::schema;

    fn text(plan: &Plan, at: &str) -> String {
        match &plan.at(Path::new(at)).unwrap().kind {
            MountKind::File(file) => String::from_utf8(file.content.clone()).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_sandbox_without_a_profile_has_proc_dev_and_etc() {
        let plan = World::new().planned();
        let places: Vec<String> = plan.mounts.iter().map(|mount| mount.at.display().to_string()).collect();
        assert_eq!(
            places.join(" "),
            "/dev/fd /dev/full /dev/null /dev/ptmx /dev/pts /dev/random /dev/stderr /dev/stdin /dev/stdout /dev/tty \
             /dev/urandom /dev/zero /etc/group /etc/hostname /etc/hosts /etc/nsswitch.conf /etc/passwd \
             /etc/resolv.conf /proc"
        );
        assert!(paths::is_system(Path::new("/etc")));
    }

    #[test]
    fn passwd_and_group_agree_with_the_user() {
        let mut world = World::new();
        let root = world.planned();
        assert!(
            text(&root, "/etc/passwd")
                .starts_with(&format!("root:x:0:0:root:{}:/bin/sh\nnobody:", world.path("home").display()))
        );
        assert!(text(&root, "/etc/group").starts_with("root:x:0:\n"));
        world.merged.uid = Some(by_flag(schema::Id::Caller));
        world.merged.gid = Some(by_flag(schema::Id::Caller));
        let own = world.planned();
        assert!(text(&own, "/etc/passwd").starts_with("user:x:1000:1000:user:"));
        assert!(
            text(&own, "/etc/passwd").contains("\nroot:x:0:0:")
                && text(&own, "/etc/group").starts_with("user:x:1000:\n")
        );
    }

    #[test]
    fn a_home_cannot_add_a_line_or_a_field() {
        let mut world = World::new();
        world.host.home = Some("/tmp/a\nevil::0:0::/:/bin/sh".into());
        assert!(text(&world.planned(), "/etc/passwd").starts_with("root:x:0:0:root:/:/bin/sh\nnobody:"));
    }

    #[test]
    fn the_profile_may_give_a_made_up_file_itself() {
        assert_eq!(text(&World::new().mount("file /etc/hosts").planned(), "/etc/hosts"), "made up");
    }

    #[test]
    fn a_tree_given_for_etc_brings_its_own_files() {
        let world = World::new().file("etc/passwd").mount("ro ROOT/etc at=/etc");
        assert!(world.planned().at(Path::new("/etc/passwd")).is_none());
    }

    #[test]
    fn without_a_network_no_name_server_is_asked() {
        let mut world = World::new();
        assert_eq!(text(&world.planned(), "/etc/resolv.conf"), "");
        world.merged.network = Some(by_flag(NetworkMode::Host));
        let host = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
        assert_eq!(text(&world.planned(), "/etc/resolv.conf"), host);
    }
}
