//! `tickwire bench`: its output, its files and its errors, without the figures.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

#[allow(dead_code, reason = "other tests use the rest")]
#[path = "programs/child.rs"]
mod child;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "programs/foreign.rs"]
mod foreign;
#[path = "programs/results.rs"]
mod results;
#[path = "../../../tests/common/skip.rs"]
mod skip;

use std::fs;
use std::net::UdpSocket;
use std::process::Command;
use std::thread;

use serde_json::Value;

use crate::child::{Ended, run, tickwire};
use crate::foreign::python;
use crate::results::{TestFile, assert_is_well_formed};

fn latency(args: &[&str]) -> Ended {
    run(&mut tickwire(&[&["bench", "latency"], args].concat()))
}

fn short_latency(args: &[&str]) -> Ended {
    let short = ["--rounds", "1", "--duration", "200ms", "--warm-up", "50ms"];
    latency(&[&short, args].concat())
}

fn assert_done(ended: &Ended) {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.stderr, [""; 0]);
}

/// A failure prints an error, and no figures.
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
    let begin = format!("p50 against {against} ");
    let verdict = ended.stdout.iter().find(|line| line.starts_with(&begin));
    let verdict = verdict.unwrap_or_else(|| panic!("no verdict in {ended:?}"));
    // A busy machine loses datagrams.
    let is_one = verdict.ends_with(" met") || verdict.ends_with(" MISSED");
    assert!(is_one || verdict.contains("no verdict: "), "{verdict}");
}

fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn latency_asleep_shows_and_records_everything() {
    let (json, svg) = (TestFile::new("sleep.json"), TestFile::new("sleep.svg"));
    let ended = short_latency(&["--json-file", json.path(), "--svg-file", svg.path()]);
    assert_done(&ended);

    for name in ["std  ", "mio  ", "tickwire  "] {
        let cells = row(&ended, name);
        let sent = cells[cells.len() - 2];
        assert_eq!((cells.len(), sent), (9, "200"), "{cells:?}");
        // 200 datagrams have no p99.9.
        assert_eq!(cells[4..6], ["-", "-"]);
    }
    let by_round = ended
        .stdout
        .iter()
        .position(|line| line.starts_with("by round"));
    let headings = &ended.stdout[by_round.unwrap() + 1];
    let headings: Vec<_> = headings.split_whitespace().collect();
    assert_eq!(headings, ["p50", "p90", "p99", "max"]);
    row(&ended, "no p99.9, p99.99 by round: a round has too few");
    row(&ended, "tickwire / std");
    row(&ended, "tickwire / mio");
    assert_has_verdict(&ended, "mio");

    let record: Value = serde_json::from_str(&json.read()).unwrap();
    assert_eq!(record["benchmark"], "latency");
    assert_eq!(record["settings"]["size"], 64);
    assert_eq!(record["settings"]["wait_mode"], "sleep");
    assert!(number(&record["machine"]["cpus"]) >= 1.0);
    let subjects = record["results"]["subjects"].as_array().unwrap();
    let names: Vec<_> = subjects.iter().map(|subject| &subject["name"]).collect();
    assert_eq!(names, ["std", "mio", "tickwire"]);
    let threads: Vec<_> = subjects
        .iter()
        .map(|subject| &subject["client_threads"])
        .collect();
    assert_eq!(threads, [2, 1, 1]);
    for subject in subjects {
        assert_eq!(subject["sent"], 200);
        let latency = &subject["micros"]["latency"];
        assert!(number(&latency["p50"]) <= number(&latency["max"]));
        assert!(latency["p99.9"].is_null());
        let round = &subject["rounds"][0];
        assert!(number(&round["micros"]["latency"]["p99"]) > 0.0);
        let time_line = round["time_line"]["longest_micros"].as_array().unwrap();
        assert_eq!(time_line.len(), 100);
        assert!(subject["distribution"].as_array().unwrap().len() > 20);
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
    let args = [
        "--wait-mode",
        "spin",
        "--json-file",
        json.path(),
        "--svg-file",
        svg.path(),
    ];
    let ended = short_latency(&args);
    assert_done(&ended);
    row(&ended, "tickwire / std");
    assert_has_verdict(&ended, "std");
    assert!(!ended.stdout.iter().any(|line| line.contains("mio")));
    let record: Value = serde_json::from_str(&json.read()).unwrap();
    assert_eq!(record["settings"]["wait_mode"], "spin");
    assert_is_well_formed(&svg.read());
}

#[cfg(target_os = "linux")]
#[test]
fn latency_with_receive_timestamps_shows_how_long_replies_waited() {
    for args in [
        &["--wait-mode", "sleep"][..],
        &["--wait-mode", "spin", "--closed"],
    ] {
        let json = TestFile::new("stamped.json");
        let stamped = ["--receive-timestamps", "--json-file", json.path()];
        let ended = short_latency(&[args, &stamped].concat());
        assert_done(&ended);
        row(&ended, "stamped / tickwire");
        row(&ended, "from the kernel's receipt of a reply to the client");

        let record: Value = serde_json::from_str(&json.read()).unwrap();
        assert_eq!(record["settings"]["receive_timestamps"], true);
        let subjects = record["results"]["subjects"].as_array().unwrap();
        let (stamped, others) = subjects.split_last().unwrap();
        assert_eq!(stamped["name"], "stamped");
        for subject in [stamped, &stamped["rounds"][0]] {
            let waited = &subject["micros"]["kernel_to_client"];
            assert!(number(&waited["p50"]) > 0.0, "{waited}");
            // It is part of the round trip.
            assert!(number(&waited["p50"]) < number(&subject["micros"]["latency"]["p50"]));
        }
        assert!(
            others
                .iter()
                .all(|subject| subject["micros"]["kernel_to_client"].is_null())
        );
    }
}

#[test]
fn latency_one_at_a_time_runs_both_ways() {
    for wait in ["sleep", "spin"] {
        let ended = short_latency(&["--closed", "--wait-mode", wait, "--size", "1024"]);
        assert_done(&ended);
        assert!(ended.stdout[0].contains("1024-byte datagrams, one at a time"));
        row(&ended, "tickwire / std");
    }
}

#[test]
fn latency_to_a_remote_echo_has_no_goal() {
    let echo = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = echo.local_addr().unwrap().to_string();
    answer(echo, <[u8]>::to_vec);
    let ended = short_latency(&["--to", &address, "--rate", "500"]);
    assert_done(&ended);
    assert!(ended.stdout[0].contains(&format!("to {address}, 500 per second")));
    row(&ended, "tickwire / mio");
    assert!(!ended.stdout.iter().any(|line| line.starts_with("goal ")));
}

#[test]
fn latency_counts_losses_as_infinitely_long() {
    let echo = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = echo.local_addr().unwrap().to_string();
    thread::spawn(move || {
        let mut buffer = [0; 2048];
        // Two of three are lost.
        for number in 0.. {
            let (len, from) = echo.recv_from(&mut buffer).unwrap();
            if number % 3 == 0 {
                echo.send_to(&buffer[..len], from).unwrap();
            }
        }
    });
    let (json, svg) = (TestFile::new("lost.json"), TestFile::new("lost.svg"));
    let args = [
        "--to",
        &address,
        "--json-file",
        json.path(),
        "--svg-file",
        svg.path(),
    ];
    let ended = short_latency(&args);
    assert_done(&ended);
    for name in ["std  ", "mio  ", "tickwire  "] {
        assert_eq!(row(&ended, name)[1..4], ["lost"; 3]);
    }
    assert_eq!(row(&ended, "tickwire / mio")[3], "lost");
    let record: Value = serde_json::from_str(&json.read()).unwrap();
    let std = &record["results"]["subjects"][0];
    assert!(std["micros"]["latency"]["p50"].is_null() && std["micros"]["latency"]["max"].is_null());
    assert_eq!(std["micros"]["latency"]["missing"]["p50"], "lost");
    let lost = std["lost"].as_u64().unwrap();
    assert!((132..=136).contains(&lost), "{lost} of 200");
    let slices = std["rounds"][0]["time_line"]["lost"].as_array().unwrap();
    let in_slices: u64 = slices.iter().filter_map(Value::as_u64).sum();
    assert_eq!(in_slices, lost);
    let svg = svg.read();
    assert_is_well_formed(&svg);
    // On a busy machine, the rate is in between.
    let wanted = format!(", {lost} of 200 lost");
    let mut texts = svg.split(['>', '<']).map(str::trim);
    assert!(texts.any(|text| text.starts_with("std, ") && text.ends_with(&wanted)));
}

#[test]
fn latency_ignores_altered_replies() {
    let echo = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = echo.local_addr().unwrap().to_string();
    answer(echo, |bytes| {
        let mut bytes = bytes.to_vec();
        // In every second datagram, the last byte of its number.
        if bytes[15] % 2 == 1 {
            bytes[63] ^= 0x80;
        }
        bytes
    });
    let json = TestFile::new("altered.json");
    assert_done(&short_latency(&[
        "--to",
        &address,
        "--json-file",
        json.path(),
    ]));
    let record: Value = serde_json::from_str(&json.read()).unwrap();
    for subject in record["results"]["subjects"].as_array().unwrap() {
        // Including the warm-up.
        assert_eq!(subject["foreign"], 125, "{}", subject["name"]);
        assert_eq!(subject["answered"], 100);
    }
}

#[test]
fn latency_reports_a_rate_that_was_not_reached() {
    let json = TestFile::new("rate.json");
    // A datagram over loopback takes longer than a microsecond.
    let args = ["--rate", "1000000", "--duration", "20ms", "--warm-up", "0s"];
    let ended = latency(&[&args, &["--rounds", "1", "--json-file", json.path()][..]].concat());
    assert_done(&ended);
    assert!(ended.stdout[0].contains(", 1000000 per second requested and not reached, "));
    let record: Value = serde_json::from_str(&json.read()).unwrap();
    for subject in record["results"]["subjects"].as_array().unwrap() {
        let sent = number(&subject["sent_per_second"]);
        assert!(sent < 990_000.0, "{sent}");
        let note = format!(
            "{}: sent {sent:.0} datagrams per",
            subject["name"].as_str().unwrap()
        );
        row(&ended, &note);
    }
}

/// Echoes `count` datagrams; returns its address.
fn stopping_echo(count: usize) -> String {
    let echo = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = echo.local_addr().unwrap().to_string();
    thread::spawn(move || {
        let mut buffer = [0; 2048];
        for _ in 0..count {
            let (len, from) = echo.recv_from(&mut buffer).unwrap();
            echo.send_to(&buffer[..len], from).unwrap();
        }
    });
    address
}

#[test]
fn latency_keeps_results_from_before_the_target_stopped() {
    // The check of the echo, and the round of std with its warm-up.
    let ended = short_latency(&["--to", &stopping_echo(1 + 250)]);
    assert_done(&ended);
    assert_eq!(row(&ended, "std  ").last(), Some(&"0"), "{ended:?}");
    assert_eq!(row(&ended, "mio  ")[1], "lost");
    row(&ended, "tickwire: no reply to 200 datagrams");
}

#[test]
fn latency_reports_that_its_target_stopped() {
    // In parallel, because each only waits.
    thread::scope(|scope| {
        for args in [&["--rate", "1000"][..], &["--closed"]] {
            scope.spawn(move || {
                let address = stopping_echo(1);
                let ended = short_latency(&[&["--to", &address], args].concat());
                assert_fails(&ended, 1, &[&format!("{address} stopped replying")]);
            });
        }
    });
}

/// Answers all datagrams.
fn answer(socket: UdpSocket, answer: fn(&[u8]) -> Vec<u8>) {
    thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((len, from)) = socket.recv_from(&mut buffer) {
            socket.send_to(&answer(&buffer[..len]), from).unwrap();
        }
    });
}

