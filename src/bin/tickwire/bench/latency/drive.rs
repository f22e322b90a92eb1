//! The two ways to measure: at a fixed rate, and one datagram at a time.
//!
//! Both are written for any [`Client`], so that every contestant is measured by the same lines; and
//! the client says what time it is, so that the tests run them on a time of their own.

use std::cell::Cell;
use std::io;
use std::time::{Duration, Instant};

use tickwire::Datagram;
use tickwire::limits::DATAGRAM_MAX;

use super::departures::{Departure, Departures};
use super::journal::Journal;
use super::pace::{Pace, Window};
use super::probe::Probe;

/// How long an answer is waited for after the last datagram has left, and in closed loop for each.
pub(super) const ANSWER_MAX: Duration = Duration::from_secs(1);

/// Who takes what was received, and when.
pub(super) trait Taken: FnMut(Instant, &Datagram<'_>) {}

impl<T: FnMut(Instant, &Datagram<'_>)> Taken for T {}

/// What a contestant has to offer to whoever measures with it.
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
    pace: &Pace,
    probe: &Probe,
    journal: &mut Journal,
) -> io::Result<()> {
    let mut buffer = [0; DATAGRAM_MAX];
    let departures = Departures::of(pace.total());
    let mut answers = Answers::new(pace, probe, &departures, journal);
    let mut next = 0;
    loop {
        let now = client.now();
        // One a turn, also for a client that has fallen behind: a burst of all that it owes, with
        // nobody receiving meanwhile, would overrun its own socket.
        if next < pace.total() && pace.due(next) <= now {
            departures.on_sent(pace.since_start(now));
            client.send(probe.write(&mut buffer, next))?;
            next += 1;
        }
        let is_last = next == pace.total();
        let until = if is_last {
            give_up_at(pace)
        } else {
            pace.due(next)
        };
        if is_last && (answers.all_came() || now >= until) {
            journal.on_all_due(pace);
            return Ok(());
        }
        client.turn(until, &mut |now, datagram: &Datagram<'_>| {
            answers.on_datagram(now, datagram);
        })?;
    }
}

/// Whoever has not come back by then is lost.
pub(super) fn give_up_at(pace: &Pace) -> Instant {
    pace.due(pace.total()) + ANSWER_MAX
}

/// Takes in what comes back to a [`Pace`], each answer once.
#[derive(Debug)]
pub(super) struct Answers<'a> {
    pace: &'a Pace,
    probe: &'a Probe,
    departures: &'a Departures,
    journal: &'a mut Journal,
    /// A bit for each datagram.
    seen: Vec<u64>,
    missing: u64,
}

impl<'a> Answers<'a> {
    pub(super) fn new(
        pace: &'a Pace,
        probe: &'a Probe,
        departures: &'a Departures,
        journal: &'a mut Journal,
    ) -> Self {
        let words = usize::try_from(pace.total().div_ceil(64)).unwrap_or(usize::MAX);
        Self {
            pace,
            probe,
            departures,
            journal,
            seen: vec![0; words],
            missing: pace.total(),
        }
    }

    pub(super) fn on_datagram(&mut self, now: Instant, datagram: &Datagram<'_>) {
        let Some(number) = self.probe.read(datagram) else {
            self.journal.counts.foreign += 1;
            return;
        };
        match self.departures.get(number) {
            Departure::At(since_start) => {
                self.on_answer(number, self.pace.at(since_start), now);
            }
            Departure::NotYet => self.journal.counts.foreign += 1,
            // Whoever is that far behind is too late, and stays lost.
            Departure::Forgotten => self.journal.counts.repeated += 1,
        }
    }

    fn on_answer(&mut self, number: u64, left: Instant, now: Instant) {
        if self.was_seen(number) {
            self.journal.counts.repeated += 1;
            return;
        }
        self.missing -= 1;
        self.journal.on_answer(self.pace.due(number), left, now);
    }

    pub(super) fn all_came(&self) -> bool {
        self.missing == 0
    }

    /// Whether it was, and from now on it is.
    fn was_seen(&mut self, number: u64) -> bool {
        let bit = 1 << (number % 64);
        let word = usize::try_from(number / 64).ok();
        let word = word.and_then(|word| self.seen.get_mut(word));
        let word = word.expect("no more leave than are due, and each has a bit");
        let was_seen = *word & bit != 0;
        *word |= bit;
        was_seen
    }
}

