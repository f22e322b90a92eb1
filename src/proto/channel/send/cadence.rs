//! The send interval of the application. Frames that can wait are sent with its next packet, or
//! alone after little more than a tick.

use crate::proto::time::{Duration, Instant};

/// Minimum time that a copy waits for another packet before it is sent alone: 16 ms, a frame at 60
/// Hz. At a lower send rate, a copy waits for a tick and a quarter.
pub(super) const COPY_ALONE_AFTER: std::time::Duration = std::time::Duration::from_millis(16);

/// Maximum time that a copy waits: 50 ms.
const COPY_ALONE_AFTER_MAX: std::time::Duration = std::time::Duration::from_millis(50);
const _: () = assert!(super::redundancy::COPY_SPACING.as_millis() <= COPY_ALONE_AFTER.as_millis());

#[derive(Debug)]
pub(super) struct SendInterval {
    last: Option<Instant>,
    /// Smoothed time between two packets with new messages, in nanoseconds; 0 before the first.
    interval_ns: u64,
    patience: Duration,
}

impl SendInterval {
    pub(super) fn new() -> Self {
        Self {
            last: None,
            interval_ns: 0,
            patience: Duration::of(COPY_ALONE_AFTER),
        }
    }

    pub(super) fn on_packet(&mut self, now: Instant) {
        let passed = self.last.map(|last| now.saturating_duration_since(last));
        self.last = Some(now);
        // Several packets in one tick count as one, and a pause is no tick.
        let is_tick = |passed: &Duration| {
            !passed.is_zero() && *passed <= 2 * Duration::of(COPY_ALONE_AFTER_MAX)
        };
        if let Some(passed) = passed.filter(is_tick) {
            self.on_tick(passed.as_nanos());
        }
    }

    fn on_tick(&mut self, passed_ns: u64) {
        self.interval_ns = if self.interval_ns == 0 {
            passed_ns
        } else {
            (self.interval_ns * 7 + passed_ns) / 8
        };
        let patience = Duration::from_nanos(self.interval_ns + self.interval_ns / 4);
        self.patience = patience.clamp(
            Duration::of(COPY_ALONE_AFTER),
            Duration::of(COPY_ALONE_AFTER_MAX),
        );
    }

    /// A tick, plus a quarter because ticks are not punctual.
    pub(super) fn patience(&self) -> Duration {
        self.patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patience_at(ticks: impl Iterator<Item = u64>) -> Duration {
        let (start, mut cadence) = (Instant::START, SendInterval::new());
        for micros in ticks {
            cadence.on_packet(start + Duration::from_micros(micros));
        }
        cadence.patience()
    }

    #[test]
    fn waits_for_the_next_tick() {
        let of_60 = patience_at((0..100).map(|tick| tick * 16_667));
        assert!(of_60 > Duration::from_millis(20) && of_60 < Duration::from_millis(22));
        let of_30 = patience_at((0..100).map(|tick| tick * 33_333));
        assert!(of_30 > Duration::from_millis(40) && of_30 < Duration::from_millis(43));
    }

    #[test]
    fn interval_is_bounded() {
        assert_eq!(patience_at([0].into_iter()), Duration::of(COPY_ALONE_AFTER));
        assert_eq!(
            patience_at((0..100).map(|n| n * 1000)),
            Duration::of(COPY_ALONE_AFTER)
        );
        assert_eq!(
            patience_at((0..100).map(|n| n * 60_000)),
            Duration::of(COPY_ALONE_AFTER_MAX)
        );
        // An interval of one second is no tick.
        assert_eq!(
            patience_at((0..100).map(|n| n * 1_000_000)),
            Duration::of(COPY_ALONE_AFTER)
        );
    }

    #[test]
    fn ignores_packets_of_the_same_tick() {
        let twice = patience_at((0..100).map(|n| n / 2 * 16_667));
        assert!(twice > Duration::from_millis(20), "{twice:?}");
    }
}
