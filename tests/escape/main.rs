//! What a hostile command tries, by the groups of the threat model. Each attack must be stopped under every built-in profile, and must
//! succeed where the layer that stops it is left out (`src/without.rs`): an attack that never succeeds proves nothing.
//!
//! `cargo test --features faults --test escape`

#[macro_use]
mod attempt;
#[path = "../promises/harness.rs"]
#[allow(dead_code, unused_imports, unused_macros, reason = "the promises use all of it")]
mod harness;
#[path = "../shared/report.rs"]
#[allow(dead_code, reason = "the promises use all of it")]
mod written_report;

mod bench;
mod capabilities;
mod carved;
mod covers;
mod environment;
mod families;
mod files;
mod host;
mod host_facts;
mod inherited;
mod init;
mod init_calls;
mod ipc;
mod kernel_calls;
mod keys;
mod mounts;
mod nested;
mod network;
mod other_ids;
mod path_sockets;
mod planted;
mod processes;
mod quotas;
mod read_only;
mod resources;
mod set_id;
mod sibling;
mod siblings;
mod started_by_root;
mod stdio;
mod supervisor_killed;
mod survivors;
mod terminal;
