//! A share of all datagrams on the command line: `0.05` or `5%`.

/// The share, or a sentence that says why it is none.
pub(crate) fn parse(text: &str) -> Result<f64, String> {
    let (number, whole) = match text.strip_suffix('%') {
        Some(number) => (number, 100.0),
        None => (text, 1.0),
    };
    let share = number.parse::<f64>().ok().map(|number| number / whole);
    share
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| "expected 0 to 1, or 0% to 100%".into())
}

/// `5%`.
pub(crate) fn percent(share: f64) -> String {
    // In percent 0.07 is 7.000000000000001.
    format!("{}%", (share * 1e6).round() / 1e4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_fraction_or_in_percent() {
        for (text, wanted) in [("0", 0.0), ("0.05", 0.05), ("5%", 0.05), ("100%", 1.0)] {
            assert_eq!(parse(text), Ok(wanted), "{text}");
        }
        for text in ["", "%", "5", "101%", "-1%", "NaN", "x"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_percentage_has_the_digits_that_it_needs() {
        assert_eq!(percent(0.07), "7%");
        assert_eq!(percent(0.125), "12.5%");
    }
}
