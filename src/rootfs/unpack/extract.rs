//! From the entries of one archive to names in the tree.

use super::Failure;
use super::archive::{Archive, Entry, Input, Kind};
use super::attributes::{Attributes, SET_ID};
use super::budget::Budget;
use super::name::Name;
use super::sparse::Segment;
use super::tree::Tree;
use super::whiteout;
use nix::errno::Errno;
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};

/// Makes all of the archive in the tree; if that has layers, as the next one.
pub fn extract<I: Input>(archive: &mut Archive<I>, tree: &mut Tree, budget: &mut Budget) -> Result<(), Failure> {
    // A further name of what is left out is left out with it.
    let mut devices = HashSet::new();
    while let Some(entry) = archive.next(budget)? {
        let name = Name::read(&entry.name)?;
        budget.entry(&entry.name, entry.size)?;
        if tree.has_layers()
            && let Some(whiteout) = whiteout::read(&name)?
        {
            tree.whiteout(&name, whiteout)?;
            continue;
        }
        let is_device = match &entry.kind {
            Kind::Device => true,
            Kind::HardLink(target) => Name::read(target).is_ok_and(|target| devices.contains(&target.joined())),
            _ => false,
        };
        if is_device {
            tree.vacate(&name)?;
            devices.insert(name.joined());
            budget.leave_out("device nodes", 1);
            continue;
        }
        let attributes = Attributes::of(&entry, &name, tree.owners)?;
        match &entry.kind {
            Kind::File => {
                let mut file = tree.file(&name)?;
                write(archive, &entry, &mut file, &name)?;
                attributes.set(&file).map_err(|errno| name.failed(errno))?;
            }
            Kind::HardLink(target) => {
                let target = Name::read(target).map_err(|failure| {
                    name.wrong(&format!("the file of which it is another name cannot be: {}", failure.reason))
                })?;
                tree.hard_link(&name, &target)?;
            }
            Kind::Symlink(target) => tree.symlink(&name, target, attributes)?,
            Kind::Directory => tree.directory(&name, attributes)?,
            Kind::Fifo => tree.fifo(&name, attributes)?,
            Kind::Device => {}
        }
        budget.names(tree.take_implied())?;
        let has_set_id = entry.mode & SET_ID != 0 && matches!(entry.kind, Kind::File | Kind::Directory);
        budget.leave_out("set-id bits", has_set_id.into());
        budget.leave_out("extended attributes", entry.attributes);
        budget.leave_out("access control lists", entry.acls);
    }
    Ok(())
}

fn write<I: Input>(archive: &mut Archive<I>, entry: &Entry, file: &mut File, name: &Name) -> Result<(), Failure> {
    let failed = |error: io::Error| name.failed(error.raw_os_error().map_or(Errno::EIO, Errno::from_raw));
    let Some(map) = &entry.map else {
        return archive.read(entry.size, |bytes| file.write_all(bytes).map_err(failed));
    };
    file.set_len(entry.size).map_err(failed)?;
    for Segment { start, length } in map.segments() {
        file.seek(SeekFrom::Start(*start)).map_err(failed)?;
        archive.read(*length, |bytes| file.write_all(bytes).map_err(failed))?;
    }
    Ok(())
}
