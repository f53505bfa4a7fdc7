//! One attack: its bait on the host, its runs under each profile, and the proof that it can succeed.

use super::harness::{Output, Project, finish, root};
use super::sibling::Sibling;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

/// All built-in profiles.
const PROFILES: [&str; 9] = ["default", "build", "test", "rust", "python", "node", "agent", "shell", "strict"];
/// What is written in a file that nobody granted.
pub const CANARY: &str = "canary-9b1f";

/// As `attack.h` has them.
pub const ESCAPED: i32 = 42;
pub const STOPPED: i32 = 43;
const NOT_TRIED: i32 = 44;

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
    fn renew(&self) {
        for directory in [&self.granted, &self.shared] {
            fs::remove_dir_all(directory).ok();
            fs::create_dir(directory).unwrap();
        }
        fs::set_permissions(&self.shared, fs::Permissions::from_mode(0o777)).unwrap();
        fs::write(self.granted.join("file"), "granted\n").unwrap();
        fs::create_dir(self.granted.join("directory")).unwrap();
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
    set_up: Option<String>,
    beside: Vec<String>,
    starts: u32,
    since: (u32, u32),
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
        Attack {
            program,
            source,
            args,
            without: "",
            flags: Vec::new(),
            profiles,
            set_up: None,
            beside: Vec::new(),
            starts: 1,
            since: (0, 0),
            bait: None,
            effect: None,
        }
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

    /// What owns mounts and is no other process's: a shell script that runs before `sandbox`, in mount and user namespaces for it
    /// alone. `{home}` and `{project}` as in flags.
    pub fn set_up(mut self, script: &str) -> Self {
        self.set_up = Some(script.to_owned());
        self
    }

    /// Another sandbox at the same time, with the same profile and directories, but not these flags, running another attack of the same
    /// program: see [`Sibling`].
    pub fn beside(mut self, args: &[&str]) -> Self {
        self.beside.extend(args.iter().map(ToString::to_string));
        self
    }

    /// A race: so many starts must all be stopped.
    pub fn starts(mut self, starts: u32) -> Self {
        self.starts = starts;
        self
    }

    /// Before this version of Linux the kernel itself stops it: there it is only shown to be stopped.
    pub fn since(mut self, version: (u32, u32)) -> Self {
        self.since = version;
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
    pub fn is_stopped(&self) {
        assert!(!self.without.is_empty(), "nothing stops it?");
        let bench = Bench::new(self.program, self.source);
        for profile in &self.profiles {
            println!("under {profile}");
            let (escaped, output) = self.attempt(&bench, profile, "");
            assert!(!escaped, "NOT STOPPED under {profile}: {}", told(&output));
            if linux() < self.since {
                continue;
            }
            println!("under {profile} without {}", self.without);
            let (escaped, output) = self.attempt(&bench, profile, self.without);
            assert!(escaped, "cannot succeed under {profile} without {}: {}", self.without, told(&output));
        }
    }

    #[track_caller]
    fn attempt(&self, bench: &Bench, profile: &str, without: &str) -> (bool, Output) {
        bench.renew();
        let mut command = self.command(bench, profile, without, false);
        if let Some(bait) = &self.bait {
            bait(bench, &mut command);
        }
        let sibling = (!self.beside.is_empty()).then(|| Sibling::start(self.command(bench, profile, without, true)));
        // Without its layer a race is won sooner or later.
        let most = if without.is_empty() { self.starts } else { self.starts * self.starts };
        let mut output = finish(command);
        for _ in 1..most {
            if self.escaped(bench, &output) {
                break;
            }
            output = finish(self.command(bench, profile, without, false));
        }
        let met = sibling.is_some_and(Sibling::end);
        (self.escaped(bench, &output) || met, output)
    }

    fn command(&self, bench: &Bench, profile: &str, without: &str, beside: bool) -> Command {
        let in_place = |text: &String| {
            let (home, project) = (bench.project.home(), bench.project.path());
            text.replace("{home}", home.to_str().unwrap()).replace("{project}", project.to_str().unwrap())
        };
        let (flags, attack, set_up) = match beside {
            true => (&Vec::new(), &self.beside, None),
            false => (&self.flags, &self.args, self.set_up.as_ref()),
        };
        let mut args = vec!["-p".to_owned(), profile.to_owned(), "--cgroup".into(), "prefer".into(), "-q".into()];
        let mounts = ["--ro={home}/attack:/attack", "--ro={home}/granted:/granted", "--rw={home}/shared:/shared"];
        args.extend(mounts.map(str::to_owned).iter().chain(flags).map(in_place));
        args.extend(["--".into(), format!("/attack/{}", self.program)]);
        args.extend(attack.iter().map(in_place));
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        let mut command = match set_up.map(in_place) {
            Some(script) => bench.project.prepared(&script, &args),
            None => bench.project.sandbox(&args),
        };
        command.env("SANDBOX_WITHOUT", without);
        command
    }

    #[track_caller]
    fn escaped(&self, bench: &Bench, output: &Output) -> bool {
        match (&self.effect, output.status.code()) {
            (_, Some(NOT_TRIED)) => panic!("not tried: {}", told(output)),
            (Some(effect), _) => effect(bench, output),
            (None, Some(ESCAPED)) => true,
            (None, Some(STOPPED)) => false,
            (None, _) => panic!("no answer: {}", told(output)),
        }
    }
}

fn told(output: &Output) -> String {
    format!("{}\n{}\n{}", output.status, output.text(), output.stderr)
}

/// The running kernel's version.
fn linux() -> (u32, u32) {
    let release = nix::sys::utsname::uname().unwrap();
    let mut numbers = release.release().to_str().unwrap().split('.').map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap(), numbers.next().unwrap())
}
