//! Control sequences, CSI: those that pass are listed here by their last byte, with the parameters they may have.

use super::ESC;
use super::modes::{Change, Changes};
use std::io::Write as _;

/// More than the longest that is in use, which gives three colours by red, green and blue.
const LONGEST: usize = 128;
/// Digits of a number: no screen is larger, and a terminal may do a thing as many times as it is told to.
const DIGITS: usize = 4;

/// What is between CSI and the last byte.
#[derive(Debug)]
pub struct Sequence {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Default for Sequence {
    fn default() -> Self {
        Sequence { bytes: [0; LONGEST], length: 0 }
    }
}

impl Sequence {
    /// A parameter or intermediate byte, 0x20 to 0x3f.
    pub fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte;
        }
        self.length = self.length.saturating_add(1);
    }

    /// The last byte has come: the sequence is appended to `output` if it may pass.
    pub fn end(&self, last: u8, changes: &mut Changes, output: &mut Vec<u8>) {
        // Longer than it can be: dropped.
        let Some(body) = self.bytes.get(..self.length) else { return };
        match last {
            b'h' | b'l' => return switch(body, last, changes, output),
            _ if !may_pass(body, last) => return,
            b'm' => changes.set(Change::Colours, body.iter().any(|byte| !matches!(byte, b'0' | b';'))),
            b'r' => changes.set(Change::Margins, !body.is_empty()),
            b'q' => changes.note(Change::CursorShape),
            b'u' => changes.note_restored_cursor(),
            _ => {}
        }
        output.extend([ESC, b'[']);
        output.extend_from_slice(body);
        output.push(last);
    }
}

fn may_pass(body: &[u8], last: u8) -> bool {
    match last {
        // The cursor moves; lines and characters are inserted, deleted, erased, repeated, scrolled.
        b'A'..=b'G' | b'I' | b'Z' | b'`' | b'a' | b'd' | b'e' => are_numbers(body, b";", 1),
        b'@' | b'L' | b'M' | b'P' | b'S' | b'T' | b'X' | b'b' => are_numbers(body, b";", 1),
        // To a row and a column; the margins of scrolling.
        b'H' | b'f' | b'r' => are_numbers(body, b";", 2),
        // Erasing, but not what has been scrolled away: that is the caller's.
        b'J' | b'K' => matches!(body, b"" | b"0" | b"1" | b"2"),
        // Colours and the like, as many as there is room for.
        b'm' => are_numbers(body, b";:", LONGEST),
        // The cursor saved and restored; with parameters these are other sequences.
        b's' | b'u' => body.is_empty(),
        // The shape of the cursor.
        b'q' => matches!(body, b" " | [b'0'..=b'6', b' ']),
        // A soft reset.
        b'p' => body == b"!",
        _ => false,
    }
}

/// At most `most` numbers, of which each may be left out.
fn are_numbers(body: &[u8], separators: &[u8], most: usize) -> bool {
    let mut numbers = body.split(|byte| separators.contains(byte));
    let is_number = |number: &[u8]| number.len() <= DIGITS && number.iter().all(u8::is_ascii_digit);
    numbers.by_ref().take(most).all(is_number) && numbers.next().is_none()
}

/// Modes are set and reset several at once: those that are known pass.
fn switch(body: &[u8], last: u8, changes: &mut Changes, output: &mut Vec<u8>) {
    let numbers = body.strip_prefix(b"?").unwrap_or(body);
    let is_private = numbers.len() < body.len();
    if !are_numbers(numbers, b";", LONGEST) {
        return;
    }
    let value = |digits: &[u8]| digits.iter().fold(0, |value, digit| value * 10 + u16::from(digit - b'0'));
    let mut separator = if is_private { "\x1b[?" } else { "\x1b[" };
    for number in numbers.split(|byte| *byte == b';').map(value) {
        if changes.switch(is_private, number, last == b'h') {
            // Writing to a Vec does not fail.
            let _ = write!(output, "{separator}{number}");
            separator = ";";
        }
    }
    if separator == ";" {
        output.push(last);
    }
}
