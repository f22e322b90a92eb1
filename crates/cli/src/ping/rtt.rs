//! Statistics of round-trip times, in constant memory.

use std::time::Duration;

use derive_more::Display;
use hdrhistogram::Histogram;
use serde::Serialize;

use crate::time::{Millis, or_dash};

/// Upper bound of the histogram and of the timeout: one hour.
pub(super) const RTT_MAX: Duration = Duration::from_secs(3600);

/// Decimal digits of percentiles. From 1 ns to 1 h the histogram takes about 270 KiB.
const DIGITS: u8 = 3;

/// Statistics of at least one round trip. The text has the format of ping(8).
#[derive(Debug, Clone, Copy, Display, PartialEq, Eq, Serialize)]
#[display(
    "round trip min/avg/p50/p99/max/jitter = {min}/{avg}/{p50}/{p99}/{max}/{} ms",
    or_dash(*jitter)
)]
pub(super) struct RttSummary {
    pub(super) min: Millis,
    pub(super) avg: Millis,
    pub(super) p50: Millis,
    pub(super) p99: Millis,
    pub(super) max: Millis,
    /// Mean of D of RFC 3550 section 6.4.1, not smoothed. `None` for a single round trip.
    pub(super) jitter: Option<Millis>,
}

/// Records round trips in the order of their replies.
#[derive(Debug)]
pub(super) struct RttRecorder {
    nanos: Histogram<u64>,
    /// Exact, unlike the histogram.
    min: Duration,
    max: Duration,
    sum: u128,
    last: Option<Duration>,
    /// Of the absolute differences between consecutive round trips.
    sum_of_differences: u128,
}

impl RttRecorder {
    pub(super) fn new() -> Self {
        let max = saturate(RTT_MAX.as_nanos());
        Self {
            nanos: Histogram::new_with_bounds(1, max, DIGITS).expect("1 ns to 1 h, three digits"),
            min: Duration::MAX,
            max: Duration::ZERO,
            sum: 0,
            last: None,
            sum_of_differences: 0,
        }
    }

    pub(super) fn record(&mut self, rtt: Duration) {
        self.nanos.saturating_record(saturate(rtt.as_nanos()));
        self.min = self.min.min(rtt);
        self.max = self.max.max(rtt);
        self.sum += rtt.as_nanos();
        if let Some(last) = self.last.replace(rtt) {
            self.sum_of_differences += rtt.abs_diff(last).as_nanos();
        }
    }

    pub(super) fn summary(&self) -> Option<RttSummary> {
        let count = self.nanos.len();
        let mean = |sum: u128, count| Some(millis(sum.checked_div(u128::from(count))?));
        let (min, max) = (Millis(self.min), Millis(self.max));
        // The end of a histogram step can lie beyond the maximum.
        let quantile = |q| millis(self.nanos.value_at_quantile(q).into()).clamp(min, max);
        Some(RttSummary {
            avg: mean(self.sum, count)?,
            min,
            p50: quantile(0.50),
            p99: quantile(0.99),
            max,
            jitter: mean(self.sum_of_differences, count - 1),
        })
    }
}

fn millis(nanos: u128) -> Millis {
    Millis(Duration::from_nanos(saturate(nanos)))
}

/// 2^64 nanoseconds are 584 years.
fn saturate(nanos: u128) -> u64 {
    u64::try_from(nanos).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn us(micros: u64) -> Duration {
        Duration::from_micros(micros)
    }

    const fn ns(nanos: u64) -> Millis {
        Millis(Duration::from_nanos(nanos))
    }

    fn rtt_summary(times: impl IntoIterator<Item = Duration>) -> Option<RttSummary> {
        let mut rtt = RttRecorder::new();
        times.into_iter().for_each(|time| rtt.record(time));
        rtt.summary()
    }

    /// To the three digits of the histogram.
    fn assert_close(Millis(time): Millis, wanted: Duration) {
        assert!(time.abs_diff(wanted) <= wanted / 1000, "{time:?}");
    }

    #[test]
    fn no_round_trips_have_no_summary() {
        assert_eq!(rtt_summary([]), None);
    }

    #[test]
    fn a_single_round_trip_has_no_jitter() {
        let time = ns(123_457);
        let wanted = RttSummary {
            min: time,
            avg: time,
            p50: time,
            p99: time,
            max: time,
            jitter: None,
        };
        assert_eq!(rtt_summary([time.0]), Some(wanted));
    }

    #[test]
    fn percentiles_cover_the_whole_distribution() {
        let rtt_summary = rtt_summary((1..=1000).map(us)).expect("there are some");
        assert_eq!(
            (rtt_summary.min, rtt_summary.max),
            (ns(1000), ns(1_000_000))
        );
        assert_eq!(rtt_summary.avg, ns(500_500));
        assert_close(rtt_summary.p50, us(500));
        assert_close(rtt_summary.p99, us(990));
        assert_eq!(rtt_summary.jitter, Some(ns(1000)));
    }

    #[test]
    fn one_slow_round_trip_in_fifty_shows_in_p99_only() {
        let times = (0..100).map(|n| if n % 50 == 0 { us(9000) } else { us(100) });
        let rtt_summary = rtt_summary(times).expect("there are some");
        assert_close(rtt_summary.p50, us(100));
        assert_close(rtt_summary.p99, us(9000));
    }

    #[test]
    fn jitter_is_the_mean_difference_of_consecutive_round_trips() {
        let rtt_summary = rtt_summary([us(10), us(30), us(30), us(0)]).expect("there are some");
        assert_eq!(rtt_summary.jitter, Some(ns(16_666)));
    }

    #[test]
    fn equal_round_trips_have_a_jitter_of_zero() {
        let rtt_summary = rtt_summary([us(70_000); 5]).expect("there are some");
        assert_eq!(rtt_summary.jitter, Some(ns(0)));
    }

    #[test]
    fn extreme_times_do_not_panic() {
        let rtt_summary = rtt_summary([Duration::ZERO, Duration::MAX]).expect("there are some");
        assert_eq!(
            (rtt_summary.min, rtt_summary.max),
            (ns(0), Millis(Duration::MAX))
        );
    }

    #[test]
    fn a_summary_is_one_line_in_milliseconds() {
        let rtt_summary = RttSummary {
            min: ns(500_000),
            avg: ns(1_000_000),
            p50: ns(2_000_000),
            p99: ns(3_000_000),
            max: ns(4_000_000_000),
            jitter: Some(ns(1000)),
        };
        let text =
            "round trip min/avg/p50/p99/max/jitter = 0.500/1.000/2.000/3.000/4000.000/0.001 ms";
        assert_eq!(rtt_summary.to_string(), text);
        let single = RttSummary {
            jitter: None,
            ..rtt_summary
        };
        assert!(single.to_string().ends_with("/4000.000/- ms"));
    }
}
