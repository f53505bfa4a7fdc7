//! Extended headers, pax(1): records "LENGTH KEY=VALUE\n" that say what the next header has no room for.

/// What the records of one header say, as far as it counts here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extended {
    pub path: Option<Vec<u8>>,
    pub link: Option<Vec<u8>>,
    pub size: Option<u64>,
    pub uid: Option<u64>,
    pub gid: Option<u64>,
    /// Seconds and nanoseconds since 1970.
    pub mtime: Option<(i64, u32)>,
    /// A sparse file in the form 1.0 of GNU tar, whose map is at the beginning of the data.
    pub sparse: Sparse,
    /// How many extended attributes, and access control lists.
    pub attributes: u64,
    pub acls: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sparse {
    pub major: Option<u64>,
    pub minor: Option<u64>,
    pub name: Option<Vec<u8>>,
    pub size: Option<u64>,
}

impl Extended {
    /// Takes the records of a header in; what comes later counts.
    pub fn add(&mut self, records: &[u8]) -> Result<(), String> {
        let mut rest = records;
        while !rest.is_empty() {
            let (record, behind) = split(rest).ok_or("its extended header is damaged")?;
            rest = behind;
            let equals = record.iter().position(|byte| *byte == b'=').ok_or("its extended header has no \"=\"")?;
            self.set(&record[..equals], &record[equals + 1..])?;
        }
        Ok(())
    }

    fn set(&mut self, key: &[u8], value: &[u8]) -> Result<(), String> {
        match key {
            b"path" => self.path = text(value)?,
            b"linkpath" => self.link = text(value)?,
            b"size" => self.size = number(value)?,
            b"uid" => self.uid = number(value)?,
            b"gid" => self.gid = number(value)?,
            b"mtime" => self.mtime = time(value)?,
            b"GNU.sparse.major" => self.sparse.major = number(value)?,
            b"GNU.sparse.minor" => self.sparse.minor = number(value)?,
            b"GNU.sparse.name" => self.sparse.name = text(value)?,
            b"GNU.sparse.realsize" => self.sparse.size = number(value)?,
            b"SCHILY.realsize" | b"SUN.holesdata" => return Err(unknown_sparse()),
            b"hdrcharset" if !matches!(value, b"" | b"BINARY" | b"ISO-IR 10646 2000 UTF-8") => {
                return Err("its name is in a character set of its own".into());
            }
            _ if key.starts_with(b"GNU.sparse.") => return Err(unknown_sparse()),
            _ if key.starts_with(b"SCHILY.acl.") => self.acls += 1,
            _ if [&b"SCHILY.xattr."[..], b"LIBARCHIVE.xattr.", b"RHT.security."]
                .iter()
                .any(|own| key.starts_with(own)) =>
            {
                self.attributes += 1;
            }
            // Access times, names of users, comments: nothing that is kept.
            _ => {}
        }
        Ok(())
    }
}

fn unknown_sparse() -> String {
    "it is a sparse file in a form other than GNU tar's \"gnu\" and \"pax\" 1.0".into()
}

/// The first record, without its length and its line feed, and what is behind it.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    // No length has more digits than one of 1 MiB.
    let space = bytes.iter().take(8).position(|byte| *byte == b' ')?;
    let length = usize::try_from(number(&bytes[..space]).ok()??).ok()?;
    let record = bytes.get(space + 1..length)?.strip_suffix(b"\n")?;
    Some((record, &bytes[length..]))
}

/// An empty value takes back what was said before.
fn text(value: &[u8]) -> Result<Option<Vec<u8>>, String> {
    if value.contains(&0) {
        return Err("its extended header has a NUL byte in a name".into());
    }
    Ok((!value.is_empty()).then(|| value.to_vec()))
}

/// Decimal digits and nothing else.
pub fn number(value: &[u8]) -> Result<Option<u64>, String> {
    if value.is_empty() {
        return Ok(None);
    }
    let digits = Some(value).filter(|value| value.iter().all(u8::is_ascii_digit));
    let number = digits.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    number.map(Some).ok_or_else(|| "its extended header has a number that is none".into())
}

/// Seconds, negative too, with a fraction; what is finer than a nanosecond is cut off, towards the past.
fn time(value: &[u8]) -> Result<Option<(i64, u32)>, String> {
    let wrong = || "its extended header has a time that is none".to_string();
    if value.is_empty() {
        return Ok(None);
    }
    let (negative, value) = value.strip_prefix(b"-").map_or((false, value), |rest| (true, rest));
    let mut parts = value.splitn(2, |byte| *byte == b'.');
    let seconds = number(parts.next().unwrap_or_default()).map_err(|_| wrong())?.ok_or_else(wrong)?;
    let seconds = i64::try_from(seconds).map_err(|_| wrong())?;
    let fraction = parts.next().unwrap_or_default();
    if !fraction.iter().all(u8::is_ascii_digit) {
        return Err(wrong());
    }
    let digits = fraction.iter().chain(std::iter::repeat(&b'0')).take(9);
    let nanos = digits.fold(0, |nanos, digit| nanos * 10 + u32::from(digit - b'0'));
    Ok(Some(match (negative, nanos) {
        (false, nanos) => (seconds, nanos),
        (true, 0) => (-seconds, 0),
        (true, nanos) => (-seconds - 1, 1_000_000_000 - nanos),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(records: &[u8]) -> Result<Extended, String> {
        let mut extended = Extended::default();
        extended.add(records).map(|()| extended)
    }

    #[test]
    fn the_last_record_of_a_key_counts_and_an_empty_one_takes_it_back() {
        let said = read(b"9 path=a\n9 path=b\n11 size=42\n9 uid=77\n").unwrap();
        assert_eq!((said.path, said.size, said.uid), (Some(b"b".to_vec()), Some(42), Some(77)));
        assert_eq!(read(b"9 path=a\n8 path=\n").map(|said| said.path), Ok(None));
    }

    #[test]
    fn times_have_fractions_and_may_be_before_1970() {
        assert_eq!(time(b"1.5"), Ok(Some((1, 500_000_000))));
        assert_eq!(time(b"-1.5"), Ok(Some((-2, 500_000_000))));
        assert_eq!(time(b"-3"), Ok(Some((-3, 0))));
        assert_eq!(time(b"1.0000000019"), Ok(Some((1, 1))));
        for wrong in ["-", ".5", "1.-5", "1e5", "--1", "99999999999999999999"] {
            assert!(time(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_record_with_a_wrong_length_is_refused() {
        for wrong in
            ["0 path=a\n", "8 path=a\n", "11 path=a\n", "99999999 path=a\n", "x path=a\n", "9 path=a ", "4 a\n"]
        {
            assert!(read(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn attributes_and_lists_are_counted_and_never_kept() {
        let said = read(b"25 SCHILY.xattr.user.a=1\n28 SCHILY.acl.access=u::rwx\n").unwrap();
        assert_eq!((said.attributes, said.acls), (1, 1));
    }
}
