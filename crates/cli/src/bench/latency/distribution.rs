//! The distribution of times, and its percentiles.
//!
//! A lost datagram counts as infinitely long. So a percentile whose rank falls among the lost is not the time of a
//! datagram that came back: it is [`Figure::Lost`]. The rank of a percentile is counted over all datagrams that were due,
//! and never over the answered ones alone.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use tickwire_measure::statistics::Spread;

/// The longest time that is told apart from longer ones.
const TIME_MAX: Duration = Duration::from_secs(120);

/// Three significant digits: a value is off by at most a thousandth.
const DIGITS: u8 = 3;

/// Points per decade of the distribution in the record and in the picture.
const POINTS_PER_DECADE: u32 = 20;

/// Times of datagrams that came back.
#[derive(Debug, Clone)]
pub(super) struct Distribution {
    nanos: Histogram<u64>,
    /// The longest time, exactly: the histogram has three digits and an end.
    longest: u64,
}

/// One datagram in `one_in` took `micros` or longer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Point {
    pub(super) one_in: f64,
    pub(super) micros: f64,
}

impl Distribution {
    /// Empty, and as large as it will ever be. Every count was written to: the system maps memory that is all zero
    /// when it is first written to, and that would be during the round.
    pub(super) fn new() -> Self {
        let mut nanos = Histogram::new_with_max(as_nanos(TIME_MAX), DIGITS)
            .expect("the limits are those of a histogram");
        let mut value = 0;
        while value <= as_nanos(TIME_MAX) {
            nanos.saturating_record(value);
            value = nanos.next_non_equivalent(value);
        }
        nanos.reset();
        Self { nanos, longest: 0 }
    }

    pub(super) fn record(&mut self, time: Duration) -> u64 {
        let nanos = as_nanos(time);
        self.nanos.saturating_record(nanos);
        self.longest = self.longest.max(nanos);
        nanos
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.nanos
            .add(&other.nanos)
            .expect("all have the same limits");
        self.longest = self.longest.max(other.longest);
    }

    #[cfg(test)]
    pub(super) fn histogram(&self) -> &Histogram<u64> {
        &self.nanos
    }

    pub(super) fn count(&self) -> u64 {
        self.nanos.len()
    }

    /// The longest time in microseconds, if there is one.
    pub(super) fn longest(&self) -> Option<f64> {
        (self.count() > 0).then(|| micros(self.longest))
    }

    /// The percentiles, if so many others were lost.
    pub(super) fn percentiles(&self, lost: u64) -> Percentiles {
        let total = self.count() + lost;
        // What all but one in so many do not exceed, of at least as many.
        let percentile = |(one_in, at_least): (u64, u64)| {
            if total < at_least {
                return Figure::TooFew;
            }
            self.of_rank(total - total / one_in)
                .map_or(Figure::Lost, Figure::Known)
        };
        let max = match self.longest() {
            _ if total == 0 => Figure::TooFew,
            Some(longest) if lost == 0 => Figure::Known(longest),
            _ => Figure::Lost,
        };
        let [p50, p90, p99, p99_9, p99_99] =
            [(2, 1), (10, 10), (100, 100), (1000, 1000), (10_000, 10_000)].map(percentile);
        Figures([p50, p90, p99, p99_9, p99_99, max])
    }

    /// The time of number `rank` of all, from 1, in microseconds; `None` if that one was lost.
    fn of_rank(&self, rank: u64) -> Option<f64> {
        let answered = self.count();
        if rank > answered {
            return None;
        }
        // In the middle of the rank, where no rounding leads to its neighbour.
        let quantile = (rank as f64 - 0.5) / answered as f64;
        // The histogram answers with the end of a step, which can lie beyond the longest.
        let nanos = self.nanos.value_at_quantile(quantile);
        Some(micros(nanos.min(self.longest)))
    }

