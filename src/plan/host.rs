//! What the plan knows of the host and the caller, read once; a test makes it up.

use super::real::Links;
use crate::error::Error;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// The caller and the host.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HostFacts {
    /// getcwd(2): absolute, without links.
    pub cwd: PathBuf,
    /// Effective user id.
    pub uid: u32,
    /// Effective group id.
    pub gid: u32,
    /// Supplementary groups: they cannot be dropped by an ordinary user.
    pub groups: Vec<u32>,
    /// `HOME`, if it is an absolute path.
    pub home: Option<PathBuf>,
    /// The same, links resolved.
    pub real_home: Option<PathBuf>,
    /// The caller's environment.
    pub environment: Vec<(OsString, OsString)>,
    /// uname(2), `6.1.0-18-amd64`.
    pub kernel_release: String,
    /// The process that asks: makes the ids of runs under host root differ.
    pub pid: u32,
    /// Our own binary.
    pub executable: Option<PathBuf>,
    /// `/etc`: where the ranges of subordinate ids are read, if a profile asks for them.
    pub etc: PathBuf,
    /// (first id, count) that this user namespace has users for; read under root only.
    pub mapped_uids: Vec<(u32, u32)>,
    /// The same of groups.
    pub mapped_gids: Vec<(u32, u32)>,
    /// What has been looked up of the host's links.
    pub links: Links,
}

impl HostFacts {
    /// The directories where the caller's daemons listen, and running sandboxes: whichever it is now.
    pub(super) fn runtime(&self) -> Vec<PathBuf> {
        let named = self.variable("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|named| named.is_absolute());
        named.into_iter().chain([PathBuf::from(format!("/run/user/{}", self.uid))]).collect()
    }

    /// Where running sandboxes are found: `host::registry`.
    pub(super) fn state(&self) -> Vec<PathBuf> {
        let runtime = self.runtime().into_iter().flat_map(|runtime| [self.real(&runtime), runtime]);
        runtime.chain(["/run".into()]).map(|runtime| runtime.join("sandbox")).collect()
    }

    /// Reads them.
    ///
    /// # Errors
    /// The current directory is deleted or cannot be reached from the root (see getcwd(3)).
    pub fn read() -> Result<Self, Error> {
        let cwd = std::env::current_dir().ok().filter(|cwd| reachable(cwd)).ok_or_else(|| {
            Error::host("the current directory is deleted or outside this file system tree")
                .remedy("cd into a directory that exists")
        })?;
        let environment: Vec<_> = std::env::vars_os().collect();
        let uid = nix::unistd::geteuid().as_raw();
        let ids = |file| if uid == 0 { id_ranges(&std::fs::read_to_string(file).unwrap_or_default()) } else { vec![] };
        let home = lookup(&environment, "HOME").map(PathBuf::from).filter(|home| home.is_absolute());
        let links = Links::default();
        Ok(HostFacts {
            cwd,
            uid,
            gid: nix::unistd::getegid().as_raw(),
            groups: nix::unistd::getgroups().unwrap_or_default().iter().map(|g| g.as_raw()).collect(),
            real_home: home.as_deref().map(|home| links.resolve(Path::new("/"), home)),
            home,
            links,
            environment,
            kernel_release: nix::sys::utsname::uname()
                .map(|name| name.release().to_string_lossy().into_owned())
                .unwrap_or_default(),
            pid: std::process::id(),
            executable: std::fs::read_link("/proc/self/exe").ok(),
            etc: "/etc".into(),
            mapped_uids: ids("/proc/self/uid_map"),
            mapped_gids: ids("/proc/self/gid_map"),
        })
    }

    /// A variable of the caller's environment.
    pub fn variable(&self, name: &str) -> Option<&OsStr> {
        lookup(&self.environment, name)
    }

    /// The first user namespace: its uid 0 is the one that RLIMIT_NPROC does not bind.
    pub(super) fn has_every_uid(&self) -> bool {
        self.mapped_uids == [(0, u32::MAX)]
    }

    /// The current directory is `/`, the caller's home or above it, and so no project.
    pub(super) fn cwd_holds_home(&self) -> bool {
        self.cwd == Path::new("/") || self.home.iter().chain(&self.real_home).any(|home| home.starts_with(&self.cwd))
    }
}

fn lookup<'a>(environment: &'a [(OsString, OsString)], name: &str) -> Option<&'a OsStr> {
    environment.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_os_str())
}

/// getcwd(2) answers "(unreachable)/…" when the directory is outside of the root.
fn reachable(cwd: &Path) -> bool {
    cwd.is_absolute()
}

/// The first and third column of user_namespaces(7)'s `uid_map`: ids inside, and how many.
pub(crate) fn id_ranges(map: &str) -> Vec<(u32, u32)> {
    map.lines()
        .filter_map(|line| {
            let mut numbers = line.split_ascii_whitespace().map(str::parse);
            let first = numbers.next()?.ok()?;
            let count = numbers.nth(1)?.ok()?;
            Some((first, count))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unreachable_directory_is_refused() {
        assert!(!reachable(Path::new("(unreachable)/home/user")));
        assert!(reachable(Path::new("/home/user")));
    }

    #[test]
    fn an_id_map_is_read_as_ranges_of_ids_inside() {
        assert_eq!(id_ranges("         0       1000          1\n 1 100000 65536\n"), [(0, 1), (1, 65536)]);
    }

    #[test]
    fn home_its_parents_and_the_root_hold_the_home() {
        let at = |cwd: &str| HostFacts { cwd: cwd.into(), home: Some("/home/user".into()), ..Default::default() };
        assert!(["/", "/home", "/home/user"].iter().all(|cwd| at(cwd).cwd_holds_home()));
        assert!(["/home/user/app", "/home/users", "/srv"].iter().all(|cwd| !at(cwd).cwd_holds_home()));
    }

    #[test]
    fn a_home_reached_by_a_link_is_still_the_home() {
        let host = tempfile::tempdir().unwrap();
        let data = host.path().canonicalize().unwrap().join("data/user");
        std::fs::create_dir_all(&data).unwrap();
        let home = host.path().join("user");
        std::os::unix::fs::symlink(&data, &home).unwrap();
        let real_home = Some(Links::default().resolve(Path::new("/"), &home));
        assert!(HostFacts { cwd: data, home: Some(home), real_home, ..Default::default() }.cwd_holds_home());
    }
}
