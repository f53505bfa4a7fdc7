//! With real pipes, files, sockets and ptys; poll(2) says when to go on, nothing sleeps.

use super::*;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::pty::openpty;
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use nix::unistd::{pipe2, read, write};
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::net::UnixStream;
use std::thread;

fn pipe() -> (OwnedFd, OwnedFd) {
    pipe2(OFlag::O_CLOEXEC).unwrap()
}

fn shared(fd: &impl AsFd) -> End {
    End::shared(fd.as_fd()).unwrap()
}

fn flags(fd: &impl AsFd) -> i32 {
    fcntl(fd, FcntlArg::F_GETFL).unwrap()
}

/// Steps, each after poll(2) asked for it, until the stream ends or `enough` says so; the last progress.
fn drive(stream: &mut Stream, enough: impl Fn(&Stream, Progress) -> bool) -> Progress {
    loop {
        let mut fds: Vec<_> = stream.interests().map(|(fd, flags)| PollFd::new(fd, flags)).collect();
        assert!(!fds.is_empty(), "nothing to wait for");
        assert!(poll(&mut fds, 20_000u16).unwrap() > 0, "nothing happened in 20 seconds");
        drop(fds);
        let progress = stream.step();
        if stream.has_ended() || enough(stream, progress) {
            return progress;
        }
    }
}

fn to_the_end(stream: &mut Stream) -> Progress {
    drive(stream, |_, _| false)
}

/// Whether poll(2) has nothing to say now: the supervisor sleeps.
fn sleeps(stream: &Stream) -> bool {
    let mut fds: Vec<_> = stream.interests().map(|(fd, flags)| PollFd::new(fd, flags)).collect();
    poll(&mut fds, PollTimeout::ZERO).unwrap() == 0
}

/// Pseudo-random bytes, NULs and all.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    })
    .take(count)
    .collect()
}

fn passes_unchanged(
    source_in: impl Write + Send + 'static,
    source: End,
    sink: End,
    sink_out: impl Read + Send + 'static,
) {
    let bytes = noise(10 << 20);
    let sent = bytes.clone();
    let (mut source_in, mut sink_out) = (source_in, sink_out);
    let writer = thread::spawn(move || source_in.write_all(&sent).unwrap());
    let reader = thread::spawn(move || {
        let mut got = Vec::new();
        sink_out.read_to_end(&mut got).unwrap();
        got
    });
    let mut stream = Stream::new(source, sink);
    assert_eq!(to_the_end(&mut stream), Progress::Ended);
    assert_eq!(stream.bytes(), bytes.len() as u64);
    writer.join().unwrap();
    assert!(reader.join().unwrap() == bytes, "bytes changed on the way");
}

#[test]
fn bytes_pass_unchanged_from_our_pipe_to_the_callers() {
    let ((inner_out, inner_in), (outer_out, outer_in)) = (pipe(), pipe());
    let sink = shared(&outer_in);
    drop(outer_in);
    passes_unchanged(File::from(inner_in), End::own(inner_out).unwrap(), sink, File::from(outer_out));
}

#[test]
fn bytes_pass_unchanged_from_the_callers_pipe_to_ours() {
    let ((outer_out, outer_in), (inner_out, inner_in)) = (pipe(), pipe());
    passes_unchanged(File::from(outer_in), shared(&outer_out), End::own(inner_in).unwrap(), File::from(inner_out));
}

#[test]
fn bytes_pass_unchanged_through_sockets() {
    let ((outer, outer_in), (inner_out, inner_in)) = (UnixStream::pair().unwrap(), pipe());
    passes_unchanged(outer_in, shared(&outer), End::own(inner_in).unwrap(), File::from(inner_out));
    let ((inner_out, inner_in), (outer, outer_out)) = (pipe(), UnixStream::pair().unwrap());
    let sink = shared(&outer);
    drop(outer);
    passes_unchanged(File::from(inner_in), End::own(inner_out).unwrap(), sink, outer_out);
}

