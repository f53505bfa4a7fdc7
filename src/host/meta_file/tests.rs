use super::*;
use crate::error::{Error, ErrorKind};
use crate::host::outcome::{CgroupFigures, Usage};
use nix::errno::Errno;
use std::time::Duration;

fn outcome(status: Status) -> Outcome {
    let usage = Usage {
        user_time_us: 40_999,
        system_time_us: 20_000,
        max_rss_bytes: 9_856 << 10,
        voluntary_switches: 12,
        involuntary_switches: 40,
    };
    Outcome { status, wall_time: Duration::from_micros(2_310_442), usage: Some(usage), ..Outcome::new() }
}

fn counted() -> Option<CgroupFigures> {
    Some(CgroupFigures {
        layer: "systemd-scope",
        memory_peak_bytes: Some(268_435_456),
        pids_peak: Some(3),
        oom_kills: Some(0),
        user_time_us: Some(2_100_113),
        system_time_us: Some(20_551),
    })
}

fn text(outcome: &Outcome) -> String {
    String::from_utf8(render(outcome)).unwrap()
}

/// The values of a key, as a reader that takes every line for one has them.
fn values<'text>(text: &'text str, key: &str) -> Vec<&'text str> {
    let lines = text.split(['\n', '\r', '\x0b', '\x0c', '\u{85}', '\u{2028}', '\u{2029}']);
    lines.filter_map(|line| line.split_once(':')).filter(|(name, _)| *name == key).map(|(_, value)| value).collect()
}

#[test]
fn a_run_that_ended_well_has_no_status() {
    insta::assert_snapshot!(text(&Outcome { exit_code: Some(0), ..outcome(Status::Exited) }), @r"
    time:0.060
    time-wall:2.310
    max-rss:9856
    csw-voluntary:12
    csw-forced:40
    exitcode:0
    ");
}

#[test]
fn an_exit_code_is_a_run_time_error() {
    insta::assert_snapshot!(text(&Outcome { exit_code: Some(3), ..outcome(Status::Exited) }), @r"
    time:0.060
    time-wall:2.310
    max-rss:9856
    csw-voluntary:12
    csw-forced:40
    exitcode:3
    status:RE
    message:Exited with error status 3
    ");
}

#[test]
fn a_signal_is_named_by_its_number() {
    insta::assert_snapshot!(text(&Outcome { signal: Some(11), ..outcome(Status::Signaled) }), @r"
    time:0.060
    time-wall:2.310
    max-rss:9856
    csw-voluntary:12
    csw-forced:40
    exitsig:11
    status:SG
    message:Caught fatal signal 11
    ");
}

#[test]
fn a_run_past_the_wall_clock_limit_is_timed_out_and_killed() {
    insta::assert_snapshot!(text(&Outcome { signal: Some(9), ..outcome(Status::WallTimeout) }), @r"
    time:0.060
    time-wall:2.310
    max-rss:9856
    csw-voluntary:12
    csw-forced:40
    status:TO
    message:Time limit exceeded (wall clock)
    killed:1
    ");
}

#[test]
fn a_run_past_the_cpu_time_limit_has_the_figures_of_the_cgroup() {
    insta::assert_snapshot!(text(&Outcome { signal: Some(9), cgroup: counted(), ..outcome(Status::CpuTimeout) }), @r"
    time:2.120
    time-wall:2.310
    max-rss:9856
    csw-voluntary:12
    csw-forced:40
    cg-mem:262144
    status:TO
    message:Time limit exceeded
    killed:1
    ");
}

#[test]
fn what_ended_by_itself_was_not_killed() {
    for status in [Status::WallTimeout, Status::CpuTimeout] {
        let text = text(&Outcome { exit_code: Some(0), ..outcome(status) });
        assert!(text.contains("status:TO\n") && !text.contains("killed"), "{text}");
    }
}

#[test]
fn a_lack_of_memory_is_the_kernel_s_kill() {
    let cgroup = counted().map(|cgroup| CgroupFigures { oom_kills: Some(2), ..cgroup });
    insta::assert_snapshot!(text(&Outcome { signal: Some(9), cgroup, ..outcome(Status::OutOfMemory) }), @r"
    time:2.120
    time-wall:2.310
    max-rss:9856
    csw-voluntary:12
    csw-forced:40
    cg-mem:262144
    cg-oom-killed:1
    exitsig:9
    status:SG
    message:Caught fatal signal 9
    ");
}

#[test]
fn the_output_limit_is_that_of_a_file_s_size() {
    insta::assert_snapshot!(text(&Outcome { signal: Some(9), ..outcome(Status::OutputLimit) }), @r"
    time:0.060
    time-wall:2.310
    max-rss:9856
    csw-voluntary:12
    csw-forced:40
    exitsig:25
    status:SG
    message:Output limit exceeded
    killed:1
    ");
}

#[test]
fn a_run_that_the_caller_interrupted_has_no_result_whatever_the_command_made_of_it() {
    let interrupted = Outcome { interrupted_by: Some("SIGTERM"), ..outcome(Status::Exited) };
    insta::assert_snapshot!(text(&Outcome { exit_code: Some(0), ..interrupted.clone() }), @r"
    time:0.060
    time-wall:2.310
    max-rss:9856
    csw-voluntary:12
    csw-forced:40
    exitsig:15
    status:SG
    message:Interrupted
    ");
    let killed = text(&Outcome { status: Status::Signaled, signal: Some(9), ..interrupted });
    assert_eq!((values(&killed, "exitsig"), values(&killed, "killed")), (vec!["15"], vec!["1"]));
}

#[test]
fn a_command_that_is_not_there_is_a_fault_of_the_program() {
    let error = |errno| Error::new(ErrorKind::Exec, "no-such-command was not found").errno(errno);
    let failed = |errno| Outcome { error: Some(error(errno)), ..outcome(Status::ExecFailed) };
    insta::assert_snapshot!(text(&failed(Errno::ENOENT)), @r"
    time:0.060
    time-wall:2.310
    max-rss:9856
    csw-voluntary:12
    csw-forced:40
    exitcode:127
    status:RE
    message:Exited with error status 127: no-such-command was not found
    ");
    assert_eq!(values(&text(&failed(Errno::EACCES)), "exitcode"), ["126"]);
}

#[test]
fn a_failed_set_up_is_an_error_of_the_sandbox_without_figures() {
    let error = Error::profile("/opt/x does not exist").remedy("mkdir -p it");
    insta::assert_snapshot!(text(&Outcome::failed(error)), @r"
    status:XX
    message:/opt/x does not exist. mkdir -p it
    ");
}

#[test]
fn no_name_forges_a_key() {
    for end in ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\u{85}", "\u{2028}", "\u{2029}"] {
        let name = format!("/tmp/x{end}status:OK{end}exitcode:0");
        for kind in [ErrorKind::Exec, ErrorKind::Profile] {
            let text = text(&Outcome::failed(Error::new(kind, format!("{name} does not exist"))));
            assert_eq!(values(&text, "status").len(), 1, "{end:?}: {text:?}");
            assert_ne!(values(&text, "exitcode"), ["0"], "{end:?}: {text:?}");
            assert_eq!(text.matches("message:").count(), 1);
            assert!(!text.contains(&format!("x{end}")), "{text:?}");
        }
    }
}
