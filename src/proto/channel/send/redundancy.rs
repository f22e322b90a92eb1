//! Small reliable messages that are sent again before anybody knows whether they are lost: a lost packet
//! then costs a tick and not a round trip.

use std::collections::VecDeque;

use crate::proto::buffers::shed;
use crate::proto::channel::send::stream::FragmentKey;
use crate::proto::time::{Duration, Instant};

/// How much later than the one before a copy leaves at the earliest: 8 ms. What leaves at the same time is
/// lost at the same time.
pub(super) const COPY_SPACING: std::time::Duration = std::time::Duration::from_millis(8);

/// A message of which another copy is to leave.
#[derive(Debug, Clone, Copy)]
pub(super) struct RedundantCopy {
    pub(super) stream: u16,
    pub(super) place: FragmentKey,
    /// When it last left.
    pub(super) at: Instant,
}

/// How much memory one takes.
pub(crate) const COPY_BYTES: usize = size_of::<RedundantCopy>();

/// Those that are to leave after the same time, in the order in which they last left.
#[derive(Debug, Default)]
struct CopyQueue {
    copies: VecDeque<RedundantCopy>,
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct RedundantCopies {
    /// With the next packet.
    soon: CopyQueue,
    /// With every second packet, while packets are lost.
    later: CopyQueue,
}

impl RedundantCopies {
    pub(super) fn push_soon(&mut self, copy: RedundantCopy) {
        self.soon.copies.push_back(copy);
    }

    pub(super) fn push_later(&mut self, copy: RedundantCopy) {
        self.later.copies.push_back(copy);
    }

    /// The next copy that may leave with a packet that leaves now. `patience` is about a tick.
    pub(super) fn due(&self, patience: Duration, now: Instant) -> Option<RedundantCopy> {
        let soon = self.soon.due(Duration::of(COPY_SPACING), now);
        soon.or_else(|| self.later.due(patience + Duration::of(COPY_SPACING), now))
    }

    /// Takes out what is [due](Self::due).
    pub(super) fn pop_due(&mut self, now: Instant) {
        if self.soon.due(Duration::of(COPY_SPACING), now).is_some() {
            self.soon.copies.pop_front();
        } else {
            self.later.copies.pop_front();
        }
    }

    /// When a copy goes alone, if no packet leaves before.
    pub(super) fn alone_at(&self, patience: Duration) -> Option<Instant> {
        let soon = self.soon.at(patience);
        let later = self.later.at(2 * patience);
        soon.into_iter().chain(later).min()
    }

    /// Gives back what was needed once.
    pub(super) fn shed(&mut self) {
        for line in [&mut self.soon, &mut self.later] {
            shed(&mut line.copies);
        }
    }

    /// Forgets those at the front that have arrived.
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
