//! A rootless sandbox: from a profile to a plan to three processes to an outcome.
//!
//! One direction, and each arrow is one function between two kinds of plain data:
//!
//! | | from → to | |
//! | --- | --- | --- |
//! | [`profile::load`] | YAML and flags → [`profile::Merged`] | what was written, each value with its line |
//! | [`plan::make`] | that and [`plan::HostFacts`] → [`plan::Plan`] | no variable, no relative path, no lookup left |
//! | [`prepare::prepare`] | → [`prepare::Prepared`] | all that can be known, or can fail, before a process starts |
//! | [`host::run`] | → [`host::outcome::Outcome`] | supervisor, init and command; the only part that changes anything |
//!
//! A plan can be looked at without carrying it out; that is what `sandbox explain --json` does:
//!
//! ```
//! use sandbox::cli::explain;
//! use sandbox::{plan, profile};
//!
//! let merged = profile::load(&["default".into()], None)?;
//! let plan = plan::make(merged, vec!["ls".into()], &plan::HostFacts::read()?)?;
//!
//! let explained = explain::json(&plan);
//! assert_eq!(explained["network"]["mode"], "none");
//! assert_eq!(explained["capabilities"].as_array().map(Vec::len), Some(0));
//! # Ok::<(), sandbox::error::Error>(())
//! ```

#[allow(missing_docs)]
pub mod cli;
pub mod error;
#[cfg(feature = "faults")]
mod faults;
#[cfg(fuzzing)]
pub mod fuzzing;
pub mod host;
pub mod inside;
pub mod layers;
pub mod plan;
pub mod prepare;
pub mod profile;
pub mod rootfs;
pub mod sys;
pub mod timings;
pub mod verify;
mod visible;
#[cfg(feature = "faults")]
mod without;
#[cfg(all(feature = "faults", not(debug_assertions)))]
compile_error!("the feature faults is for tests: a program that has it is nobody's sandbox");

/// Only tests can leave a layer out: in this program there is none that is.
#[cfg(not(feature = "faults"))]
mod without {
    pub const fn layer(_: &str) -> bool {
        false
    }
}