#[test]
fn a_file_opened_for_appending_is_appended_to() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"old ").unwrap();
    let log = File::options().append(true).open(file.path()).unwrap();
    let (out, into) = pipe();
    write(&into, b"new").unwrap();
    drop(into);
    assert_eq!(to_the_end(&mut Stream::new(End::own(out).unwrap(), shared(&log))), Progress::Ended);
    assert_eq!(fs::read(file.path()).unwrap(), b"old new");
}

#[test]
fn a_flood_into_an_unread_pipe_blocks_the_source_and_keeps_the_buffer_bounded() {
    for spliced in [true, false] {
        let ((inner_out, inner_in), (_unread, outer_in)) = (pipe(), pipe());
        let mut stream = Stream::new(End::own(inner_out).unwrap(), shared(&outer_in));
        stream.splices = spliced;
        let flood = End::own(inner_in).unwrap();
        let mut produced = 0;
        while let Ok(count) = write(&flood, &[b'x'; 4096]) {
            produced += count as u64;
            while stream.step() == Progress::Moved {}
        }
        assert_eq!(stream.bytes(), 64 << 10, "what the caller's pipe holds");
        assert!(produced <= 3 * (64 << 10) && stream.buffer.capacity() <= BUFFER, "{produced}");
        assert!(sleeps(&stream), "no busy loop on a source that is ready and a sink that is full");
    }
}

#[test]
fn what_was_held_back_goes_on_when_the_reader_comes() {
    let ((inner_out, inner_in), (outer_out, outer_in)) = (pipe(), pipe());
    let mut stream = Stream::new(End::own(inner_out).unwrap(), shared(&outer_in));
    drop(outer_in);
    let writer = thread::spawn(move || File::from(inner_in).write_all(&[7; 1 << 20]).unwrap());
    drive(&mut stream, |stream, progress| progress == Progress::Blocked && stream.waits_for_sink);
    let reader = thread::spawn(move || {
        let mut got = Vec::new();
        File::from(outer_out).read_to_end(&mut got).unwrap();
        got.len()
    });
    assert_eq!(to_the_end(&mut stream), Progress::Ended);
    writer.join().unwrap();
    assert_eq!(reader.join().unwrap(), 1 << 20);
}

#[test]
fn the_callers_descriptors_keep_their_flags() {
    let pty = openpty(None, None).unwrap();
    let (socket, _peer) = UnixStream::pair().unwrap();
    let (out, into) = pipe();
    for sink in [pty.slave.as_fd(), socket.as_fd(), into.as_fd()] {
        let ((inner_out, inner_in), before) = (pipe(), flags(&sink));
        write(&inner_in, b"x").unwrap();
        assert_eq!(Stream::new(End::own(inner_out).unwrap(), shared(&sink)).step(), Progress::Moved);
        assert_eq!(flags(&sink), before);
    }
    let ((_inner_out, inner_in), before) = (pipe(), flags(&out));
    assert_eq!(Stream::new(shared(&out), End::own(inner_in).unwrap()).step(), Progress::Moved);
    assert_eq!(flags(&out), before);
}

#[test]
fn a_terminal_is_written_through_a_description_of_our_own() {
    let pty = openpty(None, None).unwrap();
    assert_ne!(flags(&shared(&pty.slave)) & OFlag::O_NONBLOCK.bits(), 0);
    assert_eq!(flags(&pty.slave) & OFlag::O_NONBLOCK.bits(), 0);
    assert_eq!(flags(&shared(&pty.master)) & OFlag::O_NONBLOCK.bits(), 0, "opening a master makes another pty");
}

#[test]
fn a_writer_learns_that_the_last_reader_has_gone_before_it_writes() {
    let ((inner_out, inner_in), (outer_out, outer_in)) = (pipe(), pipe());
    let mut stream = Stream::new(End::own(inner_out).unwrap(), shared(&outer_in));
    assert!(sleeps(&stream));
    drop(outer_out);
    assert_eq!(to_the_end(&mut stream), Progress::Ended);
    assert_eq!(write(&inner_in, b"x"), Err(Errno::EPIPE));
}

