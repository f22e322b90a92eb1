//! Medians of rounds, and how sure they are.

/// A median with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Estimate {
    pub(crate) median: f64,
    /// The interval that holds the true median with 95% confidence.
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Estimate {
    /// Of at least one value. The interval asks nothing of how the values are distributed: it lies
    /// between two of them, by rank (below the median each value lies with probability 1/2, so the
    /// rank of the median is binomial, here by its normal approximation). Up to five values cannot
    /// give 95%; there it is the range of all.
    pub(crate) fn of(values: &[f64]) -> Self {
        let sorted = sorted(values);
        let count = sorted.len();
        let below = (count as f64 - 1.96 * (count as f64).sqrt()) / 2.0;
        // Truncation is the rounding that widens the interval; a negative one becomes 0.
        #[allow(clippy::cast_possible_truncation, reason = "less than `count`")]
        let rank = (below as usize).max(1) - 1;
        Self {
            median: median_of_sorted(&sorted),
            low: sorted[rank],
            high: sorted[count - 1 - rank],
        }
    }

    /// Of the ratios of values that were measured in the same round.
    pub(crate) fn of_ratios(of: &[f64], against: &[f64]) -> Self {
        let ratios: Vec<f64> = of
            .iter()
            .zip(against)
            .map(|(of, against)| of / against)
            .collect();
        Self::of(&ratios)
    }
}

fn median_of_sorted(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        sorted[middle]
    } else {
        f64::midpoint(sorted[middle - 1], sorted[middle])
    }
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// The unit tests of this file: a benchmark without the usual harness has nowhere else for them.
pub(crate) fn check() {
    let estimate = |count: u32| {
        let values: Vec<f64> = (1..=count).rev().map(f64::from).collect();
        let Estimate { median, low, high } = Estimate::of(&values);
        (median, low, high)
    };
    assert_eq!(estimate(1), (1.0, 1.0, 1.0));
    assert_eq!(
        estimate(4),
        (2.5, 1.0, 4.0),
        "the range, where 95% cannot be had"
    );
    // The exact binomial ranks: 40 and 61 of 100 hold the median with 96.5%.
    assert_eq!(estimate(100), (50.5, 40.0, 61.0));
    let ratios = Estimate::of_ratios(&[2.0, 30.0, 8.0], &[1.0, 10.0, 2.0]);
    assert_eq!(ratios.median, 3.0, "a slow round is slow for both");
}
