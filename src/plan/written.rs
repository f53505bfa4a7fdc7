//! The written mounts, expanded and keyed by destination: a later entry replaces the earlier one whole.

use super::host::HostFacts;
use super::variables::{STAR, Scope};
use super::{variables, wrong};
use crate::error::Error;
use crate::profile::{Located, Origin, schema};
use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The kinds of a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Ro,
    Rw,
    Tmpfs,
    File,
    Symlink,
    Hide,
    Socket,
    Device,
    Unset,
}

impl Kind {
    /// It shows something of the host's.
    pub fn has_source(self) -> bool {
        matches!(self, Kind::Ro | Kind::Rw | Kind::Socket | Kind::Device)
    }
}

/// One entry with its paths expanded.
#[derive(Debug, Clone)]
pub(super) struct Written<'a> {
    pub kind: Kind,
    /// Of the kinds that have one.
    pub source: PathBuf,
    pub options: &'a schema::Mount,
    pub origin: &'a Origin,
    /// How many entries came before it.
    order: usize,
}

impl Written<'_> {
    pub fn optional(&self) -> bool {
        self.options.optional == Some(true)
    }
}

/// All entries of a run.
#[derive(Debug, Default)]
pub(super) struct Entries<'a> {
    /// By destination.
    pub at: BTreeMap<PathBuf, Written<'a>>,
    /// `hide` with a `*`, in order.
    pub patterns: Vec<(PathBuf, Written<'a>)>,
    /// Destinations taken out, and when.
    unset: Vec<(PathBuf, usize)>,
}

/// Expands and keys the entries. What is left out because it is the home is said in `notices`.
pub(super) fn collect<'a>(
    mounts: &'a [Located<schema::Mount>],
    host: &HostFacts,
    notices: &mut Vec<String>,
) -> Result<Entries<'a>, Error> {
    let mut entries = Entries::default();
    let no_project = host.cwd_holds_home();
    for (order, Located { value: options, origin }) in mounts.iter().enumerate() {
        let scope = Scope { host, origin };
        let (kind, text) = kind_of(options, origin)?;
        let path = if matches!(kind, Kind::Hide | Kind::Unset) { scope.pattern(text)? } else { scope.path(text)? };
        let written = Written { kind, source: path.clone(), options, origin, order };
        if kind == Kind::Unset {
            entries.unset(path, order, origin)?;
            continue;
        }
        if no_project && kind.has_source() && written.optional() && is_cwd(host, &path) {
            notices.push(format!("the current directory is left out: {}", why_no_project(host)));
            continue;
        }
        if kind == Kind::Hide && path.as_os_str().as_bytes().contains(&STAR) {
            entries.patterns.push((path, written));
            continue;
        }
        let at = match options.at.as_deref().filter(|_| kind.has_source()) {
            Some(text) => destination(text, scope)?,
            None => path,
        };
        entries.at.insert(at, written);
    }
    Ok(entries)
}

impl<'a> Entries<'a> {
    fn unset(&mut self, path: PathBuf, order: usize, origin: &Origin) -> Result<(), Error> {
        let before = self.at.len() + self.patterns.len();
        self.at.remove(&path);
        self.patterns.retain(|(pattern, _)| *pattern != path);
        let hit = before != self.at.len() + self.patterns.len()
            || self.patterns.iter().any(|(pattern, _)| pattern.parent() == path.parent());
        if !hit {
            return Err(wrong(
                origin,
                format!("no earlier entry has the destination {}", variables::show_pattern(&path)),
            )
            .remedy("Take the line out, or name a destination that `sandbox explain -v` lists"));
        }
        self.unset.push((path, order));
        Ok(())
    }

    /// Does the pattern's word still hold for one of its matches, or was a later line about that very place?
    pub fn pattern_holds(&self, pattern: &Written<'_>, at: &Path) -> bool {
        self.at.get(at).is_none_or(|other| other.order < pattern.order)
            && !self.unset.iter().any(|(path, order)| path == at && *order > pattern.order)
    }

    /// The sources of trees, and whether they are writable.
    pub fn trees(&self) -> impl Iterator<Item = (&Path, bool)> {
        self.at
            .values()
            .filter(|entry| matches!(entry.kind, Kind::Ro | Kind::Rw))
            .map(|entry| (entry.source.as_path(), entry.kind == Kind::Rw))
    }
}

/// The source is the current directory, and that is the home, above it, or the root.
pub(super) fn is_home_as_cwd(host: &HostFacts, source: &Path) -> bool {
    host.cwd_holds_home() && is_cwd(host, source)
}

