//! End-to-end tests of the program, over real sockets. No test sleeps or measures time.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

#[path = "programs/child.rs"]
mod child;
#[path = "programs/foreign.rs"]
mod foreign;
#[path = "programs/json.rs"]
mod json;
#[path = "programs/keys.rs"]
mod keys;
#[path = "programs/ping.rs"]
mod ping;
#[path = "programs/serve.rs"]
mod serve;
#[path = "../../../tests/common/skip.rs"]
mod skip;

use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::child::{DEADLINE, Ended, Program, run, run_with_input, tickwire};
use crate::foreign::{netcat, python, socat};
use crate::skip::skip;

/// `tickwire listen` on a port of its own.
struct Listener {
    program: Program,
    addr: SocketAddr,
}

impl Listener {
    fn start(args: &[&str]) -> Self {
        Self::start_at("127.0.0.1:0", args)
    }

    fn start_at(address: &str, args: &[&str]) -> Self {
        let program = Program::start(&mut tickwire(&[&["listen", address], args].concat()));
        let line = program.line();
        let addr = line.strip_prefix("listening on ").expect("the first line");
        Self {
            addr: addr.parse().unwrap(),
            program,
        }
    }

    fn address(&self) -> String {
        self.addr.to_string()
    }

    fn line(&self) -> String {
        self.program.line()
    }

    /// The next line without its sender, whose port is not known.
    fn line_without_sender(&self) -> String {
        let line = self.line();
        let (from, rest) = line.split_once(' ').expect("a sender and a datagram");
        assert!(from.parse::<SocketAddr>().is_ok(), "{line}");
        rest.to_owned()
    }

    /// Ends it with exit code 0, and returns the remaining lines.
    fn end(self, signal: Signal) -> Vec<String> {
        self.program.signal(signal);
        let ended = self.program.end();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert_eq!(ended.stderr, [""; 0]);
        ended.stdout
    }
}

/// A socket of the test, with a read timeout.
fn socket() -> (UdpSocket, String) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    let address = socket.local_addr().unwrap().to_string();
    (socket, address)
}

fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = [0; 2048];
    let (len, from) = socket.recv_from(&mut buffer).expect("a datagram");
    (buffer[..len].to_vec(), from)
}

/// All pending datagrams, after the sender has ended.
fn receive_pending(socket: &UdpSocket) -> Vec<Vec<u8>> {
    socket.set_nonblocking(true).unwrap();
    let mut buffer = [0; 2048];
    let mut datagrams = Vec::new();
    while let Ok(len) = socket.recv(&mut buffer) {
        datagrams.push(buffer[..len].to_vec());
    }
    datagrams
}

fn send(address: &str, args: &[&str]) -> Command {
    tickwire(&[&["send", "--to", address], args].concat())
}

fn assert_done(ended: &Ended) {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.stderr, [""; 0]);
}

/// A failure is one line on standard error.
fn assert_fails(ended: &Ended, code: i32, parts: &[&str]) {
    assert_eq!(ended.code, Some(code), "{ended:?}");
    let [line] = &ended.stderr[..] else {
        panic!("not one line: {ended:?}");
    };
    assert!(line.starts_with("tickwire: "), "{line}");
    for part in parts {
        assert!(line.contains(part), "no {part:?} in {line:?}");
    }
}

// Datagrams from other programs.