#[test]
fn a_single_long_round_has_a_bar_and_a_signal_clears_it() {
    let script = "
import os, pty, signal, sys
child, terminal = pty.fork()
if child == 0:
    os.execv(sys.argv[1], sys.argv[1:])
shown = b''
# Drawn once more in the middle of the round.
while b'1s of 3h' not in shown:
    shown += os.read(terminal, 4096)
os.kill(child, signal.SIGINT)
last = b''
try:
    while chunk := os.read(terminal, 4096):
        last += chunk
except OSError:
    pass
_, status = os.waitpid(child, 0)
print(b'round 1 of 1: std' in shown, os.WTERMSIG(status) == signal.SIGINT)
print(ascii(last.decode()))
";
    let args = ["bench", "latency", "--rounds", "1", "--duration", "1h"];
    let args = [&[env!("CARGO_BIN_EXE_tickwire")], &args[..]].concat();
    let Some(mut python) = python(script, &args) else {
        return;
    };
    let ended = run(&mut python);
    assert_eq!(ended.stdout[0], "True True", "{ended:?}");
    // The line is cleared.
    assert!(ended.stdout[1].ends_with(r"\r\x1b[2K'"), "{ended:?}");
}

#[test]
fn latency_rejects_invalid_options() {
    let cases: &[(&[&str], &str)] = &[
        (
            &["--size", "1025"],
            "must be a whole number from 16 to 1024",
        ),
        (&["--size", "15"], "must be a whole number from 16 to 1024"),
        (&["--rate", "0"], "must be a whole number from 1 to 1000000"),
        (
            &["--rate", "NaN"],
            "must be a whole number from 1 to 1000000",
        ),
        (&["--rounds", "0"], "must be a whole number from 1 to 1000"),
        (&["--duration", "0s"], "must be 1ms to 1day"),
        (&["--duration", "2"], "2 has no unit: write 2ms, 2s or 2min"),
        (&["--duration", "-1s"], "a time cannot be negative"),
        (&["--warm-up", "-1s"], "a time cannot be negative"),
        (&["--size", "-5"], "--size <BYTES>"),
        (
            &["--rate", "-1"],
            "must be a whole number from 1 to 1000000",
        ),
        (&["--rounds", "-1"], "must be a whole number from 1 to 1000"),
        (&["--warm-up", "2days"], "must be 0s to 1day"),
        (
            &["--rate", "1000000", "--duration", "1h"],
            "choose a lower --rate",
        ),
        (&["--closed", "--rate", "10"], "cannot be used with"),
        (&["--wait-mode", "never"], "never"),
        (&["--to", "nowhere"], "the port is missing"),
        (&["--to", "127.0.0.1:0"], "port 0"),
    ];
    for (args, part) in cases {
        assert_fails(&latency(args), 2, &[part]);
    }
}

