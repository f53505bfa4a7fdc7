//! The file tree inside, from what was written: sources looked at, destinations checked, carve-outs held.

use super::host::HostFacts;
use super::source::{self, Found, Trouble};
use super::trust::Trees;
use super::written::{self, Kind, Written};
use super::{
    Bind, BindRole, Create, File, Mount, MountKind, SourcePath, Tmpfs, User, Watch, base, covers, destinations, hides,
    links, lookup, paths, pins, refusals, roots, watches, wrong,
};
use crate::error::Error;
use crate::plan::variables::Scope;
use crate::profile::{self, Located, Origin, schema};
use std::io::ErrorKind;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// The tree and what goes with it.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub mounts: Vec<Mount>,
    pub watch: Vec<Watch>,
    pub create: Vec<Create>,
    pub notices: Vec<String>,
    /// Optional sources that are not there: destination and who asked.
    absent: Vec<(PathBuf, Origin)>,
    /// Trusted sources that are links themselves.
    pub(super) links: Vec<links::Linked>,
}

/// Builds the tree on `root`, if there is one. `own`: what every sandbox has; `profiles` are not writable inside.
pub(super) fn build(
    written: &[Located<schema::Mount>],
    profiles: &[profile::Source],
    root: Option<Mount>,
    own: Vec<Mount>,
    user: &User,
    host: &HostFacts,
) -> Result<Tree, Error> {
    let mut tree = Tree { mounts: root.into_iter().collect(), ..Tree::default() };
    let entries = written::collect(written, host, &mut tree.notices)?;
    let builder = Builder { host, user, trees: Trees::new(host, entries.trees()) };
    for (at, entry) in &entries.at {
        refusals::source(entry, host)?;
        refusals::destination(at, entry, host)?;
        builder.add(&mut tree, at, entry)?;
    }
    base::add(&mut tree.mounts, own);
    links::place(&mut tree, host);
    destinations::settle(&mut tree)?;
    hides::add(&mut tree, &entries)?;
    tree.watch_absent();
    covers::add(&mut tree, profiles, host)?;
    drop_implied(&mut tree.mounts);
    pins::add(&mut tree.mounts);
    watches::add(&mut tree);
    Ok(tree)
}

struct Builder<'a> {
    host: &'a HostFacts,
    user: &'a User,
    trees: Trees<'a>,
}

