//! Tests of the open and the closed loop, on virtual time.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;

use super::super::recording::Counts;
use super::super::send_schedule::Span;
use super::*;

const MS: Duration = Duration::from_millis(1);
/// Round trip without a stall.
const TRIP: Duration = Duration::from_micros(50);

const TARGET: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7);

fn from_target(at: Instant, bytes: &[u8]) -> Received<'_> {
    Received {
        at,
        in_kernel: Some(MS),
        ..Received::now(TARGET, bytes, false)
    }
}

/// A client and an echo on virtual time, which advances only in a sleep.
struct Simulated {
    now: Instant,
    /// The echo is stalled in this range, and then replies to all received datagrams.
    server_stall: Range<Instant>,
    /// A sleep that would end within this range ends at its end.
    client_stall: Range<Instant>,
    /// Every n-th datagram is lost; 0 for no loss.
    loses_every: usize,
    copies: usize,
    on_the_way: VecDeque<(Instant, Vec<u8>)>,
    sent: usize,
    turns: usize,
}

impl Simulated {
    fn new(now: Instant) -> Self {
        Self {
            now,
            server_stall: now..now,
            client_stall: now..now,
            loses_every: 0,
            copies: 1,
            on_the_way: VecDeque::new(),
            sent: 0,
            turns: 0,
        }
    }
}

impl Client for Simulated {
    fn now(&self) -> Instant {
        self.now
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sent += 1;
        if self.loses_every > 0 && self.sent % self.loses_every == 0 {
            return Ok(());
        }
        let stalls = self.server_stall.contains(&self.now);
        let served = if stalls {
            self.server_stall.end
        } else {
            self.now
        };
        for _ in 0..self.copies {
            self.on_the_way.push_back((served + TRIP, bytes.to_vec()));
        }
        Ok(())
    }

    fn turn(&mut self, until: Instant, take: &mut impl FnMut(Received<'_>)) -> io::Result<()> {
        self.turns += 1;
        assert!(self.turns < 1_000_000, "the loop does not end");
        let next = self.on_the_way.front().map_or(until, |(at, _)| *at);
        self.now = self.now.max(next.min(until));
        if self.client_stall.contains(&self.now) {
            self.now = self.client_stall.end;
        }
        while self
            .on_the_way
            .front()
            .is_some_and(|(at, _)| *at <= self.now)
        {
            let (_, bytes) = self.on_the_way.pop_front().unwrap();
            take(from_target(self.now, &bytes));
        }
        Ok(())
    }
}

/// The parts of a bench that the open loop needs.
macro_rules! open {
    ($bench:expr, $schedule:expr) => {{
        let open_loop = OpenLoop {
            schedule: $schedule,
            probe: &$bench.probe,
            in_flight: &$bench.in_flight,
        };
        (open_loop, &mut $bench.recording)
    }};
}

struct Bench {
    client: Simulated,
    window: Window,
    probe: Probe,
    in_flight: InFlight,
    recording: Recording,
}

impl Bench {
    /// A measured second after a warm-up of 200 ms.
    fn new() -> Self {
        let start = Instant::now();
        let span = Span {
            warm_up: 200 * MS,
            duration: 1000 * MS,
        };
        Self {
            client: Simulated::new(start),
            window: span.starting_at(start),
            probe: Probe::new(64, TARGET),
            in_flight: InFlight::new(span.datagrams(1000)),
            recording: Recording::new(span.duration),
        }
    }

    /// A range of the measured time.
    fn stretch(&self, from_ms: u32, to_ms: u32) -> Range<Instant> {
        let begin = self.window.begin();
        begin + from_ms * MS..begin + to_ms * MS
    }

    fn at_rate(&mut self) {
        let schedule = SendSchedule::new(self.window, 1000);
        let (open_loop, recording) = open!(self, &schedule);
        at_rate(&mut self.client, open_loop, recording).unwrap();
    }

    fn closed(&mut self) {
        closed(
            &mut self.client,
            self.window,
            &self.probe,
            &mut self.recording,
        )
        .unwrap();
    }

