//! Everything that was measured, for programs: a JSON file with the machine and the settings in it.

use std::fs::{self, OpenOptions};
use std::path::Path;

use serde::Serialize;

use super::machine::Machine;
use crate::failure::Failure;

/// Refuses a file that cannot be written, and leaves one that can as it is (or makes it, empty): for
/// whoever would measure for a minute first.
pub(crate) fn refuse_unwritable(path: &Path) -> Result<(), Failure> {
    let opened = OpenOptions::new().append(true).create(true).open(path);
    let what = format!("write {}", path.display());
    opened.map(drop).map_err(Failure::cannot(&what))
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
    /// Writes the file, in the place of one that may be there.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Failure> {
        let cannot = || Failure::cannot("write the JSON file");
        let mut text =
            serde_json::to_string_pretty(self).map_err(|error| cannot()(error.into()))?;
        text.push('\n');
        fs::write(path, text).map_err(cannot())
    }
}
