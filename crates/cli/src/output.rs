//! Standard output, in whole lines.

use std::fmt::{Display, Write as _};
use std::io::{self, BufWriter, IsTerminal, Stdout, Write as _};

use crate::error::CliError;

/// Buffer size in bytes: the capacity of a Linux pipe.
const BUFFER: usize = 64 << 10;

/// Standard output. Lines are buffered until [`flush`](Self::flush), so that a drain of thousands of
/// datagrams is a handful of writes. Flush before every wait.
#[derive(Debug)]
pub(crate) struct Output {
    stdout: BufWriter<Stdout>,
    /// Reused memory of a line.
    line: String,
}

impl Output {
    pub(crate) fn new() -> Self {
        Self {
            stdout: BufWriter::with_capacity(BUFFER, io::stdout()),
            line: String::new(),
        }
    }

    /// Adds a line; `text` has no line end.
    pub(crate) fn line(&mut self, text: impl Display) -> Result<(), CliError> {
        self.line.clear();
        // Writing to a string does not fail.
        let _ = writeln!(self.line, "{text}");
        // In one write: the buffer then writes whole lines only, and a program that is killed leaves no
        // partial line.
        self.stdout
            .write_all(self.line.as_bytes())
            .map_err(CliError::from_output)
    }

    /// Ends the line on which a terminal shows the `^C` that was typed.
    pub(crate) fn leave_typed_line(&mut self) -> Result<(), CliError> {
        if self.stdout.get_ref().is_terminal() {
            self.line("")?;
        }
        Ok(())
    }

    /// Writes all buffered lines.
    pub(crate) fn flush(&mut self) -> Result<(), CliError> {
        self.stdout.flush().map_err(CliError::from_output)
    }
}
