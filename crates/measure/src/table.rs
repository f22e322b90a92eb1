//! Tables as plain text or Markdown.

use std::fmt;

use comfy_table::presets::{ASCII_MARKDOWN, NOTHING};
use comfy_table::{CellAlignment, ContentArrangement};

/// Rows of cells under a row of headings. `{}` is plain text, `{:#}` Markdown.
#[derive(Debug, Clone)]
pub struct Table {
    headings: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table.
    pub fn new<H: Into<String>>(headings: impl IntoIterator<Item = H>) -> Self {
        Self {
            headings: headings.into_iter().map(Into::into).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; missing cells stay empty.
    pub fn row<C: Into<String>>(&mut self, cells: impl IntoIterator<Item = C>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// Removes columns whose cells are all `cell`, and returns their headings.
    pub fn take_columns_of(&mut self, cell: &str) -> Vec<String> {
        let is_of = |column: usize| {
            let mut cells = self.rows.iter().map(|row| row.get(column));
            !self.rows.is_empty() && cells.all(|other| other.is_some_and(|other| other == cell))
        };
        let columns: Vec<usize> = (0..self.headings.len()).filter(|&at| is_of(at)).collect();
        let mut taken = Vec::new();
        for &column in columns.iter().rev() {
            for row in &mut self.rows {
                row.remove(column);
            }
            taken.insert(0, self.headings.remove(column));
        }
        taken
    }

    /// Whether a cell is `cell`.
    #[must_use]
    pub fn has(&self, cell: &str) -> bool {
        self.rows.iter().flatten().any(|other| other == cell)
    }

    fn layout(&self, preset: &str) -> comfy_table::Table {
        let mut table = comfy_table::Table::new();
        table
            .load_preset(preset)
            .set_content_arrangement(ContentArrangement::Disabled)
            .set_header(&self.headings)
            .add_rows(&self.rows);
        table
    }
}

/// The first column is left-aligned, all others right-aligned. No line ends in spaces.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            return f.write_str(&self.layout(ASCII_MARKDOWN).to_string());
        }
        let mut table = self.layout(NOTHING);
        for (index, column) in table.column_iter_mut().enumerate() {
            if index == 0 {
                column.set_padding((0, 0));
            } else {
                column
                    .set_padding((2, 0))
                    .set_cell_alignment(CellAlignment::Right);
            }
        }
        f.write_str(&table.trim_fmt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removes_a_column_of_equal_cells() {
        let mut table = Table::new(["", "p50", "p99", "max"]);
        table.row(["std", "-", "-", "3"]);
        table.row(["mio", "2", "-", "4"]);
        assert_eq!(table.take_columns_of("-"), ["p99"]);
        assert_eq!(
            table.to_string(),
            "     p50  max\nstd    -    3\nmio    2    4"
        );
        assert!(table.has("-") && !table.has("5"));
        assert!(table.take_columns_of("-").is_empty());
        assert!(Table::new(["a"]).take_columns_of("-").is_empty());
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(["what", "p50", "p99"]);
        table.row(["std", "7.1 µs", "8"]);
        table.row(["tickwire", "6"]);
        assert_eq!(
            table.to_string(),
            "what         p50  p99\n\
             std       7.1 µs    8\n\
             tickwire       6"
        );
    }

    #[test]
    fn the_alternate_form_is_markdown() {
        let mut table = Table::new(["goal", "bound"]);
        table.row(["drain", "1.05"]);
        let text = format!("{table:#}");
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0], "| goal  | bound |");
        assert!(lines[1].starts_with("|---"), "{text}");
        assert_eq!(lines[2], "| drain | 1.05  |");
    }
}
