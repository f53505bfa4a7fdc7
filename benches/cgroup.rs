//! What a cgroup of systemd's costs a run, beside `systemd-run --user --scope`. For a host with cgroup v2 and a user manager.

use crate::Result;
use crate::aims::{Aim, CGROUP};
use crate::measure::{Named, interleaved};
use crate::place::Place;
use crate::start::ms;
use crate::table::{Section, Table};

const HOW: &str = "A run with a limit on memory, for which the caller's own systemd makes a scope, beside systemd-run with the same limit, `true` each.";
const PEER: &str = "systemd-run --user --scope";
const AIM: &str = "× the wall time of systemd-run --user --scope";
const WITH: &str = "sandbox --memory 512MiB";

/// Measures it, where there is a manager to ask.
pub fn measure(place: &Place) -> Result<Section> {
    let mut section = Section::new("With a cgroup from systemd", HOW);
    let commands = [
        Named::new(PEER, ["systemd-run", "--user", "--scope", "--quiet", "--property=MemoryMax=512M", "true"]),
        Named::new(WITH, [&place.sandbox, "--memory", "512MiB", "--", "true"]),
        Named::new("sandbox", [&place.sandbox, "--", "true"]),
    ];
    for command in &commands {
        if let Err(reason) = command.output() {
            section.notes.add(&command.name, format!("not measured on this host: {reason}"));
            section.aims.push(Aim::at_most(AIM, 1.0, None, ""));
            return Ok(section);
        }
    }
    let costs = interleaved(&commands, place.fewer)?;
    let peer = costs[0].wall;
    let mut table = Table::new(["", "wall, ms", "× systemd-run"]);
    for (command, cost) in commands.iter().zip(&costs) {
        table.row([command.name.clone(), ms(&cost.wall), format!("{:.2}", cost.wall.per(&peer).value)]);
    }
    section.tables.push((format!("Time, {} rounds:", place.fewer), table));
    section.aims.push(Aim::at_most(AIM, 1.0, Some(costs[1].wall.per(&peer)), "").or_because(CGROUP));
    Ok(section)
}
