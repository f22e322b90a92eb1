//! `tickwire keygen` and `token`, and their keys and tokens in `serve` and `ping --connect`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use nix::sys::signal::Signal;
use tickwire::token::{self, Claims, TokenId, TokenKey};

use crate::child::{Ended, run, tickwire};
use crate::serve::{
    AT_ONCE, PATIENT, Server, assert_begins, assert_not_connected, ping, ping_once,
};
use crate::{Directory, assert_done, assert_fails, socket};

impl Directory {
    fn file(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        set_mode(&path, 0o600);
        path
    }

    /// A server's key; its file, and its public half.
    fn server_key(&self, name: &str) -> (String, String) {
        let file = self.path(name);
        let public = one_line(&run(&mut tickwire(&["keygen", &file])));
        (file, public)
    }

    fn token_key(&self, name: &str) -> String {
        let file = self.path(name);
        let text = one_line(&run(&mut tickwire(&["keygen", "--token-key", &file])));
        assert_eq!(text, format!("token key in {file}"));
        file
    }
}

fn set_mode(path: &str, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &str) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn one_line(ended: &Ended) -> String {
    assert_done(ended);
    let [line] = &ended.stdout[..] else {
        panic!("not one line: {ended:?}");
    };
    line.clone()
}

fn is_key(text: &str) -> bool {
    let is_digit = |digit: u8| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit);
    text.len() == 64 && text.bytes().all(is_digit)
}

fn token(key: &str, args: &[&str]) -> String {
    let args = [&["token", "--token-key", key, "--player", "anna"], args].concat();
    one_line(&run(&mut tickwire(&args)))
}

/// A token that expired in 1970, which `tickwire token` does not issue.
fn expired_token(key: &str, audience: &str) -> String {
    let key = TokenKey::read_file(key).unwrap();
    let claims = Claims {
        player: b"anna",
        audience: audience.as_bytes(),
        ..Claims::default()
    };
    hex::encode(token::issue(&key, &claims, TokenId::generate().unwrap()).unwrap())
}

fn with_token(server: &Server, token: &str) -> Ended {
    let args = ["--server-key", &server.key, "--token", token];
    ping_once(&server.address, &args)
}

fn gate(key: &str, args: &[&str]) -> Server {
    Server::start(&[&["--token-key", key][..], args, &AT_ONCE].concat())
}

// Key files.

#[test]
fn keygen_writes_a_key_for_its_owner_alone_and_prints_its_public_half() {
    let folder = Directory::new();
    let (file, public) = folder.server_key("server.key");
    assert!(is_key(&public), "{public}");
    assert_eq!(mode(&file), 0o600);
    let secret = secret_in(&file, "tickwire server key 1");
    assert_ne!(secret, public);
    secret_in(&folder.token_key("token.key"), "tickwire token key 1");
}

/// The key in a file that begins with this line.
fn secret_in(file: &str, tag: &str) -> String {
    let text = fs::read_to_string(file).unwrap();
    let key = text.strip_prefix(&format!("{tag}\n")).unwrap();
    let key = key.strip_suffix('\n').unwrap();
    assert!(is_key(key));
    key.to_owned()
}

#[test]
fn keygen_keeps_an_existing_file_unless_forced() {
    let folder = Directory::new();
    let (file, public) = folder.server_key("server.key");
    let before = fs::read(&file).unwrap();
    for args in [&["keygen", &file][..], &["keygen", "--token-key", &file]] {
        let ended = run(&mut tickwire(args));
        assert_fails(&ended, 2, &[&file, "exists already", "--force"]);
        assert_eq!(fs::read(&file).unwrap(), before);
    }
    // The new file is for its owner only.
    set_mode(&file, 0o644);
    let forced = one_line(&run(&mut tickwire(&["keygen", "--force", &file])));
    assert_ne!(forced, public);
    assert_eq!(mode(&file), 0o600);
    let names = fs::read_dir(&folder.0).unwrap().count();
    assert_eq!(names, 1);
}

#[test]
fn keygen_shows_the_public_key_of_an_existing_file() {
    let folder = Directory::new();
    let (file, public) = folder.server_key("server.key");
    let before = fs::read(&file).unwrap();
    let shown = one_line(&run(&mut tickwire(&["keygen", "--show", &file])));
    assert_eq!(shown, public);
    assert_eq!(fs::read(&file).unwrap(), before);
    let token_key = folder.token_key("token.key");
    let missing = folder.path("none.key");
    for file in [&token_key, &missing] {
        let ended = run(&mut tickwire(&["keygen", "--show", file]));
        assert_fails(&ended, 2, &[file]);
    }
    assert!(!fs::exists(&missing).unwrap(), "--show generates no key");
}

#[test]
fn keygen_reports_the_path_that_it_cannot_write() {
    let folder = Directory::new();
    let nowhere = folder.path("none/server.key");
    for force in [&[][..], &["--force"]] {
        let ended = run(&mut tickwire(&[&["keygen", &nowhere][..], force].concat()));
        assert_fails(&ended, 1, &["cannot write the key file", &nowhere]);
    }
}

