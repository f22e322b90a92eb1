//! The figures of a distribution, of one round or over several.
//!
//! A lost datagram counts as infinitely long. So a percentile whose rank falls among the lost is not
//! the time of one that came back: it is [`Figure::Lost`]. The rank of a percentile is counted over
//! all datagrams that were due, and never over the answered ones alone.

use hdrhistogram::Histogram;
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::bench::spread::Spread;

const NANOS_PER_MICRO: f64 = 1000.0;

/// A figure, or why there is none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Figure<T> {
    Known(T),
    /// Its rank falls among the lost.
    Lost,
    /// There were too few datagrams for it to be one.
    TooFew,
}

impl<T> Figure<T> {
    pub(super) fn known(self) -> Option<T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Lost | Self::TooFew => None,
        }
    }

    /// Why there is none, for the record.
    fn why_missing(&self) -> Option<&'static str> {
        match self {
            Self::Known(_) => None,
            Self::Lost => Some("lost"),
            Self::TooFew => Some("too few"),
        }
    }
}

/// Something for each figure of a distribution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Figures<T> {
    pub(super) p50: T,
    pub(super) p90: T,
    pub(super) p99: T,
    pub(super) p99_9: T,
    pub(super) p99_99: T,
    pub(super) max: T,
}

impl<T> Figures<T> {
    pub(super) const NAMES: [&'static str; 6] = ["p50", "p90", "p99", "p99.9", "p99.99", "max"];

    /// In the order of the names.
    pub(super) fn each(&self) -> [&T; 6] {
        let Self {
            p50,
            p90,
            p99,
            p99_9,
            p99_99,
            max,
        } = self;
        [p50, p90, p99, p99_9, p99_99, max]
    }

    fn from_fn(mut of: impl FnMut(usize) -> T) -> Self {
        Self {
            p50: of(0),
            p90: of(1),
            p99: of(2),
            p99_9: of(3),
            p99_99: of(4),
            max: of(5),
        }
    }
}

/// `{"p50": 12.3, "p90": null, ..., "missing": {"p90": "lost"}}`: each figure by its name, null where
/// there is none, and then why.
impl<T: Serialize> Serialize for Figures<Figure<T>> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let figures = Self::NAMES.into_iter().zip(self.each());
        let mut map = to.serialize_map(None)?;
        for (name, figure) in figures.clone() {
            match figure {
                Figure::Known(value) => map.serialize_entry(name, value)?,
                Figure::Lost | Figure::TooFew => map.serialize_entry(name, &())?,
            }
        }
        let missing = figures.filter_map(|(name, figure)| Some((name, figure.why_missing()?)));
        map.serialize_entry(
            "missing",
            &missing.collect::<std::collections::BTreeMap<_, _>>(),
        )?;
        map.end()
    }
}

/// In microseconds.
pub(super) type Percentiles = Figures<Figure<f64>>;

/// Over the rounds. Within one an infinite value is a round whose figure was lost (null in the record).
pub(super) type Spreads = Figures<Figure<Spread>>;

/// The times of those that came back, in nanoseconds, and how many did not.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times<'a> {
    pub(super) histogram: &'a Histogram<u64>,
    /// Exactly; the histogram has three digits and an end.
    pub(super) longest: u64,
    pub(super) lost: u64,
}

impl Times<'_> {
    /// How many were due.
    pub(super) fn total(&self) -> u64 {
        self.histogram.len() + self.lost
    }

    /// The time of number `rank` of all, from 1, in microseconds; `None` if that one was lost.
    #[allow(
        clippy::cast_precision_loss,
        reason = "nobody sends 2^53 datagrams in a run"
    )]
    pub(super) fn of_rank(&self, rank: u64) -> Option<f64> {
        let answered = self.histogram.len();
        if rank > answered {
            return None;
        }
        // In the middle of the rank, where no rounding leads to its neighbour.
        let quantile = (rank as f64 - 0.5) / answered as f64;
        // The histogram answers with the end of a step, which can lie beyond the longest.
        let nanos = self.histogram.value_at_quantile(quantile);
        Some(micros(nanos.min(self.longest)))
    }

    /// What all but one in `one_in` do not exceed.
    fn all_but_one_in(&self, one_in: u64, at_least: u64) -> Figure<f64> {
        let total = self.total();
        if total < at_least {
            return Figure::TooFew;
        }
        self.of_rank(total - total / one_in)
            .map_or(Figure::Lost, Figure::Known)
    }

    fn max(&self) -> Figure<f64> {
        match (self.total(), self.lost) {
            (0, _) => Figure::TooFew,
            (_, 0) => Figure::Known(micros(self.longest)),
            _ => Figure::Lost,
        }
    }
}

impl Percentiles {
    pub(super) fn of(times: Times<'_>) -> Self {
        Self {
            p50: times.all_but_one_in(2, 1),
            p90: times.all_but_one_in(10, 10),
            p99: times.all_but_one_in(100, 100),
            p99_9: times.all_but_one_in(1000, 1000),
            p99_99: times.all_but_one_in(10_000, 10_000),
            max: times.max(),
        }
    }
}

impl Spreads {
    /// A round whose figure was lost counts as infinitely long.
    pub(super) fn of(rounds: &[Percentiles]) -> Self {
        Self::from_fn(|figure| match Spread::of(column(rounds, figure)) {
            None => Figure::TooFew,
            Some(spread) if spread.lowest.is_infinite() => Figure::Lost,
            Some(spread) => Figure::Known(spread),
        })
    }