impl Builder<'_> {
    fn add(&self, tree: &mut Tree, at: &Path, entry: &Written<'_>) -> Result<(), Error> {
        let kind = match entry.kind {
            Kind::Ro | Kind::Rw | Kind::Socket | Kind::Device => return self.add_source(tree, at, entry),
            Kind::Hide | Kind::Unset => return Ok(()),
            Kind::Tmpfs => MountKind::Tmpfs(tmpfs(at, entry.options)),
            Kind::File => MountKind::File(self.file(entry)?),
            Kind::Symlink => {
                let text = entry.options.to.as_deref().unwrap_or_default();
                let text = Scope { host: self.host, origin: entry.origin }.value(text)?;
                if text.is_empty() {
                    return Err(wrong(entry.origin, "a symlink needs to:").remedy("Write to: and what it leads to"));
                }
                MountKind::Symlink(text.into())
            }
        };
        lookup::insert(&mut tree.mounts, Mount { at: at.to_path_buf(), kind, origin: entry.origin.clone() });
        Ok(())
    }

    fn add_source(&self, tree: &mut Tree, at: &Path, entry: &Written<'_>) -> Result<(), Error> {
        let source = self.trees.split(&entry.source);
        let found = match source::look(&source) {
            Err(Trouble::Io(error)) if entry.optional() && error.kind() == ErrorKind::PermissionDenied => None,
            looked => looked.map_err(|trouble| trouble.error(&entry.source, entry.origin))?,
        };
        let Some(found) = found else { return self.add_missing(tree, at, source, entry) };
        let directory = self.check_kind(entry, &found)?;
        let mount = self.bind(at, source, entry, directory);
        match found.link {
            Some(text) if entry.options.at.is_none() => tree.links.push(links::Linked { mount, text }),
            _ => lookup::insert(&mut tree.mounts, mount),
        }
        Ok(())
    }

    fn add_missing(&self, tree: &mut Tree, at: &Path, source: SourcePath, entry: &Written<'_>) -> Result<(), Error> {
        let path = entry.source.display();
        if entry.options.create == Some(true) && matches!(entry.kind, Kind::Ro | Kind::Rw) {
            let parent = entry.source.parent().unwrap_or(Path::new("/"));
            let above = self.trees.split(parent);
            let looked = source::look(&above).map_err(|trouble| trouble.error(parent, entry.origin))?;
            if !looked.is_some_and(|found| found.kind.is_dir()) {
                return Err(wrong(
                    entry.origin,
                    format!("{} does not exist, and create: true makes the last name of {path} only", parent.display()),
                )
                .remedy(format!("mkdir -p {}", parent.display()))
                .path(&entry.source));
            }
            let name = entry.source.file_name().unwrap_or_default().to_owned();
            tree.create.push(Create { parent: above, name, origin: entry.origin.clone() });
            lookup::insert(&mut tree.mounts, self.bind(at, source, entry, true));
            return Ok(());
        }
        if entry.optional() {
            tree.absent.push((at.to_path_buf(), entry.origin.clone()));
            return Ok(());
        }
        let remedy = match entry.kind {
            Kind::Rw if entry.origin.is_flag => "mkdir -p it",
            Kind::Rw => "mkdir -p it, or add create: true",
            _ if entry.origin.is_flag => "Correct the path",
            _ => "Correct the path, or add optional: true",
        };
        Err(wrong(entry.origin, format!("{path} does not exist")).remedy(remedy).path(&entry.source))
    }

    /// Whether it is a directory, if it is what the key says.
    fn check_kind(&self, entry: &Written<'_>, found: &Found) -> Result<bool, Error> {
        let path = entry.source.display();
        let refuse = |what: String, remedy: String| Err(wrong(entry.origin, what).remedy(remedy).path(&entry.source));
        match entry.kind {
            Kind::Socket if !found.kind.is_socket() => {
                refuse(format!("{path} is not a socket"), "Name the socket itself".into())
            }
            Kind::Device if !found.kind.is_char_device() && !found.kind.is_block_device() => {
                refuse(format!("{path} is not a device"), "Name the device itself".into())
            }
            Kind::Ro | Kind::Rw => match source::other_key(found.kind) {
                Some((what, remedy)) => refuse(format!("{path} is {what}"), format!("For that {remedy}")),
                None => Ok(found.kind.is_dir()),
            },
            _ => Ok(false),
        }
    }

    fn bind(&self, at: &Path, source: SourcePath, entry: &Written<'_>, directory: bool) -> Mount {
        let (role, writable) = match entry.kind {
            Kind::Socket => (BindRole::Socket, true),
            Kind::Device => (BindRole::Device, true),
            kind => (BindRole::Tree, kind == Kind::Rw),
        };
        // Files of host root would be nobody's inside: git refuses such a project even to read.
        let home = self.host.home.as_deref().is_some_and(|home| entry.source.starts_with(home));
        let own = writable || home || entry.source.starts_with(&self.host.cwd);
        let id_mapped = self.user.mapped_by_root && role == BindRole::Tree && own;
        let noexec = entry.options.noexec == Some(true);
        let bind = Bind { source, writable, noexec, directory, role, id_mapped };
        Mount { at: at.to_path_buf(), kind: MountKind::Bind(bind), origin: entry.origin.clone() }
    }

    fn file(&self, entry: &Written<'_>) -> Result<File, Error> {
        const LARGEST: u64 = 1 << 20;
        let mode = entry.options.mode.map_or(0o444, |mode| mode.0);
        let content = match (&entry.options.content, &entry.options.from) {
            (Some(content), None) if content.len() as u64 > LARGEST => {
                return Err(wrong(entry.origin, "content is larger than 1 MiB").remedy("Bind a file with ro:"));
            }
            (Some(content), None) => content.clone().into_bytes(),
            (None, Some(from)) => {
                let path = Scope { host: self.host, origin: entry.origin }.path(from)?;
                roots::refuse(&path, entry.origin, self.host)?;
                let source = self.trees.split(&path);
                source::look(&source).map_err(|trouble| trouble.error(&path, entry.origin))?;
                source::read(&source, LARGEST).map_err(|error| {
                    wrong(entry.origin, format!("{} cannot be copied: {error}", path.display()))
                        .remedy("Name a regular file of at most 1 MiB that you can read")
                        .path(&path)
                })?
            }
            _ => return Err(wrong(entry.origin, "a file has either content: or from:").remedy("Write one of the two")),
        };
        Ok(File { content, mode })
    }
}