#[test]
fn a_failing_sink_is_told_and_not_taken_for_an_end() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let (out, into) = pipe();
    write(&into, b"x").unwrap();
    assert_eq!(to_the_end(&mut Stream::new(End::own(out).unwrap(), shared(&full))), Progress::Failed(Errno::ENOSPC));
}

#[test]
fn exactly_limit_bytes_are_delivered_from_both_streams_together() {
    for (spliced, limit) in [(true, 100_000), (false, 100_000), (true, 5), (false, 0)] {
        let budget = Budget::new(limit);
        let (mut readers, mut exceeded) = (Vec::new(), 0);
        let mut streams = [(); 2].map(|()| {
            let ((inner_out, inner_in), (outer_out, outer_in)) = (pipe(), pipe());
            thread::spawn(move || {
                let _ = File::from(inner_in).write_all(&[b'x'; 300_000]);
            });
            readers.push(thread::spawn(move || {
                let mut got = Vec::new();
                File::from(outer_out).read_to_end(&mut got).unwrap();
                got.len() as u64
            }));
            let mut stream = Stream::new(End::own(inner_out).unwrap(), shared(&outer_in)).with_budget(budget.clone());
            stream.splices = spliced;
            stream
        });
        for stream in &mut streams {
            exceeded += i32::from(to_the_end(stream) == Progress::LimitExceeded);
        }
        assert_eq!(exceeded, 2);
        assert_eq!(readers.into_iter().map(|reader| reader.join().unwrap()).sum::<u64>(), limit);
    }
}

#[test]
fn output_of_just_the_limit_does_not_exceed_it() {
    let ((inner_out, inner_in), (_outer_out, outer_in)) = (pipe(), pipe());
    write(&inner_in, b"12345").unwrap();
    drop(inner_in);
    let mut stream = Stream::new(End::own(inner_out).unwrap(), shared(&outer_in)).with_budget(Budget::new(5));
    assert_eq!(to_the_end(&mut stream), Progress::Ended);
    assert_eq!(stream.bytes(), 5);
}

#[test]
fn draining_delivers_what_was_written_and_waits_for_nobody_else() {
    let ((inner_out, inner_in), (outer_out, outer_in)) = (pipe(), pipe());
    let mut stream = Stream::new(End::own(inner_out).unwrap(), shared(&outer_in));
    write(&inner_in, b"last words").unwrap();
    stream.drain();
    write(&inner_in, b", and a stranger's").unwrap();
    assert!(!stream.has_ended());
    to_the_end(&mut stream);
    let mut got = [0; 64];
    assert_eq!(read(&outer_out, &mut got).unwrap(), b"last words".len());

    let ((inner_out, _held), (_outer_out, outer_in)) = (pipe(), pipe());
    let mut empty = Stream::new(End::own(inner_out).unwrap(), shared(&outer_in));
    empty.drain();
    assert!(empty.has_ended());
}

#[test]
fn a_regular_file_on_stdin_is_left_at_the_byte_that_was_not_read() {
    let mut file = tempfile::tempfile().unwrap();
    let bytes = noise(300_000);
    file.write_all(&bytes).unwrap();
    for (start, wanted) in [(0, 0), (10, 5), (0, 70_000), (299_000, 1_000), (0, 300_000)] {
        file.seek(SeekFrom::Start(start)).unwrap();
        let (inner_out, inner_in) = pipe();
        let mut stream = Stream::new(shared(&file), End::own(inner_in).unwrap())
            .with_rewind(file.try_clone().unwrap().into(), inner_out.try_clone().unwrap());
        let mut got = vec![0; wanted];
        let reader = thread::spawn(move || {
            File::from(inner_out).read_exact(&mut got).unwrap();
            got
        });
        while !(reader.is_finished() && stream.step() != Progress::Moved) {
            stream.step();
        }
        let got = reader.join().unwrap();
        stream.close();
        let end = start as usize + wanted;
        assert!(got == bytes[start as usize..end]);
        assert_eq!(file.stream_position().unwrap(), end as u64);
    }
}

