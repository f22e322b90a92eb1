//! How much of its tick, and of its core, a server used. Pure arithmetic on what was measured.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::bench::spread::Spread;

/// The longest tick that is told from longer ones, in nanoseconds: an hour.
const TIME_MAX: u64 = 3_600_000_000_000;

/// Three digits are more than two runs have in common.
const DIGITS: u8 = 3;

/// The times of all ticks.
#[derive(Debug, Clone)]
pub(super) struct Times {
    nanos: Histogram<u64>,
    /// Of all of them together: the histogram rounds.
    total: Duration,
}

impl Times {
    /// `None` never happens: the limits are those of the histogram.
    pub(super) fn new() -> Option<Self> {
        let nanos = Histogram::new_with_bounds(1, TIME_MAX, DIGITS).ok()?;
        Some(Self {
            nanos,
            total: Duration::ZERO,
        })
    }

    /// So many ticks took this long together, each an equal part of it.
    pub(super) fn record(&mut self, time: Duration, ticks: u64) {
        let Some(nanos) = time.as_nanos().checked_div(u128::from(ticks)) else {
            return;
        };
        let nanos = u64::try_from(nanos).unwrap_or(TIME_MAX);
        self.nanos.saturating_record_n(nanos, ticks);
        self.total += time;
    }

    /// How many there were.
    #[cfg(test)]
    pub(super) fn ticks(&self) -> u64 {
        self.nanos.len()
    }

    /// What all of them took together.
    #[cfg(test)]
    pub(super) fn total(&self) -> Duration {
        self.total
    }

    /// Without a single tick all of it is zero.
    pub(super) fn summary(&self) -> Summary {
        let milliseconds = |nanos: u64| nanos as f64 / 1e6;
        let total = self.total.as_secs_f64() * 1e3;
        Summary {
            mean: share(total, self.nanos.len() as f64).unwrap_or(0.0),
            median: milliseconds(self.nanos.value_at_quantile(0.5)),
            p99: milliseconds(self.nanos.value_at_quantile(0.99)),
            max: milliseconds(self.nanos.max()),
        }
    }
}

/// A few numbers that say how something is distributed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Summary<T = f64> {
    /// So many times as there were ticks, it is what all of them took together.
    pub(super) mean: T,
    pub(super) median: T,
    pub(super) p99: T,
    pub(super) max: T,
}

impl Summary {
    /// All of them, as shares of `whole`.
    pub(super) fn shares_of(self, whole: f64) -> Self {
        Self {
            mean: share(self.mean, whole).unwrap_or(0.0),
            median: share(self.median, whole).unwrap_or(0.0),
            p99: share(self.p99, whole).unwrap_or(0.0),
            max: share(self.max, whole).unwrap_or(0.0),
        }
    }

    /// Each of them over several rounds; `None` without a round.
    pub(super) fn spread(rounds: &[Self]) -> Option<Summary<Spread>> {
        let spread = |of: fn(&Self) -> f64| Spread::of(rounds.iter().map(of));
        Some(Summary {
            mean: spread(|round| round.mean)?,
            median: spread(|round| round.median)?,
            p99: spread(|round| round.p99)?,
            max: spread(|round| round.max)?,
        })
    }
}

impl<T> Summary<T> {
    /// What a table has room for.
    pub(super) fn shown(self) -> [T; 3] {
        [self.median, self.p99, self.max]
    }
}

/// `part` of `whole`, if there is a whole.
pub(super) fn share(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

/// Processor time per client and tick, in microseconds.
pub(super) fn cpu_micros_each(cpu: Duration, clients: usize, ticks: u64) -> Option<f64> {
    share(cpu.as_secs_f64() * 1e6, clients as f64 * ticks as f64)
}

/// How many ticks there are in `duration`, at least one.
pub(super) fn ticks_in(duration: Duration, hz: u32) -> u64 {
    let ticks = duration.as_nanos() * u128::from(hz) / 1_000_000_000;
    u64::try_from(ticks).unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_tick_is_of_the_time_between_two() {
        let mut times = Times::new().unwrap();
        for _ in 0..98 {
            times.record(Duration::from_millis(4), 1);
        }
        for milliseconds in [8, 20] {
            times.record(Duration::from_millis(milliseconds), 1);
        }
        let shares = times.summary().shares_of(16.0);
        for (share, wanted) in shares.shown().into_iter().zip([0.25, 0.5, 1.25]) {
            assert!((share - wanted).abs() < 0.001 * wanted, "{shares:?}");
        }
        assert!((shares.mean - 0.2625).abs() < 1e-9, "{shares:?}");
    }

    #[test]
    fn ticks_that_were_made_at_once_share_their_time() {
        let mut times = Times::new().unwrap();
        times.record(Duration::from_millis(2), 1);
        times.record(Duration::from_millis(33), 9);
        times.record(Duration::from_secs(1), 0);
        let summary = times.summary();
        assert!((summary.mean - 3.5).abs() < 1e-9, "{summary:?}");
        assert!((summary.median - 3.667).abs() < 0.01, "{summary:?}");
        assert!((summary.max - 3.667).abs() < 0.01, "{summary:?}");
    }

    #[test]
    fn no_tick_takes_no_time() {
        let none = Times::new().unwrap().summary();
        assert_eq!((none.mean, none.shown()), (0.0, [0.0; 3]));
        assert_eq!(none.shares_of(0.0).shown(), [0.0; 3]);
    }

    #[test]
    fn each_number_of_a_tick_has_its_own_spread_over_rounds() {
        let round = |median, max| Summary {
            mean: 4.0,
            median,
            p99: 5.0,
            max,
        };
        let spread = Summary::spread(&[round(1.0, 7.0), round(3.0, 6.0), round(2.0, 9.0)]);
        let medians = spread.unwrap().shown().map(|spread| spread.median);
        assert_eq!(medians, [2.0, 5.0, 7.0]);
        assert_eq!(Summary::spread(&[]), None);
    }

    #[test]
    fn the_cost_is_shared_by_all_clients_and_ticks() {
        let cpu = Duration::from_millis(300);
        assert_eq!(cpu_micros_each(cpu, 1000, 100), Some(3.0));
        assert_eq!(cpu_micros_each(cpu, 1000, 0), None);
    }

    #[test]
    fn a_time_has_whole_ticks_and_at_least_one() {
        assert_eq!(ticks_in(Duration::from_secs(5), 60), 300);
        assert_eq!(ticks_in(Duration::from_millis(300), 60), 18);
        assert_eq!(ticks_in(Duration::from_nanos(1), 1), 1);
    }
}
