//! A command that enters a sandbox stands where the sandbox's own command does, and shows that nothing of the outside on its way in.

use super::harness::{Output, attack, binary, feed, finish, root};
use super::pty::Terminal;
use super::running::{Background, Place};
use std::process::Stdio;
use std::time::{Duration, Instant};

const WAITS: &str = "until [ -e go ]; do sleep 0.01; done";

impl Place {
    /// `sandbox enter NAME -- ARGS`, to its end.
    fn enter(&self, name: &str, args: &[&str]) -> Output {
        self.run(&[&["enter", name, "--"], args].concat())
    }

    /// `sandbox enter NAME -- sh -c SCRIPT`.
    fn enter_shell(&self, name: &str, script: &str) -> Output {
        self.enter(name, &["sh", "-c", script])
    }
}

/// All by which the kernel tells processes apart that have been stepped down differently.
const STANDING: &str = "grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp|Umask|Sig(Blk|Ign|Cgt))' /proc/self/status
    for n in user mnt pid net uts ipc cgroup time; do readlink /proc/self/ns/$n; done
    cat /proc/self/mountinfo /proc/self/limits; cat /proc/self/oom_score_adj; readlink /proc/self/root /proc/self/cwd
    env | sort | grep -v '^_='; hostname; id; ls /dev /; ./landlock_nested";

#[test]
fn an_entered_command_stands_where_the_sandboxs_own_does() {
    let place = Place::new();
    attack!(place.project, "landlock_nested");
    place.project.write("standing", STANDING);
    for flags in [
        &[][..],
        &["--capability", "CAP_NET_RAW", "--core", "1MiB", "--open-files", "99", "--uid", "7", "--landlock", "off"],
    ] {
        let run = place.start("host", flags, &format!("sh standing > own; umask >> own; touch done; {WAITS}"));
        place.until("it has told", || place.project.path().join("done").exists());
        let mut command = place.sandbox(&["enter", "host", "--", "sh", "-c", "sh standing; umask"]);
        command.env("ENTERING_SECRET", "x").env("HOME", "/elsewhere");
        let entered = finish(command);
        assert_eq!(entered.ok(), place.project.read("own").trim(), "{flags:?}: {}", entered.stderr);
        drop(run);
        std::fs::remove_file(place.project.path().join("done")).unwrap();
    }
}

// What `an_entered_command_stands…` compares could be wrong twice.
#[test]
fn an_entered_command_has_no_capability_a_filter_and_a_fence() {
    let place = Place::new();
    attack!(place.project, "landlock_nested");
    let _run = place.start("bare", &[], "sleep 1000");
    let status = place.enter_shell("bare", "cat /proc/self/status").ok();
    for set in ["Inh", "Prm", "Eff", "Bnd", "Amb"] {
        assert!(status.contains(&format!("Cap{set}:\t0000000000000000")), "{status}");
    }
    assert!(status.contains("NoNewPrivs:\t1") && status.contains("Seccomp:\t2"), "{status}");
    assert_eq!(place.enter("bare", &["./landlock_nested"]).ok(), "15 EACCES");
    assert_eq!(place.enter_shell("bare", "unshare -U true 2>/dev/null || echo refused").ok(), "refused");
    assert_eq!(place.enter_shell("bare", "touch /usr/x 2>/dev/null || echo refused").ok(), "refused");
}

#[test]
fn an_entered_command_has_only_descriptors_0_to_2_and_none_of_them_is_the_callers() {
    let place = Place::new();
    let _run = place.start("few", &[], "sleep 1000");
    place.project.write("input", "from the caller");
    let script = format!(
        "exec 5<input 7>>log; {} enter few -- sh -c 'ls /proc/self/fd; cat; echo x > /proc/self/fd/0' < input",
        binary()
    );
    let mut command = place.project.outside("sh", &["-c", &script]);
    command.env("XDG_RUNTIME_DIR", place.runtime());
    let output = finish(command);
    // 3 is that of ls itself.
    assert_eq!(output.text().lines().collect::<Vec<_>>()[..4], ["0", "1", "2", "3"], "{output:?}");
    assert!(output.text().ends_with("from the caller"), "{output:?}");
    assert_eq!(place.project.read("input"), "from the caller");
}

