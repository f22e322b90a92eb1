//! `tickwire ping` against other echoes, and against an echo that the test controls.

use std::net::{SocketAddr, UdpSocket};

use nix::sys::signal::Signal;

use crate::child::{Program, run, tickwire};
use crate::foreign::python;
use crate::skip::skip;
use crate::{Listener, assert_done, assert_fails, read_line, receive, receive_pending, socket};

/// No reply is late, even on a busy machine.
const PATIENT: [&str; 2] = ["--timeout", "1h"];

const NO_ANSWER: &str =
    "0 late, 0 duplicates, 0 out of order, 0 altered, 0 foreign, 0 not sent, 0 dropped by kernel";

/// An echo that the test controls, and the ping that uses it.
struct Play {
    echo: UdpSocket,
    address: String,
    ping: Program,
}

impl Play {
    fn start(args: &[&str]) -> Self {
        let (echo, address) = socket();
        let ping = start(&address, args);
        let play = Self {
            echo,
            address,
            ping,
        };
        assert!(play.line().starts_with(&format!("ping {}, ", play.address)));
        play
    }

    fn probe(&self) -> (Vec<u8>, SocketAddr) {
        receive(&self.echo)
    }

    fn answer(&self, (probe, from): &(Vec<u8>, SocketAddr)) {
        self.echo.send_to(probe, from).unwrap();
    }

    /// The next line, with T for its time.
    fn line(&self) -> String {
        without_time(&self.ping.line())
    }

    /// Ends ping, and returns its remaining lines, its exit code and its error.
    fn end(self, signal: Signal) -> (Vec<String>, Option<i32>, Vec<String>) {
        self.ping.signal(signal);
        let ended = self.ping.end();
        (ended.stdout, ended.code, ended.stderr)
    }
}

fn start(address: &str, args: &[&str]) -> Program {
    Program::start(&mut tickwire(&[&["ping", address], args].concat()))
}

/// `time=0.123 ms` becomes `time=T ms`, if it is a time with three decimals.
fn without_time(line: &str) -> String {
    let Some((before, rest)) = line.split_once(" time=") else {
        return line.to_owned();
    };
    let (time, after) = rest.split_once(" ms").expect("a time has a unit");
    assert_time(time);
    format!("{before} time=T ms{after}")
}

fn assert_time(time: &str) {
    let (_, decimals) = time.split_once('.').expect("a time has decimals");
    assert!(time.parse::<f64>().is_ok_and(|time| time >= 0.0), "{time}");
    assert_eq!(decimals.len(), 3, "{time}");
}

/// The last line is the figures, and they are in order.
fn assert_figures(lines: &[String]) {
    let line = lines.last().expect("there are lines");
    let figures = line
        .strip_prefix("round trip min/avg/p50/p99/max/jitter = ")
        .and_then(|rest| rest.strip_suffix(" ms"))
        .unwrap_or_else(|| panic!("no figures: {lines:?}"));
    let figures: Vec<&str> = figures.split('/').collect();
    let [min, avg, p50, p99, max, jitter] = figures[..] else {
        panic!("not six figures: {line}");
    };
    for time in [min, avg, p50, p99, max] {
        assert_time(time);
    }
    if jitter != "-" {
        assert_time(jitter);
    }
    let number = |text: &str| text.parse::<f64>().unwrap();
    let (min, max) = (number(min), number(max));
    assert!(min <= number(avg) && number(avg) <= max, "{line}");
    assert!(min <= number(p50) && number(p99) <= max, "{line}");
    assert!(number(p50) <= number(p99), "{line}");
}

/// On a busy machine a probe may be sent late, which adds a line.
fn without_held_up(stdout: &[String]) -> impl Iterator<Item = &String> {
    stdout.iter().filter(|line| !line.starts_with("held up: "))
}

/// Asserts the output of a ping whose `count` probes were all answered.
fn assert_all_answered(address: &str, size: usize, count: usize, stdout: &[String]) {
    let lines = without_held_up(stdout).map(|line| without_time(line));
    let mut lines: Vec<String> = lines.collect();
    assert_figures(&lines);
    lines.pop();
    let mut wanted = vec![format!("ping {address}, {size} bytes")];
    wanted.extend((1..=count).map(|seq| format!("seq={seq} {size} bytes time=T ms")));
    wanted.push(format!(
        "in all {count} sent, {count} received, 0 lost (0.0%), {NO_ANSWER}, 0 in flight"
    ));
    assert_eq!(lines, wanted);
}