    /// Evenly along a logarithmic axis, from all of the datagrams to the slowest one that was answered. Those beyond
    /// it were lost, and the distribution ends there.
    pub(super) fn points(&self, lost: u64) -> Vec<Point> {
        let Some(longest) = self.longest() else {
            return Vec::new();
        };
        let total = (self.count() + lost) as f64;
        let last = Point {
            one_in: total / (lost + 1) as f64,
            micros: longest,
        };
        let steps = (0..).map(|step| 10_f64.powf(f64::from(step) / f64::from(POINTS_PER_DECADE)));
        let inner = steps.take_while(|one_in| *one_in < last.one_in);
        let at = |one_in| {
            let micros = self.of_rank(rank_below(total, one_in))?;
            Some(Point { one_in, micros })
        };
        inner.filter_map(at).chain([last]).collect()
    }
}

/// The rank of the datagram that all but one in `one_in` of `all` do not exceed; at least the first.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positive, and at most as many as there are datagrams"
)]
fn rank_below(all: f64, one_in: f64) -> u64 {
    ((all - all / one_in).ceil() as u64).max(1)
}

pub(super) fn micros(nanos: u64) -> f64 {
    nanos as f64 / 1000.0
}

fn as_nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// A figure, or why there is none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Figure<T> {
    Known(T),
    /// Its rank falls among the lost.
    Lost,
    /// There were too few datagrams for such a percentile.
    TooFew,
}

impl<T> Figure<T> {
    pub(super) fn known(self) -> Option<T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Lost | Self::TooFew => None,
        }
    }
}

/// One value for each of [`NAMES`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Figures<T>(pub(super) [T; 6]);

/// The figures of a distribution.
pub(super) const NAMES: [&str; 6] = ["p50", "p90", "p99", "p99.9", "p99.99", "max"];

impl<T: Copy> Figures<T> {
    pub(super) fn p50(&self) -> T {
        self.0[0]
    }
}

/// `{"p50": 12.3, "p90": null, ..., "missing": {"p90": "lost"}}`: each figure by its name, null where there is none, and
/// then why.
impl<T: Serialize> Serialize for Figures<Figure<T>> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        let mut missing = BTreeMap::new();
        for (name, figure) in NAMES.into_iter().zip(&self.0) {
            let value = match figure {
                Figure::Known(value) => Some(value),
                Figure::Lost => missing.insert(name, "lost").and(None),
                Figure::TooFew => missing.insert(name, "too few").and(None),
            };
            map.serialize_entry(name, &value)?;
        }
        map.serialize_entry("missing", &missing)?;
        map.end()
    }
}

/// In microseconds.
pub(super) type Percentiles = Figures<Figure<f64>>;

/// Over the rounds. Within one an infinite value is a round whose figure was lost (null in the record).
pub(super) type Spreads = Figures<Figure<Spread>>;

impl Spreads {
    /// A round whose figure was lost counts as infinitely long.
    pub(super) fn of(rounds: &[Percentiles]) -> Self {
        Self(std::array::from_fn(|figure| {
            match Spread::of(column(rounds, figure)) {
                None => Figure::TooFew,
                Some(spread) if spread.lowest.is_infinite() => Figure::Lost,
                Some(spread) => Figure::Known(spread),
            }
        }))
    }

    /// Lost as soon as a round of either side was: a ratio to something infinite says nothing, and one without those
    /// rounds would be better the more of them there are.
    pub(super) fn of_ratios(of: &[Percentiles], against: &[Percentiles]) -> Self {
        Self(std::array::from_fn(|figure| {
            let (of, against) = (column(of, figure), column(against, figure));
            if of.iter().chain(&against).any(|value| value.is_infinite()) {
                return Figure::Lost;
            }
            Spread::of_ratios(&of, &against).map_or(Figure::TooFew, Figure::Known)
        }))
    }
}

/// One figure of every round. A missing one is NaN, which a spread leaves out.
fn column(rounds: &[Percentiles], figure: usize) -> Vec<f64> {
    let values = rounds.iter().map(|round| match round.0[figure] {
        Figure::Known(micros) => micros,
        Figure::Lost => f64::INFINITY,
        Figure::TooFew => f64::NAN,
    });
    values.collect()
}
