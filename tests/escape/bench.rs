//! Where an attack happens: a home with a project and a secret, and beside it what is granted and the attack's program.

use super::harness::{Project, finish, root};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// What is written in a file that nobody granted.
pub const CANARY: &str = "canary-9b1f";

/// What the attacks include.
const HEADERS: [(&str, &str); 3] = [
    ("attack.h", include_str!("attack.h")),
    ("loopback.h", include_str!("loopback.h")),
    ("outside.h", include_str!("outside.h")),
];

/// Everything of one attack, removed at its end.
pub struct Bench {
    pub project: Project,
    /// Inside it is `/granted`, read-only.
    pub granted: PathBuf,
    /// Inside it is `/shared`, read-write.
    pub shared: PathBuf,
    /// A root file system that holds nothing yet.
    pub skeleton: PathBuf,
}

impl Bench {
    pub fn new(program: &'static str, source: &str) -> Self {
        let project = Project::new();
        let [attack, granted, shared, skeleton] =
            ["attack", "granted", "shared", "root"].map(|name| project.home().join(name));
        fs::create_dir(&attack).unwrap();
        // Under host root the command is another user, and what is no part of the project is not mapped to it.
        let open = |mode| fs::Permissions::from_mode(mode);
        fs::set_permissions(project.home(), open(0o755)).unwrap();
        let secret = project.home().join("secret");
        fs::write(&secret, CANARY).unwrap();
        fs::set_permissions(secret, open(if root() { 0o644 } else { 0o600 })).unwrap();
        project.program(attack.join(program), compiled(&project, program, source).as_slice());
        Bench { project, granted, shared, skeleton }
    }

    /// What was granted, as it was before an attack succeeded.
    pub fn renew(&self) {
        for directory in [&self.granted, &self.shared, &self.skeleton] {
            fs::remove_dir_all(directory).ok();
            fs::create_dir(directory).unwrap();
        }
        fs::create_dir(self.skeleton.join("etc")).unwrap();
        fs::write(self.skeleton.join("etc/passwd"), "root:x:0:0:root:/:/bin/sh\n").unwrap();
        fs::set_permissions(&self.shared, fs::Permissions::from_mode(0o777)).unwrap();
        fs::write(self.granted.join("file"), "granted\n").unwrap();
        fs::create_dir(self.granted.join("directory")).unwrap();
    }

    /// The file in the home that no profile grants.
    pub fn secret(&self) -> PathBuf {
        self.project.home().join("secret")
    }

    /// With `{home}` and `{project}` as the paths on the host that they stand for.
    pub fn in_place(&self, text: &str) -> String {
        let (home, project) = (self.project.home(), self.project.path());
        text.replace("{home}", home.to_str().unwrap()).replace("{project}", project.to_str().unwrap())
    }
}

/// The program of a file of attacks, compiled once for all tests of this process.
fn compiled(project: &Project, program: &'static str, source: &str) -> Arc<Vec<u8>> {
    static COMPILED: Mutex<BTreeMap<&str, Arc<Vec<u8>>>> = Mutex::new(BTreeMap::new());
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    let compile = || {
        let texts = HEADERS.into_iter().chain([("program.c", source)]);
        let mut files: Vec<PathBuf> = texts.map(|(name, text)| project.write(name, text)).collect();
        let flags = ["-O1", "-Wall", "-Werror", "-static", "-pthread", "-o", "program", "program.c"];
        finish(project.outside("cc", &flags)).ok();
        files.push(project.path().join("program"));
        let bytes = fs::read(files.last().unwrap()).unwrap();
        files.iter().for_each(|file| fs::remove_file(file).unwrap());
        Arc::new(bytes)
    };
    Arc::clone(compiled.entry(program).or_insert_with(compile))
}
