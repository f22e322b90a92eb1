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

/// Folders with Markdown, manifests, scripts, help texts and pictures, besides the root.
const DOCUMENT_FOLDERS: &[&str] = &[".ci", "benches", "crates", "examples", "src", "tests"];

/// A piece of prose: the number of its line, the text, and its kind.
struct Prose(usize, String, Kind);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A comment on its own line.
    CommentLine,
    /// A comment after code, or a line of Markdown.
    Sentence,
    /// The name of a test, or a string literal.
    Code,
}

/// One line of Rust: its code without comments and literals, its comment, and its literals.
#[derive(Default)]
struct RustLine {
    code: String,
    comment: Option<String>,
    literals: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Lexeme {
    Code,
    LineComment,
    BlockComment,
    /// A string literal. A raw string ends with this many `#` and has no escapes.
    Literal(Option<usize>),
}

/// The prefix of a string literal, with its quote, and the `#` of a raw string.
fn literal_start(rest: &str) -> Option<(usize, Option<usize>)> {
    let raw = rest.trim_start_matches(['b', 'c']);
    let hashes = raw.strip_prefix('r').map(|raw| {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        (hashes, 1 + hashes)
    });
    let prefix = rest.len() - raw.len() + hashes.map_or(0, |(_, len)| len);
    rest[prefix..]
        .starts_with('"')
        .then_some((prefix + 1, hashes.map(|(hashes, _)| hashes)))
}

fn rust_lines(text: &str) -> Vec<RustLine> {
    let (mut lines, mut lexeme) = (Vec::new(), Lexeme::Code);
    for source in text.lines() {
        let (mut line, mut at, mut is_in_name) = (RustLine::default(), 0, false);
        if lexeme == Lexeme::LineComment {
            lexeme = Lexeme::Code;
        }
        if lexeme == Lexeme::BlockComment {
            line.comment = Some(String::new());
        }
        while let Some(character) = source[at..].chars().next() {
            let rest = &source[at..];
            at += character.len_utf8();
            match lexeme {
                Lexeme::Code => {
                    let literal = literal_start(rest).filter(|_| !is_in_name);
                    if let Some(comment) = rest.strip_prefix("//") {
                        line.comment = Some(comment.to_owned());
                        lexeme = Lexeme::LineComment;
                        break;
                    } else if rest.starts_with("/*") {
                        line.comment.get_or_insert_default();
                        (lexeme, at) = (Lexeme::BlockComment, at + 1);
                    } else if let Some((len, hashes)) = literal {
                        at += len - character.len_utf8();
                        lexeme = Lexeme::Literal(hashes);
                    } else if rest.starts_with("'\"'") || rest.starts_with("'\\\"'") {
                        at += rest[1..].find('"').expect("it has one") + 2;
                    } else {
                        line.code.push(character);
                    }
                    is_in_name = character.is_alphanumeric() || character == '_';
                }
                Lexeme::BlockComment if rest.starts_with("*/") => {
                    (lexeme, at) = (Lexeme::Code, at + 1);
                }
                Lexeme::LineComment | Lexeme::BlockComment => {
                    line.comment.get_or_insert_default().push(character);
                }
                Lexeme::Literal(None) if character == '\\' => {
                    at += source[at..].chars().next().map_or(0, char::len_utf8);
                    line.literals.push(' ');
                }
                Lexeme::Literal(hashes) => {
                    let end = hashes.unwrap_or(0);
                    if rest.starts_with(&format!("\"{}", "#".repeat(end))) {
                        (lexeme, at) = (Lexeme::Code, at + end);
                        line.literals.push('"');
                    } else {
                        line.literals.push(character);
                    }
                }
            }
        }
        lines.push(line);
    }
    lines
}

fn prose_of_rust(file: &SourceFile) -> Vec<Prose> {
    let (mut prose, mut is_test_name, mut is_example) = (Vec::new(), false, false);
    let is_test = file.path.starts_with("tests/") || file.path.contains("/tests/");
    let mut in_tests = is_test || file.is_unit_tests();
    for (index, line) in rust_lines(&file.text).into_iter().enumerate() {
        let code = line.code.trim();
        let mut add = |text, kind| prose.push(Prose(index + 1, text, kind));
        in_tests |= line.code.starts_with("mod tests {");
        let has_code = !code.is_empty() || !line.literals.is_empty();
        is_example &= !has_code;
        match line.comment {
            Some(comment) if has_code => add(comment, Kind::Sentence),
            Some(comment) if comment.contains("```") => is_example = !is_example,
            Some(comment) if is_example => {
                if let Some((_, comment)) = comment.split_once(" //") {
                    add(comment.to_owned(), Kind::CommentLine);
                }
            }
            Some(comment) => add(comment, Kind::CommentLine),
            None => {}
        }
        if let (true, Some((_, name))) = (is_test_name, code.split_once("fn ")) {
            let name = name.split('(').next().unwrap_or_default();
            add(name.replace('_', " "), Kind::Code);
            is_test_name = false;
        }
        is_test_name |= code.starts_with("#[test]");
        if !in_tests && !line.literals.is_empty() {
            add(line.literals, Kind::Code);
        }
    }
    prose
}

fn prose_of_markdown(text: &str) -> Vec<Prose> {
    let (mut prose, mut is_code) = (Vec::new(), false);
    for (index, line) in text.lines().enumerate() {
        let comment = rust_lines(line).pop().and_then(|line| line.comment);
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            prose.push(Prose(index + 1, line.to_owned(), Kind::Sentence));
        } else if let Some(comment) = comment {
            let is_own = line.trim_start().starts_with("//");
            let kind = if is_own {
                Kind::CommentLine
            } else {
                Kind::Sentence
            };
            prose.push(Prose(index + 1, comment, kind));
        }
    }
    prose
}