#[test]
fn a_payload_that_fills_its_own_stdin_does_not_move_the_offset_before_the_start() {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"0123456789").unwrap();
    file.seek(SeekFrom::Start(8)).unwrap();
    let (inner_out, inner_in) = pipe();
    let forged = inner_in.try_clone().unwrap();
    let mut stream = Stream::new(shared(&file), End::own(inner_in).unwrap())
        .with_rewind(file.try_clone().unwrap().into(), inner_out);
    to_the_end(&mut stream);
    write(&forged, b"forged forged").unwrap();
    stream.close();
    assert_eq!(file.stream_position().unwrap(), 8);
}

#[test]
fn the_end_of_a_pty_is_an_end_and_its_last_words_arrive() {
    let (pty, (outer_out, outer_in)) = (openpty(None, None).unwrap(), pipe());
    let mut stream = Stream::new(End::master(pty.master).unwrap(), shared(&outer_in));
    write(&pty.slave, b"bye").unwrap();
    drop(pty.slave);
    stream.drain();
    assert_eq!(to_the_end(&mut stream), Progress::Ended);
    let mut got = [0; 8];
    assert_eq!(read(&outer_out, &mut got).unwrap(), 3);
}

#[test]
fn ctrl_d_at_a_cooked_terminal_is_an_end_of_file_inside_and_not_the_end_of_the_terminal() {
    let (outer, inner) = (openpty(None, None).unwrap(), openpty(None, None).unwrap());
    let mut stream = Stream::new(shared(&outer.slave), End::master(inner.master).unwrap());
    let mut got = [0; 64];
    for (typed, line) in
        [(&b"half\x04"[..], &b"half"[..]), (b"line\n", b"line\n"), (b"\x04", b""), (b"more\n", b"more\n")]
    {
        write(&outer.master, typed).unwrap();
        drive(&mut stream, |_, progress| progress == Progress::Moved);
        let count = read(&inner.slave, &mut got).unwrap();
        assert_eq!(&got[..count], line);
    }
}

#[test]
fn a_terminal_that_hangs_up_ends_its_stream() {
    let (outer, inner) = (openpty(None, None).unwrap(), openpty(None, None).unwrap());
    let mut stream = Stream::new(shared(&outer.slave), End::master(inner.master).unwrap());
    assert!(sleeps(&stream));
    drop(outer.master);
    assert_eq!(to_the_end(&mut stream), Progress::Ended);
}

#[test]
fn a_paused_terminal_is_not_waited_for() {
    let (outer, inner) = (openpty(None, None).unwrap(), openpty(None, None).unwrap());
    let mut stream = Stream::new(shared(&outer.slave), End::master(inner.master).unwrap());
    write(&outer.master, b"typed\n").unwrap();
    stream.pause_terminal(true);
    assert_eq!(stream.interests().count(), 0);
    stream.pause_terminal(false);
    assert!(!sleeps(&stream));
}

/// A stream with a filter from one pty to another: it, where its terminal shows what it gets, and where to write.
fn filtered(limit: u64) -> (Stream, Screen, OwnedFd) {
    let (outer, inner) = (openpty(None, None).unwrap(), openpty(None, None).unwrap());
    for tty in [&outer.slave, &inner.slave] {
        let mut termios = tcgetattr(tty).unwrap();
        cfmakeraw(&mut termios);
        tcsetattr(tty, SetArg::TCSANOW, &termios).unwrap();
    }
    let stream = Stream::new(End::master(inner.master).unwrap(), shared(&outer.slave))
        .with_budget(Budget::new(limit))
        .with_filter(Filter::new());
    (stream, Screen { master: outer.master, _held: outer.slave }, inner.slave)
}

