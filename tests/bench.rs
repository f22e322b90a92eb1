//! `tickwire bench` as its users meet it: that it runs, what it writes, what it refuses. What the
//! figures are is no matter here, only that they are there.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    reason = "in a test that is a failure as good as any"
)]

#[allow(dead_code, reason = "the tests of the other programs use the rest")]
#[path = "programs/child.rs"]
mod child;

use std::fs;
use std::net::UdpSocket;
use std::path::PathBuf;
use std::thread;

use serde_json::Value;

use crate::child::{Ended, run, tickwire};

/// A file of a test's own; it is gone when it goes out of scope.
struct TestFile(PathBuf);

impl TestFile {
    fn new(name: &str) -> Self {
        let name = format!("tickwire-bench-{}-{name}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    fn read(&self) -> String {
        fs::read_to_string(&self.0).unwrap()
    }
}

impl Drop for TestFile {
    fn drop(&mut self) {
        // It is not there if the test failed before it was written.
        let _ = fs::remove_file(&self.0);
    }
}

fn latency(args: &[&str]) -> Ended {
    run(&mut tickwire(&[&["bench", "latency"], args].concat()))
}

/// A measurement as short as it can be.
fn short_latency(args: &[&str]) -> Ended {
    let short = ["--rounds", "1", "--duration", "200ms", "--warm-up", "50ms"];
    latency(&[&short, args].concat())
}

fn assert_done(ended: &Ended) {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.stderr, [""; 0]);
}

/// A failure says so on standard error, and shows no figures.
fn assert_fails(ended: &Ended, code: i32, parts: &[&str]) {
    assert_eq!(ended.code, Some(code), "{ended:?}");
    assert_eq!(ended.stdout, [""; 0]);
    let text = ended.stderr.join("\n");
    for part in parts {
        assert!(text.contains(part), "no {part:?} in {text:?}");
    }
}

/// The cells of the first line that begins with this.
fn row<'e>(ended: &'e Ended, name: &str) -> Vec<&'e str> {
    let line = ended.stdout.iter().find(|line| line.starts_with(name));
    let line = line.unwrap_or_else(|| panic!("no {name:?} in {ended:?}"));
    line.split_whitespace().collect()
}

fn assert_has_verdict(ended: &Ended, against: &str) {
    let begin = format!("p50 against {against}: ");
    let verdict = ended.stdout.iter().find(|line| line.starts_with(&begin));
    let verdict = verdict.unwrap_or_else(|| panic!("no verdict in {ended:?}"));
    assert!(
        verdict.ends_with(", ok") || verdict.ends_with(", missed"),
        "{verdict}"
    );
}

/// Whether what is opened is closed, in order, and there is one root.
fn assert_is_well_formed(svg: &str) {
    let mut open = Vec::new();
    let mut roots = 0;
    for piece in svg.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').expect("a tag ends");
        assert!(!text.contains('&') || text.contains(';'), "{text}");
        if tag.starts_with(['?', '!']) {
            continue;
        }
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
            continue;
        }
        roots += u32::from(open.is_empty());
        assert!(tag.matches('"').count() % 2 == 0, "{tag}");
        if !tag.ends_with('/') {
            open.push(tag.split_whitespace().next().expect("a name"));
        }
    }
    assert_eq!(open, [""; 0]);
    assert_eq!(roots, 1);
}

fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn latency_asleep_shows_and_records_everything() {
    let (json, svg) = (TestFile::new("sleep.json"), TestFile::new("sleep.svg"));
    let ended = short_latency(&["--json", json.path(), "--svg", svg.path()]);
    assert_done(&ended);

    for name in ["std  ", "mio  ", "tickwire  "] {
        let cells = row(&ended, name);
        let sent = cells[cells.len() - 2];
        assert_eq!((cells.len(), sent), (9, "200"), "{cells:?}");
        // 200 datagrams have no p99.9.
        assert_eq!(cells[4..6], ["-", "-"]);
    }
    row(&ended, "tickwire / std");
    row(&ended, "tickwire / mio");
    assert_has_verdict(&ended, "mio");

    let record: Value = serde_json::from_str(&json.read()).unwrap();
    assert_eq!(record["benchmark"], "latency");
    assert_eq!(record["settings"]["size_bytes"], 64);
    assert_eq!(record["settings"]["wait"], "sleep");
    assert!(number(&record["machine"]["cpus"]) >= 1.0);
    let contestants = record["results"]["contestants"].as_array().unwrap();
    let names: Vec<_> = contestants.iter().map(|who| &who["name"]).collect();
    assert_eq!(names, ["std", "mio", "tickwire"]);
    for who in contestants {
        assert_eq!(who["sent"], 200);
        assert!(number(&who["latency"]["p50"]) <= number(&who["latency"]["max"]));
        assert!(who["latency"]["p99.9"].is_null());
        let round = &who["rounds"][0];
        assert!(number(&round["latency"]["p99"]) > 0.0);
        let time_line = round["time_line"]["longest_micros"].as_array().unwrap();
        assert_eq!(time_line.len(), 100);
        assert!(who["distribution"].as_array().unwrap().len() > 20);
    }
    assert_eq!(record["results"]["ratios"].as_array().unwrap().len(), 3);

    let svg = svg.read();
    assert_is_well_formed(&svg);
    for text in ["std", "mio", "tickwire", "99%", "time in the run"] {
        assert!(svg.contains(text), "no {text:?} in the picture");
    }
}