/// TOML and shell files: comments, and all other text as code.
fn prose_of_script(text: &str) -> Vec<Prose> {
    let prose =
        text.lines()
            .enumerate()
            .map(|(index, line)| match line.trim_start().strip_prefix('#') {
                Some(comment) => Prose(index + 1, comment.to_owned(), Kind::CommentLine),
                None => Prose(index + 1, line.to_owned(), Kind::Code),
            });
    prose.collect()
}

/// Help texts and pictures.
fn prose_of_text(text: &str, kind: Kind) -> Vec<Prose> {
    let lines = text.lines().enumerate();
    lines
        .map(|(index, line)| Prose(index + 1, line.to_owned(), kind))
        .collect()
}

fn prose(file: &SourceFile) -> Vec<Prose> {
    match Path::new(&file.path)
        .extension()
        .and_then(|extension| extension.to_str())
    {
        Some("rs") => prose_of_rust(file),
        Some("md") => prose_of_markdown(&file.text),
        Some("txt") => prose_of_text(&file.text, Kind::Sentence),
        Some("svg") => prose_of_text(&file.text, Kind::Code),
        _ => prose_of_script(&file.text),
    }
}

/// The words of a text, in lower case, without code in backticks, separated and surrounded by
/// single spaces. `is_code` is whether the text begins inside backticks, and then whether it ends
/// inside of them.
fn words(text: &str, is_code: &mut bool) -> String {
    let mut words = String::from(" ");
    for (index, part) in text.split('`').enumerate() {
        *is_code ^= index > 0;
        let part = if *is_code { "" } else { part };
        for word in part.split(|character: char| !character.is_alphanumeric()) {
            if !word.is_empty() {
                words.push_str(&word.to_lowercase());
                words.push(' ');
            }
        }
    }
    words
}