/// One datagram at a time, the next when the one before was answered. Says how long a round trip takes
/// when nothing goes wrong, and hides what a stall does to everybody else: it costs one datagram here.
pub(super) fn closed(
    client: &mut impl Client,
    window: Window,
    probe: &Probe,
    journal: &mut Journal,
) -> io::Result<()> {
    let mut buffer = [0; DATAGRAM_MAX];
    let mut number = 0;
    loop {
        let left = client.now();
        if left >= window.end() {
            return Ok(());
        }
        client.send(probe.write(&mut buffer, number))?;
        journal.on_due(left);
        if let Some(now) = answer_to(number, left, client, probe, journal)? {
            journal.on_answer(left, left, now);
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
    journal: &mut Journal,
) -> io::Result<Option<Instant>> {
    let until = left + ANSWER_MAX;
    let answered = Cell::new(None);
    let mut take = |now, datagram: &Datagram<'_>| match probe.read(datagram) {
        Some(answer) if answer == number && answered.get().is_none() => {
            answered.set(Some(now));
        }
        Some(_) => journal.counts.repeated += 1,
        None => journal.counts.foreign += 1,
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

    use super::super::journal::Slice;
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
                take(self.now, &from_target(&bytes));
            }
            Ok(())
        }
    }

    struct Bench {
        client: Simulated,
        window: Window,
        probe: Probe,
        journal: Journal,
    }

    impl Bench {
        /// A second that counts, behind 200 ms that do not.
        fn new() -> Self {
            let start = Instant::now();
            let window = Window {
                start,
                warm_up: 200 * MS,
                duration: 1000 * MS,
            };
            Self {
                client: Simulated::new(start),
                window,
                probe: Probe::new(64, TARGET),
                journal: Journal::new(window).unwrap(),
            }
        }

        /// A stretch of the time that counts.
        fn stretch(&self, from_ms: u32, to_ms: u32) -> Range<Instant> {
            let begin = self.window.begin();
            begin + from_ms * MS..begin + to_ms * MS
        }

        fn at_rate(&mut self, per_second: u32) {
            let pace = Pace::new(self.window, per_second);
            at_rate(&mut self.client, &pace, &self.probe, &mut self.journal).unwrap();
        }

        fn closed(&mut self) {
            closed(
                &mut self.client,
                self.window,
                &self.probe,
                &mut self.journal,
            )
            .unwrap();
        }

        /// How many latencies there were of exactly this length, as far as the histogram tells.
        fn count_of(&self, latency: Duration) -> u64 {
            let nanos = u64::try_from(latency.as_nanos()).unwrap();
            self.journal.latency.count_at(nanos)
        }
    }

    #[test]
    fn a_stalled_server_shows_in_every_datagram_that_it_held_up() {
        let mut bench = Bench::new();
        bench.client.server_stall = bench.stretch(300, 400);
        bench.at_rate(1000);
        assert_eq!(bench.journal.counts.due, 1000);
        assert_eq!(bench.journal.counts.lost(), 0);
        // Those due at 300, 301, ... 399 ms waited for 100, 99, ... 1 ms, and nobody else for anything.
        for held_up in 1..=100 {
            assert_eq!(bench.count_of(held_up * MS + TRIP), 1, "{held_up} ms");
        }
        assert_eq!(bench.count_of(TRIP), 900);
        assert!(
            bench
                .journal
                .latency
                .equivalent(bench.journal.latency.value_at_quantile(0.95), 50_050_000)
        );
    }

    #[test]
    fn the_time_line_shows_a_stall_where_it_was_and_exactly() {
        let mut bench = Bench::new();
        bench.client.server_stall = bench.stretch(300, 400);
        bench.at_rate(1000);
        let slices = &bench.journal.slices.slices;
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
        bench.at_rate(1000);
        // Due at 300 ms means: sent at 400 ms, answered a round trip later.
        assert_eq!(bench.count_of(100 * MS + TRIP), 1);
        assert_eq!(bench.count_of(MS + TRIP), 1);
        assert_eq!(bench.journal.counts.answered, 1000);
        // From when they really left, all was well: that is the figure that hides the stall.
        assert!(
            bench
                .journal
                .round_trip
                .equivalent(bench.journal.round_trip.max(), 50_000)
        );
    }

    #[test]
    fn one_at_a_time_the_same_stall_shows_once() {
        let mut bench = Bench::new();
        bench.client.server_stall = bench.stretch(300, 400);
        bench.closed();
        let latency = &bench.journal.latency;
        assert_eq!(bench.count_of(100 * MS + TRIP), 1);
        assert!(latency.count_between(0, 60_000) == latency.len() - 1);
        // 900 ms of round trips, and one that was held up.
        assert_eq!(bench.journal.counts.due, 900 * 1000 / 50 - 1 + 1);
    }

    #[test]
    fn what_is_lost_is_counted_and_waited_for_once() {
        let mut bench = Bench::new();
        bench.client.loses_every = 10;
        bench.at_rate(1000);
        assert_eq!(bench.journal.counts.lost(), 100);
        let slices = &bench.journal.slices.slices;
        assert!(slices.iter().all(|slice| slice.lost() == 1));
        assert_eq!(bench.client.now, bench.window.end() + ANSWER_MAX);
    }

    #[test]
    fn what_is_lost_in_closed_loop_is_given_up_after_a_while() {
        let mut bench = Bench::new();
        bench.client.loses_every = 10_000;
        bench.closed();
        assert_eq!(bench.journal.counts.lost(), 1);
        let slices = &bench.journal.slices.slices;
        assert_eq!(slices.iter().map(Slice::lost).sum::<u64>(), 1);
        assert!(bench.journal.latency.max() < 60_000);
    }

    #[test]
    fn an_echo_of_nothing_leaves_nothing_but_losses() {
        let mut bench = Bench::new();
        bench.client.loses_every = 1;
        bench.at_rate(1000);
        let counts = bench.journal.counts;
        assert_eq!(
            (counts.due, counts.answered, counts.lost()),
            (1000, 0, 1000)
        );
    }

    #[test]
    fn an_answer_counts_once() {
        let mut bench = Bench::new();
        bench.client.copies = 2;
        bench.at_rate(1000);
        let counts = bench.journal.counts;
        assert_eq!(counts.answered, 1000);
        // The last answer ends the round before its copy is looked at, or not.
        assert!((1199..=1200).contains(&counts.repeated), "{counts:?}");
    }

    #[test]
    fn a_foreign_datagram_counts_as_foreign_and_answers_nothing() {
        let mut bench = Bench::new();
        let pace = Pace::new(bench.window, 1000);
        let departures = Departures::of(pace.total());
        departures.on_sent(Duration::ZERO);
        let write = |probe: &Probe, number| probe.write(&mut [0; DATAGRAM_MAX], number).to_vec();
        let stranger = write(&Probe::new(64, TARGET), 0);
        let mut altered = write(&bench.probe, 0);
        altered[50] ^= 1;
        let not_sent_yet = write(&bench.probe, 1);
        let beyond = write(&bench.probe, pace.total());

        let mut answers = Answers::new(&pace, &bench.probe, &departures, &mut bench.journal);
        for bytes in [b"hello", &stranger[..], &altered, &not_sent_yet, &beyond] {
            answers.on_datagram(bench.window.begin(), &from_target(bytes));
        }
        assert_eq!(answers.missing, pace.total());
        assert_eq!(bench.journal.counts.foreign, 5);
        assert_eq!(bench.journal.counts.answered, 0);
    }

    #[test]
    fn when_a_datagram_left_is_what_its_sender_knows() {
        let mut bench = Bench::new();
        let pace = Pace::new(bench.window, 1000);
        let departures = Departures::of(pace.total());
        // The first of those that count left 3 ms late.
        for number in 0..200 {
            departures.on_sent(number * MS);
        }
        departures.on_sent(203 * MS);
        let bytes = bench.probe.write(&mut [0; DATAGRAM_MAX], 200).to_vec();
        let now = bench.window.begin() + 10 * MS;
        let mut answers = Answers::new(&pace, &bench.probe, &departures, &mut bench.journal);
        answers.on_datagram(now, &from_target(&bytes));
        assert_eq!(bench.journal.longest.latency, 10_000_000);
        assert_eq!(bench.journal.longest.round_trip, 7_000_000);
    }
}
