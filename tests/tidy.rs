//! The walls of the house, held up by reading the source: imports run one way (`bin -> lib face ->
//! io -> proto -> limits`), the protocol touches neither the system nor the clock, one file reads the
//! clock, nothing is unsafe.
//!
//! A line that has to be an exception does not get one here: the wall is moved or the line is.

use std::fs;
use std::path::{Path, PathBuf};

/// What must not be named where.
struct Wall {
    /// Files below this path, relative to the root, and not below these.
    inside: &'static str,
    except: &'static [&'static str],
    forbidden: &'static [&'static str],
    why: &'static str,
}

/// What a pure layer does not name.
const SYSTEM: &[&str] = &[
    "crate::socket",
    "crate::host",
    // What the crate root re-exports from there.
    "crate::Socket",
    "crate::Ticker",
    "crate::Waker",
    "mio::",
    "mio;",
    "socket2",
    "nix::",
    "libc::",
    "UdpSocket",
    "TcpStream",
    // It asks the system's resolver.
    "ToSocketAddrs",
    "std::io",
    "std::thread",
    "std::fs",
    "std::env",
    "std::process",
    "log::",
];

/// Where randomness would come from that nobody gave it.
const ENTROPY: &[&str] = &[
    "getrandom",
    "OsRng",
    "SysRng",
    "thread_rng",
    "ThreadRng",
    "rand::rng",
    "rand::random",
    "from_entropy",
    "from_os_rng",
    "SystemRandom",
    // The standard library's maps draw their keys from the system unless they are given a
    // hasher: the order of such a map is another one in every run.
    "RandomState",
    "HashMap::new(",
    "HashMap::with_capacity(",
    "HashSet::new(",
    "HashSet::with_capacity(",
];

const WALLS: &[Wall] = &[
    Wall {
        inside: "src",
        except: &[],
        forbidden: &["unsafe {", "unsafe fn", "unsafe impl", "allow(unsafe_code)"],
        why: "nothing in the library and the programs is unsafe",
    },
    Wall {
        inside: "src",
        except: &["src/clock.rs", "src/guide"],
        // `.elapsed()` of an instant reads the clock as well.
        forbidden: &["Instant::now", "SystemTime::now", ".elapsed()"],
        why: "one file of the library reads the clock: clock.rs",
    },
    Wall {
        inside: "src",
        except: &["src/guide"],
        forbidden: &["println!", "print!(", "dbg!(", "env_logger", "clap::"],
        why: "the library speaks through `log` alone; printing belongs to the programs",
    },
    Wall {
        inside: "src",
        except: &[],
        forbidden: &["todo!(", "unimplemented!("],
        why: "nothing is a stub",
    },
    Wall {
        inside: "src",
        except: &["crates/cli/src/bench/frame.rs"],
        forbidden: &["thread::sleep"],
        why: "nothing sleeps outside of its poll, but the game that a benchmark plays: bench/frame.rs",
    },
    Wall {
        inside: "src/proto",
        except: &[],
        forbidden: SYSTEM,
        why: "the protocol is pure: no I/O, no clock, no logging of payloads",
    },
    Wall {
        inside: "src/proto",
        except: &[],
        forbidden: ENTROPY,
        why: "the protocol has no entropy of its own: its generator is seeded at construction",
    },
    Wall {
        inside: "src/proto",
        except: &[],
        forbidden: &["crate::token"],
        why: "the protocol knows nothing of tokens: admission belongs to the application",
    },
    Wall {
        inside: "src/token",
        except: &[],
        forbidden: SYSTEM,
        why: "tokens are pure: no I/O, no clock, no logging of secrets",
    },
    Wall {
        inside: "src/token",
        except: &[],
        forbidden: ENTROPY,
        why: "tokens have no entropy of their own: an id is an argument",
    },
    Wall {
        inside: "src/keys",
        except: &["src/keys/file.rs", "src/keys/generate.rs"],
        forbidden: SYSTEM,
        why: "keys are pure: where they come from and where they are kept is for io",
    },
    Wall {
        inside: "src/keys",
        except: &["src/keys/file.rs", "src/keys/generate.rs"],
        forbidden: ENTROPY,
        why: "keys have no entropy of their own: io draws it",
    },
    Wall {
        inside: "src/limits.rs",
        except: &[],
        forbidden: &["use crate::", "use super::"],
        why: "limits are at the bottom and import nothing of ours",
    },
    Wall {
        inside: "src/config.rs",
        except: &[],
        forbidden: &["use crate::socket", "use crate::host", "use crate::proto"],
        why: "the config stands on the limits alone",
    },
    Wall {
        inside: "src/socket",
        except: &[],
        forbidden: &["crate::host", "crate::proto", "crate::guide"],
        why: "imports run one way: bin -> lib face -> io -> proto -> limits",
    },
];

