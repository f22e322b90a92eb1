//! Redundant copies of small reliable messages, sent before a loss is known. A lost packet then
//! costs a tick instead of a round trip.

use std::collections::VecDeque;

use crate::proto::buffers::shed;
use crate::proto::channel::send::stream::FragmentKey;
use crate::proto::time::{Duration, Instant};

/// Minimum time between two copies of a message: 8 ms. Packets sent together tend to be lost
/// together.
pub(super) const COPY_SPACING: std::time::Duration = std::time::Duration::from_millis(8);

#[derive(Debug, Clone, Copy)]
pub(super) struct RedundantCopy {
    pub(super) stream: u16,
    pub(super) key: FragmentKey,
    pub(super) at: Instant,
}

pub(crate) const COPY_BYTES: usize = size_of::<RedundantCopy>();

/// Copies with the same delay, ordered by last send time.
#[derive(Debug, Default)]
struct CopyQueue {
    copies: VecDeque<RedundantCopy>,
}

#[derive(Debug, Default)]
pub(super) struct RedundantCopies {
    /// Sent with the next packet.
    soon: CopyQueue,
    /// Sent with every second packet, while the path loses packets.
    later: CopyQueue,
}

impl RedundantCopies {
    pub(super) fn push_soon(&mut self, copy: RedundantCopy) {
        self.soon.copies.push_back(copy);
    }

    pub(super) fn push_later(&mut self, copy: RedundantCopy) {
        self.later.copies.push_back(copy);
    }

    /// The next copy that may be sent with a packet now. `patience` is about a tick.
    pub(super) fn due(&self, patience: Duration, now: Instant) -> Option<RedundantCopy> {
        let soon = self.soon.due(Duration::of(COPY_SPACING), now);
        soon.or_else(|| self.later.due(patience + Duration::of(COPY_SPACING), now))
    }

    pub(super) fn pop_due(&mut self, now: Instant) {
        if self.soon.due(Duration::of(COPY_SPACING), now).is_some() {
            self.soon.copies.pop_front();
        } else {
            self.later.copies.pop_front();
        }
    }

    /// When a copy is sent alone, if no packet is sent before.
    pub(super) fn alone_at(&self, patience: Duration) -> Option<Instant> {
        let soon = self.soon.at(patience);
        let later = self.later.at(2 * patience);
        soon.into_iter().chain(later).min()
    }

    pub(super) fn shed(&mut self) {
        for line in [&mut self.soon, &mut self.later] {
            shed(&mut line.copies);
        }
    }

    pub(super) fn forget(&mut self, mut has_arrived: impl FnMut(&RedundantCopy) -> bool) {
        for line in [&mut self.soon, &mut self.later] {
            while line.copies.front().is_some_and(&mut has_arrived) {
                line.copies.pop_front();
            }
        }
    }
}

impl CopyQueue {
    fn at(&self, after: Duration) -> Option<Instant> {
        self.copies.front().map(|copy| copy.at + after)
    }

    fn due(&self, after: Duration, now: Instant) -> Option<RedundantCopy> {
        let front = self.copies.front()?;
        (front.at + after <= now).then_some(*front)
    }
}
