//! One direction of a link. Knows nothing of sockets, clocks and packet formats.
//!
//! # The path of a datagram
//!
//! 1. It is counted, and its random numbers are drawn, always the same number of them. So the draws
//!    of the n-th datagram depend only on the seed and on n: a run with another latency loses the
//!    same datagrams.
//! 2. In a partition it is lost here, before it uses the bottleneck.
//! 3. It waits in the queue until the bottleneck is free (`rate`, `queue_bytes`), or is lost
//!    because the queue is full.
//! 4. Random loss comes after the bottleneck: a lost datagram has used transmission time, as on a
//!    radio link.
//! 5. It may be duplicated. From here on each copy is delayed independently.
//! 6. Each copy may be corrupted, is delayed by latency and jitter, and may be held back.
//! 7. It is delivered when it is due.

use std::time::Instant;

use chacha20::ChaCha8Rng;

use crate::error::ConfigError;
use crate::limits::DATAGRAM_MAX;
use crate::sim::bottleneck::Bottleneck;
use crate::sim::conditions::LinkConditions;
use crate::sim::in_flight::InFlight;
use crate::sim::losses::Losses;
use crate::sim::rng::{self, CopyDraws, DatagramDraws, comes_up, share_of};
use crate::sim::stats::LinkStats;

/// One direction of a link. [`send`](Self::send) adds datagrams, and [`poll`](Self::poll) returns
/// those that are due and not lost. `T` is attached to a datagram, for example its destination.
///
/// The same seed and the same calls give the same run on every platform.
///
/// ```
/// use std::time::{Duration, Instant};
/// use tickwire::sim::{Link, LinkConditions};
///
/// let latency = Duration::from_millis(30);
/// let mut link = Link::new(LinkConditions { latency, ..LinkConditions::default() }, 1)?;
///
/// let now = Instant::now();
/// link.send("Bob", b"hello", now);
/// assert_eq!(link.poll(now), None);
/// assert_eq!(link.next_deadline(), Some(now + latency));
/// assert_eq!(link.poll(now + latency), Some(("Bob", &b"hello"[..])));
/// # Ok::<(), tickwire::ConfigError>(())
/// ```
///
/// Limits: a datagram longer than [`DATAGRAM_MAX`] bytes is lost and counted in
/// [`too_long`](LinkStats::too_long). At most
/// [`LINK_DATAGRAMS_MAX`](crate::sim::LINK_DATAGRAMS_MAX) are in flight. A link keeps the memory of
/// its peak load, and allocates only above it.
#[derive(Debug)]
pub struct Link<T> {
    conditions: LinkConditions,
    generator: ChaCha8Rng,
    bottleneck: Bottleneck,
    losses: Losses,
    in_flight: InFlight<T>,
    /// Latest due time of a datagram that was not held back: later ones are not due before it.
    last_in_order: Option<Instant>,
    stats: LinkStats,
}

impl<T: Clone> Link<T> {
    /// A link with nothing in flight. Different seeds give independent links.
    ///
    /// # Errors
    ///
    /// As [`LinkConditions::validate`].
    pub fn new(conditions: LinkConditions, seed: u64) -> Result<Self, ConfigError> {
        let mut link = Self::perfect(seed);
        link.set_conditions(conditions)?;
        Ok(link)
    }

    pub(super) fn perfect(seed: u64) -> Self {
        Self {
            conditions: LinkConditions::default(),
            generator: rng::generator(seed),
            bottleneck: Bottleneck::default(),
            losses: Losses::default(),
            in_flight: InFlight::default(),
            last_in_order: None,
            stats: LinkStats::default(),
        }
    }

    pub(super) fn set_partitioned(&mut self, is_partitioned: bool) {
        self.conditions.partitioned = is_partitioned;
    }

    /// Changes the conditions for datagrams sent from now on. Datagrams in flight arrive unchanged,
    /// also in a partition; [`discard_in_flight`](Self::discard_in_flight) prevents that. Later
    /// datagrams do not overtake slower ones in flight.
    ///
    /// # Errors
    ///
    /// As [`LinkConditions::validate`]. On error nothing has changed.
    pub fn set_conditions(&mut self, conditions: LinkConditions) -> Result<(), ConfigError> {
        conditions.validate()?;
        if conditions.loss != self.conditions.loss {
            self.losses = Losses::default();
        }
        self.conditions = conditions;
        Ok(())
    }

