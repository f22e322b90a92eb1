//! Rule: comments, documentation, error texts, test names and Markdown are plain technical English,
//! without pronouns for roles and everyday words for terms. Comment lines have at most 100 columns.

use std::fs;
use std::path::Path;

use crate::source::{SourceFile, everything};

/// Words and phrases to replace with a thing, a role or a term of the field.
const BANNED: &[&str] = &[
    "who",
    "whoever",
    "whom",
    "somebody",
    "nobody",
    "everybody",
    "anybody",
    "he",
    "him",
    "his",
    "she",
    "her",
    "told",
    "tell",
    "tells",
    "telling",
    "hear",
    "hears",
    "heard",
    "hearing",
    "reckon",
    "reckons",
    "reckoned",
    "stand",
    "stands",
    "stood",
    "goodbye",
    "one that",
    "ones that",
    "in vain",
];

/// In names and in code this is usually `None`, so only comments and documents are searched for it.
const BANNED_IN_SENTENCES: &str = "none";

/// Lines in which a banned word is allowed: the file, and a part of the line.
const ALLOWED: &[(&str, &str)] = &[];

const COLUMNS_MAX: usize = 100;

/// Markdown and configuration with comments, besides the Rust files.
const DOCUMENTS: &[&str] = &[
    "",
    "benches",
    "benches/goals",
    "crates/*",
    "src/guide",
    "src/proto",
    ".ci",
];

/// A piece of prose: the number of its line, the text, and its kind.
struct Prose<'a>(usize, &'a str, Kind);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A comment on its own line.
    CommentLine,
    /// A comment after code, or a line of Markdown.
    Sentence,
    /// The name of a test, or a string literal.
    Code,
}

/// The text after `//` at the end of a line of code. A string with `//` in it is not a comment.
fn trailing_comment(line: &str) -> Option<&str> {
    let at = line.rfind(" // ")?;
    let is_in_string = line[..at].matches('"').count() % 2 == 1;
    (!is_in_string).then(|| &line[at + 4..])
}

/// The string literals of a line of code, without their quotes.
fn literals(line: &str) -> impl Iterator<Item = &str> {
    line.split('"').skip(1).step_by(2)
}

fn prose_of_rust(file: &SourceFile) -> Vec<Prose<'_>> {
    let (mut prose, mut is_test_name, mut is_example) = (Vec::new(), false, false);
    let mut in_tests = !file.path.contains("src/") || file.is_unit_tests();
    for (index, line) in file.text.lines().enumerate() {
        let trimmed = line.trim_start();
        let mut add = |text, kind| prose.push(Prose(index + 1, text, kind));
        in_tests |= line.starts_with("mod tests {");
        if let Some(comment) = trimmed.strip_prefix("//") {
            if comment.contains("```") {
                is_example = !is_example;
            } else if !is_example {
                add(comment, Kind::CommentLine);
            } else if let Some(comment) = trailing_comment(comment) {
                add(comment, Kind::CommentLine);
            }
            continue;
        }
        is_example = false;
        if let Some(comment) = trailing_comment(line) {
            add(comment, Kind::Sentence);
        }
        if let (true, Some(name)) = (is_test_name, trimmed.strip_prefix("fn ")) {
            add(name.split('(').next().unwrap_or_default(), Kind::Code);
        }
        is_test_name = trimmed.starts_with("#[test]") || is_test_name && trimmed.starts_with("#[");
        if !in_tests {
            literals(line).for_each(|literal| add(literal, Kind::Code));
        }
    }
    prose
}

fn prose_of_markdown(text: &str) -> Vec<Prose<'_>> {
    let (mut prose, mut is_code) = (Vec::new(), false);
    for (index, line) in text.lines().enumerate() {
        let comment = line.trim_start().strip_prefix("//");
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            prose.push(Prose(index + 1, line, Kind::Sentence));
        } else if let Some(comment) = comment {
            prose.push(Prose(index + 1, comment, Kind::CommentLine));
        } else if let Some(comment) = trailing_comment(line) {
            prose.push(Prose(index + 1, comment, Kind::Sentence));
        }
    }
    prose
}

/// The comments of TOML and shell files.
fn prose_of_script(text: &str) -> Vec<Prose<'_>> {
    let comments = text.lines().enumerate().filter_map(|(index, line)| {
        let comment = line.trim_start().strip_prefix('#')?;
        Some(Prose(index + 1, comment, Kind::CommentLine))
    });
    comments.collect()
}

fn prose(file: &SourceFile) -> Vec<Prose<'_>> {
    match Path::new(&file.path)
        .extension()
        .and_then(|extension| extension.to_str())
    {
        Some("rs") => prose_of_rust(file),
        Some("md") => prose_of_markdown(&file.text),
        _ => prose_of_script(&file.text),
    }
}

