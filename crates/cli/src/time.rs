//! Durations as command-line values (`500ms`, `2s`, `1h 30m`), and the wall clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use humantime::format_duration;

/// Parses a duration. An option that uses it needs `allow_hyphen_values`: without it, clap takes a
/// negative value for another option.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    if text.starts_with('-') {
        return Err("a time is not negative, and has a unit, such as 500ms or 2s".to_owned());
    }
    humantime::parse_duration(text)
        .map_err(|error| format!("a time is a number with a unit, such as 500ms or 2s ({error})"))
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
        let [time, min, max] = [time, min, max].map(format_duration);
        Err(format!("{time} is not in {min}..={max}"))
    }
}

/// Seconds since 1970-01-01 00:00 UTC. A clock before that reads as zero, at which no token has
/// expired.
pub(crate) fn unix_now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |time| time.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_unit_and_is_not_negative() {
        assert_eq!(parse("1s 500ms"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse("0s"), Ok(Duration::ZERO));
        for text in ["-1s", "-5", "--json"] {
            assert!(parse(text).is_err_and(|why| why.contains("not negative")));
        }
        for text in ["", "2", "s", "soon"] {
            assert!(parse(text).is_err_and(|why| why.contains("such as 500ms or 2s")));
        }
    }

    #[test]
    fn a_time_out_of_range_is_refused_with_the_limits() {
        let parse = between(Duration::from_millis(1), Duration::from_secs(3600));
        assert_eq!(parse("1ms"), Ok(Duration::from_millis(1)));
        assert_eq!(parse("1h"), Ok(Duration::from_secs(3600)));
        assert_eq!(parse("0s"), Err("0s is not in 1ms..=1h".to_owned()));
        assert_eq!(parse("61m"), Err("1h 1m is not in 1ms..=1h".to_owned()));
    }
}
