//! Ranges of subordinate ids: what subuid(5) and subgid(5) give the caller, and the map of user_namespaces(7) that comes of it.

use super::HostFacts;
use crate::error::Error;
use std::fs::File;
use std::io::{ErrorKind, Read};

/// A line of /proc/PID/uid_map or gid_map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Extent {
    /// The first id inside.
    pub inside: u32,
    /// The first id outside.
    pub outside: u32,
    /// How many.
    pub count: u32,
}

/// The first id outside, and how many.
pub(super) type Range = (u32, u32);

/// The kernel takes so many lines (UID_GID_MAP_MAX_EXTENTS), in less than a page.
const MOST_LINES: usize = 340;
const PAGE: usize = 4096;
/// More of a file than any host has.
const MOST_BYTES: u64 = 16 << 20;
/// What useradd(8) gives: enough for every id that a distribution uses, nobody's 65534 too.
const USUAL: u32 = 65536;
/// SUB_UID_MIN of login.defs(5).
const FIRST: u32 = 100_000;

/// The two files.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Users,
    Groups,
}

impl Kind {
    fn file(self) -> &'static str {
        match self {
            Kind::Users => "subuid",
            Kind::Groups => "subgid",
        }
    }
}

/// The map of one id alone.
pub(crate) fn single(inside: u32, outside: u32) -> Vec<Extent> {
    vec![Extent { inside, outside, count: 1 }]
}

/// The map of the command's own id and, in order around it, as many of the ranges as the kernel takes.
pub(super) fn around(inside: u32, outside: u32, ranges: &[Range]) -> Vec<Extent> {
    let fit = |map: &Vec<Extent>| map.len() <= MOST_LINES && text(map).len() < PAGE;
    let most = ranges.len().min(MOST_LINES);
    // One range fits always.
    let maps = (0..=most).rev().map(|count| filled(inside, outside, ranges.get(..count).unwrap_or_default()));
    maps.into_iter().find(fit).unwrap_or_else(|| single(inside, outside))
}

fn filled(inside: u32, outside: u32, ranges: &[Range]) -> Vec<Extent> {
    let mut map = single(inside, outside);
    let mut next = 0;
    for (first, count) in ranges {
        let below = inside.saturating_sub(next).min(*count);
        for (outside, count) in [(*first, below), (first + below, count - below)] {
            // The own id has its line.
            next += u32::from(next == inside);
            if count > 0 {
                map.push(Extent { inside: next, outside, count });
                next += count;
            }
        }
    }
    map.sort_by_key(|extent| extent.inside);
    map
}

/// The same ids in the same order, with the command's own as 0: under host root, how the files on disk see them.
pub(crate) fn with_own_first(map: &[Extent], own_outside: u32) -> Vec<Extent> {
    let others = map.iter().filter(|extent| extent.outside != own_outside || extent.count > 1);
    around(0, own_outside, &others.map(|extent| (extent.outside, extent.count)).collect::<Vec<_>>())
}

/// As the kernel and newuidmap(1) read it.
pub fn text(map: &[Extent]) -> String {
    map.iter().map(|extent| format!("{} {} {}\n", extent.inside, extent.outside, extent.count)).collect()
}

/// The caller's ranges.
///
/// # Errors
/// There is none, or the file cannot be read.
pub(super) fn ranges(host: &HostFacts, kind: Kind) -> Result<Vec<Range>, Error> {
    let path = host.etc.join(kind.file());
    let text = read(host, kind.file()).map_err(|error| {
        Error::host(format!("{} cannot be read: {error}", path.display())).path(&path).remedy("Look at its permissions")
    })?;
    let name = name(host);
    let own = match kind {
        Kind::Users => host.uid,
        Kind::Groups => host.gid,
    };
    let found = of_owner(&text, name.as_deref(), host.uid, own);
    if found.is_empty() { Err(missing(host, kind, name, &text)) } else { Ok(found) }
}

