//! A member of a tar archive, as pax(1) of POSIX.1-2001 has it: a ustar header, and before it what does not fit there.

/// What a header says.
#[derive(Debug, Clone, Copy, Default)]
pub struct Header<'a> {
    /// Relative to the root; of a directory with a slash at its end.
    pub path: &'a [u8],
    /// One of the `typeflag`s.
    pub kind: u8,
    /// Permission bits, with set-id bits and the sticky bit.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// Bytes that follow.
    pub size: u64,
    /// Seconds and nanoseconds since the epoch.
    pub mtime: (i64, u32),
    /// Where a link leads.
    pub link: &'a [u8],
}

pub const FILE: u8 = b'0';
pub const HARD_LINK: u8 = b'1';
pub const SYMLINK: u8 = b'2';
pub const DIRECTORY: u8 = b'5';
pub const FIFO: u8 = b'6';
const EXTENDED: u8 = b'x';

/// All lengths are multiples of this.
pub const BLOCK: usize = 512;

impl Header<'_> {
    /// Its bytes, in whole blocks.
    pub fn bytes(&self) -> Vec<u8> {
        let records = self.records();
        let mut bytes = Vec::new();
        if !records.is_empty() {
            let path = b"././@PaxHeader";
            let extended =
                Header { path, kind: EXTENDED, mode: 0o644, size: records.len() as u64, ..Header::default() };
            bytes.extend_from_slice(&extended.block());
            bytes.extend_from_slice(&records);
            bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        }
        bytes.extend_from_slice(&self.block());
        bytes
    }

    /// The fields that the block has no room for.
    fn records(&self) -> Vec<u8> {
        let mut records = Vec::new();
        let mut add = |key: &str, value: &[u8]| records.extend_from_slice(&record(key, value));
        if self.path.len() > NAME {
            add("path", self.path);
        }
        if self.link.len() > NAME {
            add("linkpath", self.link);
        }
        for (key, value, digits) in [("size", self.size, 11), ("uid", self.uid.into(), 7), ("gid", self.gid.into(), 7)]
        {
            if value >> (3 * digits) != 0 {
                add(key, value.to_string().as_bytes());
            }
        }
        if self.mtime.1 != 0 || !(0..1 << 33).contains(&self.mtime.0) {
            add("mtime", time(self.mtime).as_bytes());
        }
        records
    }

    fn block(&self) -> [u8; BLOCK] {
        let mut block = [0; BLOCK];
        let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &self.path[..self.path.len().min(NAME)]);
        put(100, octal(self.mode.into(), 7).as_bytes());
        put(108, octal(self.uid.into(), 7).as_bytes());
        put(116, octal(self.gid.into(), 7).as_bytes());
        put(124, octal(self.size, 11).as_bytes());
        put(136, octal(self.mtime.0.max(0) as u64, 11).as_bytes());
        put(148, b"        ");
        put(156, &[self.kind]);
        put(157, &self.link[..self.link.len().min(NAME)]);
        put(257, b"ustar\x0000");
        let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        block
    }
}

/// Bytes of a name in the block.
const NAME: usize = 100;

/// That many digits; what does not fit stands in a record.
fn octal(value: u64, digits: usize) -> String {
    let most = (1 << (3 * digits)) - 1;
    format!("{:0digits$o}", value.min(most))
}

/// `LENGTH KEY=VALUE\n`: the length is in it, too.
fn record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let digits = (1..).find(|digits| (rest + digits).to_string().len() == *digits).unwrap_or(1);
    let mut record = format!("{} {key}=", rest + digits).into_bytes();
    record.extend_from_slice(value);
    record.push(b'\n');
    record
}

/// A decimal number of seconds; those before the epoch count backwards.
fn time((seconds, nanoseconds): (i64, u32)) -> String {
    let (sign, seconds, nanoseconds) = match (seconds < 0, nanoseconds) {
        (true, 0) => ("-", seconds.unsigned_abs(), 0),
        (true, part) => ("-", seconds.unsigned_abs() - 1, 1_000_000_000 - part),
        (false, part) => ("", seconds.unsigned_abs(), part),
    };
    let text = format!("{sign}{seconds}.{nanoseconds:09}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_counts_its_own_length() {
        for length in 0..300 {
            let record = record("path", &vec![b'x'; length]);
            let said: usize = String::from_utf8_lossy(&record).split(' ').next().unwrap().parse().unwrap();
            assert_eq!(said, record.len());
        }
    }

    #[test]
    fn times_are_decimal_and_before_the_epoch_negative() {
        assert_eq!(time((0, 0)), "0");
        assert_eq!(time((5, 250_000_000)), "5.25");
        assert_eq!(time((-1, 0)), "-1");
        assert_eq!(time((-2, 500_000_000)), "-1.5");
        assert_eq!(time((-1, 999_999_999)), "-0.000000001");
        assert_eq!(time((100, 0)), "100");
    }

    #[test]
    fn what_fits_needs_no_record() {
        let path = [b'p'; 100];
        let fits = Header { path: &path, kind: FILE, size: (1 << 33) - 1, uid: (1 << 21) - 1, ..Header::default() };
        assert_eq!(fits.bytes().len(), BLOCK);
        let long = [b'p'; 101];
        for larger in [
            Header { path: &long, ..fits },
            Header { link: &long, ..fits },
            Header { size: 1 << 33, ..fits },
            Header { uid: 1 << 21, ..fits },
            Header { mtime: (-1, 0), ..fits },
            Header { mtime: (1, 1), ..fits },
        ] {
            assert_eq!(larger.bytes().len(), 3 * BLOCK, "{larger:?}");
        }
    }
}