/// Pings an echo, and asserts all of its output.
fn assert_echoes(address: &str, size: usize) {
    let length = size.to_string();
    let args = ["--count", "3", "--interval", "2ms", "--size", &length];
    let ended = start(address, &[&args[..], &PATIENT].concat()).end();
    assert_done(&ended);
    assert_all_answered(address, size, 3, &ended.stdout);
}

// Echoes.

#[test]
fn listen_echoes_probes_of_every_size() {
    let listener = Listener::start(&["--echo", "--quiet"]);
    for size in [16, 17, 64, 1024] {
        assert_echoes(&listener.address(), size);
    }
    let rest = listener.end(Signal::SIGTERM);
    let totals = rest.last().unwrap();
    assert!(totals.ends_with("12 echoed, 0 not echoed"), "{totals}");
}

#[test]
fn python_echoes() {
    let script = "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('127.0.0.1', 0))
print(s.getsockname()[1])
while True:
    s.sendto(*s.recvfrom(2048))
";
    let Some(mut python) = python(script, &[]) else {
        return;
    };
    let echo = Program::start(&mut python);
    assert_echoes(&format!("127.0.0.1:{}", echo.line()), 64);
}

#[test]
fn an_echo_on_ipv6_is_reached() {
    if skip("IPv6", UdpSocket::bind("[::1]:0").is_ok()) {
        return;
    }
    let listener = Listener::start_at("[::1]:0", &["--echo"]);
    assert_echoes(&listener.address(), 64);
}

#[test]
fn any_address_is_this_machine() {
    let listener = Listener::start_at("0.0.0.0:0", &["--echo"]);
    let port = listener.addr.port();
    let args = [&["--count", "1"][..], &PATIENT].concat();
    let ended = start(&format!("0.0.0.0:{port}"), &args).end();
    assert_done(&ended);
    assert_all_answered(&format!("127.0.0.1:{port}"), 64, 1, &ended.stdout);
}

#[test]
fn with_a_step_of_zero_a_probe_waits_for_the_previous_reply() {
    let args = [&["--interval", "0s", "--count", "2"][..], &PATIENT].concat();
    let play = Play::start(&args);
    let first = play.probe();
    assert_eq!(receive_pending(&play.echo), [b""; 0]);
    play.echo.set_nonblocking(false).unwrap();
    play.answer(&first);
    play.answer(&play.probe());
    assert_done(&play.ping.end());
}

// Echoes that lose, repeat, delay, reorder and alter probes.

#[test]
fn a_probe_repeats_its_run_number_and_sequence_number() {
    let args = ["--interval", "1ms", "--count", "2", "--size", "20"];
    let args = [&args[..], &PATIENT].concat();
    let (play, other) = (Play::start(&args), Play::start(&args));
    let (first, second) = (play.probe().0, play.probe().0);
    let run = &first[..8];
    assert_eq!(first, [run, &1_u64.to_be_bytes(), &run[..4]].concat());
    assert_eq!(second, [run, &2_u64.to_be_bytes(), &run[..4]].concat());
    assert_ne!(&other.probe().0[..8], run);
}

#[test]
fn probes_do_not_wait_for_replies_and_reordering_and_duplicates_are_shown() {
    let args = [&["--interval", "1ms", "--count", "4"][..], &PATIENT].concat();
    let play = Play::start(&args);
    let probes: Vec<_> = (0..4).map(|_| play.probe()).collect();
    let mut lines = Vec::new();
    // One by one, because the last reply ends ping.
    for seq in [2, 1, 2, 4, 1, 3] {
        play.answer(&probes[seq - 1]);
        lines.push(play.line());
    }
    let wanted = [
        "seq=2 64 bytes time=T ms",
        "seq=1 64 bytes time=T ms, out of order",
        "seq=2 64 bytes time=T ms, duplicate",
        "seq=4 64 bytes time=T ms",
        "seq=1 64 bytes time=T ms, duplicate",
        "seq=3 64 bytes time=T ms, out of order",
    ];
    assert_eq!(lines, wanted);
    let ended = play.ping.end();
    assert_done(&ended);
    let summary = "in all 4 sent, 4 received, 0 lost (0.0%), 0 late, 2 duplicates, 2 out of order, \
                   0 altered, 0 foreign, 0 not sent, 0 dropped by kernel, 0 in flight";
    assert_eq!(ended.stdout[0], summary);
    assert_figures(&ended.stdout);
}

