//! Rule: imports run one way. The tables list which module of a folder may import which other. In
//! every folder, with or without a table, the imports between modules have no cycle.
//!
//! A module is a file or a folder. An import counts in the innermost folder that contains both
//! files: `proto/host/poll.rs` importing `proto/wire/frame.rs` is `host` importing `wire`, in the
//! folder `proto`. A `mod.rs` belongs to all modules of its own folder: it declares them and
//! re-exports their names, and they extend its main type. So does `lib.rs`.

use std::collections::{BTreeMap, BTreeSet};

use crate::imports::{Import, imports};
use crate::source::{SourceFile, library};

/// A module of a folder, and what it may import of the same folder.
type Layer = (&'static str, &'static [&'static str]);

/// The library, from the bottom up.
const LIBRARY: &[Layer] = &[
    ("limits", &[]),
    ("clock", &[]),
    ("error", &["limits"]),
    ("ticker", &["clock", "limits"]),
    ("keys", &["clock", "error", "limits"]),
    ("config", &["error", "keys", "limits"]),
    // Admission tokens are for the application; the protocol does not use them.
    ("token", &["clock", "error", "keys", "limits"]),
    ("proto", &["config", "error", "keys", "limits"]),
    ("sim", &["clock", "config", "error", "limits", "proto"]),
    // Datagrams only: no peers, no protocol.
    ("socket", &["clock", "config", "error", "limits"]),
    (
        "transport",
        &["clock", "config", "error", "limits", "sim", "socket"],
    ),
    (
        "host",
        &[
            "clock",
            "config",
            "error",
            "keys",
            "limits",
            "proto",
            "sim",
            "socket",
            "transport",
        ],
    ),
];

/// The protocol, from the bottom up: the files that serve every layer, then the layers.
const PROTO: &[Layer] = &[
    ("time", &[]),
    ("rng", &[]),
    ("buffers", &[]),
    ("pool", &[]),
    ("delivery", &[]),
    ("slot_index", &[]),
    ("peer_id", &["slot_index"]),
    ("connection_id", &["slot_index"]),
    ("close_reason", &[]),
    ("stats", &["time"]),
    ("event", &["delivery", "peer_id", "stats"]),
    ("wire", &["connection_id", "delivery"]),
    ("recovery", &["buffers", "delivery", "time", "wire"]),
    ("noise", &["rng", "wire"]),
    ("congestion", &["recovery", "time"]),
    (
        "channel",
        &[
            "buffers", "delivery", "event", "peer_id", "pool", "recovery", "time", "wire",
        ],
    ),
    (
        "connection",
        &[
            "buffers",
            "channel",
            "close_reason",
            "congestion",
            "connection_id",
            "delivery",
            "event",
            "noise",
            "peer_id",
            "pool",
            "recovery",
            "rng",
            "stats",
            "time",
            "wire",
        ],
    ),
    (
        "host",
        &[
            "buffers",
            "channel",
            "close_reason",
            "congestion",
            "connection",
            "connection_id",
            "delivery",
            "event",
            "noise",
            "peer_id",
            "pool",
            "recovery",
            "rng",
            "slot_index",
            "stats",
            "time",
            "wire",
        ],
    ),
];

const TABLES: &[(&str, &[Layer])] = &[("src", LIBRARY), ("src/proto", PROTO)];

/// The imports between the modules of one folder.
type Graph<'a> = BTreeMap<&'a str, BTreeMap<&'a str, &'a Import>>;

fn graphs(imports: &[Import]) -> BTreeMap<String, Graph<'_>> {
    let mut graphs: BTreeMap<String, Graph<'_>> = BTreeMap::new();
    for import in imports {
        let Some((folder, from, to)) = modules_of(import) else {
            continue;
        };
        let graph = graphs.entry(folder.to_owned()).or_default();
        graph.entry(from).or_default().entry(to).or_insert(import);
    }
    graphs
}

/// The innermost folder that both files are in, and their modules there; `None` if one of them is
/// the folder's own `mod.rs` or `lib.rs`, or both are the same module.
fn modules_of(import: &Import) -> Option<(&str, &str, &str)> {
    let (from, to) = (&import.path, &import.target);
    let same = from
        .bytes()
        .zip(to.bytes())
        .take_while(|(a, b)| a == b)
        .count();
    let slash = from[..same].rfind('/')?;
    let module = |path: &'_ str| -> usize {
        let rest = &path[slash + 1..];
        rest.find('/').unwrap_or(rest.len() - ".rs".len())
    };
    let from = &from[slash + 1..][..module(from)];
    let to = &to[slash + 1..][..module(to)];
    let is_face = |module: &str| matches!(module, "mod" | "lib");
    (from != to && !is_face(from) && !is_face(to)).then_some((&import.path[..slash], from, to))
}

