//! Standard output, in whole lines: text, or JSON Lines for programs.

use std::fmt::{Display, Write as _};
use std::io::{self, BufWriter, IsTerminal, Stdout, Write as _};

use serde::Serialize;

use crate::error::CliError;

/// Buffer size in bytes: the capacity of a Linux pipe.
const BUFFER: usize = 64 << 10;

/// Standard output. Lines are buffered until [`flush`](Self::flush), which is needed before every
/// wait.
#[derive(Debug)]
pub(crate) struct Output {
    stdout: BufWriter<Stdout>,
    /// Reused memory of a line.
    line: String,
    is_json: bool,
}

impl Output {
    pub(crate) fn text() -> Self {
        Self::new(false)
    }

    /// Prints [events](Self::event) as JSON if `is_json`.
    pub(crate) fn new(is_json: bool) -> Self {
        Self {
            stdout: BufWriter::with_capacity(BUFFER, io::stdout()),
            line: String::new(),
            is_json,
        }
    }

    /// Adds an event: one or more lines of text, or one line with a JSON object.
    pub(crate) fn event(&mut self, event: &(impl Display + Serialize)) -> Result<(), CliError> {
        if !self.is_json {
            return self.line(event);
        }
        self.line(serde_json::to_string(event).expect("events have only string keys"))
    }

    /// Adds a line of text, without its line end.
    pub(crate) fn line(&mut self, text: impl Display) -> Result<(), CliError> {
        self.line.clear();
        // Writing to a string does not fail.
        let _ = writeln!(self.line, "{text}");
        // In one write, so that a killed process leaves no partial line.
        self.stdout
            .write_all(self.line.as_bytes())
            .map_err(CliError::from_output)
    }

    /// Ends the line on which a terminal shows a typed `^C`.
    pub(crate) fn leave_typed_line(&mut self) -> Result<(), CliError> {
        if !self.is_json && self.stdout.get_ref().is_terminal() {
            self.line("")?;
        }
        Ok(())
    }

    pub(crate) fn flush(&mut self) -> Result<(), CliError> {
        self.stdout.flush().map_err(CliError::from_output)
    }
}

/// An optional further line of an event's text.
pub(crate) fn on_a_line(text: Option<&impl Display>) -> String {
    text.map_or(String::new(), |text| format!("\n{text}"))
}
