//! The name of a peer.

use std::fmt;

use crate::proto::slot_index::SlotIndex;

/// One connection of a host, as long as that lasts: an index, and a generation that makes sure that a
/// name of yesterday is never somebody else's today. Whoever uses one that is over gets
/// [`UnknownPeer`](crate::SendError::UnknownPeer) or `None`.
///
/// [`index`](Self::index) is small and is used again, so it suits as the index of a table of one's own
/// as long as the peer is connected.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerId {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

impl PeerId {
    /// Which of the host's places it has: 0 to four times
    /// [`PEERS_MAX`](crate::limits::PEERS_MAX), and small in a small host.
    pub fn index(self) -> usize {
        self.index as usize
    }

    pub(crate) fn slot(self) -> SlotIndex {
        SlotIndex::new(self.index)
    }
}

/// `3v7`: index 3, generation 7.
impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}v{}", self.index, self.generation)
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
