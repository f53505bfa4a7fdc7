//! Sandboxes that run are found by their name, by their own user alone, and never from inside.

use super::harness::{Output, Project, finish, patience, root};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A runtime directory of its own, in which nobody else's sandboxes are.
pub struct Place {
    pub project: Project,
}

/// A run in the background; ended with the test.
pub struct Background(pub Child);

impl Drop for Background {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Background {
    /// The exit code, when it has ended.
    #[track_caller]
    pub fn code(&mut self) -> Option<i32> {
        let start = Instant::now();
        loop {
            match self.0.try_wait().unwrap() {
                Some(status) => return status.code(),
                None => assert!(start.elapsed() < patience(), "it does not end"),
            }
            sleep(Duration::from_millis(10));
        }
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.0.id() as i32)
    }
}

impl Place {
    pub fn new() -> Self {
        let project = Project::new();
        let runtime = project.home().join("runtime");
        fs::create_dir(&runtime).unwrap();
        fs::set_permissions(&runtime, Permissions::from_mode(0o700)).unwrap();
        Place { project }
    }

    pub fn runtime(&self) -> PathBuf {
        self.project.home().join("runtime")
    }

    /// `sandbox ARGS`, not yet started.
    pub fn sandbox(&self, args: &[&str]) -> Command {
        let mut command = self.project.sandbox(args);
        command.env("XDG_RUNTIME_DIR", self.runtime());
        command
    }

    /// `sandbox ARGS`, to its end.
    pub fn run(&self, args: &[&str]) -> Output {
        finish(self.sandbox(args))
    }

    /// `sandbox -p build --name NAME FLAGS -- sh -c SCRIPT`, until it runs.
    pub fn start(&self, name: &str, flags: &[&str], script: &str) -> Background {
        let args = [&["-p", "build", "--name", name][..], flags, &["--", "sh", "-c", script]].concat();
        let mut command = self.sandbox(&args);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let background = Background(child);
        self.until("it runs", || self.listed(name).is_some_and(|row| row["state"] == "running"));
        background
    }

    #[track_caller]
    pub fn until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let start = Instant::now();
        while !is_so() {
            assert!(start.elapsed() < patience(), "it never came to this: {what}");
            sleep(Duration::from_millis(10));
        }
    }

    /// `sandbox ps --json`, right by its schema.
    #[track_caller]
    pub fn list(&self) -> Vec<Value> {
        let list: Value = serde_json::from_str(&self.run(&["ps", "--json"]).ok()).unwrap();
        is_right(&PS, &list);
        list.as_array().unwrap().clone()
    }

    pub fn listed(&self, name: &str) -> Option<Value> {
        self.list().into_iter().find(|row| row["name"] == name)
    }

    fn names(&self) -> Vec<String> {
        self.list().iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
    }
}

fn schema(text: &str) -> jsonschema::Validator {
    jsonschema::draft202012::new(&serde_json::from_str(text).expect("the schema is JSON")).expect("the schema is one")
}

static PS: LazyLock<jsonschema::Validator> = LazyLock::new(|| schema(include_str!("../../schema/ps-1.json")));
static STATS: LazyLock<jsonschema::Validator> = LazyLock::new(|| schema(include_str!("../../schema/stats-1.json")));

#[track_caller]
fn is_right(schema: &jsonschema::Validator, value: &Value) {
    let errors: Vec<_> = schema.iter_errors(value).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?} in {value}");
}

#[test]
fn a_run_is_listed_under_its_name_and_gone_with_its_end() {
    let place = Place::new();
    let mut run = place.start("mine", &[], "until [ -e go ]; do sleep 0.01; done");
    let row = place.listed("mine").unwrap();
    assert_eq!((&row["pid"], &row["profiles"][1]), (&run.0.id().into(), &"build".into()), "{row}");
    assert_eq!(row["command"], serde_json::json!(["sh", "-c", "until [ -e go ]; do sleep 0.01; done"]));
    let table = place.run(&["ps"]).ok();
    let lines: Vec<_> = table.lines().collect();
    assert!(lines[0].starts_with("NAME") && lines[1].starts_with("mine ") && lines.len() == 2, "{table}");
    place.project.write("go", "");
    assert_eq!(run.code(), Some(0));
    assert_eq!(place.list(), [] as [Value; 0]);
    assert!(!place.runtime().join("sandbox").exists(), "the directory of the names is left behind");
}

