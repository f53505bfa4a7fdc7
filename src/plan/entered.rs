//! The plan of a command that enters a run: what that run was given, and nothing of the tree, which stands already.

use super::{Cgroup, Command, Environment, Features, Landlock, Limits, Plan, Root, Seccomp, Tmpfs, User};
use super::{Enforcement, NetworkMode, OnDeny, SeccompPolicy, TerminalMode};
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What the plan is made from.
#[derive(Debug)]
#[allow(missing_docs)] // as in [`Plan`]
pub struct Entered {
    pub argv: Vec<OsString>,
    pub workdir: PathBuf,
    pub user: User,
    pub variables: Vec<(OsString, OsString)>,
    pub capabilities: Vec<caps::Capability>,
    pub terminal: TerminalMode,
}

impl Plan {
    /// Without limits of its own: those of the run hold for it. Filter, fence and mounts come from the run as they are.
    pub fn of_entered(entered: Entered) -> Plan {
        let candidates = candidates(&entered);
        Plan {
            profiles: Vec::new(),
            command: Command { argv: entered.argv, candidates, found: None },
            hostname: String::new(),
            workdir: entered.workdir,
            user: entered.user,
            environment: Environment { variables: entered.variables, ..Environment::default() },
            mounts: Vec::new(),
            watch: Vec::new(),
            create: Vec::new(),
            notices: Vec::new(),
            network: NetworkMode::None,
            limits: Limits::default(),
            cgroup: Cgroup { mode: Enforcement::Off, needed_by: Vec::new() },
            features: Features::default(),
            seccomp: Seccomp {
                policy: SeccompPolicy::Off,
                on_deny: OnDeny::Errno,
                allow: Vec::new(),
                deny: Vec::new(),
            },
            landlock: Landlock { mode: Enforcement::Off, min_abi: 0 },
            capabilities: entered.capabilities,
            pass_fds: Vec::new(),
            terminal: entered.terminal,
            root: Root {
                tmpfs: Tmpfs { size: 0, inodes: 0, mode: 0, noexec: false, sealed: false },
                writable: None,
                name: None,
            },
        }
    }
}

/// As execvp(3): by PATH inside, if the name has no slash.
fn candidates(entered: &Entered) -> Vec<PathBuf> {
    let Some(name) = entered.argv.first() else { return Vec::new() };
    if name.as_bytes().contains(&b'/') {
        return vec![name.into()];
    }
    let path = entered.variables.iter().find(|(variable, _)| variable == "PATH").map(|(_, value)| value.as_bytes());
    let entries = path.unwrap_or_default().split(|byte| *byte == b':');
    let absolute = entries.filter(|entry| entry.starts_with(b"/"));
    absolute.map(|entry| Path::new(std::ffi::OsStr::from_bytes(entry)).join(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing::World;

    fn entered(name: &str, path: &str) -> Plan {
        Plan::of_entered(Entered {
            argv: vec![name.into()],
            workdir: "/".into(),
            user: World::new().planned().user,
            variables: vec![("PATH".into(), path.into())],
            capabilities: Vec::new(),
            terminal: TerminalMode::Raw,
        })
    }

    #[test]
    fn a_name_is_looked_up_by_the_path_inside_less_what_is_relative() {
        let found = entered("make", "/bin:.::tools:/usr/bin").command.candidates;
        assert_eq!(found, [PathBuf::from("/bin/make"), PathBuf::from("/usr/bin/make")]);
        assert_eq!(entered("./make", "/bin").command.candidates, [PathBuf::from("./make")]);
    }
}
