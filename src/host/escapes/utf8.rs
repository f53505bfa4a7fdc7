//! One character of more than one byte, as it comes: utf-8(7), without surrogates and overlong forms.

/// U+FFFD, in the place of what is no UTF-8: the columns stay, and it is seen that something was there.
pub const REPLACEMENT: [u8; 3] = [0xef, 0xbf, 0xbd];

/// The beginning of a character.
#[derive(Debug, Clone, Copy, Default)]
pub struct Character {
    bytes: [u8; 4],
    have: usize,
    need: usize,
}

/// What a further byte made of it.
pub enum Step<'character> {
    /// More bytes belong to it.
    More,
    /// It is whole.
    Whole(&'character [u8]),
    /// The byte does not belong to it.
    Broken,
}

impl Character {
    /// Of a first byte; none if no character begins with it.
    pub fn begin(byte: u8) -> Option<Self> {
        let need = match byte {
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => return None,
        };
        Some(Character { bytes: [byte, 0, 0, 0], have: 1, need })
    }

    /// Takes a further byte.
    pub fn push(&mut self, byte: u8) -> Step<'_> {
        let allowed = match (self.have, self.bytes[0]) {
            (1, 0xe0) => 0xa0..=0xbf,
            (1, 0xed) => 0x80..=0x9f,
            (1, 0xf0) => 0x90..=0xbf,
            (1, 0xf4) => 0x80..=0x8f,
            _ => 0x80..=0xbf,
        };
        if !allowed.contains(&byte) {
            return Step::Broken;
        }
        self.bytes[self.have] = byte;
        self.have += 1;
        if self.have < self.need { Step::More } else { Step::Whole(&self.bytes[..self.have]) }
    }
}