    /// Number of latencies of this value, to the precision of the histogram.
    fn count_of(&self, latency: Duration) -> u64 {
        self.recording.latency.count_of(latency)
    }
}

#[test]
fn a_server_stall_shows_in_every_delayed_datagram() {
    let mut bench = Bench::new();
    bench.client.server_stall = bench.stretch(300, 400);
    bench.at_rate();
    assert_eq!(bench.recording.counts.sent, 1000);
    assert_eq!(bench.recording.counts.lost, 0);
    // Datagrams due at 300, 301, ... 399 ms waited for 100, 99, ... 1 ms, and no others.
    for held_up in 1..=100 {
        assert_eq!(bench.count_of(held_up * MS + TRIP), 1, "{held_up} ms");
    }
    assert_eq!(bench.count_of(TRIP), 900);
    assert!(bench.recording.latency.histogram().equivalent(
        bench.recording.latency.histogram().value_at_quantile(0.95),
        50_050_000
    ));
}

#[test]
fn the_time_line_shows_a_stall_at_its_exact_time() {
    let mut bench = Bench::new();
    bench.client.server_stall = bench.stretch(300, 400);
    bench.at_rate();
    let time_line = &bench.recording.time_line;
    assert_eq!(time_line.longest_micros.len(), 100);
    for (slice, longest) in [(29, 50.0), (30, 100_050.0), (39, 10_050.0), (40, 50.0)] {
        assert_eq!(time_line.longest_micros[slice], Some(longest));
    }
    assert!(time_line.lost.iter().all(|lost| *lost == 0));
}

#[test]
fn a_client_stall_shows_in_every_delayed_datagram() {
    let mut bench = Bench::new();
    bench.client.client_stall = bench.stretch(300, 400);
    bench.at_rate();
    // Due at 300 ms, sent at 400 ms, with the reply a round trip later.
    assert_eq!(bench.count_of(100 * MS + TRIP), 1);
    assert_eq!(bench.count_of(MS + TRIP), 1);
    assert_eq!(bench.recording.counts.answered, 1000);
    // Counted from the departures, the stall is hidden.
    assert!(
        bench
            .recording
            .round_trip
            .histogram()
            .equivalent(bench.recording.round_trip.histogram().max(), 50_000)
    );
}

#[test]
fn a_slow_client_lowers_the_send_rate() {
    let mut bench = Bench::new();
    bench.at_rate();
    assert_eq!(bench.recording.sent_in, Some(1000 * MS));
    // A stall that begins within the measured time and ends after it.
    let mut bench = Bench::new();
    bench.client.client_stall = bench.stretch(500, 1500);
    bench.at_rate();
    assert_eq!(bench.recording.counts.sent, 1000);
    // One datagram per turn; a turn takes no time here.
    assert_eq!(bench.recording.sent_in, Some(1501 * MS));
}

#[test]
fn closed_loop_shows_a_stall_once() {
    let mut bench = Bench::new();
    bench.client.server_stall = bench.stretch(300, 400);
    bench.closed();
    let latency = bench.recording.latency.histogram();
    assert_eq!(bench.count_of(100 * MS + TRIP), 1);
    assert!(latency.count_between(0, 60_000) == latency.len() - 1);
    // 900 ms of round trips, and one delayed datagram.
    assert_eq!(bench.recording.counts.sent, 900 * 1000 / 50 - 1 + 1);
}

#[test]
fn counts_losses_and_waits_for_them_once() {
    let mut bench = Bench::new();
    bench.client.loses_every = 10;
    bench.at_rate();
    assert_eq!(bench.recording.counts.lost, 100);
    let lost = &bench.recording.time_line.lost;
    assert!(lost.iter().all(|lost| *lost == 1));
    assert_eq!(bench.client.now, bench.window.end() + ANSWER_MAX);
}

#[test]
fn closed_loop_gives_up_on_a_lost_datagram() {
    let mut bench = Bench::new();
    bench.client.loses_every = 10_000;
    bench.closed();
    assert_eq!(bench.recording.counts.lost, 1);
    let lost = &bench.recording.time_line.lost;
    assert_eq!(lost.iter().sum::<u64>(), 1);
    assert!(bench.recording.latency.histogram().max() < 60_000);
}

#[test]
fn a_silent_echo_causes_only_losses() {
    let mut bench = Bench::new();
    bench.client.loses_every = 1;
    bench.at_rate();
    let counts = bench.recording.counts;
    assert_eq!((counts.sent, counts.answered, counts.lost), (1000, 0, 1000));
}

#[test]
fn a_reply_counts_once() {
    let mut bench = Bench::new();
    bench.client.copies = 2;
    bench.at_rate();
    let counts = bench.recording.counts;
    assert_eq!(counts.answered, 1000);
    // The copy of the last reply may arrive after the end of the round.
    assert!((1199..=1200).contains(&counts.repeated), "{counts:?}");
}

/// The sending half of a client, on its own virtual time. Every sleep ends early once, as real ones
/// may.
struct SendingHalf {
    now: Instant,
    stall: Range<Instant>,
    sent: Vec<(Instant, Vec<u8>)>,
    breaks_after: usize,
}

impl Client for SendingHalf {
    fn now(&self) -> Instant {
        self.now
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.sent.len() == self.breaks_after {
            return Err(io::ErrorKind::NetworkDown.into());
        }
        self.sent.push((self.now, bytes.to_vec()));
        Ok(())
    }