#[test]
fn an_invalid_key_file_is_reported_without_its_content() {
    let folder = Directory::new();
    let (file, _) = folder.server_key("good.key");
    let secret = secret_in(&file, "tickwire server key 1");
    for kind in ["server", "token"] {
        let tag = format!("tickwire {kind} key 1");
        let file = |name: &str, key: &str| {
            let text = format!("{tag}\n{key}");
            folder.file(&format!("{name}-{kind}.key"), &text)
        };
        let open = file("open", &secret);
        set_mode(&open, 0o640);
        let first_line = format!("its first line must be `{tag}`");
        let untagged = format!("insert `{tag}` as its first line");
        let cases = [
            (open, "other users can read or write the key file"),
            (folder.file("empty.key", ""), &first_line),
            (folder.file("short.key", &secret[1..]), &first_line),
            (folder.file("untagged.key", &secret), &untagged),
            (file("none", ""), "key is 0 bytes"),
            (file("short", &secret[1..]), "key is 63 bytes"),
            (file("long", &secret.repeat(9)), "64 hexadecimal digits"),
            (
                file("garbled", &format!("{}x", &secret[1..])),
                "byte 64 of the key",
            ),
            (file("two", &format!("{secret}\n\n")), "key is 65 bytes"),
            (folder.path("none.key"), "`tickwire keygen` generates a key"),
            (folder.path("."), "key file"),
        ];
        for (file, why) in &cases {
            for args in users_of(kind, file) {
                let ended = run(&mut tickwire(&args));
                assert_fails(&ended, 2, &[file, why]);
                assert_eq!(ended.stdout, [""; 0]);
                assert!(!ended.stderr[0].contains(&secret[8..16]), "{ended:?}");
            }
        }
    }
}

fn users_of<'a>(kind: &str, file: &'a str) -> Vec<Vec<&'a str>> {
    match kind {
        "server" => vec![vec!["serve", "127.0.0.1:0", "--key", file]],
        _ => vec![
            vec!["serve", "127.0.0.1:0", "--token-key", file],
            vec!["token", "--player", "anna", "--token-key", file],
        ],
    }
}

#[test]
fn a_key_of_the_other_kind_is_rejected_and_both_kinds_are_named() {
    let folder = Directory::new();
    let (server, _) = folder.server_key("server.key");
    let token = folder.token_key("token.key");
    for (kind, file, why) in [
        (
            "server",
            &token,
            "holds a token key, but a server key is needed",
        ),
        (
            "token",
            &server,
            "holds a server key, but a token key is needed",
        ),
    ] {
        for args in users_of(kind, file) {
            let ended = run(&mut tickwire(&args));
            assert_fails(&ended, 2, &[file, why]);
        }
    }
}

#[test]
fn invalid_key_options_are_rejected_before_anything_is_sent() {
    let folder = Directory::new();
    let key = folder.token_key("token.key");
    let long = "x".repeat(129);
    let public = "ab".repeat(32);
    let cases: [(&[&str], &str); 14] = [
        (&["keygen"], "<FILE>"),
        (&["token", "--token-key", &key], "--player"),
        (
            &["token", "--token-key", &key, "--player", ""],
            "--player is 0 bytes",
        ),
        (
            &["token", "--token-key", &key, "--player", &long],
            "must be 1 to 36 bytes",
        ),
        (
            &[
                "token",
                "--token-key",
                &key,
                "--player",
                "a",
                "--audience",
                "",
            ],
            "--audience is 0",
        ),
        (
            &[
                "token",
                "--token-key",
                &key,
                "--player",
                "a",
                "--data",
                &long,
            ],
            "--data is 129",
        ),
        (
            &["serve", "--token-key", &key, "--audience", &long],
            "--audience is 129",
        ),
        (
            &["serve", "--token-key", &key, "--ticket", "x"],
            "cannot be used with",
        ),
        (&["serve", "--key", &key, "--plain"], "cannot be used with"),
        (
            &["serve", "--handshake-rate", "0"],
            "must be a whole number from 1 to 1000000",
        ),
        (
            &["ping", "--connect", "--server-key", "ab"],
            "key is 2 bytes",
        ),
        (
            &["ping", "--connect", "--server-key", &public, "--plain"],
            "cannot be used with",
        ),
        (
            &["ping", "--connect", "--token", "0g"],
            "not hexadecimal digits",
        ),
        (&["ping", "--connect", "--token", "0a"], "--server-key"),
    ];
    for (args, part) in cases {
        let ended = run(&mut tickwire(args));
        assert_eq!(ended.code, Some(2), "{args:?}: {ended:?}");
        assert_eq!(ended.stdout, [""; 0]);
        let text = ended.stderr.join("\n");
        assert!(text.contains(part), "no {part:?} in {text:?}");
    }
}

// Server keys.

