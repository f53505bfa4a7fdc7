//! How an archive is compressed, told by its first bytes, and what it holds.

use flate2::bufread::GzDecoder;
use lzma_rust2::XzReader;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use std::io::{self, BufRead, Read};

/// What a decoder may keep of what it made, in KiB: `zstd --ultra -22` and `xz -9e` need no more.
const LARGEST_WINDOW: u32 = 128 << 10;

/// Bytes, without their compression: several gzip members, zstd frames or xz streams one after another are one.
pub struct Plain<R: BufRead>(State<R>);

enum State<R: BufRead> {
    As(R),
    Gzip(GzDecoder<R>),
    Zstd(R, Box<FrameDecoder>),
    Xz(Box<XzReader<R>>),
    /// Between two members, of the kind that the first one was.
    Between(R, Member<R>),
    Failed,
}

/// What reads the next one.
type Member<R> = fn(R) -> io::Result<State<R>>;

impl<R: BufRead> Plain<R> {
    /// # Errors
    /// It cannot be read, or is of a kind that is not taken.
    pub fn new(mut inner: R) -> io::Result<Self> {
        let start = inner.fill_buf()?;
        let others: [(&[u8], &str); 5] = [
            (b"BZh", "bzip2"),
            (b"\x04\x22\x4d\x18", "lz4"),
            (b"PK\x03\x04", "zip"),
            (b"hsqs", "squashfs"),
            (b"7z\xbc\xaf", "7z"),
        ];
        if let Some((_, other)) = others.iter().find(|(magic, _)| start.starts_with(magic)) {
            let reason = format!("it is in the form of {other}; plain, gzip, zstd and xz are taken");
            return Err(io::Error::new(io::ErrorKind::Unsupported, reason));
        }
        let member: Member<R> = match start {
            [0x1f, 0x8b, ..] => gzip,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => xz,
            start if is_zstd(start) => zstd,
            _ => return Ok(Plain(State::As(inner))),
        };
        Ok(Plain(State::Between(inner, member)))
    }

    pub fn is_compressed(&self) -> bool {
        !matches!(self.0, State::As(_))
    }

    /// What it was read from, at its end; none before.
    pub fn into_inner(self) -> Option<R> {
        match self.0 {
            State::As(inner) | State::Between(inner, _) => Some(inner),
            _ => None,
        }
    }
}

impl<R: BufRead> Read for Plain<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let length = match &mut self.0 {
                State::As(inner) => return inner.read(buffer),
                State::Gzip(decoder) => decoder.read(buffer)?,
                State::Zstd(inner, decoder) => read_zstd(inner, decoder, buffer)?,
                State::Xz(decoder) => decoder.read(buffer)?,
                State::Between(..) => 0,
                State::Failed => return Err(io::Error::other("it failed before")),
            };
            if length > 0 {
                return Ok(length);
            }
            let (mut inner, member): (R, Member<R>) = match std::mem::replace(&mut self.0, State::Failed) {
                State::Gzip(decoder) => (decoder.into_inner(), gzip),
                State::Zstd(inner, _) => (inner, zstd),
                State::Xz(decoder) => (decoder.into_inner(), xz),
                State::Between(inner, member) => (inner, member),
                State::As(_) | State::Failed => unreachable!("these have returned"),
            };
            let at_end = at_end(&mut inner)?;
            self.0 = if at_end { State::Between(inner, member) } else { member(inner)? };
            if at_end {
                return Ok(0);
            }
        }
    }
}

/// Zeros do not count: tapes, and some programs, fill up with them.
fn at_end(inner: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let buffer = inner.fill_buf()?;
        let (length, zeros) = (buffer.len(), buffer.iter().take_while(|byte| **byte == 0).count());
        inner.consume(zeros);
        if length == 0 || zeros < length {
            return Ok(length == 0);
        }
    }
}

fn gzip<R: BufRead>(inner: R) -> io::Result<State<R>> {
    Ok(State::Gzip(GzDecoder::new(inner)))
}

fn xz<R: BufRead>(inner: R) -> io::Result<State<R>> {
    Ok(State::Xz(Box::new(XzReader::new_mem_limit(inner, false, LARGEST_WINDOW + 1024))))
}