#[test]
fn listen_shows_what_python_sends() {
    let listener = Listener::start(&[]);
    let script = "
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
to = ('127.0.0.1', int(sys.argv[1]))
s.bind(('127.0.0.1', 0))
print(s.getsockname()[1])
for message in (b'Hello, world!', b'', b'x' * 1024, b'x' * 1025, b'\\x00\\xff'):
    s.sendto(message, to)
";
    let port = listener.addr.port().to_string();
    let Some(mut python) = python(script, &[&port]) else {
        return;
    };
    let ended = run(&mut python);
    assert_done(&ended);
    let from = format!("127.0.0.1:{}", ended.stdout[0]);
    let full = "x".repeat(1024);
    let lines = [
        format!("{from} 13 bytes: Hello, world!"),
        format!("{from} 0 bytes: "),
        format!("{from} 1024 bytes: {full}"),
        format!("{from} 1024 bytes, truncated: {full}"),
        format!(r"{from} 2 bytes: \x00\xff"),
    ];
    for line in lines {
        assert_eq!(listener.line(), line);
    }
    let totals = "in all 5 datagrams, 2063 bytes, 1 truncated, 0 dropped by kernel";
    assert_eq!(listener.end(Signal::SIGINT), [totals]);
}

#[test]
fn listen_shows_what_netcat_sends() {
    let listener = Listener::start(&[]);
    let port = listener.addr.port().to_string();
    let Some(mut netcat) = netcat("127.0.0.1", &port) else {
        return;
    };
    let mut netcat = Program::start(&mut netcat);
    netcat.write(b"Hello, world!\n");
    assert_eq!(listener.line_without_sender(), r"14 bytes: Hello, world!\n");
}

#[test]
fn listen_shows_what_socat_sends() {
    let listener = Listener::start(&[]);
    let Some(mut socat) = socat(&listener.address()) else {
        return;
    };
    assert_done(&run_with_input(&mut socat, b"Hello, world!"));
    assert_eq!(listener.line_without_sender(), "13 bytes: Hello, world!");
}

#[test]
fn listen_shows_what_tickwire_sends() {
    let listener = Listener::start(&[]);
    let address = listener.address();
    let ended = run(&mut send(&address, &["Hello, world!"]));
    assert_done(&ended);
    let sent = format!("to {address}, 13 bytes: Hello, world!");
    assert_eq!(ended.stdout, [sent]);
    assert_eq!(listener.line_without_sender(), "13 bytes: Hello, world!");
}

// The output of `listen`.

#[test]
fn a_sender_cannot_write_to_the_terminal() {
    let listener = Listener::start(&[]);
    let (socket, _) = socket();
    let cases: [(&[u8], &str); 6] = [
        (b"\x1b]0;owned\x07", r"\x1b]0;owned\x07"),
        (b"one\r\ntwo\n", r"one\r\ntwo\n"),
        (br"\x1b", r"\\x1b"),
        (b"\x9b31m \xc2\x9b31m", r"\x9b31m \u{9b}31m"),
        ("\u{202e}txt".as_bytes(), r"\u{202e}txt"),
        ("\"Grüße\" 你好 🙂".as_bytes(), "\"Grüße\" 你好 🙂"),
    ];
    for (bytes, shown) in cases {
        socket.send_to(bytes, listener.addr).unwrap();
        let len = bytes.len();
        assert_eq!(
            listener.line_without_sender(),
            format!("{len} bytes: {shown}")
        );
    }
}

#[test]
fn hex_shows_bytes_as_pairs() {
    let listener = Listener::start(&["--hex"]);
    let (socket, from) = socket();
    socket.send_to(b"Hi\x00\xff", listener.addr).unwrap();
    assert_eq!(listener.line(), format!("{from} 4 bytes: 48 69 00 ff"));
    socket.send_to(b"", listener.addr).unwrap();
    assert_eq!(listener.line(), format!("{from} 0 bytes: "));
    socket.send_to(&[0xab; 1025], listener.addr).unwrap();
    let pairs = vec!["ab"; 1024].join(" ");
    assert_eq!(
        listener.line(),
        format!("{from} 1024 bytes, truncated: {pairs}")
    );
}

