//! The guide works in rustdoc and on a code host: every link has a target in both, every program is
//! complete, and every embedded diagram equals its file.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// Set to write the embedded diagrams instead of comparing them.
const UPDATE: &str = "TICKWIRE_UPDATE_DIAGRAMS";

/// The table of chapters, without its extension.
const TABLE: &str = "README";

fn guide() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/guide")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files of a folder with this extension, sorted.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder exists");
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|found| found == extension));
    files.sort();
    files
}

/// The chapters and their table, with their names.
fn chapters() -> Vec<(String, String)> {
    let mut chapters = Vec::new();
    for path in files(&guide(), "md") {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if name.starts_with("ch") || name == TABLE {
            chapters.push((name, read(&path)));
        }
    }
    chapters
}

/// Splits a chapter into its text and its programs. A program is the content of a fence that
/// rustdoc compiles.
fn text_and_programs(chapter: &str) -> (String, Vec<String>) {
    let (mut text, mut programs) = (String::new(), Vec::new());
    let mut fence: Option<String> = None;
    for line in chapter.lines() {
        match (&mut fence, line.strip_prefix("```")) {
            (None, Some(language)) => {
                if language.is_empty() || language.starts_with("rust") {
                    programs.push(String::new());
                }
                fence = Some(language.to_owned());
            }
            (Some(_), Some(_)) => fence = None,
            (Some(language), None) => {
                if language.is_empty() || language.starts_with("rust") {
                    let program = programs
                        .last_mut()
                        .expect("pushed at the start of the fence");
                    program.push_str(line);
                    program.push('\n');
                }
            }
            (None, None) => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    (text, programs)
}

fn program_findings(programs: &[String]) -> Vec<String> {
    let mut findings = Vec::new();
    for program in programs {
        let first = program.lines().next().unwrap_or_default();
        // rustdoc hides indented lines too.
        let is_hidden = |line: &str| line == "#" || line.starts_with("# ");
        if program.lines().any(|line| is_hidden(line.trim())) {
            findings.push(format!(
                "the program that begins with `{first}` has hidden lines"
            ));
        }
        if !program.lines().any(|line| line.starts_with("fn main()")) {
            findings.push(format!(
                "the program that begins with `{first}` has no `fn main()`"
            ));
        }
    }
    findings
}

/// What is wrong with the fences of a chapter: every program runs, and rustdoc compiles nothing else.
fn fence_findings(chapter: &str) -> Vec<String> {
    let (mut findings, mut is_open) = (Vec::new(), false);
    for line in chapter.lines() {
        let fence = line.trim_start();
        if !fence.starts_with("```") && !fence.starts_with("~~~") {
            continue;
        }
        let is_known = match fence.strip_prefix("```") {
            Some(language) if is_open => language.is_empty(),
            Some(language) => matches!(language, "rust" | "text" | "toml" | "sh"),
            None => false,
        };
        if !is_known || line != fence {
            findings.push(format!(
                "the fence `{line}` is not ```rust, ```text, ```toml or ```sh at the start of a line"
            ));
        }
        is_open = !is_open;
    }
    findings
}

/// The labels that a line-start definition `[label]: target` defines, with their targets.
fn definitions(text: &str) -> Vec<(&str, &str)> {
    let parse = |line: &'_ str| -> Option<(usize, usize)> {
        let end = line.strip_prefix('[')?.find("]: ")? + 1;
        Some((end, end + "]: ".len()))
    };
    text.lines()
        .filter_map(|line| parse(line).map(|(end, target)| (&line[1..end], line[target..].trim())))
        .collect()
}

/// The labels of the reference links `[label]` and `[text][label]` in a text, without its
/// definitions.
fn references(text: &str) -> BTreeSet<String> {
    let mut labels = BTreeSet::new();
    let lines = text.lines().filter(|line| definitions(line).is_empty());
    let body = lines.collect::<Vec<_>>().join("\n");
    let (mut open, mut is_code) = (None, false);
    for (at, character) in body.char_indices() {
        match character {
            '`' => is_code = !is_code,
            '[' if !is_code => open = Some(at + 1),
            ']' if !is_code => {
                let after = body[at + 1..].chars().next();
                if let (Some(start), false) = (open.take(), matches!(after, Some('(' | '['))) {
                    labels.insert(body[start..at].replace('\n', " "));
                }
            }
            _ => {}
        }
    }
    labels
}

/// The id of a heading, the same in rustdoc and on a code host.
fn heading_id(line: &str) -> Option<String> {
    let title = line.strip_prefix('#')?.trim_start_matches('#').trim();
    let kept = title
        .chars()
        .filter(|character| character.is_alphanumeric() || matches!(character, ' ' | '-' | '_'));
    Some(kept.collect::<String>().to_lowercase().replace(' ', "-"))
}

/// Findings in the links of a chapter, given the labels defined for rustdoc.
fn link_findings(text: &str, rustdoc: &BTreeSet<&str>) -> Vec<String> {
    let mut findings = Vec::new();
    if text.contains("](crate::") {
        findings.push("a link to `crate::` is dead on a code host".to_owned());
    }
    for (_, target) in text
        .match_indices("](")
        .map(|(at, _)| text.split_at(at + 2))
    {
        let target = target.split(')').next().unwrap_or_default();
        let is_heading = target.strip_prefix('#').is_some_and(|id| {
            text.lines()
                .any(|line| heading_id(line).as_deref() == Some(id))
        });
        if !is_heading && !target.starts_with("https://") && !target.starts_with("crate::") {
            findings.push(format!(
                "the inline link to {target} is dead: it is no heading here, and a file needs a label"
            ));
        }
    }
    let own: BTreeSet<&str> = definitions(text).iter().map(|(label, _)| *label).collect();
    for label in references(text) {
        if !own.contains(label.as_str()) {
            findings.push(format!(
                "`[{label}]` has no definition at the end of the file"
            ));
        }
    }
    for (label, target) in definitions(text) {
        let is_web = target.starts_with("https://");
        if !is_web && !rustdoc.contains(label) {
            findings.push(format!(
                "`[{label}]` is not in links.md, so rustdoc has no target for it"
            ));
        }
        if !is_web && !guide().join(target).exists() {
            findings.push(format!(
                "`[{label}]` leads to {target}, which does not exist"
            ));
        }
        if !references(text).contains(label) {
            findings.push(format!("`[{label}]` is defined and not used"));
        }
    }
    findings
}

/// The picture as a link definition: `[name diagram]: data:image/svg+xml,...`, percent-encoded.
fn embedded(name: &str, svg: &str) -> String {
    let mut line = format!("[{name} diagram]: data:image/svg+xml,");
    for byte in svg.trim_end().bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~/:=,;".contains(&byte) {
            line.push(char::from(byte));
        } else {
            line.push_str(&format!("%{byte:02X}"));
        }
    }
    line.push('\n');
    line
}

