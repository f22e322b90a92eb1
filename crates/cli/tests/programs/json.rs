//! `--json` of `listen`, `ping` and `serve`: the events, their fields and the summary.

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::child::{Program, run, tickwire};
use crate::serve::PATIENT;
use crate::{assert_done, receive, socket};

fn start(args: &[&str]) -> Program {
    Program::start(&mut tickwire(&[args, &["--json"]].concat()))
}

fn next_event(program: &Program) -> Value {
    let line = program.line();
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line}: {error}"))
}

/// The next event, which has this tag.
fn event(program: &Program, tag: &str) -> Value {
    let event = next_event(program);
    assert_eq!(event["event"], tag, "{event}");
    event
}

/// The address of a server or listener, and its first event.
fn listening(program: &Program) -> (String, Value) {
    let event = event(program, "listening");
    let address = event["address"].as_str().unwrap().to_owned();
    (address, event)
}

/// Ends a program with exit code 0 and without an error.
fn end(program: Program) {
    program.signal(Signal::SIGINT);
    assert_done(&program.end());
}

#[test]
fn listen_prints_datagrams_and_a_summary() {
    let listener = start(&["listen", "0", "--echo"]);
    let (address, _) = listening(&listener);
    let (socket, from) = socket();
    for (payload, payload_hex) in [(&b"Hi\x00\xff\""[..], "486900ff22"), (b"", "")] {
        socket.send_to(payload, &address).unwrap();
        let wanted = json!({
            "event": "datagram",
            "from": from,
            "size_bytes": payload.len(),
            "truncated": false,
            "payload_hex": payload_hex,
        });
        assert_eq!(event(&listener, "datagram"), wanted);
        assert_eq!(receive(&socket).0, payload);
    }
    socket.send_to(&[0xab; 1025], &address).unwrap();
    let long = event(&listener, "datagram");
    assert_eq!(
        (&long["truncated"], &long["size_bytes"]),
        (&json!(true), &json!(1024))
    );
    receive(&socket);
    listener.signal(Signal::SIGINT);
    let wanted = json!({
        "event": "summary",
        "datagrams": 3,
        "received_bytes": 1029,
        "truncated": 1,
        "dropped_by_kernel": 0,
        "echoed": 3,
        "not_echoed": 0,
    });
    assert_eq!(event(&listener, "summary"), wanted);
    assert_done(&listener.end());
}

#[test]
fn listen_prints_progress_instead_of_datagrams_with_quiet() {
    let listener = start(&["listen", "0", "--quiet"]);
    let (address, _) = listening(&listener);
    let (socket, _) = socket();
    socket.send_to(b"hello", address).unwrap();
    let progress = event(&listener, "progress");
    assert_eq!(progress["datagrams"], 1);
    assert_eq!(progress["received_bytes"], 5);
    assert_eq!(progress["totals"]["datagrams"], 1);
    assert_eq!(progress["totals"]["echoed"], Value::Null);
    end(listener);
}

#[test]
fn listen_rejects_hex_with_json() {
    let ended = run(&mut tickwire(&["listen", "0", "--json", "--hex"]));
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr[0].contains("cannot be used with"), "{ended:?}");
}

#[test]
fn ping_prints_each_reply_and_a_summary() {
    let (echo, address) = socket();
    let args = [
        "ping",
        &address,
        "--interval",
        "1ms",
        "--count",
        "2",
        "--timeout",
        "1h",
    ];
    let ping = start(&args);
    let target = json!({ "event": "target", "address": address, "size_bytes": 64 });
    assert_eq!(event(&ping, "target"), target);
    let ((first, from), (second, _)) = (receive(&echo), receive(&echo));
    let send = |bytes: &[u8]| echo.send_to(bytes, from).unwrap();

    send(b"what?");
    let foreign = event(&ping, "foreign");
    assert_eq!(
        (&foreign["from"], &foreign["size_bytes"]),
        (&json!(address), &json!(5))
    );
    send(&[&first[..], b"!"].concat());
    assert_eq!(event(&ping, "altered")["size_bytes"], 65);
    for (probe, seq, kind) in [
        (&second, 2, "in_order"),
        (&second, 2, "duplicate"),
        (&first, 1, "out_of_order"),
    ] {
        send(probe);
        let reply = event(&ping, "reply");
        assert_eq!((&reply["seq"], &reply["kind"]), (&json!(seq), &json!(kind)));
        assert_eq!(reply["size_bytes"], 64);
        assert!(reply["round_trip_ms"].as_f64().unwrap() > 0.0, "{reply}");
    }
    let summary = event(&ping, "summary");
    for (field, count) in [
        ("sent", 2),
        ("received", 2),
        ("in_flight", 0),
        ("foreign", 1),
    ] {
        assert_eq!(summary[field], count, "{summary}");
    }
    assert_eq!(summary["loss_fraction"], 0.0);
    assert!(summary["late_sends"]["probes"].is_number(), "{summary}");
    let rtt = &summary["round_trip_ms"];
    assert!(
        rtt["min"].as_f64().unwrap() <= rtt["p99"].as_f64().unwrap(),
        "{summary}"
    );
    assert!(rtt["jitter"].is_number(), "{summary}");
    assert_eq!(summary["connection"], Value::Null);
    assert_done(&ping.end());
}

