//! What one round of one contestant recorded. All memory is there before the first datagram leaves.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::pace::Window;
use crate::failure::Failure;

/// The longest latency that is told apart from longer ones.
const LATENCY_MAX: Duration = Duration::from_secs(120);

/// Three significant digits: a value is off by at most a thousandth.
const DIGITS: u8 = 3;

/// The time line of a round has this many slices, or fewer where they would be shorter than
/// `SLICE_MIN`.
const SLICES_MAX: u128 = 100;
const SLICE_MIN: Duration = Duration::from_millis(1);

/// Latencies by value and by time, and what became of the datagrams.
#[derive(Debug)]
pub(super) struct Journal {
    begin: Instant,
    /// From the time when a datagram should have left, in nanoseconds.
    pub(super) latency: Histogram<u64>,
    /// From the time when it really left.
    pub(super) round_trip: Histogram<u64>,
    pub(super) longest: Longest,
    pub(super) slices: Slices,
    pub(super) counts: Counts,
}

/// The longest times, in nanoseconds: exactly, where a histogram has three digits and an end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Longest {
    pub(super) latency: u64,
    pub(super) round_trip: u64,
}

impl Longest {
    /// Of both.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            latency: self.latency.max(other.latency),
            round_trip: self.round_trip.max(other.round_trip),
        }
    }
}

/// Datagrams, those of the warm-up not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Those that were due.
    pub(super) due: u64,
    pub(super) answered: u64,
    /// Answers that came twice, or after their datagram was given up.
    pub(super) repeated: u64,
    /// Datagrams that are no answer to this round.
    pub(super) foreign: u64,
}

impl Counts {
    pub(super) fn lost(&self) -> u64 {
        self.due.saturating_sub(self.answered)
    }
}

impl Journal {
    pub(super) fn new(window: Window) -> Result<Self, Failure> {
        Ok(Self {
            begin: window.begin(),
            latency: histogram()?,
            round_trip: histogram()?,
            longest: Longest::default(),
            slices: Slices::new(window.duration),
            counts: Counts::default(),
        })
    }

    /// A datagram that was due at `due` and left at `left` was answered at `now`.
    pub(super) fn on_answer(&mut self, due: Instant, left: Instant, now: Instant) {
        let Some(since_begin) = due.checked_duration_since(self.begin) else {
            return; // of the warm-up
        };
        let latency = nanos(now.saturating_duration_since(due));
        let round_trip = nanos(now.saturating_duration_since(left));
        self.counts.answered += 1;
        self.latency.saturating_record(latency);
        self.round_trip.saturating_record(round_trip);
        self.longest = self.longest.or(Longest {
            latency,
            round_trip,
        });
        self.slices.on_latency(since_begin, latency);
    }

    /// Whether a datagram that is due at `due` counts.
    pub(super) fn counts_from(&self, due: Instant) -> bool {
        due >= self.begin
    }
}

/// An empty histogram, as large as it will ever be.
pub(super) fn histogram() -> Result<Histogram<u64>, Failure> {
    Histogram::new_with_max(nanos(LATENCY_MAX), DIGITS)
        .map_err(|error| Failure::Refused(format!("cannot make a histogram: {error}")))
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// The time line of a round: the longest latency of all datagrams that were due within a slice, exactly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slices {
    pub(super) width: Duration,
    /// `None` where no datagram was due, or none was answered.
    pub(super) longest_nanos: Vec<Option<u64>>,
}

impl Slices {
    fn new(duration: Duration) -> Self {
        let count = (duration.as_nanos() / SLICE_MIN.as_nanos()).clamp(1, SLICES_MAX);
        let width = duration.as_nanos().div_ceil(count);
        Self {
            width: Duration::from_nanos(u64::try_from(width).unwrap_or(u64::MAX)),
            longest_nanos: vec![None; usize::try_from(count).unwrap_or(1)],
        }
    }

    fn on_latency(&mut self, since_begin: Duration, nanos: u64) {
        let index = since_begin.as_nanos() / self.width.as_nanos().max(1);
        let slice = usize::try_from(index)
            .ok()
            .and_then(|index| self.longest_nanos.get_mut(index));
        if let Some(longest) = slice {
            *longest = (*longest).max(Some(nanos));
        }
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    reason = "in a test that is a failure as good as any"
)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn window(duration: Duration) -> Window {
        Window {
            start: Instant::now(),
            warm_up: 10 * MS,
            duration,
        }
    }

    #[test]
    fn a_latency_stands_in_the_slice_in_which_its_datagram_was_due() {
        let window = window(1000 * MS);
        let mut journal = Journal::new(window).unwrap();
        assert_eq!(journal.slices.width, 10 * MS);
        assert_eq!(journal.slices.longest_nanos.len(), 100);
        for (due, latency) in [(0, 3), (9, 7), (9, 5), (10, 1), (999, 2)] {
            let due = window.begin() + due * MS;
            // It left one later than it should have.
            journal.on_answer(due, due + MS, due + latency * MS);
        }
        let seen = journal.slices.longest_nanos.iter().enumerate();
        let seen: Vec<_> = seen
            .filter_map(|(at, longest)| Some((at, (*longest)?)))
            .collect();
        assert_eq!(seen, [(0, 7_000_000), (1, 1_000_000), (99, 2_000_000)]);
        assert_eq!(journal.counts.answered, 5);
        assert!(journal.latency.equivalent(journal.latency.max(), 7_000_000));
        assert!(
            journal
                .round_trip
                .equivalent(journal.round_trip.max(), 6_000_000)
        );
    }

    #[test]
    fn the_warm_up_leaves_no_trace() {
        let window = window(100 * MS);
        let mut journal = Journal::new(window).unwrap();
        let due = window.begin() - Duration::from_nanos(1);
        journal.on_answer(due, due, due + 50 * MS);
        assert_eq!(journal.counts, Counts::default());
        assert!(journal.latency.is_empty() && journal.round_trip.is_empty());
        assert!(journal.slices.longest_nanos.iter().all(Option::is_none));
    }

    #[test]
    fn a_short_round_has_slices_of_a_millisecond() {
        let slices = Slices::new(Duration::from_micros(3500));
        assert_eq!(slices.longest_nanos.len(), 3);
        assert!(slices.width * 3 >= Duration::from_micros(3500));
        assert_eq!(Slices::new(Duration::from_nanos(1)).longest_nanos.len(), 1);
    }
}
