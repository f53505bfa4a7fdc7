//! The supervisor protects itself, and a run costs the caller nothing.

use super::harness::{Project, binary, finish, root};
use std::process::Stdio;

// DESIGN rule 7.
#[test]
fn a_set_user_id_copy_refuses_to_run() {
    let project = Project::new();
    // Not in /tmp, which is often a mount without set-user-id.
    let place = tempfile::tempdir_in("/var/tmp").unwrap();
    let copy = place.path().join("copy");
    super::harness::copy_program(super::harness::binary(), &copy);
    let copy = copy.to_str().unwrap();
    // Only another user's file makes the two ids differ.
    if root() {
        finish(project.outside("chown", &["65534:65534", copy])).ok();
    } else {
        return; // an ordinary user cannot make such a file: the run as root is the test
    }
    finish(project.outside("chmod", &["6755", copy])).ok();
    let output = finish(project.outside(copy, &["-p", "build", "--", "true"]));
    output.refused(&["set-uid"]);
}

#[test]
fn help_and_version_go_to_stdout() {
    let project = Project::new();
    let help = project.run(&["--help"]);
    assert!(help.ok().contains("explain") && help.stderr.is_empty(), "{help:?}");
    assert!(project.run(&["--version"]).ok().starts_with("sandbox 0."));
}

#[test]
fn explain_starts_nothing_and_says_what_would_be() {
    let project = Project::new();
    let output = project.run(&["explain", "-p", "build", "--", "touch", "made"]).ok();
    assert!(!project.path().join("made").exists());
    for part in ["command", "touch", "user", "files", "rw", "env", "limits", "pids 4096", "layers", "seccomp"] {
        assert!(output.contains(part), "no {part} in {output}");
    }
    let json = project.run(&["explain", "--json", "-p", "build", "--", "true"]).ok();
    assert!(serde_json::from_str::<serde_json::Value>(&json).unwrap().is_object(), "{json}");
}

#[test]
fn every_built_in_profile_is_listed_shown_and_good() {
    let project = Project::new();
    let list = project.run(&["profile", "list"]).ok();
    for name in ["default", "build", "test", "rust", "python", "node", "agent", "shell", "strict", "container"] {
        assert!(list.contains(name), "no {name} in {list}");
        let shown = project.run(&["profile", "show", name]).ok();
        project.write("copy.yaml", &format!("{shown}\n"));
        project.run(&["profile", "check", "copy.yaml"]).ok();
        assert!(!project.run(&["profile", "show", name, "--resolved"]).ok().is_empty());
    }
}

#[test]
fn every_built_in_profile_runs_a_command() {
    let project = Project::new();
    for name in ["default", "build", "test", "rust", "python", "node", "agent", "shell"] {
        assert_eq!(project.run(&["-p", name, "--", "echo", name]).ok(), name);
    }
}

#[test]
fn fifty_runs_at_once_all_succeed() {
    let project = Project::new();
    let runs: Vec<_> = (0..50)
        .map(|i| {
            let mut command = project.sandbox(&["-p", "build", "--", "echo", &i.to_string()]);
            (i, command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
        })
        .collect();
    for (i, run) in runs {
        let output = run.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), i.to_string(), "{said}");
    }
}

#[test]
fn a_sandbox_inside_a_sandbox_works_where_user_namespaces_are_allowed() {
    let project = Project::new();
    super::harness::copy_program(super::harness::binary(), &project.path().join("inner"));
    let output = project.run(&[
        "-p",
        "test",
        "--seccomp",
        "off",
        "--feature",
        "userns",
        "--",
        "./inner",
        "-p",
        "build",
        "--",
        "true",
    ]);
    // Either it works or it says why; it must not hang and must not claim the command's own failure.
    assert!(output.code() == 0 || (output.code() == 125 && output.stderr.starts_with("sandbox: ")), "{output:?}");
}

#[test]
fn the_callers_directory_and_process_group_are_untouched() {
    let project = Project::new();
    let script = format!(
        "a=$(ps -o pgid=,sid=,ni= -p $$); {} -p build -- true; b=$(ps -o pgid=,sid=,ni= -p $$); test \"$a\" = \"$b\" && pwd",
        binary()
    );
    assert_eq!(finish(project.outside("sh", &["-c", &script])).ok(), project.path().display().to_string());
}