    /// The current conditions.
    #[must_use]
    pub fn conditions(&self) -> &LinkConditions {
        &self.conditions
    }

    /// Sends a datagram, which may be empty. Whether it is lost is counted in
    /// [`stats`](Self::stats) and not returned, as with UDP.
    ///
    /// `now` must not run backwards.
    pub fn send(&mut self, to: T, bytes: &[u8], now: Instant) {
        self.stats.sent += 1;
        let draws = DatagramDraws::draw(&mut self.generator);
        let Some(leaves) = self.pass_bottleneck(bytes.len(), &draws, now) else {
            return;
        };
        if comes_up(self.conditions.duplication, draws.duplication) {
            self.stats.duplicated += 1;
            self.put_in_flight(to.clone(), bytes, leaves, &draws.original);
            self.put_in_flight(to, bytes, leaves, &draws.copy);
        } else {
            self.put_in_flight(to, bytes, leaves, &draws.original);
        }
    }

    /// Removes the datagram that is due first, in the order of sending among equal due times.
    /// `None` if nothing is due. The bytes are borrowed until the next call.
    pub fn poll(&mut self, now: Instant) -> Option<(T, &[u8])> {
        let arrived = self.in_flight.take_due(now)?;
        self.stats.delivered += 1;
        Some(arrived)
    }

    /// When the next datagram is due; may be in the past. `None` if nothing is in flight.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.in_flight.next_due()
    }

    /// Number of datagrams in flight, including copies and datagrams that are due but not polled.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Drops all datagrams in flight and in the queue, as if the cable were cut. Counted in
    /// [`discarded`](LinkStats::discarded).
    pub fn discard_in_flight(&mut self) {
        self.stats.discarded += self.in_flight.clear();
        self.bottleneck.clear();
        self.last_in_order = None;
    }

    /// Counters since the link was created.
    #[must_use]
    pub fn stats(&self) -> LinkStats {
        self.stats
    }

    /// When the datagram leaves the bottleneck. `None` if it is lost, counted by the reason.
    fn pass_bottleneck(
        &mut self,
        length: usize,
        draws: &DatagramDraws,
        now: Instant,
    ) -> Option<Instant> {
        // First, so that a burst continues while its datagrams are lost for other reasons.
        let is_lost = self.losses.is_next_lost(self.conditions.loss, draws.loss);
        if length > DATAGRAM_MAX {
            self.stats.too_long += 1;
            return None;
        }
        if self.conditions.partitioned {
            self.stats.lost_to_partition += 1;
            return None;
        }
        let Some(leaves) = self.bottleneck.pass(&self.conditions, length, now) else {
            self.stats.lost_to_queue += 1;
            return None;
        };
        if is_lost {
            self.stats.lost += 1;
            return None;
        }
        Some(leaves)
    }

    fn put_in_flight(&mut self, to: T, bytes: &[u8], leaves: Instant, draws: &CopyDraws) {
        if self.in_flight.is_full() {
            self.stats.lost_to_limit += 1;
            return;
        }
        let due = self.due(leaves, draws);
        let bytes = self.in_flight.add(to, bytes, due);
        // An empty datagram has no bit to flip.
        if !bytes.is_empty() && comes_up(self.conditions.corruption, draws.corruption) {
            self.stats.corrupted += 1;
            flip_bit(bytes, draws.bit);
        }
    }

    /// Due time of a copy. Jitter alone does not reorder, because it comes from queues. (Linux
    /// netem reorders.) It stays within its bounds, because the datagram ahead was sent earlier.
    fn due(&mut self, leaves: Instant, draws: &CopyDraws) -> Instant {
        let arrives =
            leaves + self.conditions.latency + share_of(self.conditions.jitter, draws.jitter);
        let due = self.last_in_order.map_or(arrives, |last| last.max(arrives));
        if comes_up(self.conditions.reorder, draws.reorder) {
            self.stats.held_back += 1;
            // `last_in_order` is unchanged, so later datagrams overtake this one.
            return due + self.conditions.reorder_delay;
        }
        self.last_in_order = Some(due);
        due
    }
}

/// `bytes` must not be empty.
fn flip_bit(bytes: &mut [u8], draw: u64) {
    let bit = rng::index_below(bytes.len() * 8, draw);
    bytes[bit / 8] ^= 1 << (bit % 8);
}

#[cfg(test)]
mod tests;
