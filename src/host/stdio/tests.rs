use super::*;
use crate::host::stream::Progress;
use nix::poll::{PollFd, poll};
use nix::pty::openpty;
use nix::unistd::{pipe, write};
use std::fs::{self, File};
use std::io::{Read, Write};

fn prepare(callers: [BorrowedFd<'_>; 3]) -> Stdio {
    Stdio::prepare(&Options::default(), callers, None).unwrap()
}

fn payload_ends(stdio: &mut Stdio) -> [Option<File>; 3] {
    stdio.take_payload_ends().map(|end| end.map(File::from))
}

/// As the supervisor does it, until all output is delivered.
fn deliver(streams: &mut Streams) {
    while !streams.have_ended() {
        let (indices, mut fds): (Vec<_>, Vec<_>) =
            streams.interests().map(|(index, fd, flags)| (index, PollFd::new(fd, flags))).unzip();
        assert!(poll(&mut fds, 20_000u16).unwrap() > 0, "nothing happened in 20 seconds");
        let ready: Vec<_> =
            indices.into_iter().zip(&fds).filter(|(_, fd)| fd.any() == Some(true)).map(|(index, _)| index).collect();
        for index in ready {
            assert!(!matches!(streams.step(index), Progress::Failed(_)));
        }
    }
}

#[test]
fn three_pipes_carry_three_streams_and_none_is_the_callers() {
    let ((stdin, mut typed), (mut out, stdout), (mut err, stderr)) = (pipes(), pipes(), pipes());
    let mut stdio = prepare([stdin.as_fd(), stdout.as_fd(), stderr.as_fd()]);
    assert!(!stdio.needs_pty());
    let [zero, one, two] = payload_ends(&mut stdio).map(Option::unwrap);
    for (ours, callers) in [(&zero, &stdin), (&one, &stdout), (&two, &stderr)] {
        assert!(!is_same_file(ours.as_fd(), callers.as_fd()).unwrap());
    }
    let mut streams = stdio.attach(None, TerminalMode::Raw).unwrap();
    typed.write_all(b"in").unwrap();
    let echo = std::thread::spawn(move || {
        let (mut zero, mut one, mut two, mut got) = (zero, one, two, [0; 2]);
        zero.read_exact(&mut got).unwrap();
        one.write_all(&got).unwrap();
        two.write_all(b"error").unwrap();
    });
    deliver(&mut streams);
    echo.join().unwrap();
    drop((stdout, stderr));
    assert_eq!(streams.bytes(), [Some(2), Some(5)]);
    drop(streams);
    assert_eq!((contents(&mut out), contents(&mut err)), ("in".into(), "error".into()));
}

#[test]
fn stdout_and_stderr_of_one_file_share_a_pipe_and_keep_their_order() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let (one, two) = (log.reopen().unwrap(), log.reopen().unwrap());
    let null = File::open("/dev/null").unwrap();
    let mut stdio = prepare([null.as_fd(), one.as_fd(), two.as_fd()]);
    let [_, stdout, stderr] = payload_ends(&mut stdio).map(Option::unwrap);
    let mut streams = stdio.attach(None, TerminalMode::Raw).unwrap();
    for (file, word) in [(&stdout, "a"), (&stderr, "b"), (&stdout, "c"), (&stderr, "d")] {
        write(file, word.as_bytes()).unwrap();
    }
    drop((stdout, stderr));
    deliver(&mut streams);
    assert_eq!(streams.bytes(), [Some(4), None]);
    assert_eq!(fs::read(log.path()).unwrap(), b"abcd");
}

#[test]
fn dev_null_on_stdin_is_an_end_of_file() {
    let null = File::options().read(true).write(true).open("/dev/null").unwrap();
    let mut stdio = prepare([null.as_fd(); 3]);
    let [mut zero, ..] = payload_ends(&mut stdio);
    let mut streams = stdio.attach(None, TerminalMode::Raw).unwrap();
    assert_eq!(streams.step(0), Progress::Ended);
    assert_eq!(contents(zero.as_mut().unwrap()), "");
}