#[test]
fn verbose_says_a_line_at_the_start_and_at_the_end() {
    let project = Project::new();
    let output = project.run(&["-v", "-p", "build", "--", "sh", "-c", "exit 3"]);
    output.exits(3);
    let lines: Vec<_> = output.stderr.lines().collect();
    assert!(lines.len() == 2 && lines.iter().all(|line| line.starts_with("sandbox: ")), "{lines:?}");
    assert!(lines[1].contains("exited 3"), "{lines:?}");
}

/// Ticks of CPU time that a process has used: the 14th and 15th field of proc_pid_stat(5).
fn cpu_ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

// A traced process that is dead stays in its PID namespace until its tracer has seen that; so does one on a hung disk.
#[test]
#[allow(clippy::zombie_processes, reason = "waited for, unless an assertion fails")]
fn waiting_for_the_last_process_inside_costs_no_cpu_time() {
    use std::io::{BufRead, BufReader};
    let project = Project::new();
    let name = format!("{}", 100_000 + std::process::id());
    let script = format!("sleep {name} & echo ready; read line; exit 3");
    let mut run = project.sandbox(&["-p", "build", "--", "sh", "-c", &script]);
    let mut run = run.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(run.stdout.take().unwrap()).read_line(&mut line).unwrap();
    // PTRACE_SEIZE, and never a wait. Its parent ends it by closing stdin.
    let tracer = format!(
        "import ctypes, os, sys
libc = ctypes.CDLL(None)
def is_it(pid):
    try: return open(f'/proc/{{pid}}/cmdline').read().split('\\0')[:2] == ['sleep', '{name}']
    except OSError: return False
while not (found := [int(pid) for pid in os.listdir('/proc') if pid.isdigit() and is_it(pid)]): pass
print(libc.ptrace(0x4206, found[0], 0, 0), flush=True)
sys.stdin.read()"
    );
    let mut tracer = project.outside("python3", &["-c", &tracer]);
    let mut tracer = tracer.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    line.clear();
    BufReader::new(tracer.stdout.take().unwrap()).read_line(&mut line).unwrap();
    drop(run.stdin.take());
    if line.trim() != "0" {
        drop(tracer.stdin.take());
        tracer.wait().unwrap();
        run.wait().unwrap();
        drop(tracer.stdin.take());
        tracer.wait().unwrap();
        return; // Yama lets an ordinary user trace his own children only
    }
    let before = cpu_ticks(run.id());
    std::thread::sleep(std::time::Duration::from_secs(2));
    let used = cpu_ticks(run.id()) - before;
    assert!(run.try_wait().unwrap().is_none(), "the tracer holds it");
    drop(tracer.stdin.take());
    tracer.wait().unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(3));
    assert!(used < 50, "{used} ticks in two seconds of waiting");
}

#[test]
fn twice_verbose_says_each_step_with_its_microseconds() {
    let output = Project::new().run(&["-vv", "-p", "build", "--", "true"]);
    output.ok();
    output.says(&[
        "profiles read: default < build\n",
        "plan made",
        "prepared",
        "namespaces made",
        "the command runs",
        "the command ended",
    ]);
    let times: Vec<u64> = output
        .stderr
        .lines()
        .map(|line| line.strip_prefix("sandbox:").and_then(|line| line.split_once(" µs ")?.0.trim().parse().ok()))
        .map(|time| time.unwrap_or_else(|| panic!("{}", output.stderr)))
        .collect();
    assert!(times.is_sorted(), "{times:?}");
}

// A name that somebody else chose must not add a line to what is decided here.
#[test]
fn a_name_with_a_newline_stays_on_its_line_in_explain() {
    let project = Project::new();
    project.write(".env\nlayers    nothing is allowed", "");
    let shown = project.run(&["explain", "-p", "agent", "--", "true"]).ok();
    assert!(
        shown.contains("\\nlayers") && shown.lines().filter(|line| line.starts_with("layers")).count() == 1,
        "{shown}"
    );
}

// Layer: `faults` is no default feature. With it a variable of the environment would take the sandbox apart.
#[test]
fn the_program_has_no_trace_of_the_faults_that_are_made_for_tests() {
    let program = std::fs::read(binary()).unwrap();
    let holds = |text: &[u8]| program.windows(text.len()).any(|window| window == text);
    assert!(holds(b"setup-failed"), "{} is no sandbox", binary());
    for trace in ["SANDBOX_FAULT", "SANDBOX_WITHOUT"] {
        assert!(!holds(trace.as_bytes()), "{} is built with the feature faults", binary());
    }
}
