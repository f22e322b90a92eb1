//! What comes back to a [`SendSchedule`]: each answer once, and nothing that is none.

use std::time::{Duration, Instant};

use tickwire::Datagram;

use super::arrival::Arrival;
use super::in_flight::{Departure, InFlight};
use super::probe::Probe;
use super::recording::Recording;
use super::send_schedule::SendSchedule;

/// How long an answer is waited for after the last datagram was due and has left, and in closed loop
/// for each.
pub(super) const ANSWER_MAX: Duration = Duration::from_secs(1);

/// Which datagrams still miss their answer.
#[derive(Debug)]
pub(super) struct Missing {
    /// One for each that does. They begin as ones and not as zeros, so that the memory is there: see
    /// `in_flight`.
    bits: Vec<u64>,
    count: u64,
}

impl Missing {
    /// All of `total`.
    pub(super) fn all(total: u64) -> Self {
        let words = usize::try_from(total.div_ceil(64)).unwrap_or(usize::MAX);
        Self {
            bits: vec![u64::MAX; words],
            count: total,
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Whether number `number` was among them; from now on it is not.
    fn take(&mut self, number: u64) -> bool {
        let bit = 1 << (number % 64);
        let word = usize::try_from(number / 64).ok();
        let word = word.and_then(|word| self.bits.get_mut(word));
        let word = word.expect("no more leave than are due, and each has a bit");
        let was_missing = *word & bit != 0;
        *word &= !bit;
        self.count -= u64::from(was_missing);
        was_missing
    }
}

/// Takes in what comes back.
#[derive(Debug)]
pub(super) struct Answers<'a> {
    pub(super) schedule: &'a SendSchedule,
    pub(super) probe: &'a Probe,
    pub(super) in_flight: &'a InFlight,
    pub(super) missing: &'a mut Missing,
    pub(super) recording: &'a mut Recording,
}

impl Answers<'_> {
    /// Whether nothing more is waited for at `now`.
    pub(super) fn are_over(&self, now: Instant) -> bool {
        self.missing.count() == 0
            || self.in_flight.are_abandoned()
            || self.give_up_at().is_some_and(|time| time <= now)
    }

    /// What has not come back by then is lost; `None` while some have yet to leave.
    pub(super) fn give_up_at(&self) -> Option<Instant> {
        let left = self.schedule.at(self.last()?);
        Some(left.max(self.schedule.due(self.schedule.total())) + ANSWER_MAX)
    }

    /// How long after the start the last of all left.
    fn last(&self) -> Option<Duration> {
        match self.in_flight.get(self.schedule.total().checked_sub(1)?) {
            Departure::At(last) => Some(last),
            Departure::NotYet | Departure::Forgotten => None,
        }
    }

    /// The schedule leaves nothing out: whatever was due has left, unless the sender failed.
    pub(super) fn close(self) {
        if let Some(last) = self.last() {
            self.recording.on_all_sent(self.schedule, last);
        }
    }

    pub(super) fn on_datagram(&mut self, arrival: Arrival, datagram: &Datagram<'_>) {
        let Some(number) = self.probe.read(datagram) else {
            self.recording.counts.foreign += 1;
            return;
        };
        match self.in_flight.get(number) {
            Departure::At(since_start) => {
                self.on_answer(number, self.schedule.at(since_start), arrival);
            }
            Departure::NotYet => self.recording.counts.foreign += 1,
            // Whoever is that far behind is too late, and stays lost.
            Departure::Forgotten => self.recording.counts.repeated += 1,
        }
    }

