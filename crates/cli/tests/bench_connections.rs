//! `tickwire bench connections`: real connections by the hundred, and, if asked to, by the ten thousand.
//!
//! No figure is compared with another: how fast this machine is just now is nobody's promise. That
//! nobody is lost is.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    reason = "in a test that is a failure as good as any"
)]

#[allow(dead_code, reason = "the tests of the other programs use the rest")]
#[path = "programs/child.rs"]
mod child;

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::child::{Ended, Program, run, tickwire};

/// Set to 1, it lets the test run that takes more than a minute.
const LARGE: &str = "TICKWIRE_LARGE";

/// A file of one test, gone with it.
struct Json(PathBuf);

impl Json {
    fn new(name: &str) -> Self {
        let name = format!("tickwire-connections-{}-{name}.json", std::process::id());
        Self(env::temp_dir().join(name))
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    fn read(&self) -> Value {
        serde_json::from_str(&fs::read_to_string(&self.0).unwrap()).unwrap()
    }
}

impl Drop for Json {
    fn drop(&mut self) {
        // A test that failed before has none.
        let _ = fs::remove_file(&self.0);
    }
}

fn connections(args: &[&str]) -> Command {
    tickwire(&[&["bench", "connections"], args].concat())
}

fn assert_all_well(ended: &Ended) {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.stderr, [""; 0]);
    let verdict = ended.stdout.last().expect("there are lines");
    assert_eq!(verdict, "all were admitted, kept and closed");
}

/// Everybody came, stayed and went with a word.
fn check(results: &Value, peers: u64) {
    assert_eq!(results["peers"], peers);
    assert_eq!(results["admitted"]["peers"], peers);
    assert_eq!(results["closed"]["said_goodbye"], peers);
    for reasons in [
        &results["admitted"]["refused"],
        &results["kept"]["gone"],
        &results["closed"]["gone_before"],
    ] {
        assert_eq!(*reasons, serde_json::json!({}));
    }
}

#[test]
fn hundreds_are_admitted_kept_and_closed() {
    let json = Json::new("hundreds");
    let args = ["--peers=200", "--duration=1s", "--json", json.path()];
    let ended = run(&mut connections(&args));
    assert_all_well(&ended);
    let settings = &ended.stdout[2];
    assert!(
        settings.ends_with("to a server in this one, kept for 1s"),
        "{settings}"
    );

    let record = json.read();
    assert_eq!(record["benchmark"], "connections");
    assert_eq!(record["settings"]["peers"], 200);
    check(&record["results"], 200);
    let server = &record["results"]["server"];
    for pace in ["woken", "ticking"] {
        let load = &server["load"][pace];
        for figure in [
            &load["cpu_micros_per_peer_and_second"],
            &load["floor"]["core_percent"],
        ] {
            assert!(figure.as_f64().unwrap() > 0.0, "{pace}: {load}");
        }
    }
    if cfg!(target_os = "linux") {
        assert!(server["resident_bytes_per_peer"].as_f64().unwrap() > 0.0);
    }
}

#[test]
fn without_encryption_they_are_kept_as_well() {
    let json = Json::new("plain");
    let args = [
        "--plain",
        "--peers=50",
        "--duration=100ms",
        "--json",
        json.path(),
    ];
    let ended = run(&mut connections(&args));
    assert_all_well(&ended);
    assert!(
        ended.stdout[2].contains(" of their own, not encrypted, "),
        "{ended:?}"
    );
    let record = json.read();
    assert_eq!(record["settings"]["encrypted"], false);
    check(&record["results"], 50);
}

#[test]
fn a_low_limit_of_open_files_takes_more_processes_or_is_told() {
    let program = env!("CARGO_BIN_EXE_tickwire");
    let limited = |limit: &str| {
        let command = format!(
            "ulimit -n {limit} && exec {program} bench connections --peers 100 --duration 100ms"
        );
        run(Command::new("sh")
            .args(["-c", &command])
            .env("RUST_LOG", "error"))
    };
    // 64 are for everything else, and a client has two.
    let ended = limited("114");
    assert_all_well(&ended);
    assert!(ended.stdout[2].starts_with("100 clients in 4 processes of their own"));

    let ended = limited("70");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr[0].contains("leaves room for 3 of them"));
}

#[test]
fn a_server_elsewhere_that_is_full_is_told_of() {
    let mut serve = tickwire(&["serve", "127.0.0.1:0", "--peers-max=15", "--interval=0s"]);
    let serve = Program::start(&mut serve);
    let line = serve.line();
    let address = line.strip_prefix("listening on ").unwrap();
    let few = ["--peers=10", "--duration=100ms", "--to", address];
    assert_all_well(&run(&mut connections(&few)));

    let many = ["--peers=20", "--duration=100ms", "--to", address];
    let ended = run(&mut connections(&many));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let told = "tickwire: 15 of 20 clients were admitted: 5 the server is full";
    assert_eq!(ended.stderr, [told]);

    serve.signal(Signal::SIGTERM);
    let totals = serve.end().stdout.pop().unwrap();
    assert!(totals.starts_with("in all 25 peers; "), "{totals}");
}

#[test]
fn what_cannot_be_measured_is_told_with_what_can() {
    let cases: [(&[&str], &str); 4] = [
        (&["--peers=0"], "1 to 20000 clients"),
        (&["--peers=20001"], "1 to 20000 clients"),
        (&["--duration=0s"], "no time"),
        (&["--to=nowhere"], "there is no port"),
    ];
    for (args, told) in cases {
        let ended = run(&mut connections(args));
        assert_eq!(ended.code, Some(2), "{args:?}: {ended:?}");
        assert_eq!(ended.stdout, [""; 0]);
        let stderr = ended.stderr.join("\n");
        assert!(stderr.contains(told), "{args:?}: {stderr}");
    }
}

/// Ten thousand, for a minute.
#[test]
fn ten_thousand_are_kept_for_a_minute() {
    if env::var_os(LARGE).is_none_or(|value| value != "1") {
        eprintln!("left out: it takes more than a minute; {LARGE}=1 lets it run");
        return;
    }
    let json = Json::new("ten-thousand");
    let (program, stdout) = Program::start_unread(&mut connections(&["--json", json.path()]));
    // Longer than what the other tests wait for a line.
    let text = std::io::read_to_string(stdout).unwrap();
    println!("{text}");
    assert_eq!(program.end().code, Some(0), "{text}");
    let results = &json.read()["results"];
    check(results, 10_000);
    let server = &results["server"];
    let resident = server["resident_bytes_per_peer"].as_f64();
    let stated = server["stated_bytes_per_peer"].as_f64().unwrap();
    assert!(resident.is_none_or(|bytes| bytes <= stated), "{server}");
}