impl Tree {
    /// What is absent in a writable tree may be made by the command: it is looked for after the run.
    fn watch_absent(&mut self) {
        for (at, origin) in std::mem::take(&mut self.absent) {
            self.watch_if_writable(&at, &origin);
        }
    }

    pub(super) fn watch_if_writable(&mut self, at: &Path, origin: &Origin) {
        if let Some((_, bind, rest)) = lookup::bind_of(&self.mounts, at)
            && bind.writable
            && bind.role == BindRole::Tree
        {
            let path = lookup::join(&bind.source.path(), &rest);
            self.watch.push(Watch { path, now: None, origin: origin.clone() });
        }
    }
}

fn tmpfs(at: &Path, options: &schema::Mount) -> Tmpfs {
    let size = options.size.map_or(64 << 20, |size| size.0);
    let shared = ["/tmp", "/var/tmp", "/dev/shm"].iter().any(|place| at == Path::new(place));
    Tmpfs {
        size,
        inodes: options.inodes.unwrap_or((size / 4096).max(1)),
        mode: options.mode.map_or(if shared { 0o1777 } else { 0o755 }, |mode| mode.0),
        noexec: options.noexec == Some(true),
        sealed: false,
    }
}

/// A tree that the tree above shows already, with the same rights: one mount fewer.
fn drop_implied(mounts: &mut Vec<Mount>) {
    let implied: Vec<bool> = mounts
        .iter()
        .map(|mount| {
            let MountKind::Bind(bind) = &mount.kind else { return false };
            let Some((above, outer)) = lookup::above(mounts, &mount.at).and_then(|above| Some((above, above.bind()?)))
            else {
                return false;
            };
            let place = paths::below(&mount.at, &above.at).map(|rest| outer.source.path().join(rest));
            let same = |bind: &Bind| (bind.role, bind.writable, bind.noexec, bind.id_mapped);
            bind.role == BindRole::Tree && same(bind) == same(outer) && place == Some(bind.source.path())
        })
        .collect();
    let mut implied = implied.into_iter();
    mounts.retain(|_| implied.next() == Some(false));
}