#[test]
fn chapters_have_complete_programs_and_working_links() {
    let links = read(&guide().join("links.md"));
    let diagrams: Vec<String> = files(&guide().join("diagrams"), "svg")
        .iter()
        .map(|path| format!("{} diagram", path.file_stem().unwrap().to_str().unwrap()))
        .collect();
    let mut rustdoc: BTreeSet<&str> = definitions(&links)
        .iter()
        .map(|(label, _)| *label)
        .collect();
    rustdoc.extend(diagrams.iter().map(String::as_str));
    let mut findings = Vec::new();
    for (name, chapter) in chapters() {
        let (text, programs) = text_and_programs(&chapter);
        let mut found = program_findings(&programs);
        found.extend(fence_findings(&chapter));
        found.extend(link_findings(&text, &rustdoc));
        findings.extend(found.iter().map(|finding| format!("{name}.md: {finding}")));
    }
    assert!(findings.is_empty(), "\n{}", findings.join("\n"));
}

#[test]
fn every_definition_for_rustdoc_is_used() {
    let links = read(&guide().join("links.md"));
    let texts = chapters();
    let used: BTreeSet<String> = texts
        .iter()
        .flat_map(|(_, chapter)| references(&text_and_programs(chapter).0))
        .collect();
    let unused: Vec<_> = definitions(&links)
        .into_iter()
        .filter(|(label, _)| !used.contains(*label))
        .collect();
    assert!(unused.is_empty(), "remove from links.md: {unused:?}");
}