#[test]
fn files_named_on_the_command_line_take_the_place_of_the_callers() {
    let directory = tempfile::tempdir().unwrap();
    let name = |name: &str| Some(directory.path().join(name));
    fs::write(directory.path().join("in"), "given").unwrap();
    let options = Options { stdin: name("in"), stdout: name("out"), stderr: name("out"), ..Options::default() };
    let null = File::open("/dev/null").unwrap();
    let mut stdio = Stdio::prepare(&options, [null.as_fd(); 3], None).unwrap();
    let [zero, one, two] = payload_ends(&mut stdio).map(Option::unwrap);
    let mut streams = stdio.attach(None, TerminalMode::Raw).unwrap();
    while streams.step(0) == Progress::Moved {}
    let (mut zero, mut one, mut two) = (zero, one, two);
    one.write_all(contents(&mut zero).as_bytes()).unwrap();
    two.write_all(b"!").unwrap();
    drop((one, two));
    deliver(&mut streams);
    assert_eq!(fs::read(directory.path().join("out")).unwrap(), b"given!");
}

#[test]
fn the_limit_counts_stdout_and_stderr_together() {
    let null = File::open("/dev/null").unwrap();
    let ((_out, stdout), (_err, stderr)) = (pipes(), pipes());
    let mut stdio =
        Stdio::prepare(&Options::default(), [null.as_fd(), stdout.as_fd(), stderr.as_fd()], Some(5)).unwrap();
    let [_, one, two] = payload_ends(&mut stdio).map(Option::unwrap);
    let mut streams = stdio.attach(None, TerminalMode::Raw).unwrap();
    write(&one, b"1234").unwrap();
    write(&two, b"5678").unwrap();
    assert_eq!((streams.step(1), streams.step(2)), (Progress::Moved, Progress::Moved));
    assert_eq!((streams.step(1), streams.step(2)), (Progress::Blocked, Progress::LimitExceeded));
    assert_eq!(streams.bytes(), [Some(4), Some(1)]);
}

#[test]
fn each_terminal_becomes_the_pty_and_all_else_a_pipe() {
    let (pty, null) = (openpty(None, None).unwrap(), File::options().read(true).write(true).open("/dev/null").unwrap());
    let (tty, null) = (pty.slave.as_fd(), null.as_fd());
    for bits in 0..8 {
        let is_tty = [bits & 1 != 0, bits & 2 != 0, bits & 4 != 0];
        let stdio = prepare(is_tty.map(|is_tty| if is_tty { tty } else { null }));
        assert_eq!(stdio.payload.each_ref().map(|end| end.is_none()), is_tty);
        assert_eq!(stdio.needs_pty(), bits != 0);
        assert_eq!(stdio.attach(None, TerminalMode::Raw).is_err(), bits != 0, "a pty that is missing is an error");
    }
}

#[test]
fn what_the_pty_shows_reaches_the_callers_terminal_once() {
    let (outer, inner) = (openpty(None, None).unwrap(), openpty(None, None).unwrap());
    let tty = outer.slave.as_fd();
    let mut streams = prepare([tty; 3]).attach(Some(inner.master), TerminalMode::Raw).unwrap();
    write(&inner.slave, b"one\ntwo\n").unwrap();
    drop(inner.slave);
    streams.drain();
    deliver(&mut streams);
    let mut got = [0; 64];
    let count = nix::unistd::read(&outer.master, &mut got).unwrap();
    assert_eq!(&got[..count], b"one\r\ntwo\r\n");
    assert_eq!(streams.bytes(), [Some(8), None]);
}

#[test]
fn only_what_goes_to_the_terminal_is_made_safe() {
    let (outer, inner, (mut out, stdout)) = (openpty(None, None).unwrap(), openpty(None, None).unwrap(), pipes());
    let tty = outer.slave.as_fd();
    let mut stdio = prepare([tty, stdout.as_fd(), tty]);
    let [_, one, _] = payload_ends(&mut stdio);
    let mut streams = stdio.attach(Some(inner.master), TerminalMode::Safe).unwrap();
    write(one.as_ref().unwrap(), b"\x1b]0;title\x07out").unwrap();
    write(&inner.slave, b"\x1b]0;title\x07err").unwrap();
    drop((one, inner.slave));
    streams.drain();
    deliver(&mut streams);
    let mut got = [0; 64];
    let count = nix::unistd::read(&outer.master, &mut got).unwrap();
    drop(stdout);
    assert_eq!(streams.bytes(), [Some(13), Some(13)]);
    drop(streams);
    assert_eq!((&got[..count], contents(&mut out).as_str()), (&b"err"[..], "\x1b]0;title\x07out"));
}

fn pipes() -> (File, File) {
    let (reader, writer) = pipe().unwrap();
    (reader.into(), writer.into())
}

fn contents(file: &mut File) -> String {
    let mut got = String::new();
    file.read_to_string(&mut got).unwrap();
    got
}