#[test]
fn echo_answers_python() {
    let listener = Listener::start(&["--echo"]);
    let script = "
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(20)
to = ('127.0.0.1', int(sys.argv[1]))
for message in (b'Hello, world!', b'', bytes(range(256)) * 4):
    s.sendto(message, to)
    print(s.recvfrom(2048) == (message, to))
";
    let port = listener.addr.port().to_string();
    let Some(mut python) = python(script, &[&port]) else {
        return;
    };
    let ended = run(&mut python);
    assert_done(&ended);
    assert_eq!(ended.stdout, ["True"; 3]);
    let rest = listener.end(Signal::SIGTERM);
    let totals =
        "in all 3 datagrams, 1037 bytes, 0 truncated, 0 dropped by kernel, 3 echoed, 0 not echoed";
    assert_eq!(rest.last().unwrap(), totals);
}

#[test]
fn echo_survives_a_datagram_that_cannot_be_answered() {
    let listener = Listener::start(&["--echo"]);
    if !send_from_port_0(listener.addr, b"answer me") {
        return;
    }
    assert_eq!(listener.line(), "127.0.0.1:0 9 bytes: answer me");
    let (socket, from) = socket();
    socket.send_to(b"still there?", listener.addr).unwrap();
    assert_eq!(receive(&socket), (b"still there?".to_vec(), listener.addr));
    let shown = format!("{from} 12 bytes: still there?");
    let totals =
        "in all 2 datagrams, 21 bytes, 0 truncated, 0 dropped by kernel, 1 echoed, 1 not echoed";
    assert_eq!(listener.end(Signal::SIGINT), [&shown, totals]);
}

/// Writes a UDP header by hand. Only root may.
fn send_from_port_0(to: SocketAddr, message: &[u8]) -> bool {
    use socket2::{Domain, Protocol, Socket, Type};
    let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::UDP));
    if skip("a raw socket (root)", socket.is_ok()) {
        return false;
    }
    let socket = socket.unwrap();
    let len = u16::try_from(8 + message.len()).unwrap();
    // Source port, destination port, length, and no checksum (RFC 768).
    let header = [0, to.port(), len, 0].map(u16::to_be_bytes).concat();
    socket
        .send_to(&[&header, message].concat(), &to.into())
        .unwrap();
    true
}

#[test]
fn quiet_shows_totals_instead_of_datagrams() {
    let listener = Listener::start(&["--quiet"]);
    let (socket, _) = socket();
    for _ in 0..3 {
        socket.send_to(b"hello", listener.addr).unwrap();
    }
    let totals = "in all 3 datagrams, 15 bytes, 0 truncated, 0 dropped by kernel";
    // On a busy machine the first line may come in between.
    let (mut datagrams, mut bytes) = (0, 0);
    while (datagrams, bytes) != (3, 15) {
        let line = listener.line();
        let words: Vec<&str> = line.split([' ', ',', ';']).collect();
        let [
            "received",
            n,
            "datagrams",
            "",
            m,
            "bytes",
            "",
            "in",
            "all",
            ..,
        ] = words[..]
        else {
            panic!("{line}");
        };
        datagrams += n.parse::<u32>().unwrap();
        bytes += m.parse::<u32>().unwrap();
        let is_last = datagrams == 3;
        assert_eq!(line.ends_with(&format!("; {totals}")), is_last, "{line}");
    }
    let rest = listener.end(Signal::SIGTERM);
    assert_eq!(rest.last().unwrap(), totals);
}

#[test]
fn listen_on_ipv6_shows_both_families() {
    if skip("IPv6", UdpSocket::bind("[::1]:0").is_ok()) {
        return;
    }
    let listener = Listener::start_at("[::]:0", &[]);
    let port = listener.addr.port();
    for (host, text) in [("127.0.0.1", "four"), ("[::1]", "six")] {
        let address = format!("{host}:{port}");
        let ended = run(&mut send(&address, &[text]));
        assert_done(&ended);
        let len = text.len();
        assert_eq!(ended.stdout, [format!("to {address}, {len} bytes: {text}")]);
        let line = listener.line();
        assert!(line.starts_with(&format!("{host}:")), "{line}");
        assert!(line.ends_with(&format!(" {len} bytes: {text}")), "{line}");
    }
}

