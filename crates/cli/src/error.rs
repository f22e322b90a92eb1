//! Errors that end a command.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use tickwire::token::LengthError;
use tickwire::{ErrorCounts, KeyFileError, KeyFileErrorKind};

/// The text is one line: what failed, the value, the limit, what to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum CliError {
    /// The command line or the input is invalid: exit code 2, as for clap's own errors.
    Usage(String),
    /// A valid request failed in the system or the network: exit code 1.
    Runtime(String),
    /// The reader of standard output has closed it: exit code 0 and no text.
    OutputClosed,
}

impl CliError {
    pub(crate) fn usage(error: impl Display) -> Self {
        Self::Usage(error.to_string())
    }

    /// Adds what failed to an error of the system: `cannot receive: ...`.
    pub(crate) fn cannot(what: &str) -> impl FnOnce(io::Error) -> Self + '_ {
        move |error| Self::Runtime(format!("cannot {what}: {error}"))
    }

    pub(crate) fn from_output(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::OutputClosed;
        }
        Self::cannot("write to standard output")(error)
    }

    pub(crate) fn report(&self) -> ExitCode {
        let (text, code) = match self {
            Self::Usage(text) => (text, 2),
            Self::Runtime(text) => (text, 1),
            Self::OutputClosed => return ExitCode::SUCCESS,
        };
        // Not eprintln, which panics if standard error is closed.
        let _ = writeln!(io::stderr(), "tickwire: {text}");
        ExitCode::from(code)
    }
}

/// A claim of a token has the name of its option.
impl From<LengthError> for CliError {
    fn from(error: LengthError) -> Self {
        let (field, len, min, max) = (error.field, error.len, error.min, error.max);
        Self::Usage(format!(
            "--{field} is {len} bytes, but must be {min} to {max} bytes"
        ))
    }
}

impl From<KeyFileError> for CliError {
    fn from(error: KeyFileError) -> Self {
        match &error.kind {
            KeyFileErrorKind::Read(source) if source.kind() == io::ErrorKind::NotFound => {
                Self::Usage(format!("{error}; `tickwire keygen` generates a key"))
            }
            KeyFileErrorKind::Exists => Self::Usage(format!(
                "{error}; --show prints its public key, --force overwrites it with a new key"
            )),
            KeyFileErrorKind::Write(_) => Self::Runtime(error.to_string()),
            _ => Self::usage(error),
        }
    }
}

/// Why the system rejected datagrams to send.
pub(crate) fn send_error_reason(errors: &ErrorCounts) -> &'static str {
    if errors.unreachable > 0 {
        return "this machine has no route to that network or host";
    }
    if errors.permission > 0 {
        return "permission denied: a firewall blocks it, or the address is a broadcast address";
    }
    "the system rejected it"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_an_error_and_a_closed_output_is_not() {
        let closed = io::Error::from(io::ErrorKind::BrokenPipe);
        assert_eq!(CliError::from_output(closed), CliError::OutputClosed);
        let full = CliError::from_output(io::ErrorKind::StorageFull.into());
        let text = "cannot write to standard output: no storage space";
        assert_eq!(full, CliError::Runtime(text.into()));
    }
}