#[test]
fn the_exit_code_is_the_entered_commands() {
    let place = Place::new();
    let _run = place.start("codes", &[], "sleep 1000");
    for code in [0, 1, 42, 125, 127, 255] {
        let output = place.enter_shell("codes", &format!("exit {code}"));
        assert_eq!((output.code(), output.stderr.as_str()), (code, ""));
    }
    assert_eq!(place.enter_shell("codes", "kill -ABRT $$").code(), 134);
    place.enter("codes", &["no-such-command"]).exits(127).says(&["no-such-command is not found in the sandbox codes"]);
    place.project.write("plain", "no program");
    place.enter("codes", &["./plain"]).exits(126).says(&["plain"]);
    place.enter("code", &["true"]).refused(&["no sandbox named \"code\"", "Did you mean \"codes\"?"]);
}

#[test]
fn without_a_command_it_is_the_sandboxs_shell_and_input_reaches_it() {
    let place = Place::new();
    let _run = place.start("shell", &[], "sleep 1000");
    let output = feed(place.sandbox(&["enter", "shell"]), b"echo $0 in $PWD");
    assert_eq!(output.ok(), format!("/bin/sh in {}", place.project.path().display()));
}

// Layer: the PID namespace.
#[test]
fn an_entered_command_ends_with_the_sandbox() {
    let place = Place::new();
    let mut run = place.start("short", &[], WAITS);
    let mut command = place.sandbox(&[
        "enter",
        "short",
        "--",
        "sh",
        "-c",
        "trap '' TERM HUP INT; touch in; while :; do sleep 1; done",
    ]);
    let mut entered = Background(command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
    place.until("it is in", || place.project.path().join("in").exists());
    place.project.write("go", "");
    assert_eq!((run.code(), entered.code()), (Some(0), Some(137)));
    let said = std::io::read_to_string(entered.0.stderr.take().unwrap()).unwrap();
    assert!(said.contains("the sandbox short ended, and the command with it"), "{said}");
}

// Layer: PDEATHSIG of the stand-in and of the command's process.
#[test]
fn an_entered_command_ends_with_the_one_who_entered() {
    let place = Place::new();
    let _run = place.start("lonely", &[], "sleep 1000");
    // Some of them between the moment at which the command may start and that at which it is tied.
    for round in 0..100 {
        let mut command = place.sandbox(&["enter", "lonely", "--", "sleep", "1234"]);
        let entered = Background(command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        std::thread::sleep(Duration::from_micros(3000 + round * 300));
        drop(entered);
    }
    place.until("none is left", || {
        !place
            .enter_shell("lonely", "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '")
            .text()
            .contains("sleep 1234")
    });
}

#[test]
fn interrupting_the_one_who_entered_ends_the_command_and_not_the_sandbox() {
    use nix::sys::signal::{Signal, kill};
    let place = Place::new();
    let _run = place.start("whole", &[], "sleep 1000");
    let mut command =
        place.sandbox(&["enter", "whole", "--", "sh", "-c", "trap '' INT TERM; touch in; while :; do sleep 1; done"]);
    let mut entered = Background(command.stdin(Stdio::null()).spawn().unwrap());
    place.until("it is in", || place.project.path().join("in").exists());
    let pid = nix::unistd::Pid::from_raw(entered.0.id() as i32);
    // Two of a kind would be one while they wait: signal(7).
    kill(pid, Signal::SIGINT).unwrap();
    kill(pid, Signal::SIGTERM).unwrap();
    assert_eq!(entered.code(), Some(137));
    assert_eq!(place.listed("whole").unwrap()["state"], "running");
}

// Layer: pid_namespaces(7) lets a stand-in stay outside; dumpable, the erased command line and the filter come before the fork.
#[test]
fn a_hostile_command_that_lies_in_wait_finds_nothing_of_the_outside_on_those_who_enter() {
    let secret = "SECRET-of-who-enters";
    for flags in [&[][..], &["--landlock", "off"]] {
        let place = Place::new();
        attack!(place.project, "newcomers");
        let script = format!("touch in; exec ./newcomers {secret} {} go met > found", binary());
        let mut run = place.start("trap", flags, &script);
        place.until("it lies in wait", || place.project.path().join("in").exists());
        // As often as it takes, for how quick a machine with other work is at such an ambush is no promise.
        place.until("it has met ten before their execve", || {
            let mut command = place.sandbox(&["enter", "trap", "-q", "--", "sh", "-c", ": "]);
            command.env("ENTERING", secret).env(secret, "x");
            finish(command).ok();
            std::fs::metadata(place.project.path().join("met")).is_ok_and(|met| met.len() >= 10)
        });
        place.project.write("go", "");
        assert_eq!(run.code(), Some(0));
        let found = place.project.read("found");
        assert!(found.contains(", 0 findings"), "{flags:?}: {found}");
    }
}

// Layer: the directory is a descriptor from before the command's first instruction: no path is looked up that it may have changed.
#[test]
fn a_working_directory_that_was_replaced_by_a_link_leads_nowhere_else() {
    let place = Place::new();
    let work = place.project.path().join("work");
    std::fs::create_dir(&work).unwrap();
    for target in ["/proc/self/fd/9", "/proc/1/root", "/", "/proc/self/cwd/../../.."] {
        let script = format!("mv ../work ../moved; ln -s {target} ../work; touch ../swapped; sleep 1000");
        let run = place.start("moved", &["--workdir", work.to_str().unwrap()], &script);
        place.until("it is swapped", || place.project.path().join("swapped").exists());
        let seen = place.enter_shell("moved", "pwd -P; ls -a | tr '\\n' ' '").ok();
        assert_eq!(seen, format!("{}/moved\n. ..", place.project.path().display()), "{target}");
        drop(run);
        std::fs::remove_file(place.project.path().join("swapped")).unwrap();
        std::fs::remove_file(&work).unwrap();
        std::fs::rename(place.project.path().join("moved"), &work).unwrap();
    }
}

#[test]
fn a_working_directory_that_was_removed_is_an_error() {
    let place = Place::new();
    let work = place.project.path().join("work");
    std::fs::create_dir(&work).unwrap();
    let script = "cd ..; rmdir work; touch swapped; sleep 1000";
    let _run = place.start("gone", &["--workdir", work.to_str().unwrap()], script);
    place.until("it is gone", || place.project.path().join("swapped").exists());
    place.enter_shell("gone", "touch ran").refused(&["working directory", "work"]);
    assert!(!place.project.path().join("ran").exists());
}

// Layer: the groups of the run go with its plan.
#[test]
fn who_has_more_groups_than_the_run_does_not_enter() {
    if !root() {
        return; // an ordinary user cannot change his groups: the run as root is the test
    }
    let place = Place::new();
    let sandbox = |groups: &[&str], args: &[&str]| {
        let binary = binary();
        let user = [&["--reuid", "65534", "--regid", "65534"], groups, &[binary.as_str()], args].concat();
        let mut command = place.project.outside("setpriv", &user);
        command.env("XDG_RUNTIME_DIR", place.runtime());
        command
    };
    for path in [place.project.home().to_owned(), place.project.path().to_owned(), place.runtime()] {
        std::os::unix::fs::chown(path, Some(65534), Some(65534)).unwrap();
    }
    let mut command = sandbox(&["--clear-groups"], &["-p", "build", "--name", "plain", "--", "sleep", "1000"]);
    let _run = Background(command.stdin(Stdio::null()).spawn().unwrap());
    place.until("it runs", || {
        finish(sandbox(&["--clear-groups"], &["ps"])).text().contains("sleep 1000\n")
            || finish(sandbox(&["--clear-groups"], &["ps"])).text().ends_with("sleep 1000")
    });
    finish(sandbox(&["--groups", "4711"], &["enter", "plain", "--", "true"])).refused(&["group 4711"]);
    finish(sandbox(&["--clear-groups"], &["enter", "plain", "--", "true"])).ok();
}

#[test]
fn limits_hold_for_those_inside_and_those_who_enter_together() {
    let place = Place::new();
    let _run = place.start("tight", &["--pids", "8"], "for i in 1 2 3 4; do sleep 1000 & done; touch in; wait");
    place.until("four are there", || place.project.path().join("in").exists());
    let output = place.enter_shell("tight", "for i in 1 2 3 4 5 6 7 8; do sleep 100 & done; wait");
    assert_ne!(output.code(), 0);
    assert!(output.stderr.contains("fork") || output.stderr.contains("Resource"), "{output:?}");
}

/// `sandbox enter NAME -- ARGS` on a terminal.
fn on_terminal(place: &Place, args: &[&str]) -> Terminal {
    let runtime = format!("XDG_RUNTIME_DIR={}", place.runtime().display());
    Terminal::start(&place.project, "env", &[&[runtime.as_str(), &binary(), "enter", "screen", "--"], args].concat())
}

// Layer: a pty of the sandbox's own devpts, opened by way of init's descriptor.
#[test]
fn on_a_terminal_an_entered_command_has_one_of_its_own_with_job_control() {
    let place = Place::new();
    let _run = place.start("screen", &[], "sleep 1000");
    let mut terminal = on_terminal(&place, &["bash", "--norc", "-i"]);
    terminal.shows("bash-");
    terminal.types("tty; stty size\n");
    terminal.shows("/dev/pts/0\r\n");
    terminal.shows("24 80");
    terminal.stty(&["rows", "50", "cols", "132"]);
    terminal.types("sh -c 'echo rea\"\"dy; exec sleep 1000'\n");
    terminal.shows("ready");
    terminal.types("\x1a");
    terminal.shows("Stopped");
    terminal.types("stty size; kill -9 %1; while jobs %1 2>/dev/null | grep -q Stopped; do :; done; exit 6\n");
    terminal.shows("50 132");
    assert_eq!(terminal.ends().code(), Some(6));
}

#[test]
fn control_c_and_control_z_reach_an_entered_command() {
    let place = Place::new();
    let _run = place.start("screen", &[], "sleep 1000");
    let mut terminal = on_terminal(&place, &["sh", "-c", "echo ready; exec sleep 1000"]);
    terminal.shows("ready");
    terminal.types("\x03");
    assert_eq!(terminal.ends().code(), Some(130));

    let mut bash = Terminal::start(&place.project, "bash", &["--norc", "--noprofile", "-i"]);
    bash.shows("$ ");
    let runtime = place.runtime().display().to_string();
    bash.types(&format!(
        "export XDG_RUNTIME_DIR={runtime}; {} enter screen -- sh -c 'echo rea\"\"dy; read x; echo got $x; exit 4'\n",
        binary()
    ));
    bash.shows("ready");
    bash.types("\x1a");
    bash.shows("Stopped");
    bash.types("fg\n");
    bash.shows("sandbox");
    bash.types("input\n");
    bash.shows("got input");
    bash.shows("$ ");
    bash.types("echo code-$?\n");
    bash.shows("code-4");
}

// The init of a sandbox ends only when those who entered have been waited for: that must not take long.
#[test]
fn a_sandbox_with_many_inside_ends_at_once() {
    let place = Place::new();
    let mut run = place.start("many", &[], WAITS);
    let enter = || {
        let mut command = place.sandbox(&["enter", "many", "-q", "--", "sh", "-c", "touch in$$; exec sleep 1000"]);
        Background(command.stdin(Stdio::null()).spawn().unwrap())
    };
    let mut entered: Vec<Background> = (0..10).map(|_| enter()).collect();
    place.until("all are in", || {
        let names = std::fs::read_dir(place.project.path()).unwrap().flatten();
        names.filter(|entry| entry.file_name().to_string_lossy().starts_with("in")).count() == 10
    });
    let start = Instant::now();
    place.project.write("go", "");
    assert_eq!(run.code(), Some(0));
    for entered in &mut entered {
        assert_eq!(entered.code(), Some(137));
    }
    assert!(start.elapsed() < super::harness::patience() / 5);
}