// The end of `listen`.

#[test]
fn both_signals_end_a_listener_that_sleeps() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let listener = Listener::start(&[]);
        let totals = "in all 0 datagrams, 0 bytes, 0 truncated, 0 dropped by kernel";
        assert_eq!(listener.end(signal), [totals]);
    }
}

#[test]
fn datagrams_before_the_signal_are_shown_and_counted() {
    let listener = Listener::start(&[]);
    let (socket, from) = socket();
    for _ in 0..10 {
        socket.send_to(b"hello", listener.addr).unwrap();
    }
    let mut lines = vec![format!("{from} 5 bytes: hello"); 10];
    lines.push("in all 10 datagrams, 50 bytes, 0 truncated, 0 dropped by kernel".into());
    assert_eq!(listener.end(Signal::SIGINT), lines);
}

#[test]
fn a_signal_ends_a_listener_in_a_flood() {
    let listener = Listener::start(&["--quiet"]);
    let flood = Flood::start(listener.addr);
    let line = listener.line();
    assert!(line.starts_with("received "), "{line}");
    let rest = listener.end(Signal::SIGINT);
    drop(flood);
    assert!(rest.last().unwrap().starts_with("in all "));
}

/// A thread that sends as fast as it can until this is dropped.
struct Flood {
    is_over: Arc<AtomicBool>,
}

