//! Datagrams in flight, ordered by due time.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::fmt;
use std::time::Instant;

use crate::limits::DATAGRAM_MAX;

/// Maximum number of datagrams in flight on a [`Link`](crate::sim::Link), copies included, or 16
/// MiB; enough for 500 clients at 60 Hz with a latency of 500 ms. One more is lost and counted in
/// [`lost_to_limit`](crate::sim::LinkStats::lost_to_limit).
pub const LINK_DATAGRAMS_MAX: usize = 16_384;
const _: () = assert!(LINK_DATAGRAMS_MAX >= 500 * 60 / 2);

/// Datagrams in reusable slots: allocates only while a new peak is reached.
pub(super) struct InFlight<T> {
    arrivals: BinaryHeap<ScheduledArrival<T>>,
    slots: Vec<DatagramBuffer>,
    free: Vec<usize>,
    added: u64,
}

struct ScheduledArrival<T> {
    due: Instant,
    /// Breaks ties between equal due times: first sent, first delivered.
    number: u64,
    slot: usize,
    to: T,
}

struct DatagramBuffer {
    length: usize,
    bytes: [u8; DATAGRAM_MAX],
}

// Not derived: that would require `T: Default`.
impl<T> Default for InFlight<T> {
    fn default() -> Self {
        Self {
            arrivals: BinaryHeap::new(),
            slots: Vec::new(),
            free: Vec::new(),
            added: 0,
        }
    }
}

impl<T> InFlight<T> {
    pub(super) fn len(&self) -> usize {
        self.arrivals.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.len() >= LINK_DATAGRAMS_MAX
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        self.arrivals.peek().map(|arrival| arrival.due)
    }

    /// Adds a datagram of at most [`DATAGRAM_MAX`] bytes and returns its bytes in the slot. The
    /// caller has checked `is_full`.
    pub(super) fn add(&mut self, to: T, bytes: &[u8], due: Instant) -> &mut [u8] {
        let slot = self.free_slot();
        self.arrivals.push(ScheduledArrival {
            due,
            number: self.added,
            slot,
            to,
        });
        self.added += 1;
        self.slots[slot].fill(bytes)
    }

    /// Removes the first datagram, if it is due. Its slot is not reused while the bytes are
    /// borrowed.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<(T, &[u8])> {
        if self.next_due()? > now {
            return None;
        }
        let arrival = self.arrivals.pop()?;
        self.free.push(arrival.slot);
        Some((arrival.to, self.slots[arrival.slot].datagram()))
    }

    pub(super) fn clear(&mut self) -> u64 {
        let count = self.len() as u64;
        self.free
            .extend(self.arrivals.drain().map(|arrival| arrival.slot));
        count
    }

    fn free_slot(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.slots.push(DatagramBuffer::EMPTY);
            // Reserve for every slot now, so freeing never allocates.
            self.free.reserve(self.slots.len());
            self.slots.len() - 1
        })
    }
}

impl DatagramBuffer {
    const EMPTY: Self = Self {
        length: 0,
        bytes: [0; DATAGRAM_MAX],
    };

    fn fill(&mut self, bytes: &[u8]) -> &mut [u8] {
        self.length = bytes.len();
        let filled = &mut self.bytes[..bytes.len()];
        filled.copy_from_slice(bytes);
        filled
    }

    fn datagram(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl<T> ScheduledArrival<T> {
    fn key(&self) -> (Instant, u64) {
        (self.due, self.number)
    }
}

impl<T> Ord for ScheduledArrival<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        // Reversed: the heap's maximum is the earliest datagram.
        other.key().cmp(&self.key())
    }
}

impl<T> PartialOrd for ScheduledArrival<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for ScheduledArrival<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<T> Eq for ScheduledArrival<T> {}

/// Prints no payload.
impl<T> fmt::Debug for InFlight<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InFlight")
            .field("datagrams", &self.len())
            .field("slots", &self.slots.len())
            .field("next_due", &self.next_due())
            .finish_non_exhaustive()
    }
}
