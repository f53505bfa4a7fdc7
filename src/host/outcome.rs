//! How a run ended, as a closed set.

/// `status` in the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// The command exited with a code.
    Exited,
    /// A signal killed the command.
    Signaled,
    /// The wall-clock limit ended it.
    WallTimeout,
    /// The output limit ended it.
    OutputLimit,
    /// The command was not found or could not be executed.
    ExecFailed,
    /// `sandbox` could not do what was asked.
    SetupFailed,
}
