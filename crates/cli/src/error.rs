//! Why a command ended before its time: one line of text and an exit code.

use std::io::{self, Write};
use std::process::ExitCode;

use tickwire::ErrorCounts;

/// An error on its way to the user. Its text is one line that says what is wrong and what to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum CliError {
    /// What was asked for makes no sense as it stands. Exit code 2, as for clap's own errors.
    Usage(String),
    /// It made sense, and the system would not have it. Exit code 1.
    Runtime(String),
    /// Nobody reads the output any more (`| head -1`). Nothing is wrong: no text, exit code 0.
    OutputClosed,
}

impl CliError {
    /// For an error of the system that needs no advice: `cannot receive: ...`. To be used with
    /// `map_err`.
    pub(crate) fn cannot(what: &str) -> impl FnOnce(io::Error) -> Self + '_ {
        move |error| Self::Runtime(format!("cannot {what}: {error}"))
    }

    /// For what writing to standard output may answer.
    pub(crate) fn from_output(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::OutputClosed;
        }
        Self::cannot("write to standard output")(error)
    }

    /// Tells the user, and the shell.
    pub(crate) fn report(&self) -> ExitCode {
        let (text, code) = match self {
            Self::Usage(text) => (text, 2),
            Self::Runtime(text) => (text, 1),
            Self::OutputClosed => return ExitCode::SUCCESS,
        };
        // Not eprintln, which panics where standard error is closed. The exit code still tells.
        let _ = writeln!(io::stderr(), "tickwire: {text}");
        ExitCode::from(code)
    }
}

/// Why datagrams were discarded, in words.
pub(crate) fn send_error_reason(errors: &ErrorCounts) -> &'static str {
    if errors.unreachable > 0 {
        return "this machine knows no way to that network or host";
    }
    if errors.permission > 0 {
        return "the system does not permit it (a firewall, or a broadcast address)";
    }
    "the system refused them"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_output_is_no_error_and_a_full_disk_is_one() {
        let closed = io::Error::from(io::ErrorKind::BrokenPipe);
        assert_eq!(CliError::from_output(closed), CliError::OutputClosed);
        let full = CliError::from_output(io::ErrorKind::StorageFull.into());
        let text = "cannot write to standard output: no storage space";
        assert_eq!(full, CliError::Runtime(text.into()));
    }
}