#[test]
fn a_server_with_a_key_is_the_same_with_every_start() {
    let folder = Directory::new();
    let (file, public) = folder.server_key("server.key");
    for _ in 0..2 {
        let server = Server::start(&[&["--key", &file][..], &AT_ONCE].concat());
        assert_eq!(server.key, public);
        let ended = ping_once(&server.address, &["--server-key", &public]);
        assert_done(&ended);
        let text = "encrypted, to the server with the key that was given";
        assert!(ended.stdout[1].ends_with(text), "{ended:?}");
    }
}

#[test]
fn without_a_key_file_a_server_generates_a_key_and_clients_show_it() {
    let servers = [(); 2].map(|()| Server::start(&AT_ONCE));
    assert_ne!(servers[0].key, servers[1].key);
    for server in &servers {
        let ended = ping_once(&server.address, &[]);
        assert_done(&ended);
        let text = format!("to a server with the key {}", server.key);
        assert!(ended.stdout[1].contains(&text), "{ended:?}");
    }
}

#[test]
fn a_client_rejects_a_server_with_another_key() {
    let folder = Directory::new();
    let (_, public) = folder.server_key("another.key");
    let server = Server::start(&AT_ONCE);
    let args = ["--connect-timeout", "300ms", "--server-key", &public];
    let ended = ping(&server.address, &args).end();
    let why = format!("the server has another public key, {}", server.key);
    assert_not_connected(&ended, &server.address, &why);
    let rest = server.end(Signal::SIGTERM);
    assert_begins(&rest[0], "in all 0 peers; ");
}

#[test]
fn plain_is_required_on_both_sides() {
    let plain = Server::start(&[&["--plain"][..], &AT_ONCE].concat());
    assert_eq!(plain.key, "");
    let ended = ping_once(&plain.address, &["--plain"]);
    assert_done(&ended);
    assert!(ended.stdout[1].ends_with(" ms, not encrypted"), "{ended:?}");

    let why =
        "the server protects its packets differently: use --plain on both sides or on neither";
    assert_not_connected(&ping_once(&plain.address, &[]), &plain.address, why);
    let noise = Server::start(&AT_ONCE);
    assert_not_connected(
        &ping_once(&noise.address, &["--plain"]),
        &noise.address,
        why,
    );
}

// Tokens.

#[test]
fn a_token_admits_its_player_once() {
    let folder = Directory::new();
    let key = folder.token_key("token.key");
    let server = gate(&key, &[]);
    let token = token(&key, &["--data", "level 12"]);
    assert_done(&with_token(&server, &token));
    let line = server.program.line();
    assert_begins(&line, "peer 0v0 connected from 127.0.0.1:");
    assert!(line.ends_with(" as anna"), "{line}");
    let again = with_token(&server, &token);
    let why = "denied by the server, code 409: the --token was used before";
    assert_not_connected(&again, &server.address, why);
}

#[test]
fn an_invalid_token_is_denied_with_the_reason() {
    let folder = Directory::new();
    let key = folder.token_key("token.key");
    let another_key = folder.token_key("another.key");
    let server = gate(&key, &["--audience", "arena-7"]);
    let good = token(&key, &["--audience", "arena-7"]);
    let altered = format!(
        "{}{}",
        &good[..good.len() - 1],
        if good.ends_with('0') { 1 } else { 0 }
    );
    let cases = [
        (altered, "code 403"),
        ("00".to_owned(), "code 403"),
        (token(&another_key, &["--audience", "arena-7"]), "code 403"),
        (
            token(&key, &["--audience", "arena-8"]),
            "code 421: the --token is for another --audience",
        ),
        (
            expired_token(&key, "arena-7"),
            "code 410: the --token has expired",
        ),
    ];
    for (token, why) in cases {
        let ended = with_token(&server, &token);
        assert_not_connected(
            &ended,
            &server.address,
            &format!("denied by the server, {why}"),
        );
    }
    let without = ping_once(&server.address, &["--server-key", &server.key]);
    assert_not_connected(&without, &server.address, "denied by the server, code 403");
    assert_done(&with_token(&server, &good));
}

#[test]
fn the_name_of_a_player_is_escaped_for_the_terminal() {
    let folder = Directory::new();
    let key = folder.token_key("token.key");
    let server = gate(&key, &[]);
    let args = ["token", "--token-key", &key, "--player", "a\x1b[2Jb"];
    let token = one_line(&run(&mut tickwire(&args)));
    assert_done(&with_token(&server, &token));
    let line = server.program.line();
    assert!(line.ends_with(r" as a\x1b[2Jb"), "{line}");
}

#[test]
fn a_token_is_not_sent_to_an_unauthenticated_server() {
    let (socket, address) = socket();
    let args = [&["--token", "0a"][..], &PATIENT].concat();
    let ended = ping(&address, &args).end();
    assert_fails(&ended, 2, &["--server-key", "--trust-unpinned"]);
    socket.set_nonblocking(true).unwrap();
    assert!(socket.recv(&mut [0; 16]).is_err(), "something was sent");
}