    /// Lost as soon as a round of either was: a ratio to something infinite says nothing, and one
    /// without those rounds would be better the more of them there are.
    pub(super) fn of_ratios(of: &[Percentiles], against: &[Percentiles]) -> Self {
        Self::from_fn(|figure| {
            let (of, against) = (column(of, figure), column(against, figure));
            if of.iter().chain(&against).any(|value| value.is_infinite()) {
                return Figure::Lost;
            }
            Spread::of_ratios(&of, &against).map_or(Figure::TooFew, Figure::Known)
        })
    }
}

/// One figure of every round. What is missing is not a number, which a spread leaves out.
fn column(rounds: &[Percentiles], figure: usize) -> Vec<f64> {
    let figures = rounds.iter().map(|round| *round.each()[figure]);
    let values = figures.map(|figure| match figure {
        Figure::Known(micros) => micros,
        Figure::Lost => f64::INFINITY,
        Figure::TooFew => f64::NAN,
    });
    values.collect()
}

#[allow(
    clippy::cast_precision_loss,
    reason = "a latency of 2^53 ns is one of a hundred days"
)]
pub(super) fn micros(nanos: u64) -> f64 {
    nanos as f64 / NANOS_PER_MICRO
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    reason = "in a test that is a failure as good as any"
)]
mod tests {
    use super::super::recording::histogram;
    use super::*;

    /// Of 1, 2, ... `answered` microseconds, and `lost` that did not come back.
    fn percentiles(answered: u64, lost: u64) -> Percentiles {
        let mut times = histogram().unwrap();
        for micros in 1..=answered {
            times.record(micros * 1000).unwrap();
        }
        Percentiles::of(Times {
            histogram: &times,
            longest: answered * 1000,
            lost,
        })
    }

    /// `1` for a figure that is known, `L` for one that was lost, `-` for one of too few.
    fn pattern(percentiles: Percentiles) -> String {
        let letters = percentiles.each().map(|figure| match figure {
            Figure::Known(_) => '1',
            Figure::Lost => 'L',
            Figure::TooFew => '-',
        });
        letters.iter().collect()
    }

    fn assert_near(figure: Figure<f64>, wanted: f64) {
        let Figure::Known(value) = figure else {
            panic!("{figure:?}, not {wanted}");
        };
        assert!(
            (value / wanted - 1.0).abs() < 0.001,
            "{value}, not {wanted}"
        );
    }

    #[test]
    fn percentiles_of_known_data_are_known() {
        let wanted = [5000.0, 9000.0, 9900.0, 9990.0, 9999.0, 10_000.0];
        for (figure, wanted) in percentiles(10_000, 0).each().into_iter().zip(wanted) {
            assert_near(*figure, wanted);
        }
    }

    #[test]
    fn a_percentile_of_too_few_datagrams_is_none() {
        assert_eq!(pattern(percentiles(10_000, 0)), "111111");
        assert_eq!(pattern(percentiles(9_999, 0)), "1111-1");
        assert_eq!(pattern(percentiles(99, 0)), "11---1");
        assert_eq!(pattern(percentiles(1, 0)), "1----1");
        assert_eq!(pattern(percentiles(0, 0)), "------");
    }

    #[test]
    fn a_lost_datagram_counts_as_infinitely_long() {
        // Half of all are lost: the median is the slowest of those that came back.
        let half = percentiles(500, 500);
        assert_near(half.p50, 500.0);
        assert_eq!(pattern(half), "1LLL-L");
        assert_eq!(pattern(percentiles(499, 501)), "LLLL-L");
        // One of a thousand is, and p99 moves up by its place.
        let one = percentiles(999, 1);
        assert_near(one.p99, 990.0);
        assert_near(one.p99_9, 999.0);
        assert_eq!(pattern(one), "1111-L");
        assert_eq!(pattern(percentiles(998, 2)), "111L-L");
        assert_eq!(pattern(percentiles(0, 10)), "LL---L");
    }

    #[test]
    fn a_lost_round_is_the_longest_of_all() {
        let (well, badly) = (percentiles(100, 0), percentiles(40, 60));
        let Figure::Known(spread) = Spreads::of(&[well, badly, well]).p50 else {
            panic!("two of three rounds have a median");
        };
        assert_near(Figure::Known(spread.median), 50.0);
        assert!(spread.highest.is_infinite());
        let Figure::Known(spread) = Spreads::of(&[well, badly, badly]).p50 else {
            panic!("one of three rounds has a median");
        };
        assert!(spread.median.is_infinite() && spread.lowest.is_finite());
        assert_eq!(Spreads::of(&[badly, badly]).p50, Figure::Lost);
    }

    #[test]
    fn a_ratio_with_a_lost_round_on_either_side_is_none() {
        let (well, badly) = ([percentiles(100, 0)], [percentiles(40, 60)]);
        assert_eq!(Spreads::of_ratios(&well, &badly).p50, Figure::Lost);
        assert_eq!(Spreads::of_ratios(&badly, &well).p50, Figure::Lost);
        assert!(Spreads::of_ratios(&well, &well).p50.known().is_some());
        assert_eq!(Spreads::of_ratios(&well, &well).p99_9, Figure::TooFew);
    }

    #[test]
    fn the_record_says_why_a_figure_is_missing() {
        let record = serde_json::to_value(percentiles(998, 2)).unwrap();
        assert!(record["p99"].is_f64() && record["p99.9"].is_null());
        let why = serde_json::json!({ "p99.9": "lost", "p99.99": "too few", "max": "lost" });
        assert_eq!(record["missing"], why);
        let (well, badly) = (percentiles(100, 0), percentiles(40, 60));
        let record = serde_json::to_value(Spreads::of(&[well, badly])).unwrap();
        assert!(record["p50"]["lowest"].is_f64() && record["p50"]["highest"].is_null());
    }
}
