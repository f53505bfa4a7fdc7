//! Every step of one who enters: what cannot be done again for the entered command is the end of it, before it is started.

use super::attempt::{COMMAND, fault};
use super::harness::{Project, finish, patience};
use nix::errno::Errno;
use sandbox::inside::step::Step;
use std::fs::{Permissions, create_dir, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Those that a stand-in and its child take.
const TAKEN: [Step; 15] = [
    Step::IdMaps,
    Step::TieToSupervisor,
    Step::Namespaces,
    Step::HideInit,
    Step::Keyring,
    Step::Barrier,
    Step::Capabilities,
    Step::Seccomp,
    Step::Fork,
    Step::Session,
    Step::Stdio,
    Step::Rlimits,
    Step::WorkingDirectory,
    Step::Landlock,
    Step::Descriptors,
];

#[test]
fn a_step_that_fails_is_the_end_of_the_entered_command() {
    let project = Project::new();
    let runtime = project.home().join("runtime");
    create_dir(&runtime).unwrap();
    set_permissions(&runtime, Permissions::from_mode(0o700)).unwrap();
    let sandbox = |args: &[&str]| -> Command {
        let mut command = project.sandbox(args);
        command.env("XDG_RUNTIME_DIR", &runtime);
        command
    };
    let enter = |faults: &str| {
        let mut command = sandbox(&["enter", "whole", "--", "sh", "-c", COMMAND]);
        command.env("SANDBOX_FAULT", faults);
        finish(command)
    };
    let mut run = sandbox(&["-p", "build", "--name", "whole", "--", "sleep", "1000"]);
    let mut run = run.stdin(Stdio::null()).spawn().unwrap();
    let start = Instant::now();
    while enter("").code() != 0 {
        assert!(start.elapsed() < patience(), "nobody can enter");
        std::thread::sleep(Duration::from_millis(20));
    }
    std::fs::remove_file(project.path().join("made")).unwrap();
    for step in TAKEN {
        for errno in [Errno::EPERM, Errno::ENOENT, Errno::EINVAL] {
            let output = enter(&fault(&format!("{step:?}"), errno));
            assert!(!project.path().join("made").exists(), "{step:?} {errno}: the command was started");
            output.refused(&["sandbox: "]);
        }
    }
    run.kill().unwrap();
    run.wait().unwrap();
}
