//! What one round of one subject recorded. All memory is there before the first datagram leaves.
//!
//! It knows no clock: the load generator says how long something took, and leaves out the warm-up.

use std::time::Duration;

use super::distribution::Distribution;
use super::send_schedule::SendSchedule;

/// The time line of a round has this many slices, or fewer where they would be shorter than `SLICE_MIN`.
const SLICES_MAX: u128 = 100;
const SLICE_MIN: Duration = Duration::from_millis(1);

/// Latencies by value and by time, and what became of the datagrams.
#[derive(Debug)]
pub(super) struct Recording {
    /// From the time when a datagram should have left.
    pub(super) latency: Distribution,
    /// From the time when it left.
    pub(super) round_trip: Distribution,
    /// From the kernel to the client, of stamped answers.
    pub(super) kernel_to_client: Distribution,
    pub(super) slices: Slices,
    pub(super) counts: Counts,
    /// At a rate: how long the datagrams that count took to leave.
    pub(super) sent_in: Option<Duration>,
}

/// Datagrams, without those of the warm-up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Datagrams that were due.
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
    pub(super) fn new(duration: Duration) -> Self {
        Self {
            latency: Distribution::new(),
            round_trip: Distribution::new(),
            kernel_to_client: Distribution::new(),
            slices: Slices::new(duration),
            counts: Counts::default(),
            sent_in: None,
        }
    }

    /// Everything in `schedule` was due, whatever became of it; the last one left so long after the start.
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

    /// A datagram that was due so long after the beginning was answered, so long after it was due and after it had
    /// left. Its answer had waited `in_kernel`, if it was stamped.
    pub(super) fn on_answer(
        &mut self,
        since_begin: Duration,
        latency: Duration,
        round_trip: Duration,
        in_kernel: Option<Duration>,
    ) {
        self.counts.answered += 1;
        let nanos = self.latency.record(latency);
        self.round_trip.record(round_trip);
        if let Some(in_kernel) = in_kernel {
            self.kernel_to_client.record(in_kernel);
        }
        if let Some(slice) = self.slices.at(since_begin) {
            slice.answered += 1;
            slice.longest_nanos = slice.longest_nanos.max(Some(nanos));
        }
    }
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
    /// The longest latency of those that were answered, exactly.
    pub(super) longest_nanos: Option<u64>,
}

impl Slice {
    pub(super) fn lost(&self) -> u64 {
        self.due.saturating_sub(self.answered)
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
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_latency_belongs_to_the_slice_in_which_its_datagram_was_due() {
        let mut recording = Recording::new(1000 * MS);
        assert_eq!(recording.slices.width, 10 * MS);
        assert_eq!(recording.slices.slices.len(), 100);
        for (due, latency) in [(0, 3), (9, 7), (9, 5), (10, 1), (999, 2)] {
            // It left 1 ms later than it should have.
            recording.on_answer(due * MS, latency * MS, (latency - 1) * MS, None);
        }
        let seen = recording.slices.slices.iter().enumerate();
        let seen: Vec<_> = seen
            .filter_map(|(at, slice)| Some((at, slice.longest_nanos?)))
            .collect();
        assert_eq!(seen, [(0, 7_000_000), (1, 1_000_000), (99, 2_000_000)]);
        assert_eq!(recording.counts.answered, 5);
        assert_eq!(recording.latency.longest(), Some(7000.0));
        assert_eq!(recording.round_trip.longest(), Some(6000.0));
        assert_eq!(recording.kernel_to_client.count(), 0);
    }

    #[test]
    fn a_short_round_has_slices_of_a_millisecond() {
        let slices = Slices::new(Duration::from_micros(3500));
        assert_eq!(slices.slices.len(), 3);
        assert!(slices.width * 3 >= Duration::from_micros(3500));
        assert_eq!(Slices::new(Duration::from_nanos(1)).slices.len(), 1);
    }
}
