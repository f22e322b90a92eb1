//! Received packets: duplicate detection, and which acknowledgements are due when.

use std::ops::RangeInclusive;

use crate::limits::ACK_RANGES_MAX;
use crate::proto::recovery::replay_window::ReplayWindow;
use crate::proto::time::{Duration, Instant};

/// Number of packets after which an acknowledgement is due without delay: 16. A fast sender depends
/// on timely acknowledgements.
const ACK_PACKETS_MAX: u32 = 16;

#[derive(Debug)]
pub(crate) struct AckTracker {
    window: ReplayWindow,
    /// Packet numbers to acknowledge, largest first. Ranges do not touch.
    ranges: AckRanges,
    /// When the largest number was received.
    largest_at: Instant,
    /// When an acknowledgement must be sent, alone if necessary.
    ack_at: Option<Instant>,
    ack_delay: Duration,
    /// Packets received since the last acknowledgement.
    waiting: u32,
    /// Acknowledgements sent since the peer last acknowledged one.
    acks_unheard: u32,
}

/// Number of unacknowledged ACKs with several ranges after which a ping is sent: 16. A side that
/// only receives would otherwise repeat old gaps forever.
const ACKS_UNHEARD_MAX: u32 = 16;

impl AckTracker {
    pub(crate) fn new(ack_delay: Duration, now: Instant) -> Self {
        Self {
            window: ReplayWindow::new(),
            ranges: AckRanges::default(),
            largest_at: now,
            ack_at: None,
            ack_delay,
            waiting: 0,
            acks_unheard: 0,
        }
    }

    /// The next packet number if nothing is lost or reordered.
    pub(crate) fn expected(&self) -> u64 {
        self.window.expected()
    }

    pub(crate) fn is_new(&self, number: u64) -> bool {
        self.window.is_new(number)
    }

    /// Records an authentic packet whose number [`is_new`](Self::is_new).
    pub(crate) fn insert(&mut self, number: u64, wants_ack: bool, now: Instant) {
        let expected = self.window.expected();
        self.window.insert(number);
        self.ranges.insert(number);
        if number >= expected {
            self.largest_at = now;
        }
        if wants_ack {
            self.waiting += 1;
            // Acknowledge at once after a gap, so that the sender detects loss early, and after
            // many packets.
            let delay = if number == expected && self.waiting < ACK_PACKETS_MAX {
                self.ack_delay
            } else {
                Duration::ZERO
            };
            let at = now + delay;
            self.ack_at = Some(self.ack_at.map_or(at, |before| before.min(at)));
        }
    }

    /// Duplicates of a refused packet are rejected, and it is never acknowledged.
    pub(crate) fn insert_refused(&mut self, number: u64) {
        self.window.insert(number);
    }

    pub(crate) fn ack_now(&mut self, now: Instant) {
        self.ack_at = Some(now);
    }

    pub(crate) fn ack_at(&self) -> Option<Instant> {
        self.ack_at
    }

    /// Largest first. Call [`on_ack_sent`](Self::on_ack_sent) after writing them.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = RangeInclusive<u64>> + Clone + '_ {
        self.ranges.iter()
    }

    /// Acknowledgement delay of the largest number, in microseconds.
    pub(crate) fn delay_us(&self, now: Instant) -> u64 {
        let delay = now.saturating_duration_since(self.largest_at);
        // Limited to 2^32 us, 71 minutes, longer than any idle timeout.
        delay.as_micros().min(1 << 32)
    }

    pub(crate) fn on_ack_sent(&mut self) {
        self.ack_at = None;
        self.waiting = 0;
        self.acks_unheard = self.acks_unheard.saturating_add(1);
    }

    /// Whether a ping is needed to learn which acknowledgements have arrived.
    pub(crate) fn wants_to_forget(&self) -> bool {
        self.ranges.ranges.len() > 1 && self.acks_unheard >= ACKS_UNHEARD_MAX
    }

    /// The peer has acknowledged the acknowledgements of everything below `number`.
    pub(crate) fn forget_below(&mut self, number: u64) {
        self.ranges.forget_below(number);
        self.acks_unheard = 0;
    }
}

/// Up to [`ACK_RANGES_MAX`] ranges. When it is full, the oldest is dropped.
#[derive(Debug, Default)]
struct AckRanges {
    /// First and last number of each range, largest first.
    ranges: Vec<(u64, u64)>,
}

/// Memory of the ranges of a peer without gaps, in bytes.
pub(crate) const RANGES_BYTES_IDLE: usize = 4 * size_of::<(u64, u64)>();

pub(crate) const RANGES_BYTES_MAX: usize = ACK_RANGES_MAX * size_of::<(u64, u64)>();

