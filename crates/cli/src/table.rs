//! Tables of text with aligned columns.

use std::fmt;

use crate::output::printable;

/// On which side a column is aligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// A table that knows its columns' widths.
#[derive(Debug)]
pub(crate) struct Table {
    indent: usize,
    columns: Vec<(&'static str, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these column titles, each column aligned left.
    pub(crate) fn new(titles: &[&'static str]) -> Self {
        let columns = titles.iter().map(|title| (*title, Align::Left)).collect();
        Self { indent: 0, columns, rows: Vec::new() }
    }

    /// The same table with these columns aligned right.
    pub(crate) fn right(mut self, titles: &[&str]) -> Self {
        for (title, align) in &mut self.columns {
            if titles.contains(title) {
                *align = Align::Right;
            }
        }
        self
    }

    /// The same table, set in by so many spaces.
    pub(crate) fn indented(mut self, indent: usize) -> Self {
        self.indent = indent;
        self
    }

    /// Adds a row; it has as many cells as there are columns.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let cells: Vec<String> = cells.into_iter().map(|cell| printable(&cell)).collect();
        debug_assert_eq!(cells.len(), self.columns.len(), "a cell for each column");
        self.rows.push(cells);
    }

    /// Whether there is no row.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn widths(&self) -> Vec<usize> {
        let width_of = |index: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(index));
            let widest = cells.map(|cell| cell.chars().count()).max().unwrap_or(0);
            widest.max(self.columns[index].0.chars().count())
        };
        (0..self.columns.len()).map(width_of).collect()
    }
}

impl fmt::Display for Table {
    /// The titles and the rows, no line break at the end and no blanks at the end of a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        let line = |cells: &mut dyn Iterator<Item = &str>| {
            let padded = cells.zip(&widths).zip(&self.columns).map(
                |((cell, width), (_, align))| match align {
                    Align::Left => format!("{cell:<width$}"),
                    Align::Right => format!("{cell:>width$}"),
                },
            );
            let text = padded.collect::<Vec<_>>().join("  ");
            format!("{}{}", " ".repeat(self.indent), text.trim_end())
        };
        f.write_str(&line(&mut self.columns.iter().map(|(title, _)| *title)))?;
        for row in &self.rows {
            write!(f, "\n{}", line(&mut row.iter().map(String::as_str)))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(&["who", "points"]).right(&["points"]).indented(2);
        table.row(["acme".to_owned(), "7".to_owned()]);
        table.row(["b".to_owned(), "1200".to_owned()]);
        let lines = ["  who   points", "  acme       7", "  b       1200"];
        assert_eq!(table.to_string(), lines.join("\n"));
    }
}
