//! Tables, as text and as Markdown, and the sections that they stand in.

use crate::aims::Aim;
use std::fmt::Write;

/// The first column is text, the others are right-aligned.
pub struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// With these columns.
    pub fn new(head: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Table { head: head.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// One more row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// For a terminal.
    pub fn text(&self) -> String {
        let rows = || [&self.head].into_iter().chain(&self.rows);
        let width = |column: usize| rows().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
        let widths: Vec<usize> = (0..self.head.len()).map(|column| width(column).unwrap_or_default()).collect();
        let mut text = String::new();
        for row in rows() {
            for (column, cell) in row.iter().enumerate() {
                let (gap, width) = (if column == 0 { "" } else { "  " }, widths[column]);
                let _ = match column == 0 || column + 1 == row.len() && !starts_with_digit(cell) {
                    true => write!(text, "{gap}{cell:width$}"),
                    false => write!(text, "{gap}{cell:>width$}"),
                };
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
        text
    }

    /// For the page.
    pub fn markdown(&self) -> String {
        let line = |cells: &[String]| {
            format!("| {} |\n", cells.iter().map(|c| c.replace('|', "\\|")).collect::<Vec<_>>().join(" | "))
        };
        let words =
            |column: usize| self.rows.iter().filter_map(|row| row.get(column)).all(|cell| !starts_with_digit(cell));
        let rule = |column: usize| if column == 0 || words(column) { "---" } else { "---:" }.to_string();
        let rules: Vec<String> = (0..self.head.len()).map(rule).collect();
        [line(&self.head), line(&rules)].into_iter().chain(self.rows.iter().map(|row| line(row))).collect()
    }
}

fn starts_with_digit(cell: &str) -> bool {
    cell.trim_start_matches(['+', '-', '−']).starts_with(|first: char| first.is_ascii_digit())
}

/// Reasons, each with those that it is about.
#[derive(Default)]
pub struct Notes(Vec<(String, Vec<String>)>);

impl Notes {
    /// `reason` is why something of `of` is not in the tables.
    pub fn add(&mut self, of: &str, reason: String) {
        match self.0.iter_mut().find(|(same, _)| *same == reason) {
            Some((_, all)) => all.push(of.into()),
            None => self.0.push((reason, vec![of.into()])),
        }
    }

    fn text(&self) -> String {
        self.0.iter().map(|(reason, of)| format!("- {}: {reason}\n", of.join("; "))).collect()
    }
}

/// A part of the page.
pub struct Section {
    /// Its heading.
    pub title: &'static str,
    /// How it is measured.
    pub how: String,
    /// Tables, each with what it says.
    pub tables: Vec<(String, Table)>,
    /// What was left out, and why.
    pub notes: Notes,
    /// The aims that it has figures for.
    pub aims: Vec<Aim>,
    /// A chart, as SVG.
    pub chart: Option<String>,
}

impl Section {
    /// With nothing in it yet.
    pub fn new(title: &'static str, how: &str) -> Self {
        Section { title, how: how.into(), tables: vec![], notes: Notes::default(), aims: vec![], chart: None }
    }

    /// For a terminal.
    pub fn text(&self) -> String {
        self.write(|title| format!("\n{title}\n{}\n", "=".repeat(title.chars().count())), Table::text)
    }

    /// For the page.
    pub fn markdown(&self) -> String {
        self.write(|title| format!("\n## {title}\n"), Table::markdown)
    }

    fn write(&self, heading: impl Fn(&str) -> String, table: impl Fn(&Table) -> String) -> String {
        let mut text = format!("{}\n{}\n", heading(self.title), self.how);
        for (says, each) in &self.tables {
            let _ = write!(text, "\n{says}\n\n{}", table(each));
        }
        if !self.notes.0.is_empty() {
            let _ = write!(text, "\n{}", self.notes.text());
        }
        if !self.aims.is_empty() {
            let mut aims = Table::new(["aim", "measured", ""]);
            self.aims.iter().for_each(|aim| aims.row(aim.cells()));
            let _ = write!(text, "\n{}", table(&aims));
            let mut reasons = Notes::default();
            for (aim, reason) in self.aims.iter().filter_map(Aim::in_the_way) {
                reasons.add(aim, reason.into());
            }
            if !reasons.0.is_empty() {
                let _ = write!(text, "\nWhat stands in the way of those that are missed:\n\n{}", reasons.text());
            }
        }
        text
    }
}
