//! What went wrong, as data; [`std::fmt::Display`] is the one place that turns it into text.

use crate::profile::Origin;
use std::fmt;

/// Who has to act: a script retries `Host`, never `Profile`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// The command line is wrong.
    Usage,
    /// The profile is wrong, or asks for what is not there.
    Profile,
    /// This host cannot, or would not, do what the plan needs.
    Host,
    /// The command could not be executed.
    Exec,
    /// A bug of ours.
    Internal,
}

/// A run that could not be made: one sentence, and a remedy.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub struct Error {
    /// Who has to act.
    pub kind: ErrorKind,
    /// The step of the set-up that failed, a word: `mount`, `seccomp`.
    pub step: Option<&'static str>,
    /// On what.
    pub path: Option<String>,
    /// The kernel's answer.
    pub errno: Option<nix::errno::Errno>,
    /// The line that asked for it. (Boxed: errors are rare, results are everywhere.)
    pub origin: Option<Box<Origin>>,
    /// What failed and why: one sentence without a full stop.
    pub message: String,
    /// What to do: one sentence without a full stop.
    pub remedy: Option<String>,
}

impl Error {
    /// An error with a kind and its sentence; the builder methods add the rest.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error { kind, step: None, path: None, errno: None, origin: None, message: message.into(), remedy: None }
    }

    /// The command line is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    /// The profile is wrong.
    pub fn profile(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Profile, message)
    }

    /// The host cannot.
    pub fn host(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Host, message)
    }

    /// What to do about it.
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// The line that asked for it.
    pub fn origin(mut self, origin: &Origin) -> Self {
        self.origin = Some(Box::new(origin.clone()));
        self
    }

    /// The path it is about.
    pub fn path(mut self, path: impl AsRef<std::path::Path>) -> Self {
        self.path = Some(path.as_ref().to_string_lossy().into_owned());
        self
    }

    /// The step of the set-up.
    pub fn step(mut self, step: &'static str) -> Self {
        self.step = Some(step);
        self
    }

    /// The kernel's answer.
    pub fn errno(mut self, errno: nix::errno::Errno) -> Self {
        self.errno = Some(errno);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(origin) = self.origin.as_deref() {
            write!(f, "{origin}: ")?;
        }
        write!(f, "{}", self.message)?;
        match &self.remedy {
            Some(remedy) => write!(f, ". {remedy}"),
            None => Ok(()),
        }
    }
}
