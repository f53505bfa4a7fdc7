//! One attack: its runs under each profile, and the proof that it can succeed.

use super::bench::Bench;
use super::harness::{Output, binary, finish};
use super::sibling::Sibling;
use std::fs;
use std::process::Command;

/// All built-in profiles; and the first on a root file system, with each `root.writable`.
const PROFILES: [&str; 12] = [
    "default",
    "build",
    "test",
    "rust",
    "python",
    "node",
    "agent",
    "shell",
    "strict",
    "default on root no",
    "default on root tmpfs",
    "default on root persistent",
];
const ROOT: &str = " on root ";
/// What the attacks need of the host's system, where a root file system has taken its place.
const SYSTEM: [&str; 7] = ["usr", "bin", "sbin", "lib", "lib32", "lib64", "etc/alternatives"];

/// As `attack.h` has them.
pub const ESCAPED: i32 = 42;
pub const STOPPED: i32 = 43;
/// `sandbox` itself says no.
const REFUSED: i32 = 125;
/// A sibling lives until the test ends it.
const OUTLASTS: [&str; 4] = ["--wall-time", "unlimited", "--cpu-time", "unlimited"];

/// A bait is laid on the host before each run, and may change the command line.
type Bait = Box<dyn Fn(&Bench, &mut Command)>;
/// What happened on the host: true if the attack had an effect there.
type Effect = Box<dyn Fn(&Bench, &Output) -> bool>;

/// One attack. In all its arguments, flags and scripts `{home}` and `{project}` are paths on the host.
pub struct Attack {
    program: &'static str,
    source: &'static str,
    args: Vec<String>,
    without: &'static str,
    started_by: Vec<String>,
    flags: Vec<String>,
    weakened_by: Vec<String>,
    profiles: Vec<&'static str>,
    set_up: Option<String>,
    beside: Vec<String>,
    starts: u32,
    since: (u32, u32),
    may_be_refused: bool,
    bait: Option<Bait>,
    effect: Option<Effect>,
}

