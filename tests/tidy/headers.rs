//! Rule: every file states its purpose in its first line, and the root of every crate forbids
//! `unsafe` code.

use crate::source::{SourceFile, everything};

/// Whether the file is the root of the library, of a program, or of a package in `crates`.
fn is_root(path: &str) -> bool {
    let parts: Vec<_> = path.split('/').collect();
    matches!(
        parts[..],
        ["src", "lib.rs"] | ["crates", _, "src", "lib.rs" | "main.rs"]
    )
}

fn findings(file: &SourceFile) -> Vec<String> {
    let SourceFile { path, text } = file;
    let mut found = Vec::new();
    if !text.starts_with("//! ") {
        found.push(format!("{path}:1: does not begin with its purpose"));
    }
    if is_root(path) && !text.contains("\n#![forbid(unsafe_code)]") {
        found.push(format!("{path}:1: does not forbid unsafe code"));
    }
    found
}

#[test]
fn every_file_has_a_header() {
    let found: Vec<_> = everything().iter().flat_map(findings).collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn reports_missing_purpose_and_missing_forbid() {
    let forbids = "//! A crate.\n\n#![forbid(unsafe_code)]\n";
    let cases = [
        ("src/rtt.rs", "use std::fmt;\n", Some("purpose")),
        ("src/rtt.rs", "//! Round-trip time.\n", None),
        ("src/lib.rs", "//! A crate.\n", Some("unsafe")),
        ("crates/cli/src/main.rs", "//! A program.\n", Some("unsafe")),
        (
            "crates/measure/src/lib.rs",
            "//! A crate.\n",
            Some("unsafe"),
        ),
        ("crates/cli/src/main.rs", forbids, None),
        ("crates/cli/src/bench/main.rs", "//! Not a root.\n", None),
    ];
    for (path, text, what) in cases {
        let found = findings(&SourceFile::new(path, text));
        assert_eq!(
            found.len(),
            usize::from(what.is_some()),
            "{path}: {found:?}"
        );
        assert!(what.is_none_or(|what| found[0].contains(what)), "{found:?}");
    }
}
