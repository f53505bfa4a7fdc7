//! One attack: its bait on the host, its runs under each profile, and the proof that it can succeed.

use super::harness::{Output, Project, finish, root};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

/// All built-in profiles.
const PROFILES: [&str; 9] = ["default", "build", "test", "rust", "python", "node", "agent", "shell", "strict"];
/// What is written in a file that nobody granted.
pub const CANARY: &str = "canary-9b1f";

/// As `attack.h` has them.
const ESCAPED: i32 = 42;
const STOPPED: i32 = 43;

/// A home with a project, and beside it a directory that is granted read-only and one that is granted read-write.
pub struct Bench {
    pub project: Project,
    /// Inside it is `/granted`, read-only.
    pub granted: PathBuf,
    /// Inside it is `/shared`, read-write.
    pub shared: PathBuf,
}

impl Bench {
    fn new(program: &str, source: &str) -> Self {
        let project = Project::new();
        let [attack, granted, shared] = ["attack", "granted", "shared"].map(|name| project.home().join(name));
        for directory in [&attack, &granted, &shared] {
            fs::create_dir(directory).unwrap();
        }
        // Under host root the command is another user, and what is no part of the project is not mapped to it.
        let open = |mode| fs::Permissions::from_mode(mode);
        fs::set_permissions(project.home(), open(0o755)).unwrap();
        fs::set_permissions(&shared, open(0o777)).unwrap();
        let secret = project.home().join("secret");
        fs::write(&secret, CANARY).unwrap();
        fs::set_permissions(secret, open(if root() { 0o644 } else { 0o600 })).unwrap();
        fs::write(granted.join("file"), "granted\n").unwrap();
        fs::write(attack.join("program.c"), source).unwrap();
        let header = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/escape");
        let mut cc =
            project.outside("cc", &["-O1", "-Wall", "-Werror", "-static", "-pthread", "-I", header, "-o", program]);
        cc.arg("program.c").current_dir(&attack);
        finish(cc).ok();
        Bench { project, granted, shared }
    }

    /// A file in the home that no profile grants, by its path on the host.
    pub fn secret(&self) -> PathBuf {
        self.project.home().join("secret")
    }
}

/// A bait is laid on the host before each run, and may change the command line.
type Bait = Box<dyn Fn(&Bench, &mut Command)>;
/// What happened on the host: true if the attack had an effect there.
type Effect = Box<dyn Fn(&Bench, &Output) -> bool>;

/// One attack.
pub struct Attack {
    program: &'static str,
    source: &'static str,
    args: Vec<String>,
    without: &'static str,
    flags: Vec<String>,
    profiles: Vec<&'static str>,
    bait: Option<Bait>,
    effect: Option<Effect>,
}

/// `attack!("mounts", "name", "arg"…)`: an attack of `tests/escape/attacks/mounts.c`. In its arguments `{home}` and `{project}` are
/// paths on the host.
macro_rules! attack {
    ($program:literal $(, $arg:expr)+) => {
        $crate::attempt::Attack::new(
            $program,
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/escape/attacks/", $program, ".c")),
            &[$($arg),+],
        )
    };
}

impl Attack {
    pub fn new(program: &'static str, source: &'static str, args: &[&str]) -> Self {
        let (args, profiles) = (args.iter().map(ToString::to_string).collect(), PROFILES.into());
        Attack { program, source, args, without: "", flags: Vec::new(), profiles, bait: None, effect: None }
    }

    /// The layers (divided by commas) without which it must succeed.
    pub fn without(mut self, layers: &'static str) -> Self {
        self.without = layers;
        self
    }

    /// More flags for `sandbox`, in every run. `{home}` and `{project}` are paths on the host.
    pub fn flags(mut self, flags: &[&str]) -> Self {
        self.flags.extend(flags.iter().map(ToString::to_string));
        self
    }

    /// Only under these profiles: say at the call why not under all.
    pub fn only_under(mut self, profiles: &[&'static str]) -> Self {
        self.profiles = profiles.into();
        self
    }

    /// What is there before each run.
    pub fn bait(mut self, bait: impl Fn(&Bench, &mut Command) + 'static) -> Self {
        self.bait = Some(Box::new(bait));
        self
    }

    /// What counts as success instead of the program's own word.
    pub fn effect(mut self, effect: impl Fn(&Bench, &Output) -> bool + 'static) -> Self {
        self.effect = Some(Box::new(effect));
        self
    }

    /// It must be stopped under each profile, and succeed there without the layers.
    #[track_caller]
    pub fn is_stopped(self) {
        assert!(!self.without.is_empty(), "nothing stops it?");
        let bench = Bench::new(self.program, self.source);
        for profile in &self.profiles {
            let (escaped, output) = self.attempt(&bench, profile, "");
            assert!(!escaped, "NOT STOPPED under {profile}: {}", told(&output));
            let (escaped, output) = self.attempt(&bench, profile, self.without);
            assert!(escaped, "cannot succeed under {profile} without {}: {}", self.without, told(&output));
        }
    }

    #[track_caller]
    fn attempt(&self, bench: &Bench, profile: &str, without: &str) -> (bool, Output) {
        let in_place = |text: &String| {
            let (home, project) = (bench.project.home(), bench.project.path());
            text.replace("{home}", home.to_str().unwrap()).replace("{project}", project.to_str().unwrap())
        };
        let mut args = vec!["-p".to_owned(), profile.to_owned(), "--cgroup".into(), "prefer".into(), "-q".into()];
        let mounts = ["--ro={home}/attack:/attack", "--ro={home}/granted:/granted", "--rw={home}/shared:/shared"];
        args.extend(mounts.map(str::to_owned).iter().chain(&self.flags).map(in_place));
        args.extend(["--".into(), format!("/attack/{}", self.program)]);
        args.extend(self.args.iter().map(in_place));
        let mut command = bench.project.sandbox(&args.iter().map(String::as_str).collect::<Vec<_>>());
        command.env("SANDBOX_WITHOUT", without);
        if let Some(bait) = &self.bait {
            bait(bench, &mut command);
        }
        let output = finish(command);
        let escaped = match &self.effect {
            Some(effect) => effect(bench, &output),
            None => match output.status.code() {
                Some(ESCAPED) => true,
                Some(STOPPED) => false,
                _ => panic!("no answer under {profile} without {without:?}: {}", told(&output)),
            },
        };
        (escaped, output)
    }
}

fn told(output: &Output) -> String {
    format!("{}\n{}\n{}", output.status, output.text(), output.stderr)
}
