//! The two ways to measure: at a fixed rate, and one datagram at a time.
//!
//! Both are written for any [`Client`], and so are the two halves of the first one, for a subject
//! that sends on one thread and receives on another (std asleep: see `clients`). What decides when a
//! datagram leaves is one piece for all, [`Leaving`], and what becomes of an answer is another,
//! `Answers`. The client says what time it is, so that the tests run everything on a time of their own.

use std::cell::Cell;
use std::io;
use std::time::Instant;

use tickwire::Datagram;
use tickwire::limits::DATAGRAM_MAX;

use super::answers::{ANSWER_MAX, Answers};
use super::arrival::Arrival;
use super::in_flight::InFlight;
use super::probe::Probe;
use super::recording::Recording;
use super::send_schedule::{SendSchedule, Window};

/// Who takes what was received, and when.
pub(super) trait Taken: FnMut(Arrival, &Datagram<'_>) {}

impl<T: FnMut(Arrival, &Datagram<'_>)> Taken for T {}

/// What a subject has to offer to whoever measures with it.
pub(super) trait Client {
    fn now(&self) -> Instant {
        Instant::now()
    }

    /// Takes a datagram to be sent, at once or with the turn that follows. One that the system has no
    /// room for is lost, like one that the network has no room for.
    fn send(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// One turn: sends what waits, sleeps (a client that sleeps) until something comes or it is
    /// `until`, and hands over what came, each with the time at which it was received.
    fn turn(&mut self, until: Instant, take: &mut impl Taken) -> io::Result<()>;
}

/// Sends when it is time, whether or not anything was answered. Latency counts from the time at which
/// a datagram was due: if the client or the server stalls, every datagram that it holds up shows it.
pub(super) fn at_rate(
    client: &mut impl Client,
    mut leaving: Leaving<'_>,
    mut answers: Answers<'_>,
) -> io::Result<()> {
    loop {
        let now = client.now();
        leaving.send_if_due(client, now)?;
        if answers.are_over(now) {
            answers.close();
            return Ok(());
        }
        let until = leaving.next_due.or_else(|| answers.give_up_at());
        client.turn(
            until.unwrap_or(now),
            &mut |arrival, datagram: &Datagram<'_>| {
                answers.on_datagram(arrival, datagram);
            },
        )?;
    }
}

/// The half of [`at_rate`] that sends; a turn of this client only sleeps.
pub(super) fn send_at_rate(client: &mut impl Client, mut leaving: Leaving<'_>) -> io::Result<()> {
    let sent = leaving.send_all(client);
    if sent.is_err() {
        // Whoever receives would wait for what never leaves.
        leaving.in_flight.abandon();
    }
    sent
}

/// The half of [`at_rate`] that receives; this client sends nothing.
pub(super) fn receive_at_rate(
    client: &mut impl Client,
    mut answers: Answers<'_>,
) -> io::Result<()> {
    loop {
        let now = client.now();
        if answers.are_over(now) {
            answers.close();
            return Ok(());
        }
        client.turn(now + ANSWER_MAX, &mut |arrival, datagram: &Datagram<'_>| {
            answers.on_datagram(arrival, datagram);
        })?;
    }
}

/// Lets number after number leave, each when it is due, whatever became of those before it.
#[derive(Debug)]
pub(super) struct Leaving<'a> {
    schedule: &'a SendSchedule,
    probe: &'a Probe,
    in_flight: &'a InFlight,
    next: u64,
    /// When that one is due; `None` once all have left. Kept, because a loop that spins asks all the
    /// time, and the division behind it is no part of what is measured.
    next_due: Option<Instant>,
    buffer: [u8; DATAGRAM_MAX],
}

impl<'a> Leaving<'a> {
    pub(super) fn new(
        schedule: &'a SendSchedule,
        probe: &'a Probe,
        in_flight: &'a InFlight,
    ) -> Self {
        Self {
            schedule,
            probe,
            in_flight,
            next: 0,
            next_due: (schedule.total() > 0).then(|| schedule.due(0)),
            buffer: [0; DATAGRAM_MAX],
        }
    }

    /// One a turn, also for a client that has fallen behind: a burst of all that it owes, with nobody
    /// receiving meanwhile, would overrun its own socket.
    fn send_if_due(&mut self, client: &mut impl Client, now: Instant) -> io::Result<()> {
        if self.next_due.is_none_or(|due| now < due) {
            return Ok(());
        }
        self.in_flight.on_sent(self.schedule.since_start(now));
        client.send(self.probe.write(&mut self.buffer, self.next))?;
        self.next += 1;
        self.next_due = (self.next < self.schedule.total()).then(|| self.schedule.due(self.next));
        Ok(())
    }

