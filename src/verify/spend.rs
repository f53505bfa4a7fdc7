//! Further runs that spend a limit: each a word after the binary's own.

use crate::sys::process::{self, Cloned};
use nix::unistd::alarm;
use std::io::Write;
use std::time::{Duration, Instant};

/// Words with which further runs reach a limit.
pub(super) const HOG: &str = "hog";
pub(super) const SPIN: &str = "spin";
pub(super) const SLEEP: &str = "sleep";
pub(super) const FLOOD: &str = "flood";

/// Bytes that such a run writes at most, and a few.
pub(super) const MOST_OUTPUT: u64 = 256 << 20;

/// All that such a run does; none if the word is no limit's.
pub(super) fn run(word: &str) -> Option<u8> {
    let limit: Box<dyn FnOnce()> = match word.split_once('=') {
        Some((HOG, bytes)) => {
            let bytes = bytes.parse().ok()?;
            Box::new(move || hog(bytes))
        }
        _ if word == SPIN => Box::new(spin),
        _ if word == SLEEP => Box::new(|| std::thread::sleep(LONG)),
        _ if word == FLOOD => Box::new(flood),
        _ => return None,
    };
    alarm::set(90);
    limit();
    Some(0)
}

/// Longer than any limit that is tried.
const LONG: Duration = Duration::from_secs(60);

/// Half each, touched, and held until both have theirs.
fn hog(bytes: u64) {
    let half = usize::try_from(bytes / 2).unwrap_or(0);
    let take = || {
        let mut memory = vec![1u8; half];
        memory.iter_mut().step_by(4096).for_each(|byte| *byte = byte.wrapping_add(1));
        memory
    };
    match process::fork_with_pidfd() {
        Ok(Cloned::Child) => {
            let _memory = take();
            nix::unistd::pause();
        }
        Ok(Cloned::Parent(..)) => {
            let _memory = take();
            std::thread::sleep(Duration::from_millis(500));
        }
        Err(_) => {}
    }
}

fn spin() {
    let _ = process::fork_with_pidfd();
    let start = Instant::now();
    while start.elapsed() < LONG {}
}

fn flood() {
    let block = vec![b'x'; 1 << 16];
    for _ in 0..=(MOST_OUTPUT >> 16) {
        if std::io::stdout().write_all(&block).is_err() {
            return;
        }
    }
}
