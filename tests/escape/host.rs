//! What attacks are aimed at, on the host: a victim beside the sandbox, and the sign of life of a process that should be dead.

use super::attempt::Attack;
use super::bench::Bench;
use super::harness::{finish, patience, root};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::cell::RefCell;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;

/// Flags for what is tried without a PID namespace: init would count the CPU time of the whole host.
pub const ON_HOST: &[&str] = &["--cpu-time", "unlimited"];

/// The same command, but as the arguments of another program: with its environment, in its directory.
pub fn through(command: &mut Command, program: &str, args: &[&str]) {
    let mut outer = Command::new(program);
    outer.args(args).arg(command.get_program()).args(command.get_args()).env_clear();
    outer.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    outer.current_dir(command.get_current_dir().unwrap());
    *command = outer;
}

/// A process of the caller's, in the sandbox's own process group: cat(1) between two FIFOs. The attack finds its number in
/// `/shared/victim`. It ends with this.
#[derive(Clone, Default)]
pub struct Victim {
    /// What it reads, and what it writes.
    ends: Rc<RefCell<Option<(File, File)>>>,
    place: Rc<RefCell<PathBuf>>,
}

impl Victim {
    /// The attack, with a victim as its bait, and with what `harmed` says of that as its effect.
    pub fn of(attack: Attack, harmed: impl Fn(&Victim) -> bool + 'static) -> Attack {
        let victim = Victim::default();
        let beside = victim.clone();
        attack.bait(move |bench, command| beside.start(bench, command)).effect(move |_, _| {
            let answer = harmed(&victim);
            victim.ends.take();
            answer
        })
    }

    /// The bait.
    pub fn start(&self, bench: &Bench, command: &mut Command) {
        let [input, output] = ["input", "output"].map(|name| bench.project.home().join(name));
        let reader = open_fifo(bench, &output);
        let writer = OpenOptions::new().read(true).write(true).open(fifo(bench, &input)).unwrap();
        self.place.replace(bench.shared.join("victim"));
        // Capabilities would protect root's processes even where their user id does not.
        let ordinary = if root() { "setpriv --inh-caps=-all --bounding-set=-all" } else { "" };
        let script = format!(
            "cd \"$0\"; exec 8>output 9<input; {ordinary} cat <&9 >&8 2>/dev/null 8>&- 9<&- & echo $! >shared/victim
            dd bs=1 count=1 <output >/dev/null 2>&1; cd project; exec \"$@\" 8>&- 9<&-"
        );
        through(command, "sh", &["-c", &script, bench.project.home().to_str().unwrap()]);
        // Its first answer is for the shell, which then goes on.
        (&writer).write_all(b"!").unwrap();
        self.ends.replace(Some((writer, reader)));
    }

    /// A file of its directory in /proc; empty if it is gone.
    pub fn file(&self, name: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{name}", self.number())).unwrap_or_default()
    }

    /// A field of proc_pid_stat(5), by its number there.
    pub fn stat(&self, number: usize) -> String {
        let stat = self.file("stat");
        let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
        after.split_ascii_whitespace().nth(number - 3).unwrap_or("gone").to_owned()
    }

    /// Whom a signal has reached answers nothing, even if it has not died of it yet.
    pub fn is_dead(&self) -> bool {
        let mut ends = self.ends.borrow_mut();
        let (writer, reader) = ends.as_mut().unwrap();
        writer.write_all(b"?").unwrap();
        let timeout = PollTimeout::try_from(patience()).unwrap();
        assert_eq!(poll(&mut [PollFd::new(reader.as_fd(), PollFlags::POLLIN)], timeout), Ok(1));
        reader.read(&mut [0]).unwrap() == 0
    }

    /// Its number on the host.
    pub fn number(&self) -> String {
        fs::read_to_string(&*self.place.borrow()).unwrap().trim().to_owned()
    }
}

/// A FIFO, `/shared/life`, that a process inside holds open for writing as long as it lives. It ends when nobody reads it any more.
#[derive(Clone, Default)]
pub struct Life(Rc<RefCell<Option<File>>>);

impl Life {
    /// The bait: the end that is read.
    pub fn watch(&self, bench: &Bench) {
        self.0.replace(Some(open_fifo(bench, &bench.shared.join("life"))));
    }

    /// The effect: is anybody left? It ends with this answer.
    pub fn goes_on(&self) -> bool {
        let mut reader = self.0.take().unwrap();
        loop {
            match reader.read(&mut [0; 64]) {
                Ok(0) => return false,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// Its end to read from, without waiting for a writer.
fn open_fifo(bench: &Bench, path: &Path) -> File {
    OpenOptions::new().read(true).custom_flags(nix::libc::O_NONBLOCK).open(fifo(bench, path)).unwrap()
}

/// mkfifo(1): a new one, for everybody.
pub fn fifo<'path>(bench: &Bench, path: &'path Path) -> &'path Path {
    fs::remove_file(path).ok();
    finish(bench.project.outside("mkfifo", &["-m", "666", path.to_str().unwrap()])).ok();
    path
}
