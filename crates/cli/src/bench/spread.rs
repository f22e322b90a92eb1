//! One figure over several rounds: what is typical, and how far the rounds lie apart.

use serde::Serialize;

/// The median over rounds, and the lowest and the highest of them. No standard deviation: rounds on
/// a machine that does other things are not normally distributed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) lowest: f64,
    pub(crate) highest: f64,
}

impl Spread {
    /// `None` without a single value. Values that are not numbers do not count.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().filter(|value| !value.is_nan()).collect();
        values.sort_by(f64::total_cmp);
        Some(Self {
            median: median_of_sorted(&values)?,
            lowest: *values.first()?,
            highest: *values.last()?,
        })
    }

    /// Of the ratios of two figures, round by round, so that what slowed a whole round down cancels.
    pub(crate) fn of_ratios(of: &[f64], against: &[f64]) -> Option<Self> {
        let pairs = of
            .iter()
            .zip(against)
            .filter(|(_, against)| **against > 0.0);
        Self::of(pairs.map(|(of, against)| of / against))
    }
}

fn median_of_sorted(values: &[f64]) -> Option<f64> {
    let upper = *values.get(values.len() / 2)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *values.get(values.len() / 2 - 1)?;
    Some(lower.midpoint(upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_lies_in_the_middle() {
        let odd = Spread {
            median: 2.0,
            lowest: 1.0,
            highest: 9.0,
        };
        assert_eq!(Spread::of([9.0, 1.0, 2.0]), Some(odd));
        let even = Spread {
            median: 3.0,
            lowest: 1.0,
            highest: 9.0,
        };
        assert_eq!(Spread::of([9.0, 1.0, 2.0, 4.0]), Some(even));
    }

    #[test]
    fn nothing_has_no_spread() {
        assert_eq!(Spread::of([]), None);
        assert_eq!(Spread::of([f64::NAN]), None);
        assert_eq!(Spread::of_ratios(&[1.0], &[0.0]), None);
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        // Rounds that differ tenfold, and a ratio that does not.
        let spread = Spread::of_ratios(&[2.0, 20.0, 200.0], &[1.0, 10.0, 100.0]);
        assert_eq!(
            spread,
            Some(Spread {
                median: 2.0,
                lowest: 2.0,
                highest: 2.0
            })
        );
    }
}
