//! `tickwire bench throughput` and `tickwire bench tick`, run for a moment: that they measure, that what
//! they tell adds up, and what they say to a wrong command line.
//!
//! No figure is compared with another: how fast this machine is just now is nobody's promise.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    reason = "in a test that is a failure as good as any"
)]

#[cfg(target_os = "linux")]
#[path = "../../../tests/common/skip.rs"]
mod skip;

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
    assert_eq!(
        record["settings"]["sizes_bytes"],
        serde_json::json!([0, 1024])
    );
    assert!(record["machine"]["cpus"].is_u64());
    let rows = record["results"].as_array().unwrap();
    for (size, batch) in [(0, 1), (0, 64), (1024, 1), (1024, 64)] {
        let of_case = |row: &&Value| row["size_bytes"] == size && row["batch"] == batch;
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
        let round = &figures["rounds"][0];
        assert_eq!(round["received"], figures["received"]);
        assert!(round["wall_seconds"].as_f64().unwrap() > 0.0, "{row}");
        assert!(round["cpu_seconds"].as_f64().unwrap() > 0.0, "{row}");
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
    check_verdict(&record["results"], verdict);
}

/// Room for what is lost in the last digits.
const ROUNDED: f64 = 1.000_001;

/// The last line and the flags say the same.
fn check_verdict(results: &Value, verdict: &str) {
    let is_nothing = verdict.starts_with("nothing was lost");
    assert_eq!(results["nothing_was_lost"], is_nothing);
    assert!(is_nothing || verdict.starts_with("lost: "), "{verdict}");
    let is_complete = !verdict.contains(" were never sent (");
    assert_eq!(results["complete"], is_complete, "{verdict}");
}

fn check_contestant(contestant: &Value) {
    let rounds = contestant["rounds"].as_array().unwrap();
    assert_eq!(rounds.len(), 2);
    for round in rounds {
        check_times(&round["server"]);
        check_inputs(round);
        check_states(round);
    }
    let inputs = |of: &Value| number(&of["losses"]["inputs"]["received"]);
    assert_eq!(inputs(contestant), rounds.iter().map(inputs).sum::<u64>());
}

/// No more in the ticks than in the whole; the rest is what came after the last tick.
fn check_times(server: &Value) {
    let all = |times: &Value| times["mean"].as_f64().unwrap() * server["ticks"].as_f64().unwrap();
    let wall = server["wall_seconds"].as_f64().unwrap();
    assert!(all(&server["awake_ms"]) <= wall * 1e3 * ROUNDED, "{server}");
    if let Some(cpu) = server["cpu_seconds"].as_f64() {
        assert!(all(&server["cpu_ms"]) <= cpu * 1e3 * ROUNDED, "{server}");
    }
}

/// What was sent came or was dropped by the kernel: over loopback there is no network to lose it.
fn check_inputs(round: &Value) {
    let inputs = &round["losses"]["inputs"];
    let missed = number(&round["clients"]["ticks_missed"]);
    let sent = number(&inputs["sent"]) + number(&inputs["refused"]);
    assert_eq!(sent, 50 * (6 - missed), "{round}");
    let unsent = &round["unsent"];
    let asked = number(&unsent["inputs_asked"]);
    assert_eq!(sent + number(&unsent["inputs"]), asked, "{round}");
    if inputs["dropped_by_kernel"].is_u64() {
        assert_eq!(inputs["lost_on_network"], 0, "{round}");
    }
}

/// A client's socket holds more than the states of 6 ticks.
fn check_states(round: &Value) {
    let (server, states) = (&round["server"], &round["losses"]["states"]);
    let ticks = number(&server["ticks"]);
    assert_eq!(ticks + number(&server["overruns"]), 6, "{round}");
    let (due, unsent) = (number(&states["due"]), &round["unsent"]);
    assert_eq!(due, 50 * ticks, "{round}");
    let asked = number(&unsent["states_asked"]);
    assert_eq!(due + number(&unsent["states"]), asked, "{round}");
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

/// In a network that was just made nothing is up, its loopback neither.
#[cfg(target_os = "linux")]
const NEW_NETWORK: &str = "true";

/// Ends `bench` in a network of its own: with one line that says why, and without a figure.
#[cfg(target_os = "linux")]
fn refused(network: &str, args: &str, log: &str) -> String {
    let program = env!("CARGO_BIN_EXE_tickwire");
    let command = format!("{network} && exec {program} bench {args}");
    let mut unshare = Command::new("unshare");
    unshare.args(["--net", "sh", "-c", &command]);
    let output = unshare.env("RUST_LOG", log).output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(!stdout.contains("contestant") && !stdout.contains("ratio to floor"));
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    stderr
}

#[cfg(target_os = "linux")]
#[test]
fn a_machine_that_does_not_reach_itself_measures_nothing() {
    if skip::skip_namespace(&[]) {
        return;
    }
    for args in ["throughput --duration 1h", "tick --duration 1h"] {
        // What the library would warn of, this says.
        let told = refused(NEW_NETWORK, args, "warn");
        for part in ["cannot send to 127.0.0.1: ", "ip link set lo up"] {
            assert!(told.contains(part), "no {part:?} in {told}");
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_a_firewall_keeps_is_not_measured_as_zero() {
    if skip::skip_namespace(&["ip", "nft"]) {
        return;
    }
    let wall = |rule: &str| {
        format!(
            "ip link set lo up && nft add table inet wall \
             && nft 'add chain inet wall in {{ type filter hook input priority 0; }}' \
             && nft add rule inet wall in {rule} drop"
        )
    };
    // The header's 8 bytes count.
    let (everything, long) = (wall("meta l4proto udp"), wall("udp length '>' 24"));
    let cases = [
        (&everything, "throughput", "arrives there"),
        (&everything, "tick", "arrives there"),
        (&long, "throughput", "datagrams of 64 bytes"),
        (&long, "tick", "none arrived"),
    ];
    for (wall, benchmark, part) in cases {
        let args = format!("{benchmark} --duration 20ms --rounds 1");
        let told = refused(wall, &args, "error");
        assert!(told.contains(part), "no {part:?} in {told}");
    }
}

#[test]
fn what_cannot_be_measured_is_told_with_what_can() {
    let cases: [(&[&str], &str); 23] = [
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
        (&["throughput", "--rounds=0"], "1 to 1000 rounds"),
        (&["throughput", "--duration=2h"], "an hour"),
        (&["throughput", "--sizes", "-1,64"], "0 to 1024 bytes"),
        (&["throughput", "--batches", "-1"], "1 to 64 datagrams"),
        (&["throughput", "--rounds", "-1"], "1 to 1000 rounds"),
        (&["throughput", "--duration", "-1s"], "takes some time"),
        (&["tick", "--clients", "-1"], "1 to 20000 clients"),
        (&["tick", "--hz", "-1"], "1 to 1000 ticks"),
        (&["tick", "--rounds", "-1"], "1 to 1000 rounds"),
        (&["tick", "--duration", "-1s"], "takes some time"),
        (&["tick", "--input", "-1"], "0 to 1024 bytes"),
        (&["tick", "--state", "-1"], "0 to 1024 bytes"),
    ];
    for (args, told) in cases {
        let output = bench(args);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
        assert!(stderr.contains(told), "{args:?}: {stderr}");
        assert!(output.stdout.is_empty(), "{args:?}");
    }
}
