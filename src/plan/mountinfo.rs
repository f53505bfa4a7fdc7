//! /proc/self/mountinfo: what is mounted where, proc_pid_mountinfo(5).

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mounted {
    /// Major and minor number of its file system.
    pub device: (u32, u32),
    /// What of the file system it shows.
    pub shows: PathBuf,
    /// Its mount point.
    pub at: PathBuf,
    /// `ro,nosuid,…`
    pub flags: String,
    /// The type of its file system.
    pub kind: String,
}

impl Mounted {
    /// Has it this flag?
    pub fn has(&self, flag: &str) -> bool {
        self.flags.split(',').any(|known| known == flag)
    }
}

/// This process's mounts.
pub fn read() -> std::io::Result<Vec<Mounted>> {
    std::fs::read("/proc/self/mountinfo").map(|text| parse(&text).collect())
}

/// The mounts of a file, in its order: the upper of two on one place comes later.
pub fn parse(text: &[u8]) -> impl DoubleEndedIterator<Item = Mounted> + '_ {
    text.split(|byte| *byte == b'\n').filter_map(|line| {
        let mut fields = line.split(|byte| *byte == b' ').skip(2);
        let (major, minor) = std::str::from_utf8(fields.next()?).ok()?.split_once(':')?;
        let device = (major.parse().ok()?, minor.parse().ok()?);
        let (shows, at) = (unescape(fields.next()?), unescape(fields.next()?));
        let word = |field: &[u8]| String::from_utf8_lossy(field).into_owned();
        let flags = word(fields.next()?);
        let kind = word(fields.skip_while(|field| *field != b"-").nth(1)?);
        Some(Mounted { device, shows, at, flags, kind })
    })
}

/// Space, tab, newline and backslash are written as a backslash and three octal digits.
fn unescape(field: &[u8]) -> PathBuf {
    let mut path = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, after)) = rest.split_first() {
        let digits = after.get(..3).filter(|_| byte == b'\\').and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(code) => {
                path.push(code);
                rest = after.get(3..).unwrap_or_default();
            }
            None => {
                path.push(byte);
                rest = after;
            }
        }
    }
    OsString::from_vec(path).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_gives_device_root_place_and_type_whatever_its_optional_fields() {
        let text = b"\
29 25 0:26 / /sys/fs/cgroup rw,nosuid shared:9 master:1 - cgroup2 cgroup2 rw\n\
32 30 254:1 /a\\040b /mnt/\\134x\xff rw - ext4 /dev/vda1 rw\n\
no line\n33 30 0:1 / /x rw\n";
        let mounts: Vec<Mounted> = parse(text).collect();
        assert!(mounts[0].has("nosuid") && !mounts[1].has("nosuid"));
        let mounted = |device, shows: &[u8], at: &[u8], flags: &str, kind: &str| Mounted {
            device,
            shows: OsString::from_vec(shows.into()).into(),
            at: OsString::from_vec(at.into()).into(),
            flags: flags.into(),
            kind: kind.into(),
        };
        assert_eq!(
            mounts,
            [
                mounted((0, 26), b"/", b"/sys/fs/cgroup", "rw,nosuid", "cgroup2"),
                mounted((254, 1), b"/a b", b"/mnt/\\x\xff", "rw", "ext4")
            ]
        );
    }
}
