//! Fractions as command-line values: `0.05` or `5%`.

/// A parser for fractions from 0 to `max`, which is at most 1.
pub(crate) fn up_to(max: f64) -> impl Fn(&str) -> Result<f64, String> + Clone {
    move |text| {
        let (number, whole) = match text.strip_suffix('%') {
            Some(number) => (number, 100.0),
            None => (text, 1.0),
        };
        let ratio = number.parse::<f64>().ok().map(|number| number / whole);
        ratio
            .filter(|ratio| (0.0..=max).contains(ratio))
            .ok_or_else(|| {
                let percent = percent(max);
                format!("must be a fraction from 0 to {max}, or a percentage from 0% to {percent}")
            })
    }
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
    fn parses_fractions_and_percentages() {
        for (text, wanted) in [("0", 0.0), ("0.05", 0.05), ("5%", 0.05), ("100%", 1.0)] {
            assert_eq!(up_to(1.0)(text), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn refuses_other_values_with_the_range() {
        let error = "must be a fraction from 0 to 0.9, or a percentage from 0% to 90%";
        for text in ["", "%", "5", "91%", "-1%", "NaN", "x"] {
            assert_eq!(up_to(0.9)(text), Err(error.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_percentage_has_no_needless_digits() {
        assert_eq!(percent(0.07), "7%");
        assert_eq!(percent(0.125), "12.5%");
    }
}
