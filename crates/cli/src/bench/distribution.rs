//! Distributions of times, their percentiles, and the spread of percentiles over rounds.
//!
//! A lost message or datagram counts as infinite: a percentile whose rank falls among the lost is
//! [`Missing::Lost`]. Ranks count everything that was due, not only what arrived.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::ser::{Serialize, SerializeMap, Serializer};
use tickwire_measure::statistics::Spread;

/// The longest time that a histogram records exactly.
const TIME_MAX: Duration = Duration::from_secs(120);

/// Points per decade of the distribution in the record and the picture.
const POINTS_PER_DECADE: u32 = 20;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Distribution {
    times: Histogram<u64>,
    unit: Duration,
    /// The longest time, exact: the histogram has limited precision and range.
    longest: Duration,
}

/// One in `one_in` took at least `micros`.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub(crate) struct Point {
    pub(crate) one_in: f64,
    pub(crate) micros: f64,
}

/// Nanoseconds with 3 significant digits: an error of at most a thousandth.
impl Default for Distribution {
    fn default() -> Self {
        Self::new(Duration::from_nanos(1), 3)
    }
}

impl Distribution {
    pub(crate) fn new(unit: Duration, digits: u8) -> Self {
        Self {
            times: Histogram::new_with_max(units(TIME_MAX, unit), digits)
                .expect("the limits are those of a histogram"),
            unit,
            longest: Duration::ZERO,
        }
    }

    /// Writes to every count, so that the system maps the memory now and not during a round.
    pub(crate) fn mapped(mut self) -> Self {
        let mut value = 0;
        while value <= units(TIME_MAX, self.unit) {
            self.times.saturating_record(value);
            value = self.times.next_non_equivalent(value);
        }
        self.times.reset();
        self
    }

    pub(crate) fn record(&mut self, time: Duration) {
        self.times.saturating_record(units(time, self.unit));
        self.longest = self.longest.max(time);
    }

    pub(crate) fn add(&mut self, other: &Self) {
        let added = self.times.add(&other.times);
        added.expect("both have the same limits");
        self.longest = self.longest.max(other.longest);
    }

    #[cfg(test)]
    pub(crate) fn count_of(&self, time: Duration) -> u64 {
        self.times.count_at(units(time, self.unit))
    }

    #[cfg(test)]
    pub(crate) fn histogram(&self) -> &Histogram<u64> {
        &self.times
    }

    pub(crate) fn count(&self) -> u64 {
        self.times.len()
    }

    /// The longest time in microseconds.
    pub(crate) fn longest(&self) -> Option<f64> {
        (self.count() > 0).then(|| micros(self.longest))
    }

    /// The percentiles, with this number of lost datagrams.
    pub(crate) fn percentiles(&self, lost: u64) -> Percentiles {
        let total = self.count() + lost;
        // The time that all but one in `one_in` do not exceed; requires `one_in` samples.
        let percentile = |(one_in, at_least): (u64, u64)| {
            if total < at_least {
                return Err(Missing::TooFew);
            }
            self.of_rank(total - total / one_in).ok_or(Missing::Lost)
        };
        let max = (u64::MAX, 1);
        let percentiles = [
            (2, 1),
            (10, 10),
            (100, 100),
            (1000, 1000),
            (10_000, 10_000),
            max,
        ];
        Figures(percentiles.map(percentile))
    }

    /// The time of this rank, from 1, in microseconds; `None` if that rank was lost.
    fn of_rank(&self, rank: u64) -> Option<f64> {
        let arrived = self.count();
        if rank >= arrived {
            return self.longest().filter(|_| rank == arrived);
        }
        // The middle of the rank, so that rounding cannot select a neighbour.
        let quantile = (rank as f64 - 0.5) / arrived as f64;
        Some(self.micros(self.times.value_at_quantile(quantile)))
    }

    /// The histogram returns the end of a step, which may exceed the longest time.
    fn micros(&self, value: u64) -> f64 {
        (value as f64 * micros(self.unit)).min(micros(self.longest))
    }

