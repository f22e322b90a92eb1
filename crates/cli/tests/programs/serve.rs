//! `tickwire serve` and `tickwire ping --connect`: connect, echo, disconnect and admission.

use std::net::{SocketAddr, UdpSocket};

use nix::sys::signal::Signal;

use crate::child::{Ended, Program, run, tickwire};
use crate::skip::skip;
use crate::{assert_done, assert_fails, read_line, socket};

/// Answers at once, and prints only connects and disconnects.
pub(crate) const AT_ONCE: [&str; 4] = ["--tick-rate", "0", "--report-interval", "0s"];

/// No reply is late, even on a busy machine.
pub(crate) const PATIENT: [&str; 4] = ["--timeout", "1h", "--connect-timeout", "1h"];

/// `tickwire serve`, on a port of its own.
pub(crate) struct Server {
    pub(crate) program: Program,
    pub(crate) address: String,
    /// Its public key; empty without encryption.
    pub(crate) key: String,
}

impl Server {
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::start_at("127.0.0.1:0", args)
    }

    fn start_at(address: &str, args: &[&str]) -> Self {
        let args = [&["serve", address], args].concat();
        let program = Program::start(&mut tickwire(&args));
        let line = program.line();
        let address = line.strip_prefix("listening on ").expect("the first line");
        let key = program.line();
        Self {
            address: address.to_owned(),
            key: public_key(&key),
            program,
        }
    }

    /// The next line, which reports a connect.
    pub(crate) fn connected(&self, peer: &str) -> SocketAddr {
        let line = self.program.line();
        let begin = format!("peer {peer} connected from ");
        let address = line.strip_prefix(&begin);
        let address = address.unwrap_or_else(|| panic!("{peer} did not come: {line}"));
        address.parse().unwrap()
    }

    /// The next line, which reports a disconnect.
    pub(crate) fn gone(&self, peer: &str, address: SocketAddr, why: &str) {
        assert_gone(&self.program.line(), peer, address, why);
    }

    /// Ends it with exit code 0, and returns the remaining lines.
    pub(crate) fn end(self, signal: Signal) -> Vec<String> {
        self.program.signal(signal);
        let ended = self.program.end();
        assert_done(&ended);
        ended.stdout
    }
}

fn public_key(line: &str) -> String {
    if line == "not encrypted" {
        return String::new();
    }
    let key = line.strip_prefix("server key ").expect("the second line");
    key.strip_suffix(", until it ends")
        .unwrap_or(key)
        .to_owned()
}

fn assert_gone(line: &str, peer: &str, address: SocketAddr, why: &str) {
    let begin = format!("peer {peer} from {address} gone after ");
    let rest = line.strip_prefix(&begin);
    let rest = rest.unwrap_or_else(|| panic!("{peer} did not go: {line}"));
    let (seconds, reason) = rest.split_once(" s: ").expect("a time and a reason");
    assert!(seconds.parse::<f64>().is_ok(), "{line}");
    assert_eq!(reason, why);
}

pub(crate) fn ping(address: &str, args: &[&str]) -> Program {
    Program::start(&mut tickwire(
        &[&["ping", "--connect", address], args].concat(),
    ))
}

/// A ping that continues after its first reply.
fn ping_for_long(address: &str, args: &[&str]) -> Program {
    let ping = ping(
        address,
        &[&["--interval", "1h"], args, &PATIENT[..]].concat(),
    );
    assert_begins(&ping.line(), "ping ");
    assert_begins(&ping.line(), "connected in ");
    assert_begins(&ping.line(), "seq=1 ");
    ping
}

pub(crate) fn ping_once(address: &str, args: &[&str]) -> Ended {
    ping(address, &[&["--count", "1"], args, &PATIENT[..]].concat()).end()
}

pub(crate) fn assert_begins(line: &str, begin: &str) {
    assert!(line.starts_with(begin), "{line}");
}

