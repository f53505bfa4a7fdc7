//! `docs/from-scratch.md` as a list of commands, and what they are to print.

/// What a second terminal's commands begin with.
const SECOND: &str = "second$ ";

/// A heading, and the commands below it: one session of a shell.
pub struct Section {
    pub title: String,
    pub steps: Vec<Step>,
}

pub struct Step {
    /// In the second terminal, while the first one's command runs.
    pub second: bool,
    pub command: String,
    pub printed: Vec<String>,
}

/// Its sections that have commands.
pub fn sections() -> Vec<Section> {
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/from-scratch.md"));
    let mut sections: Vec<Section> = Vec::new();
    let mut is_console = false;
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            sections.push(Section { title: title.into(), steps: Vec::new() });
        } else if line.starts_with("```") {
            is_console = line == "```console";
        } else if is_console {
            sections.last_mut().expect("a heading is above the first command").add(line);
        }
    }
    sections.retain(|section| !section.steps.is_empty());
    sections
}

impl Section {
    fn add(&mut self, line: &str) {
        let first = line.strip_prefix("$ ").map(|command| (false, command));
        let command = first.or_else(|| line.strip_prefix(SECOND).map(|command| (true, command)));
        if let Some((second, command)) = command {
            self.steps.push(Step { second, command: command.into(), printed: Vec::new() });
            return;
        }
        let step = self.steps.last_mut().expect("a command is above what it prints");
        match line.strip_prefix('>') {
            Some(more) => step.command += &format!("\n{}", more.strip_prefix(' ').unwrap_or(more)),
            None => step.printed.push(line.into()),
        }
    }
}

/// Is this what the page says? `…` stands for anything in a line, alone on it for any lines.
pub fn is_as_said(said: &[String], printed: &[&str]) -> bool {
    let Some((first, rest)) = said.split_first() else { return printed.is_empty() };
    if first == "…" {
        return (0..=printed.len()).any(|skipped| is_as_said(rest, &printed[skipped..]));
    }
    printed.split_first().is_some_and(|(line, more)| is_line(first, line) && is_as_said(rest, more))
}

fn is_line(said: &str, printed: &str) -> bool {
    match said.split_once('…') {
        None => said == printed.trim_end(),
        Some((start, rest)) => printed.strip_prefix(start).is_some_and(|tail| {
            tail.char_indices().map(|(at, _)| at).chain([tail.len()]).any(|at| is_line(rest, &tail[at..]))
        }),
    }
}

#[test]
fn a_page_that_says_something_else_is_told() {
    let said = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    for (page, printed) in [
        (&["a"][..], &["a"][..]),
        (&["…"], &[]),
        (&["a", "…", "c"], &["a", "b", "b", "c"]),
        (&["a … c"], &["a b c"]),
        (&["a …"], &["a b"]),
    ] {
        assert!(is_as_said(&said(page), printed), "{page:?} {printed:?}");
    }
    for (page, printed) in [
        (&["a"][..], &["b"][..]),
        (&["a"], &[]),
        (&[], &["a"]),
        (&["a", "…"], &["b"]),
        (&["…", "c"], &["c", "d"]),
        (&["a … c"], &["a b d"]),
    ] {
        assert!(!is_as_said(&said(page), printed), "{page:?} {printed:?}");
    }
}
