//! With a terminal, the command gets one of its own: job control works, and the caller's comes back as it was.

use super::harness::{Project, binary};
use super::pty::Terminal;

/// A `sandbox -p build -- sh -c SCRIPT` that has the terminal to itself.
fn on_terminal(project: &Project, script: &str) -> Terminal {
    Terminal::start(project, &binary(), &["-p", "build", "--", "sh", "-c", script])
}

/// An interactive bash in which `sandbox` is typed like any command.
fn in_bash(project: &Project) -> Terminal {
    let mut terminal = Terminal::start(project, "bash", &["--norc", "--noprofile", "-i"]);
    terminal.shows("$ ");
    terminal
}

// Layer: the pty made in the sandbox's own devpts.
#[test]
fn the_command_has_a_terminal_of_its_own() {
    let project = Project::new();
    let mut terminal = on_terminal(&project, "test -t 0 && test -t 1 && test -t 2 && tty && echo $(ls /dev/pts)");
    terminal.shows("/dev/pts/0");
    terminal.shows("0 ptmx");
    assert_eq!(terminal.ends().code(), Some(0));
}

// Layer: descriptors; the caller's terminal itself must not be reachable.
#[test]
fn the_command_holds_no_descriptor_of_the_callers_terminal() {
    let project = Project::new();
    let mut terminal =
        on_terminal(&project, "readlink /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 | sort -u; exit 3");
    terminal.shows("/dev/pts/0\r\n");
    assert_eq!(terminal.ends().code(), Some(3));
}

#[test]
fn what_is_typed_reaches_the_command_and_control_d_ends_its_input() {
    let project = Project::new();
    let mut terminal = on_terminal(&project, "echo ready; cat; echo end of input");
    terminal.shows("ready\r\n"); // the whole line, or the echo may come in the middle of it
    terminal.types("hello there\n");
    terminal.shows("hello there\r\nhello there"); // the echo, then cat's own line
    terminal.types("\x04");
    terminal.shows("end of input");
    assert_eq!(terminal.ends().code(), Some(0));
}

// Layer: raw mode of the caller's terminal; Ctrl-C is a byte that the inner terminal turns into SIGINT.
#[test]
fn control_c_interrupts_the_command() {
    let project = Project::new();
    // exec: a shell that is just forking loses a Ctrl-C, with any terminal.
    let mut terminal = on_terminal(&project, "echo ready; exec sleep 1000");
    terminal.shows("ready");
    terminal.types("\x03");
    assert_eq!(terminal.ends().code(), Some(130));
}

#[test]
fn control_c_can_be_handled_by_the_command() {
    let project = Project::new();
    let mut terminal = on_terminal(&project, "trap 'echo caught; exit 9' INT; echo ready; while :; do sleep 1; done");
    terminal.shows("ready");
    terminal.types("\x03");
    terminal.shows("caught");
    assert_eq!(terminal.ends().code(), Some(9));
}

// Layer: init as session leader; with the payload alone in its session the kernel would discard SIGTSTP.
#[test]
fn control_z_stops_the_run_and_fg_continues_it() {
    let project = Project::new();
    let mut bash = in_bash(&project);
    bash.types(&format!("{} -p build -- sh -c 'echo rea\"\"dy; read x; echo got $x; exit 4'\n", binary()));
    bash.shows("ready");
    bash.types("\x1a");
    bash.shows("Stopped");
    bash.types("echo outer-$((40+2))\n");
    bash.shows("outer-42");
    bash.types("fg\n");
    bash.shows("sandbox");
    bash.types("input\n");
    bash.shows("got input");
    bash.shows("$ ");
    bash.types("echo code-$?\n");
    bash.shows("code-4");
}

// Layer: termios of the caller, also while the run is stopped.
#[test]
fn the_callers_terminal_is_as_it_was_after_a_stop_and_after_the_end() {
    let project = Project::new();
    let mut bash = in_bash(&project);
    bash.types(&format!("stty susp '^Z'; stty -g; {} -p build -- sh -c 'echo rea\"\"dy; read x'; stty -g\n", binary()));
    bash.shows("ready");
    bash.types("\x1a");
    bash.shows("Stopped");
    bash.types("stty -a\n");
    bash.shows(" icanon");
    bash.types("fg\n");
    bash.shows("sandbox");
    bash.types("\n");
    bash.shows("$ ");
    bash.types("echo en\"\"d; stty -a\n");
    bash.shows("end");
    bash.shows(" icanon");
}

#[test]
fn the_settings_of_the_terminal_are_equal_before_and_after() {
    for script in ["exit 0", "stty raw -echo", "kill -9 $$"] {
        let project = Project::new();
        let run = format!("{} -p build -- sh -c '{script}'", binary());
        let mut terminal =
            Terminal::start(&project, "sh", &["-c", &format!("echo begin; read x; {run}; echo over; read x")]);
        terminal.shows("begin");
        let before = terminal.stty(&["-g"]);
        terminal.types("\n");
        terminal.shows("over");
        assert_eq!(terminal.stty(&["-g"]), before, "after {script}");
    }
}

// Layer: SIGWINCH of the caller's terminal, TIOCSWINSZ on the inner one.
#[test]
fn the_size_is_the_callers_and_follows_a_resize() {
    let project = Project::new();
    // stty sets rows and columns one after the other.
    let script = "stty size; trap 's=$(stty size); echo $s; test \"$s\" = \"50 132\" && exit 0' WINCH; echo ready; while :; do sleep 0.1; done";
    let mut terminal = on_terminal(&project, script);
    terminal.shows("24 80");
    terminal.shows("ready");
    terminal.stty(&["rows", "50", "cols", "132"]);
    terminal.shows("50 132");
    assert_eq!(terminal.ends().code(), Some(0));
}

// A shell inside with jobs of its own: what `sandbox -p shell` is for.
#[test]
fn an_interactive_shell_inside_has_job_control() {
    let project = Project::new();
    let mut terminal = Terminal::start(&project, &binary(), &["-p", "build", "--", "bash", "--norc", "-i"]);
    terminal.shows("bash-");
    terminal.types("sh -c 'echo rea\"\"dy; exec sleep 1000'\n"); // the job has the terminal when it speaks
    terminal.shows("ready");
    terminal.types("\x1a");
    terminal.shows("Stopped");
    // bash refuses to exit while it believes in a stopped job.
    terminal.types("kill -9 %1; while jobs %1 2>/dev/null | grep -q Stopped; do :; done; exit 6\n");
    assert_eq!(terminal.ends().code(), Some(6));
}

// Layer: seccomp and the own pty; TIOCSTI would type into the caller's shell.
#[test]
fn nothing_is_left_typed_on_the_callers_terminal() {
    let project = Project::new();
    let mut bash = in_bash(&project);
    let push = "import fcntl\nfor c in b\"echo inje\" b\"cted\\n\":\n  try: fcntl.ioctl(0, 0x5412, bytes([c]))\n  except OSError as e: print(e.errno); break";
    project.write("push.py", push);
    bash.types(&format!("{} -p build -- python3 push.py\n", binary()));
    bash.shows("1\r\n"); // EPERM
    bash.shows("$ ");
    bash.types("echo la\"\"st\n");
    bash.shows("last");
}

// Layer: job control; a background run must not touch the terminal and must not stop the shell.
#[test]
fn a_run_in_the_background_does_its_work() {
    let project = Project::new();
    let mut bash = in_bash(&project);
    bash.types(&format!("{} -p build -- sh -c 'echo done > out' < /dev/null & wait; cat out\n", binary()));
    bash.shows("done\r\n");
}
