//! `tickwire bench messages`: its targets on virtual time, real sockets, files and errors.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

#[allow(dead_code, reason = "other tests use the rest")]
#[path = "programs/child.rs"]
mod child;
#[path = "programs/results.rs"]
mod results;

use serde_json::Value;

use crate::child::{Ended, run, tickwire};
use crate::results::{TestFile, assert_is_well_formed};

fn messages(args: &[&str]) -> Ended {
    run(&mut tickwire(&[&["bench", "messages"], args].concat()))
}

fn assert_done(ended: &Ended) {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.stderr, [""; 0]);
}

fn rows(ended: &Ended) -> Vec<Vec<&str>> {
    let lines = ended.stdout.iter();
    let table = lines.skip_while(|line| !line.starts_with("loss "));
    let rows = table.skip(1).take_while(|line| !line.is_empty());
    rows.map(|line| line.split_whitespace().collect()).collect()
}

fn read(json: &TestFile) -> Value {
    serde_json::from_str(&json.read()).unwrap()
}

#[test]
fn meets_the_targets_with_the_default_options() {
    let (json, svg) = (
        TestFile::new("messages.json"),
        TestFile::new("messages.svg"),
    );
    let args = [
        "--rounds=3",
        "--json-file",
        json.path(),
        "--svg-file",
        svg.path(),
    ];
    let ended = messages(&args);
    assert_done(&ended);
    // Seven links: with copies, without, and sequenced.
    assert_eq!(rows(&ended).len(), 21, "{ended:?}");
    let promised = ended
        .stdout
        .iter()
        .skip_while(|line| !line.starts_with("goal "));
    let verdicts: Vec<_> = promised.skip(1).collect();
    for (loss, goals) in [("5%", 4), ("15%", 4), ("30%", 2)] {
        let begin = format!("{loss} lost, ordered, 2 copies ");
        let of_row = verdicts.iter().filter(|line| line.starts_with(&begin));
        assert_eq!(of_row.count(), goals, "{verdicts:?}");
    }
    for verdict in &verdicts {
        assert!(verdict.ends_with(" met"), "{verdict}");
    }

    let record = read(&json);
    assert_eq!(record["benchmark"], "messages");
    assert!(record["machine"]["cpus"].is_number());
    assert_eq!(record["settings"]["real"], false);
    assert_eq!(record["settings"]["plain"], false);
    assert_eq!(record["results"]["no_verdict"], Value::Null);
    let rows = record["results"]["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 21);
    for row in rows.iter().filter(|row| row["delivery"] == "ordered") {
        assert_eq!(row["delivered"], 3600, "{row}");
        assert_eq!(row["out_of_order"], 0, "{row}");
        assert_eq!(row["runs"].as_array().unwrap().len(), 3);
        let (first, max) = (&row["distribution"][0], &row["latency_micros"]["max"]);
        assert!(first["micros"].as_f64().unwrap() <= max.as_f64().unwrap());
    }

    let svg = svg.read();
    assert_is_well_formed(&svg);
    for text in [
        "ordered: 1,200 messages",
        "15% lost, 2 copies",
        "15% lost, 0 copies",
        "independent losses",
        "losses in bursts of 3",
    ] {
        assert!(svg.contains(text), "no {text:?} in the picture");
    }
}

#[test]
fn the_same_options_print_the_same_figures() {
    let args = ["--rounds=2", "--loss=15%", "--count=200"];
    let (first, again) = (messages(&args), messages(&args));
    assert_done(&first);
    assert_eq!(first.stdout, again.stdout);
}

#[test]
fn measures_every_delivery_without_encryption() {
    let ended = messages(&[
        "--plain",
        "--rounds=1",
        "--loss=20%",
        "--burst=0",
        "--redundant-copies=8",
        "--delivery=unreliable,sequenced,reliable,ordered",
        "--count=300",
        "--size=2000",
    ]);
    assert_done(&ended);
    assert!(ended.stdout[0].contains(", plain, on virtual time, seed 0"));
    let text = ended.stdout.last().unwrap();
    assert!(
        text.starts_with("no verdict: the targets are for 40 bytes"),
        "{text}"
    );
    let rows = rows(&ended);
    let begins: Vec<_> = rows.iter().map(|row| &row[..4]).collect();
    let wanted = [
        ["20%", "-", "-", "unreliable"],
        ["20%", "-", "-", "sequenced"],
        ["20%", "-", "8", "reliable"],
        ["20%", "-", "8", "ordered"],
    ];
    assert_eq!(begins, wanted);
    assert!(
        rows[0].contains(&"lost"),
        "three packets each, of which a fifth is lost"
    );
    for row in &rows[2..] {
        assert!(!row.contains(&"lost"), "{row:?}");
    }
}

#[test]
fn real_sockets_deliver_everything_in_order() {
    let json = TestFile::new("real-messages.json");
    let ended = messages(&[
        "--real",
        "--loss=0,0.15",
        "--latency=5ms",
        "--jitter=2ms",
        "--tick-rate=240",
        "--count=120",
        "--rounds=2",
        "--json-file",
        json.path(),
    ]);
    assert_done(&ended);
    assert!(ended.stdout[1].ends_with("over real sockets, 2 rounds"));
    let record = read(&json);
    assert_eq!(record["settings"]["real"], true);
    let rows = record["results"]["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 9);
    for row in rows {
        assert_eq!(row["messages"], 240);
        // The latency of the link.
        assert!(
            row["distribution"][0]["micros"].as_f64().unwrap() >= 5000.0,
            "{row}"
        );
        if row["delivery"] == "ordered" {
            assert_eq!(row["delivered"], 240, "{row}");
        }
    }
}

#[test]
fn rejects_invalid_options_with_their_range() {
    let file = TestFile::new("messages-both");
    let cases: [(&[&str], &str); 17] = [
        (
            &["--loss=0.95"],
            "a fraction from 0 to 0.9, or a percentage from 0% to 90%",
        ),
        (
            &["--loss=-1"],
            "a fraction from 0 to 0.9, or a percentage from 0% to 90%",
        ),
        (
            &["--loss=5%,x"],
            "a fraction from 0 to 0.9, or a percentage from 0% to 90%",
        ),
        (&["--burst=0.5"], "datagrams, or 0 for independent losses"),
        (&["--burst=NaN"], "datagrams, or 0 for independent losses"),
        (
            &["--loss=0.8", "--burst=2"],
            "cannot simulate 80% lost in bursts of 2",
        ),
        (
            &["--latency=40"],
            "40 has no unit: write 40ms, 40s or 40min",
        ),
        (&["--jitter=2m"], "jitter is 2 min, but must be"),
        (&["--delivery=fast"], "sequenced"),
        (
            &["--redundant-copies=9"],
            "must be a whole number from 0 to 8",
        ),
        (&["--tick-rate=0"], "must be a whole number from 1 to 1000"),
        (&["--size=3"], "must be a whole number from 4 to 15360"),
        (&["--count=0"], "must be a whole number from 1 to 1000000"),
        (
            &["--count=1000000", "--rounds=11"],
            "choose a smaller --count",
        ),
        (&["--real", "--count=300000"], "more than an hour"),
        (&["--rounds=0"], "must be a whole number from 1 to 1000"),
        (
            &["--json-file", file.path(), "--svg-file", file.path()],
            "are both",
        ),
    ];
    for (args, part) in cases {
        let ended = messages(args);
        assert_eq!(ended.code, Some(2), "{args:?}: {ended:?}");
        assert_eq!(ended.stdout, [""; 0]);
        let stderr = ended.stderr.join("\n");
        assert!(stderr.contains(part), "{args:?}: {stderr}");
    }
    assert!(!file.0.exists());
}

#[test]
fn reports_an_unwritable_file_before_it_measures() {
    for option in ["--json-file", "--svg-file"] {
        let ended = messages(&[option, "/nowhere/at/all"]);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert_eq!(ended.stdout, [""; 0]);
        assert!(ended.stderr[0].contains("cannot write /nowhere/at/all: "));
    }
}

#[test]
fn reports_a_failed_connection_in_a_sentence() {
    // One round trip in a hundred succeeds.
    let ended = messages(&[
        "--loss=0.9",
        "--burst=0",
        "--rounds=2",
        "--redundant-copies=0",
        "--delivery=ordered",
    ]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(rows(&ended).len(), 1);
    let text = &ended.stderr[0];
    let wanted = "tickwire: 90% lost, ordered, 0 copies: 2 of 2 connections failed; the first \
                  could not connect: no reply from the server within the \
                  connect timeout: check its address and port";
    assert_eq!(text, wanted);
}
