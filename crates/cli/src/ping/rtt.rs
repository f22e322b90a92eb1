//! The times of the round trips, as figures. Memory does not grow with their number.

use std::time::Duration;

use hdrhistogram::Histogram;

/// The longest round trip that is told apart from longer ones: an hour. No timeout is longer.
pub(crate) const RTT_MAX: Duration = Duration::from_secs(3600);

/// How exact percentiles are, in decimal digits. With these, and nanoseconds up to an hour, a
/// histogram takes about 270 KiB.
const DIGITS: u8 = 3;

/// What there is to say about a number of round trips, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RttSummary {
    pub(crate) min: Duration,
    pub(crate) avg: Duration,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    pub(crate) max: Duration,
    /// The mean absolute difference between each round trip and the one that came before it: D of
    /// RFC 3550 section 6.4.1, averaged over all. Not smoothed as there, because a smoothed one says
    /// little of what lies more than a few dozen answers back. `None` for a single round trip.
    pub(crate) jitter: Option<Duration>,
}

/// Round trips in the order in which their answers came.
#[derive(Debug)]
pub(crate) struct RttRecorder {
    nanos: Histogram<u64>,
    /// Exact, where the histogram has three digits.
    shortest: Duration,
    longest: Duration,
    sum: u128,
    last: Option<Duration>,
    /// Of the absolute differences between neighbours.
    sum_of_differences: u128,
}

impl RttRecorder {
    pub(crate) fn new() -> Self {
        let max = nanos(RTT_MAX.as_nanos());
        Self {
            nanos: Histogram::new_with_bounds(1, max, DIGITS).expect("1 ns to 1 h, three digits"),
            shortest: Duration::MAX,
            longest: Duration::ZERO,
            sum: 0,
            last: None,
            sum_of_differences: 0,
        }
    }

    pub(crate) fn add(&mut self, round_trip: Duration) {
        self.nanos.saturating_record(nanos(round_trip.as_nanos()));
        self.shortest = self.shortest.min(round_trip);
        self.longest = self.longest.max(round_trip);
        self.sum += round_trip.as_nanos();
        if let Some(last) = self.last.replace(round_trip) {
            self.sum_of_differences += round_trip.abs_diff(last).as_nanos();
        }
    }

    /// `None` without a single round trip.
    pub(crate) fn rtt_summary(&self) -> Option<RttSummary> {
        let count = self.nanos.len();
        Some(RttSummary {
            min: self.shortest,
            avg: mean(self.sum, count)?,
            p50: self.quantile(0.50),
            p99: self.quantile(0.99),
            max: self.longest,
            jitter: mean(self.sum_of_differences, count - 1),
        })
    }

    /// The time that this share of all round trips did not exceed, at least one.
    fn quantile(&self, share: f64) -> Duration {
        let time = Duration::from_nanos(self.nanos.value_at_quantile(share));
        // The histogram answers with the end of a step, which can lie beyond the longest.
        time.clamp(self.shortest, self.longest)
    }
}

fn mean(sum: u128, count: u64) -> Option<Duration> {
    let mean = sum.checked_div(u128::from(count))?;
    Some(Duration::from_nanos(nanos(mean)))
}

/// 2^64 nanoseconds are 584 years: what is longer was none of ours.
fn nanos(nanos: u128) -> u64 {
    u64::try_from(nanos).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn us(micros: u64) -> Duration {
        Duration::from_micros(micros)
    }

    fn rtt_summary(times: impl IntoIterator<Item = Duration>) -> Option<RttSummary> {
        let mut rtt = RttRecorder::new();
        times.into_iter().for_each(|time| rtt.add(time));
        rtt.rtt_summary()
    }

    /// To the three digits of the histogram.
    fn assert_close(time: Duration, wanted: Duration) {
        assert!(time.abs_diff(wanted) <= wanted / 1000, "{time:?}");
    }

    #[test]
    fn nothing_has_no_figures() {
        assert_eq!(rtt_summary([]), None);
    }

    #[test]
    fn one_round_trip_is_every_figure_and_has_no_jitter() {
        let time = Duration::from_nanos(123_457);
        let wanted = RttSummary {
            min: time,
            avg: time,
            p50: time,
            p99: time,
            max: time,
            jitter: None,
        };
        assert_eq!(rtt_summary([time]), Some(wanted));
    }

    #[test]
    fn percentiles_are_those_of_the_whole_distribution() {
        let rtt_summary = rtt_summary((1..=1000).map(us)).expect("there are some");
        assert_eq!((rtt_summary.min, rtt_summary.max), (us(1), us(1000)));
        assert_eq!(rtt_summary.avg, Duration::from_nanos(500_500));
        assert_close(rtt_summary.p50, us(500));
        assert_close(rtt_summary.p99, us(990));
        assert_eq!(rtt_summary.jitter, Some(us(1)));
    }

    #[test]
    fn one_slow_one_in_fifty_shows_in_p99_and_not_in_p50() {
        let times = (0..100).map(|n| if n % 50 == 0 { us(9000) } else { us(100) });
        let rtt_summary = rtt_summary(times).expect("there are some");
        assert_close(rtt_summary.p50, us(100));
        assert_close(rtt_summary.p99, us(9000));
    }

    #[test]
    fn jitter_is_the_mean_step_between_neighbours() {
        let rtt_summary = rtt_summary([us(10), us(30), us(30), us(0)]).expect("there are some");
        // 20, 0 and 30.
        assert_eq!(rtt_summary.jitter, Some(Duration::from_nanos(16_666)));
    }

    #[test]
    fn steady_round_trips_have_no_jitter_however_long_they_are() {
        let rtt_summary = rtt_summary([us(70_000); 5]).expect("there are some");
        assert_eq!(rtt_summary.jitter, Some(Duration::ZERO));
    }

    #[test]
    fn extremes_do_not_end_it() {
        let rtt_summary = rtt_summary([Duration::ZERO, Duration::MAX]).expect("there are some");
        assert_eq!(
            (rtt_summary.min, rtt_summary.max),
            (Duration::ZERO, Duration::MAX)
        );
    }
}
