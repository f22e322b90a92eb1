//! What one round of one subject recorded. All memory is there before the first datagram leaves.
//!
//! Knows no clock: whoever measures says how long something took, and leaves out the warm-up.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::send_schedule::SendSchedule;
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
pub(super) struct Recording {
    /// From the time when a datagram should have left, in nanoseconds.
    pub(super) latency: Histogram<u64>,
    /// From the time when it really left.
    pub(super) round_trip: Histogram<u64>,
    /// From when the kernel took an answer in until the client had it; of stamped answers.
    pub(super) waited: Histogram<u64>,
    pub(super) longest: Longest,
    pub(super) slices: Slices,
    pub(super) counts: Counts,
    /// At a rate: how long those that count took to leave.
    pub(super) sent_in: Option<Duration>,
}

/// The longest times, in nanoseconds: exactly, where a histogram has three digits and an end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Longest {
    pub(super) latency: u64,
    pub(super) round_trip: u64,
    pub(super) waited: u64,
}

impl Longest {
    /// Of both.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            latency: self.latency.max(other.latency),
            round_trip: self.round_trip.max(other.round_trip),
            waited: self.waited.max(other.waited),
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

impl Recording {
    /// For a round of which so much counts.
    pub(super) fn new(duration: Duration) -> Result<Self, Failure> {
        Ok(Self {
            latency: touched_histogram()?,
            round_trip: touched_histogram()?,
            waited: touched_histogram()?,
            longest: Longest::default(),
            slices: Slices::new(duration),
            counts: Counts::default(),
            sent_in: None,
        })
    }

    /// Everything that `send_schedule` asked for was due, whatever became of it; the last one left so long after
    /// the start.
    pub(super) fn on_all_sent(&mut self, schedule: &SendSchedule, last: Duration) {
        self.counts.due = schedule.counted();
        self.sent_in = Some(schedule.counted_in(last));
        self.slices.on_all_due(schedule);
    }

    /// A datagram was due so long after the beginning of what counts.
    pub(super) fn on_due(&mut self, since_begin: Duration) {
        self.counts.due += 1;
        if let Some(slice) = self.slices.at(since_begin) {
            slice.due += 1;
        }
    }

    /// A datagram that was due so long after the beginning was answered, so long after it was due and
    /// after it had left.
    pub(super) fn on_answer(
        &mut self,
        since_begin: Duration,
        latency: Duration,
        round_trip: Duration,
    ) {
        let (latency, round_trip) = (nanos(latency), nanos(round_trip));
        self.counts.answered += 1;
        self.latency.saturating_record(latency);
        self.round_trip.saturating_record(round_trip);
        self.longest = self.longest.or(Longest {
            latency,
            round_trip,
            ..Longest::default()
        });
        if let Some(slice) = self.slices.at(since_begin) {
            slice.on_latency(latency);
        }
    }

    /// The answer had waited so long between the kernel and the client, if it was stamped.
    pub(super) fn on_waited(&mut self, waited: Option<Duration>) {
        let Some(waited) = waited.map(nanos) else {
            return;
        };
        self.waited.saturating_record(waited);
        self.longest.waited = self.longest.waited.max(waited);
    }
}

/// An empty histogram, as large as it will ever be.
pub(super) fn histogram() -> Result<Histogram<u64>, Failure> {
    Histogram::new_with_max(nanos(LATENCY_MAX), DIGITS)
        .map_err(|error| Failure::Refused(format!("cannot make a histogram: {error}")))
}

/// The same, and each of its counts was written to. The system hands out memory that is all zero when
/// it is first written to, and that would be in the middle of the round.
fn touched_histogram() -> Result<Histogram<u64>, Failure> {
    let mut histogram = histogram()?;
    let mut value = 0;
    while value <= nanos(LATENCY_MAX) {
        histogram.saturating_record(value);
        value = histogram.next_non_equivalent(value);
    }
    histogram.reset();
    Ok(histogram)
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// The time line of a round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slices {
    pub(super) width: Duration,
    pub(super) slices: Vec<Slice>,
}

/// The datagrams that were due within a stretch of the time line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Slice {
    due: u64,
    answered: u64,
    /// The longest latency of those that were answered, exactly; `None` where none was.
    pub(super) longest_nanos: Option<u64>,
}

impl Slice {
    pub(super) fn lost(&self) -> u64 {
        self.due.saturating_sub(self.answered)
    }

    fn on_latency(&mut self, nanos: u64) {
        self.answered += 1;
        self.longest_nanos = self.longest_nanos.max(Some(nanos));
    }
}

impl Slices {
    fn new(duration: Duration) -> Self {
        let count = (duration.as_nanos() / SLICE_MIN.as_nanos()).clamp(1, SLICES_MAX);
        let width = duration.as_nanos().div_ceil(count);
        Self {
            width: Duration::from_nanos(u64::try_from(width).unwrap_or(u64::MAX)),
            slices: vec![Slice::default(); usize::try_from(count).unwrap_or(1)],
        }
    }

    fn at(&mut self, since_begin: Duration) -> Option<&mut Slice> {
        let index = since_begin.as_nanos() / self.width.as_nanos().max(1);
        self.slices.get_mut(usize::try_from(index).ok()?)
    }

    fn on_all_due(&mut self, schedule: &SendSchedule) {
        let mut begin = Duration::ZERO;
        for slice in &mut self.slices {
            let end = begin + self.width;
            slice.due = schedule.counted_between(begin, end);
            begin = end;
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

    #[test]
    fn a_latency_stands_in_the_slice_in_which_its_datagram_was_due() {
        let mut recording = Recording::new(1000 * MS).unwrap();
        assert_eq!(recording.slices.width, 10 * MS);
        assert_eq!(recording.slices.slices.len(), 100);
        for (due, latency) in [(0, 3), (9, 7), (9, 5), (10, 1), (999, 2)] {
            // It left one later than it should have.
            recording.on_answer(due * MS, latency * MS, (latency - 1) * MS);
        }
        let seen = recording.slices.slices.iter().enumerate();
        let seen: Vec<_> = seen
            .filter_map(|(at, slice)| Some((at, slice.longest_nanos?)))
            .collect();
        assert_eq!(seen, [(0, 7_000_000), (1, 1_000_000), (99, 2_000_000)]);
        assert_eq!(recording.counts.answered, 5);
        assert!(
            recording
                .latency
                .equivalent(recording.latency.max(), 7_000_000)
        );
        assert!(
            recording
                .round_trip
                .equivalent(recording.round_trip.max(), 6_000_000)
        );
    }

    #[test]
    fn a_histogram_that_was_touched_is_empty_and_as_large_as_any() {
        let mut recording = Recording::new(1000 * MS).unwrap();
        assert!(recording.latency.is_empty() && recording.round_trip.is_empty());
        assert_eq!(recording.latency.max(), 0);
        recording.on_answer(MS, LATENCY_MAX, MS);
        let longest = recording.latency.max();
        assert!(recording.latency.equivalent(longest, nanos(LATENCY_MAX)));
    }

    #[test]
    fn a_short_round_has_slices_of_a_millisecond() {
        let slices = Slices::new(Duration::from_micros(3500));
        assert_eq!(slices.slices.len(), 3);
        assert!(slices.width * 3 >= Duration::from_micros(3500));
        assert_eq!(Slices::new(Duration::from_nanos(1)).slices.len(), 1);
    }
}
