//! Bytes pass unchanged in both directions, and the command holds nothing of the caller's.

use super::harness::{Project, feed, finish, patience};
use nix::fcntl::{FcntlArg, fcntl};
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::process::Stdio;
use std::time::Instant;

/// Bytes that no encoding leaves alone, the same each time (xorshift).
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    std::iter::repeat_with(next).take(length).collect()
}

#[test]
fn ten_mib_pass_unchanged_both_ways() {
    let project = Project::new();
    let bytes = noise(10 << 20);
    let output = feed(project.sandbox(&["-p", "build", "--", "sh", "-c", "cat >&2 & cat; wait"]), b"");
    assert_eq!(output.code(), 0);
    let output = feed(project.sandbox(&["-p", "build", "--", "cat"]), &bytes);
    assert!(output.stdout == bytes, "{} of {} bytes came back, or others", output.stdout.len(), bytes.len());
}

#[test]
fn stdout_and_stderr_stay_apart() {
    let output = Project::new().shell(&["-p", "build"], "echo out; echo err >&2; exit 3");
    assert_eq!((output.text().as_str(), output.stderr.as_str(), output.code()), ("out", "err\n", 3));
}

#[test]
fn the_end_of_input_is_seen() {
    let project = Project::new();
    assert_eq!(feed(project.sandbox(&["-p", "build", "--", "wc", "-c"]), b"12345").ok(), "5");
    let mut command = project.sandbox(&["-p", "build", "--", "sh", "-c", "cat | wc -c > n"]);
    let status = command.stdin(Stdio::null()).status().unwrap();
    assert!(status.success());
    assert_eq!(project.read("n").trim(), "0");
}

#[test]
fn closed_stdio_is_no_failure() {
    let project = Project::new();
    let script = format!("{} -p build -- sh -c 'exit 7' <&- >&- 2>&-; echo $?", super::harness::binary());
    assert_eq!(finish(project.outside("sh", &["-c", &script])).ok(), "7");
}

// A reader that goes away ends the writer by SIGPIPE, as outside.
#[test]
fn a_reader_that_ends_early_ends_the_command() {
    let project = Project::new();
    let script = format!(
        "set -o pipefail; {} -p build -- yes | head -n 1; echo $? ${{PIPESTATUS[0]}}",
        super::harness::binary()
    );
    let output = finish(project.outside("bash", &["-c", &script]));
    assert_eq!(output.ok(), "y\n141 141");
}

#[test]
fn the_last_output_of_a_killed_command_is_not_lost() {
    let output = Project::new().shell(&["-p", "build"], "head -c 50000 /dev/zero; kill -9 $$");
    assert_eq!((output.stdout.len(), output.code()), (50000, 137));
}

#[test]
fn dev_stdin_and_dev_stdout_and_dev_stderr_work() {
    let project = Project::new();
    let output = feed(
        project.sandbox(&["-p", "build", "--", "sh", "-c", "cat /dev/stdin > /dev/stdout; echo e > /dev/stderr"]),
        b"in",
    );
    assert_eq!((output.ok().as_str(), output.stderr.as_str()), ("in", "e\n"));
}

// KERNEL finding 5: Landlock finds the rw rule of the parent; only own pipes keep this file whole.
#[test]
fn a_file_on_stdin_cannot_be_reopened_for_writing() {
    let project = Project::new();
    let file = project.write(".git/config", "as it was");
    let git = project.path().join(".git");
    let attack = "for f in /proc/self/fd/0 /dev/stdin; do (echo hacked > $f) & (echo hacked >> $f) & done; python3 -c 'import os; os.ftruncate(0, 0)'; kill %1 %2 %3 %4; true";
    let mut command = project.sandbox(&["-p", "build", "--ro", git.to_str().unwrap(), "--", "sh", "-c", attack]);
    let status = command.stdin(File::open(&file).unwrap()).stderr(Stdio::null()).status().unwrap();
    assert!(status.code().is_some());
    assert_eq!(fs::read_to_string(&file).unwrap(), "as it was");
}

#[test]
fn a_log_on_stdout_can_be_appended_to_and_not_read_back_or_truncated() {
    let project = Project::new();
    let log = project.home().join("log");
    fs::write(&log, "earlier secret\n").unwrap();
    let attack = "import os\nfor n in (1, 2):\n  try: os.ftruncate(n, 0)\n  except OSError: pass\n  try: print(os.read(os.open('/proc/self/fd/%d' % n, os.O_RDONLY | os.O_NONBLOCK), 99))\n  except OSError: pass\nopen('got', 'w').write('x')";
    let append = || OpenOptions::new().append(true).open(&log).unwrap();
    let mut command = project.sandbox(&["-p", "build", "--", "python3", "-c", attack]);
    assert!(command.stdin(Stdio::null()).stdout(append()).stderr(append()).status().unwrap().success());
    let now = fs::read_to_string(&log).unwrap();
    assert!(now.starts_with("earlier secret\n"), "{now}");
    assert_eq!(now.matches("earlier").count(), 1, "{now}");
}

