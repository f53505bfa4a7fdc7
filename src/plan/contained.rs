//! The plan of a run of the sandbox's own, for work on bytes that nobody trusts: this very program, and nothing of the host's but the
//! files that it is given.

use super::host::HostFacts;
use super::{Bind, BindRole, Mount, MountKind, Plan, SourcePath, base, lookup};
use crate::error::Error;
use crate::profile::schema::IdMap;
use crate::profile::{Located, Merged, Origin};
use caps::Capability;
use nix::sys::statfs::{OVERLAYFS_SUPER_MAGIC, statfs};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Where what is shown lies inside.
pub const PLACE: &str = "/job";

/// A path of the host's that is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// On the host: absolute.
    pub source: PathBuf,
    /// Its name in [`PLACE`].
    pub name: &'static str,
    /// Writable?
    pub writable: bool,
}

/// What is to be run.
#[derive(Debug, Clone, Default)]
pub struct Contained {
    /// What follows the name of this program.
    pub words: Vec<OsString>,
    /// What is shown.
    pub shown: Vec<Shown>,
    /// capabilities(7) over what is shown.
    pub capabilities: Vec<Capability>,
    /// Bytes of one file that it writes.
    pub file_size: Option<u64>,
    /// Bytes of what it says; none is no limit.
    pub output: Option<u64>,
    /// With the caller's ranges of ids: `user.map: subordinate`.
    pub has_range: bool,
}

/// Bytes of address space: enough for a dictionary of any archive that is taken, and no more than a small host has.
const ADDRESS_SPACE: u64 = 4 << 30;
/// Processes and threads.
const PIDS: u64 = 16;

/// Makes it. No profile takes part, and none of the caller's environment.
///
/// # Errors
/// Facts of the host cannot be read, or its user cannot be mapped.
pub fn plan(contained: &Contained) -> Result<Plan, Error> {
    let facts = HostFacts::read()?;
    let program = facts.executable.clone().ok_or_else(|| {
        Error::host("the path of this program cannot be told").remedy("Mount a proc file system on /proc")
    })?;
    let home = Some(PathBuf::from("/root"));
    let host = HostFacts { cwd: "/".into(), real_home: home.clone(), home, ..facts };
    let origin = Origin { source: "--map".into(), is_flag: true, ..Origin::default() };
    let map = contained.has_range.then_some(Located { value: IdMap::Subordinate, origin });
    let inside = Path::new(PLACE).join("sandbox");
    let words = [inside.clone().into_os_string()].into_iter().chain(contained.words.iter().cloned());
    let mut plan = super::make(Merged { map, ..Merged::default() }, words.collect(), &host)?;
    // What is only read may be open to others.
    let id_mapped = |source: &Path, writable| plan.user.mapped_by_root && (writable || !is_overlay(source));
    let mut mounts = vec![mount(inside, program.clone(), id_mapped(&program, false), false, false)?];
    for shown in &contained.shown {
        let at = Path::new(PLACE).join(shown.name);
        mounts.push(mount(at, shown.source.clone(), id_mapped(&shown.source, shown.writable), shown.writable, true)?);
    }
    mounts.into_iter().for_each(|mount| lookup::insert(&mut plan.mounts, mount));
    plan.workdir = PLACE.into();
    plan.root = base::root(&plan.mounts, None, None);
    plan.capabilities.clone_from(&contained.capabilities);
    plan.limits.pids = Some(PIDS);
    plan.limits.address_space = Some(ADDRESS_SPACE);
    plan.limits.file_size = contained.file_size;
    plan.limits.output = contained.output;
    Ok(plan)
}

fn mount(at: PathBuf, source: PathBuf, id_mapped: bool, writable: bool, noexec: bool) -> Result<Mount, Error> {
    let metadata = source
        .metadata()
        .map_err(|error| Error::host(format!("{} cannot be shown inside: {error}", source.display())).path(&source))?;
    let bind = Bind {
        directory: metadata.is_dir(),
        source: SourcePath { base: source, below: PathBuf::new() },
        writable,
        noexec,
        role: BindRole::Tree,
        id_mapped,
    };
    Ok(Mount { at, kind: MountKind::Bind(bind), origin: base::own_origin() })
}

/// It cannot be id-mapped: what is shown of it keeps its owners.
fn is_overlay(path: &Path) -> bool {
    statfs(path).is_ok_and(|found| found.filesystem_type() == OVERLAYFS_SUPER_MAGIC)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::NetworkMode;

    #[test]
    fn nothing_of_the_host_s_is_shown_but_what_is_given() {
        let given = tempfile::tempdir().unwrap();
        let shown = Shown { source: given.path().to_path_buf(), name: "tree", writable: true };
        let plan = plan(&Contained { words: vec!["word".into()], shown: vec![shown], ..Contained::default() }).unwrap();
        let trees: Vec<(&Path, bool)> = plan
            .mounts
            .iter()
            .filter_map(|mount| Some((mount.at.as_path(), mount.bind()?)))
            .filter(|(_, bind)| bind.role == BindRole::Tree)
            .map(|(at, bind)| (at, bind.writable))
            .collect();
        assert_eq!(trees, [(Path::new("/job/sandbox"), false), (Path::new("/job/tree"), true)]);
        assert_eq!(plan.command.argv, ["/job/sandbox", "word"]);
        assert_eq!(plan.network, NetworkMode::None);
        assert!(plan.capabilities.is_empty() && plan.pass_fds.is_empty());
        let kept: Vec<_> = plan.environment.variables.iter().map(|(name, _)| name.to_str().unwrap()).collect();
        assert_eq!(kept, ["HOME", "LANG", "LOGNAME", "SHELL", "TMPDIR", "USER", "container"]);
    }
}