    /// Points evenly along a logarithmic axis, from the fastest to the slowest arrival.
    pub(crate) fn points(&self, lost: u64) -> Vec<Point> {
        let Some(longest) = self.longest() else {
            return Vec::new();
        };
        let total = (self.count() + lost) as f64;
        let end = total / (lost + 1) as f64;
        let steps = (0..).map(|step| 10_f64.powf(f64::from(step) / f64::from(POINTS_PER_DECADE)));
        let mut steps = steps.take_while(|one_in| *one_in < end).peekable();
        let (mut points, mut rank) = (Vec::new(), 0);
        for step in self.times.iter_recorded() {
            rank += step.count_at_value();
            let micros = self.micros(step.value_iterated_to());
            let is_within = |one_in: &f64| total - total / one_in <= rank as f64;
            while let Some(one_in) = steps.next_if(is_within) {
                points.push(Point { one_in, micros });
            }
        }
        points.push(Point {
            one_in: end,
            micros: longest,
        });
        points
    }
}

fn micros(time: Duration) -> f64 {
    time.as_nanos() as f64 / 1e3
}

fn units(time: Duration, unit: Duration) -> u64 {
    u64::try_from(time.as_nanos() / unit.as_nanos()).unwrap_or(u64::MAX)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub(crate) enum Missing {
    /// Its rank is among the lost.
    #[serde(rename = "lost")]
    Lost,
    /// Too few samples for this percentile.
    #[serde(rename = "too few")]
    TooFew,
}

/// The text in a table.
impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lost => "lost",
            Self::TooFew => "-",
        })
    }
}

/// One figure for each of [`NAMES`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Figures<T>(pub(crate) [Result<T, Missing>; 6]);

pub(crate) const NAMES: [&str; 6] = ["p50", "p90", "p99", "p99.9", "p99.99", "max"];

impl<T: Copy> Figures<T> {
    pub(crate) fn p50(&self) -> Result<T, Missing> {
        self.0[0]
    }

    pub(crate) fn p99(&self) -> Result<T, Missing> {
        self.0[2]
    }

    pub(crate) fn cells(&self, show: impl Fn(T) -> String) -> [String; 6] {
        let missing = |missing: Missing| missing.to_string();
        self.0.map(|figure| figure.map_or_else(missing, &show))
    }
}

/// `{"p50": 12.3, "p90": null, ..., "missing": {"p90": "lost"}}`: each figure by its name, null if
/// it is missing, and the reasons.
impl<T: Copy + Serialize> Serialize for Figures<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let named = || NAMES.into_iter().zip(self.0);
        let mut map = to.serialize_map(None)?;
        for (name, figure) in named() {
            map.serialize_entry(name, &figure.ok())?;
        }
        let missing = named().filter_map(|(name, figure)| Some((name, figure.err()?)));
        map.serialize_entry("missing", &missing.collect::<BTreeMap<_, _>>())?;
        map.end()
    }
}

/// Microseconds.
pub(crate) type Percentiles = Figures<f64>;

/// Spreads over the rounds. An infinite value is a round whose figure was lost (null in the
/// record).
pub(crate) type Spreads = Figures<Spread>;

impl Spreads {
    /// A round with a lost figure counts as infinite.
    pub(crate) fn of(rounds: &[Percentiles]) -> Self {
        Self(std::array::from_fn(|figure| {
            let spread = Spread::of(column(rounds, figure)).ok_or(Missing::TooFew)?;
            if spread.lowest.is_infinite() {
                return Err(Missing::Lost);
            }
            Ok(spread)
        }))
    }

    /// Lost if the figure of any round of either side was lost: omitting such rounds would improve
    /// the ratio with every loss.
    pub(crate) fn of_ratios(of: &[Percentiles], against: &[Percentiles]) -> Self {
        Self(std::array::from_fn(|figure| {
            let (of, against) = (column(of, figure), column(against, figure));
            if of.iter().chain(&against).any(|value| value.is_infinite()) {
                return Err(Missing::Lost);
            }
            Spread::of_ratios(&of, &against).ok_or(Missing::TooFew)
        }))
    }
}

/// One figure of every round. A missing figure is NaN, which a spread ignores.
fn column(rounds: &[Percentiles], figure: usize) -> Vec<f64> {
    let values = rounds.iter().map(|round| match round.0[figure] {
        Ok(micros) => micros,
        Err(Missing::Lost) => f64::INFINITY,
        Err(Missing::TooFew) => f64::NAN,
    });
    values.collect()
}

#[cfg(test)]
mod tests;