/// A terminal that its user keeps open.
struct Screen {
    master: OwnedFd,
    _held: OwnedFd,
}

impl Screen {
    /// A pty hands on what was written a moment later, in parts: all until it is `expected`, or more, or nothing comes any more.
    #[track_caller]
    fn shows(&self, expected: &str) {
        let (mut all, mut part) = (Vec::new(), [0; 4096]);
        let waits = || poll(&mut [PollFd::new(self.master.as_fd(), PollFlags::POLLIN)], 5_000u16).unwrap() > 0;
        while all.len() < expected.len() && waits() {
            let count = read(&self.master, &mut part).unwrap();
            all.extend_from_slice(&part[..count]);
        }
        assert_eq!(String::from_utf8(all).unwrap(), expected);
    }
}

#[test]
fn what_a_filter_drops_is_counted_as_what_the_command_wrote() {
    let (mut stream, screen, tty) = filtered(u64::MAX);
    write(&tty, b"a\x1b]52;c;eA==\x07b").unwrap();
    drop(tty);
    assert_eq!(to_the_end(&mut stream), Progress::Ended);
    screen.shows("ab");
    assert_eq!(stream.bytes(), 14);
}

#[test]
fn bytes_of_which_nothing_passes_are_no_end() {
    let (mut stream, screen, tty) = filtered(u64::MAX);
    for part in ["\x1b]0;ti", "tle\x07", "seen"] {
        write(&tty, part.as_bytes()).unwrap();
        drive(&mut stream, |_, progress| progress == Progress::Moved);
    }
    screen.shows("seen");
    assert!(!stream.has_ended());
}

#[test]
fn a_limit_is_of_what_the_command_wrote_and_the_terminal_is_put_back_behind_it() {
    let (mut stream, screen, tty) = filtered(8);
    write(&tty, b"\x1b[?1049htext").unwrap();
    assert_eq!(drive(&mut stream, |_, progress| progress == Progress::LimitExceeded), Progress::LimitExceeded);
    to_the_end(&mut stream);
    screen.shows("\x1b[?1049h\x1b[?1049l");
    assert_eq!(stream.bytes(), 8);
}

#[test]
fn a_terminal_is_put_back_at_the_end_however_it_comes() {
    for end in ["hangup", "drain", "close"] {
        eprintln!("{end}");
        let (mut stream, screen, tty) = filtered(u64::MAX);
        write(&tty, b"\x1b[?25l\x1b[31mred").unwrap();
        drive(&mut stream, |_, progress| progress == Progress::Moved);
        match end {
            "hangup" => drop(tty),
            "drain" => stream.drain(),
            _ => stream.close(),
        }
        while !stream.has_ended() {
            stream.step();
        }
        screen.shows("\x1b[?25l\x1b[31mred\x1b[?25h\x1b[m");
    }
}

#[test]
fn a_filter_keeps_back_pressure_and_a_bounded_buffer() {
    let (mut stream, screen, tty) = filtered(u64::MAX);
    let tty = End::own(tty).unwrap();
    let mut written = 0;
    // Each byte becomes three.
    while let Ok(count) = write(&tty, &[0xff; 4096]) {
        written += count;
        while stream.step() == Progress::Moved {}
    }
    assert!(stream.waits_for_sink && sleeps(&stream), "a busy loop");
    assert!(written < 3 * BUFFER && stream.buffer.capacity() <= BUFFER, "{written}");
    let reader = thread::spawn(move || {
        let (mut all, mut part) = (0, [0; 4096]);
        while all < written * 3 {
            all += read(&screen.master, &mut part).unwrap();
        }
        all
    });
    drop(tty);
    assert_eq!(to_the_end(&mut stream), Progress::Ended);
    assert_eq!((reader.join().unwrap(), stream.bytes()), (written * 3, written as u64));
}