/// A file that is not there says nothing.
fn read(host: &HostFacts, name: &str) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    match File::open(host.etc.join(name)) {
        Ok(file) => file.take(MOST_BYTES).read_to_end(&mut bytes)?,
        Err(error) if error.kind() == ErrorKind::NotFound => 0,
        Err(error) => return Err(error),
    };
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// passwd(5); else, for a user whom a directory service knows, what the environment says: newuidmap(1) has the last word.
fn name(host: &HostFacts) -> Option<String> {
    let passwd = read(host, "passwd").unwrap_or_default();
    let uid = host.uid.to_string();
    let named = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    });
    named.or_else(|| Some(host.variable("USER")?.to_str()?.to_owned())).filter(|name| !name.is_empty())
}

/// Lines `NAME:FIRST:COUNT` or `UID:FIRST:COUNT`. A line that is none, that overlaps with an earlier one, or that would give away
/// host root or the caller's own id, is no range.
pub(super) fn of_owner(text: &str, name: Option<&str>, uid: u32, own: u32) -> Vec<Range> {
    let uid = uid.to_string();
    let mut found: Vec<Range> = Vec::new();
    for line in text.lines() {
        let Some((owner, first, count)) = line_of(line) else { continue };
        let is_own = owner == uid || name == Some(owner);
        // The last id of all is "no id" to the kernel.
        let is_sound = first > 0 && count > 0 && first.checked_add(count).is_some() && !holds((first, count), own);
        if is_own && is_sound && !found.iter().any(|other| overlap(*other, (first, count))) {
            found.push((first, count));
        }
    }
    found
}

fn line_of(line: &str) -> Option<(&str, u32, u32)> {
    let mut fields = line.trim_end().split(':');
    let (owner, first, count) = (fields.next()?, fields.next()?, fields.next()?);
    (fields.next().is_none() && !owner.is_empty()).then_some(())?;
    Some((owner, first.parse().ok()?, count.parse().ok()?))
}

fn holds(range: Range, id: u32) -> bool {
    id.checked_sub(range.0).is_some_and(|offset| offset < range.1)
}

fn overlap(one: Range, other: Range) -> bool {
    holds(one, other.0) || holds(other, one.0)
}

/// Names the file and a command that gives the caller ranges which are nobody's yet.
fn missing(host: &HostFacts, kind: Kind, name: Option<String>, text: &str) -> Error {
    let path = host.etc.join(kind.file());
    let who = name.as_deref().map_or_else(|| "the user".to_owned(), str::to_owned);
    let mut message = format!("{} has no range of ids for {who} (user id {})", path.display(), host.uid);
    if let Some(source) = other_source(&read(host, "nsswitch.conf").unwrap_or_default()) {
        message.push_str(&format!("; what nsswitch.conf names instead (subid: {source}) is not read"));
    }
    let other = match kind {
        Kind::Users => Kind::Groups,
        Kind::Groups => Kind::Users,
    };
    let others = read(host, other.file()).unwrap_or_default();
    let ends =
        text.lines().chain(others.lines()).filter_map(line_of).filter_map(|(_, first, count)| first.checked_add(count));
    let first = ends.filter(|end| *end < u32::MAX - USUAL).max().unwrap_or(FIRST).max(FIRST);
    let last = first + USUAL - 1;
    let remedy = match name {
        Some(name) => format!("sudo usermod --add-subuids {first}-{last} --add-subgids {first}-{last} {name}"),
        None => format!("echo {}:{first}:{USUAL} | sudo tee -a /etc/subuid /etc/subgid", host.uid),
    };
    Error::host(message).path(&path).remedy(format!("Give some: {remedy}; or say map: single"))
}

/// nsswitch.conf(5): the source of ranges that is not the files.
fn other_source(text: &str) -> Option<&str> {
    let sources = text.lines().find_map(|line| line.trim().strip_prefix("subid:"))?.trim();
    (!sources.is_empty() && sources != "files").then_some(sources)
}

