//! A table for people: columns as wide as what stands in them, numbers to the right.

use std::fmt;

/// Rows of cells under a row of headings.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<const COLUMNS: usize>(headings: [&str; COLUMNS]) -> Self {
        Self {
            rows: vec![headings.map(str::to_owned).to_vec()],
        }
    }

    /// Adds a row; what is missing stays empty.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Takes out the columns in which every cell is this one, and returns their headings.
    pub(crate) fn take_columns_of(&mut self, cell: &str) -> Vec<String> {
        let Some((headings, rows)) = self.rows.split_first() else {
            return Vec::new();
        };
        let is_of = |column: usize| {
            let mut cells = rows.iter().map(|row| row.get(column));
            !rows.is_empty() && cells.all(|other| other.is_some_and(|other| other == cell))
        };
        let keep: Vec<bool> = (0..headings.len()).map(|column| !is_of(column)).collect();
        let taken = headings.iter().zip(&keep).filter(|(_, keep)| !**keep);
        let taken = taken.map(|(heading, _)| heading.clone()).collect();
        for row in &mut self.rows {
            let mut keep = keep.iter();
            row.retain(|_| keep.next().is_none_or(|keep| *keep));
        }
        taken
    }

    /// Whether a cell is this one.
    pub(crate) fn has(&self, cell: &str) -> bool {
        self.rows.iter().flatten().any(|other| other == cell)
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    }
}

/// The first column is names and stands to the left, all others stand to the right. No line ends in
/// spaces.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, row) in self.rows.iter().enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let width = self.width(column);
                line += &match column {
                    0 => format!("{cell:<width$}"),
                    _ => format!("  {cell:>width$}"),
                };
            }
            write!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_goes_if_it_is_the_same_everywhere() {
        let mut table = Table::new(["", "p50", "p99", "max"]);
        let row = |cells: [&str; 4]| cells.map(str::to_owned);
        table.row(row(["std", "-", "-", "3"]));
        table.row(row(["mio", "2", "-", "4"]));
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
        table.row(["std".to_owned(), "7.1 µs".to_owned(), "8".to_owned()]);
        table.row(["tickwire".to_owned(), "6".to_owned()]);
        assert_eq!(
            table.to_string(),
            "what         p50  p99\n\
             std       7.1 µs    8\n\
             tickwire       6"
        );
    }
}
