//! Where an attack happens: a home with a project and a secret, and beside it what is granted and the attack's program.

use super::harness::{Project, finish, root};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// What is written in a file that nobody granted.
pub const CANARY: &str = "canary-9b1f";

/// Everything of one attack, removed at its end.
pub struct Bench {
    pub project: Project,
    /// Inside it is `/granted`, read-only.
    pub granted: PathBuf,
    /// Inside it is `/shared`, read-write.
    pub shared: PathBuf,
}

impl Bench {
    pub fn new(program: &str, source: &str) -> Self {
        let project = Project::new();
        let [attack, granted, shared] = ["attack", "granted", "shared"].map(|name| project.home().join(name));
        fs::create_dir(&attack).unwrap();
        // Under host root the command is another user, and what is no part of the project is not mapped to it.
        let open = |mode| fs::Permissions::from_mode(mode);
        fs::set_permissions(project.home(), open(0o755)).unwrap();
        let secret = project.home().join("secret");
        fs::write(&secret, CANARY).unwrap();
        fs::set_permissions(secret, open(if root() { 0o644 } else { 0o600 })).unwrap();
        fs::write(attack.join("program.c"), source).unwrap();
        let header = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/escape");
        let mut cc =
            project.outside("cc", &["-O1", "-Wall", "-Werror", "-static", "-pthread", "-I", header, "-o", program]);
        cc.arg("program.c").current_dir(&attack);
        finish(cc).ok();
        Bench { project, granted, shared }
    }

    /// What was granted, as it was before an attack succeeded.
    pub fn renew(&self) {
        for directory in [&self.granted, &self.shared] {
            fs::remove_dir_all(directory).ok();
            fs::create_dir(directory).unwrap();
        }
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
