//! What a share of sorted values does not exceed.

/// The value that `percent` of the values do not exceed, by the nearest rank; `None` of nothing.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a rank among values that are in memory"
)]
pub(crate) fn of_sorted(values: &[f64], percent: f64) -> Option<f64> {
    let rank = (percent / 100.0 * values.len() as f64).ceil() as usize;
    values.get(rank.max(1) - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_rank_is_a_value_that_was_measured() {
        let values: Vec<f64> = (1..=200).map(f64::from).collect();
        assert_eq!(of_sorted(&values, 50.0), Some(100.0));
        assert_eq!(of_sorted(&values, 99.0), Some(198.0));
        assert_eq!(of_sorted(&values, 100.0), Some(200.0));
        assert_eq!(of_sorted(&values, 0.0), Some(1.0));
        assert_eq!(of_sorted(&[], 50.0), None);
    }
}
