//! Each example as a program of its own: it starts, does what its first lines say, and ends by
//! itself.
#![forbid(unsafe_code)]

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// Nothing here takes a fraction of it; a test that has waited this long has failed.
const DEADLINE: Duration = Duration::from_secs(20);

/// An example is to be read at one go: fewer lines than this.
const EXAMPLE_LINES_MAX: usize = 80;

/// A running example, killed when the test is over, however it ends.
struct Example {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Example {
    fn start(name: &str) -> Self {
        let path = path_of(name);
        assert!(
            path.exists(),
            "{} is missing: run `cargo build --examples` first",
            path.display()
        );
        let mut child = Command::new(path)
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

    /// The rest of the lines, and how the example ended.
    fn finish(mut self) -> (Vec<String>, ExitStatus) {
        let rest = std::iter::from_fn(|| self.line()).collect();
        // Its output is closed, so there is nothing left to wait for but its end.
        let status = self.child.wait().expect("the example can be waited for");
        (rest, status)
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `target/<profile>/examples/NAME`, seen from `target/<profile>/deps/<this test>`.
fn path_of(name: &str) -> PathBuf {
    let test = env::current_exe().expect("a test knows where it lies");
    let profile = test.ancestors().nth(2).expect("tests lie in `deps`");
    profile
        .join("examples")
        .join(format!("{name}{}", env::consts::EXE_SUFFIX))
}

#[test]
fn game_tick_plays_its_states_in_order_and_ends() {
    let (mut lines, status) = Example::start("game_tick").finish();
    assert!(status.success(), "{status}");
    assert_eq!(lines.pop().as_deref(), Some("60 states drawn"));
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

/// The tick and the place in a line like `tick  12 |     @`.
fn state_of(line: &str) -> (u32, usize) {
    let (tick, track) = line
        .strip_prefix("tick ")
        .and_then(|line| line.split_once(" |"))
        .unwrap_or_else(|| panic!("not a state: {line:?}"));
    let place = track.find('@').expect("the ship is on its track");
    (tick.trim().parse().expect("a tick is a number"), place)
}

#[test]
fn headless_answers_questions_until_its_input_is_closed() {
    let mut example = Example::start("headless");
    let player = Player::of(&example);

    let first = player.ask(1);
    // Strangers: empty, too short, too long for the protocol, too long for the buffer.
    for len in [0, 11, 13, 1025] {
        player.send(&vec![7; len]);
    }
    let second = player.ask(2);
    assert!(first <= second, "its clock runs backwards");

    drop(example.stdin.take());
    let (lines, status) = example.finish();
    assert!(status.success(), "{status}");
    assert_eq!(lines, ["datagrams heard: 6"]);
}

#[test]
fn headless_ends_at_quit() {
    let mut example = Example::start("headless");
    let player = Player::of(&example);
    player.ask(1);

    let mut stdin = example.stdin.take().expect("standard input is a pipe");
    stdin.write_all(b"what?\nquit\n").expect("it reads");
    let (lines, status) = example.finish();
    assert!(status.success(), "{status}");
    assert_eq!(lines, ["datagrams heard: 1"]);
}

/// Somebody who asks `headless` for the time.
struct Player {
    socket: UdpSocket,
}

impl Player {
    fn of(example: &Example) -> Self {
        let line = example.line().expect("it says where it listens");
        let address = line.strip_prefix("listening on ").expect("the first line");
        let address: SocketAddr = address.parse().expect("an address");
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        socket.connect(address).expect("an address that exists");
        socket
            .set_read_timeout(Some(DEADLINE))
            .expect("a valid timeout");
        Self { socket }
    }

    fn send(&self, bytes: &[u8]) {
        let sent = self.socket.send(bytes).expect("it listens");
        assert_eq!(sent, bytes.len());
    }

    /// Asks with `number`, and returns the time in the answer to it.
    fn ask(&self, number: u32) -> u64 {
        let mut question = [0; 12];
        question[..4].copy_from_slice(&number.to_be_bytes());
        self.send(&question);

        let mut answer = [0; 64];
        let len = self.socket.recv(&mut answer).expect("an answer");
        assert_eq!(len, question.len(), "as long as the question");
        assert_eq!(answer[..4], number.to_be_bytes());
        u64::from_be_bytes(answer[4..12].try_into().expect("8 bytes"))
    }
}

#[test]
fn every_example_is_short() {
    let sources = [
        ("game_tick.rs", include_str!("../examples/game_tick.rs")),
        ("headless.rs", include_str!("../examples/headless.rs")),
    ];
    for (name, source) in sources {
        let lines = source.lines().count();
        assert!(lines < EXAMPLE_LINES_MAX, "{name} has {lines} lines");
    }
}
