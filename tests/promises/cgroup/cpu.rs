//! `limits.cpus` and the weights.

use super::super::harness::{Project, attack, finish, root};
use super::live::{Live, WAIT};
use super::{alone, beside_others, is_in_a_scope, systemd};

// Layer: cpu.max.
#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn four_burning_processes_together_get_half_a_processor() {
    let _machine = alone();
    let project = Project::new();
    attack!(project, "burn");
    let used = |cpus: &[&str]| {
        let flags = ["-p", "build", "--memory", "256MiB", "--report", "r.json"];
        project.run(&[&flags, cpus, &["--", "./burn", "together", "400"]].concat()).ok();
        let report = project.report();
        is_in_a_scope(&report, "exited");
        let number = |key: &str| report[key].as_f64().unwrap();
        (
            report["limits"]["cpus"].as_f64(),
            (number("user_time_us") + number("system_time_us")) / number("wall_time_us"),
        )
    };
    let (limit, share) = used(&["--cpus", "0.5"]);
    assert_eq!(limit, Some(0.5));
    // A guest that is held up loses what it was due.
    assert!((0.3..=0.55).contains(&share), "{share} processors");
    let (limit, share) = used(&[]);
    assert_eq!(limit, None);
    assert!(share > 0.6, "{share} processors without a limit");
}

#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn the_weights_are_the_kernels() {
    let _machine = beside_others();
    let project = Project::new();
    let live = Live::shell(&project, &["--cpu-weight", "250", "--io-weight", "50", "--report", "r.json"], WAIT);
    assert_eq!(live.limit("cpu.weight"), "250");
    assert_eq!(live.limit("io.weight"), "default 50");
    assert_eq!(live.end().code(), Some(0));
    let report = project.report();
    is_in_a_scope(&report, "exited");
    assert_eq!(
        (&report["limits"]["cpu_weight"], &report["limits"]["io_weight"]),
        (&250.into(), &50.into()),
        "{report}"
    );
}

/// Takes a controller from all units beside the run's for the time of a test.
struct Without<'test> {
    project: &'test Project,
    slice: &'static str,
}

impl<'test> Without<'test> {
    fn controller(project: &'test Project, name: &str) -> Self {
        let slice = if root() { "system.slice" } else { "app.slice" };
        let without = Without { project, slice };
        without.disable(name);
        without
    }

    fn disable(&self, name: &str) {
        let property = format!("DisableControllers={name}");
        finish(systemd(self.project, "systemctl", &["set-property", "--runtime", self.slice, &property])).ok();
    }
}

impl Drop for Without<'_> {
    fn drop(&mut self) {
        self.disable("");
    }
}

// As on Debian, whose users have no io.
#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn where_the_controller_is_not_delegated_the_remedy_is_said() {
    let _machine = alone();
    let project = Project::new();
    let _io = Without::controller(&project, "io");
    let run = |mode| {
        project.run(&["-p", "build", "--io-weight", "50", "--cgroup", mode, "--report", "r.json", "--", "touch", mode])
    };
    let remedy = if root() { "give it on" } else { "Delegate=" };
    run("require").refused(&["limits.io_weight", "the controller io", remedy, "--cgroup prefer"]);
    assert!(!project.path().join("require").exists());
    let report = project.report();
    assert_eq!((&report["status"], &report["error"]["step"]), (&"setup-failed".into(), &"cgroup".into()), "{report}");
    run("prefer").exits(0).says(&["limits.io_weight", "the controller io"]);
    assert!(project.path().join("prefer").exists());
}
