//! `terminal: safe`: of what the command writes, that which can only change how the caller's terminal looks.
//!
//! A terminal does more than show text. Some sequences make it *type*: it answers on its input, where the shell reads the answer as
//! if the user had typed it, and a few answers hold text that the sender chose. Others reach what is not the screen. What real
//! terminals were found to do, and what is therefore dropped:
//!
//! | | by |
//! | --- | --- |
//! | answers typed into the input | ENQ; `ESC Z`; CSI `c`, `n`, `x`, `t` (the title, typed back), `$p`, `>q`, `?u`, `?S`; the queries of OSC 4, 10 to 19, 50 and 52; DCS `$q` and `+q`; APC of kitty; `ESC G` of rxvt |
//! | the clipboard, read or written | OSC 52, 5522 and 1337 |
//! | title, icon, directory, notifications, downloads, a link under other words | OSC 0 to 2, 7, 8, 9, 99, 777, 1337; `ESC k` of screen and tmux |
//! | printing, the window, the keys, the way bytes are read | CSI `i`, `t`, `2h`, `20h`, `>m`, `>u`; `?2`, `?38` and `?69` among the modes; `ESC %` and `ESC SP` |
//! | memory, time, what was scrolled away | CSI `3J`, highlight tracking (`?1001`, `T` with five numbers), numbers without end, `ESC c` |
//! | another terminal than the one that is meant | DCS: what tmux and screen hand on unread |
//! | all of this in other bytes | C1: 0x80 to 0x9f, and U+0080 to U+009F, of which xterm and VTE obey the latter |
//!
//! So only what is known and harmless passes: text in UTF-8, the control characters that move the cursor, and the sequences that
//! [`control`] and [`Filter::escape`] list. Each is written whole, from its own parts: what is written is safe by itself, whether or
//! not a terminal would have cut the input at the same places. A terminal that does not read UTF-8 is not served: to it, the second
//! byte of many a letter is C1.
//!
//! No OSC passes, not even a link (OSC 8): where it leads is not to be seen, and some terminals open other things than pages. Its
//! words are text, and stay. A string ends at its terminator, at a control character that aborts it, at the end of the line, or after
//! [`LONGEST_STRING`] bytes: no program writes a line's end into a title or a clipboard, and one that forgets the terminator, or that
//! is cut off, loses the rest of its line and not all that it will ever say.

mod control;
mod modes;
#[cfg(test)]
mod tests;
mod utf8;

use control::Sequence;
use modes::{Change, Changes};
use utf8::{Character, Step};

/// Bytes of a string without an end that are dropped before it counts as text again. Pictures are the longest, at some hundred KiB.
const LONGEST_STRING: u32 = 1 << 20;

const ESC: u8 = 0x1b;

/// The filter of one terminal. It holds no more than the beginning of one sequence.
#[derive(Debug, Default)]
pub struct Filter {
    state: State,
    character: Character,
    sequence: Sequence,
    changes: Changes,
}

/// In the middle of what the input is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    /// A character of more than one byte.
    Character,
    /// Behind ESC.
    Escape,
    /// Behind ESC and the byte that names G0 or G1.
    Charset(u8),
    /// Behind ESC and another byte that does not end a sequence.
    Intermediate,
    /// Behind CSI.
    Control,
    /// Behind OSC: strings, and the two of the Linux console that are none (console_codes(4)).
    OperatingSystem,
    /// A colour of the Linux console's palette: digits to come.
    Palette(u8),
    /// In a string of any kind; bytes to come at most.
    String(u32),
}

impl Filter {
    /// At the start of a run.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends to `output` what of `input` may pass; at most three times as much, and what was held back. How the bytes are cut into
    /// inputs makes no difference.
    pub fn pass(&mut self, input: &[u8], output: &mut Vec<u8>) {
        let mut rest = input;
        while let [byte, after @ ..] = rest {
            let text =
                if self.state == State::Text { rest.iter().take_while(|byte| is_text(**byte)).count() } else { 0 };
            if text > 0 {
                output.extend_from_slice(&rest[..text]);
                rest = &rest[text..];
            } else {
                self.byte(*byte, output);
                rest = after;
            }
        }
    }

    /// The end of the run: appends what puts the terminal back where the command has left it changed. What was begun is dropped.
    pub fn finish(&mut self, output: &mut Vec<u8>) {
        std::mem::take(self).changes.undo(output);
    }