    fn turn(&mut self, until: Instant, _take: &mut impl FnMut(Received<'_>)) -> io::Result<()> {
        let left = until.saturating_duration_since(self.now);
        self.now += if left > MS / 2 { left / 2 } else { left };
        if self.stall.contains(&self.now) {
            self.now = self.stall.end;
        }
        Ok(())
    }
}

impl Bench {
    /// 1,000 datagrams per second, with a sending and a receiving half.
    fn in_halves(&mut self, sending: &mut SendingHalf) -> io::Result<()> {
        let schedule = SendSchedule::new(self.window, 1000);
        let (open_loop, recording) = open!(self, &schedule);
        let sent = send_at_rate(sending, open_loop);
        for (left, bytes) in &sending.sent {
            let answer = (*left + TRIP, bytes.clone());
            self.client.on_the_way.push_back(answer);
        }
        receive_at_rate(&mut self.client, open_loop, recording).unwrap();
        sent
    }

    fn sending_half(&self) -> SendingHalf {
        let now = self.window.start;
        SendingHalf {
            now,
            stall: now..now,
            sent: Vec::new(),
            breaks_after: usize::MAX,
        }
    }
}

#[test]
fn in_halves_every_datagram_leaves_on_time() {
    let mut bench = Bench::new();
    let mut sending = bench.sending_half();
    bench.in_halves(&mut sending).unwrap();
    let left = sending.sent.iter().map(|(left, _)| *left);
    let due = (0..1200).map(|number| bench.window.start + number * MS);
    assert!(left.eq(due));
    assert_eq!(bench.count_of(TRIP), 1000);
    assert_eq!(bench.recording.counts.lost, 0);
}

#[test]
fn in_halves_a_sender_stall_delays_datagrams_without_drift() {
    let mut bench = Bench::new();
    let mut sending = bench.sending_half();
    sending.stall = bench.stretch(300, 400);
    bench.in_halves(&mut sending).unwrap();
    // Datagrams due at 300, 301, ... 400 ms left at 400 ms, and all others on time.
    let late = |number: u32| number.clamp(500, 600) == number;
    for (number, (left, _)) in (0..).zip(&sending.sent) {
        let left_ms = if late(number) { 600 } else { number };
        assert_eq!(*left, bench.window.start + left_ms * MS, "{number}");
    }
    for held_up in 1..=100 {
        assert_eq!(bench.count_of(held_up * MS + TRIP), 1, "{held_up} ms");
    }
    assert_eq!(bench.count_of(TRIP), 900);
    assert_eq!(bench.recording.round_trip.longest(), Some(50.0));
}

#[test]
fn in_halves_the_receiver_does_not_wait_for_unsent_datagrams() {
    let mut bench = Bench::new();
    let mut sending = bench.sending_half();
    sending.breaks_after = 700;
    let error = bench.in_halves(&mut sending).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NetworkDown);
}

/// Receives 1,000 foreign datagrams per second and no reply.
struct Flooded(Instant);

impl Client for Flooded {
    fn now(&self) -> Instant {
        self.0
    }