    fn on_answer(&mut self, number: u64, left: Instant, arrival: Arrival) {
        if !self.missing.take(number) {
            self.recording.counts.repeated += 1;
            return;
        }
        let due = self.schedule.due(number);
        let Some(since_begin) = self.schedule.since_begin(due) else {
            return; // of the warm-up
        };
        let since = |time| arrival.at.saturating_duration_since(time);
        self.recording
            .on_answer(since_begin, since(due), since(left));
        self.recording.on_waited(arrival.waited);
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    reason = "in a test that is a failure as good as any"
)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, SocketAddr};
    use tickwire::limits::DATAGRAM_MAX;

    use super::super::recording::Counts;
    use super::super::send_schedule::Span;
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const TARGET: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7);

    /// A thousand a second, for a second behind 200 ms that do not count.
    struct Bench {
        schedule: SendSchedule,
        probe: Probe,
        in_flight: InFlight,
        missing: Missing,
        recording: Recording,
    }

    impl Bench {
        fn new() -> Self {
            let span = Span {
                warm_up: 200 * MS,
                duration: 1000 * MS,
            };
            let schedule = SendSchedule::new(span.starting_at(Instant::now()), 1000);
            Self {
                probe: Probe::new(64, TARGET),
                in_flight: InFlight::of(schedule.total()),
                missing: Missing::all(schedule.total()),
                recording: Recording::new(span.duration).unwrap(),
                schedule,
            }
        }

        fn probe(&self, number: u64) -> Vec<u8> {
            written(&self.probe, number)
        }

        fn hear(&mut self, now: Instant, bytes: &[u8]) {
            let datagram = Datagram {
                from: TARGET,
                bytes,
                truncated: false,
            };
            let mut answers = Answers {
                schedule: &self.schedule,
                probe: &self.probe,
                in_flight: &self.in_flight,
                missing: &mut self.missing,
                recording: &mut self.recording,
            };
            let arrival = Arrival {
                at: now,
                waited: Some(MS),
            };
            answers.on_datagram(arrival, &datagram);
        }
    }

    fn written(probe: &Probe, number: u64) -> Vec<u8> {
        probe.write(&mut [0; DATAGRAM_MAX], number).to_vec()
    }

    #[test]
    fn a_foreign_datagram_counts_as_foreign_and_answers_nothing() {
        let mut bench = Bench::new();
        bench.in_flight.on_sent(Duration::ZERO);
        let stranger = written(&Probe::new(64, TARGET), 0);
        let mut altered = bench.probe(0);
        altered[50] ^= 1;
        let not_sent_yet = bench.probe(1);
        let beyond = bench.probe(bench.schedule.total());
        for bytes in [b"hello", &stranger[..], &altered, &not_sent_yet, &beyond] {
            bench.hear(bench.schedule.due(300), bytes);
        }
        assert_eq!(bench.missing.count(), bench.schedule.total());
        assert_eq!(bench.recording.counts.foreign, 5);
        assert_eq!(bench.recording.counts.answered, 0);
    }

    #[test]
    fn the_warm_up_leaves_no_trace_but_that_it_was_answered() {
        let mut bench = Bench::new();
        (0..200).for_each(|number| bench.in_flight.on_sent(number * MS));
        bench.hear(bench.schedule.due(250), &bench.probe(199));
        assert_eq!(bench.missing.count(), bench.schedule.total() - 1);
        assert_eq!(bench.recording.counts, Counts::default());
        assert!(bench.recording.latency.is_empty() && bench.recording.round_trip.is_empty());
        assert!(bench.recording.waited.is_empty());
    }

    #[test]
    fn when_a_datagram_left_is_what_its_sender_knows() {
        let mut bench = Bench::new();
        // The first of those that count left 3 ms late.
        (0..200).for_each(|number| bench.in_flight.on_sent(number * MS));
        bench.in_flight.on_sent(203 * MS);
        let now = bench.schedule.due(210);
        bench.hear(now, &bench.probe(200));
        assert_eq!(bench.recording.longest.latency, 10_000_000);
        assert_eq!(bench.recording.longest.round_trip, 7_000_000);
        // It waited in the kernel, and a copy of it does not count.
        bench.hear(now, &bench.probe(200));
        assert_eq!(bench.recording.longest.waited, 1_000_000);
        assert_eq!(bench.recording.waited.len(), 1);
    }
}