#[test]
fn altered_and_foreign_datagrams_are_not_replies() {
    let play = Play::start(&[&["--count", "1"][..], &PATIENT].concat());
    let address = &play.address;
    let (probe, from) = play.probe();
    let (stranger, strange) = socket();
    let longer = [&probe[..], b"!"].concat();
    let mut changed = probe.clone();
    changed[40] ^= 1;
    let line_for = |sender: &UdpSocket, bytes: &[u8]| {
        sender.send_to(bytes, from).unwrap();
        play.line()
    };
    let altered = format!("altered 64 bytes from {address}");
    assert_eq!(line_for(&play.echo, &changed), altered);
    let altered = format!("altered 65 bytes from {address}");
    assert_eq!(line_for(&play.echo, &longer), altered);
    let foreign = format!("foreign 5 bytes from {address}");
    assert_eq!(line_for(&play.echo, b"hello"), foreign);
    let foreign = format!("foreign 0 bytes from {address}");
    assert_eq!(line_for(&play.echo, b""), foreign);
    let foreign = format!("foreign 64 bytes from {strange}");
    assert_eq!(line_for(&stranger, &probe), foreign);
    assert_eq!(line_for(&play.echo, &probe), "seq=1 64 bytes time=T ms");
    let ended = play.ping.end();
    assert_done(&ended);
    let summary = "in all 1 sent, 1 received, 0 lost (0.0%), 0 late, 0 duplicates, 0 out of order, \
                   2 altered, 3 foreign, 0 not sent, 0 dropped by kernel, 0 in flight";
    assert_eq!(ended.stdout[0], summary);
    assert_figures(&ended.stdout);
}

#[test]
fn a_late_reply_is_shown_and_its_probe_stays_lost() {
    let play = Play::start(&["--interval", "1h", "--timeout", "1ms"]);
    let address = play.address.clone();
    let probe = play.probe();
    assert_eq!(play.line(), "seq=1 lost: no reply within 1ms");
    play.answer(&probe);
    assert_eq!(play.line(), "seq=1 64 bytes time=T ms, late");
    play.answer(&probe);
    assert_eq!(play.line(), "seq=1 64 bytes time=T ms, duplicate");
    let (stdout, code, stderr) = play.end(Signal::SIGINT);
    let summary = "in all 1 sent, 0 received, 1 lost (100.0%), 1 late, 1 duplicates, 0 out of order, \
                   0 altered, 0 foreign, 0 not sent, 0 dropped by kernel, 0 in flight";
    assert_eq!(stdout, [summary]);
    assert_eq!(code, Some(1));
    let why = format!(
        "tickwire: no reply from {address} within 1ms, but 1 later: choose a longer --timeout"
    );
    assert_eq!(stderr, [why]);
}

#[test]
fn a_target_without_a_reply_is_reported_with_advice() {
    let (_socket, address) = socket();
    let args = ["--count", "3", "--interval", "1ms", "--timeout", "20ms"];
    let ended = start(&address, &args).end();
    let parts = [&address, "no program listens there", "listen --echo"];
    assert_fails(&ended, 1, &parts);
    let lost = |seq| format!("seq={seq} lost: no reply within 20ms");
    let wanted = [
        format!("ping {address}, 64 bytes"),
        lost(1),
        lost(2),
        lost(3),
        format!("in all 3 sent, 0 received, 3 lost (100.0%), {NO_ANSWER}, 0 in flight"),
    ];
    assert!(without_held_up(&ended.stdout).eq(&wanted), "{ended:?}");
}

#[test]
fn a_target_that_is_no_echo_is_reported_as_such() {
    let play = Play::start(&["--interval", "1h", "--timeout", "1ms"]);
    let address = play.address.clone();
    let (_, from) = play.probe();
    assert_eq!(play.line(), "seq=1 lost: no reply within 1ms");
    play.echo.send_to(b"what?", from).unwrap();
    assert_eq!(play.line(), format!("foreign 5 bytes from {address}"));
    play.echo.send_to(&[0; 1025], from).unwrap();
    let text = format!("foreign more than 1024 bytes from {address}");
    assert_eq!(play.line(), text);
    let (_, code, stderr) = play.end(Signal::SIGINT);
    assert_eq!(code, Some(1));
    let why = format!(
        "tickwire: no reply from {address}, only foreign datagrams (2): it is not a UDP echo, such as `tickwire listen --echo`"
    );
    assert_eq!(stderr, [why]);
}

