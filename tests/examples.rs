//! Runs each example as a program: it does what its documentation says and exits.
#![cfg(feature = "noise")]
#![forbid(unsafe_code)]

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use tickwire::{Config, ConnectOptions, Delivery, DisconnectReason, Event, Host, PeerId};

/// Upper bound on every wait. Only a failing test reaches it.
const DEADLINE: Duration = Duration::from_secs(20);

/// Every example has fewer lines.
const EXAMPLE_LINES_MAX: usize = 90;

/// The limit of `chat`, which is a client and a server.
const CHAT_LINES_MAX: usize = 160;

/// A running example. Dropping it kills the process.
struct Example {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Example {
    fn start(name: &str) -> Self {
        Self::start_with(name, &[])
    }

    fn start_with(name: &str, arguments: &[&str]) -> Self {
        Self::start_in(Path::new("."), name, arguments)
    }

    fn start_in(folder: &Path, name: &str, arguments: &[&str]) -> Self {
        let path = path_of(name);
        assert!(
            path.exists(),
            "{} is missing: run `cargo build --examples` first",
            path.display()
        );
        let mut child = Command::new(path)
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the example starts");
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().expect("standard output is a pipe");
        let (sender, lines) = channel();
        thread::spawn(move || {
            let lines = BufReader::new(stdout).lines().map_while(Result::ok);
            lines
                .take_while(|line| sender.send(line.clone()).is_ok())
                .for_each(drop);
        });
        Self {
            child,
            stdin,
            lines,
        }
    }

    /// The next line, or `None` when the example has closed its output.
    fn line(&self) -> Option<String> {
        match self.lines.recv_timeout(DEADLINE) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("no line for {DEADLINE:?}"),
        }
    }

    fn type_in(&mut self, keys: &str) {
        let stdin = self.stdin.as_mut().expect("its input is still open");
        stdin
            .write_all(keys.as_bytes())
            .expect("the example reads its input");
    }

    /// The address in the first line of a server.
    fn address(&self) -> SocketAddr {
        let line = self.line().expect("the example prints its address");
        let address = line.strip_prefix("listening on ").expect("the first line");
        address.parse().expect("an address")
    }

