//! A time on the command line: `500ms`, `2s`, `1h 30m`; and the time of day.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time, or a sentence that says why it is none. An option that takes one needs
/// `allow_hyphen_values`: without it clap takes a negative time for another option.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    if text.starts_with('-') {
        return Err("a time is not negative, and has a unit, such as 500ms or 2s".to_owned());
    }
    humantime::parse_duration(text)
        .map_err(|error| format!("a time is a number with a unit, such as 500ms or 2s ({error})"))
}

/// The time of day, in seconds since 1970-01-01 00:00 UTC. A clock before that is at zero, and no token
/// is expired by it.
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
}
