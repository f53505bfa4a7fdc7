//! One header of a tar archive: a block of 512 bytes, as tar(5) draws it.

/// The unit of a tar archive, in bytes.
pub const BLOCK: usize = 512;

/// A header whose checksum fits.
pub struct Header([u8; BLOCK]);

impl Header {
    /// None if the block is no header: its sum, over bytes with or without a sign as old programs did, is another.
    pub fn read(block: [u8; BLOCK]) -> Option<Self> {
        let said = number(&block[148..156])?;
        let rest = || block[..148].iter().chain(&block[156..]);
        let spaces = 8 * i64::from(b' ');
        let unsigned = rest().map(|byte| i64::from(*byte)).sum::<i64>() + spaces;
        let signed = rest().map(|byte| i64::from(byte.cast_signed())).sum::<i64>() + spaces;
        (said == unsigned || said == signed).then_some(Header(block))
    }

    /// The name, with the prefix that POSIX put behind the other fields.
    pub fn name(&self) -> Vec<u8> {
        let name = text(&self.0[..100]);
        let prefix = match &self.0[257..263] {
            // star(1) keeps times where POSIX has the end of the prefix, and signs it.
            b"ustar\0" if self.0[508..].starts_with(b"tar\0") => text(&self.0[345..476]),
            b"ustar\0" => text(&self.0[345..500]),
            _ => &[],
        };
        if prefix.is_empty() { name.to_vec() } else { [prefix, b"/", name].concat() }
    }

    pub fn link(&self) -> Vec<u8> {
        text(&self.0[157..257]).to_vec()
    }

    pub fn kind(&self) -> u8 {
        self.0[156]
    }

    pub fn mode(&self) -> Option<i64> {
        number(&self.0[100..108])
    }

    pub fn uid(&self) -> Option<i64> {
        number(&self.0[108..116])
    }

    pub fn gid(&self) -> Option<i64> {
        number(&self.0[116..124])
    }

    /// Bytes of data that follow.
    pub fn size(&self) -> Option<u64> {
        number(&self.0[124..136]).and_then(|size| size.try_into().ok())
    }

    /// Seconds since 1970.
    pub fn mtime(&self) -> Option<i64> {
        number(&self.0[136..148])
    }

    /// The old form of GNU tar's sparse files: the first four places, whether a block of more follows, and the length with holes.
    pub fn sparse(&self) -> (&[u8], bool, Option<u64>) {
        (&self.0[386..482], self.0[482] != 0, number(&self.0[483..495]).and_then(|size| size.try_into().ok()))
    }
}

/// What is before the first NUL.
pub fn text(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Octal digits between spaces, or GNU tar's base 256 (the first bit set, two's complement); an empty field is 0.
pub fn number(field: &[u8]) -> Option<i64> {
    let first = *field.first()?;
    if first & 0x80 != 0 {
        let negative = first & 0x40 != 0;
        let start = i128::from(first & 0x3f) - if negative { 0x40 } else { 0 };
        let value = field[1..]
            .iter()
            .try_fold(start, |value, byte| value.checked_mul(256).map(|value| value + i128::from(*byte)))?;
        return value.try_into().ok();
    }
    let digits = text(field).trim_ascii();
    digits.iter().try_fold(0i64, |value, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 8)?;
        value.checked_mul(8)?.checked_add(i64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_base_256() {
        assert_eq!(number(b"0000644\0"), Some(0o644));
        assert_eq!(number(b"   644 \0"), Some(0o644));
        assert_eq!(number(b"77777777777\0"), Some(0o77777777777));
        assert_eq!((number(b"\0\0\0\0"), number(b"    ")), (Some(0), Some(0)));
        assert_eq!(number(b"\x80\0\0\0\x02\x54\x0b\xe4\0"), Some(0x02_540b_e400));
        assert_eq!(number(&[0xff; 12]), Some(-1));
        assert_eq!(number(b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff"), Some(i64::MAX));
    }

    #[test]
    fn what_is_no_number_is_none() {
        for wrong in
            [&b"12a"[..], b"8", b"-1", b"0x1", b"1 2", b"\x80\0\0\0\x80\0\0\0\0\0\0\0", b"\xa0\0\0\0\0\0\0\0\0\0\0\0"]
        {
            assert_eq!(number(wrong), None, "{wrong:?}");
        }
    }
}
