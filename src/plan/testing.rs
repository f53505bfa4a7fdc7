//! Hand-made profiles, hosts and mounts for the tests of the plan.

use super::host::HostFacts;
use super::*;
use crate::error::Error;
use crate::profile::{Located, Merged, Origin, schema};
use std::path::{Path, PathBuf};

pub(crate) fn line(source: &str, number: usize, key: &str) -> Origin {
    Origin {
        source: source.into(),
        position: Some((number, 5)),
        key: key.into(),
        profile_dir: Some("/profiles".into()),
        is_flag: false,
    }
}

pub(crate) fn flag(name: &str) -> Origin {
    Origin { source: name.into(), is_flag: true, ..Default::default() }
}

pub(crate) fn located<T>(value: T) -> Located<T> {
    Located { value, origin: line("a.yaml", 1, "key") }
}

pub(crate) fn by_flag<T>(value: T) -> Located<T> {
    Located { value, origin: flag("--flag") }
}

pub(crate) fn host_at(cwd: &str, home: &str) -> HostFacts {
    HostFacts {
        cwd: cwd.into(),
        uid: 1000,
        gid: 1000,
        home: Some(home.into()),
        real_home: Some(home.into()),
        environment: vec![("HOME".into(), home.into()), ("USER".into(), "user".into())],
        pid: 4321,
        kernel_release: "6.1.0".into(),
        ..Default::default()
    }
}

impl HostFacts {
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.retain(|(key, _)| key != name);
        self.environment.push((name.into(), value.into()));
        self
    }
}

fn bind_mount(at: &str, source: &str, writable: bool) -> Mount {
    let source = SourcePath { base: source.into(), below: PathBuf::new() };
    let bind = Bind { source, writable, noexec: false, directory: true, role: BindRole::Tree, id_mapped: false };
    Mount { at: at.into(), kind: MountKind::Bind(bind), origin: Origin::default() }
}

pub(crate) fn bind(at: &str, source: &str) -> Mount {
    bind_mount(at, source, false)
}

pub(crate) fn tmpfs(at: &str) -> Mount {
    let tmpfs = Tmpfs { size: 4096, inodes: 1, mode: 0o755, noexec: false, sealed: false };
    Mount { at: at.into(), kind: MountKind::Tmpfs(tmpfs), origin: Origin::default() }
}

pub(crate) fn link(at: &str, text: &str) -> Mount {
    Mount { at: at.into(), kind: MountKind::Symlink(text.into()), origin: Origin::default() }
}

/// A throw-away host: a home with a project in it, and profiles written line by line.
pub(crate) struct World {
    pub dir: tempfile::TempDir,
    pub host: HostFacts,
    pub merged: Merged,
}

impl World {
    pub fn new() -> Self {
        // In /tmp wherever TMPDIR is, so that the order of destinations is known.
        let dir = tempfile::tempdir_in("/tmp").unwrap();
        let real = dir.path().canonicalize().unwrap();
        let (home, app) = (real.join("home"), real.join("home/app"));
        std::fs::create_dir_all(&app).unwrap();
        let host = host_at(app.to_str().unwrap(), home.to_str().unwrap());
        World { dir, host, merged: Merged::default() }
    }

    /// A path below the throw-away host's root.
    pub fn path(&self, below: &str) -> PathBuf {
        lookup::join(&self.dir.path().canonicalize().unwrap(), Path::new(below))
    }

    pub fn directory(self, below: &str) -> Self {
        std::fs::create_dir_all(self.path(below)).unwrap();
        self
    }

    pub fn file(self, below: &str) -> Self {
        let path = self.path(below);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "content").unwrap();
        self
    }

    pub fn symlink(self, below: &str, text: impl AsRef<Path>) -> Self {
        std::os::unix::fs::symlink(text, self.path(below)).unwrap();
        self
    }

    /// A line of a profile: `ro ${PWD}/x optional`, `tmpfs /tmp`, `hide ${PWD}/.env*`, `ro /a at=/b`.
    pub fn mount(mut self, text: &str) -> Self {
        self.add(text);
        self
    }

    pub fn add(&mut self, text: &str) {
        let number = self.merged.mounts.len();
        let text = text.replace("ROOT", self.path("").to_str().unwrap());
        let value = written(&text);
        let key = format!("mounts[{number}].{}", text.split(' ').next().unwrap());
        self.merged.mounts.push(Located { value, origin: line("cc.yaml", number + 1, &key) });
    }

    /// The same by a flag.
    pub fn mount_flag(mut self, text: &str) -> Self {
        let origin = flag(&format!("--{}", text.split(' ').next().unwrap()));
        self.merged.mounts.push(Located { value: written(text), origin });
        self
    }

    pub fn plan(&self) -> Result<Plan, Error> {
        make(self.merged.clone(), vec!["true".into()], &self.host)
    }

    pub fn planned(&self) -> Plan {
        self.plan().unwrap_or_else(|error| panic!("{error}"))
    }

    /// The message of the plan's failure, the throw-away root as ROOT.
    pub fn refusal(&self) -> String {
        self.plan().expect_err("there is a plan").to_string().replace(self.path("").to_str().unwrap(), "ROOT")
    }

    pub fn bind_at<'a>(&self, plan: &'a Plan, below: &str) -> &'a Bind {
        match &self.at(plan, below).kind {
            MountKind::Bind(bind) => bind,
            other => panic!("{below} is {other:?}"),
        }
    }

    pub fn at<'a>(&self, plan: &'a Plan, below: &str) -> &'a Mount {
        plan.at(&self.path(below)).unwrap_or_else(|| panic!("nothing at {below}: {:#?}", plan.mounts))
    }
}

impl Plan {
    pub(crate) fn at(&self, place: &Path) -> Option<&Mount> {
        lookup::at(&self.mounts, place)
    }
}

fn written(text: &str) -> schema::Mount {
    let mut words = text.split(' ');
    let mut mount = schema::Mount::default();
    let kind = words.next().unwrap();
    let path = words.next().map(str::to_owned);
    match kind {
        "ro" => mount.ro = path,
        "rw" => mount.rw = path,
        "tmpfs" => mount.tmpfs = path,
        "file" => (mount.file, mount.content) = (path, Some("made up".into())),
        "symlink" => mount.symlink = path,
        "hide" => mount.hide = path,
        "socket" => mount.socket = path,
        "device" => mount.device = path,
        "unset" => mount.unset = path,
        other => panic!("{other}"),
    }
    for word in words {
        match word.split_once('=') {
            None if word == "optional" => mount.optional = Some(true),
            None if word == "create" => mount.create = Some(true),
            None if word == "noexec" => mount.noexec = Some(true),
            Some(("at", place)) => mount.at = Some(place.into()),
            Some(("to", text)) => mount.to = Some(text.into()),
            Some(("from", path)) => (mount.from, mount.content) = (Some(path.into()), None),
            _ => panic!("{word}"),
        }
    }
    mount
}
