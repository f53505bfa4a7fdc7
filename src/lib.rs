//! A rootless sandbox: from a profile to a plan to three processes to an outcome.

#[allow(missing_docs)]
pub mod cli;
pub mod error;
pub mod host;
pub mod inside;
pub mod layers;
pub mod plan;
pub mod prepare;
pub mod profile;
pub mod sys;
