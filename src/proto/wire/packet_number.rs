//! Packet numbers have 62 bits and never repeat. A packet contains the lower 32.

use crate::proto::wire::VARIABLE_MAX;

/// Largest packet number: 2^62 - 1, as in QUIC.
pub(crate) const NUMBER_MAX: u64 = VARIABLE_MAX;

#[allow(clippy::cast_possible_truncation, reason = "truncation is intended")]
pub(crate) fn truncate(number: u64) -> u32 {
    number as u32
}

/// Returns the number with this lower half that is nearest to `expected`, one more than the largest
/// number received (RFC 9000 section A.3). Packet protection detects a wrong result.
pub(crate) fn expand(truncated: u32, expected: u64) -> u64 {
    const WINDOW: u64 = 1 << 32;
    const HALF: u64 = WINDOW / 2;
    let candidate = (expected & !(WINDOW - 1)) | u64::from(truncated);
    if candidate + HALF <= expected && candidate < NUMBER_MAX - WINDOW {
        candidate + WINDOW
    } else if candidate > expected + HALF && candidate >= WINDOW {
        candidate - WINDOW
    } else {
        candidate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expands_numbers_near_the_expected_one() {
        let ends = [
            0,
            1,
            (1 << 31) - 1,
            1 << 31,
            1 << 32,
            1 << 40,
            NUMBER_MAX - 1,
        ];
        for expected in ends {
            for distance in [0, 1, 1000, 1 << 20, (1 << 31) - 1] {
                for number in [expected.saturating_sub(distance), expected + distance] {
                    if number <= NUMBER_MAX {
                        let found = expand(truncate(number), expected);
                        assert_eq!(found, number, "{number} expecting {expected}");
                    }
                }
            }
        }
    }

    #[test]
    fn does_not_overflow_on_forged_numbers() {
        for expected in [0, 1, NUMBER_MAX - 1, NUMBER_MAX] {
            for truncated in [0, 1, 1 << 31, u32::MAX] {
                assert!(expand(truncated, expected) <= NUMBER_MAX + (1 << 32));
            }
        }
    }

    #[test]
    fn expands_the_example_of_rfc_9000() {
        let expected = 0xa82f_30ea_0000_0000 & NUMBER_MAX;
        assert_eq!(expand(0x9b32, expected), expected | 0x9b32);
        assert_eq!(expand(u32::MAX, expected), expected - 1);
    }
}
