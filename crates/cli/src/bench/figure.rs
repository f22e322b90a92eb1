//! Numbers as people read them.

use super::spread::Spread;

/// What stands where nothing was measured.
pub(crate) const NOTHING: &str = "-";

/// A count with its thousands apart: 1,234,567.
pub(crate) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A figure without fractions and with its thousands apart. Negative ones are none here.
pub(crate) fn rounded(value: f64) -> String {
    // Saturates, which is as good as anything for what nobody can read.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "rounded and not negative"
    )]
    let count = value.round() as u64;
    grouped(count)
}

/// The typical value and in brackets how far the rounds lie apart, each as `show` shows it.
pub(crate) fn with_spread(spread: Option<Spread>, show: impl Fn(f64) -> String) -> String {
    let Some(spread) = spread else {
        return NOTHING.to_owned();
    };
    let [median, lowest, highest] = [spread.median, spread.lowest, spread.highest].map(show);
    format!("{median} ({lowest}..{highest})")
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

    #[test]
    fn a_figure_stands_before_its_spread() {
        let spread = Spread::of([3.0, 1.0, 2.0]);
        assert_eq!(with_spread(spread, rounded), "2 (1..3)");
        assert_eq!(with_spread(None, rounded), "-");
    }
}
