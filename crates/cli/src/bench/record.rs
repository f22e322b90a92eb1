//! The files of a benchmark: the picture, and the record, which is all results as JSON with the
//! machine and the settings.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Serialize, Serializer};
use serde_json::json;
use tickwire_measure::machine::Machine;

use crate::error::CliError;

/// Output files besides the table.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Files {
    /// Writes all results to this file, as JSON
    ///
    /// With the machine and the settings.
    #[arg(long, value_name = "FILE")]
    pub(crate) json_file: Option<PathBuf>,

    /// Draws latency by percentile to this file, as SVG
    #[arg(long, value_name = "FILE")]
    pub(crate) svg_file: Option<PathBuf>,
}

impl Files {
    /// Rejects unwritable files, and one file for both results, before the measurement.
    pub(crate) fn check(&self) -> Result<(), CliError> {
        for path in self.json_file.iter().chain(&self.svg_file) {
            refuse_unwritable(path)?;
        }
        match &self.json_file {
            Some(path) if self.json_file == self.svg_file => Err(CliError::Usage(format!(
                "--json-file and --svg-file are both {}: choose two files",
                path.display()
            ))),
            _ => Ok(()),
        }
    }
}

/// Checks that a file is writable without changing it. A pipe is not opened: opening waits for a
/// reader, and closing ends its input.
pub(crate) fn refuse_unwritable(path: &Path) -> Result<(), CliError> {
    let kind = path.metadata().map(|metadata| metadata.file_type());
    if kind.is_ok_and(|kind| !kind.is_file() && !kind.is_dir()) {
        return Ok(());
    }
    let what = format!("write {}", path.display());
    // A dangling link must not be removed.
    let is_there = path.symlink_metadata().is_ok();
    let opened = OpenOptions::new().append(true).create(true).open(path);
    opened.map(drop).map_err(CliError::cannot(&what))?;
    if is_there {
        return Ok(());
    }
    // An empty file of a failed measurement must not remain.
    fs::remove_file(path).map_err(CliError::cannot(&what))
}

/// Serialises a time as a number of seconds.
pub(crate) fn seconds<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(time.as_secs_f64())
}

/// Writes the record of a benchmark, if requested, and replaces an existing file. The settings
/// include options with their default.
pub(crate) fn write(
    path: Option<&Path>,
    benchmark: &'static str,
    machine: &Machine,
    settings: &impl Serialize,
    results: &impl Serialize,
) -> Result<(), CliError> {
    let Some(path) = path else {
        return Ok(());
    };
    let record = json!({
        "benchmark": benchmark,
        "machine": machine,
        "settings": settings,
        "results": results,
    });
    let what = format!("write {}", path.display());
    fs::write(path, format!("{record:#}\n")).map_err(CliError::cannot(&what))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a panic fails the test")]
mod tests {
    use super::*;

    #[test]
    fn the_check_for_writability_changes_no_file() {
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