// Layer: back-pressure: what nobody reads stops the writer instead of filling the supervisor.
#[test]
fn output_that_nobody_reads_stops_the_command() {
    let project = Project::new();
    // Inside: write without blocking until nothing was taken for a second; tell how much was swallowed.
    let flood = "import os,select\nos.set_blocking(1,False)\nn=0\nwhile select.select([],[1],[],1)[1]: n+=os.write(1,b'x'*65536)\nopen('swallowed','w').write(str(n))";
    let mut child = project.sandbox(&["-p", "build", "--", "python3", "-c", flood]);
    let mut child = child.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let start = Instant::now();
    while fs::read_to_string(project.path().join("swallowed")).unwrap_or_default().is_empty() {
        assert!(start.elapsed() < patience() && child.try_wait().unwrap().is_none(), "no count");
        std::thread::yield_now();
    }
    let mut rest = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut rest).unwrap();
    child.wait().unwrap();
    let swallowed: usize = project.read("swallowed").parse().unwrap();
    assert!(swallowed < 4 << 20, "{swallowed} bytes were taken though nobody read");
    assert_eq!(rest.len(), swallowed, "bytes were lost");
}

#[test]
fn a_flood_does_not_make_the_supervisor_grow() {
    let project = Project::new();
    let mut child = project
        .sandbox(&["-p", "build", "--", "cat", "/dev/zero"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut buffer = vec![0; 1 << 20];
    for _ in 0..128 {
        stdout.read_exact(&mut buffer).unwrap();
    }
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    drop(stdout);
    child.wait().unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: usize = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 32 << 10, "peak {peak} KiB");
}

// THREATS I5: flags live on the open file description that the caller shares.
#[test]
fn the_flags_of_the_callers_descriptors_are_unchanged() {
    let project = Project::new();
    let (reader, writer) = nix::unistd::pipe().unwrap();
    let flags = |fd: &std::os::fd::OwnedFd| fcntl(fd, FcntlArg::F_GETFL).unwrap();
    let before = (flags(&reader), flags(&writer));
    let mut command = project.sandbox(&["-p", "build", "--", "sh", "-c", "head -c 1000 > /dev/null; echo x"]);
    command.stdin(reader.try_clone().unwrap()).stdout(writer.try_clone().unwrap());
    let mut child = command.spawn().unwrap();
    File::from(writer.try_clone().unwrap()).write_all(&[0; 1000]).unwrap();
    child.wait().unwrap();
    assert_eq!((flags(&reader), flags(&writer)), before);
}

#[test]
fn files_named_on_the_command_line_serve_as_stdio() {
    let project = Project::new();
    project.write("in", "from a file");
    let flags = ["-p", "test", "--stdin", "in", "--stdout", "out", "--stderr", "err"];
    let output = project.shell(&flags, "cat; echo oops >&2");
    assert_eq!((output.ok().as_str(), output.stderr.as_str()), ("", ""));
    assert_eq!((project.read("out").as_str(), project.read("err").as_str()), ("from a file", "oops\n"));
}

// judge0 2024-28185: the supervisor must not follow a link planted by the graded code.
#[test]
fn a_symbolic_link_as_an_output_file_is_refused_and_its_target_kept() {
    let project = Project::new();
    project.write("../target", "as it was");
    std::os::unix::fs::symlink("../target", project.path().join("out")).unwrap();
    for flag in ["--stdout", "--stderr", "--report"] {
        project.run(&["-p", "build", flag, "out", "--", "echo", "x"]).refused(&["out", "symbolic link"]);
    }
    assert_eq!(fs::read_to_string(project.home().join("target")).unwrap(), "as it was");
}

// nohup(1) opens stdin for writing only.
#[test]
fn a_stdin_that_cannot_be_read_is_an_empty_one() {
    let project = Project::new();
    for stdin in ["0>/dev/null", "0>file", "<."] {
        let script = format!("exec \"$@\" {stdin}");
        let args = ["-c", &script, "sh", &super::harness::binary(), "-p", "build", "--", "sh", "-c", "cat; exit 3"];
        finish(project.outside("sh", &args)).exits(3);
    }
}