#[test]
fn a_reply_from_another_address_is_reported_with_the_address() {
    let play = Play::start(&["--interval", "1h", "--timeout", "1ms"]);
    let (probe, from) = play.probe();
    let (other, elsewhere) = socket();
    assert_eq!(play.line(), "seq=1 lost: no reply within 1ms");
    other.send_to(&probe, from).unwrap();
    assert_eq!(play.line(), format!("foreign 64 bytes from {elsewhere}"));
    let (_, code, stderr) = play.end(Signal::SIGINT);
    assert_eq!(code, Some(1));
    assert!(stderr[0].contains(&format!("but from {elsewhere}")));
}

// The end.

#[test]
fn both_signals_end_a_ping_with_a_summary() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let play = Play::start(&[&["--interval", "1h"][..], &PATIENT].concat());
        play.answer(&play.probe());
        assert_eq!(play.line(), "seq=1 64 bytes time=T ms");
        let (stdout, code, stderr) = play.end(signal);
        assert_eq!((code, &stderr[..]), (Some(0), &[][..]));
        let summary = format!("in all 1 sent, 1 received, 0 lost (0.0%), {NO_ANSWER}, 0 in flight");
        assert_eq!(stdout[0], summary);
        assert_figures(&stdout);
        assert!(stdout[1].ends_with("/- ms"), "{stdout:?}");
    }
}

#[test]
fn a_probe_in_flight_at_the_end_is_not_lost() {
    let play = Play::start(&[&["--interval", "1h"][..], &PATIENT].concat());
    play.probe();
    let (stdout, code, stderr) = play.end(Signal::SIGINT);
    let summary = format!("in all 1 sent, 0 received, 0 lost (0.0%), {NO_ANSWER}, 1 in flight");
    assert_eq!(stdout, [summary]);
    assert_eq!(code, Some(1));
    assert!(
        stderr[0].ends_with(" before the end of the run"),
        "{stderr:?}"
    );
}

#[test]
fn a_closed_output_ends_a_ping_quietly() {
    let listener = Listener::start(&["--echo", "--quiet"]);
    let address = listener.address();
    let args = [&["ping", &address, "--interval", "0s"][..], &PATIENT].concat();
    let (program, stdout) = Program::start_unread(&mut tickwire(&args));
    assert_eq!(read_line(stdout), format!("ping {address}, 64 bytes\n"));
    assert_done(&program.end());
}

// Errors.

#[test]
fn a_rejected_probe_is_reported() {
    let ended = start("255.255.255.255:9", &[]).end();
    let text = "cannot send to 255.255.255.255:9: permission denied: a firewall blocks it";
    assert_fails(&ended, 1, &[text]);
    assert_eq!(ended.stdout, ["ping 255.255.255.255:9, 64 bytes"]);
}

#[test]
fn invalid_options_are_rejected_and_nothing_is_sent() {
    let (socket, address) = socket();
    let ended = start(&address, &["--interval", "1us"]).end();
    assert_fails(&ended, 2, &["can be in flight, but at most 32768"]);
    assert_eq!(ended.stdout, [""; 0]);
    let cases = [
        (["--size", "1025"], "must be a whole number from 16 to 1024"),
        (["--size", "15"], "must be a whole number from 16 to 1024"),
        (["--size", "0"], "must be a whole number from 16 to 1024"),
        (["--timeout", "0s"], "must be 1ns to 1h"),
        (["--timeout", "61m"], "must be 1ns to 1h"),
        (["--count", "0"], "must be a whole number of at least 1"),
        (["--count", "-1"], "must be a whole number of at least 1"),
        (
            ["--interval", "16"],
            "16 has no unit: write 16ms, 16s or 16min",
        ),
        (["--interval", "-1s"], "a time cannot be negative"),
        (["--timeout", "-1s"], "a time cannot be negative"),
        (["--size", "-1"], "must be a whole number from 16 to 1024"),
    ];
    for (args, part) in cases {
        let ended = run(&mut tickwire(&[&["ping", &address], &args[..]].concat()));
        assert_eq!(ended.code, Some(2), "{args:?}: {ended:?}");
        assert_eq!(ended.stdout, [""; 0]);
        assert!(ended.stderr.concat().contains(part), "{ended:?}");
    }
    let ended = start("127.0.0.1:0", &[]).end();
    assert_fails(&ended, 2, &["port 0"]);
    assert_eq!(receive_pending(&socket), [b""; 0]);
}