fn is_cwd(host: &HostFacts, source: &Path) -> bool {
    source == host.cwd || host.real(source) == host.cwd
}

/// "it is your home"
pub(super) fn why_no_project(host: &HostFacts) -> &'static str {
    if host.cwd == Path::new("/") {
        "it is the root of the host"
    } else if [&host.home, &host.real_home].into_iter().flatten().any(|home| *home == host.cwd) {
        "it is your home"
    } else {
        "your home lies in it"
    }
}

fn destination(text: &str, scope: Scope<'_>) -> Result<PathBuf, Error> {
    // The text of a destination never counts from the current directory: nothing inside does yet.
    let origin = Origin { is_flag: false, ..scope.origin.clone() };
    Scope { host: scope.host, origin: &origin }.path(text).map_err(|error| {
        if error.message.ends_with("is a relative path") {
            wrong(scope.origin, format!("the destination {text} is a relative path")).remedy("Write an absolute path")
        } else {
            error
        }
    })
}

fn kind_of<'a>(mount: &'a schema::Mount, origin: &Origin) -> Result<(Kind, &'a str), Error> {
    let kinds = [
        (Kind::Ro, &mount.ro),
        (Kind::Rw, &mount.rw),
        (Kind::Tmpfs, &mount.tmpfs),
        (Kind::File, &mount.file),
        (Kind::Symlink, &mount.symlink),
        (Kind::Hide, &mount.hide),
        (Kind::Socket, &mount.socket),
        (Kind::Device, &mount.device),
        (Kind::Unset, &mount.unset),
    ];
    let mut given = kinds.into_iter().filter_map(|(kind, path)| Some((kind, path.as_deref()?)));
    match (given.next(), given.next()) {
        (Some(only), None) => Ok(only),
        _ => Err(wrong(origin, "a mount has exactly one kind")
            .remedy("Write one of ro, rw, tmpfs, file, symlink, hide, socket, device, unset")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::MountKind;
    use crate::plan::testing::World;

    #[test]
    fn a_later_entry_for_a_destination_replaces_the_earlier_one_whole() {
        let world = World::new().mount("rw ${PWD} noexec").mount("ro ${PWD}");
        let plan = world.planned();
        let bind = world.bind_at(&plan, "home/app");
        assert!(!bind.writable && !bind.noexec);
    }

    #[test]
    fn the_order_of_writing_does_not_matter_for_different_destinations() {
        let world = World::new().directory("home/app/target");
        let one = world.mount("ro ${PWD}").mount("rw ${PWD}/target");
        let plan = one.planned();
        let other = World { merged: Default::default(), ..one }.mount("rw ${PWD}/target").mount("ro ${PWD}");
        let binds = |plan: &crate::plan::Plan| plan.mounts.iter().map(|mount| mount.kind.clone()).collect::<Vec<_>>();
        assert_eq!(binds(&plan), binds(&other.planned()));
    }

    #[test]
    fn a_destination_that_is_not_the_source_is_the_key() {
        let world = World::new().directory("a").directory("b").mount("ro ROOT/a at=/d").mount("ro ROOT/b at=/d");
        let plan = world.planned();
        let MountKind::Bind(bind) = &plan.at(Path::new("/d")).unwrap().kind else { panic!() };
        assert_eq!(bind.source.path(), world.path("b"));
    }

    #[test]
    fn unset_takes_a_destination_out() {
        let world = World::new().mount("rw ${PWD}").mount("tmpfs /tmp").mount("unset /tmp");
        assert!(world.planned().at(Path::new("/tmp")).is_none());
    }

    #[test]
    fn unset_of_what_nobody_gave_is_an_error() {
        let world = World::new().mount("unset /tmp");
        insta::assert_snapshot!(world.refusal(), @"cc.yaml:1:5: mounts[0].unset: no earlier entry has the destination /tmp. Take the line out, or name a destination that `sandbox explain -v` lists");
    }

    #[test]
    fn a_relative_destination_is_an_error_even_on_a_flag() {
        let world = World::new().mount_flag("ro /usr at=usr");
        insta::assert_snapshot!(world.refusal(), @"--ro: the destination usr is a relative path. Write an absolute path");
    }

    #[test]
    fn two_kinds_in_one_mount_are_an_error() {
        let mut world = World::new().mount("ro /usr");
        world.merged.mounts[0].value.rw = Some("/usr".into());
        assert!(world.refusal().contains("exactly one kind"));
    }
}
