//! The one promise that must never break: what cannot be enforced is an error before the command is started, exit code 125, unless
//! the profile says `prefer`. Each layer is made to fail in turn, by `src/faults.rs`:
//!
//! `cargo test --features faults --test faults`
//!
//! Where it says `#[ignore]` a real cgroup is needed, and nothing here has one.

mod attempt;
#[path = "../promises/harness.rs"]
#[allow(dead_code, unused_imports, reason = "the promises use all of it")]
mod harness;
#[path = "../promises/pty.rs"]
#[allow(dead_code, reason = "the promises use all of it")]
mod pty;
#[path = "../shared/report.rs"]
mod written_report;

mod cgroup;
mod enter;
mod layers;
mod steps;
mod supervisor;