/// The words of a text, in lower case, without code in backticks, separated and surrounded by
/// single spaces.
fn words(text: &str) -> String {
    let without_code = text.split('`').step_by(2).collect::<Vec<_>>().join(" ");
    let mut words = String::from(" ");
    for word in without_code.split(|character: char| !character.is_alphanumeric()) {
        if !word.is_empty() {
            words.push_str(&word.to_lowercase());
            words.push(' ');
        }
    }
    words
}

fn findings(file: &SourceFile) -> Vec<String> {
    let (mut found, path) = (Vec::new(), &file.path);
    let lines: Vec<_> = file.text.lines().collect();
    for Prose(line, text, kind) in prose(file) {
        let source = lines[line - 1];
        let is_allowed = |(file, part): &(&str, &str)| file == path && source.contains(part);
        if ALLOWED.iter().any(is_allowed) {
            continue;
        }
        let words = words(text);
        let mut banned = BANNED.to_vec();
        banned.extend((kind != Kind::Code).then_some(BANNED_IN_SENTENCES));
        banned.retain(|word| words.contains(&format!(" {word} ")));
        for word in banned {
            found.push(format!("{path}:{line}: \"{word}\": {}", source.trim()));
        }
        let columns = source.chars().count();
        // Neither an address nor a row of a table can be wrapped.
        let is_row = text.trim_start_matches(['/', '!', ' ']).starts_with('|');
        let is_long = columns > COLUMNS_MAX && !source.contains("https://") && !is_row;
        if is_long && kind == Kind::CommentLine {
            found.push(format!(
                "{path}:{line}: a comment line of {columns} columns"
            ));
        }
    }
    found
}

fn documents() -> Vec<SourceFile> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut documents = Vec::new();
    let mut folders = Vec::new();
    for folder in DOCUMENTS {
        match folder.strip_suffix("/*") {
            None => folders.push(root.join(folder)),
            Some(parent) => {
                let entries = fs::read_dir(root.join(parent)).into_iter().flatten();
                folders.extend(entries.map(|entry| entry.unwrap().path()));
            }
        }
    }
    for folder in folders {
        let entries = fs::read_dir(&folder).into_iter().flatten();
        for path in entries.map(|entry| entry.unwrap().path()) {
            let is_script = folder.file_name().is_some_and(|name| name == ".ci");
            let extension = path.extension().and_then(|extension| extension.to_str());
            if path.is_file() && (is_script || matches!(extension, Some("md" | "toml"))) {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap();
                let text = fs::read_to_string(&path).unwrap();
                documents.push(SourceFile::new(&name.replace('\\', "/"), &text));
            }
        }
    }
    documents
}

#[test]
fn prose_is_plain_technical_english() {
    let files = everything().into_iter().chain(documents());
    let found: Vec<_> = files.flat_map(|file| findings(&file)).collect();
    assert!(
        found.is_empty(),
        "{} findings\n{}",
        found.len(),
        found.join("\n")
    );
}

#[test]
fn every_allowed_line_exists() {
    let files: Vec<_> = everything().into_iter().chain(documents()).collect();
    for (path, part) in ALLOWED {
        let exists = files
            .iter()
            .any(|file| file.path == *path && file.text.contains(part));
        assert!(exists, "{path} has no line with `{part}`");
    }
}

#[test]
fn reports_banned_words_and_long_lines() {
    let long = format!("// {}\n", "word ".repeat(25));
    let cases = [
        ("src/rtt.rs", "/// Whoever asks.\n", 1),
        (
            "src/rtt.rs",
            "/// `None` is not a word, and `who` is code.\n",
            0,
        ),
        ("src/rtt.rs", "let there = 1; // one that waits\n", 1),
        ("src/rtt.rs", "let url = \"http://he // x\";\n", 1), // the literal, once
        ("src/rtt.rs", "#[error(\"nobody listens at {0}\")]\n", 1),
        ("tests/rtt.rs", "#[test]\nfn nobody_listens() {}\n", 1),
        ("src/rtt.rs", long.as_str(), 1),
        (
            "README.md",
            "The peer is told so.\n```rust\nlet he = 1; // he\n```\n",
            2,
        ),
        (
            "Cargo.toml",
            "# Whose is this, and who asks?\nname = \"he\"\n",
            1,
        ),
    ];
    for (path, text, count) in cases {
        let found = findings(&SourceFile::new(path, text));
        assert_eq!(found.len(), count, "{path} {text}: {found:?}");
    }
}
