//! Rule: names that a folder must not use. The protocol accesses neither the operating system nor
//! the clock, one file reads the clock, no code is `unsafe`, the library does not print, and no
//! code sleeps outside a poll.

use crate::source::{SourceFile, everything, is_below};

/// Forbidden names, and where.
struct Wall {
    /// Files in these folders (or these files), except those in `except`.
    inside: &'static [&'static str],
    except: &'static [&'static str],
    forbidden: &'static [&'static str],
    why: &'static str,
}

/// The operating system, which a pure layer must not name.
const SYSTEM: &[&str] = &[
    "crate::socket",
    "crate::host",
    // Re-exported by the root.
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
    // Uses the resolver of the operating system.
    "ToSocketAddrs",
    "std::io",
    "std::thread",
    "std::fs",
    "std::env",
    "std::process",
    "log::",
];

/// Sources of randomness other than the generator that is passed in.
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
    // Without an explicit hasher, the maps of the standard library take their keys from the
    // operating system, so their order differs between runs.
    "RandomState",
    "HashMap::new(",
    "HashMap::with_capacity(",
    "HashSet::new(",
    "HashSet::with_capacity(",
];

/// Everything that is built, except `benches`, where the fastest floors call the system directly.
const SAFE: &[&str] = &["src", "crates", "tests", "examples"];

/// Files of `keys` and `token` that draw entropy, read the clock and access files.
const SYSTEM_FILES: &[&str] = &[
    "src/keys/file.rs",
    "src/keys/generate.rs",
    "src/token/system.rs",
];

const WALLS: &[Wall] = &[
    Wall {
        inside: SAFE,
        except: &[],
        forbidden: &["unsafe {", "unsafe fn", "unsafe impl", "allow(unsafe_code)"],
        why: "the library, the programs, the tests and the examples have no unsafe code",
    },
    Wall {
        inside: &["src"],
        except: &["src/clock.rs", "src/guide"],
        // `.elapsed()` of an instant reads the clock as well.
        forbidden: &["Instant::now", "SystemTime::now", ".elapsed()"],
        why: "one file of the library reads the clock: clock.rs",
    },
    Wall {
        inside: &["src"],
        except: &["src/guide"],
        forbidden: &["println!", "print!(", "env_logger", "clap::"],
        why: "the library reports through `log` alone; printing belongs to the programs",
    },
    Wall {
        inside: &["src", "crates", "tests", "benches", "examples"],
        except: &[],
        forbidden: &["todo!(", "unimplemented!(", "dbg!("],
        why: "nothing is a stub, and nothing prints for debugging",
    },
    Wall {
        inside: SAFE,
        except: &[
            "crates/cli/src/bench/frame.rs",
            "crates/compare/src/real_time.rs",
        ],
        forbidden: &["thread::sleep"],
        why: "nothing sleeps outside of its poll, except the simulated game of a benchmark: bench/frame.rs, \
              real_time.rs",
    },
    Wall {
        inside: &["src/proto", "src/sim"],
        except: &[],
        forbidden: SYSTEM,
        why: "the protocol and the simulator are pure: no I/O, no logging of payloads",
    },
    Wall {
        inside: &["src/proto", "src/sim"],
        except: &[],
        forbidden: ENTROPY,
        why: "the protocol and the simulator have no entropy of their own: generators are seeded at construction",
    },
    Wall {
        inside: &["src/proto"],
        except: &[],
        forbidden: &["crate::clock", "crate::token"],
        why: "time is an argument, and admission belongs to the application",
    },
    Wall {
        inside: &["src/token", "src/keys"],
        except: SYSTEM_FILES,
        forbidden: SYSTEM,
        why: "keys and tokens are pure: no I/O, no logging of secrets",
    },
    Wall {
        inside: &["src/token", "src/keys"],
        except: SYSTEM_FILES,
        forbidden: ENTROPY,
        why: "keys and tokens have no entropy of their own: an id is an argument",
    },
    Wall {
        inside: &["src/token", "src/keys"],
        except: SYSTEM_FILES,
        forbidden: &["crate::clock"],
        why: "keys and tokens read no clock: time is an argument",
    },
];