/// `attack!("mounts", "name", "arg"…)`: an attack of `tests/escape/attacks/mounts.c`.
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
        let [started_by, flags, weakened_by, beside] = [const { Vec::new() }; 4];
        Attack {
            program,
            source,
            args: owned(args),
            without: "",
            started_by,
            flags,
            weakened_by,
            profiles: PROFILES.into(),
            set_up: None,
            beside,
            starts: 1,
            since: (0, 0),
            may_be_refused: false,
            bait: None,
            effect: None,
        }
    }

    /// The layers (divided by commas) without which it must succeed.
    pub fn without(mut self, layers: &'static str) -> Self {
        self.without = layers;
        self
    }

    /// Flags for `sandbox` in the run that must succeed: a layer that users can leave out themselves.
    pub fn weakened_by(mut self, flags: &[&str]) -> Self {
        self.weakened_by = owned(flags);
        self
    }

    /// `sandbox` is started by the attack's own program, outside: `PROGRAM ARGS sandbox …` (`outside.h`).
    pub fn started_by(mut self, args: &[&str]) -> Self {
        self.started_by = owned(args);
        self
    }

    /// More flags for `sandbox`, in every run.
    pub fn flags(mut self, flags: &[&str]) -> Self {
        self.flags.extend(owned(flags));
        self
    }

    /// Only under these profiles: say at the call why not under all.
    pub fn only_under(mut self, profiles: &[&'static str]) -> Self {
        self.profiles = profiles.into();
        self
    }

    /// A root file system that may be written grants it.
    pub fn but_on_a_writable_root(mut self) -> Self {
        self.profiles.retain(|profile| profile.split_once(ROOT).is_none_or(|(_, writable)| writable == "no"));
        self
    }

    /// What owns mounts and is no other process's: a shell script that runs before `sandbox`, in mount and user namespaces for it
    /// alone.
    pub fn set_up(mut self, script: &str) -> Self {
        self.set_up = Some(script.to_owned());
        self
    }

    /// Another sandbox at the same time, with the same profile and directories, but not these flags, running another attack of the same
    /// program: see [`Sibling`].
    pub fn beside(mut self, args: &[&str]) -> Self {
        self.beside = owned(args);
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

    /// What lies there may keep the run from being set up: that is stopped, too.
    pub fn may_be_refused(mut self) -> Self {
        self.may_be_refused = true;
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
        let weakened = [self.without, &self.weakened_by.join(" ")].join(" ");
        assert_ne!(weakened, " ", "nothing stops it?");
        let bench = Bench::new(self.program, self.source);
        for profile in self.profiles.iter().filter(|profile| is_chosen(profile)) {
            let (escaped, output) = self.attempt(&bench, profile, false);
            assert!(!escaped, "NOT STOPPED under {profile}: {}", told(&output));
            // On a root file system other layers may stop it as well: that it can succeed is shown without one.
            if linux() >= self.since && !profile.contains(ROOT) {
                let (escaped, output) = self.attempt(&bench, profile, true);
                assert!(escaped, "cannot succeed under {profile} without {weakened}: {}", told(&output));
            }
        }
    }

    /// It is none: with all layers on it must succeed, since a flag grants it.
    #[track_caller]
    pub fn is_granted(&self) {
        let bench = Bench::new(self.program, self.source);
        for profile in &self.profiles {
            let (escaped, output) = self.attempt(&bench, profile, false);
            assert!(escaped, "not granted under {profile}: {}", told(&output));
        }
    }

    #[track_caller]
    fn attempt(&self, bench: &Bench, profile: &str, weakened: bool) -> (bool, Output) {
        println!("under {profile}{}", if weakened { ", weakened" } else { "" });
        bench.renew();
        let mut command = self.command(bench, profile, weakened);
        if let Some(bait) = &self.bait {
            bait(bench, &mut command);
        }
        let sibling = (!self.beside.is_empty()).then(|| Sibling::start(self.sibling(bench, profile, weakened)));
        // Without its layer a race is won sooner or later.
        let most = if weakened { self.starts * self.starts } else { self.starts };
        let mut output = finish(command);
        for _ in 1..most {
            if self.escaped(bench, &output, weakened) {
                break;
            }
            output = finish(self.command(bench, profile, weakened));
        }
        let met = sibling.is_some_and(Sibling::end);
        (self.escaped(bench, &output, weakened) || met, output)
    }

    fn command(&self, bench: &Bench, profile: &str, weakened: bool) -> Command {
        let weakened_by = self.weakened_by.iter().filter(|_| weakened);
        let flags: Vec<_> = self.flags.iter().chain(weakened_by).map(|flag| bench.in_place(flag)).collect();
        let args = self.run(bench, profile, &flags, &self.args);
        let starter = self.started_by.iter().map(|arg| bench.in_place(arg));
        let mut command = match &self.set_up {
            Some(script) => bench.project.prepared(&bench.in_place(script), &strs(&args)),
            None if self.started_by.is_empty() => bench.project.sandbox(&strs(&args)),
            None => {
                let program = bench.project.home().join("attack").join(self.program);
                let args: Vec<_> = starter.chain([binary()]).chain(args).collect();
                bench.project.outside(program.to_str().unwrap(), &strs(&args))
            }
        };
        command.env("SANDBOX_WITHOUT", if weakened { self.without } else { "" });
        command
    }

    fn sibling(&self, bench: &Bench, profile: &str, weakened: bool) -> Command {
        let mut command =
            bench.project.sandbox(&strs(&self.run(bench, profile, &OUTLASTS.map(str::to_owned), &self.beside)));
        command.env("SANDBOX_WITHOUT", if weakened { self.without } else { "" });
        command
    }

    /// The arguments of `sandbox`.
    fn run(&self, bench: &Bench, profile: &str, flags: &[String], attack: &[String]) -> Vec<String> {
        let (profile, writable) = profile.split_once(ROOT).map_or((profile, None), |(name, how)| (name, Some(how)));
        let mut args = owned(&["-p", profile, "--cgroup", "prefer", "-q"]);
        if let Some(writable) = writable {
            args.extend([bench.in_place("--root={home}/root"), format!("--root-writable={writable}")]);
            args.extend(SYSTEM.map(|tree| format!("--mount={{ro: /{tree}, optional: true}}")));
        }
        let mounts = ["--ro={home}/attack:/attack", "--ro={home}/granted:/granted", "--rw={home}/shared:/shared"];
        args.extend(mounts.map(|mount| bench.in_place(mount)));
        args.extend_from_slice(flags);
        args.extend(["--".into(), format!("/attack/{}", self.program)]);
        args.extend(attack.iter().map(|arg| bench.in_place(arg)));
        args
    }

    #[track_caller]
    fn escaped(&self, bench: &Bench, output: &Output, weakened: bool) -> bool {
        let is_answer = |code: &i32| [ESCAPED, STOPPED].contains(code) || (self.may_be_refused && *code == REFUSED);
        let answer = output.status.code().filter(is_answer);
        match (&self.effect, answer) {
            (None, Some(answer)) => answer == ESCAPED,
            // Without its layers an attack may end the run, and its answer with it.
            (Some(effect), answer) if answer.is_some() || weakened => effect(bench, output),
            _ => panic!("no answer: {}", told(output)),
        }
    }
}

/// Does a setting below /proc/sys keep even the host's users from it? Then an attack cannot be seen to succeed here.
pub fn is_off_for_all(setting: &str, off: fn(i32) -> bool) -> bool {
    let value = fs::read_to_string(format!("/proc/sys/{setting}")).ok();
    value.and_then(|value| value.trim().parse().ok()).is_some_and(off)
}

/// Where time is short (`tests/vm`), `SANDBOX_TEST_PROFILES` names those that are tried.
fn is_chosen(profile: &str) -> bool {
    let chosen = std::env::var("SANDBOX_TEST_PROFILES").ok();
    chosen.is_none_or(|chosen| chosen.split(',').any(|name| name == profile))
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

fn strs(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
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