/// Imports that a table does not allow, and modules that it does not have.
fn upward(folder: &str, graph: &Graph<'_>, table: &[Layer]) -> Vec<String> {
    let mut found = Vec::new();
    for (from, targets) in graph {
        let allowed = table
            .iter()
            .find(|(module, _)| module == from)
            .map(|(_, allowed)| *allowed);
        for (to, import) in targets {
            let Import {
                path, line, name, ..
            } = import;
            let why = match allowed {
                Some(allowed) if allowed.contains(to) => continue,
                Some(_) => format!("in {folder}, {from} must not import {to}"),
                None => format!("{folder} has no layer {from}: add it to the table of layers"),
            };
            found.push(format!("{path}:{line}: {why}: {name}"));
        }
    }
    found
}

/// One finding for each cycle: its modules, and the line that ties each to the next.
fn cycles(folder: &str, graph: &Graph<'_>) -> Vec<String> {
    let mut found = Vec::new();
    let mut reported = BTreeSet::new();
    for start in graph.keys() {
        let Some(way) = way_back(graph, start) else {
            continue;
        };
        let modules: BTreeSet<_> = way.iter().map(|(module, _)| *module).collect();
        if !reported.insert(modules) {
            continue;
        }
        let names: Vec<_> = way.iter().map(|(module, _)| *module).collect();
        let mut text = format!(
            "{folder}: imports form a cycle: {} -> {start}",
            names.join(" -> ")
        );
        for (module, import) in &way {
            let Import {
                path, line, name, ..
            } = import;
            text.push_str(&format!("\n    {path}:{line}: {module} imports {name}"));
        }
        found.push(text);
    }
    found
}

/// The shortest way along imports from a module to itself: each module with its import of the next.
fn way_back<'a>(graph: &Graph<'a>, start: &'a str) -> Option<Vec<(&'a str, &'a Import)>> {
    let mut ways = vec![(start, Vec::new())];
    let mut seen = BTreeSet::new();
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for (module, way) in ways {
            for (next, import) in graph.get(module).into_iter().flatten() {
                let mut way: Vec<(&str, &Import)> = way.clone();
                way.push((module, import));
                if *next == start {
                    return Some(way);
                }
                if seen.insert(*next) {
                    longer.push((*next, way));
                }
            }
        }
        ways = longer;
    }
    None
}

fn findings(files: &[SourceFile]) -> Vec<String> {
    let imports = imports(files);
    let mut found = Vec::new();
    for (folder, graph) in &graphs(&imports) {
        if let Some((_, table)) = TABLES.iter().find(|(name, _)| name == folder) {
            found.extend(upward(folder, graph, table));
        }
        found.extend(cycles(folder, graph));
    }
    found
}