/// Every line of a file that breaks a wall, as `path:line: why: the line`.
fn findings(file: &SourceFile) -> Vec<String> {
    let path = &file.path;
    let within = |folders: &[&str]| folders.iter().any(|folder| is_below(path, folder));
    let mut found = Vec::new();
    for wall in WALLS {
        if !within(wall.inside) || within(wall.except) || file.is_unit_tests() {
            continue;
        }
        for (number, line) in file.code_lines() {
            if wall.forbidden.iter().any(|name| line.contains(name)) {
                found.push(format!("{path}:{number}: {}: {}", wall.why, line.trim()));
            }
        }
    }
    found
}

#[test]
fn no_file_breaks_a_wall() {
    let found: Vec<_> = everything().iter().flat_map(findings).collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn reports_a_broken_wall_with_its_reason() {
    let cases = [
        ("src/proto/rtt.rs", "let now = Instant::now();", "clock.rs"),
        (
            "src/proto/rtt.rs",
            "let age = sent_at.elapsed();",
            "clock.rs",
        ),
        ("src/proto/rtt.rs", "use crate::socket::Socket;", "are pure"),
        ("src/proto/a/b.rs", "use std::net::UdpSocket;", "are pure"),
        (
            "src/proto/rtt.rs",
            "log::trace!(\"{bytes:?}\");",
            "no logging",
        ),
        ("src/sim/link.rs", "use std::io;", "are pure"),
        (
            "src/sim/link.rs",
            "getrandom::u64()",
            "seeded at construction",
        ),
        (
            "src/proto/a/b.rs",
            "let peers = HashMap::new();",
            "no entropy of their own",
        ),
        (
            "src/proto/admission.rs",
            "use crate::token::Verifier;",
            "belongs to the application",
        ),
        (
            "src/proto/admission.rs",
            "let now = crate::clock::now();",
            "time is an argument",
        ),
        (
            "src/keys/mod.rs",
            "getrandom::fill(&mut bytes)?;",
            "an id is an argument",
        ),
        ("src/keys/mod.rs", "crate::clock::now()", "read no clock"),
        ("src/token/key.rs", "std::fs::read(path)", "tokens are pure"),
        (
            "src/token/key.rs",
            "SystemRandom::new()",
            "no entropy of their own",
        ),
        ("src/socket/drain.rs", "println!(\"{x}\");", "`log` alone"),
        (
            "src/socket/batch.rs",
            "    unsafe { libc::recvmmsg() }",
            "no unsafe code",
        ),
        (
            "crates/cli/src/main.rs",
            "unsafe fn f() {}",
            "no unsafe code",
        ),
        (
            "tests/host.rs",
            "unsafe impl Send for T {}",
            "no unsafe code",
        ),
        ("crates/cli/src/main.rs", "todo!()", "nothing is a stub"),
        ("benches/goals/main.rs", "dbg!(x)", "nothing is a stub"),
        ("tests/host.rs", "thread::sleep(second);", "nothing sleeps"),
        (
            "crates/cli/tests/load.rs",
            "thread::sleep(second);",
            "nothing sleeps",
        ),
    ];
    for (path, line, why) in cases {
        let found = findings(&SourceFile::new(path, &format!("//! A file.\n{line}\n")));
        assert_eq!(found.len(), 1, "{path}: {line}: {found:?}");
        assert!(found[0].starts_with(&format!("{path}:2: ")), "{found:?}");
        assert!(found[0].contains(why), "{found:?}");
    }
}

#[test]
fn allows_lines_outside_the_walls() {
    let fine = [
        ("src/clock.rs", "Instant::now()"),
        ("crates/cli/src/main.rs", "println!();"),
        ("src/proto/rtt.rs", "// Instant::now is banned here"),
        ("src/proto_like.rs", "use mio::Poll;"),
        ("src/sim/link.rs", "ChaCha8Rng::from_seed(seed)"),
        ("src/proto/peers.rs", "HashMap::with_hasher(hasher)"),
        ("src/keys/generate.rs", "getrandom::fill(&mut bytes)?;"),
        ("src/proto/host/tests.rs", "let now = Instant::now();"),
        (
            "src/proto/congestion/tests/world.rs",
            "let now = Instant::now();",
        ),
        ("benches/goals/raw.rs", "unsafe { libc::recvmmsg() }"),
        (
            "src/socket/drain.rs",
            "mod tests {\n    let now = Instant::now();",
        ),
    ];
    for (path, line) in fine {
        let found = findings(&SourceFile::new(path, line));
        assert_eq!(found, Vec::<String>::new(), "{path}: {line}");
    }
}
