//! `--timings`: how long each step took, on stderr at the end and in the report, if it is asked for.
//!
//! No test knows how long anything takes. What is told of a set-up that fails inside is tested where it is made to fail: `tests/faults`.

use super::harness::{Output, Project, root};
use super::running::Place;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The lines of a process; without a table there are none.
#[derive(Debug, Default, PartialEq)]
struct Block {
    process: String,
    from: u64,
    took: u64,
    steps: Vec<Step>,
}

#[derive(Debug, PartialEq)]
struct Step {
    name: String,
    from: u64,
    took: u64,
    times: u64,
}

impl Block {
    fn names(&self) -> Vec<&str> {
        self.steps.iter().map(|step| step.name.as_str()).collect()
    }

    fn end(&self, name: &str) -> u64 {
        let step = self.steps.iter().find(|step| step.name == name).unwrap_or_else(|| panic!("no {name}: {self:?}"));
        step.from + step.took
    }
}

/// The table on stderr: a block for each process, the total as the last.
#[track_caller]
fn table(output: &Output) -> Vec<Block> {
    let lines = output.stderr.lines().skip_while(|line| !line.starts_with("sandbox: microseconds"));
    let mut blocks: Vec<Block> = vec![];
    for line in lines.skip(1) {
        let line = line.strip_prefix("sandbox: ").unwrap_or_else(|| panic!("{line:?} is not ours"));
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |at: usize| words[at].parse::<u64>().unwrap_or_else(|error| panic!("{line:?}: {error}"));
        let times = if words.len() > 3 { number(3) } else { 1 };
        let (name, from, took) = (words[0].to_owned(), number(1), number(2));
        match (line.starts_with(' '), blocks.last_mut()) {
            (true, Some(block)) => block.steps.push(Step { name, from, took, times }),
            _ => blocks.push(Block { process: name, from, took, steps: vec![] }),
        }
    }
    blocks
}

/// The supervisor's steps, as the page lists them, for this caller.
fn supervisors() -> Vec<&'static str> {
    let page = include_str!("../../docs/report.md");
    let (_, list) = page.split_once("The supervisor's steps:").expect("a list");
    let rows =
        list.lines().skip_while(|line| !line.starts_with("| ---")).skip(1).take_while(|line| line.starts_with("| `"));
    let names = rows.map(|row| row.split('`').nth(1).expect("a name"));
    names.filter(|name| root() || *name != "id-maps").collect()
}

const INITS: [&str; 27] = [
    "id-maps",
    "tie-to-supervisor",
    "namespaces",
    "hide-init",
    "private-propagation",
    "root-tmpfs",
    "root-overlay",
    "destination",
    "open-source",
    "mount",
    "devpts",
    "proc",
    "quotas",
    "pivot-root",
    "loopback",
    "hostname",
    "keyring",
    "session",
    "barrier",
    "cgroup-namespace",
    "rlimits",
    "capabilities",
    "seccomp",
    "workdir",
    "landlock",
    "fork",
    "descriptors",
];
const PAYLOADS: [&str; 7] = ["session", "workdir", "landlock", "stdio", "descriptors", "barrier", "rlimits"];

#[test]
fn each_step_is_named_once_and_in_order() {
    let project = Project::new();
    for (flags, then) in [(&[][..], ""), (&["-q"], ""), (&["--wall-time", "2s"], "; sleep 1000")] {
        let output = project.shell(&[&["-p", "build", "--timings"], flags].concat(), &format!("echo hello{then}"));
        assert_eq!(output.stdout, b"hello\n", "nothing of it is on stdout");
        let [supervisor, init, payload, total] = &table(&output)[..] else { panic!("{}", output.stderr) };
        let processes = [supervisor, init, payload, total].map(|block| block.process.as_str());
        assert_eq!(processes, ["supervisor", "init", "payload", "total"]);
        assert_eq!(supervisor.names(), supervisors());
        // The order of the tree's steps is that of the plan's mounts.
        assert_eq!(init.names().iter().collect::<BTreeSet<_>>(), INITS.iter().collect(), "{:?}", init.names());
        assert_eq!(
            (init.names().len(), &init.names()[..7], init.names()[13..] == INITS[13..]),
            (27, &INITS[..7], true)
        );
        assert_eq!(payload.names(), PAYLOADS);
    }
}

