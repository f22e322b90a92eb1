//! A bottleneck and its queue.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::sim::conditions::LINK_HEADER_BYTES;
use crate::sim::conditions::LinkConditions;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Transmits one datagram at a time; the others wait in a bounded queue.
#[derive(Debug, Default)]
pub(super) struct Bottleneck {
    /// End of the last transmission, rounded down to the nanosecond.
    free_at: Option<Instant>,
    /// Remainder of that rounding, in nanoseconds divided by `rate`. Carried over, so the rate is
    /// exact.
    remainder: u64,
    rate: u64,
    /// Datagrams not yet in transmission, oldest first. Limited by `queue_bytes`.
    waiting: VecDeque<WaitingDatagram>,
    waiting_bytes: usize,
}

#[derive(Debug)]
struct WaitingDatagram {
    begins: Instant,
    bytes: usize,
}

impl Bottleneck {
    /// When a datagram sent now has left the bottleneck. `None` if the queue is full.
    pub(super) fn pass(
        &mut self,
        conditions: &LinkConditions,
        length: usize,
        now: Instant,
    ) -> Option<Instant> {
        let Some(rate) = conditions.rate else {
            return Some(now);
        };
        let bytes = length + LINK_HEADER_BYTES;
        self.let_begin(now);
        let begins = self.free_at.map_or(now, |free_at| free_at.max(now));
        if begins > now {
            self.queue(begins, bytes, conditions.queue_bytes)?;
        }
        if self.free_at != Some(begins) || self.rate != rate {
            // The bottleneck was idle in between, or its rate has changed.
            self.remainder = 0;
        }
        Some(self.transmit(begins, bytes, rate))
    }

    pub(super) fn clear(&mut self) {
        self.free_at = None;
        self.waiting.clear();
        self.waiting_bytes = 0;
    }

    fn let_begin(&mut self, now: Instant) {
        while let Some(oldest) = self.waiting.front() {
            if oldest.begins > now {
                break;
            }
            self.waiting_bytes -= oldest.bytes;
            self.waiting.pop_front();
        }
    }

    /// `None` if the datagram does not fit.
    fn queue(&mut self, begins: Instant, bytes: usize, queue_bytes: usize) -> Option<()> {
        let waiting_bytes = self.waiting_bytes + bytes;
        if waiting_bytes > queue_bytes {
            return None;
        }
        self.waiting_bytes = waiting_bytes;
        self.waiting.push_back(WaitingDatagram { begins, bytes });
        Some(())
    }

    /// Returns the end of the transmission.
    fn transmit(&mut self, begins: Instant, bytes: usize, rate: u64) -> Instant {
        // At most 8,416 bits, so this is below 2^43, and the remainder below 2^37
        // (`LINK_RATE_MAX`).
        let scaled = bytes as u64 * 8 * NANOS_PER_SECOND + self.remainder;
        let leaves = begins + Duration::from_nanos(scaled / rate);
        self.remainder = scaled % rate;
        self.rate = rate;
        self.free_at = Some(leaves);
        leaves
    }
}
