//! Replay window: rejects duplicate packet numbers, and numbers that are too old.
//!
//! A sliding bitmap behind the largest number, as in RFC 4303 section 3.4.3, but 1,024 wide: a
//! burst of a bulk transfer may overtake a packet by several hundred.

use crate::limits::REPLAY_WINDOW;

const WORD: u64 = u64::BITS as u64;
const WORDS: usize = (REPLAY_WINDOW / WORD) as usize;

#[derive(Debug, Clone)]
pub(crate) struct ReplayWindow {
    /// One more than the largest number received.
    end: u64,
    /// One bit for each of the last [`REPLAY_WINDOW`] numbers, at the number modulo the window.
    bits: [u64; WORDS],
}

impl ReplayWindow {
    pub(crate) fn new() -> Self {
        Self {
            end: 0,
            bits: [0; WORDS],
        }
    }

    pub(crate) fn expected(&self) -> u64 {
        self.end
    }

    /// Whether the number was not received and is within the window.
    pub(crate) fn is_new(&self, number: u64) -> bool {
        if number >= self.end {
            return true;
        }
        self.end - number <= REPLAY_WINDOW && self.bits[word(number)] & bit(number) == 0
    }

    /// The packet must be authentic, because a forged one must not move the window.
    pub(crate) fn insert(&mut self, number: u64) {
        if number >= self.end {
            self.forget_up_to(number);
            self.end = number + 1;
        }
        self.bits[word(number)] |= bit(number);
    }

    /// Clears the bits from `end` to `number`, which belonged to numbers one window earlier.
    fn forget_up_to(&mut self, number: u64) {
        if number - self.end >= REPLAY_WINDOW {
            self.bits = [0; WORDS];
            return;
        }
        for passed in self.end..=number {
            self.bits[word(passed)] &= !bit(passed);
        }
    }
}

#[allow(clippy::cast_possible_truncation, reason = "below 16")]
fn word(number: u64) -> usize {
    (number / WORD % WORDS as u64) as usize
}

fn bit(number: u64) -> u64 {
    1 << (number % WORD)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn accepts_each_packet_number_once() {
        let mut window = ReplayWindow::new();
        for number in [0, 1, 5, 3, 2000, 1999, 977] {
            assert!(window.is_new(number), "{number}");
            window.insert(number);
            assert!(!window.is_new(number), "{number}");
        }
        assert_eq!(window.expected(), 2001);
    }

    #[test]
    fn rejects_numbers_older_than_the_window() {
        let mut window = ReplayWindow::new();
        window.insert(5000);
        assert!(window.is_new(5001 - REPLAY_WINDOW));
        assert!(!window.is_new(5000 - REPLAY_WINDOW));
        assert!(!window.is_new(0));
    }

    #[test]
    fn handles_the_largest_numbers() {
        let mut window = ReplayWindow::new();
        let last = crate::proto::wire::packet_number::NUMBER_MAX;
        window.insert(last);
        assert!(!window.is_new(last));
        assert!(window.is_new(last - 1));
        assert!(window.is_new(last + 1));
    }

    #[test]
    fn matches_a_set_of_all_numbers() {
        let mut window = ReplayWindow::new();
        let mut seen = HashSet::new();
        let (mut state, mut largest) = (1_u64, 0_u64);
        for _ in 0..100_000 {
            // A linear congruential generator (Knuth's constants).
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let number = (largest + 3).saturating_sub(state >> 33 & 0x7ff);
            let is_new = !seen.contains(&number) && number + REPLAY_WINDOW > largest;
            assert_eq!(window.is_new(number), is_new, "{number} after {largest}");
            if is_new {
                window.insert(number);
                seen.insert(number);
                largest = largest.max(number);
            }
        }
    }
}
