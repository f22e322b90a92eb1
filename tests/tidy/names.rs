//! Rule: one noun means one thing. No struct, enum, union, trait or type alias of the library has
//! the name of another one, those in unit tests included. Associated types do not count.

use std::collections::BTreeMap;

use crate::source::{SourceFile, library};

/// The name that a line defines, if it does.
fn defined(line: &str) -> Option<(&str, &str)> {
    let code = line.trim_start();
    let code = code
        .strip_prefix("pub(")
        .and_then(|rest| rest.split_once(") "))
        .map_or(code, |(_, rest)| rest);
    let code = code.strip_prefix("pub ").unwrap_or(code);
    let (keyword, rest) = code.split_once(' ')?;
    if !["struct", "enum", "union", "trait", "type"].contains(&keyword) {
        return None;
    }
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
    let name = &rest[..end.unwrap_or(rest.len())];
    (!name.is_empty()).then_some((keyword, name))
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// Whether the line at `index` is inside the block of an `impl` or a `trait`.
fn is_associated(lines: &[&str], index: usize) -> bool {
    let own = indentation(lines[index]);
    let header = lines[..index].iter().rev().find(|line| {
        let code = line.trim_start();
        // The last lines of a header of several lines.
        let continues = code.is_empty() || code == "{" || code == "where" || code.starts_with("//");
        !continues && indentation(line) < own
    });
    header.is_some_and(|line| {
        let code = line.trim_start();
        code.starts_with("impl") || code.contains("trait ")
    })
}

fn findings(files: &[SourceFile]) -> Vec<String> {
    let mut places: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for file in files {
        let lines: Vec<_> = file.text.lines().collect();
        for (index, line) in lines.iter().enumerate() {
            let Some((keyword, name)) = defined(line) else {
                continue;
            };
            if keyword == "type" && is_associated(&lines, index) {
                continue;
            }
            let place = format!("{}:{}", file.path, index + 1);
            places.entry(name).or_default().push(place);
        }
    }
    places
        .iter()
        .filter(|(_, places)| places.len() > 1)
        .map(|(name, places)| format!("{}: {name} is defined more than once", places.join(", ")))
        .collect()
}

#[test]
fn no_type_name_is_defined_twice() {
    let found = findings(&library());
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn reports_both_places_of_a_name() {
    let first = "//! A file.\npub(crate) struct Packet<'a> {\n";
    let second = [
        "struct Packet;",
        "pub enum Packet {",
        "pub(super) trait Packet: Copy {",
        "mod tests {\n    struct Packet(u8);",
        "fn send() {\n    type Packet = [u8; 4];",
        "mod tests {\n    type Packet = [u8; 4];",
    ];
    for text in second {
        let files = [
            SourceFile::new("src/a.rs", first),
            SourceFile::new("src/b.rs", text),
        ];
        let line = text.lines().count();
        let wanted = format!("src/a.rs:2, src/b.rs:{line}: Packet is defined more than once");
        assert_eq!(findings(&files), [wanted], "{text}");
    }
}

#[test]
fn associated_types_and_text_are_not_definitions() {
    let fine = [
        "impl Iterator for Packets {\n    type Packet = u8;",
        "impl<T> Iterator for Packets<T>\nwhere\n    T: Copy,\n{\n    type Packet = T;",
        "pub trait Carrier {\n    /// What it carries.\n    type Packet;",
        "/// A struct Packet is something else.",
        "let kind = \"struct Packet\";",
        "struct PacketNumber(u64);",
    ];
    for text in fine {
        let files = [
            SourceFile::new("src/a.rs", "struct Packet;"),
            SourceFile::new("src/b.rs", text),
        ];
        assert_eq!(findings(&files), Vec::<String>::new(), "{text}");
    }
}
