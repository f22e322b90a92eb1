//! What one contestant did, and what follows from it. Knows nothing of sockets.

use std::time::Duration;

use serde::Serialize;

use crate::bench::record;

/// What was sent to a contestant, what it received, and what that took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Sample {
    pub(super) sent: u64,
    pub(super) received: u64,
    /// The time that passed.
    #[serde(rename = "wall_seconds", serialize_with = "record::seconds")]
    pub(super) wall: Duration,
    /// What the receiving thread used of its processor, where the system tells.
    #[serde(rename = "cpu_seconds", serialize_with = "record::seconds_if_known")]
    pub(super) cpu: Option<Duration>,
    /// What the kernel itself counted as dropped, where the contestant asks it.
    pub(super) dropped_by_kernel: Option<u64>,
}

impl Sample {
    /// Where adding begins.
    pub(super) const NOTHING: Self = Self {
        sent: 0,
        received: 0,
        wall: Duration::ZERO,
        cpu: Some(Duration::ZERO),
        dropped_by_kernel: Some(0),
    };

    /// Both together. What is not known of one is not known of both.
    pub(super) fn plus(self, other: Self) -> Self {
        let sum = |(a, b)| a + b;
        Self {
            sent: self.sent + other.sent,
            received: self.received + other.received,
            wall: self.wall + other.wall,
            cpu: self.cpu.zip(other.cpu).map(|(a, b)| a + b),
            dropped_by_kernel: self.dropped_by_kernel.zip(other.dropped_by_kernel).map(sum),
        }
    }

    /// What was sent and never came.
    pub(super) fn lost(&self) -> u64 {
        self.sent.saturating_sub(self.received)
    }

    /// Received datagrams a second, if there was a time at all.
    pub(super) fn per_second(&self) -> Option<f64> {
        let seconds = self.wall.as_secs_f64();
        (seconds > 0.0).then(|| self.received as f64 / seconds)
    }

    /// Processor time per received datagram, in nanoseconds.
    pub(super) fn cpu_nanos(&self) -> Option<f64> {
        self.per_datagram(self.cpu?)
    }

    /// What a datagram costs, for the ratio to the floor: processor time, or, where the system does
    /// not tell it, time.
    pub(super) fn cost(&self) -> Option<f64> {
        self.cpu_nanos().or_else(|| self.per_datagram(self.wall))
    }

    fn per_datagram(&self, time: Duration) -> Option<f64> {
        (self.received > 0).then(|| time.as_secs_f64() * 1e9 / self.received as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: Sample = Sample {
        sent: 1000,
        received: 800,
        wall: Duration::from_millis(2),
        cpu: Some(Duration::from_micros(400)),
        dropped_by_kernel: Some(200),
    };

    #[test]
    fn figures_are_per_received_datagram() {
        assert_eq!(SAMPLE.lost(), 200);
        assert_eq!(SAMPLE.per_second(), Some(400_000.0));
        assert_eq!(SAMPLE.cpu_nanos(), Some(500.0));
        assert_eq!(SAMPLE.cost(), Some(500.0));
    }

    #[test]
    fn without_processor_time_the_cost_is_time() {
        let sample = Sample {
            cpu: None,
            ..SAMPLE
        };
        assert_eq!(sample.cpu_nanos(), None);
        assert_eq!(sample.cost(), Some(2500.0));
    }

    #[test]
    fn nothing_received_in_no_time_has_no_figures() {
        assert_eq!(Sample::NOTHING.lost(), 0);
        assert_eq!(Sample::NOTHING.per_second(), None);
        assert_eq!(Sample::NOTHING.cost(), None);
    }

    #[test]
    fn samples_add_up_and_what_is_unknown_stays_unknown() {
        assert_eq!(Sample::NOTHING.plus(SAMPLE), SAMPLE);
        let unknown = Sample {
            cpu: None,
            dropped_by_kernel: None,
            ..SAMPLE
        };
        let both = SAMPLE.plus(unknown);
        assert_eq!((both.sent, both.received), (2000, 1600));
        assert_eq!(both.wall, Duration::from_millis(4));
        assert_eq!((both.cpu, both.dropped_by_kernel), (None, None));
    }

    #[test]
    fn more_than_was_sent_is_no_negative_loss() {
        let strangers = Sample {
            received: 1001,
            ..SAMPLE
        };
        assert_eq!(strangers.lost(), 0);
    }
}
