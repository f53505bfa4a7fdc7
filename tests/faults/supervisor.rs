//! What the supervisor needs for itself: without it there is no run either.

use super::attempt::{Bench, COMMAND};
use super::harness::{finish, root};

// pidfd, signalfd, socket pair, pipes, the files of the report and of stdio: each is at some number the one too many.
#[test]
fn too_few_descriptors_are_the_end_of_the_run_wherever_they_run_out() {
    let bench = Bench::new();
    for limit in 4..200 {
        let output = bench.attempt_after(&format!("ulimit -n {limit}"));
        let what = format!("ulimit -n {limit}");
        if output.text() != "125" {
            assert_eq!(output.text(), "started\n0", "{what}: {output:?}");
            assert!(limit > 12, "{what}: so few cannot be enough");
            return;
        }
        bench.not_started(&what, &output);
        // Below, not even the place of the report could be held; and so an old report is no verdict either.
        if bench.project.path().join("r.json").exists() {
            assert_eq!(bench.setup_failed()["errno"], "EMFILE");
            std::fs::remove_file(bench.project.path().join("r.json")).unwrap();
        }
    }
    panic!("it never runs");
}

#[test]
fn a_place_where_no_report_can_be_is_the_end_of_the_run() {
    let bench = Bench::new();
    std::os::unix::fs::symlink("elsewhere", bench.project.path().join("link")).unwrap();
    for place in ["missing/r.json", ".", "link", "/dev/full/r.json", "fd:77"] {
        let args = ["-p", "build", "--report", place, "--", "sh", "-c", COMMAND];
        let output = finish(bench.project.sandbox(&args));
        output.exits(125);
        assert!(output.stdout.is_empty() && !bench.project.path().join("made").exists(), "{place}: {output:?}");
    }
}

#[test]
fn stdio_that_cannot_be_had_is_the_end_of_the_run() {
    let bench = Bench::new();
    std::os::unix::fs::symlink("elsewhere", bench.project.path().join("link")).unwrap();
    for flags in [["--stdin", "missing"], ["--stdout", "."], ["--stderr", "missing/log"], ["--stdout", "link"]] {
        bench.refused("", &flags);
    }
    assert!(!bench.project.path().join("elsewhere").exists());
}

// RLIMIT_NPROC does not hold root back.
#[test]
fn a_caller_who_may_start_no_process_is_told_so() {
    if root() {
        return;
    }
    let bench = Bench::new();
    // The shell becomes the program: one process is enough, until the clone.
    let output = bench.attempt_after("ulimit -u 1");
    bench.not_started("ulimit -u 1", &output);
    assert_eq!(bench.setup_failed()["errno"], "EAGAIN");
}