#[test]
fn imports_run_one_way() {
    let found = findings(&library());
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn tables_are_sorted_from_the_bottom_up() {
    for (folder, table) in TABLES {
        for (index, (module, allowed)) in table.iter().enumerate() {
            for target in *allowed {
                let below = table[..index].iter().any(|(name, _)| name == target);
                assert!(
                    below,
                    "{folder}: {module} may import {target}, which is not below it"
                );
            }
        }
    }
}

/// The library's shape, with one line in one file.
fn with_line(path: &str, line: &str) -> Vec<SourceFile> {
    let paths = [
        "src/lib.rs",
        "src/limits.rs",
        "src/socket/mod.rs",
        "src/host.rs",
        "src/proto/mod.rs",
        "src/proto/host/mod.rs",
        "src/proto/host/poll.rs",
        "src/proto/recovery/rtt.rs",
        "src/proto/wire/frame.rs",
        "src/proto/wire/message.rs",
    ];
    let mut files: Vec<_> = paths
        .map(|path| SourceFile::new(path, "//! A file.\n"))
        .into();
    let file = files.iter_mut().find(|file| file.path == path).unwrap();
    file.text.push_str(line);
    files
}

#[test]
fn reports_an_upward_import_with_file_and_line() {
    let cases = [
        (
            "src/limits.rs",
            "use crate::socket;",
            "limits must not import socket",
        ),
        (
            "src/socket/mod.rs",
            "use crate::proto;",
            "socket must not import proto",
        ),
        (
            "src/socket/mod.rs",
            "use crate::host::Host;",
            "socket must not import host",
        ),
        (
            "src/proto/wire/frame.rs",
            "use crate::socket::Socket;",
            "proto must not import socket",
        ),
        (
            "src/proto/wire/frame.rs",
            "use crate::proto::recovery::rtt::Rtt;",
            "wire must not import recovery",
        ),
        (
            "src/proto/recovery/rtt.rs",
            "use crate::proto::host::{\n    HostState,\n};",
            "recovery must not import host",
        ),
        (
            "src/proto/recovery/rtt.rs",
            "fn f(h: &crate::proto::host::HostState) {}",
            "recovery must not import host",
        ),
    ];
    for (path, line, why) in cases {
        let found = findings(&with_line(path, line));
        assert_eq!(found.len(), 1, "{path}: {line}: {found:?}");
        assert!(found[0].starts_with(&format!("{path}:2: ")), "{found:?}");
        assert!(found[0].contains(why), "{found:?}");
    }
}

#[test]
fn allows_downward_imports_and_those_between_a_folder_and_its_own_files() {
    let cases = [
        ("src/host.rs", "use crate::socket;"),
        ("src/lib.rs", "pub use crate::host::Host;"),
        (
            "src/proto/host/poll.rs",
            "use crate::proto::wire::frame::Frame;",
        ),
        (
            "src/proto/host/poll.rs",
            "use crate::proto::host::HostState;",
        ),
        ("src/proto/host/mod.rs", "use self::poll::Turn;"),
    ];
    for (path, line) in cases {
        assert_eq!(
            findings(&with_line(path, line)),
            Vec::<String>::new(),
            "{line}"
        );
    }
}

#[test]
fn reports_a_module_without_a_layer() {
    let mut files = with_line("src/limits.rs", "");
    files.push(SourceFile::new("src/extra.rs", "use crate::limits::X;\n"));
    let found = findings(&files);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with("src/extra.rs:1: src has no layer extra"),
        "{found:?}"
    );
}

#[test]
fn reports_a_cycle_with_the_lines_that_tie_it() {
    let mut files = with_line("src/proto/wire/frame.rs", "use super::message::Message;\n");
    let message = files
        .iter_mut()
        .find(|file| file.path.ends_with("message.rs"))
        .unwrap();
    message.text.push_str("use super::checksum;\n");
    let back = "use crate::proto::wire::frame::Frame;\n";
    files.push(SourceFile::new("src/proto/wire/checksum.rs", back));
    let wanted = "src/proto/wire: imports form a cycle: checksum -> frame -> message -> checksum\n    \
        src/proto/wire/checksum.rs:1: checksum imports proto::wire::frame::Frame\n    \
        src/proto/wire/frame.rs:2: frame imports proto::wire::message::Message\n    \
        src/proto/wire/message.rs:2: message imports proto::wire::checksum";
    assert_eq!(findings(&files), [wanted]);
}
