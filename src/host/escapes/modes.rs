//! What of a terminal's state the command may change, and how it is put back.

use std::io::Write as _;

/// DEC private modes that pass, in the order in which they are put back: the number, and what a terminal begins with. None: setting
/// and resetting are acts, not a state.
///
/// The mouse and the focus are the user's own doing, told in the numbers of cells and never in a word of the command's. Of their
/// encodings only 1006 passes, which is plain ASCII.
const PRIVATE: [(u16, Option<bool>); 17] = [
    (2026, Some(false)), // what is drawn appears at once
    (9, Some(false)),
    (1000, Some(false)),
    (1002, Some(false)),
    (1003, Some(false)),
    (1004, Some(false)), // the focus
    (1006, Some(false)),
    (2004, Some(false)), // what is pasted comes in brackets
    (47, Some(false)),   // the other screen
    (1047, Some(false)),
    (1049, Some(false)),
    (1048, None), // the cursor, saved and restored
    (1, Some(false)),
    (5, Some(false)), // reverse video
    (7, Some(true)),  // lines wrap
    (12, Some(false)),
    (25, Some(true)), // the cursor is shown
];

/// ANSI mode: what is written moves the rest of the line.
const INSERT: u16 = 4;

/// State that is not a private mode.
#[derive(Debug, Clone, Copy)]
pub enum Change {
    /// The lines that scroll.
    Margins,
    /// Insert mode.
    Insert,
    /// The keys of the keypad.
    Keypad,
    /// Its form.
    CursorShape,
    /// Colours, and all that comes with them.
    Colours,
    /// Those of G0 and G1, and which of both is in use.
    Charsets,
}

/// Each change, and what undoes it. Setting the margins moves the cursor, so it is saved around that.
const UNDO: [(Change, &[u8]); 6] = [
    (Change::Margins, b"\x1b7\x1b[r\x1b8"),
    (Change::Insert, b"\x1b[4l"),
    (Change::Keypad, b"\x1b>"),
    (Change::CursorShape, b"\x1b[0 q"),
    (Change::Colours, b"\x1b[m"),
    (Change::Charsets, b"\x1b(B\x1b)B\x0f"),
];

/// What is not as a terminal begins.
#[derive(Debug, Default)]
pub struct Changes {
    /// A bit for each of [`PRIVATE`].
    private: u32,
    /// A bit for each [`Change`].
    other: u8,
}

impl Changes {
    /// It is changed.
    pub fn note(&mut self, change: Change) {
        self.set(change, true);
    }

    /// It is changed, or as it was.
    pub fn set(&mut self, change: Change, is_changed: bool) {
        let bit = 1 << change as u8;
        self.other = if is_changed { self.other | bit } else { self.other & !bit };
    }

    /// The cursor is put back to what was saved, which brings its colours and character sets along.
    pub fn note_restored_cursor(&mut self) {
        self.note(Change::Colours);
        self.note(Change::Charsets);
    }

    /// Whether this mode may be switched; if so, it is.
    pub fn switch(&mut self, is_private: bool, number: u16, on: bool) -> bool {
        if !is_private && number == INSERT {
            self.set(Change::Insert, on);
        }
        if !is_private {
            return number == INSERT;
        }
        let Some(index) = PRIVATE.iter().position(|(known, _)| *known == number) else { return false };
        let bit = 1 << index;
        let is_changed = PRIVATE[index].1.is_some_and(|normally| normally != on);
        self.private = if is_changed { self.private | bit } else { self.private & !bit };
        if matches!(number, 1048 | 1049) && !on {
            self.note_restored_cursor();
        }
        true
    }

    /// Appends what puts all of it back.
    pub fn undo(&self, output: &mut Vec<u8>) {
        for (index, (number, normally)) in PRIVATE.iter().enumerate() {
            if self.private & (1 << index) != 0 {
                let last = if *normally == Some(true) { 'h' } else { 'l' };
                // Writing to a Vec does not fail.
                let _ = write!(output, "\x1b[?{number}{last}");
            }
        }
        for (change, undo) in UNDO {
            if self.other & (1 << change as u8) != 0 {
                output.extend_from_slice(undo);
            }
        }
    }
}