/// The code of a file: no comments, no documentation, and nothing behind `mod tests`, where a test
/// may do what the library may not.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line))
        .take_while(|(_, line)| !line.starts_with("mod tests {"))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// A file that is all tests is none of the library.
fn is_tests(path: &str) -> bool {
    path.ends_with("_tests.rs") || path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// Every line of `text` that breaks a wall, as `path:line: why: the line`.
fn broken(path: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for wall in WALLS {
        let is_except = wall.except.iter().any(|except| is_below(path, except));
        if !is_below(path, wall.inside) || is_except || is_tests(path) {
            continue;
        }
        for (number, line) in code_lines(text) {
            if wall.forbidden.iter().any(|name| line.contains(name)) {
                found.push(format!("{path}:{number}: {}: {}", wall.why, line.trim()));
            }
        }
    }
    found
}

fn is_below(path: &str, folder: &str) -> bool {
    path == folder
        || path
            .strip_prefix(folder)
            .is_some_and(|rest| rest.starts_with('/'))
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn source_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            source_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn source() -> Vec<(String, String)> {
    let mut files = Vec::new();
    source_files(&root().join("src"), &mut files);
    files
        .iter()
        .map(|path| {
            let name = path
                .strip_prefix(root())
                .unwrap()
                .to_str()
                .unwrap()
                .replace('\\', "/");
            (name, fs::read_to_string(path).unwrap())
        })
        .collect()
}

#[test]
fn the_walls_stand() {
    let source = source();
    assert!(source.len() > 10, "the source was not found");
    let found: Vec<_> = source
        .iter()
        .flat_map(|(path, text)| broken(path, text))
        .collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn a_broken_wall_is_found_and_named() {
    let cases = [
        ("src/proto/rtt.rs", "let now = Instant::now();", "clock.rs"),
        (
            "src/proto/rtt.rs",
            "use crate::socket::Socket;",
            "the protocol is pure",
        ),
        (
            "src/proto/a/b.rs",
            "use std::net::UdpSocket;",
            "the protocol is pure",
        ),
        (
            "src/proto/rtt.rs",
            "let age = sent_at.elapsed();",
            "clock.rs",
        ),
        (
            "src/proto/rtt.rs",
            "log::trace!(\"{bytes:?}\");",
            "no logging",
        ),
        (
            "src/proto/a/b.rs",
            "let peers = HashMap::new();",
            "no entropy of its own",
        ),
        (
            "src/proto/admission.rs",
            "use crate::token::Verifier;",
            "knows nothing of tokens",
        ),
        (
            "src/keys/mod.rs",
            "getrandom::fill(&mut bytes)?;",
            "io draws it",
        ),
        ("src/token/key.rs", "std::fs::read(path)", "tokens are pure"),
        (
            "src/token/key.rs",
            "SystemRandom::new()",
            "no entropy of their own",
        ),
        ("src/socket/drain.rs", "println!(\"{x}\");", "`log` alone"),
        (
            "src/limits.rs",
            "use crate::config::Config;",
            "at the bottom",
        ),
        (
            "src/socket/batch.rs",
            "    unsafe { libc::recvmmsg() }",
            "unsafe",
        ),
    ];
    for (path, line, why) in cases {
        let found = broken(path, &format!("//! A file.\n{line}\n"));
        assert_eq!(found.len(), 1, "{path}: {line}");
        assert!(
            found[0].starts_with(&format!("{path}:2: ")) && found[0].contains(why),
            "{found:?}"
        );
    }
}

#[test]
fn what_is_allowed_is_not_reported() {
    let fine = [
        ("src/clock.rs", "Instant::now()"),
        ("crates/cli/src/main.rs", "println!();"),
        ("src/proto/rtt.rs", "// Instant::now is banned here"),
        ("src/proto_like.rs", "use mio::Poll;"),
        ("src/proto/link.rs", "ChaCha8Rng::from_seed(seed)"),
        ("src/proto/peers.rs", "HashMap::with_hasher(hasher)"),
        (
            "src/socket/drain.rs",
            "mod tests {\n    let now = Instant::now();",
        ),
    ];
    for (path, line) in fine {
        assert_eq!(broken(path, line), Vec::<String>::new());
    }
}

#[test]
fn every_root_forbids_unsafe_code() {
    for (path, text) in source() {
        let is_root = path == "src/lib.rs" || path.ends_with("/main.rs");
        assert!(
            !is_root || text.contains("#![forbid(unsafe_code)]"),
            "{path}"
        );
    }
}

#[test]
fn every_file_says_what_it_is_for() {
    for (path, text) in source() {
        assert!(
            text.starts_with("//! "),
            "{path} does not begin with its purpose"
        );
    }
}
