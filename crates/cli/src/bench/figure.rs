//! Numbers as people read them.

use indicatif::HumanCount;

/// Shown where nothing was measured.
pub(crate) const NOTHING: &str = "-";

/// A count with its thousands apart: 1,234,567.
pub(crate) fn grouped(count: u64) -> String {
    HumanCount(count).to_string()
}

/// A figure without fractions and with its thousands apart. Negative figures do not occur here.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rounded and not negative; what saturates cannot be read anyway"
)]
pub(crate) fn rounded(value: f64) -> String {
    grouped(value.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        let cases = [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ];
        for (count, text) in cases {
            assert_eq!(grouped(count), text);
        }
        assert_eq!(rounded(1999.6), "2,000");
    }
}