    fn send(&mut self, _bytes: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn turn(&mut self, _until: Instant, take: &mut impl FnMut(Received<'_>)) -> io::Result<()> {
        self.0 += MS;
        take(from_target(self.0, b"hello"));
        Ok(())
    }
}

#[test]
fn in_halves_foreign_datagrams_do_not_extend_a_round() {
    let mut bench = Bench::new();
    let schedule = SendSchedule::new(bench.window, 1000);
    let mut sending = bench.sending_half();
    let mut receiving = Flooded(bench.window.start);
    let (open_loop, recording) = open!(bench, &schedule);
    send_at_rate(&mut sending, open_loop).unwrap();
    receive_at_rate(&mut receiving, open_loop, recording).unwrap();
    assert_eq!(receiving.0, bench.window.end() + ANSWER_MAX);
    assert_eq!(bench.recording.counts.lost, 1000);
}

/// The receiving half alone, at 1,000 datagrams per second, with departures chosen by a test.
struct Receiving {
    schedule: SendSchedule,
    probe: Probe,
    in_flight: InFlight,
    recording: Recording,
    missing: u64,
}

impl Receiving {
    fn new() -> Self {
        let Bench {
            window,
            probe,
            in_flight,
            recording,
            ..
        } = Bench::new();
        let schedule = SendSchedule::new(window, 1000);
        Self {
            missing: schedule.total,
            schedule,
            probe,
            in_flight,
            recording,
        }
    }

    fn receive(&mut self, at: Instant, bytes: &[u8]) {
        let open_loop = OpenLoop {
            schedule: &self.schedule,
            probe: &self.probe,
            in_flight: &self.in_flight,
        };
        let mut receiver = Receiver {
            missing: self.missing,
            ..Receiver::new(open_loop, &mut self.recording)
        };
        receiver.on_datagram(&from_target(at, bytes));
        self.missing = receiver.missing;
    }

    fn probe(&self, number: u64) -> Vec<u8> {
        written(&self.probe, number)
    }
}

fn written(probe: &Probe, number: u64) -> Vec<u8> {
    probe.write(&mut [0; DATAGRAM_MAX], number).to_vec()
}

#[test]
fn a_foreign_datagram_is_counted_and_is_no_reply() {
    let mut half = Receiving::new();
    half.in_flight.on_sent(Duration::ZERO);
    let third_party = written(&Probe::new(64, TARGET), 0);
    let mut altered = half.probe(0);
    altered[50] ^= 1;
    let not_sent_yet = half.probe(1);
    let beyond = half.probe(half.schedule.total);
    for bytes in [b"hello", &third_party[..], &altered, &not_sent_yet, &beyond] {
        half.receive(half.schedule.due(300), bytes);
    }
    assert_eq!(half.missing, half.schedule.total);
    assert_eq!(half.recording.counts.foreign, 5);
    assert_eq!(half.recording.counts.answered, 0);
}

#[test]
fn replies_to_the_warm_up_are_not_recorded() {
    let mut half = Receiving::new();
    (0..200).for_each(|number| half.in_flight.on_sent(number * MS));
    half.receive(half.schedule.due(250), &half.probe(199));
    assert_eq!(half.missing, half.schedule.total - 1);
    assert_eq!(half.recording.counts, Counts::default());
    assert_eq!(
        half.recording.latency.count() + half.recording.round_trip.count(),
        0
    );
    assert_eq!(half.recording.kernel_to_client.count(), 0);
}

#[test]
fn round_trips_count_from_the_recorded_departure() {
    let mut half = Receiving::new();
    // The first measured datagram left 3 ms late.
    (0..200).for_each(|number| half.in_flight.on_sent(number * MS));
    half.in_flight.on_sent(203 * MS);
    let now = half.schedule.due(210);
    half.receive(now, &half.probe(200));
    assert_eq!(half.recording.latency.longest(), Some(10_000.0));
    assert_eq!(half.recording.round_trip.longest(), Some(7000.0));
    // The reply waited in the kernel, and its copy does not count.
    half.receive(now, &half.probe(200));
    assert_eq!(half.recording.kernel_to_client.longest(), Some(1000.0));
    assert_eq!(half.recording.kernel_to_client.count(), 1);
}
