//! Standard output, in whole lines.

use std::fmt::{Display, Write as _};
use std::io::{self, BufWriter, IsTerminal, Stdout, Write as _};

use crate::error::CliError;

/// How much is held back before it is written, in bytes: what a pipe of Linux takes at once.
const BUFFER: usize = 64 << 10;

/// Standard output. Lines are held back until [`flush`](Self::flush), so that a drain of thousands of
/// datagrams is a handful of writes; whoever sleeps flushes first.
#[derive(Debug)]
pub(crate) struct Output {
    stdout: BufWriter<Stdout>,
    /// The line that is being put together, to use its memory again.
    line: String,
}

impl Output {
    pub(crate) fn new() -> Self {
        Self {
            stdout: BufWriter::with_capacity(BUFFER, io::stdout()),
            line: String::new(),
        }
    }

    /// Adds a line; `text` comes without its end.
    pub(crate) fn line(&mut self, text: impl Display) -> Result<(), CliError> {
        self.line.clear();
        // A string takes everything; what could fail is a Display that says so, and none here does.
        let _ = writeln!(self.line, "{text}");
        // In one piece: the buffer then writes whole lines only, and a program that is killed in
        // between leaves none half written on the terminal.
        self.stdout
            .write_all(self.line.as_bytes())
            .map_err(CliError::from_output)
    }

    /// Leaves the line on which a terminal has shown what was typed: the `^C` that ended the program.
    pub(crate) fn leave_typed_line(&mut self) -> Result<(), CliError> {
        if self.stdout.get_ref().is_terminal() {
            self.line("")?;
        }
        Ok(())
    }

    /// Shows every line that was added.
    pub(crate) fn flush(&mut self) -> Result<(), CliError> {
        self.stdout.flush().map_err(CliError::from_output)
    }
}
