//! The root file system of a run: a directory, or an imported one, in the place of the host's system.

use super::host::HostFacts;
use super::trust::Trees;
use super::variables::Scope;
use super::{Bind, BindRole, Mount, MountKind, RootWritable, SourcePath, User, paths, roots, source, wrong};
use crate::error::Error;
use crate::profile::{Located, Root, schema, wording};
use crate::rootfs::store;
use std::path::{Path, PathBuf};

/// The bind at `/`, if a root file system is asked for.
pub(super) fn find(written: &Root, user: &User, host: &HostFacts) -> Result<Option<Mount>, Error> {
    let (source, origin) = match (&written.path, &written.name) {
        (Some(path), _) => (directory(path, host)?, &path.origin),
        (None, Some(name)) => (imported(name, host)?, &name.origin),
        (None, None) => return Ok(None),
    };
    let writable = written.writable.as_ref().is_some_and(|how| how.value == RootWritable::Persistent);
    let id_mapped = user.mapped_by_root;
    let bind = Bind { source, writable, noexec: false, directory: true, role: BindRole::Root, id_mapped };
    Ok(Some(Mount { at: "/".into(), kind: MountKind::Bind(bind), origin: origin.clone() }))
}

/// Its name, if it is an imported one.
pub(super) fn name(written: &Root) -> Option<String> {
    written.name.as_ref().filter(|_| written.path.is_none()).map(|name| name.value.clone())
}

/// `root.writable`, which is nothing without a root.
pub(super) fn writable(written: &Root, has_root: bool) -> Result<Option<RootWritable>, Error> {
    let without = |origin, key| {
        Err(wrong(origin, format!("{key} is of no use without a root file system"))
            .remedy("Name one: --root NAME, or --root DIR/"))
    };
    match (&written.writable, &written.size) {
        (Some(how), _) if !has_root => without(&how.origin, "root.writable"),
        (_, Some(size)) if !has_root => without(&size.origin, "root.size"),
        // A profile's own size is of no use to who says otherwise on top of it, and no mistake.
        (how, Some(size))
            if how.as_ref().is_none_or(|how| {
                how.value != RootWritable::Tmpfs && (size.origin.is_flag || how.origin.source == size.origin.source)
            }) =>
        {
            Err(wrong(&size.origin, "root.size is the room of root.writable: tmpfs, which is not asked for")
                .remedy("Add --root-writable tmpfs, or take the size out"))
        }
        (how, _) => Ok(has_root.then(|| how.as_ref().map_or(RootWritable::No, |how| how.value))),
    }
}

/// Takes out what built-in profiles show of the host's system, and their links that stand for it: in a root file system it is its own.
/// What the user writes stays.
pub(super) fn replace_system(mounts: &mut Vec<Located<schema::Mount>>) {
    mounts.retain(|Located { value, origin }| {
        let is_built_in = origin.position.is_none() && !origin.is_flag;
        let place = [&value.ro, &value.rw, &value.hide].into_iter().flatten().next();
        !(is_built_in && (value.symlink.is_some() || place.is_some_and(|place| paths::is_system(Path::new(place)))))
    });
}

fn directory(Located { value, origin }: &Located<String>, host: &HostFacts) -> Result<SourcePath, Error> {
    let path = Scope { host, origin }.path(value)?;
    roots::refuse(&path, origin, host)?;
    let real = host.real(&path);
    let is_the_hosts =
        real == Path::new("/") || ["/proc", "/sys", "/dev", "/run"].iter().any(|own| real.starts_with(own));
    if is_the_hosts || host.real_home.iter().chain(&host.home).any(|home| host.real(home).starts_with(&real)) {
        return Err(wrong(
            origin,
            format!("{} is no root file system: the host's own files are in it", path.display()),
        )
        .remedy("Name a directory that holds nothing but the root file system")
        .path(path));
    }
    let source = Trees::new(host, std::iter::empty()).split(&path);
    let found = source::look(&source).map_err(|trouble| trouble.error(&path, origin))?;
    match found {
        Some(found) if found.kind.is_dir() || found.link.is_some() && path.is_dir() => Ok(source),
        Some(_) => Err(wrong(origin, format!("{} is no directory", path.display()))
            .remedy(format!("Import an archive first: sandbox rootfs import {} --name NAME", path.display()))
            .path(path)),
        None => Err(wrong(origin, format!("{} does not exist", path.display()))
            .remedy("Correct the path; an imported root file system is named without a slash")
            .path(path)),
    }
}

fn imported(Located { value: name, origin }: &Located<String>, host: &HostFacts) -> Result<SourcePath, Error> {
    let none = |message: String, remedy: String| Err(wrong(origin, message).remedy(remedy));
    if !store::is_name(name) {
        return none(
            format!("{name:?} is no name of a root file system"),
            format!("A directory is written with a slash: {name}/"),
        );
    }
    let directory = store::directory(host.variable("XDG_DATA_HOME"), host.home.as_deref());
    let tree = directory.as_deref().map(|directory| store::tree(directory, name)).filter(|tree| tree.is_dir());
    if let Some(tree) = tree {
        return Ok(SourcePath { base: tree, below: PathBuf::new() });
    }
    let known = directory.and_then(|directory| directory.read_dir().ok()).into_iter().flatten();
    let known: Vec<String> = known.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    let remedy = match wording::nearest(name, known.iter().map(String::as_str).filter(|name| store::is_name(name))) {
        Some(near) => format!("Did you mean {near:?}?"),
        None if Path::new(name).is_dir() => format!("For the directory write {name}/"),
        None => format!("Import it: sandbox rootfs import FILE --name {name}"),
    };
    none(format!("no root file system {name:?} is imported"), remedy)
}
