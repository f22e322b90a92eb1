//! Medians over rounds with their confidence intervals.

use serde::Serialize;

/// A median with its confidence interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Median of all values.
    pub median: f64,
    /// Lower end of the 95% confidence interval.
    pub low: f64,
    /// Upper end of the 95% confidence interval.
    pub high: f64,
}

impl Estimate {
    /// The median of at least one value. The interval is distribution-free: its ends are two of the
    /// values, by rank (the rank of the median is binomial with p = 1/2, here in its normal
    /// approximation). With up to five values it is the full range.
    ///
    /// # Panics
    ///
    /// There is no value.
    #[must_use]
    pub fn of(values: &[f64]) -> Self {
        let sorted = sorted(values.iter().copied());
        let count = sorted.len();
        let below = (count as f64 - 1.96 * (count as f64).sqrt()) / 2.0;
        // Truncation widens the interval; a negative rank becomes 0.
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "less than `count`, and a negative one saturates at 0"
        )]
        let rank = (below as usize).max(1) - 1;
        Self {
            median: median_of_sorted(&sorted).expect("there is a value"),
            low: sorted[rank],
            high: sorted[count - 1 - rank],
        }
    }

    /// The median of the ratios within each round.
    #[must_use]
    pub fn of_ratios(of: &[f64], against: &[f64]) -> Self {
        let ratios = of.iter().zip(against).map(|(of, against)| of / against);
        Self::of(&ratios.collect::<Vec<_>>())
    }
}

/// Median, lowest and highest round. No standard deviation: rounds on a shared machine are not
/// normally distributed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// Median of all rounds.
    pub median: f64,
    /// Lowest round.
    pub lowest: f64,
    /// Highest round.
    pub highest: f64,
}

impl Spread {
    /// `None` without a value. NaN is ignored.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let sorted = sorted(values.into_iter().filter(|value| !value.is_nan()));
        Some(Self {
            median: median_of_sorted(&sorted)?,
            lowest: *sorted.first()?,
            highest: *sorted.last()?,
        })
    }

    /// The spread of the ratios within each round, which a slow round does not affect.
    #[must_use]
    pub fn of_ratios(of: &[f64], against: &[f64]) -> Option<Self> {
        let pairs = of
            .iter()
            .zip(against)
            .filter(|(_, against)| **against > 0.0);
        Self::of(pairs.map(|(of, against)| of / against))
    }
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    sorted
}

fn median_of_sorted(sorted: &[f64]) -> Option<f64> {
    let upper = *sorted.get(sorted.len() / 2)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    Some(sorted[sorted.len() / 2 - 1].midpoint(upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_contains_the_median_with_95_percent() {
        let estimate = |count: u32| {
            let values: Vec<f64> = (1..=count).rev().map(f64::from).collect();
            let Estimate { median, low, high } = Estimate::of(&values);
            (median, low, high)
        };
        assert_eq!(estimate(1), (1.0, 1.0, 1.0));
        let range_of_all = (2.5, 1.0, 4.0);
        assert_eq!(estimate(4), range_of_all, "4 values cannot give 95%");
        // The exact binomial ranks 40 and 61 of 100 contain the median with 96.5%.
        assert_eq!(estimate(100), (50.5, 40.0, 61.0));
        let ratios = Estimate::of_ratios(&[2.0, 30.0, 8.0], &[1.0, 10.0, 2.0]);
        assert_eq!(ratios.median, 3.0, "a slow round is slow for both");
    }

    #[test]
    fn the_median_is_the_middle_value() {
        let spread = |median| Spread {
            median,
            lowest: 1.0,
            highest: 9.0,
        };
        assert_eq!(Spread::of([9.0, 1.0, 2.0]), Some(spread(2.0)));
        assert_eq!(Spread::of([9.0, 1.0, 2.0, 4.0]), Some(spread(3.0)));
    }

    #[test]
    fn an_empty_list_has_no_spread() {
        assert_eq!(Spread::of([]), None);
        assert_eq!(Spread::of([f64::NAN]), None);
        assert_eq!(Spread::of_ratios(&[1.0], &[0.0]), None);
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        // Rounds differ tenfold, the ratio does not.
        let spread = Spread::of_ratios(&[2.0, 20.0, 200.0], &[1.0, 10.0, 100.0]);
        let all_equal = Spread {
            median: 2.0,
            lowest: 2.0,
            highest: 2.0,
        };
        assert_eq!(spread, Some(all_equal));
    }
}