#[test]
fn latency_rejects_a_target_that_is_no_echo() {
    let closed = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = closed.local_addr().unwrap().to_string();
    drop(closed);
    let ended = latency(&["--to", &address]);
    assert_fails(&ended, 1, &[&address, "the port is closed"]);

    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let ended = latency(&["--to", &address]);
    assert_fails(&ended, 1, &["no reply from", "choose a UDP echo"]);

    let other = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    answer(other, |_| b"what?".to_vec());
    let ended = latency(&["--to", &address]);
    assert_fails(&ended, 1, &["with other bytes than it received"]);

    let longer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = longer.local_addr().unwrap().to_string();
    answer(longer, |bytes| [bytes, b"!"].concat());
    let ended = latency(&["--to", &address, "--size", "1024"]);
    assert_fails(&ended, 1, &["with other bytes than it received"]);
}

#[test]
fn reports_an_unwritable_file_before_it_measures() {
    let cases = [("latency", "--json-file"), ("latency", "--svg-file")];
    for (benchmark, option) in cases {
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
fn writes_a_record_into_a_pipe() {
    let pipe = TestFile::new("pipe");
    let made = Command::new("mkfifo").arg(pipe.path()).status();
    if skip::skip("mkfifo", made.is_ok_and(|status| status.success())) {
        return;
    }
    let path = pipe.0.clone();
    let reader = thread::spawn(move || fs::read_to_string(path).unwrap());
    assert_done(&short_latency(&[
        "--wait-mode",
        "spin",
        "--json-file",
        pipe.path(),
    ]));
    let record: Value = serde_json::from_str(&reader.join().unwrap()).unwrap();
    assert_eq!(record["benchmark"], "latency");
}

#[test]
fn rejects_one_file_for_two_results() {
    let file = TestFile::new("both");
    let args = ["--json-file", file.path(), "--svg-file", file.path()];
    let ended = short_latency(&args);
    assert_fails(
        &ended,
        2,
        &["--json-file and --svg-file are both", file.path()],
    );
    assert!(!file.0.exists());
}
