//! The page, run as it stands.

use crate::home::{Home, gives_a_cgroup};
use crate::page::{self, Section, Step};
use std::fmt::Write;
use std::process::Stdio;
use std::time::Instant;

/// Sections that need a cgroup, whatever is done.
pub const LIMITS: &str = "Limits";

/// Runs the sections with these titles, each in a shell of its own, one after the other.
#[track_caller]
pub fn walk(titles: impl Fn(&str) -> bool) {
    let home = Home::with_debian();
    for section in page::sections().iter().filter(|section| titles(&section.title)) {
        section.walk(&home);
    }
}

impl Section {
    fn walk(&self, home: &Home) {
        let (second, first): (Vec<_>, Vec<_>) = self.steps.iter().partition(|step| step.second);
        std::thread::scope(|scope| {
            let beside = (!second.is_empty()).then(|| {
                scope.spawn(|| {
                    wait_for_a_sandbox(home);
                    self.session(home, &second);
                })
            });
            self.session(home, &first);
            if let Some(Err(panic)) = beside.map(|beside| beside.join()) {
                std::panic::resume_unwind(panic);
            }
        });
    }

    fn session(&self, home: &Home, steps: &[&Step]) {
        let mut script = String::new();
        for step in steps {
            // `$?` stays what it was.
            let end = format!("{{ code=$?; printf '\\n{MARK}\\n'; (exit $code); }}");
            write!(script, "{}\n{end}\n", as_this_machine_can(&step.command)).unwrap();
        }
        let (printed, _) = home.run(&script);
        let parts: Vec<&str> = printed.split(MARK).collect();
        for (step, printed) in steps.iter().zip(&parts) {
            let lines: Vec<&str> = printed.trim_matches('\n').lines().collect();
            let told = format!("\"{}\": {}\nprinted: {lines:#?}\n", self.title, step.command);
            assert!(page::is_as_said(&step.printed, &lines), "{told}the page says: {:#?}", step.printed);
        }
        assert_eq!(parts.len(), steps.len() + 1, "the shell ended early: {printed}");
    }
}

const MARK: &str = "--- the end of what it printed ---";

/// `container` asks for a cgroup, to count the processes of all its users.
fn as_this_machine_can(command: &str) -> String {
    match gives_a_cgroup() {
        true => command.into(),
        false => command.replace("sandbox -p container ", "sandbox -p container --cgroup prefer -q "),
    }
}

fn wait_for_a_sandbox(home: &Home) {
    let start = Instant::now();
    let runs = || home.shell("sandbox ps --json | grep -q '\"running\"'").stderr(Stdio::null()).status().unwrap();
    while !runs().success() {
        assert!(start.elapsed() < crate::home::patience(), "no sandbox was started");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[test]
fn every_command_of_the_page_prints_what_the_page_says() {
    walk(|title| title != LIMITS);
}