/// Asserts that the connection was refused for this reason.
pub(crate) fn assert_not_connected(ended: &Ended, address: &str, why: &str) {
    let text = format!("not connected to {address}: {why}");
    assert_fails(ended, 1, &[&text]);
    assert_eq!(ended.stdout, [format!("ping {address}, 64 bytes")]);
}

// Connects and disconnects.

#[test]
fn a_ping_is_answered_and_disconnects_at_once() {
    let server = Server::start(&AT_ONCE);
    for (generation, size) in [16, 64, 992].into_iter().enumerate() {
        let size = size.to_string();
        // One at a time, so that no probe is late.
        let args = ["--count", "3", "--interval", "0s", "--size", &size];
        let ended = ping(&server.address, &[&args[..], &PATIENT].concat()).end();
        assert_done(&ended);
        let [
            announced,
            connected,
            one,
            _,
            three,
            counts,
            figures,
            connection,
        ] = &ended.stdout[..]
        else {
            panic!("{ended:?}");
        };
        let address = &server.address;
        assert_eq!(announced, &format!("ping {address}, {size} bytes"));
        assert_begins(connected, "connected in ");
        assert_begins(one, &format!("seq=1 {size} bytes time="));
        assert_begins(three, &format!("seq=3 {size} bytes time="));
        assert_begins(counts, "in all 3 sent, 3 received, 0 lost (0.0%), 0 late");
        assert_begins(figures, "round trip min/avg/p50/p99/max/jitter = ");
        assert_begins(connection, "connection: round trip ");
        assert!(connection.ends_with(" lost"), "{connection}");

        let peer = format!("0v{generation}");
        let from = server.connected(&peer);
        server.gone(&peer, from, "disconnected by the peer, code 0");
    }
    let rest = server.end(Signal::SIGTERM);
    let [totals] = &rest[..] else {
        panic!("{rest:?}");
    };
    assert_begins(totals, "in all 3 peers; in 9 messages, ");
    assert!(totals.contains("; out 9 messages, "), "{totals}");
    assert!(totals.contains("; nothing lost"), "{totals}");
}

#[test]
fn two_connected_peers_have_different_ids() {
    let server = Server::start(&AT_ONCE);
    let first = ping_for_long(&server.address, &[]);
    let from = server.connected("0v0");
    assert_done(&ping_once(&server.address, &[]));
    let second = server.connected("1v0");
    assert_ne!(from, second);
    server.gone("1v0", second, "disconnected by the peer, code 0");
    first.signal(Signal::SIGINT);
    assert_eq!(first.end().code, Some(0));
    server.gone("0v0", from, "disconnected by the peer, code 0");
}

#[test]
fn a_server_on_ipv6_is_reached() {
    if skip("IPv6", UdpSocket::bind("[::1]:0").is_ok()) {
        return;
    }
    let server = Server::start_at("[::1]:0", &AT_ONCE);
    assert_done(&ping_once(&server.address, &[]));
    assert!(server.connected("0v0").is_ipv6());
}

#[test]
fn with_a_tick_all_messages_are_answered() {
    let server = Server::start(&["--tick-rate", "1000", "--report-interval", "0s"]);
    let args = ["--interval", "0s", "--count", "20"];
    let ended = ping(&server.address, &[&args[..], &PATIENT].concat()).end();
    assert_done(&ended);
    let counts = &ended.stdout[ended.stdout.len() - 3];
    assert_begins(counts, "in all 20 sent, 20 received, ");
}

#[test]
fn rates_are_printed_once_per_interval() {
    let server = Server::start(&["--tick-rate", "0", "--report-interval", "20ms"]);
    let ping = ping_for_long(&server.address, &[]);
    // An interval may end before the peer is there.
    let lines = || std::iter::repeat_with(|| server.program.line());
    lines().find(|line| line.starts_with("peer 0v0 connected from "));
    let progress = lines().find(|line| line.starts_with("1 peers; in "));
    let progress = progress.expect("lines go on until there is none");
    for part in [" messages/s, ", " datagrams/s; out ", "; nothing lost"] {
        assert!(progress.contains(part), "no {part:?} in {progress:?}");
    }
    ping.signal(Signal::SIGTERM);
    assert_eq!(ping.end().code, Some(0));
}