impl Mount {
    pub(super) fn bind(&self) -> Option<&Bind> {
        match &self.kind {
            MountKind::Bind(bind) => Some(bind),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing::World;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_missing_source_names_its_line_and_what_to_do() {
        let world = World::new().mount("ro /usr").mount("rw ROOT/home/.cache/ccache");
        insta::assert_snapshot!(world.refusal(), @"cc.yaml:2:5: mounts[1].rw: ROOT/home/.cache/ccache does not exist. mkdir -p it, or add create: true");
    }

    #[test]
    fn a_missing_source_on_a_flag_is_a_usage_error() {
        let error = World::new().mount_flag("rw nothing").plan().unwrap_err();
        assert_eq!((error.kind, error.remedy.as_deref()), (crate::error::ErrorKind::Usage, Some("mkdir -p it")));
    }

    #[test]
    fn a_missing_optional_source_is_skipped() {
        let plan = World::new().mount("ro ROOT/nothing optional").planned();
        assert!(plan.watch.is_empty() && plan.mounts.iter().all(|mount| mount.origin.source == "sandbox"));
    }

    #[test]
    fn a_missing_carve_out_in_a_writable_tree_is_watched_if_it_is_optional() {
        let world = World::new().mount("rw ${PWD}").mount("ro ${PWD}/.github optional");
        assert_eq!(world.planned().watch[0].path, world.path("home/app/.github"));
        let world = World::new().mount("rw ${PWD}").mount("ro ${PWD}/.github");
        assert!(world.refusal().contains(".github does not exist"));
    }

    #[test]
    fn a_missing_carve_out_in_a_read_only_tree_cannot_appear() {
        let world = World::new().mount("ro ${PWD}").mount("ro ${PWD}/.github optional");
        assert!(world.planned().watch.is_empty());
    }

    #[test]
    fn create_makes_the_last_name_only() {
        let world = World::new().mount("rw ~/a/b create");
        insta::assert_snapshot!(world.refusal(), @"cc.yaml:1:5: mounts[0].rw: ROOT/home/a does not exist, and create: true makes the last name of ROOT/home/a/b only. mkdir -p ROOT/home/a");
    }

    #[test]
    fn create_in_the_project_is_opened_from_the_project_and_lies_in_a_read_only_tree() {
        let world = World::new().mount("ro ${PWD}").mount("rw ${PWD}/target create");
        let plan = world.planned();
        assert_eq!(plan.create[0].parent.path(), world.path("home/app"));
        let source = &world.bind_at(&plan, "home/app/target").source;
        assert_eq!((&source.base, source.below.as_path()), (&world.path("home/app"), Path::new("target")));
    }

    #[test]
    fn create_of_what_is_there_creates_nothing() {
        assert!(World::new().directory("home/a").mount("rw ~/a create").planned().create.is_empty());
    }

    #[test]
    fn a_source_in_the_project_that_leads_out_of_it_is_refused() {
        let world = World::new().directory("home/.ssh").symlink("home/app/target", "../.ssh");
        let world = world.mount("ro ${PWD}").mount("rw ${PWD}/target");
        insta::assert_snapshot!(world.refusal(), @"cc.yaml:2:5: mounts[1].rw: ROOT/home/app/target is a symbolic link to ROOT/home/.ssh, set by whoever wrote the tree: refused. Name the real directory");
    }

    #[test]
    fn a_carve_out_that_is_a_link_could_be_pointed_elsewhere_and_is_refused() {
        let world = World::new().directory("home/app/shared").symlink("home/app/hooks", "shared");
        let world = world.mount("rw ${PWD}").mount("ro ${PWD}/hooks");
        assert!(world.refusal().contains("ROOT/home/app/hooks is a symbolic link to shared"), "{}", world.refusal());
    }

    #[test]
    fn a_copied_file_does_not_leave_the_project_either() {
        let world = World::new().file("home/key").symlink("home/app/conf", "../key");
        let refusal = world.mount("file /etc/conf from=${PWD}/conf").refusal();
        assert!(refusal.contains("ROOT/home/app/conf is a symbolic link"), "{refusal}");
        let world = World::new().file("home/app/conf").mount("file /etc/conf from=${PWD}/conf");
        let plan = world.planned();
        let MountKind::File(file) = &plan.at(Path::new("/etc/conf")).unwrap().kind else { panic!() };
        assert_eq!(file.content, b"content");
    }

    #[test]
    fn links_outside_of_such_trees_are_the_caller_s_and_followed() {
        let world = World::new().directory("data/cache").symlink("home/.cache", "../data/cache");
        let world = world.directory("home/.cache/ccache").mount("rw ~/.cache/ccache");
        assert!(world.bind_at(&world.planned(), "home/.cache/ccache").directory);
    }

    #[test]
    fn what_is_shown_already_with_the_same_rights_is_not_mounted_twice() {
        let world = World::new().directory("home/app/a").directory("home/app/b").mount("ro ${PWD}");
        let world = world.mount("ro ${PWD}/a").mount("ro ${PWD}/b noexec");
        let plan = world.planned();
        assert!(plan.at(&world.path("home/app/a")).is_none());
        assert!(world.bind_at(&plan, "home/app/b").noexec);
    }

    #[test]
    fn a_tmpfs_always_has_limits_and_a_shared_one_is_sticky() {
        let plan = World::new().mount("tmpfs /tmp").mount("tmpfs /data").planned();
        let tmpfs = |at: &str| match plan.at(Path::new(at)).unwrap().kind {
            MountKind::Tmpfs(tmpfs) => (tmpfs.size, tmpfs.inodes, tmpfs.mode),
            ref other => panic!("{other:?}"),
        };
        assert_eq!(tmpfs("/tmp"), (64 << 20, (64 << 20) / 4096, 0o1777));
        assert_eq!(tmpfs("/data").2, 0o755);
    }

    #[test]
    fn devices_and_sockets_have_keys_of_their_own() {
        assert!(World::new().mount("ro /dev/null at=/x").refusal().contains("there is device:"));
        assert!(World::new().mount("device /etc/passwd at=/x").refusal().contains("is not a device"));
        assert!(World::new().mount("socket /etc/passwd at=/x").refusal().contains("is not a socket"));
    }

    #[test]
    fn what_cannot_be_looked_at_is_an_error_unless_it_is_optional() {
        let world = World::new().file("locked/x").mount("ro ROOT/locked/x");
        std::fs::set_permissions(world.path("locked"), std::fs::Permissions::from_mode(0o000)).unwrap();
        let root = nix::unistd::geteuid().is_root();
        assert!(root || world.refusal().contains("cannot be looked at"));
        let world = World { merged: Default::default(), ..world }.mount("ro ROOT/locked/x optional");
        assert_eq!(world.planned().at(&world.path("locked/x")).is_some(), root);
        std::fs::set_permissions(world.path("locked"), std::fs::Permissions::from_mode(0o700)).unwrap();
    }
}
