//! How many datagrams the kernel dropped because the receive buffer was full (Linux,
//! `SO_RXQ_OVFL`), at a price close to nothing.
//!
//! The counter comes as a control message of a datagram, and receiving control messages costs a
//! fifth more per datagram. So they are not received, but for one datagram a second at most. When:
//! - A batch has no room for control messages, and the kernel marks that one was cut (`MSG_CTRUNC`)
//!   as soon as the counter is not zero. Until then nothing is read and no clock is asked.
//! - A single `recv_from` shows no marks. There the clock is asked once a drain, and only in a drain
//!   that has brought something, so that spinning on an empty socket stays free.

use std::time::Instant;

use super::clock;
use crate::limits::KERNEL_DROPS_INTERVAL;

#[derive(Debug)]
pub(super) struct KernelDrops {
    /// Room for the one control message.
    control: Box<[u8]>,
    /// Batches carry the mark; single receives do not.
    is_marked: bool,
    /// The next datagram is to be received with its control message.
    due: bool,
    last_reading: Option<Instant>,
    /// The kernel's counter; it wraps at 2^32.
    counter: u32,
    total: u64,
}

impl KernelDrops {
    /// `is_marked`: datagrams are received in batches, which say when the counter is not zero.
    pub(super) fn new(is_marked: bool) -> Self {
        Self {
            control: vec![0; nix::cmsg_space!(u32).capacity()].into_boxed_slice(),
            is_marked,
            due: false,
            last_reading: None,
            counter: 0,
            total: 0,
        }
    }

    pub(super) fn total(&self) -> u64 {
        self.total
    }

    pub(super) fn control(&mut self) -> &mut [u8] {
        &mut self.control
    }

    /// Whether the next datagram is to be received with its control message; `spent` is what this
    /// drain has received so far.
    #[inline]
    pub(super) fn is_due(&mut self, spent: usize) -> bool {
        // The second receive of a drain: the first one has shown that the socket is in use.
        if !self.is_marked && spent == 1 {
            self.ask_clock(clock::now());
        }
        self.due
    }

    /// A batch was marked: the counter is not zero.
    pub(super) fn on_drops_seen(&mut self) {
        self.ask_clock(clock::now());
    }

    /// The reading came with a datagram (`None`: the counter was zero when it was queued). Returns
    /// how many were dropped since the last one.
    pub(super) fn on_reading(&mut self, counter: Option<u32>) -> u64 {
        self.due = false;
        self.last_reading = Some(clock::now());
        self.on_counter(counter.unwrap_or(self.counter))
    }

    fn on_counter(&mut self, counter: u32) -> u64 {
        let lost = u64::from(counter.wrapping_sub(self.counter));
        self.counter = counter;
        self.total += lost;
        lost
    }

    // It stays due until a datagram brings the reading, however many receives find nothing.
    fn ask_clock(&mut self, now: Instant) {
        self.due |= self
            .last_reading
            .is_none_or(|last| now.saturating_duration_since(last) >= KERNEL_DROPS_INTERVAL);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_counter_survives_its_wrap() {
        let mut drops = KernelDrops::new(true);
        assert_eq!(drops.on_counter(u32::MAX - 1), u64::from(u32::MAX) - 1);
        assert_eq!(drops.on_counter(3), 5);
        assert_eq!(drops.total(), u64::from(u32::MAX) + 4);
    }

    #[test]
    fn a_reading_is_due_at_once_and_then_once_a_second() {
        let start = clock::now();
        let mut drops = KernelDrops::new(true);
        assert!(!drops.is_due(1), "nothing was marked");
        drops.ask_clock(start);
        assert!(drops.is_due(1));
        drops.on_reading(Some(7));
        assert!(!drops.is_due(1));
        drops.ask_clock(clock::now());
        assert!(!drops.is_due(1), "read a moment ago");
        drops.ask_clock(clock::now() + KERNEL_DROPS_INTERVAL + Duration::from_millis(1));
        assert!(drops.is_due(1));
    }

    #[test]
    fn without_marks_the_second_receive_of_a_drain_asks() {
        let mut drops = KernelDrops::new(false);
        assert!(
            !drops.is_due(0),
            "an empty socket is not worth a look at the clock"
        );
        assert!(drops.is_due(1));
        assert!(drops.is_due(0), "it stays due until it is read");
        assert_eq!(drops.on_reading(None), 0);
        assert!(!drops.is_due(1));
    }
}