#[test]
fn link_conditions_are_printed_and_simulated() {
    let args = [&["--latency", "5ms", "--jitter", "1ms"][..], &AT_ONCE].concat();
    let server = Server::start(&args);
    let text = "simulated link, each way: latency 5ms, jitter up to 1ms, 0% lost";
    assert_eq!(server.program.line(), text);
    let ended = ping_once(&server.address, &[]);
    assert_done(&ended);
    let time = ended.stdout[2].rsplit_once("time=").expect("a time").1;
    let millis: f64 = time.strip_suffix(" ms").unwrap().parse().unwrap();
    assert!(millis >= 10.0, "{millis} ms there and back");
}

// The end.

#[test]
fn both_signals_end_a_server_and_disconnect_its_peers() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let server = Server::start(&AT_ONCE);
        let pings = [(); 2].map(|()| ping_for_long(&server.address, &[]));
        let from = [server.connected("0v0"), server.connected("1v0")];
        let rest = server.end(signal);
        let [first, second, totals] = &rest[..] else {
            panic!("{rest:?}");
        };
        let why = "disconnected by this side, code 0";
        assert_gone(first, "0v0", from[0], why);
        assert_gone(second, "1v0", from[1], why);
        assert_begins(totals, "in all 2 peers; in 2 messages, ");
        for ping in pings {
            let ended = ping.end();
            let why = "disconnected by the server, code 0";
            assert_eq!(ended.stdout[0], format!("disconnected: {why}"));
            assert_begins(&ended.stdout[1], "in all 1 sent, 1 received, ");
            assert_begins(&ended.stdout[3], "connection: round trip ");
            assert_fails(&ended, 1, &["the connection ended before", why]);
        }
    }
}

#[test]
fn a_signal_ends_an_attempt_to_connect() {
    let (_socket, address) = socket();
    let ping = ping(&address, &PATIENT);
    assert_begins(&ping.line(), "ping ");
    ping.signal(Signal::SIGINT);
    let text = format!("not connected to {address}: interrupted before");
    assert_fails(&ping.end(), 1, &[&text]);
}

#[test]
fn a_closed_output_ends_a_server_quietly_and_disconnects_its_peers() {
    let args = [&["serve", "127.0.0.1:0"][..], &AT_ONCE].concat();
    let (program, stdout) = Program::start_unread(&mut tickwire(&args));
    let line = read_line(stdout);
    let address = line.trim_end().strip_prefix("listening on ").unwrap();
    // The line about this peer has no reader.
    let ended = ping(address, &[&["--interval", "1h"][..], &PATIENT].concat()).end();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended.stderr[0].ends_with("disconnected by the server, code 0"),
        "{ended:?}"
    );
    assert_done(&program.end());
}

#[test]
fn a_closed_output_ends_a_ping_quietly_and_disconnects_it() {
    let server = Server::start(&AT_ONCE);
    let args = ["ping", "--connect", &server.address, "--interval", "0s"];
    let args = [&args[..], &PATIENT].concat();
    let (program, stdout) = Program::start_unread(&mut tickwire(&args));
    assert_begins(&read_line(stdout), "ping ");
    assert_done(&program.end());
    let from = server.connected("0v0");
    server.gone("0v0", from, "disconnected by the peer, code 0");
}

// Denied clients.

#[test]
fn a_full_server_denies_clients_until_a_peer_disconnects() {
    let server = Server::start(&[&["--peers-max", "1"][..], &AT_ONCE].concat());
    let first = ping_for_long(&server.address, &[]);
    let ended = ping_once(&server.address, &[]);
    assert_not_connected(
        &ended,
        &server.address,
        "the server is full: try again later, or raise its --peers-max",
    );
    first.signal(Signal::SIGINT);
    assert_eq!(first.end().code, Some(0));
    let from = server.connected("0v0");
    server.gone("0v0", from, "disconnected by the peer, code 0");
    assert_done(&ping_once(&server.address, &[]));
    let totals = server.end(Signal::SIGTERM).pop().unwrap();
    assert!(totals.contains(" denied"), "{totals}");
}