#[test]
fn table_lists_every_chapter_with_its_title() {
    let table = read(&guide().join(TABLE).with_extension("md"));
    for (name, chapter) in chapters().iter().filter(|(name, _)| name != TABLE) {
        let heading = chapter
            .lines()
            .next()
            .and_then(|line| line.strip_prefix("# "));
        let (number, title) = heading
            .and_then(|heading| heading.split_once(". "))
            .unwrap_or_else(|| panic!("{name}.md does not begin with `# NUMBER. TITLE`"));
        let row = format!("| {number} | [{title}][chapter {number}] | ");
        assert!(table.contains(&row), "{TABLE}.md has no row `{row}`");
        let target = format!("\n[chapter {number}]: {name}.md\n");
        assert!(
            table.contains(&target),
            "{TABLE}.md lacks `{}`",
            target.trim()
        );
    }
}

#[test]
fn embeds_every_diagram_unchanged() {
    for path in files(&guide().join("diagrams"), "svg") {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let embedded = embedded(name, &read(&path));
        let target = path.with_extension("uri.md");
        if env::var_os(UPDATE).is_some() {
            fs::write(&target, &embedded).expect("the folder is writable");
        }
        let is_current = fs::read_to_string(&target).is_ok_and(|found| found == embedded);
        assert!(
            is_current,
            "{name}.svg was changed: run this test with {UPDATE}=1"
        );
    }
}

#[test]
fn finds_hidden_lines_and_missing_main() {
    let (_, programs) =
        text_and_programs("text\n```rust\n# hidden\nuse a;\n```\n```text\n# no\n```\n");
    assert_eq!(program_findings(&programs).len(), 2);
    let (_, programs) =
        text_and_programs("```rust\n#[derive(Debug)]\nstruct A;\nfn main() {}\n```\n");
    assert_eq!(program_findings(&programs), Vec::<String>::new());
}

#[test]
fn finds_programs_that_are_hidden_indented_or_do_not_run() {
    let hidden = "```rust\nfn main() {\n    # let a = 1;\n}\n```\n";
    assert_eq!(program_findings(&text_and_programs(hidden).1).len(), 1);
    let commented = "```rust\n// fn main() {}\n```\n";
    assert_eq!(program_findings(&text_and_programs(commented).1).len(), 1);
    assert_eq!(
        fence_findings("```rust\n```\n```text\n```\n"),
        Vec::<String>::new()
    );
    for fence in ["```rust,ignore", "```no_run", "```", "~~~rust", "  ```rust"] {
        assert!(
            !fence_findings(&format!("{fence}\n```\n")).is_empty(),
            "{fence}"
        );
    }
}

#[test]
fn finds_dead_links() {
    let rustdoc = BTreeSet::from(["`Host`"]);
    let fine = "See [`Host`] and [a page](https://example.com).\n\n[`Host`]: mod.rs\n";
    assert_eq!(link_findings(fine, &rustdoc), Vec::<String>::new());
    let heading = "# Host\n\nSee [x](#a-link).\n\n## A link\n";
    assert_eq!(link_findings(heading, &rustdoc), Vec::<String>::new());
    for broken in [
        "# Host\n\nSee [x](#link).\n",                  // no such heading
        "See [`Host`].\n",                              // undefined on a code host
        "See [x](crate::Host).\n",                      // dead on a code host
        "See [x](ch02_datagrams.md).\n",                // dead in rustdoc
        "See [`Socket`].\n\n[`Socket`]: mod.rs\n",      // unknown to rustdoc
        "See [`Host`].\n\n[`Host`]: no_such_file.rs\n", // no such file
        "Nothing.\n\n[`Host`]: mod.rs\n",               // unused
    ] {
        assert_eq!(link_findings(broken, &rustdoc).len(), 1, "{broken}");
    }
}
