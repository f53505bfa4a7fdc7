//! Where the parts of an image lie in an archive.

use super::super::Failure;
use super::super::archive::{Archive, Input, Kind};
use super::super::budget::Budget;
use super::super::name::Name;
use std::collections::HashMap;

/// Longer names, and more of them, no image has.
const LONGEST: usize = 256;
const MOST: usize = 20_000;
/// Links that lead to links.
const MOST_LINKS: usize = 8;

/// What no image has at its top, and some of which every root has.
const OF_A_ROOT: [&[u8]; 21] = [
    b".dockerenv",
    b"bin",
    b"boot",
    b"dev",
    b"etc",
    b"home",
    b"lib",
    b"lib32",
    b"lib64",
    b"libx32",
    b"media",
    b"mnt",
    b"opt",
    b"proc",
    b"root",
    b"run",
    b"sbin",
    b"srv",
    b"sys",
    b"usr",
    b"var",
];

/// The files of an archive by their names.
#[derive(Default)]
pub struct Index(HashMap<String, Place>);

enum Place {
    /// Offset and length, in bytes.
    Data(u64, u64),
    /// Old `docker save` has a layer that is the same as another one as a link to it.
    Link(String),
}

impl Index {
    /// Reads the names of the archive; none if it is that of a root, which the first name of one says.
    pub fn read<I: Input>(archive: &mut Archive<I>, budget: &mut Budget) -> Result<Option<Self>, Failure> {
        let mut index = Index::default();
        while let Some(entry) = archive.next(budget)? {
            budget.entry(&entry.name, entry.size)?;
            // What cannot be is told when it is unpacked.
            let Ok(name) = Name::read(&entry.name) else { return Ok(None) };
            if name.first().is_some_and(|first| OF_A_ROOT.contains(&first)) {
                return Ok(None);
            }
            let Some(name) = String::from_utf8(name.joined()).ok().filter(|name| name.len() <= LONGEST) else {
                continue;
            };
            let place = match &entry.kind {
                Kind::File if entry.map.is_none() => {
                    let (at, length) = archive.place();
                    Place::Data(at, length)
                }
                Kind::Symlink(target) => Place::Link(beside(&name, &String::from_utf8_lossy(target))),
                Kind::HardLink(target) => Place::Link(beside("", &String::from_utf8_lossy(target))),
                _ => continue,
            };
            if index.0.len() == MOST {
                return Ok(None);
            }
            index.0.insert(name, place);
        }
        Ok(Some(index).filter(|index| super::is_image(|name| index.find(name).is_some())))
    }

    /// Offset and length, in bytes.
    pub fn find(&self, name: &str) -> Option<(u64, u64)> {
        let mut name = name;
        for _ in 0..MOST_LINKS {
            match self.0.get(name)? {
                Place::Data(at, length) => return Some((*at, *length)),
                Place::Link(target) => name = target,
            }
        }
        None
    }
}

/// Where a link leads to, in the archive; what would lead out of it leads to its top.
fn beside(link: &str, target: &str) -> String {
    let mut parts: Vec<&str> = link.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}
