//! The exit code is the command's own, told apart from ours, and nothing is left behind.

use super::harness::{Project, a_while, attack, binary, finish, patience};

#[test]
fn the_exit_code_is_the_commands() {
    let project = Project::new();
    for code in [0, 1, 2, 42, 99, 124, 125, 126, 127, 128, 255] {
        let output = project.shell(&["-p", "build"], &format!("exit {code}"));
        assert_eq!((output.code(), output.stderr.as_str()), (code, ""), "nothing of our own is said");
    }
}

// Layer: init as PID 1; a command that is PID 1 itself cannot be killed by its own signal.
#[test]
fn a_signal_is_128_plus_its_number() {
    let project = Project::new();
    for (name, code) in [("KILL", 137), ("ABRT", 134), ("SEGV", 139), ("TERM", 143), ("INT", 130), ("HUP", 129)] {
        let output = project.shell(&["-p", "build"], &format!("kill -{name} $$"));
        assert_eq!(output.code(), code, "{name}");
    }
}

#[test]
fn abort_is_134() {
    let project = Project::new();
    project.run(&["-p", "build", "--", "python3", "-c", "import os; os.abort()"]).exits(134);
}

#[test]
fn a_command_that_is_not_found_is_127_and_says_so() {
    let project = Project::new();
    let missing = project.run(&["-p", "build", "--", "no-such-command"]);
    missing.exits(127).says(&["sandbox: ", "no-such-command"]);
    let silent = project.shell(&["-p", "build"], "exit 127");
    assert_eq!(silent.stderr, "");
    for (args, status) in [(["--", "no-such-command"], "exec-failed"), (["--", "/bin/false"], "exited")] {
        project.run(&[&["-p", "build", "--report", "r.json"], &args[..]].concat());
        assert_eq!(project.report()["status"], status);
    }
}

#[test]
fn a_command_that_is_not_executable_is_126() {
    let project = Project::new();
    project.write("plain", "no program");
    project.run(&["-p", "build", "--", "./plain"]).exits(126).says(&["sandbox: ", "plain"]);
    project.run(&["-p", "build", "--", "/tmp"]).exits(126).says(&["/tmp"]);
}

#[test]
fn an_exit_code_can_be_replaced() {
    let project = Project::new();
    let output = project.run(&["--exit-code", "setup-failed=255", "-p", "no-such-profile", "--", "true"]);
    output.exits(255);
    project.run(&["--exit-code", "exec-failed=3", "-p", "build", "--", "no-such-command"]).exits(3);
}

// Layer: init reaps.
#[test]
fn a_thousand_orphans_leave_no_zombie() {
    // Zombies have a directory in /proc too: without a reaping init the loop would not end.
    let script = "for i in $(seq 1000); do (sleep 0 &) ; done
        until [ $(ls /proc | grep -c '^[0-9]') -le 5 ]; do sleep 0.1; done; echo all gone";
    assert_eq!(Project::new().inside(script), "all gone");
}

/// `leftover SECONDS ROUNDS LONGEST sandbox ARGS`: see tests/attacks/leftover.c.
fn leftover(project: &Project, rounds: &str, longest: &str, args: &[&str]) -> super::harness::Output {
    attack!(project, "leftover");
    let seconds = (patience().as_secs() / 3).to_string();
    finish(project.outside("./leftover", &[&[seconds.as_str(), rounds, longest, &binary()], args].concat()))
}

// Layer: PDEATHSIG and the pidfd of the supervisor, opened before the clone. bwrap fails this.
#[test]
fn killing_the_supervisor_in_its_first_30_ms_leaves_no_process() {
    let project = Project::new();
    leftover(&project, "100", "30000", &["-p", "build", "--", "sleep", "1000"]).ok();
}

#[test]
fn killing_the_supervisor_of_a_busy_run_leaves_no_process() {
    let project = Project::new();
    let script = "trap '' TERM INT HUP; for i in 1 2 3 4; do (setsid sh -c 'while :; do sleep 1; done' &) ; done; while :; do :; done";
    leftover(&project, "20", "300000", &["-p", "build", "--", "sh", "-c", script]).ok();
}

// Layer: the PID namespace dies with its init, and the supervisor waits for that.
#[test]
fn a_daemon_left_by_the_command_dies_with_the_run() {
    let project = Project::new();
    let script = "(setsid sh -c 'trap \"\" TERM HUP INT; sleep 1000' > /dev/null 2>&1 &) ; sleep 1000 & exit 4";
    assert_eq!(leftover(&project, "1", "0", &["-p", "build", "--", "sh", "-c", script]).ok(), "4");
}

#[test]
fn a_daemon_that_holds_the_output_open_does_not_delay_the_end() {
    let project = Project::new();
    project.shell(&["-p", "build"], "sleep 100000 & echo done; exit 0").ok();
}

// Layer: the supervisor's timer.
#[test]
fn the_wall_clock_limit_ends_the_whole_tree_with_124() {
    let project = Project::new();
    let script = "trap '' TERM INT; setsid sleep 1000 & sleep 1000 & wait; wait";
    let args = ["-p", "build", "--wall-time", "500ms", "--report", "r.json", "--", "sh", "-c", script];
    assert_eq!(leftover(&project, "1", "0", &args).ok(), "124");
    assert_eq!(project.report()["status"], "wall-timeout");
}

#[test]
fn kill_after_lets_the_command_clean_up_first() {
    let project = Project::new();
    // As long as a shell may take to come to its trap.
    let wall_time = format!("{}s", a_while().as_secs());
    let flags = ["-p", "build", "--wall-time", &wall_time, "--kill-after", "100s"];
    let output = project.shell(&flags, "trap 'echo cleaned; exit 0' TERM; while :; do sleep 0.1; done");
    output.exits(124);
    assert_eq!(output.text(), "cleaned");
}

#[test]
fn the_wall_clock_runs_on_while_the_command_is_stopped() {
    let project = Project::new();
    project.shell(&["-p", "build", "--wall-time", "500ms"], "kill -STOP $$").exits(124);
}

// Layer: output counted by the supervisor.
#[test]
fn the_output_limit_ends_the_command_with_153() {
    let project = Project::new();
    let output = project.shell(&["-p", "build", "--output", "1MiB"], "yes");
    output.exits(153);
    assert_eq!(output.stdout.len(), 1 << 20);
}

// The supervisor wakes to both at once: a command that ended, and a time that is over. How long it took, init has told.
#[test]
fn a_command_that_ended_in_time_has_not_timed_out_because_the_supervisor_was_stopped() {
    let project = Project::new();
    let script = "\"$@\" & p=$!; until [ -e ready ]; do sleep 0.01; done; kill -STOP $p; touch go
        sleep $0; kill -CONT $p; wait $p";
    let command = "touch ready; until [ -e go ]; do sleep 0.01; done; exit 7";
    let longer = (a_while().as_secs() + 1).to_string();
    let limit = format!("{}s", a_while().as_secs());
    let flags = ["-p", "build", "--wall-time", &limit, "--extra-time", "100s", "--report", "r.json"];
    let binary = binary();
    let args = [&["-c", script, &longer, &binary], &flags[..], &["--", "sh", "-c", command]].concat();
    finish(project.outside("sh", &args)).exits(7);
    let report = project.report();
    assert_eq!(report["status"], "exited");
    assert!(report["wall_time_us"].as_u64().unwrap() < a_while().as_micros() as u64, "{report}");
}
