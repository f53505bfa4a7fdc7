//! The steps of the set-up, and how one that failed travels to the supervisor.

use nix::errno::Errno;

/// One step inside. The order here is the order of a run; the number is what crosses the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
#[allow(missing_docs)] // each is the function of the same name
pub enum Step {
    IdMaps,
    TieToSupervisor,
    Namespaces,
    HideInit,
    PrivatePropagation,
    RootTmpfs,
    RootOverlay,
    OpenSource,
    Destination,
    Mount,
    Proc,
    Quotas,
    Devpts,
    PivotRoot,
    Loopback,
    Hostname,
    Keyring,
    CgroupNamespace,
    Barrier,
    Terminal,
    Capabilities,
    Seccomp,
    Fork,
    Session,
    Stdio,
    Rlimits,
    WorkingDirectory,
    Landlock,
    Descriptors,
    Execute,
}

impl Step {
    /// How many there are.
    pub const COUNT: usize = 30;

    const ALL: [Step; Self::COUNT] = [
        Step::IdMaps,
        Step::TieToSupervisor,
        Step::Namespaces,
        Step::HideInit,
        Step::PrivatePropagation,
        Step::RootTmpfs,
        Step::RootOverlay,
        Step::OpenSource,
        Step::Destination,
        Step::Mount,
        Step::Proc,
        Step::Quotas,
        Step::Devpts,
        Step::PivotRoot,
        Step::Loopback,
        Step::Hostname,
        Step::Keyring,
        Step::CgroupNamespace,
        Step::Barrier,
        Step::Terminal,
        Step::Capabilities,
        Step::Seccomp,
        Step::Fork,
        Step::Session,
        Step::Stdio,
        Step::Rlimits,
        Step::WorkingDirectory,
        Step::Landlock,
        Step::Descriptors,
        Step::Execute,
    ];

    /// The step of a number that came over the socket.
    pub fn from_number(number: u32) -> Option<Step> {
        Self::ALL.get(number as usize).copied()
    }

    /// In the timings: one word.
    pub fn name(self) -> &'static str {
        match self {
            Step::IdMaps => "id-maps",
            Step::TieToSupervisor => "tie-to-supervisor",
            Step::Namespaces => "namespaces",
            Step::HideInit => "hide-init",
            Step::PrivatePropagation => "private-propagation",
            Step::RootTmpfs => "root-tmpfs",
            Step::RootOverlay => "root-overlay",
            Step::OpenSource => "open-source",
            Step::Destination => "destination",
            Step::Mount => "mount",
            Step::Proc => "proc",
            Step::Quotas => "quotas",
            Step::Devpts => "devpts",
            Step::PivotRoot => "pivot-root",
            Step::Loopback => "loopback",
            Step::Hostname => "hostname",
            Step::Keyring => "keyring",
            Step::CgroupNamespace => "cgroup-namespace",
            Step::Barrier => "barrier",
            Step::Terminal => "terminal",
            Step::Capabilities => "capabilities",
            Step::Seccomp => "seccomp",
            Step::Fork => "fork",
            Step::Session => "session",
            Step::Stdio => "stdio",
            Step::Rlimits => "rlimits",
            Step::WorkingDirectory => "workdir",
            Step::Landlock => "landlock",
            Step::Descriptors => "descriptors",
            Step::Execute => "execute",
        }
    }
}

/// A step that failed: fixed size, no allocation, sent as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// Which.
    pub step: Step,
    /// The entry of the plan it was at, where the step goes through a list.
    pub index: u32,
    /// The kernel's answer.
    pub errno: Errno,
}

/// What a step returns.
pub type Done<T = ()> = Result<T, Failure>;

/// Names the step that a kernel's answer belongs to.
pub trait At<T> {
    /// For a step that has no list.
    fn at(self, step: Step) -> Done<T>;
    /// For entry `index` of the plan's list.
    fn at_entry(self, step: Step, index: usize) -> Done<T>;
}

impl<T> At<T> for nix::Result<T> {
    fn at(self, step: Step) -> Done<T> {
        self.at_entry(step, 0)
    }

    fn at_entry(self, step: Step, index: usize) -> Done<T> {
        super::laps::note(step);
        #[cfg(feature = "faults")]
        let this = self.and_then(|done| fault(step).map(|()| done));
        #[cfg(not(feature = "faults"))]
        let this = self;
        this.map_err(|errno| Failure { step, index: index as u32, errno })
    }
}

/// By the step's name; or, as "answer", by how many kernel's answers there were before.
#[cfg(feature = "faults")]
fn fault(step: Step) -> nix::Result<()> {
    crate::faults::fail("answer").and(crate::faults::fail(&format!("{step:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_survives_the_socket() {
        for (number, step) in Step::ALL.into_iter().enumerate() {
            assert_eq!(step as usize, number);
            assert_eq!(Step::from_number(number as u32), Some(step));
        }
        assert_eq!(Step::from_number(Step::ALL.len() as u32), None);
    }
}
