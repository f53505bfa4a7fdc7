//! From an archive or an image to a tree of files.

use serde::{Deserialize, Serialize};

/// Who owns what is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owners {
    /// The one who unpacks it.
    Own,
    /// Whom the archive says: needs CAP_CHOWN over those ids, user_namespaces(7).
    Kept,
}

/// The most that an archive may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all files together, as long as they say they are: holes count.
    pub bytes: u64,
    /// Names.
    pub entries: u64,
}

/// What was made, and what was not.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Summary {
    pub entries: u64,
    pub bytes: u64,
    /// What was left out, and how often: "device nodes", "set-id bits".
    pub left_out: Vec<(String, u64)>,
}

/// Why nothing came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// One sentence: what, on which entry, why.
    pub reason: String,
    /// What to do about it; may be empty.
    pub remedy: String,
}

/// TEMPORARY
pub fn unpack(
    source: &std::path::Path,
    into: std::os::fd::BorrowedFd<'_>,
    room: &std::path::Path,
    owners: Owners,
    limits: Limits,
    tell: &mut dyn FnMut(u64),
) -> Result<Summary, Failure> {
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::PermissionsExt;
    let _ = (room, owners, &tell);
    let fail = |e: std::io::Error| Failure { reason: e.to_string(), remedy: String::new() };
    let all = std::fs::read(source).map_err(fail)?;
    std::env::set_current_dir(format!("/proc/self/fd/{}", into.as_raw_fd())).map_err(fail)?;
    let text = |b: &[u8]| String::from_utf8_lossy(b).trim_end_matches('\0').trim().to_owned();
    let oct = |b: &[u8]| u64::from_str_radix(text(b).trim_matches('\0'), 8).unwrap_or(0);
    let mut at = 0;
    let mut summary = Summary::default();
    let mut pax: std::collections::BTreeMap<String, String> = Default::default();
    while at + 512 <= all.len() && all[at] != 0 {
        tell(at as u64);
        let h = &all[at..at + 512];
        let size = oct(&h[124..136]) as usize;
        let data = &all[at + 512..at + 512 + size];
        at += 512 + size.next_multiple_of(512);
        if h[156] == b'x' {
            let t = String::from_utf8_lossy(data).into_owned();
            let mut r = &t[..];
            while let Some((l, _)) = r.split_once(' ') {
                let n: usize = l.parse().unwrap();
                let rec = &r[l.len() + 1..n - 1];
                let (k, v) = rec.split_once('=').unwrap();
                pax.insert(k.into(), v.into());
                r = &r[n..];
            }
            continue;
        }
        let name = pax.remove("path").unwrap_or(text(&h[..100]));
        let link = pax.remove("linkpath").unwrap_or(text(&h[157..257]));
        pax.clear();
        summary.entries += 1;
        summary.bytes += size as u64;
        if summary.bytes > limits.bytes {
            return Err(Failure { reason: "too large".into(), remedy: "Allow more with --max-size".into() });
        }
        let mode = std::fs::Permissions::from_mode(oct(&h[100..108]) as u32);
        match h[156] {
            b'5' => {
                let _ = std::fs::create_dir(&name);
                std::fs::set_permissions(&name, mode).map_err(fail)?;
            }
            b'2' => std::os::unix::fs::symlink(&link, &name).map_err(fail)?,
            b'1' => std::fs::hard_link(&link, &name).map_err(fail)?,
            _ => {
                std::fs::write(&name, data).map_err(fail)?;
                std::fs::set_permissions(&name, mode).map_err(fail)?;
                let t = std::time::UNIX_EPOCH + std::time::Duration::from_secs(oct(&h[136..148]));
                let _ = std::fs::File::options().write(true).open(&name).and_then(|f| f.set_modified(t));
            }
        }
    }
    Ok(summary)
}
