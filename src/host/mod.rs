//! The outside half: launch, id maps, supervise, outcome.

pub mod end;
pub mod open;
pub mod outcome;
pub mod report_file;
pub mod stdio;
pub mod stream;
pub mod streams;
pub mod terminal;

use std::path::PathBuf;

/// What only the command line says of a run: where its bytes go and how its end is told.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Options {
    /// Files instead of the caller's own stdio.
    pub stdin: Option<PathBuf>,
    /// Truncated, only after the checks.
    pub stdout: Option<PathBuf>,
    /// May be the same file as `stdout`.
    pub stderr: Option<PathBuf>,
    /// Where the report goes.
    pub report: Option<ReportTarget>,
    /// `--exit-code STATUS=N`
    pub exit_codes: Vec<(outcome::Status, u8)>,
    /// `--name`, for the report.
    pub name: Option<String>,
}

/// `--report FILE|fd:N`
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum ReportTarget {
    File(PathBuf),
    Fd(i32),
}