    fn send_all(&mut self, client: &mut impl Client) -> io::Result<()> {
        loop {
            self.send_if_due(client, client.now())?;
            let Some(due) = self.next_due else {
                return Ok(());
            };
            client.turn(due, &mut |_, _: &Datagram<'_>| {})?;
        }
    }
}

/// One datagram at a time, the next when the one before was answered. Says how long a round trip takes
/// when nothing goes wrong, and hides what a stall does to everybody else: it costs one datagram here.
pub(super) fn closed(
    client: &mut impl Client,
    window: Window,
    probe: &Probe,
    recording: &mut Recording,
) -> io::Result<()> {
    let mut buffer = [0; DATAGRAM_MAX];
    let mut number = 0;
    loop {
        let left = client.now();
        if left >= window.end() {
            return Ok(());
        }
        client.send(probe.write(&mut buffer, number))?;
        // Not of the warm-up.
        let since_begin = window.since_begin(left);
        if let Some(since_begin) = since_begin {
            recording.on_due(since_begin);
        }
        let answered = answer_to(number, left, client, probe, recording)?;
        if let (Some(since_begin), Some(arrival)) = (since_begin, answered) {
            let time = arrival.at.saturating_duration_since(left);
            recording.on_answer(since_begin, time, time);
            recording.on_waited(arrival.waited);
        }
        number += 1;
    }
}

/// When number `number` was answered; `None` if it is to be given up.
fn answer_to(
    number: u64,
    left: Instant,
    client: &mut impl Client,
    probe: &Probe,
    recording: &mut Recording,
) -> io::Result<Option<Arrival>> {
    let until = left + ANSWER_MAX;
    let answered = Cell::new(None);
    let mut take = |arrival, datagram: &Datagram<'_>| match probe.read(datagram) {
        Some(answer) if answer == number && answered.get().is_none() => {
            answered.set(Some(arrival));
        }
        Some(_) => recording.counts.repeated += 1,
        None => recording.counts.foreign += 1,
    };
    while answered.get().is_none() && client.now() < until {
        client.turn(until, &mut take)?;
    }
    Ok(answered.get())
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    reason = "in a test that is a failure as good as any"
)]
mod tests {
    use std::collections::VecDeque;
    use std::net::{IpAddr, Ipv4Addr, SocketAddr};
    use std::ops::Range;
    use std::time::Duration;

    use super::super::recording::Slice;
    use super::super::round_recording::RoundRecording;
    use super::super::send_schedule::Span;
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    /// What a round trip takes where nobody stalls.
    const TRIP: Duration = Duration::from_micros(50);

