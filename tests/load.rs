//! `tickwire bench throughput` and `tickwire bench tick`, run for a moment: that they measure, that what
//! they tell adds up, and what they say to a wrong command line.
//!
//! No figure is compared with another: how fast this machine is just now is nobody's promise.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    reason = "in a test that is a failure as good as any"
)]

use std::path::PathBuf;
use std::process::{Command, Output};
use std::{env, fs};

use serde_json::Value;

/// A file of one test, gone with it.
struct Json {
    path: PathBuf,
}

impl Json {
    fn new(name: &str) -> Self {
        let name = format!("tickwire-load-{}-{name}.json", std::process::id());
        Self {
            path: env::temp_dir().join(name),
        }
    }

    fn path(&self) -> &str {
        self.path.to_str().unwrap()
    }

    fn read(&self) -> Value {
        let text = fs::read_to_string(&self.path).unwrap();
        assert!(text.ends_with("}\n"));
        serde_json::from_str(&text).unwrap()
    }
}

impl Drop for Json {
    fn drop(&mut self) {
        // A test that failed before has none.
        let _ = fs::remove_file(&self.path);
    }
}

/// Only errors are logged: what the system grants is not what is tested.
fn bench(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tickwire"))
        .arg("bench")
        .args(args)
        .env("RUST_LOG", "error")
        .output()
        .unwrap()
}

/// As it was printed. Nothing went wrong, and nothing but the result was printed, no progress either.
fn printed(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), &*stderr), (Some(0), ""));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn number(value: &Value) -> u64 {
    value
        .as_u64()
        .unwrap_or_else(|| panic!("{value} is no count"))
}

// Throughput.

#[test]
fn throughput_measures_every_size_and_batch_beside_a_floor() {
    let json = Json::new("throughput");
    let output = bench(&[
        "throughput",
        "--sizes=0,1024",
        "--batches=1,64",
        "--duration=100ms",
        "--rounds=1",
        "--json",
        json.path(),
    ]);
    let text = printed(&output);
    for part in ["Full sockets: ", "Under fire: ", "receive buffer: "] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }

    let record = json.read();
    assert_eq!(record["benchmark"], "throughput");
    assert_eq!(record["settings"]["sizes"], serde_json::json!([0, 1024]));
    assert!(record["machine"]["cpus"].is_u64());
    let rows = record["results"].as_array().unwrap();
    for (size, batch) in [(0, 1), (0, 64), (1024, 1), (1024, 64)] {
        let of_case = |row: &&Value| row["size"] == size && row["batch"] == batch;
        let rows: Vec<&Value> = rows.iter().filter(of_case).collect();
        assert_eq!(rows[0]["is_floor"], true);
        assert_eq!(rows.last().unwrap()["contestant"], "tickwire");
        rows.into_iter().for_each(check_row);
    }
}

fn check_row(row: &Value) {
    let (full, flood) = (&row["full"], &row["flood"]);
    assert_eq!(
        full["lost"], 0,
        "a socket is filled with what it holds: {row}"
    );
    for figures in [full, flood] {
        let lost = number(&figures["sent"]) - number(&figures["received"]);
        assert_eq!(number(&figures["lost"]), lost);
        assert!(number(&figures["received"]) > 0, "{row}");
        for figure in ["datagrams_per_second", "cpu_nanos_per_datagram"] {
            assert!(figures[figure]["median"].as_f64().unwrap() > 0.0, "{row}");
        }
        if row["is_floor"] == true {
            assert_eq!(figures["ratio_to_floor"]["median"], 1.0);
        }
        if figures["dropped_by_kernel"].is_u64() {
            // Over loopback there is no other place to be lost at.
            assert_eq!(figures["dropped_by_kernel"], figures["lost"]);
        }
    }
}

// Ticks.

#[test]
fn a_tick_of_some_clients_adds_up_beside_a_floor() {
    for wake in ["arrival", "tick"] {
        let json = Json::new(&format!("tick-{wake}"));
        let output = bench(&[
            "tick",
            "--clients=50",
            "--duration=100ms",
            "--rounds=2",
            "--wake",
            wake,
            "--json",
            json.path(),
        ]);
        let text = printed(&output);
        for part in [
            "50 clients, 6 ticks at 60 Hz, inputs of 32 bytes, states of 200, 2 rounds, woken by ",
            "CPU µs per client and tick",
            "ratio to floor",
            "share of the tick",
            "kernel buffer",
        ] {
            assert!(text.contains(part), "no {part:?} in {text}");
        }
        check_tick(&json.read(), wake, text.lines().last().unwrap());
    }
}

