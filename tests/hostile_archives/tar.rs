//! A writer of tar archives that lets one say anything: each header is a block of 512 bytes, every field of which may be wrong.

/// A header; what is not said is that of an empty file.
#[derive(Clone)]
pub struct Header<'a> {
    pub name: &'a [u8],
    pub kind: u8,
    pub mode: u32,
    pub uid: u64,
    pub gid: u64,
    pub size: u64,
    pub mtime: i64,
    pub link: &'a [u8],
    pub magic: [u8; 8],
}

impl Default for Header<'_> {
    fn default() -> Self {
        Header {
            name: b"file",
            kind: b'0',
            mode: 0o644,
            uid: 0,
            gid: 0,
            size: 0,
            mtime: 1_000_000_000,
            link: b"",
            magic: *b"ustar\x0000",
        }
    }
}

impl Header<'_> {
    pub fn block(&self) -> [u8; 512] {
        let mut block = [0; 512];
        let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &self.name[..self.name.len().min(100)]);
        put(100, format!("{:07o}", self.mode).as_bytes());
        put(108, format!("{:07o}", self.uid & 0o777_7777).as_bytes());
        put(116, format!("{:07o}", self.gid & 0o777_7777).as_bytes());
        put(124, &number(self.size.cast_signed()));
        put(136, &number(self.mtime));
        put(156, &[self.kind]);
        put(157, &self.link[..self.link.len().min(100)]);
        put(257, &self.magic);
        sum(&mut block);
        block
    }
}

/// Eleven octal digits; what has no room there in base 256, as GNU tar has it.
fn number(value: i64) -> [u8; 12] {
    let mut field = [0; 12];
    if (0..1 << 33).contains(&value) {
        field[..11].copy_from_slice(format!("{value:011o}").as_bytes());
    } else {
        field[..4].fill(if value < 0 { 0xff } else { 0 });
        field[4..].copy_from_slice(&value.to_be_bytes());
        field[0] |= 0x80;
    }
    field
}

/// Writes the checksum of what the block says now.
pub fn sum(block: &mut [u8; 512]) {
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

/// An archive that grows.
#[derive(Default, Clone)]
pub struct Tar(Vec<u8>);

impl Tar {
    pub fn new() -> Self {
        Tar::default()
    }

    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub fn header(self, header: Header) -> Self {
        self.raw(&header.block())
    }

    /// Data, filled up to a block.
    pub fn data(self, data: &[u8]) -> Self {
        let padding = data.len().next_multiple_of(512) - data.len();
        self.raw(data).raw(&[0; 512][..padding])
    }

    pub fn with_data(self, header: Header, data: &[u8]) -> Self {
        self.header(Header { size: data.len() as u64, ..header }).data(data)
    }

    pub fn file(self, name: &str, content: &str) -> Self {
        self.with_data(Header { name: name.as_bytes(), ..Header::default() }, content.as_bytes())
    }

    pub fn directory(self, name: &str) -> Self {
        self.header(Header { name: name.as_bytes(), kind: b'5', mode: 0o755, ..Header::default() })
    }

    pub fn symlink(self, name: &str, target: &str) -> Self {
        self.header(Header { name: name.as_bytes(), kind: b'2', link: target.as_bytes(), ..Header::default() })
    }

    pub fn hard_link(self, name: &str, target: &str) -> Self {
        self.header(Header { name: name.as_bytes(), kind: b'1', link: target.as_bytes(), ..Header::default() })
    }

    /// An extended header: of the next entry ('x') or of all ('g').
    pub fn extended(self, kind: u8, records: &[(&str, &[u8])]) -> Self {
        let records: Vec<u8> = records.iter().flat_map(|(key, value)| record(key, value)).collect();
        self.with_data(Header { name: b"pax", kind, ..Header::default() }, &records)
    }

    pub fn pax(self, records: &[(&str, &[u8])]) -> Self {
        self.extended(b'x', records)
    }

    /// GNU tar's long name ('L') or link ('K') of the next entry.
    pub fn long(self, kind: u8, name: &[u8]) -> Self {
        let data = [name, b"\0"].concat();
        self.with_data(Header { name: b"././@LongLink", kind, magic: *b"ustar  \0", ..Header::default() }, &data)
    }

    /// With the two blocks of zeros that end it.
    pub fn end(self) -> Vec<u8> {
        self.raw(&[0; 1024]).0
    }

    /// As it is.
    pub fn cut(self) -> Vec<u8> {
        self.0
    }
}

/// "LENGTH KEY=VALUE\n", with its own length in it.
pub fn record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let length = (1..).find(|digits| (rest + digits).to_string().len() == *digits).unwrap() + rest;
    [format!("{length} {key}=").as_bytes(), value, b"\n"].concat()
}