#[test]
fn a_protocol_id_mismatch_is_reported() {
    let server = Server::start(&[&["--protocol-id", "0x1f"][..], &AT_ONCE].concat());
    let ended = ping_once(&server.address, &[]);
    let why = "the server has another protocol id: use the same --protocol-id on both sides";
    assert_not_connected(&ended, &server.address, why);
    assert_done(&ping_once(&server.address, &["--protocol-id", "31"]));
    let totals = server.end(Signal::SIGTERM).pop().unwrap();
    assert!(
        totals.contains(" with another version, protection or protocol id"),
        "{totals}"
    );
}

#[test]
fn only_clients_with_the_ticket_are_admitted() {
    let server = Server::start(&[&["--ticket", "let me in"][..], &AT_ONCE].concat());
    let with_key = |args: &[&'static str]| {
        let pinned = ["--server-key", &server.key];
        ping_once(&server.address, &[&pinned[..], args].concat())
    };
    for args in [&[][..], &["--ticket", "let me"]] {
        let ended = with_key(args);
        let why = "denied by the server, code 401: it requires a --ticket, or a different one";
        assert_not_connected(&ended, &server.address, why);
    }
    assert_done(&with_key(&["--ticket", "let me in"]));
    let from = server.connected("0v0");
    server.gone("0v0", from, "disconnected by the peer, code 0");
    assert_done(&ping_once(
        &server.address,
        &["--ticket", "let me in", "--trust-unpinned"],
    ));
}

#[test]
fn a_missing_server_is_reported_after_the_connect_timeout() {
    let (_socket, address) = socket();
    let ended = ping(&address, &["--connect-timeout", "20ms"]).end();
    assert_not_connected(
        &ended,
        &address,
        "no reply of a server: no `tickwire serve` or game server runs there",
    );
}

#[test]
fn an_unsendable_address_fails_at_once() {
    let ended = ping("255.255.255.255:9", &[]).end();
    assert_fails(&ended, 1, &["cannot connect: 255.255.255.255:9"]);
}

// Errors.

#[test]
fn invalid_serve_and_connect_options_are_rejected() {
    let cases: [(&[&str], &str); 10] = [
        (&["serve", "nonsense"], "the port is missing"),
        (&["serve", "--latency", "61s"], "--latency is 61 s"),
        (
            &["serve", "--loss", "5"],
            "from 0 to 1, or a percentage from 0% to 100%",
        ),
        (
            &["serve", "--tick-rate", "1001"],
            "must be a whole number from 0 to 1000",
        ),
        (
            &["serve", "--peers-max", "65537"],
            "must be a whole number from 0 to 65536",
        ),
        (
            &["serve", "--ticket", ""],
            "ticket is 0 bytes, but must be 1 to 256",
        ),
        (&["serve", "--protocol-id", "x"], "such as 7 or 0x1f"),
        (
            &["ping", "--connect", "--size", "993"],
            "at most 992 fit into one packet",
        ),
        (
            &["ping", "--connect", "--connect-timeout", "0s"],
            "must be 1ms to 1h",
        ),
        (&["ping", "--ticket", "let me in"], "--connect"),
    ];
    for (args, part) in cases {
        let ended = run(&mut tickwire(args));
        assert_eq!(ended.code, Some(2), "{args:?}: {ended:?}");
        assert_eq!(ended.stdout, [""; 0]);
        let text = ended.stderr.join("\n");
        assert!(text.contains(part), "no {part:?} in {text:?}");
    }
}

#[test]
fn an_address_in_use_is_reported_with_advice() {
    let (_socket, address) = socket();
    let ended = run(&mut tickwire(&["serve", &address]));
    assert_fails(&ended, 1, &[&address, "another program", "another port"]);
}