#[test]
fn a_run_without_a_name_is_given_one_after_its_command() {
    let place = Place::new();
    let mut command = place.sandbox(&["-p", "build", "--", "sleep", "1000"]);
    let run = Background(command.stdin(Stdio::null()).spawn().unwrap());
    place.until("it is listed", || place.names() == [format!("sleep-{}", run.0.id())]);
}

#[test]
fn a_name_that_runs_is_not_given_twice() {
    let place = Place::new();
    let run = place.start("twin", &[], "sleep 1000");
    let pid = format!("pid {}", run.0.id());
    place.run(&["-p", "build", "--name", "twin", "--", "true"]).refused(&[
        "twin runs already",
        &pid,
        "sandbox kill twin",
    ]);
    drop(run);
    place.run(&["-p", "build", "--name", "twin", "--", "true"]).ok();
}

// Layer: the kernel refuses a connection to a socket that nobody listens on.
#[test]
fn a_supervisor_that_was_killed_leaves_nothing_that_is_listed_and_its_name_is_free() {
    let place = Place::new();
    let socket = place.runtime().join("sandbox/crashed");
    let run = place.start("crashed", &[], "sleep 1000");
    drop(run);
    assert!(socket.exists(), "there is nothing to be cleared");
    assert_eq!(place.list(), [] as [Value; 0]);
    assert!(!socket.exists(), "what it left is still there");

    drop(place.start("crashed", &[], "sleep 1000"));
    assert!(socket.exists());
    let mut next = place.start("crashed", &[], "until [ -e go ]; do sleep 0.01; done");
    place.project.write("go", "");
    assert_eq!(next.code(), Some(0));
}

