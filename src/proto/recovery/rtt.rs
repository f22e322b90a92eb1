//! Round-trip time estimator of RFC 6298, as RFC 9002 section 5 applies it to delayed
//! acknowledgements.

use crate::limits::{ROUND_TRIP_INITIAL, TIMER_GRANULARITY};
use crate::proto::time::Duration;

#[derive(Debug, Clone)]
pub(crate) struct RttEstimator {
    estimate: Option<Estimate>,
}

#[derive(Debug, Clone, Copy)]
struct Estimate {
    smoothed: Duration,
    /// Mean deviation (RTTVAR).
    deviation: Duration,
    least: Duration,
    /// Probe timeout, without the peer's acknowledgement delay.
    timeout: Duration,
}

impl Estimate {
    fn update_timeout(&mut self) {
        self.timeout = self.smoothed + (self.deviation * 4).max(Duration::of(TIMER_GRANULARITY));
    }
}

impl RttEstimator {
    pub(crate) fn new() -> Self {
        Self { estimate: None }
    }

    /// `time` includes the peer's acknowledgement delay `delay`.
    pub(crate) fn sample(&mut self, time: Duration, delay: Duration) {
        let Some(estimate) = &mut self.estimate else {
            let mut estimate = Estimate {
                smoothed: time,
                deviation: time / 2,
                least: time,
                timeout: Duration::ZERO,
            };
            estimate.update_timeout();
            self.estimate = Some(estimate);
            return;
        };
        estimate.least = estimate.least.min(time);
        // The reported delay must not reduce a sample below the minimum (RFC 9002 section 5.3).
        let adjusted = time.saturating_sub(delay).max(estimate.least);
        let off = estimate.smoothed.abs_diff(adjusted);
        estimate.deviation = (estimate.deviation * 3 + off) / 4;
        estimate.smoothed = (estimate.smoothed * 7 + adjusted) / 8;
        estimate.update_timeout();
    }

    pub(crate) fn smoothed(&self) -> Option<Duration> {
        self.estimate.map(|estimate| estimate.smoothed)
    }

    /// Also called jitter.
    pub(crate) fn deviation(&self) -> Option<Duration> {
        self.estimate.map(|estimate| estimate.deviation)
    }

    /// Includes the peer's maximum acknowledgement delay (RFC 9002 section 6.2.1).
    pub(crate) fn probe_timeout(&self, ack_delay: Duration) -> Duration {
        let initial = Duration::of(ROUND_TRIP_INITIAL) + 4 * (Duration::of(ROUND_TRIP_INITIAL) / 2);
        let timeout = self.estimate.map_or(initial, |estimate| estimate.timeout);
        timeout + ack_delay
    }

    /// Time threshold of loss detection: 9/8 of a round trip (RFC 9002 section 6.1.2).
    pub(crate) fn reordering(&self) -> Duration {
        let smoothed = self.smoothed().unwrap_or(Duration::of(ROUND_TRIP_INITIAL));
        (smoothed * 9 / 8).max(Duration::of(TIMER_GRANULARITY))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_first_sample_is_the_estimate() {
        let mut round_trip = RttEstimator::new();
        assert_eq!(round_trip.smoothed(), None);
        round_trip.sample(100 * MS, 10 * MS);
        assert_eq!(round_trip.smoothed(), Some(100 * MS));
        assert_eq!(round_trip.deviation(), Some(50 * MS));
        assert_eq!(round_trip.probe_timeout(16 * MS), 316 * MS);
    }

    #[test]
    fn follows_rfc_9002() {
        let mut round_trip = RttEstimator::new();
        round_trip.sample(100 * MS, Duration::ZERO);
        round_trip.sample(140 * MS, Duration::ZERO);
        // deviation 3/4 * 50 + 1/4 * |100 - 140|, smoothed 7/8 * 100 + 1/8 * 140
        assert_eq!(round_trip.deviation(), Some(Duration::from_micros(47_500)));
        assert_eq!(round_trip.smoothed(), Some(105 * MS));
    }

    #[test]
    fn ack_delay_never_lowers_a_sample_below_the_minimum() {
        let mut round_trip = RttEstimator::new();
        round_trip.sample(100 * MS, Duration::ZERO);
        for _ in 0..1000 {
            round_trip.sample(100 * MS, Duration::MAX);
        }
        assert_eq!(round_trip.smoothed(), Some(100 * MS));
    }

    #[test]
    fn probe_timeout_approaches_a_steady_round_trip() {
        let mut round_trip = RttEstimator::new();
        for _ in 0..1000 {
            round_trip.sample(20 * MS, Duration::ZERO);
        }
        let timeout = round_trip.probe_timeout(Duration::ZERO);
        assert!(timeout >= 21 * MS && timeout < 22 * MS, "{timeout:?}");
    }
}
