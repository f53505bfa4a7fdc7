//! Test-only, the feature `faults`: makes calls fail that a healthy host grants, so that `tests/faults` can show what follows.
//!
//! `SANDBOX_FAULT` is a list of `PLACE=ANSWER`, or `PLACE#N=ANSWER` for the Nth time that a process comes by, divided by semicolons.
//! A place is a word at one of the hooks, which are all behind `cfg(feature = "faults")`, or the name of a
//! [`Step`](crate::inside::step::Step); the answer is an errno's number, or what the hook makes of it.

use nix::Result;
use nix::errno::Errno;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

struct Fault {
    place: String,
    nth: u32,
    answer: String,
    /// How often this process, or the ones it was forked from, came by.
    passed: AtomicU32,
}

static FAULTS: OnceLock<Vec<Fault>> = OnceLock::new();

/// Reads the variable, once: before anything else, while there is one process.
pub fn read() {
    let text = std::env::var("SANDBOX_FAULT").unwrap_or_default();
    FAULTS.get_or_init(|| text.split(';').filter(|fault| !fault.is_empty()).map(parse).collect());
}

fn parse(fault: &str) -> Fault {
    let parts = fault.split_once('=').and_then(|(place, answer)| {
        let (place, nth) = place.split_once('#').unwrap_or((place, "1"));
        Some((place.into(), nth.parse().ok()?, answer.into()))
    });
    let (place, nth, answer) =
        parts.unwrap_or_else(|| panic!("SANDBOX_FAULT: {fault:?} is not PLACE=ANSWER or PLACE#N=ANSWER"));
    Fault { place, nth, answer, passed: AtomicU32::new(0) }
}

/// What is to be answered at `place`, if this is its time.
pub fn answer(place: &str) -> Option<&'static str> {
    let mut here = FAULTS.get()?.iter().filter(|fault| fault.place == place);
    here.find(|fault| fault.passed.fetch_add(1, Ordering::Relaxed) + 1 == fault.nth).map(|fault| fault.answer.as_str())
}

/// Fails at `place`, if this is its time.
pub fn fail(place: &str) -> Result<()> {
    let errno = |answer: &str| answer.parse().unwrap_or_else(|_| panic!("SANDBOX_FAULT: {answer:?} is no errno"));
    answer(place).map_or(Ok(()), |answer| Err(Errno::from_raw(errno(answer))))
}