#[test]
fn ping_prints_losses_and_reports_an_error_as_text() {
    let (_socket, address) = socket();
    let ping = start(&["ping", &address, "--count", "1", "--timeout", "20ms"]);
    event(&ping, "target");
    let lost = json!({ "event": "lost", "seq": 1, "timeout_ms": 20.0 });
    assert_eq!(event(&ping, "lost"), lost);
    let summary = event(&ping, "summary");
    assert_eq!(summary["loss_fraction"], 1.0);
    assert_eq!(summary["round_trip_ms"], Value::Null);
    let ended = ping.end();
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr[0].starts_with("tickwire: no reply from "),
        "{ended:?}"
    );
}

#[test]
fn a_server_and_its_client_print_the_connection() {
    let args = ["serve", "0", "--tick-rate", "0", "--report-interval", "0s"];
    let server = start(&[&args[..], &["--latency", "1ms", "--loss", "0%"]].concat());
    let (address, started) = listening(&server);
    assert_eq!(started["is_key_temporary"], true);
    let link = json!({ "latency_ms": 1.0, "jitter_ms": 0.0, "loss_fraction": 0.0 });
    assert_eq!(started["simulated_link"], link);
    let key = started["server_key"].as_str().unwrap();

    let args = [
        "ping",
        &address,
        "--connect",
        "--count",
        "1",
        "--server-key",
        key,
    ];
    let ping = start(&[&args[..], &PATIENT].concat());
    event(&ping, "target");
    let connected = event(&ping, "connected");
    assert_eq!(
        (&connected["server_key"], &connected["is_pinned"]),
        (&json!(key), &json!(true))
    );
    assert!(
        connected["connect_ms"].as_f64().unwrap() >= 2.0,
        "{connected}"
    );
    event(&ping, "reply");
    let connection = &event(&ping, "summary")["connection"];
    assert!(
        connection["packets_sent"].as_u64().unwrap() > 0,
        "{connection}"
    );
    assert!(connection["round_trip_ms"].is_number(), "{connection}");
    assert_done(&ping.end());

    let connected = event(&server, "connected");
    assert_eq!(
        (&connected["peer"], &connected["player"]),
        (&json!("0v0"), &Value::Null)
    );
    let gone = event(&server, "disconnected");
    assert_eq!(gone["address"], connected["address"]);
    assert_eq!(gone["reason"], "disconnected by the peer, code 0");
    assert!(gone["connected_ms"].as_f64().unwrap() > 0.0, "{gone}");
    server.signal(Signal::SIGTERM);
    let summary = event(&server, "summary");
    assert_eq!(
        (&summary["peers"], &summary["received"]["messages"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(summary["lost"]["kernel"], 0);
    assert!(
        summary["rejected"]["unknown_connection"].is_number(),
        "{summary}"
    );
    assert_done(&server.end());
}

#[test]
fn serve_prints_progress_per_interval() {
    let server = start(&["serve", "0", "--plain", "--report-interval", "20ms"]);
    let (address, started) = listening(&server);
    assert_eq!(started["server_key"], Value::Null);
    assert_eq!(started["simulated_link"], Value::Null);
    let args = ["ping", &address, "--connect", "--plain", "--interval", "1h"];
    let ping = Program::start(&mut tickwire(&[&args[..], &PATIENT].concat()));
    // An interval may end before the peer connects.
    let events = || std::iter::repeat_with(|| next_event(&server));
    events().find(|event| event["event"] == "connected");
    let progress = events()
        .find(|event| event["connected_peers"] == 1)
        .unwrap();
    assert_eq!(progress["event"], "progress");
    assert!(
        progress["interval_ms"].as_f64().unwrap() > 0.0,
        "{progress}"
    );
    end(server);
    assert_eq!(ping.end().code, Some(1));
}