    fn finish(mut self) -> (Vec<String>, ExitStatus) {
        let rest = std::iter::from_fn(|| self.line()).collect();
        // Its output is closed, so it exits.
        let status = self.child.wait().expect("the example can be waited for");
        (rest, status)
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        // An error means that it has exited.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `target/<profile>/examples/NAME`, seen from `target/<profile>/deps/<this test>`.
fn path_of(name: &str) -> PathBuf {
    let test = env::current_exe().expect("the path of the test is known");
    let profile = test.ancestors().nth(2).expect("the test is in `deps`");
    profile
        .join("examples")
        .join(format!("{name}{}", env::consts::EXE_SUFFIX))
}

#[test]
fn game_tick_draws_its_states_in_order_and_exits() {
    let (mut lines, status) = Example::start("game_tick").finish();
    assert!(status.success(), "{status}");
    assert_eq!(lines.pop().as_deref(), Some("60 states drawn"));
    let (turns, lines): (Vec<_>, Vec<_>) = lines
        .into_iter()
        .partition(|line| line.starts_with("turned at "));
    // The ship starts and turns back. Each turn is reported once.
    assert_eq!(turns.len(), 2, "{turns:?}");
    assert_eq!(lines.len(), 60);

    let states: Vec<(u32, usize)> = lines.iter().map(|line| state_of(line)).collect();
    for pair in states.windows(2) {
        assert!(pair[0].0 < pair[1].0, "an old state was drawn: {pair:?}");
    }
    let furthest = states.iter().map(|(_, place)| *place).max();
    let last = states.last().map(|(_, place)| *place);
    assert!(furthest > Some(0), "the ship never moved");
    assert!(last < furthest, "the ship never came back");
}

/// Tick and position of a line like `tick  12 |     @`.
fn state_of(line: &str) -> (u32, usize) {
    let (tick, track) = line
        .strip_prefix("tick ")
        .and_then(|line| line.split_once(" |"))
        .unwrap_or_else(|| panic!("not a state: {line:?}"));
    let place = track.find('@').expect("the ship is on its track");
    (tick.trim().parse().expect("a tick is a number"), place)
}

#[test]
fn headless_replies_with_the_time_and_reports_clients() {
    let example = Example::start("headless");
    let address = example.address();
    let mut first = Player::join(address);
    assert_line(example.line(), &first.arrival_line());
    let mut second = Player::join(address);
    assert_line(example.line(), &second.arrival_line());

    let before = first.request_time(*b"one.");
    // Invalid requests: empty, too short, too long; and datagrams without a connection.
    for message in [&b""[..], b"two", b"three"] {
        let peer = first.server;
        first
            .host
            .send(peer, Delivery::Unreliable, message)
            .expect("there is room");
    }
    let stranger = plain_socket();
    for len in [0, 4, 1024, 1025] {
        let sent = stranger.send_to(&vec![7; len], address);
        assert_eq!(sent.expect("it listens"), len);
    }
    let after = second.request_time(*b"two.");
    assert!(before <= after, "its clock runs backwards");

    second.leave(3);
    assert_line(example.line(), "went: disconnected by the peer, code 3");
}

#[test]
fn headless_disconnects_clients_when_its_input_closes() {
    let mut example = Example::start("headless");
    let mut player = Player::join(example.address());
    player.request_time(*b"one.");

    drop(example.stdin.take());
    assert_eq!(player.end(), DisconnectReason::Remote { code: 0 });
    assert_line(example.line(), &player.arrival_line());
    assert_line(example.line(), "went: disconnected by this side, code 0");
    let (rest, status) = example.finish();
    assert!(status.success(), "{status}");
    assert!(rest.is_empty(), "{rest:?}");
}

/// Checks a line about a peer, except for the peer id.
fn assert_line(line: Option<String>, expected: &str) {
    let line = line.expect("the example prints a line");
    let text = line.split_once(' ').map(|(_peer, text)| text);
    assert_eq!(text, Some(expected), "{line:?}");
}

#[test]
fn headless_exits_on_quit() {
    let mut example = Example::start("headless");
    let mut player = Player::join(example.address());

    let mut stdin = example.stdin.take().expect("standard input is a pipe");
    stdin
        .write_all(b"what?\nquit\n")
        .expect("the example reads its input");
    assert_eq!(player.end(), DisconnectReason::Remote { code: 0 });
    let (_, status) = example.finish();
    assert!(status.success(), "{status}");
}

#[test]
fn datagrams_echoes_until_its_input_closes() {
    let mut example = Example::start("datagrams");
    let address = example.address();
    let socket = plain_socket();
    let mut answer = [0; 2048];
    for len in [1, 0, 1024] {
        let sent = socket.send_to(&vec![7; len], address);
        assert_eq!(sent.expect("it listens"), len);
        let back = socket.recv_from(&mut answer).expect("an answer");
        assert_eq!(back, (len, address));
    }
    // A datagram over 1024 bytes gets no reply, and the next one does.
    for len in [1025, 5] {
        socket
            .send_to(&vec![8; len], address)
            .expect("it listens still");
    }
    assert_eq!(socket.recv(&mut answer).expect("an answer"), 5);

    drop(example.stdin.take());
    let (lines, status) = example.finish();
    assert!(status.success(), "{status}");
    assert_eq!(lines, ["datagrams received: 5"]);
}

#[test]
fn chat_delivers_lines_in_order_and_typing_notices() {
    let server = Example::start_with("chat", &["serve"]);
    let address = server.address().to_string();
    let mut ann = Example::start_with("chat", &[&address, "ann"]);
    assert_eq!(ann.line(), Some(format!("connected to {address}")));
    let mut ben = Example::start_with("chat", &[&address, "ben"]);
    assert_eq!(ben.line(), Some(format!("connected to {address}")));
    assert_eq!(ann.line().as_deref(), Some("ben is here"));

    ben.type_in("hel");
    assert_eq!(ann.line().as_deref(), Some("ben: (is typing)"));
    ben.type_in("lo\n");
    assert_eq!(ann.line().as_deref(), Some("ben: hello"));

    // All lines arrive, although the client leaves at once.
    let words: Vec<String> = (0..500).map(|number| format!("line {number}")).collect();
    ann.type_in(&(words.join("\n") + "\n"));
    drop(ann.stdin.take());
    let (rest, status) = ann.finish();
    assert!(status.success(), "{status}");
    assert!(rest.is_empty(), "{rest:?}");
    let received = std::iter::from_fn(|| ben.line()).filter(|line| line != "ann: (is typing)");
    let received: Vec<String> = received.take(words.len() + 1).collect();
    let expected = words.iter().map(|word| format!("ann: {word}"));
    let expected: Vec<String> = expected.chain(["ann has left".to_owned()]).collect();
    assert_eq!(received, expected);
}

#[test]
fn chat_denies_a_used_name_and_exits_with_its_server() {
    let mut server = Example::start_with("chat", &["serve"]);
    let address = server.address().to_string();
    let ann = Example::start_with("chat", &[&address, "ann"]);
    assert_eq!(ann.line(), Some(format!("connected to {address}")));
    let another = Example::start_with("chat", &[&address, "a:n\u{1b}n"]);
    let (_, status) = another.finish();
    assert_eq!(status.code(), Some(1));

    drop(server.stdin.take());
    let (_, status) = server.finish();
    assert!(status.success(), "{status}");
    let (rest, status) = ann.finish();
    assert_eq!(status.code(), Some(1));
    assert!(rest.is_empty(), "{rest:?}");
}

/// A new folder for the files of an example, removed when the test is over.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("{name}-{}", std::process::id());
        let folder = Self(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name));
        fs::create_dir(&folder.0).expect("no other test uses this name");
        folder
    }

    /// Starts the README's server in it, and returns the server with its address and public key.
    fn start_server(&self) -> (Example, String, String) {
        let server = Example::start_in(&self.0, "readme_server", &["127.0.0.1:0"]);
        let line = server.line().expect("the first line");
        let key = line.strip_prefix("public key ").expect("a public key");
        let address = server.address().to_string();
        (server, address, key.to_owned())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn readme_programs_exchange_sixty_inputs() {
    let folder = Folder::new("readme-programs");
    let (server, address, key) = folder.start_server();
    let client = Example::start_with("readme_client", &[&key, &address]);
    assert_eq!(client.line(), Some(format!("connected to {address}")));
    let (replies, status) = client.finish();
    assert!(status.success(), "{status}");
    // Sequenced messages arrive at most once and in order; the last ones may be in flight at the
    // end.
    let ticks: Vec<u32> = replies
        .iter()
        .map(|line| line.strip_prefix("input of tick ").expect("a reply"))
        .map(|tick| tick.parse().expect("a number"))
        .collect();
    assert!(ticks.is_sorted_by(|one, next| one < next), "{ticks:?}");
    assert!(!ticks.is_empty(), "no reply arrived");
    assert!(
        server
            .line()
            .is_some_and(|line| line.ends_with(" connected"))
    );
    assert_line(server.line(), "left: disconnected by the peer, code 0");
}

#[test]
fn readme_server_keeps_its_key_across_restarts() {
    let folder = Folder::new("readme-key");
    let (server, _, first) = folder.start_server();
    drop(server);
    let (_server, _, second) = folder.start_server();
    assert_eq!(first, second);
}

#[test]
fn readme_client_states_how_it_is_used() {
    for arguments in [&[][..], &["not a key"]] {
        let (lines, status) = Example::start_with("readme_client", arguments).finish();
        assert_eq!(status.code(), Some(1));
        assert!(lines.is_empty(), "{lines:?}");
    }
}

/// The code of an example, without the comment that begins the file.
fn code_of(source: &str) -> String {
    let is_header = |line: &&str| line.starts_with("//!") || line.is_empty();
    let lines = source.lines().skip_while(is_header);
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn readme_shows_the_code_of_its_programs() {
    let readme = include_str!("../README.md");
    for (path, source) in [
        (
            "examples/readme_server.rs",
            include_str!("../examples/readme_server.rs"),
        ),
        (
            "examples/readme_client.rs",
            include_str!("../examples/readme_client.rs"),
        ),
    ] {
        let marker = format!("<!-- {path} -->\n```rust,no_run\n");
        let fence = readme.split_once(&marker).map(|(_, rest)| rest);
        let shown = fence.and_then(|fence| fence.split_once("```\n"));
        let (shown, _) = shown.unwrap_or_else(|| panic!("README.md has no fence after {marker}"));
        assert_eq!(shown, code_of(source), "README.md differs from {path}");
    }
}

fn plain_socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    socket
        .set_read_timeout(Some(DEADLINE))
        .expect("a valid timeout");
    socket
}

struct Player {
    host: Host,
    server: PeerId,
}

impl Player {
    fn join(address: SocketAddr) -> Self {
        let any_port = (Ipv4Addr::LOCALHOST, 0).into();
        let mut host = Host::bind(any_port, Config::noise(2)).expect("a free port");
        let options = ConnectOptions::default();
        let server = host.connect(address, &options).expect("it begins");
        let mut player = Self { host, server };
        let event = player.event();
        assert!(matches!(event, Event::Connected { .. }), "{event:?}");
        player
    }

    fn arrival_line(&self) -> String {
        format!("came from {}", self.host.local_addr())
    }

    fn event(&mut self) -> Event {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(event) = self.host.next_event() {
                return event;
            }
            assert!(Instant::now() < deadline, "no event for {DEADLINE:?}");
            self.host
                .wait_until(deadline)
                .expect("its own socket works");
        }
    }

    /// Sends a request with `number` and returns the time in the reply.
    fn request_time(&mut self, number: [u8; 4]) -> u64 {
        self.host
            .send(self.server, Delivery::Unreliable, &number)
            .expect("there is room");
        let event = self.event();
        let Event::Message { bytes, .. } = event else {
            panic!("no answer: {event:?}");
        };
        assert_eq!(bytes[..4], number);
        u64::from_be_bytes(bytes[4..].try_into().expect("8 bytes"))
    }

    fn leave(mut self, code: u32) {
        self.host.shutdown(code);
        while !self.host.is_shut_down() {
            self.host
                .wait(Some(DEADLINE))
                .expect("its own socket works");
            while self.host.next_event().is_some() {}
        }
    }

    /// Waits for the disconnect and returns its reason.
    fn end(&mut self) -> DisconnectReason {
        let event = self.event();
        let Event::Disconnected { reason, .. } = event else {
            panic!("not the end: {event:?}");
        };
        reason
    }
}

#[test]
fn every_example_is_short() {
    let few = EXAMPLE_LINES_MAX;
    let sources = [
        (
            "chat.rs",
            include_str!("../examples/chat.rs"),
            CHAT_LINES_MAX,
        ),
        (
            "datagrams.rs",
            include_str!("../examples/datagrams.rs"),
            few,
        ),
        (
            "game_tick.rs",
            include_str!("../examples/game_tick.rs"),
            few,
        ),
        ("headless.rs", include_str!("../examples/headless.rs"), few),
        (
            "readme_client.rs",
            include_str!("../examples/readme_client.rs"),
            few,
        ),
        (
            "readme_server.rs",
            include_str!("../examples/readme_server.rs"),
            few,
        ),
    ];
    for (name, source, max) in sources {
        let lines = source.lines().count();
        assert!(lines < max, "{name} has {lines} lines");
    }
}
