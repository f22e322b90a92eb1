//! Numbers and times of the command line that are within their limits, or a sentence that says why not.
//!
//! To clap a value that begins with a hyphen is an option that it does not know. For a number the
//! argument says `allow_negative_numbers`; `-1s` and `-1,64` are none, and need `allow_hyphen_values`.

use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use tickwire::limits::{BATCH_MAX, DATAGRAM_MAX};

/// The longest measurement: an hour. Whoever types more has mistaken the unit.
const DURATION_MAX: Duration = Duration::from_secs(3600);

/// How many bytes a datagram has.
pub(crate) fn size(text: &str) -> Result<usize, String> {
    number(text, 0..=DATAGRAM_MAX, "bytes fit into a datagram")
}

/// How many datagrams one system call takes.
pub(crate) fn batch(text: &str) -> Result<usize, String> {
    number(text, 1..=BATCH_MAX, "datagrams make a batch")
}

/// How many times to measure.
pub(crate) fn rounds(text: &str) -> Result<u32, String> {
    number(text, 1..=1000, "rounds can be measured")
}

/// How long to measure.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    if text.starts_with('-') {
        return Err("a measurement takes some time, such as 500ms or 2s".to_owned());
    }
    let duration = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if duration.is_zero() {
        return Err("nothing can be measured in no time".to_owned());
    }
    if duration > DURATION_MAX {
        return Err("a measurement takes at most an hour".to_owned());
    }
    Ok(duration)
}

/// A number within `range`; `what` ends the sentence "0 to 1024 ...".
pub(crate) fn number<T>(text: &str, range: RangeInclusive<T>, what: &str) -> Result<T, String>
where
    T: FromStr + PartialOrd + std::fmt::Display,
{
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| format!("{} to {} {what}", range.start(), range.end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_belong_to_their_range() {
        assert_eq!(size("0"), Ok(0));
        assert_eq!(size("1024"), Ok(1024));
        assert_eq!(batch("1"), Ok(1));
        assert_eq!(batch("64"), Ok(64));
        assert_eq!(duration("1h"), Ok(DURATION_MAX));
        assert_eq!(duration("1ns"), Ok(Duration::from_nanos(1)));
    }

    #[test]
    fn what_lies_outside_is_told_with_what_is_possible() {
        for text in ["1025", "-1", "", "x", "1.5"] {
            let told = "0 to 1024 bytes fit into a datagram".to_owned();
            assert_eq!(size(text), Err(told));
        }
        for text in ["0", "65"] {
            let told = "1 to 64 datagrams make a batch".to_owned();
            assert_eq!(batch(text), Err(told));
        }
        for text in ["0", "1001", "-1"] {
            let told = "1 to 1000 rounds can be measured".to_owned();
            assert_eq!(rounds(text), Err(told));
        }
        assert!(duration("0s").unwrap_err().contains("no time"));
        assert!(duration("-1s").unwrap_err().contains("takes some time"));
        assert!(duration("61min").unwrap_err().contains("an hour"));
        assert!(duration("16").is_err(), "there is no unit");
    }
}
