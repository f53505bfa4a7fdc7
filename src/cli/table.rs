//! Columns of text that is not ours.

use crate::visible;

/// Each row on a line, each column as wide as its widest cell but for the last.
pub fn columns(rows: impl Iterator<Item = Vec<String>>) -> String {
    let rows: Vec<Vec<String>> = rows.map(|row| row.iter().map(|cell| visible::line(cell)).collect()).collect();
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..count).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_each_other_and_a_cell_cannot_break_its_line() {
        let rows = [["NAME", "COMMAND"], ["a-long-name", "sh -c 'x\n\u{1b}[2J'"], ["é", "y"]];
        let shown = columns(rows.iter().map(|row| row.iter().map(|cell| cell.to_string()).collect()));
        assert_eq!(shown, "NAME         COMMAND\na-long-name  sh -c 'x\\n\\u{1b}[2J'\né            y\n");
    }
}