    fn byte(&mut self, byte: u8, output: &mut Vec<u8>) {
        match self.state {
            State::Character => self.character(byte, output),
            State::String(left) => self.string(byte, left, output),
            State::OperatingSystem => self.operating_system(byte, output),
            State::Palette(left) if byte.is_ascii_hexdigit() => {
                self.state = if left > 1 { State::Palette(left - 1) } else { State::Text };
            }
            State::Palette(_) => self.again(byte, output),
            _ => self.plain(byte, output),
        }
    }

    /// Anything was cut off: this byte is text, or begins something new.
    fn again(&mut self, byte: u8, output: &mut Vec<u8>) {
        self.state = State::Text;
        self.plain(byte, output);
    }

    /// Outside characters and strings. As in a terminal, a control character in the middle of a sequence acts at once.
    fn plain(&mut self, byte: u8, output: &mut Vec<u8>) {
        match byte {
            ESC => self.state = State::Escape,
            // CAN and SUB abort a sequence.
            0x18 | 0x1a => self.state = State::Text,
            // SO, SI
            0x0e | 0x0f => {
                self.changes.note(Change::Charsets);
                output.push(byte);
            }
            // BEL, BS, HT, LF, VT, FF, CR
            0x07..=0x0d => output.push(byte),
            0..=0x1f | 0x7f => {}
            0x80.. => {
                self.state = State::Text;
                self.begin(byte, output);
            }
            _ => self.graphic(byte, output),
        }
    }

    /// 0x20 to 0x7e.
    fn graphic(&mut self, byte: u8, output: &mut Vec<u8>) {
        let state = std::mem::take(&mut self.state);
        match state {
            State::Escape => self.escape(byte, output),
            State::Charset(which) if matches!(byte, b'0' | b'A' | b'B') => {
                self.changes.note(Change::Charsets);
                output.extend([ESC, which, byte]);
            }
            // More bytes may follow before the last one.
            State::Charset(_) | State::Intermediate if byte < b'0' => self.state = State::Intermediate,
            State::Charset(_) | State::Intermediate => {}
            State::Control if byte < b'@' => {
                self.sequence.push(byte);
                self.state = State::Control;
            }
            State::Control => self.sequence.end(byte, &mut self.changes, output),
            _ => output.push(byte),
        }
    }

    fn escape(&mut self, byte: u8, output: &mut Vec<u8>) {
        match byte {
            b'[' => {
                self.sequence = Sequence::default();
                self.state = State::Control;
            }
            b']' => self.state = State::OperatingSystem,
            // DCS, SOS, PM, APC; the title of screen and tmux.
            b'P' | b'X' | b'^' | b'_' | b'k' => self.state = State::String(LONGEST_STRING),
            b'(' | b')' => self.state = State::Charset(byte),
            b' '..=b'/' => self.state = State::Intermediate,
            // The cursor: saved and restored, and moved by one line.
            b'7' | b'D' | b'E' | b'M' => output.extend([ESC, byte]),
            b'8' => {
                self.changes.note_restored_cursor();
                output.extend([ESC, byte]);
            }
            b'=' | b'>' => {
                self.changes.set(Change::Keypad, byte == b'=');
                output.extend([ESC, byte]);
            }
            _ => {}
        }
    }

    fn operating_system(&mut self, byte: u8, output: &mut Vec<u8>) {
        match byte {
            b'R' => self.state = State::Text,
            b'P' => self.state = State::Palette(7),
            _ => self.string(byte, LONGEST_STRING, output),
        }
    }

    fn string(&mut self, byte: u8, left: u32, output: &mut Vec<u8>) {
        match byte {
            b'\n' | b'\r' | ESC => self.again(byte, output),
            // BEL, which ends an OSC; CAN and SUB.
            0x07 | 0x18 | 0x1a => self.state = State::Text,
            _ => self.state = if left > 1 { State::String(left - 1) } else { State::Text },
        }
    }

    /// A first byte of 0x80 or above.
    fn begin(&mut self, byte: u8, output: &mut Vec<u8>) {
        match Character::begin(byte) {
            Some(character) => (self.character, self.state) = (character, State::Character),
            None => output.extend(utf8::REPLACEMENT),
        }
    }

    fn character(&mut self, byte: u8, output: &mut Vec<u8>) {
        match self.character.push(byte) {
            Step::More => {}
            Step::Whole(bytes) => {
                self.state = State::Text;
                // U+0080 to U+009F: C1.
                if !matches!(bytes, [0xc2, 0x80..=0x9f]) {
                    output.extend_from_slice(bytes);
                }
            }
            Step::Broken => {
                output.extend(utf8::REPLACEMENT);
                self.again(byte, output);
            }
        }
    }
}

/// What passes as it is, and is most of what is written.
fn is_text(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\n' | b'\r' | b'\t')
}