impl Flood {
    fn start(to: SocketAddr) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let flood = Self {
            is_over: Arc::clone(&is_over),
        };
        thread::spawn(move || {
            let (socket, _) = socket();
            while !is_over.load(Ordering::Relaxed) {
                // A flood fills buffers, so errors are expected.
                let _ = socket.send_to(&[b'x'; 64], to);
            }
        });
        flood
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_closed_output_ends_a_listener_quietly() {
    let (program, stdout) = Program::start_unread(&mut tickwire(&["listen", "127.0.0.1:0"]));
    let address = read_address(stdout);
    let (socket, _) = socket();
    // A child of another test may hold a copy of the reading end until its exec.
    let unnoticed = (0..300).take_while(|_| {
        socket.send_to(b"nobody reads this", &address).unwrap();
        !program.ends_within(Duration::from_millis(100))
    });
    assert!(unnoticed.count() < 300, "it did not notice");
    assert_done(&program.end());
}

#[test]
fn a_repeated_signal_ends_a_listener_blocked_on_its_output() {
    let (program, mut stdout) = Program::start_unread(&mut tickwire(&["listen", "127.0.0.1:0"]));
    let address = read_address(&mut stdout);
    let (socket, _) = socket();
    // Each is a line of 4 KiB, and a pipe takes 64.
    for _ in 0..64 {
        socket.send_to(&[1; 1024], &address).unwrap();
    }
    // The first signal requests the end; one more than a second later forces it.
    let signals = (0..300).take_while(|_| {
        program.signal(Signal::SIGINT);
        !program.ends_within(Duration::from_millis(100))
    });
    assert!(signals.count() > 0, "it was not held up by its output");
    assert_eq!(program.end().code, Some(130));
}

/// Where a listener listens, from its first line.
fn read_address(stdout: impl Read) -> String {
    let line = read_line(stdout);
    let address = line.trim_end().strip_prefix("listening on ");
    address.expect("the first line").to_owned()
}

/// A line with its end, without reading ahead.
fn read_line(stdout: impl Read) -> String {
    let mut line = String::new();
    let mut stdout = BufReader::with_capacity(1, stdout);
    stdout.read_line(&mut line).unwrap();
    line
}

// `send`.

#[test]
fn python_receives_what_tickwire_sends() {
    let script = "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(20)
s.bind(('127.0.0.1', 0))
print(s.getsockname()[1])
for _ in range(3):
    print(s.recv(2048).hex())
";
    let Some(mut python) = python(script, &[]) else {
        return;
    };
    let receiver = Program::start(&mut python);
    let address = format!("127.0.0.1:{}", receiver.line());
    assert_done(&run(&mut send(&address, &["Hello, world!"])));
    assert_eq!(receiver.line(), "48656c6c6f2c20776f726c6421");
    assert_done(&run(&mut send(&address, &[""])));
    assert_eq!(receiver.line(), "");
    assert_done(&run_with_input(&mut send(&address, &["-"]), b"\xff\x00"));
    assert_eq!(receiver.line(), "ff00");
    assert_done(&receiver.end());
}

#[test]
fn each_line_of_the_input_is_a_datagram() {
    let (socket, address) = socket();
    let full = "x".repeat(1024);
    let input = [b"one\ntwo\r\n\n\xff\\\n", full.as_bytes(), b"\nlast"].concat();
    let ended = run_with_input(&mut send(&address, &["-"]), &input);
    assert_done(&ended);
    let lines = [
        format!("to {address}, 3 bytes: one"),
        format!("to {address}, 3 bytes: two"),
        format!("to {address}, 0 bytes: "),
        format!(r"to {address}, 2 bytes: \xff\\"),
        format!("to {address}, 1024 bytes: {full}"),
        format!("to {address}, 4 bytes: last"),
    ];
    assert_eq!(ended.stdout, lines);
    let datagrams = receive_pending(&socket);
    let wanted = [
        &b"one"[..],
        b"two",
        b"",
        b"\xff\\",
        full.as_bytes(),
        b"last",
    ];
    assert_eq!(datagrams, wanted);
}

#[test]
fn a_line_is_sent_as_it_comes() {
    let (socket, address) = socket();
    let mut sender = Program::start(&mut send(&address, &["-"]));
    for line in ["one", "two"] {
        sender.write(format!("{line}\n").as_bytes());
        assert_eq!(receive(&socket).0, line.as_bytes());
        assert_eq!(sender.line(), format!("to {address}, 3 bytes: {line}"));
    }
    assert_done(&sender.end());
}

#[test]
fn an_input_without_lines_sends_nothing() {
    let (socket, address) = socket();
    let ended = run(&mut send(&address, &["-"]));
    assert_done(&ended);
    assert_eq!(ended.stdout, [""; 0]);
    assert_eq!(receive_pending(&socket), [b""; 0]);
}

#[test]
fn count_repeats_each_message() {
    let (socket, address) = socket();
    let args = ["--count", "3", "--interval", "2ms", "again"];
    let ended = run(&mut send(&address, &args));
    assert_done(&ended);
    assert_eq!(
        ended.stdout,
        vec![format!("to {address}, 5 bytes: again"); 3]
    );
    assert_eq!(receive_pending(&socket), [b"again"; 3]);

    let ended = run_with_input(&mut send(&address, &["--count", "2", "-"]), b"a\nb\n");
    assert_done(&ended);
    assert_eq!(receive_pending(&socket), [b"a", b"a", b"b", b"b"]);
}

#[test]
fn more_datagrams_than_the_queue_holds_are_all_sent() {
    let (_socket, address) = socket();
    let ended = run(&mut send(&address, &["--count", "5000", "x"]));
    assert_done(&ended);
    assert_eq!(ended.stdout.len(), 5000);
}

#[test]
fn wait_shows_replies() {
    let listener = Listener::start(&["--echo"]);
    let address = listener.address();
    // Longer than the test, which kills it.
    let args = ["--wait", "1h", "--hex", "--count", "2", "Hi"];
    let sender = Program::start(&mut send(&address, &args));
    let mut lines: Vec<String> = (0..4).map(|_| sender.line()).collect();
    lines.sort();
    let answer = format!("{address} 2 bytes: 48 69");
    let sent = format!("to {address}, 2 bytes: 48 69");
    assert_eq!(lines, [answer.clone(), answer, sent.clone(), sent]);
}

#[test]
fn replies_are_shown_before_the_next_datagram_is_due() {
    let listener = Listener::start(&["--echo"]);
    let address = listener.address();
    let args = ["--wait", "1s", "--interval", "1h", "--count", "2", "Hi"];
    let sender = Program::start(&mut send(&address, &args));
    assert_eq!(sender.line(), format!("to {address}, 2 bytes: Hi"));
    assert_eq!(sender.line(), format!("{address} 2 bytes: Hi"));
}

#[test]
fn replies_are_shown_while_the_input_has_no_line() {
    let listener = Listener::start(&["--echo"]);
    let address = listener.address();
    let mut sender = Program::start(&mut send(&address, &["--wait", "1ms", "-"]));
    for _ in 0..2 {
        sender.write(b"Hi\n");
        assert_eq!(sender.line(), format!("to {address}, 2 bytes: Hi"));
        assert_eq!(sender.line(), format!("{address} 2 bytes: Hi"));
    }
    assert_done(&sender.end());
}

#[test]
fn the_time_to_wait_ends() {
    let (_socket, address) = socket();
    let ended = run(&mut send(&address, &["--wait", "20ms", "anybody?"]));
    assert_done(&ended);
    assert_eq!(ended.stdout, [format!("to {address}, 8 bytes: anybody?")]);
}

#[test]
fn a_name_is_tried_as_ipv4_first() {
    let (socket, address) = socket();
    let port = socket.local_addr().unwrap().port();
    let ended = run(&mut send(&format!("localhost:{port}"), &["hello"]));
    assert_done(&ended);
    assert_eq!(ended.stdout, [format!("to {address}, 5 bytes: hello")]);
    assert_eq!(receive(&socket).0, b"hello");
}

#[test]
fn a_target_without_a_listener_is_no_error() {
    let (socket, address) = socket();
    drop(socket);
    let args = [
        "--count",
        "3",
        "--interval",
        "5ms",
        "--wait",
        "20ms",
        "hello",
    ];
    assert_done(&run(&mut send(&address, &args)));
}

// Errors.

#[test]
fn a_message_too_long_is_rejected_and_nothing_is_sent() {
    let (socket, address) = socket();
    let ended = run(&mut send(&address, &[&"x".repeat(1025)]));
    assert_fails(&ended, 2, &["datagram is 1025 bytes, but at most 1024 fit"]);
    assert_eq!(ended.stdout, [""; 0]);
    assert_eq!(receive_pending(&socket), [b""; 0]);
    assert_done(&run(&mut send(&address, &[&"x".repeat(1024)])));
    assert_eq!(receive(&socket).0, [b'x'; 1024]);
}

#[test]
fn a_line_too_long_is_rejected_and_those_before_it_are_sent() {
    let (socket, address) = socket();
    let input = [b"first\n", &[b'x'; 1025][..], b"\nnever\n"].concat();
    let ended = run_with_input(&mut send(&address, &["-"]), &input);
    assert_fails(&ended, 2, &["line 2 of standard input", "1024 bytes"]);
    assert_eq!(receive_pending(&socket), [b"first"]);
}

#[test]
fn rejected_datagrams_are_reported() {
    let ended = run(&mut send("255.255.255.255:9", &["--count", "2", "hello"]));
    let text = "2 of 2 datagrams to 255.255.255.255:9 could not be sent";
    assert_fails(&ended, 1, &[text]);
}

#[test]
fn an_address_in_use_is_reported_with_advice() {
    let (_socket, address) = socket();
    let ended = run(&mut tickwire(&["listen", &address]));
    assert_fails(&ended, 1, &[&address, "another program", "another port"]);
}

#[test]
fn an_address_of_another_machine_is_reported_with_advice() {
    // From the block for documentation, RFC 5737.
    let ended = run(&mut tickwire(&["listen", "203.0.113.1:10080"]));
    let parts = [
        "203.0.113.1:10080",
        "this machine does not have",
        "127.0.0.1",
    ];
    assert_fails(&ended, 1, &parts);
}

#[test]
fn a_privileged_port_is_reported_with_advice() {
    const ADDRESS: &str = "127.0.0.1:1023";
    let as_ourselves = UdpSocket::bind(ADDRESS);
    if as_ourselves.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied) {
        let ended = run(&mut tickwire(&["listen", ADDRESS]));
        return assert_fails(&ended, 1, &[ADDRESS, "need privileges", "1024"]);
    }
    // Root may bind any port, so another user tries.
    let start = "/proc/sys/net/ipv4/ip_unprivileged_port_start";
    if std::fs::read_to_string(start).is_ok_and(|text| text.trim() != "1024") {
        eprintln!("skipped: this system has moved its privileged ports");
        return;
    }
    let copy = Copy::of_tickwire();
    let becomes_another_user = copy.unprivileged(&["--version"]).output().is_ok();
    if skip("another user to become (root)", becomes_another_user) {
        return;
    }
    let ended = run(&mut copy.unprivileged(&["listen", ADDRESS]));
    assert_fails(&ended, 1, &[ADDRESS, "need privileges", "1024"]);
}