fn check_tick(record: &Value, wake: &str, verdict: &str) {
    assert_eq!(record["benchmark"], "tick");
    let settings = &record["settings"];
    assert_eq!(settings["clients"], 50);
    assert_eq!(settings["rounds"], 2);
    assert_eq!(settings["wake"], wake);
    let contestants = record["results"]["contestants"].as_array().unwrap();
    let [floor, tickwire] = &contestants[..] else {
        panic!("{record}");
    };
    assert_eq!(floor["is_floor"], true);
    assert_eq!(tickwire["name"], "tickwire");
    contestants.iter().for_each(check_contestant);
    if floor["cpu_micros_per_client_and_tick"].is_object() {
        assert_eq!(floor["ratio_to_floor"]["median"], 1.0);
        assert!(tickwire["ratio_to_floor"]["median"].as_f64().unwrap() > 0.0);
    }
    let is_nothing = verdict == "nothing was lost";
    assert_eq!(record["results"]["nothing_was_lost"], is_nothing);
    assert!(is_nothing || verdict.starts_with("lost: "), "{verdict}");
}

fn check_contestant(contestant: &Value) {
    let rounds = contestant["rounds"].as_array().unwrap();
    assert_eq!(rounds.len(), 2);
    for round in rounds {
        check_inputs(round);
        check_states(round);
    }
    let inputs = |of: &Value| number(&of["losses"]["inputs"]["received"]);
    assert_eq!(inputs(contestant), rounds.iter().map(inputs).sum::<u64>());
}

/// What was sent came or was dropped by the kernel: over loopback there is no network to lose it.
fn check_inputs(round: &Value) {
    let inputs = &round["losses"]["inputs"];
    let missed = number(&round["clients"]["ticks_missed"]);
    let sent = number(&inputs["sent"]) + number(&inputs["refused"]);
    assert_eq!(sent, 50 * (6 - missed), "{round}");
    if inputs["dropped_by_kernel"].is_u64() {
        assert_eq!(inputs["lost_on_network"], 0, "{round}");
    }
}

/// A client's socket holds more than the states of 6 ticks.
fn check_states(round: &Value) {
    let (server, states) = (&round["server"], &round["losses"]["states"]);
    let ticks = number(&server["ticks"]);
    assert_eq!(ticks + number(&server["overruns"]), 6, "{round}");
    assert_eq!(number(&states["due"]), 50 * ticks, "{round}");
    assert_eq!(states["sent"], states["received"], "{round}");
}

#[test]
fn the_shortest_run_has_one_tick() {
    let output = bench(&[
        "tick",
        "--clients=1",
        "--hz=1000",
        "--duration=1ns",
        "--rounds=1",
        "--input=0",
        "--state=0",
    ]);
    let text = printed(&output);
    assert!(text.contains("1 clients, 1 ticks at 1000 Hz"), "{text}");
}

#[test]
fn a_low_limit_of_open_files_is_raised_or_told() {
    let program = env!("CARGO_BIN_EXE_tickwire");
    let limited = |limit: &str| {
        let command =
            format!("{limit} && exec {program} bench tick --clients 200 --duration 1ms --rounds 1");
        let mut shell = Command::new("sh");
        shell.args(["-c", &command]).env("RUST_LOG", "error");
        shell.output().unwrap()
    };
    printed(&limited("ulimit -S -n 100"));

    let refused = limited("ulimit -n 100");
    assert_eq!(refused.status.code(), Some(1));
    let told = String::from_utf8(refused.stderr).unwrap();
    for part in ["200 clients", "room for 36", "--clients", "ulimit -n 264"] {
        assert!(told.contains(part), "no {part:?} in {told}");
    }
}

// What goes wrong.

#[test]
fn what_cannot_be_measured_is_told_with_what_can() {
    let cases: [(&[&str], &str); 13] = [
        (&["tick", "--clients=0"], "1 to 20000 clients"),
        (&["tick", "--clients=20001"], "1 to 20000 clients"),
        (&["tick", "--hz=0"], "1 to 1000 ticks"),
        (&["tick", "--duration=0s"], "no time"),
        (&["tick", "--rounds=0"], "1 to 1000 rounds"),
        (&["tick", "--wake=never"], "arrival, tick"),
        (&["tick", "--input=1025"], "0 to 1024 bytes"),
        (&["tick", "--state=-1"], "0 to 1024 bytes"),
        (&["throughput", "--sizes=64,1025"], "0 to 1024 bytes"),
        (&["throughput", "--batches=0"], "1 to 64 datagrams"),
        (&["throughput", "--batches=65"], "1 to 64 datagrams"),
        (&["throughput", "--rounds=0"], "1..=1000"),
        (&["throughput", "--duration=2h"], "an hour"),
    ];
    for (args, told) in cases {
        let output = bench(args);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
        assert!(stderr.contains(told), "{args:?}: {stderr}");
        assert!(output.stdout.is_empty(), "{args:?}");
    }
}