impl AckRanges {
    fn iter(&self) -> impl Iterator<Item = RangeInclusive<u64>> + Clone + '_ {
        self.ranges.iter().map(|(first, last)| *first..=*last)
    }

    fn insert(&mut self, number: u64) {
        if let Some((_, last)) = self.ranges.first_mut() {
            if number == *last + 1 {
                *last = number; // most packets arrive in order
                return;
            }
        }
        let above = self
            .ranges
            .iter()
            .position(|(first, _)| *first <= number.saturating_add(1));
        let Some(place) = above else {
            self.open(self.ranges.len(), number);
            return;
        };
        let (first, last) = self.ranges[place];
        if number > last + 1 {
            self.open(place, number);
        } else if number == last + 1 {
            self.ranges[place].1 = number;
        } else if number + 1 == first {
            self.ranges[place].0 = number;
            self.join_below(place);
        }
        if number == last + 1 && place > 0 {
            self.join_below(place - 1);
        }
    }

    fn open(&mut self, place: usize, number: u64) {
        if place == ACK_RANGES_MAX {
            return; // older than the oldest tracked range
        }
        self.ranges.truncate(ACK_RANGES_MAX - 1);
        self.ranges.insert(place, (number, number));
    }

    /// Merges the range at `place` with the one below if they touch.
    fn join_below(&mut self, place: usize) {
        let below = place + 1;
        let touches = |(_, last): &(u64, u64)| last + 1 == self.ranges[place].0;
        if self.ranges.get(below).is_some_and(touches) {
            self.ranges[place].0 = self.ranges[below].0;
            self.ranges.remove(below);
        }
    }

    fn forget_below(&mut self, number: u64) {
        let kept = self.ranges.iter();
        let kept = kept.take_while(|(_, last)| *last >= number).count();
        // The largest range stays: an acknowledgement contains at least one number.
        self.ranges.truncate(kept.max(1));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const DELAY: Duration = Duration::from_millis(16);

    fn ranges_of(numbers: &[u64]) -> Vec<RangeInclusive<u64>> {
        let mut ranges = AckRanges::default();
        for number in numbers {
            ranges.insert(*number);
        }
        ranges.iter().collect()
    }

    #[test]
    fn extends_adds_and_merges_ranges() {
        assert_eq!(ranges_of(&[0, 1, 2]), [0..=2]);
        assert_eq!(ranges_of(&[0, 2]), [2..=2, 0..=0]);
        assert_eq!(ranges_of(&[0, 2, 1]), [0..=2]);
        assert_eq!(ranges_of(&[5, 3, 1, 4]), [3..=5, 1..=1]);
        assert_eq!(ranges_of(&[5, 3, 1, 2]), [5..=5, 1..=3]);
        assert_eq!(ranges_of(&[2, 1, 0]), [0..=2]);
    }

    #[test]
    fn the_oldest_ranges_are_forgotten() {
        let numbers: Vec<u64> = (0..100).map(|index| index * 2).collect();
        let ranges = ranges_of(&numbers);
        assert_eq!(ranges.len(), ACK_RANGES_MAX);
        assert_eq!(ranges.first(), Some(&(198..=198)));
        assert_eq!(ranges.last(), Some(&(136..=136)));
    }

    #[test]
    fn matches_a_set_within_its_capacity() {
        let mut state = 1_u64;
        for _ in 0..2000 {
            let (mut ranges, mut set) = (AckRanges::default(), BTreeSet::new());
            for _ in 0..40 {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                let number = (state >> 33) % 50;
                if set.insert(number) {
                    ranges.insert(number);
                }
            }
            let named: BTreeSet<u64> = ranges.iter().flatten().collect();
            assert_eq!(named, set);
            let count = ranges.iter().count();
            assert!(
                ranges
                    .iter()
                    .zip(ranges.iter().skip(1))
                    .all(|(above, below)| { below.end() + 1 < *above.start() })
            );
            assert!(count <= ACK_RANGES_MAX);
        }
    }

    #[test]
    fn delays_acknowledgements_unless_there_is_a_gap() {
        let now = Instant::START;
        let mut received = AckTracker::new(DELAY, now);
        received.insert(0, true, now);
        assert_eq!(received.ack_at(), Some(now + DELAY));
        received.insert(1, true, now + DELAY / 2);
        assert_eq!(
            received.ack_at(),
            Some(now + DELAY),
            "the delay starts at the first packet"
        );
        received.insert(3, true, now + DELAY / 2);
        assert_eq!(
            received.ack_at(),
            Some(now + DELAY / 2),
            "a gap is acknowledged at once"
        );
        received.on_ack_sent();
        assert_eq!(received.ack_at(), None);
        received.insert(4, false, now + DELAY);
        assert_eq!(
            received.ack_at(),
            None,
            "acknowledgements are not acknowledged"
        );
    }

    #[test]
    fn pings_after_sixteen_unconfirmed_acknowledgements() {
        let now = Instant::START;
        let mut received = AckTracker::new(DELAY, now);
        for number in 0..100 {
            received.insert(number, true, now);
            received.on_ack_sent();
        }
        assert!(
            !received.wants_to_forget(),
            "without gaps there are no old ranges"
        );
        received.insert(101, true, now);
        assert!(received.wants_to_forget());
        received.forget_below(101);
        assert!(!received.wants_to_forget());
        assert_eq!(received.ranges().count(), 1);
    }

    #[test]
    fn omits_ranges_that_the_peer_confirmed() {
        let now = Instant::START;
        let mut received = AckTracker::new(DELAY, now);
        for number in [0, 2, 4, 6] {
            received.insert(number, true, now);
        }
        received.forget_below(3);
        assert_eq!(received.ranges().collect::<Vec<_>>(), [6..=6, 4..=4]);
        received.forget_below(100);
        assert_eq!(received.ranges().collect::<Vec<_>>(), [6..=6]);
    }
}
