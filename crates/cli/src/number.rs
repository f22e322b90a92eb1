//! Numbers on the command line: whole numbers, and fractions as `0.05` or `5%`.

use std::num::{IntErrorKind, ParseIntError};

/// A parser for whole numbers from `min` to `max`.
pub(crate) fn between<T: TryFrom<u64>>(
    min: u64,
    max: u64,
) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| {
        let number = text.parse();
        // Without a maximum, only a number of more than 64 bits is too large.
        let is_too_large = number
            .as_ref()
            .is_err_and(|error: &ParseIntError| *error.kind() == IntErrorKind::PosOverflow);
        let number = number.ok().filter(|number| (min..=max).contains(number));
        number
            .and_then(|number| T::try_from(number).ok())
            .ok_or_else(|| match max {
                u64::MAX if !is_too_large => format!("must be a whole number of at least {min}"),
                _ => format!("must be a whole number from {min} to {max}"),
            })
    }
}

/// A parser for fractions from 0 to `max`, which is at most 1.
pub(crate) fn fraction(max: f64) -> impl Fn(&str) -> Result<f64, String> + Clone {
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
    fn parses_whole_numbers_in_range() {
        let parse = between::<u16>(16, 1024);
        assert_eq!((parse("16"), parse("1024")), (Ok(16), Ok(1024)));
        let error = "must be a whole number from 16 to 1024";
        for text in ["15", "1025", "-20", "x", "", "20.5", "99999999999999999999"] {
            assert_eq!(parse(text), Err(error.to_owned()), "{text}");
        }
        let error = "must be a whole number of at least 1".to_owned();
        assert_eq!(between::<u64>(1, u64::MAX)("0"), Err(error));
        let error = format!("must be a whole number from 1 to {}", u64::MAX);
        assert_eq!(
            between::<u64>(1, u64::MAX)("18446744073709551616"),
            Err(error)
        );
    }

    #[test]
    fn parses_fractions_and_percentages() {
        for (text, wanted) in [("0", 0.0), ("0.05", 0.05), ("5%", 0.05), ("100%", 1.0)] {
            assert_eq!(fraction(1.0)(text), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn rejects_other_values_with_the_range() {
        let error = "must be a fraction from 0 to 0.9, or a percentage from 0% to 90%";
        for text in ["", "%", "5", "91%", "-1%", "NaN", "x"] {
            assert_eq!(fraction(0.9)(text), Err(error.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_percentage_has_no_superfluous_digits() {
        assert_eq!(percent(0.07), "7%");
        assert_eq!(percent(0.125), "12.5%");
    }
}