#[test]
fn what_the_steps_took_adds_up() {
    let project = Project::new();
    let output = project.shell(&["-p", "build", "--timings"], "sleep 0.1");
    let [supervisor, init, payload, total] = &table(&output)[..] else { panic!("{}", output.stderr) };
    let mut end = 0;
    for step in &supervisor.steps {
        assert_eq!((step.from, step.times), (end, 1), "{step:?} does not begin where the one before ended");
        end += step.took;
    }
    assert_eq!((supervisor.from, supervisor.took), (0, end));
    assert!(total.took >= end, "{total:?}");
    for block in [init, payload] {
        assert_eq!(block.took, block.steps.iter().map(|step| step.took).sum::<u64>());
        assert!(block.steps.is_sorted_by_key(|step| step.from), "{block:?}");
        assert!(block.steps.iter().all(|step| step.from >= block.from && step.times >= 1), "{block:?}");
        assert!(block.from + block.took <= supervisor.end("execute"), "set up before it runs: {block:?}");
    }
    assert!(init.steps.iter().any(|step| step.name == "mount" && step.times > 1), "{init:?}");
    assert!(supervisor.end("registration") <= init.from && init.from <= payload.from, "{init:?} {payload:?}");
}

#[test]
fn nothing_of_it_is_said_unless_it_is_asked_for() {
    let project = Project::new();
    let output = project.shell(&["-p", "build", "--report", "r.json"], "true");
    assert_eq!((output.ok(), output.stderr.as_str()), (String::new(), ""));
    assert_eq!(project.report()["timings"], Value::Null);
}

#[test]
fn the_report_has_the_same_but_for_what_comes_after_it() {
    let project = Project::new();
    let output = project.shell(&["-p", "build", "--timings", "--report", "r.json"], "true");
    let [supervisor, init, payload, total] = &table(&output)[..] else { panic!("{}", output.stderr) };
    let timings = &project.report()["timings"];
    for (block, in_table) in
        [(supervisor, &supervisor.steps[..supervisors().len() - 1]), (init, &init.steps), (payload, &payload.steps)]
    {
        let step =
            |step: &Step| json!({"step": step.name, "times": step.times, "from_us": step.from, "took_us": step.took});
        assert_eq!(timings[&block.process], json!(in_table.iter().map(step).collect::<Vec<_>>()), "{}", block.process);
    }
    let total_us = timings["total_us"].as_u64().unwrap();
    assert!(supervisor.end("output") <= total_us && total_us <= total.took, "{timings}");
}

#[test]
fn of_a_command_that_cannot_be_executed_all_is_told_but_its_run() {
    let project = Project::new();
    project.program("script", "#!/no/such/interpreter\n");
    let output = project.run(&["-p", "build", "--timings", "--", "./script"]);
    output.exits(127);
    let [supervisor, init, payload, _total] = &table(&output)[..] else { panic!("{}", output.stderr) };
    assert_eq!(supervisor.names(), supervisors().into_iter().filter(|step| *step != "command").collect::<Vec<_>>());
    assert_eq!((init.names().len(), payload.names()), (INITS.len(), PAYLOADS.to_vec()));
}

#[test]
fn of_a_profile_with_an_error_the_reading_is_told() {
    let output = Project::new().run(&["-p", "./none.yaml", "--timings", "--", "true"]);
    let [supervisor, _total] = &table(output.exits(125))[..] else { panic!("{}", output.stderr) };
    assert_eq!(supervisor.names(), ["command-line", "profiles", "report"]);
}

#[test]
fn of_one_who_enters_the_stand_in_is_timed() {
    let place = Place::new();
    let _run = place.start("timed", &[], "sleep 1000");
    let output = place.run(&["enter", "timed", "--timings", "--", "echo", "hello"]);
    assert_eq!(output.ok(), "hello");
    let [supervisor, stand_in, payload, _total] = &table(&output)[..] else { panic!("{}", output.stderr) };
    let (first, last) = (supervisor.names()[..4].to_vec(), supervisor.names()[5..].to_vec());
    assert_eq!(first, ["command-line", "entrance", "prepare", "stdio"]);
    assert_eq!(last, supervisors().split_off(supervisors().len() - last.len()));
    assert_eq!((stand_in.process.as_str(), payload.names()[0]), ("stand-in", "tie-to-supervisor"));
    assert_eq!(payload.names()[1..], PAYLOADS);
    assert!(stand_in.names().contains(&"seccomp"), "{stand_in:?}");
}

#[test]
fn where_there_is_no_run_it_is_refused() {
    let project = Project::new();
    project.run(&["verify", "--timings"]).refused(&["timings"]);
    project.run(&["ps", "--timings"]).refused(&["unknown option \"--timings\""]);
    project.run(&["profile", "list", "--timings"]).refused(&["unknown option \"--timings\""]);
}
