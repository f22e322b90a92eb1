//! Everything that was measured, for programs: a JSON file with the machine and the settings in it.

use std::fs::{self, OpenOptions};
use std::path::Path;
use std::time::Duration;

use serde::{Serialize, Serializer};
use tickwire_measure::machine::Machine;

use crate::error::CliError;

/// Refuses files that cannot be written and one file for both results, before anything is measured.
pub(crate) fn check_files(json: Option<&Path>, svg: Option<&Path>) -> Result<(), CliError> {
    for path in json.into_iter().chain(svg) {
        refuse_unwritable(path)?;
    }
    if json.is_some() && json == svg {
        let path = json.unwrap_or(Path::new("")).display();
        return Err(CliError::Usage(format!(
            "--json and --svg are both {path}: choose two files"
        )));
    }
    Ok(())
}

/// Leaves the file as it is. A pipe is not opened: that waits for a reader, and closing it again would end the reader's
/// input.
fn refuse_unwritable(path: &Path) -> Result<(), CliError> {
    let kind = path.metadata().map(|metadata| metadata.file_type());
    if kind.is_ok_and(|kind| !kind.is_file() && !kind.is_dir()) {
        return Ok(());
    }
    let what = format!("write {}", path.display());
    // A dangling link is not to be removed.
    let is_there = path.symlink_metadata().is_ok();
    let opened = OpenOptions::new().append(true).create(true).open(path);
    opened.map(drop).map_err(CliError::cannot(&what))?;
    if is_there {
        return Ok(());
    }
    // Left empty by a measurement that fails, it would pass for a record.
    fs::remove_file(path).map_err(CliError::cannot(&what))
}

/// A time is a number in the file, whose name says that it is in seconds.
pub(crate) fn seconds<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(time.as_secs_f64())
}

/// What goes into the file.
#[derive(Debug, Serialize)]
pub(crate) struct Record<'a, S, R> {
    /// Which benchmark it was: "latency".
    pub(crate) benchmark: &'static str,
    pub(crate) machine: &'a Machine,
    /// Every option, also those that were left at their default.
    pub(crate) settings: &'a S,
    pub(crate) results: &'a R,
}

impl<S: Serialize, R: Serialize> Record<'_, S, R> {
    /// Writes the file, if one was asked for, in the place of one that may be there.
    pub(crate) fn write(&self, path: Option<&Path>) -> Result<(), CliError> {
        let Some(path) = path else {
            return Ok(());
        };
        let cannot = || CliError::cannot("write the JSON file");
        let mut text =
            serde_json::to_string_pretty(self).map_err(|error| cannot()(error.into()))?;
        text.push('\n');
        fs::write(path, text).map_err(cannot())
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    reason = "in a test that is a failure as good as any"
)]
mod tests {
    use super::*;

    #[test]
    fn to_ask_whether_a_file_can_be_written_changes_nothing() {
        let name = format!("tickwire-record-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        refuse_unwritable(&path).unwrap();
        assert!(!path.exists(), "nothing was measured yet");

        fs::write(&path, "of an earlier run").unwrap();
        refuse_unwritable(&path).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(text, "of an earlier run");
    }
}