fn is_zstd(start: &[u8]) -> bool {
    matches!(start, [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

/// The next frame that holds something.
fn zstd<R: BufRead>(mut inner: R) -> io::Result<State<R>> {
    let mut decoder = FrameDecoder::new();
    decoder.set_max_window_size(u64::from(LARGEST_WINDOW) << 10);
    match decoder.init(&mut inner) {
        Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
            let skipped = io::copy(&mut (&mut inner).take(length.into()), &mut io::sink())?;
            if skipped < length.into() {
                Err(io::ErrorKind::UnexpectedEof.into())
            } else {
                Ok(State::Between(inner, zstd))
            }
        }
        done => done.map_err(io::Error::other).map(|()| State::Zstd(inner, Box::new(decoder))),
    }
}

fn read_zstd(inner: impl Read, decoder: &mut FrameDecoder, buffer: &mut [u8]) -> io::Result<usize> {
    let mut inner = inner;
    while decoder.can_collect() == 0 && !decoder.is_finished() {
        decoder.decode_blocks(&mut inner, BlockDecodingStrategy::UptoBlocks(1)).map_err(io::Error::other)?;
    }
    let length = decoder.read(buffer)?;
    let said = decoder.get_checksum_from_data().filter(|_| length == 0);
    if said.is_some() && said != decoder.get_calculated_checksum() {
        return Err(io::Error::other("its checksum is wrong"));
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::process::{Command, Stdio};

    /// What a program of this machine makes of it; none if it is not there.
    fn compressed(program: &[&str], bytes: &[u8]) -> Option<Vec<u8>> {
        let mut command = Command::new(program[0]);
        command.args(&program[1..]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|_| println!("NOT CHECKED: no {}", program[0])).ok()?;
        let (mut stdin, bytes) = (child.stdin.take()?, bytes.to_vec());
        std::thread::spawn(move || stdin.write_all(&bytes));
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        Some(output.stdout)
    }

    fn plain(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut plain = Vec::new();
        Plain::new(io::BufReader::with_capacity(1 << 16, bytes))?.read_to_end(&mut plain)?;
        Ok(plain)
    }

    fn text() -> Vec<u8> {
        (0..50_000u32).flat_map(|number| number.wrapping_mul(number).to_le_bytes()).collect()
    }

    const PROGRAMS: [&[&str]; 5] = [
        &["gzip", "-c"],
        &["zstd", "-qc"],
        &["zstd", "-qc", "-19", "--long=27"],
        &["xz", "-c"],
        &["xz", "-c", "--x86", "--lzma2"],
    ];

    #[test]
    fn what_the_programs_write_is_read_back_and_several_members_are_one() {
        for program in PROGRAMS {
            let Some(one) = compressed(program, &text()) else { continue };
            let empty = compressed(program, b"").unwrap();
            assert_eq!(plain(&one).unwrap(), text(), "{program:?}");
            assert_eq!(plain(&[&*empty, &one, &empty, &one].concat()).unwrap(), text().repeat(2), "{program:?}");
            assert_eq!(plain(&[&*one, &[0; 1024]].concat()).unwrap(), text(), "{program:?}");
        }
        assert_eq!(plain(b"as it is").unwrap(), b"as it is");
    }

    #[test]
    fn what_is_cut_off_damaged_or_followed_by_something_else_is_an_error() {
        for program in PROGRAMS {
            let Some(one) = compressed(program, &text()) else { continue };
            for length in [1, 10, 100, one.len() / 2, one.len() - 9, one.len() - 1] {
                assert!(plain(&one[..length]).is_err() || length < 6, "{program:?} {length}");
            }
            assert!(plain(&[&*one, b"something else"].concat()).is_err(), "{program:?}");
            for at in [one.len() / 3, one.len() / 2, one.len() - 6] {
                let mut wrong = one.clone();
                wrong[at] ^= 0x10;
                assert!(plain(&wrong).is_err(), "{program:?} {at}");
            }
        }
    }

    #[test]
    fn frames_of_zstd_that_hold_nothing_are_passed_by() {
        let Some(one) = compressed(&["zstd", "-qc"], b"text") else { return };
        let skipped = b"\x53\x2a\x4d\x18\x03\0\0\0abc";
        assert_eq!(plain(&[&skipped[..], &one, skipped].concat()).unwrap(), b"text");
        assert!(plain(&skipped[..10]).is_err());
    }

    #[test]
    fn a_window_too_large_for_us_is_refused_before_it_is_made() {
        let Some(one) = compressed(&["zstd", "-qc", "--ultra", "-22", "--long=31"], &text()) else { return };
        assert!(plain(&one).unwrap_err().to_string().contains("indow"));
        let Some(one) = compressed(&["xz", "-c", "--lzma2=dict=1536MiB"], &text()) else { return };
        assert!(plain(&one).is_err());
    }

    #[test]
    fn other_forms_are_told_by_their_name() {
        assert!(plain(b"BZh91AY").unwrap_err().to_string().contains("bzip2"));
    }
}
