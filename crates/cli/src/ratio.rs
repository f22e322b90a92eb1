//! A fraction as a command-line value: `0.05` or `5%`.

/// Parses a fraction from 0 to 1.
pub(crate) fn parse(text: &str) -> Result<f64, String> {
    let (number, whole) = match text.strip_suffix('%') {
        Some(number) => (number, 100.0),
        None => (text, 1.0),
    };
    let ratio = number.parse::<f64>().ok().map(|number| number / whole);
    ratio
        .filter(|ratio| (0.0..=1.0).contains(ratio))
        .ok_or_else(|| "expected 0 to 1, or 0% to 100%".into())
}

/// `5%`.
pub(crate) fn percent(ratio: f64) -> String {
    // 0.07 * 100.0 is 7.000000000000001.
    format!("{}%", (ratio * 1e6).round() / 1e4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_a_fraction_or_a_percentage() {
        for (text, wanted) in [("0", 0.0), ("0.05", 0.05), ("5%", 0.05), ("100%", 1.0)] {
            assert_eq!(parse(text), Ok(wanted), "{text}");
        }
        for text in ["", "%", "5", "101%", "-1%", "NaN", "x"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_percentage_has_no_needless_digits() {
        assert_eq!(percent(0.07), "7%");
        assert_eq!(percent(0.125), "12.5%");
    }
}
