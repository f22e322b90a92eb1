//! Which file of the library names which other one: every path that begins with `crate`, `self` or
//! `super`, in a `use` and elsewhere. A name that a `mod.rs` re-exports leads to the file that
//! defines it.

use std::collections::BTreeMap;

use crate::source::SourceFile;

/// A module path from the root of the crate, such as `["proto", "wire", "frame"]`.
type ModulePath = Vec<String>;

/// The file at `path:line` names something of the module `target`.
pub(crate) struct Import {
    pub(crate) path: String,
    pub(crate) line: usize,
    /// Path of the file that defines what is named.
    pub(crate) target: String,
    /// What is named, as a path from the root of the crate.
    pub(crate) name: String,
}

/// A path in the code, from the root of the crate.
struct Named {
    line: usize,
    is_export: bool,
    path: ModulePath,
}

struct Module<'a> {
    file: &'a SourceFile,
    named: Vec<Named>,
}

/// Every import between two files. Unit tests in separate files may import anything.
pub(crate) fn imports(files: &[SourceFile]) -> Vec<Import> {
    let modules: BTreeMap<ModulePath, Module<'_>> = files
        .iter()
        .filter(|file| !file.is_unit_tests())
        .map(|file| {
            let module = module_path(&file.path);
            let named = named(file, &module);
            (module, Module { file, named })
        })
        .collect();
    let mut found = Vec::new();
    for module in modules.values() {
        for named in &module.named {
            let target = &modules[&definition(&modules, &named.path, 0)].file.path;
            if *target != module.file.path {
                found.push(Import {
                    path: module.file.path.clone(),
                    line: named.line,
                    target: target.clone(),
                    name: named.path.join("::"),
                });
            }
        }
    }
    found
}

/// `src/proto/wire/mod.rs` is the module `proto::wire`.
fn module_path(path: &str) -> ModulePath {
    let path = path.trim_start_matches("src/").trim_end_matches(".rs");
    let mut parts: ModulePath = path.split('/').map(str::to_owned).collect();
    if matches!(parts.last().map(String::as_str), Some("mod" | "lib")) {
        parts.pop();
    }
    parts
}

/// The module that defines what `path` names. Follows re-exports.
fn definition(
    modules: &BTreeMap<ModulePath, Module<'_>>,
    path: &[String],
    depth: usize,
) -> ModulePath {
    /// Maximum chain of re-exports: more than the depth of folders.
    const DEPTH_MAX: usize = 8;
    let known = (0..=path.len())
        .rev()
        .find(|len| modules.contains_key(&path[..*len]));
    let (module, rest) = path.split_at(known.expect("the root is a module"));
    let (Some(name), true) = (rest.first(), depth < DEPTH_MAX) else {
        return module.to_vec();
    };
    let export = modules[module]
        .named
        .iter()
        .find(|named| named.is_export && named.path.last() == Some(name) && named.path != path);
    export.map_or_else(
        || module.to_vec(),
        |export| definition(modules, &export.path, depth + 1),
    )
}

/// Every path in the code of a file that leads into the crate.
fn named(file: &SourceFile, module: &[String]) -> Vec<Named> {
    let mut found = Vec::new();
    let mut statement: Option<(usize, String)> = None;
    for (line, code) in file.code_lines() {
        let trimmed = code.trim();
        if statement.is_none() && use_tree(trimmed).is_some() {
            statement = Some((line, String::new()));
        }
        let Some((begin, text)) = &mut statement else {
            for path in inline_paths(code) {
                push(&mut found, line, false, &path, module);
            }
            continue;
        };
        text.push_str(trimmed);
        if !trimmed.ends_with(';') {
            continue;
        }
        let (is_export, tree) = use_tree(text).expect("it began as one");
        for path in leaves(tree.trim_end_matches(';')) {
            push(&mut found, *begin, is_export, &path, module);
        }
        statement = None;
    }
    found
}