/// A directory of a test, removed at its end.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tickwire-programs-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A copy of the program that every user of the machine can start.
struct Copy(Directory);

impl Copy {
    fn of_tickwire() -> Self {
        let directory = Directory::new();
        let readable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&directory.0, readable).unwrap();
        // By another process, because a file that is open for writing, also in a child, cannot be
        // run.
        let copied = Command::new("cp")
            .arg(env!("CARGO_BIN_EXE_tickwire"))
            .arg(directory.path("tickwire"))
            .status();
        assert!(copied.unwrap().success());
        Self(directory)
    }

    fn unprivileged(&self, args: &[&str]) -> Command {
        /// The unprivileged user on all systems.
        const UNPRIVILEGED: u32 = 65_534;
        let mut command = Command::new(self.0.path("tickwire"));
        command.args(args).env("RUST_LOG", "error");
        command.uid(UNPRIVILEGED).gid(UNPRIVILEGED);
        command
    }
}

#[test]
fn an_invalid_address_is_reported_with_the_expected_form() {
    for address in ["nonsense", ":::", "127.0.0.1", "localhost:70000", "70000"] {
        let expected = [address, "expected a host and a port", "127.0.0.1:10080"];
        assert_fails(&run(&mut tickwire(&["listen", address])), 2, &expected);
        assert_fails(&run(&mut send(address, &["hello"])), 2, &expected);
    }
    let ended = run(&mut send("127.0.0.1:0", &["hello"]));
    assert_fails(&ended, 2, &["port 0"]);
}

