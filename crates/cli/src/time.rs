//! Durations on the command line (`500ms`, `1h 30m`) and in the output.

use std::time::Duration;

use derive_more::Display;
use humantime::format_duration;
use serde::{Serialize, Serializer};

/// Parses a duration with its unit. An option that uses this needs `allow_hyphen_values`: without
/// it, clap takes a negative value for another option.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let starts_with_digit = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    if text.strip_prefix('-').is_some_and(starts_with_digit) {
        return Err("a time cannot be negative".to_owned());
    }
    if starts_with_digit(text) && text.parse::<f64>().is_ok() && !text.contains(['e', 'E']) {
        return Err(format!(
            "{text} has no unit: write {text}ms, {text}s or {text}min"
        ));
    }
    humantime::parse_duration(text)
        .map_err(|_| "must be a number with a unit, such as 500ms, 2s or 5min".to_owned())
}

/// A parser for durations from `min` to `max`.
pub(crate) fn between(
    min: Duration,
    max: Duration,
) -> impl Fn(&str) -> Result<Duration, String> + Clone {
    move |text| {
        let time = parse(text)?;
        if (min..=max).contains(&time) {
            return Ok(time);
        }
        let [min, max] = [min, max].map(format_duration);
        Err(format!("must be {min} to {max}"))
    }
}

/// A time in milliseconds. As text it has three decimals and no unit: `0.123`.
#[derive(Debug, Clone, Copy, Display, PartialEq, Eq, PartialOrd, Ord)]
#[display("{:.3}", _0.as_secs_f64() * 1e3)]
pub(crate) struct Millis(pub(crate) Duration);

impl Serialize for Millis {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        // The shortest decimal for a whole number of nanoseconds.
        to.serialize_f64(self.0.as_nanos() as f64 / 1e6)
    }
}

pub(crate) fn or_dash(time: Option<Millis>) -> String {
    time.map_or("-".to_owned(), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_times_with_a_unit() {
        assert_eq!(parse("1s 500ms"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse("0s"), Ok(Duration::ZERO));
    }

    #[test]
    fn rejects_times_without_a_unit_and_proposes_one() {
        for text in ["0", "5", "1.5"] {
            let error = format!("{text} has no unit: write {text}ms, {text}s or {text}min");
            assert_eq!(parse(text), Err(error));
        }
        for text in ["", "s", "soon", "1e5", "5 parsecs", ".", "1.5.5", "--json"] {
            assert!(parse(text).is_err_and(|error| error.contains("such as 500ms, 2s or 5min")));
        }
    }

    #[test]
    fn rejects_negative_times() {
        for text in ["-1s", "-5"] {
            assert_eq!(parse(text), Err("a time cannot be negative".to_owned()));
        }
    }

    #[test]
    fn rejects_times_out_of_range_with_the_range() {
        let parse = between(Duration::from_millis(1), Duration::from_secs(3600));
        assert_eq!(parse("1ms"), Ok(Duration::from_millis(1)));
        assert_eq!(parse("1h"), Ok(Duration::from_secs(3600)));
        for text in ["0s", "61m"] {
            assert_eq!(parse(text), Err("must be 1ms to 1h".to_owned()));
        }
    }

    #[test]
    fn milliseconds_have_three_decimals_as_text_and_nanoseconds_as_json() {
        let time = Millis(Duration::from_nanos(1_234_567));
        assert_eq!(time.to_string(), "1.235");
        assert_eq!(
            serde_json::to_string(&time).ok().as_deref(),
            Some("1.234567")
        );
    }
}
