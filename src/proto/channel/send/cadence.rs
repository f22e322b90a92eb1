//! How often the application sends: what can wait for its next packet waits for it, and not much longer.

use crate::proto::time::{Duration, Instant};

/// How long a copy waits at least for a packet to travel with before it goes alone: 16 ms, a frame at 60
/// Hz. Where the application sends less often it waits a quarter longer than a tick.
pub(super) const COPY_ALONE_AFTER: std::time::Duration = std::time::Duration::from_millis(16);

/// The longest that a copy waits: 50 ms.
const COPY_ALONE_AFTER_MAX: std::time::Duration = std::time::Duration::from_millis(50);
const _: () = assert!(super::redundancy::COPY_SPACING.as_millis() <= COPY_ALONE_AFTER.as_millis());

/// See the [module](self).
#[derive(Debug)]
pub(super) struct SendInterval {
    last: Option<Instant>,
    /// The smoothed time between two packets with something new, in nanoseconds; 0 before the first.
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

    /// A packet leaves with something that was not sent before.
    pub(super) fn on_packet(&mut self, now: Instant) {
        let passed = self.last.map(|last| now.saturating_duration_since(last));
        self.last = Some(now);
        // Several in one tick are one, and a pause says nothing of the ticks.
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

    /// How long to wait for the next packet: a tick, and a quarter of it because ticks are not punctual.
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
    fn the_next_tick_is_waited_for() {
        let of_60 = patience_at((0..100).map(|tick| tick * 16_667));
        assert!(of_60 > Duration::from_millis(20) && of_60 < Duration::from_millis(22));
        let of_30 = patience_at((0..100).map(|tick| tick * 33_333));
        assert!(of_30 > Duration::from_millis(40) && of_30 < Duration::from_millis(43));
    }

    #[test]
    fn it_is_never_shorter_than_a_frame_and_never_long() {
        assert_eq!(patience_at([0].into_iter()), Duration::of(COPY_ALONE_AFTER));
        assert_eq!(
            patience_at((0..100).map(|n| n * 1000)),
            Duration::of(COPY_ALONE_AFTER)
        );
        assert_eq!(
            patience_at((0..100).map(|n| n * 60_000)),
            Duration::of(COPY_ALONE_AFTER_MAX)
        );
        // Once a second is no tick.
        assert_eq!(
            patience_at((0..100).map(|n| n * 1_000_000)),
            Duration::of(COPY_ALONE_AFTER)
        );
    }

    #[test]
    fn packets_of_the_same_tick_do_not_count() {
        let twice = patience_at((0..100).map(|n| n / 2 * 16_667));
        assert!(twice > Duration::from_millis(20), "{twice:?}");
    }
}