#[test]
fn an_invalid_command_line_is_a_usage_error() {
    let cases: [&[&str]; 6] = [
        &[],
        &["no-such-command"],
        &["send"],
        &["send", "--count", "0", "hello"],
        &["send", "--interval", "16", "hello"],
        &["listen", "--no-such-option"],
    ];
    for args in cases {
        let ended = run(&mut tickwire(args));
        assert_eq!(ended.code, Some(2), "{args:?}: {ended:?}");
        assert_eq!(ended.stdout, [""; 0]);
        assert!(
            ended
                .stderr
                .iter()
                .any(|line| line.starts_with("Usage: ") || line.contains("--help"))
        );
    }
}

#[test]
fn help_and_version_are_shown() {
    let help = run(&mut tickwire(&["--help"]));
    assert_done(&help);
    for command in ["  listen ", "  ping ", "  send ", "  serve "] {
        assert!(help.stdout.iter().any(|line| line.starts_with(command)));
    }
    let version = run(&mut tickwire(&["--version"]));
    assert_done(&version);
    assert_eq!(
        version.stdout,
        [concat!("tickwire ", env!("CARGO_PKG_VERSION"))]
    );
}

#[test]
fn a_message_that_begins_with_a_hyphen_needs_two_hyphens() {
    let (socket, address) = socket();
    for message in ["-hello", "-x"] {
        let ended = run(&mut send(&address, &[message]));
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert_eq!(ended.stdout, [""; 0]);
        let text = ended.stderr.join("\n");
        let tip = format!("to pass '{message}' as a value, use '-- {message}'");
        assert!(text.contains(&tip), "{text}");
        assert_done(&run(&mut send(&address, &["--", message])));
        assert_eq!(receive(&socket).0, message.as_bytes());
    }
}

