//! The source files of the repository, and the code in them.

use std::fs;
use std::path::{Path, PathBuf};

/// One source file: its path from the root of the repository with `/` between folders, and its
/// text.
pub(crate) struct SourceFile {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl SourceFile {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    /// Whether the file contains only unit tests of the library.
    pub(crate) fn is_unit_tests(&self) -> bool {
        let path = &self.path;
        is_below(path, "src")
            && (path.ends_with("_tests.rs")
                || path.ends_with("/tests.rs")
                || path.contains("/tests/"))
    }

    /// The lines of code with their numbers: no comments, no documentation, and nothing from
    /// `mod tests {` on, because unit tests may do what the library must not.
    pub(crate) fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line))
            .take_while(|(_, line)| !line.starts_with("mod tests {"))
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

/// Whether `path` is `folder` or is inside it.
pub(crate) fn is_below(path: &str, folder: &str) -> bool {
    path == folder
        || path
            .strip_prefix(folder)
            .is_some_and(|rest| rest.starts_with('/'))
}

/// Every Rust file in a folder of the repository. A packaged library has no folder `crates`.
pub(crate) fn files_below(folder: &str) -> Vec<SourceFile> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    if root.join(folder).is_dir() {
        collect(&root.join(folder), &mut paths);
    }
    paths.sort();
    paths
        .iter()
        .map(|path| {
            let name = path.strip_prefix(&root).unwrap().to_str().unwrap();
            SourceFile::new(&name.replace('\\', "/"), &fs::read_to_string(path).unwrap())
        })
        .collect()
}

pub(crate) fn library() -> Vec<SourceFile> {
    let files = files_below("src");
    assert!(files.len() > 10, "the source of the library was not found");
    files
}

pub(crate) fn everything() -> Vec<SourceFile> {
    ["src", "crates", "tests", "benches", "examples"]
        .into_iter()
        .flat_map(files_below)
        // These files contain what the rules forbid.
        .filter(|file| !is_below(&file.path, "tests/tidy"))
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