    const TARGET: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7);

    fn from_target(bytes: &[u8]) -> Datagram<'_> {
        Datagram {
            from: TARGET,
            bytes,
            truncated: false,
        }
    }

    /// A client and an echo on a time of their own: it stands still but in a sleep.
    struct Simulated {
        now: Instant,
        /// The echo does nothing meanwhile, and then answers all that has come.
        server_stall: Range<Instant>,
        /// A sleep that ends in here ends at its end instead.
        client_stall: Range<Instant>,
        /// Every one of so many is lost; none, if 0.
        loses_every: usize,
        /// Every answer comes so many times.
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

        fn turn(&mut self, until: Instant, take: &mut impl Taken) -> io::Result<()> {
            self.turns += 1;
            assert!(self.turns < 1_000_000, "it goes on for ever");
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
                take(self.now.into(), &from_target(&bytes));
            }
            Ok(())
        }
    }

    struct Bench {
        client: Simulated,
        window: Window,
        probe: Probe,
        round_recording: RoundRecording,
    }

    impl Bench {
        /// A second that counts, behind 200 ms that do not.
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
                round_recording: RoundRecording::of(span, Some(1000)).unwrap(),
            }
        }

        /// A stretch of the time that counts.
        fn stretch(&self, from_ms: u32, to_ms: u32) -> Range<Instant> {
            let begin = self.window.begin();
            begin + from_ms * MS..begin + to_ms * MS
        }

        /// A thousand a second.
        fn at_rate(&mut self) {
            let schedule = SendSchedule::new(self.window, 1000);
            let (leaving, answers) = self.round_recording.open(&schedule, &self.probe);
            at_rate(&mut self.client, leaving, answers).unwrap();
        }

        fn closed(&mut self) {
            closed(
                &mut self.client,
                self.window,
                &self.probe,
                &mut self.round_recording.recording,
            )
            .unwrap();
        }

        /// How many latencies there were of exactly this length, as far as the histogram tells.
        fn count_of(&self, latency: Duration) -> u64 {
            let nanos = u64::try_from(latency.as_nanos()).unwrap();
            self.round_recording.recording.latency.count_at(nanos)
        }
    }

    #[test]
    fn a_stalled_server_shows_in_every_datagram_that_it_held_up() {
        let mut bench = Bench::new();
        bench.client.server_stall = bench.stretch(300, 400);
        bench.at_rate();
        assert_eq!(bench.round_recording.recording.counts.due, 1000);
        assert_eq!(bench.round_recording.recording.counts.lost(), 0);
        // Those due at 300, 301, ... 399 ms waited for 100, 99, ... 1 ms, and nobody else for anything.
        for held_up in 1..=100 {
            assert_eq!(bench.count_of(held_up * MS + TRIP), 1, "{held_up} ms");
        }
        assert_eq!(bench.count_of(TRIP), 900);
        assert!(
            bench.round_recording.recording.latency.equivalent(
                bench
                    .round_recording
                    .recording
                    .latency
                    .value_at_quantile(0.95),
                50_050_000
            )
        );
    }

    #[test]
    fn the_time_line_shows_a_stall_where_it_was_and_exactly() {
        let mut bench = Bench::new();
        bench.client.server_stall = bench.stretch(300, 400);
        bench.at_rate();
        let slices = &bench.round_recording.recording.slices.slices;
        assert_eq!(slices.len(), 100);
        for (slice, longest) in [
            (29, 50_000),
            (30, 100_050_000),
            (39, 10_050_000),
            (40, 50_000),
        ] {
            assert_eq!(slices[slice].longest_nanos, Some(longest));
        }
        assert!(slices.iter().all(|slice| slice.lost() == 0));
    }

    #[test]
    fn a_stalled_client_is_not_forgiven_either() {
        let mut bench = Bench::new();
        bench.client.client_stall = bench.stretch(300, 400);
        bench.at_rate();
        // Due at 300 ms means: sent at 400 ms, answered a round trip later.
        assert_eq!(bench.count_of(100 * MS + TRIP), 1);
        assert_eq!(bench.count_of(MS + TRIP), 1);
        assert_eq!(bench.round_recording.recording.counts.answered, 1000);
        // From when they really left, all was well: that is the figure that hides the stall.
        assert!(
            bench
                .round_recording
                .recording
                .round_trip
                .equivalent(bench.round_recording.recording.round_trip.max(), 50_000)
        );
    }

    #[test]
    fn a_client_that_falls_behind_sends_fewer_a_second() {
        let mut bench = Bench::new();
        bench.at_rate();
        assert_eq!(bench.round_recording.recording.sent_in, Some(1000 * MS));
        // A second that begins in the time that counts and ends after it.
        let mut bench = Bench::new();
        bench.client.client_stall = bench.stretch(500, 1500);
        bench.at_rate();
        assert_eq!(bench.round_recording.recording.counts.due, 1000);
        // One a turn, and a turn takes no time here.
        assert_eq!(bench.round_recording.recording.sent_in, Some(1501 * MS));
    }

    #[test]
    fn one_at_a_time_the_same_stall_shows_once() {
        let mut bench = Bench::new();
        bench.client.server_stall = bench.stretch(300, 400);
        bench.closed();
        let latency = &bench.round_recording.recording.latency;
        assert_eq!(bench.count_of(100 * MS + TRIP), 1);
        assert!(latency.count_between(0, 60_000) == latency.len() - 1);
        // 900 ms of round trips, and one that was held up.
        assert_eq!(
            bench.round_recording.recording.counts.due,
            900 * 1000 / 50 - 1 + 1
        );
    }

    #[test]
    fn what_is_lost_is_counted_and_waited_for_once() {
        let mut bench = Bench::new();
        bench.client.loses_every = 10;
        bench.at_rate();
        assert_eq!(bench.round_recording.recording.counts.lost(), 100);
        let slices = &bench.round_recording.recording.slices.slices;
        assert!(slices.iter().all(|slice| slice.lost() == 1));
        assert_eq!(bench.client.now, bench.window.end() + ANSWER_MAX);
    }

    #[test]
    fn what_is_lost_in_closed_loop_is_given_up_after_a_while() {
        let mut bench = Bench::new();
        bench.client.loses_every = 10_000;
        bench.closed();
        assert_eq!(bench.round_recording.recording.counts.lost(), 1);
        let slices = &bench.round_recording.recording.slices.slices;
        assert_eq!(slices.iter().map(Slice::lost).sum::<u64>(), 1);
        assert!(bench.round_recording.recording.latency.max() < 60_000);
    }

    #[test]
    fn an_echo_of_nothing_leaves_nothing_but_losses() {
        let mut bench = Bench::new();
        bench.client.loses_every = 1;
        bench.at_rate();
        let counts = bench.round_recording.recording.counts;
        assert_eq!(
            (counts.due, counts.answered, counts.lost()),
            (1000, 0, 1000)
        );
    }

    #[test]
    fn an_answer_counts_once() {
        let mut bench = Bench::new();
        bench.client.copies = 2;
        bench.at_rate();
        let counts = bench.round_recording.recording.counts;
        assert_eq!(counts.answered, 1000);
        // The last answer ends the round before its copy is looked at, or not.
        assert!((1199..=1200).contains(&counts.repeated), "{counts:?}");
    }

    /// The sending half of a client, on a time of its own. Every sleep ends early once, as real ones may.
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

        fn turn(&mut self, until: Instant, _take: &mut impl Taken) -> io::Result<()> {
            let left = until.saturating_duration_since(self.now);
            self.now += if left > MS / 2 { left / 2 } else { left };
            if self.stall.contains(&self.now) {
                self.now = self.stall.end;
            }
            Ok(())
        }
    }

    impl Bench {
        /// A thousand a second, by a half that sends and one that receives.
        fn in_halves(&mut self, sending: &mut SendingHalf) -> io::Result<()> {
            let schedule = SendSchedule::new(self.window, 1000);
            let (leaving, answers) = self.round_recording.open(&schedule, &self.probe);
            let sent = send_at_rate(sending, leaving);
            for (left, bytes) in &sending.sent {
                let answer = (*left + TRIP, bytes.clone());
                self.client.on_the_way.push_back(answer);
            }
            receive_at_rate(&mut self.client, answers).unwrap();
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
    fn in_halves_every_datagram_leaves_when_it_is_due() {
        let mut bench = Bench::new();
        let mut sending = bench.sending_half();
        bench.in_halves(&mut sending).unwrap();
        let left = sending.sent.iter().map(|(left, _)| *left);
        let due = (0..1200).map(|number| bench.window.start + number * MS);
        assert!(left.eq(due));
        assert_eq!(bench.count_of(TRIP), 1000);
        assert_eq!(bench.round_recording.recording.counts.lost(), 0);
    }

    #[test]
    fn in_halves_a_stalled_sender_is_not_forgiven_and_does_not_drift() {
        let mut bench = Bench::new();
        let mut sending = bench.sending_half();
        sending.stall = bench.stretch(300, 400);
        bench.in_halves(&mut sending).unwrap();
        // Those due at 300, 301, ... 400 ms left at 400 ms, and all others when they were due.
        let late = |number: u32| number.clamp(500, 600) == number;
        for (number, (left, _)) in (0..).zip(&sending.sent) {
            let left_ms = if late(number) { 600 } else { number };
            assert_eq!(*left, bench.window.start + left_ms * MS, "{number}");
        }
        for held_up in 1..=100 {
            assert_eq!(bench.count_of(held_up * MS + TRIP), 1, "{held_up} ms");
        }
        assert_eq!(bench.count_of(TRIP), 900);
        assert_eq!(bench.round_recording.recording.longest.round_trip, 50_000);
    }

    #[test]
    fn in_halves_nobody_waits_for_what_never_leaves() {
        let mut bench = Bench::new();
        let mut sending = bench.sending_half();
        sending.breaks_after = 700;
        let error = bench.in_halves(&mut sending).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NetworkDown);
    }

    /// Hears strangers, a thousand a second, and nobody else.
    struct Flooded(Instant);

    impl Client for Flooded {
        fn now(&self) -> Instant {
            self.0
        }

        fn send(&mut self, _bytes: &[u8]) -> io::Result<()> {
            Ok(())
        }

        fn turn(&mut self, _until: Instant, take: &mut impl Taken) -> io::Result<()> {
            self.0 += MS;
            take(self.0.into(), &from_target(b"hello"));
            Ok(())
        }
    }

    #[test]
    fn in_halves_strangers_do_not_make_a_round_longer() {
        let mut bench = Bench::new();
        let schedule = SendSchedule::new(bench.window, 1000);
        let mut sending = bench.sending_half();
        let mut receiving = Flooded(bench.window.start);
        let (leaving, answers) = bench.round_recording.open(&schedule, &bench.probe);
        send_at_rate(&mut sending, leaving).unwrap();
        receive_at_rate(&mut receiving, answers).unwrap();
        assert_eq!(receiving.0, bench.window.end() + ANSWER_MAX);
        assert_eq!(bench.round_recording.recording.counts.lost(), 1000);
    }
}
