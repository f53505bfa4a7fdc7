//! proc_pid_mountinfo(5): the mounts that a process sees.

use std::path::PathBuf;

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Where it is.
    pub at: PathBuf,
    /// `ro`, `nosuid`, …
    pub flags: Vec<String>,
    /// `tmpfs`
    pub kind: String,
}

impl Mount {
    /// Has it this flag?
    pub fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|known| known == flag)
    }
}

/// Those of this process.
pub fn read() -> std::io::Result<Vec<Mount>> {
    std::fs::read_to_string("/proc/self/mountinfo").map(|text| text.lines().filter_map(parse).collect())
}

fn parse(line: &str) -> Option<Mount> {
    let (left, right) = line.split_once(" - ")?;
    let mut fields = left.split(' ').skip(4);
    let at = fields.next()?.replace("\\040", " ").into();
    let flags = fields.next()?.split(',').map(str::to_owned).collect();
    Some(Mount { at, flags, kind: right.split(' ').next()?.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_place_its_flags_and_its_kind() {
        let line = "108 66 0:45 / /a\\040b rw,nosuid - tmpfs none rw,size=16384k";
        let mount = parse(line).unwrap();
        assert_eq!((mount.at, mount.kind), ("/a b".into(), "tmpfs".into()));
        assert_eq!(mount.flags, ["rw", "nosuid"]);
    }
}