#[test]
fn twenty_runs_at_once_want_one_name_and_one_gets_it() {
    let place = Place::new();
    drop(place.start("wanted", &[], "sleep 1000")); // a dead socket, to be taken over
    let start = || {
        let mut command = place.sandbox(&["-p", "build", "--name", "wanted", "--", "sleep", "1000"]);
        Background(command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    };
    let mut runs: Vec<Background> = (0..20).map(|_| start()).collect();
    place.until("the others are refused", || {
        runs.iter_mut().filter_map(|run| run.0.try_wait().unwrap()).filter(|end| end.code() == Some(125)).count() == 19
    });
    assert_eq!(place.names(), ["wanted"]);
}

#[test]
fn kill_ends_everything_and_waits_for_that() {
    let place = Place::new();
    let script = "trap '' TERM INT HUP; (setsid sh -c 'while :; do sleep 1; done' &); while :; do sleep 1; done";
    let mut runs = [place.start("one", &[], script), place.start("two", &[], script)];
    let output = place.run(&["kill", "one", "twoo", "two"]);
    output.refused(&["no sandbox named \"twoo\"", "Did you mean \"two\"?"]);
    assert_eq!(place.names(), [] as [String; 0]);
    for run in &mut runs {
        assert!(run.0.try_wait().unwrap().is_some(), "it was not waited for");
        assert_eq!(run.code(), Some(137));
    }
}

#[test]
fn kill_with_a_signal_reaches_the_command_alone() {
    let place = Place::new();
    let mut run = place.start("polite", &[], "trap 'exit 9' TERM; touch set; while :; do sleep 0.1; done");
    place.until("its trap is set", || place.project.path().join("set").exists());
    place.run(&["kill", "--signal", "TERM", "polite"]).ok();
    assert_eq!(run.code(), Some(9));
    place.run(&["kill", "--signal", "NONE", "x"]).refused(&["signal(7)"]);
}

// What job control does to a run: Ctrl-Z.
#[test]
fn a_run_that_is_stopped_is_listed_and_can_be_killed() {
    let place = Place::new();
    let mut run = place.start("still", &[], "sleep 1000");
    kill(run.pid(), Signal::SIGSTOP).unwrap();
    let row = place.listed("still").unwrap();
    assert_eq!((&row["state"], &row["pid"], &row["command"]), (&"silent".into(), &run.0.id().into(), &().into()));
    place.run(&["enter", "still"]).refused(&["does not answer", "is stopped"]);
    place.run(&["kill", "still"]).ok();
    assert_eq!(run.code(), Some(137));
}

#[test]
fn stats_tell_what_is_used_and_where_that_is_from() {
    let place = Place::new();
    let script = "sleep 1000 & sleep 1000 & exec python3 -c 'x = b\"x\" * (64 << 20); import time; time.sleep(1000)'";
    let _run = place.start("big", &["--pids", "100"], script);
    let look = || -> Value {
        let look = serde_json::from_str(&place.run(&["stats", "--json", "big"]).ok()).unwrap();
        is_right(&STATS, &look);
        look
    };
    place.until("the memory is there", || look()["memory_bytes"].as_u64().unwrap() > 64 << 20);
    let look = look();
    assert_eq!((&look["pids"], &look["limits"]["pids"]), (&3.into(), &100.into()), "{look}");
    assert_eq!((&look["memory_source"], &look["cpu_source"]), (&"proc".into(), &"proc".into()), "{look}");
    let table = place.run(&["stats", "big"]).ok();
    assert!(table.contains("MEMORY") && table.contains("summed over processes"), "{table}");
}

/// A Python program, outside, that knows the socket of the run `name` as `path`.
fn client(place: &Place, name: &str, program: &str) -> Command {
    let socket = place.runtime().join("sandbox").join(name);
    let head = format!(
        "import socket, os\npath = {:?}\ndef connect():\n  s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n  s.connect(path)\n  return s\n",
        socket.to_str().unwrap()
    );
    place.project.outside("python3", &["-c", &(head + program)])
}

// Layer: nobody is waited for, and the oldest makes room.
#[test]
fn a_thousand_who_connect_and_say_nothing_disturb_no_run() {
    let place = Place::new();
    let mut run = place.start("busy", &[], "until [ -e go ]; do sleep 0.01; done; echo x; exit 4");
    let program = "import time\nheld = []\nfor i in range(1000):\n  try: held.append(connect())\n  except BlockingIOError: time.sleep(0.001)\n  held = held[-200:]\nprint('connected', flush=True)\ntime.sleep(1000)";
    let mut command = client(&place, "busy", program);
    let _crowd = once_it_speaks(&mut command);
    // Who waits in the queue is before it.
    place.until("it answers", || place.listed("busy").is_some_and(|row| row["state"] == "running"));
    let open = fs::read_dir(format!("/proc/{}/fd", run.0.id())).unwrap().count();
    assert!(open < 64, "{open} descriptors are open");
    place.project.write("go", "");
    assert_eq!(run.code(), Some(4));
}

/// Starts it, and waits for its first word.
fn once_it_speaks(command: &mut Command) -> Background {
    let mut child = Background(command.stdout(Stdio::piped()).spawn().unwrap());
    std::io::Read::read(&mut child.0.stdout.take().unwrap(), &mut [0; 16]).unwrap();
    child
}

/// A Python program in a supervisor's place; its `listener` listens as the run `name`, and `answer` says yes to one who wants its end.
fn stand_in(place: &Place, name: &str, program: &str) -> Background {
    let directory = place.runtime().join("sandbox");
    let head = format!(
        "import os, socket, time\nos.umask(0o77)\nos.mkdir({directory:?})\nlistener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\nlistener.bind({:?})\nlistener.listen()\nprint('listens', flush=True)\n",
        directory.join(name)
    );
    let answer = "def answer(after=0):\n  asks, _ = listener.accept()\n  assert b'kill' in asks.recv(1 << 10)\n  time.sleep(after)\n  asks.send(b'{\"sandbox\":\"0.1.0\",\"format\":1,\"says\":\"done\"}')\n";
    once_it_speaks(&mut place.project.outside("python3", &["-c", &(head + answer + program)]))
}

#[test]
fn one_who_made_room_for_others_unheard_asks_again() {
    let place = Place::new();
    let mut crowded = stand_in(&place, "crowded", "for i in range(3): listener.accept()\nanswer()");
    place.run(&["kill", "crowded"]).ok();
    assert_eq!(crowded.code(), Some(0));
}

#[test]
fn one_who_is_never_heard_gives_up_and_what_has_no_word_to_say_is_not_listed() {
    let place = Place::new();
    let _deaf = stand_in(&place, "deaf", "while True: listener.accept()");
    place.run(&["enter", "deaf"]).refused(&["has ended, or has no time for another question", "sandbox ps"]);
    assert!(place.list().is_empty());
}

#[test]
fn one_who_finds_no_place_to_wait_waits_for_one() {
    let place = Place::new();
    let program = "listener.listen(0)\nfirst = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\nfirst.connect(listener.getsockname())\nopen('full', 'w')\ntime.sleep(0.3)\nlistener.accept()\nanswer()";
    let mut busy = stand_in(&place, "busy", program);
    place.until("no place is left", || place.project.path().join("full").exists());
    place.run(&["kill", "busy"]).ok();
    assert_eq!(busy.code(), Some(0));
}

// The machine is busy: that is no reason to call it stopped.
#[test]
fn an_answer_that_takes_a_while_is_waited_for() {
    let place = Place::new();
    let mut slow = stand_in(&place, "slow", "answer(after=3)");
    place.run(&["kill", "slow"]).ok();
    assert_eq!(slow.code(), Some(0));
}

#[test]
fn nonsense_on_the_socket_disturbs_no_run() {
    let place = Place::new();
    let _run = place.start("calm", &[], "sleep 1000");
    let program = "import random\nfor i in range(300):\n  s = connect()\n  s.send(random.randbytes(random.randrange(1, 4000)))\n  if i % 3 == 0: s.recv(1 << 16)\nfor says in ['{}', '{\"sandbox\":\"9.9.9\",\"format\":9,\"says\":\"enter\"}', '{\"sandbox\":\"0.1.0\",\"format\":1,\"says\":{\"signal\":-1}}']:\n  s = connect()\n  s.send(says.encode())\n  assert b'refused' in s.recv(1 << 16)";
    finish(client(&place, "calm", program)).ok();
    assert_eq!(place.listed("calm").unwrap()["state"], "running");
}

// Layer: SO_PEERCRED, behind a directory that is closed to all others.
#[test]
fn another_user_is_not_answered() {
    if !root() {
        return; // only root can be another user: the run as root is the test
    }
    let place = Place::new();
    let _run = place.start("private", &[], "sleep 1000");
    let ask = "try:\n  s = connect()\n  s.send(b'{\"sandbox\":\"0.1.0\",\"format\":1,\"says\":\"info\"}')\n  print(len(s.recv(1 << 16)))\nexcept (BrokenPipeError, ConnectionResetError): print(0)\nexcept OSError as e: print(type(e).__name__)";
    let as_another = || {
        let command = client(&place, "private", ask);
        let args: Vec<_> = command.get_args().map(|arg| arg.to_str().unwrap().to_owned()).collect();
        let other = ["--reuid", "65534", "--regid", "65534", "--clear-groups", "python3"];
        let args: Vec<&str> = other.into_iter().chain(args.iter().map(String::as_str)).collect();
        let mut command = place.project.outside("setpriv", &args);
        command.env("PATH", "/usr/bin:/bin"); // root's own may be closed to it
        finish(command).ok()
    };
    assert_eq!(as_another(), "PermissionError");
    for (path, mode) in
        [("", 0o711), ("runtime", 0o711), ("runtime/sandbox", 0o711), ("runtime/sandbox/private", 0o777)]
    {
        fs::set_permissions(place.project.home().join(path), Permissions::from_mode(mode)).unwrap();
    }
    assert_eq!(as_another(), "0");
    let info = finish(client(&place, "private", ask)).ok();
    assert!(info.parse::<u32>().unwrap() > 100, "its own user is not answered either: {info}");
    // And such a directory is not used again.
    place.run(&["kill", "private"]).refused(&["only you can open"]);
}

#[test]
fn the_names_are_never_shown_inside() {
    let place = Place::new();
    let _run = place.start("hidden", &[], "sleep 1000");
    let state = place.runtime().join("sandbox");
    let socket = state.join("hidden");
    let (state, socket) = (state.to_str().unwrap(), socket.to_str().unwrap());
    for (flag, path) in [("--ro", state), ("--rw", state), ("--ro", socket), ("--socket", socket)] {
        place.run(&["-p", "build", flag, path, "--", "true"]).refused(&["every sandbox of yours is ruled"]);
    }
    let home = place.project.home().to_str().unwrap();
    let output = place.run(&["-p", "build", "--ro", home, "--", "sh", "-c", &format!("ls {home}; ls {state}")]);
    assert!(output.text().contains("runtime") && output.stderr.contains("Permission denied"), "{output:?}");
}

// Layer: the user namespace of who asks. Here a command does find the way: the run that it asks began after its own, in a
// directory that it was shown.
#[test]
fn a_command_that_finds_the_socket_is_not_answered() {
    let place = Place::new();
    let shown = place.project.path().join("late");
    let socket = shown.join("sandbox/late");
    let program = format!(
        "import os, socket, time\nwhile not os.path.exists('go'): time.sleep(0.01)\ns = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\ns.connect({:?})\ntry:\n  s.send(b'{{\"sandbox\":\"0.1.0\",\"format\":1,\"says\":\"kill\"}}')\n  said = len(s.recv(1 << 16))\nexcept OSError: said = 0\nopen('answer', 'w').write(str(said))\ntime.sleep(1000)",
        socket.to_str().unwrap()
    );
    place.project.write("ask.py", &program);
    // The id outside is the caller's own, as it is for an ordinary user: the credentials alone would let it in.
    let flags: &[&str] = if root() { &["--outside", "caller", "--cgroup", "prefer"] } else { &[] };
    let _asking = place.start("asking", flags, "python3 ask.py");
    fs::create_dir(&shown).unwrap();
    fs::set_permissions(&shown, Permissions::from_mode(0o700)).unwrap();
    let mut late = place.sandbox(&["-p", "strict", "--cgroup", "prefer", "--name", "late", "--", "sleep", "1000"]);
    let mut late =
        Background(late.env("XDG_RUNTIME_DIR", &shown).stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    place.until("it listens", || socket.exists());
    place.project.write("go", "");
    place.until("it was answered or not", || place.project.path().join("answer").exists());
    place.until("the answer is there", || !place.project.read("answer").is_empty());
    assert_eq!(place.project.read("answer"), "0");
    assert!(late.0.try_wait().unwrap().is_none(), "it has ended");
}

#[test]
fn where_there_is_no_place_for_a_name_a_run_goes_on_without() {
    let place = Place::new();
    if root() {
        return; // there is always /run
    }
    let without = |args: &[&str]| {
        let mut command = place.project.sandbox(args);
        command.env("XDG_RUNTIME_DIR", "/no/such/directory");
        finish(command)
    };
    if PathBuf::from(format!("/run/user/{}", nix::unistd::geteuid())).exists() {
        return;
    }
    without(&["-v", "-p", "build", "--name", "lost", "--", "true"]).exits(0).says(&["not listed as lost"]);
    assert_eq!(without(&["-p", "build", "--name", "lost", "--", "true"]).exits(0).stderr, "");
    without(&["enter", "lost"]).refused(&["no sandbox named \"lost\"", "XDG_RUNTIME_DIR"]);
}

// Layer: the directory is opened without following a link, and looked at.
#[test]
fn a_place_that_others_could_write_or_that_is_a_link_is_not_used() {
    let place = Place::new();
    let state = place.runtime().join("sandbox");
    fs::create_dir(place.project.home().join("elsewhere")).unwrap();
    std::os::unix::fs::symlink("../elsewhere", &state).unwrap();
    let listens = |name: &str| place.run(&["-v", "-p", "build", "--name", name, "--", "true"]).stderr;
    assert!(listens("link").contains("not listed as link"));
    fs::remove_file(&state).unwrap();
    fs::create_dir(&state).unwrap();
    fs::set_permissions(&state, Permissions::from_mode(0o770)).unwrap();
    assert!(listens("open").contains("only you can open"));
}

#[test]
fn the_page_names_every_field_of_the_schemas() {
    let page = include_str!("../../docs/running.md");
    let (ps, stats): (Value, Value) = (
        serde_json::from_str(include_str!("../../schema/ps-1.json")).unwrap(),
        serde_json::from_str(include_str!("../../schema/stats-1.json")).unwrap(),
    );
    let of = |object: &Value| object["properties"].as_object().unwrap().keys().cloned().collect::<Vec<String>>();
    for field in [of(&ps["items"]), of(&stats), of(&stats["properties"]["limits"])].concat() {
        assert!(page.contains(&format!("`{field}`")), "{field}");
    }
}