#[test]
fn latency_spinning_is_measured_against_std_alone() {
    let (json, svg) = (TestFile::new("spin.json"), TestFile::new("spin.svg"));
    let args = ["--wait", "spin", "--json", json.path(), "--svg", svg.path()];
    let ended = short_latency(&args);
    assert_done(&ended);
    row(&ended, "tickwire / std");
    assert_has_verdict(&ended, "std");
    assert!(!ended.stdout.iter().any(|line| line.contains("mio")));
    let record: Value = serde_json::from_str(&json.read()).unwrap();
    assert_eq!(record["settings"]["wait"], "spin");
    assert_is_well_formed(&svg.read());
}

#[test]
fn latency_one_at_a_time_runs_both_ways() {
    for wait in ["sleep", "spin"] {
        let ended = short_latency(&["--closed", "--wait", wait, "--size", "1024"]);
        assert_done(&ended);
        assert!(ended.stdout[0].contains("1024-byte datagrams, one at a time"));
        row(&ended, "tickwire / std");
    }
}

#[test]
fn latency_to_an_echo_elsewhere_has_no_goal() {
    let echo = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = echo.local_addr().unwrap().to_string();
    answer(echo, <[u8]>::to_vec);
    let ended = short_latency(&["--to", &address, "--rate", "500"]);
    assert_done(&ended);
    assert!(ended.stdout[0].contains(&format!("to {address}, 500 a second")));
    row(&ended, "tickwire / mio");
    assert!(!ended.stdout.iter().any(|line| line.contains("goal")));
}

/// Answers whatever comes, as long as the test runs.
fn answer(socket: UdpSocket, answer: fn(&[u8]) -> Vec<u8>) {
    thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((len, from)) = socket.recv_from(&mut buffer) {
            socket.send_to(&answer(&buffer[..len]), from).unwrap();
        }
    });
}

#[test]
fn latency_refuses_what_makes_no_sense() {
    let cases: &[(&[&str], &str)] = &[
        (&["--size", "1025"], "24 to 1024 bytes make a datagram"),
        (&["--size", "23"], "24 to 1024 bytes make a datagram"),
        (&["--rate", "0"], "1 to 1000000 datagrams can leave"),
        (&["--rate", "NaN"], "1 to 1000000 datagrams can leave"),
        (&["--rounds", "0"], "1 to 1000 rounds can be measured"),
        (&["--duration", "0s"], "--duration 0s measures nothing"),
        (&["--duration", "2"], "--duration"),
        (&["--warm-up", "2days"], "--warm-up is at most 24h"),
        (
            &["--rate", "1000000", "--duration", "1h"],
            "choose a lower --rate",
        ),
        (&["--closed", "--rate", "10"], "cannot be used with"),
        (&["--wait", "never"], "never"),
        (&["--to", "nowhere"], "there is no port"),
        (&["--to", "127.0.0.1:0"], "port 0"),
    ];
    for (args, part) in cases {
        assert_fails(&latency(args), 2, &[part]);
    }
}

#[test]
fn latency_says_what_is_wrong_with_its_target() {
    let closed = UdpSocket::bind("127.0.0.1:0").unwrap();
    let nobody = closed.local_addr().unwrap().to_string();
    drop(closed);
    let ended = latency(&["--to", &nobody]);
    assert_fails(&ended, 1, &[&nobody, "nobody listens there"]);

    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let ended = latency(&["--to", &address]);
    assert_fails(&ended, 1, &["nothing came back", "has to be a UDP echo"]);

    let other = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    answer(other, |_| b"what?".to_vec());
    let ended = latency(&["--to", &address]);
    assert_fails(&ended, 1, &["does not send back what it received"]);
}

#[test]
fn a_file_that_cannot_be_written_is_told_before_anything_is_measured() {
    let cases = [
        ("latency", "--json"),
        ("latency", "--svg"),
        ("throughput", "--json"),
        ("tick", "--json"),
        ("connections", "--json"),
    ];
    for (benchmark, option) in cases {
        // A round of an hour: nobody gets to it.
        let args = [
            "bench",
            benchmark,
            option,
            "/nowhere/at/all",
            "--duration",
            "1h",
        ];
        let ended = run(&mut tickwire(&args));
        assert_fails(&ended, 1, &["cannot write /nowhere/at/all: "]);
    }
}

#[test]
fn two_results_are_not_written_into_one_file() {
    let file = TestFile::new("both");
    let args = ["--json", file.path(), "--svg", file.path()];
    let ended = short_latency(&args);
    assert_fails(&ended, 2, &["--json and --svg are both", file.path()]);
    assert!(!file.0.exists());
}