/// Under host root: a block of the run's own, above the single ids that other runs have; in a container of some users more than
/// that, above the users of the container.
pub(super) fn private_block(ranges: &[Range], first_private: u32, run: u32) -> Option<u32> {
    let blocks = (0x8000_0000 - first_private) / USUAL;
    let wanted = first_private + run % blocks * USUAL;
    if ranges.iter().any(|range| holds(*range, wanted) && holds(*range, wanted + USUAL - 1)) {
        return Some(wanted);
    }
    let (first, count) = ranges.iter().copied().max_by_key(|(_, count)| *count)?;
    let spare = (count / USUAL).checked_sub(1).filter(|spare| *spare > 0)?;
    Some(first + USUAL * (1 + run % spare))
}

/// The ids of such a block beside the first, which is the command's own.
pub(super) fn rest_of_block(first: u32) -> [Range; 1] {
    [(first + 1, USUAL - 1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(map: &[Extent]) -> Vec<(u32, u32, u32)> {
        map.iter().map(|extent| (extent.inside, extent.outside, extent.count)).collect()
    }

    #[test]
    fn the_ranges_lie_in_order_around_the_own_id() {
        let ranges = [(100_000, 500), (300_000, 500), (500_000, 500)];
        assert_eq!(lines(&around(0, 1000, &ranges[..1])), [(0, 1000, 1), (1, 100_000, 500)]);
        assert_eq!(
            lines(&around(700, 1000, &ranges)),
            [(0, 100_000, 500), (500, 300_000, 200), (700, 1000, 1), (701, 300_200, 300), (1001, 500_000, 500)]
        );
        assert_eq!(
            lines(&around(1000, 1000, &ranges)),
            [(0, 100_000, 500), (500, 300_000, 500), (1000, 1000, 1), (1001, 500_000, 500)]
        );
        assert_eq!(lines(&around(9999, 1000, &ranges[..1])), [(0, 100_000, 500), (9999, 1000, 1)]);
    }

    #[test]
    fn no_id_is_in_the_map_twice() {
        let ranges = [(100_000, 7), (200_000, 1), (300_000, 90)];
        for own in 0..120 {
            let map = around(own, 1000, &ranges);
            for ids in
                [|extent: &Extent| (extent.inside, extent.count), |extent: &Extent| (extent.outside, extent.count)]
            {
                let all: Vec<Range> = map.iter().map(ids).collect();
                let twice =
                    all.iter().enumerate().any(|(i, one)| all.iter().skip(i + 1).any(|other| overlap(*one, *other)));
                assert!(!twice, "{own}: {map:?}");
            }
            assert_eq!(map.iter().map(|extent| extent.count).sum::<u32>(), 99, "{own}");
        }
    }

    #[test]
    fn the_map_is_no_longer_than_the_kernel_takes() {
        let many: Vec<Range> = (0..5000).map(|number| (1_000_000_000 + number * 1000, 999)).collect();
        let map = around(1000, 1000, &many);
        assert!(text(&map).len() < PAGE && map.len() > 100, "{}", map.len());
        let small: Vec<Range> = (0..5000).map(|number| (2000 + number, 1)).collect();
        assert!(text(&around(0, 1, &small)).len() < PAGE);
    }

    #[test]
    fn under_host_root_files_see_the_same_ids_with_the_command_s_as_roots() {
        let map = around(1000, 500_000, &rest_of_block(500_000));
        assert_eq!(
            lines(&with_own_first(&map, 500_000)),
            [(0, 500_000, 1), (1, 500_001, 1000), (1001, 501_001, 64535)]
        );
        let single = single(7, 500_000);
        assert_eq!(lines(&with_own_first(&single, 500_000)), [(0, 500_000, 1)]);
    }

    #[test]
    fn a_line_is_the_caller_s_by_name_or_by_number() {
        let text = "root:1:2\nanna:100000:65536\nannax:5:5\n1000:300000:10\n1:7:7\n";
        assert_eq!(of_owner(text, Some("anna"), 1000, 1000), [(100_000, 65536), (300_000, 10)]);
        assert_eq!(of_owner(text, None, 1000, 1000), [(300_000, 10)]);
    }

    #[test]
    fn what_is_no_range_is_left_out() {
        let absurd = [
            "anna",
            "anna:1",
            "anna:100000:0",
            "anna:-1:5",
            "anna:x:5",
            "anna:4294967295:1",
            "anna:4294967290:6",
            "anna:5:4294967295",
            "anna:0:65536",
            "anna:999:2",
            "anna:1000:1",
            "anna:5:5:5",
            ":5:5",
            "# anna:5:5",
            "anna:99999999999:5",
            "anna: 5:5",
        ];
        for line in absurd {
            assert_eq!(of_owner(line, Some("anna"), 1000, 1000), [], "{line}");
        }
        let overlapping = "anna:2000:100\nanna:2000:100\nanna:2050:100\nanna:1990:11\nanna:2100:100\n";
        assert_eq!(of_owner(overlapping, Some("anna"), 1000, 1000), [(2000, 100), (2100, 100)]);
    }

    fn host(files: &[(&str, &str)]) -> (tempfile::TempDir, HostFacts) {
        let etc = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(etc.path().join(name), text).unwrap();
        }
        let host = HostFacts { uid: 1000, gid: 1000, etc: etc.path().into(), ..HostFacts::default() };
        (etc, host)
    }

    fn refusal(files: &[(&str, &str)]) -> String {
        let (etc, host) = host(files);
        let error = ranges(&host, Kind::Groups).unwrap_err().to_string();
        error.replace(&etc.path().display().to_string(), "/etc")
    }

    const PASSWD: (&str, &str) = ("passwd", "root:x:0:0::/:/bin/sh\nanna:x:1000:1000::/home/anna:/bin/sh\n");

    #[test]
    fn who_has_no_range_is_told_how_to_get_one_that_is_free() {
        insta::assert_snapshot!(refusal(&[PASSWD]), @"/etc/subgid has no range of ids for anna (user id 1000). Give some: sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 anna; or say map: single");
        let taken = refusal(&[PASSWD, ("subuid", "otto:165536:65536\n"), ("subgid", "otto:100000:65536\n")]);
        assert!(taken.contains("--add-subuids 231072-296607 --add-subgids 231072-296607 anna"), "{taken}");
        insta::assert_snapshot!(refusal(&[("nsswitch.conf", "passwd: files\nsubid: sss\n")]), @"/etc/subgid has no range of ids for the user (user id 1000); what nsswitch.conf names instead (subid: sss) is not read. Give some: echo 1000:100000:65536 | sudo tee -a /etc/subuid /etc/subgid; or say map: single");
    }

    #[test]
    fn the_name_is_that_of_the_user_database() {
        let (_etc, host) = host(&[PASSWD, ("subuid", "anna:100000:65536\notto:5:5\n")]);
        let host = host.with("USER", "otto");
        assert_eq!(ranges(&host, Kind::Users).unwrap(), [(100_000, 65536)]);
    }

    #[test]
    fn a_block_under_host_root_is_whole_and_nobody_else_s() {
        let first_private = 0x7040_0000;
        for run in (0..100_000).step_by(97) {
            let block = private_block(&[(0, u32::MAX)], first_private, run).unwrap();
            assert!(block >= first_private && block <= 0x8000_0000 - USUAL);
            let block = private_block(&[(0, 1 << 20)], first_private, run).unwrap();
            assert!(block >= USUAL && block + USUAL <= 1 << 20, "{block}");
        }
        for few in [&[(0, 65536)][..], &[(0, 1), (1, 65536)], &[(0, 131_071)], &[]] {
            assert_eq!(private_block(few, first_private, 1), None);
        }
    }
}