/// What is between `use` and `;`, and whether it is exported.
fn use_tree(code: &str) -> Option<(bool, &str)> {
    if let Some(tree) = code.strip_prefix("use ") {
        return Some((false, tree));
    }
    let rest = code.strip_prefix("pub")?;
    let rest = match rest.strip_prefix('(') {
        Some(scope) => scope.split_once(')')?.1,
        None => rest,
    };
    Some((true, rest.strip_prefix(" use ")?))
}

/// The single paths of a tree of imports: `a::{b, c::{self, d as e}}` is `a::b`, `a::c`, `a::c::d`.
fn leaves(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some((prefix, body)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or(tree);
        return vec![path.trim().to_owned()];
    };
    let body = body.strip_suffix('}').unwrap_or(body);
    let mut found = Vec::new();
    let (mut depth, mut begin) = (0, 0);
    for (index, c) in body.char_indices().chain([(body.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                let part = &body[begin..index];
                begin = (index + 1).min(body.len());
                if part.trim() == "self" {
                    found.push(prefix.trim_end_matches("::").to_owned());
                } else if !part.trim().is_empty() {
                    found.extend(leaves(part).iter().map(|leaf| format!("{prefix}{leaf}")));
                }
            }
            _ => {}
        }
    }
    found
}

/// The paths within a line that begin with `crate::` or `super::`.
fn inline_paths(code: &str) -> Vec<String> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    code.split(|c| !is_part(c))
        .filter(|path| path.starts_with("crate::") || path.starts_with("super::"))
        .map(|path| path.trim_end_matches(':').to_owned())
        .collect()
}

/// Adds a path as it leads from the root of the crate, unless it leads out of the crate.
fn push(found: &mut Vec<Named>, line: usize, is_export: bool, path: &str, module: &[String]) {
    let mut parts: Vec<_> = path.split("::").map(str::trim).collect();
    let mut full = match parts.first() {
        Some(&"crate") => Vec::new(),
        Some(&("self" | "super")) => module.to_vec(),
        _ => return,
    };
    while let Some(&first @ ("crate" | "self" | "super")) = parts.first() {
        if first == "super" {
            full.pop();
        }
        parts.remove(0);
    }
    full.extend(parts.into_iter().map(str::to_owned));
    found.push(Named {
        line,
        is_export,
        path: full,
    });
}

#[test]
fn reads_every_form_of_an_import() {
    let text = "//! A file.\n\
        use std::fmt;\n\
        use crate::limits::{A, B as C};\n\
        pub(crate) use self::frame::{\n    Frame,\n    ack::{self, Ack},\n};\n\
        use super::time::Instant;\n\
        fn f() -> crate::keys::PublicKey {}\n\
        // use crate::commented;\n\
        mod tests {\n    use crate::tested;\n";
    let file = SourceFile::new("src/proto/wire/mod.rs", text);
    let module = module_path(&file.path);
    let found: Vec<_> = named(&file, &module)
        .iter()
        .map(|named| {
            format!(
                "{} {} {}",
                named.line,
                named.is_export,
                named.path.join("::")
            )
        })
        .collect();
    let wanted = [
        "3 false limits::A",
        "3 false limits::B",
        "4 true proto::wire::frame::Frame",
        "4 true proto::wire::frame::ack",
        "4 true proto::wire::frame::ack::Ack",
        "8 false proto::time::Instant",
        "9 false keys::PublicKey",
    ];
    assert_eq!(found, wanted);
}

#[test]
fn follows_a_re_export_to_the_file_that_defines_the_name() {
    let files = [
        SourceFile::new("src/lib.rs", "pub use crate::socket::Socket;\n"),
        SourceFile::new("src/socket/mod.rs", "pub use self::raw::Socket;\n"),
        SourceFile::new("src/socket/raw.rs", "pub struct Socket;\n"),
        SourceFile::new("src/host.rs", "use crate::Socket;\n"),
    ];
    let found = imports(&files);
    let host = found
        .iter()
        .find(|import| import.path == "src/host.rs")
        .unwrap();
    assert_eq!(host.target, "src/socket/raw.rs");
    assert_eq!((host.line, host.name.as_str()), (1, "Socket"));
}