#[test]
fn a_value_that_begins_with_a_hyphen_leaves_the_help_readable() {
    let help = run(&mut tickwire(&["token", "--player", "-hanna", "--help"]));
    assert_done(&help);
    assert!(help.stdout[0].starts_with("Issues an admission token"));
}

#[test]
fn a_port_alone_is_one_of_this_machine() {
    let listener = Listener::start_at("0", &[]);
    assert!(listener.addr.ip().is_loopback());
    let port = listener.addr.port().to_string();
    assert_done(&run(&mut send(&port, &["Hi"])));
    assert_eq!(listener.line_without_sender(), "2 bytes: Hi");
}

#[test]
fn a_time_without_a_unit_has_one_error_text() {
    for args in [
        &["send", "--interval", "5", "hello"][..],
        &["send", "--wait", "5", "hello"],
        &["ping", "--timeout", "5"],
        &["ping", "--connect", "--connect-timeout", "5"],
        &["serve", "--report-interval", "5"],
        &["serve", "--jitter", "5"],
        &["token", "--lifetime", "5"],
        &["bench", "latency", "--warm-up", "5"],
        &["bench", "messages", "--latency", "5"],
    ] {
        let ended = run(&mut tickwire(args));
        assert_eq!(ended.code, Some(2), "{ended:?}");
        let text = "5 has no unit: write 5ms, 5s or 5min";
        assert!(ended.stderr[0].ends_with(text), "{ended:?}");
    }
}

// Completions and manual pages.

#[test]
fn completions_are_printed_for_each_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let ended = run(&mut tickwire(&["completions", shell]));
        assert_done(&ended);
        for word in ["tick-rate", "report-interval", "messages"] {
            assert!(
                ended.stdout.iter().any(|line| line.contains(word)),
                "{shell}: {word}"
            );
        }
    }
}

#[test]
fn manual_pages_have_sections_for_examples_exit_status_and_json() {
    let ended = run(&mut tickwire(&["man"]));
    assert_done(&ended);
    assert!(
        ended
            .stdout
            .iter()
            .any(|line| line == r#".SH "EXIT STATUS""#)
    );

    let directory = Directory::new();
    assert_done(&run(&mut tickwire(&["man", "--out", &directory.path(".")])));
    assert_eq!(std::fs::read_dir(&directory.0).unwrap().count(), 13);
    let page = std::fs::read_to_string(directory.path("tickwire-ping.1")).unwrap();
    for line in [
        r#".TH "tickwire-ping" 1 "" "tickwire 0.1.0""#,
        r#".SH "EXAMPLES""#,
        r#".SH "JSON""#,
        "  not_sent      seq, reason",
    ] {
        assert!(page.lines().any(|other| other == line), "no {line:?}");
    }
    assert!(!page.contains(".SH EXTRA"));

    let nowhere = directory.path("none");
    let ended = run(&mut tickwire(&["man", "--out", &nowhere]));
    assert_fails(&ended, 1, &["cannot write", &nowhere, "tickwire.1"]);
}

#[test]
fn rust_log_sets_what_is_logged() {
    let (_socket, address) = socket();
    let ended = run(send(&address, &["hello"]).env("RUST_LOG", "info"));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        ended.stderr.iter().any(|line| line.contains("INFO")),
        "{ended:?}"
    );
    assert_eq!(ended.stdout.len(), 1, "the log is not on standard output");
}