fn findings(file: &SourceFile) -> Vec<String> {
    let (mut found, path) = (Vec::new(), &file.path);
    let lines: Vec<_> = file.text.lines().collect();
    // The words of the previous line, because a phrase can be broken across two lines.
    let (mut before, mut is_code, mut follows) = (String::new(), false, None);
    for Prose(line, text, kind) in prose(file) {
        let source = lines[line - 1];
        if follows != Some((line, kind)) || text.trim().is_empty() {
            (before, is_code) = (String::new(), false);
        }
        follows = Some((line + 1, kind));
        let words = words(&text, &mut is_code);
        let both = format!("{before}{}", words.trim_start());
        let is_allowed = |(file, part): &(&str, &str)| file == path && source.contains(part);
        if ALLOWED.iter().any(is_allowed) {
            before = words;
            continue;
        }
        let mut banned = BANNED.to_vec();
        banned.extend((kind != Kind::Code).then_some(BANNED_IN_SENTENCES));
        banned.retain(|word| {
            let word = format!(" {word} ");
            words.contains(&word) || both.contains(&word) && !before.contains(&word)
        });
        before = words;
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

/// Markdown, manifests, scripts, help texts and pictures.
fn documents() -> Vec<SourceFile> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut documents = Vec::new();
    let mut folders = vec![root.to_owned()];
    folders.extend(DOCUMENT_FOLDERS.iter().map(|folder| root.join(folder)));
    while let Some(folder) = folders.pop() {
        // A packaged library has neither `.ci` nor `crates`.
        let entries = fs::read_dir(&folder).into_iter().flatten();
        for path in entries.map(|entry| entry.unwrap().path()) {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap();
            let extension = path.extension().and_then(|extension| extension.to_str());
            let is_document = matches!(extension, Some("md" | "toml" | "txt" | "svg"));
            if path.is_dir() {
                if folder != root {
                    folders.push(path);
                }
            } else if folder.ends_with(".ci") || is_document && !name.ends_with(".uri.md") {
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
            2,
        ),
        (
            "crates/cli/src/help/ping.txt",
            "Shows who answers, and none if nobody does.\n",
            3,
        ),
        (
            "src/guide/diagrams/tick.svg",
            "<text fill=\"none\">told</text>\n",
            1,
        ),
    ];
    for (path, text, count) in cases {
        let found = findings(&SourceFile::new(path, text));
        assert_eq!(found.len(), count, "{path} {text}: {found:?}");
    }
}

#[test]
fn finds_comments_literals_and_names_wherever_they_are() {
    let cases = [
        ("let quote = '\"'; // who asks\n", 1),
        ("let quote = b'\\\"'; // who asks\n", 1),
        ("let url = \"https://who\"; // who asks\n", 2),
        ("let url = r#\"a \" // who\"#; // who asks\n", 2),
        ("/* Somebody\n   told him. */ fn who() {}\n", 3),
        (
            "let text = \"first \\\n    told \\\n    last\"; fn who() {}\n",
            1,
        ),
        ("let text = \"a \\\" told\";\n", 1),
        ("// This is one\n// that waits in\n// vain.\n", 2),
        (
            "// This is one.\n\n// That waits `in\n// vain`, `who\n// he` is.\n",
            0,
        ),
        ("/// Text.\r\n\t/// It is told.\r\n", 1),
        ("#[doc = \"who asks\"]\nstruct Asker;\n", 1),
        ("fn asks<'a>(who: &'a str) -> &'a str { who }\n", 0),
    ];
    for (text, count) in cases {
        for path in ["src/rtt.rs", "examples/rtt.rs"] {
            let found = findings(&SourceFile::new(path, text));
            assert_eq!(found.len(), count, "{path} {text}: {found:?}");
        }
    }
    let attributes = "#[test]\n#[cfg_attr(\n    windows,\n    ignore\n)]\n#[should_panic]\n";
    let test = format!("{attributes}fn nobody_listens() {{ told(\"him\") }}\n");
    let found = findings(&SourceFile::new("tests/rtt.rs", &test));
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn finds_a_word_at_the_end_of_every_rust_file() {
    for file in everything() {
        let text = format!("{}\n// who\n", file.text);
        let found = findings(&SourceFile::new(&file.path, &text));
        assert_eq!(found.len(), 1, "{}: {found:?}", file.path);
    }
}
