//! The recording of one round of one subject. All memory is allocated before the first datagram.
//!
//! It has no clock: the load generator passes durations and omits the warm-up.

use std::time::Duration;

use serde::Serialize;

use super::send_schedule::SendSchedule;
use crate::bench::distribution::Distribution;
use crate::bench::record;

/// Slices of a time line, or fewer if they would be shorter than `SLICE_MIN`.
const SLICES_MAX: u128 = 100;
const SLICE_MIN: Duration = Duration::from_millis(1);

/// Latencies by value and by time, and counters.
#[derive(Debug)]
pub(super) struct Recording {
    /// From the due time of a datagram.
    pub(super) latency: Distribution,
    /// From its departure.
    pub(super) round_trip: Distribution,
    /// From the kernel to the client, for replies with timestamps.
    pub(super) kernel_to_client: Distribution,
    pub(super) time_line: TimeLine,
    pub(super) counts: Counts,
    /// Open loop: duration of sending the measured datagrams.
    pub(super) sent_in: Option<Duration>,
}

/// Counters, without the warm-up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Counts {
    pub(super) sent: u64,
    pub(super) answered: u64,
    /// Datagrams of `sent` without a reply so far.
    pub(super) lost: u64,
    /// Duplicate replies, and replies after the timeout.
    pub(super) repeated: u64,
    /// Datagrams that are not replies of this round.
    pub(super) foreign: u64,
}

/// The longest latency of each slice of a round, and its number of lost datagrams.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct TimeLine {
    #[serde(rename = "slice_seconds", serialize_with = "record::seconds")]
    pub(super) slice: Duration,
    /// The longest latency, exact; `None` without a reply.
    pub(super) longest_micros: Vec<Option<f64>>,
    pub(super) lost: Vec<u64>,
}

impl Recording {
    /// A time line for a round of this length, without its warm-up.
    pub(super) fn new(duration: Duration) -> Self {
        let distribution = || Distribution::default().mapped();
        Self {
            latency: distribution(),
            round_trip: distribution(),
            kernel_to_client: distribution(),
            time_line: TimeLine::new(duration),
            counts: Counts::default(),
            sent_in: None,
        }
    }

    /// Counts everything in `schedule` as due.
    pub(super) fn on_schedule(&mut self, schedule: &SendSchedule) {
        self.counts.sent = schedule.counted();
        self.counts.lost = self.counts.sent;
        let mut begin = Duration::ZERO;
        for lost in &mut self.time_line.lost {
            let end = begin + self.time_line.slice;
            *lost = schedule.counted_between(begin, end);
            begin = end;
        }
    }

    /// Records that everything in `schedule` was sent, the last datagram at this time.
    pub(super) fn on_all_sent(&mut self, schedule: &SendSchedule, last: Duration) {
        self.sent_in = Some(schedule.counted_in(last));
    }

    /// Counts a datagram that is due at this time after the warm-up.
    pub(super) fn on_due(&mut self, since_begin: Duration) {
        self.counts.sent += 1;
        self.counts.lost += 1;
        if let Some((_, lost)) = self.time_line.at(since_begin) {
            *lost += 1;
        }
    }

    /// Records a reply: the due time of its datagram after the warm-up, the latency from the due
    /// time and from the departure, and the time in the kernel if it has a timestamp.
    pub(super) fn on_answer(
        &mut self,
        since_begin: Duration,
        latency: Duration,
        round_trip: Duration,
        in_kernel: Option<Duration>,
    ) {
        self.counts.answered += 1;
        self.counts.lost = self.counts.lost.saturating_sub(1);
        self.latency.record(latency);
        self.round_trip.record(round_trip);
        if let Some(in_kernel) = in_kernel {
            self.kernel_to_client.record(in_kernel);
        }
        if let Some((longest, lost)) = self.time_line.at(since_begin) {
            let micros = latency.as_nanos() as f64 / 1e3;
            *longest = Some(longest.map_or(micros, |longest| longest.max(micros)));
            *lost = lost.saturating_sub(1);
        }
    }

    /// Adds another round, without its time line.
    pub(super) fn add(&mut self, other: &Self) {
        self.latency.add(&other.latency);
        self.round_trip.add(&other.round_trip);
        self.kernel_to_client.add(&other.kernel_to_client);
        self.counts.sent += other.counts.sent;
        self.counts.answered += other.counts.answered;
        self.counts.lost += other.counts.lost;
        self.counts.repeated += other.counts.repeated;
        self.counts.foreign += other.counts.foreign;
        self.sent_in = self.sent_in.zip(other.sent_in).map(|(one, two)| one + two);
    }
}

impl TimeLine {
    fn new(duration: Duration) -> Self {
        let count = (duration.as_nanos() / SLICE_MIN.as_nanos()).clamp(1, SLICES_MAX);
        let slice = duration.as_nanos().div_ceil(count);
        let count = usize::try_from(count).unwrap_or(1);
        Self {
            slice: Duration::from_nanos(u64::try_from(slice).unwrap_or(u64::MAX)),
            longest_micros: vec![None; count],
            lost: vec![0; count],
        }
    }

    /// The slice at this time after the warm-up.
    fn at(&mut self, since_begin: Duration) -> Option<(&mut Option<f64>, &mut u64)> {
        let index = since_begin.as_nanos() / self.slice.as_nanos().max(1);
        let index = usize::try_from(index).ok()?;
        Some((
            self.longest_micros.get_mut(index)?,
            self.lost.get_mut(index)?,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_latency_belongs_to_the_slice_in_which_its_datagram_was_due() {
        let mut recording = Recording::new(1000 * MS);
        assert_eq!(recording.time_line.slice, 10 * MS);
        assert_eq!(recording.time_line.longest_micros.len(), 100);
        for (due, latency) in [(0, 3), (9, 7), (9, 5), (10, 1), (999, 2)] {
            // It was sent 1 ms late.
            recording.on_answer(due * MS, latency * MS, (latency - 1) * MS, None);
        }
        let seen = recording.time_line.longest_micros.iter().enumerate();
        let seen: Vec<_> = seen
            .filter_map(|(at, longest)| Some((at, (*longest)?)))
            .collect();
        assert_eq!(seen, [(0, 7000.0), (1, 1000.0), (99, 2000.0)]);
        assert_eq!(recording.counts.answered, 5);
        assert_eq!(recording.latency.longest(), Some(7000.0));
        assert_eq!(recording.round_trip.longest(), Some(6000.0));
        assert_eq!(recording.kernel_to_client.count(), 0);
    }

    #[test]
    fn a_short_round_has_slices_of_a_millisecond() {
        let time_line = TimeLine::new(Duration::from_micros(3500));
        assert_eq!(time_line.lost.len(), 3);
        assert!(time_line.slice * 3 >= Duration::from_micros(3500));
        assert_eq!(TimeLine::new(Duration::from_nanos(1)).lost.len(), 1);
    }
}
