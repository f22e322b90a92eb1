//! The id of a connection on its host.

use std::fmt;

use crate::proto::slot_index::SlotIndex;

/// Identifies one connection of a host: an index, and a generation that changes whenever the index
/// is reused. Calls with the id of an ended connection return
/// [`UnknownPeer`](crate::SendError::UnknownPeer) or `None`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerId {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

impl PeerId {
    /// The id with this index and generation, for tests that handle [events](crate::Event). A host
    /// treats it as an unknown peer unless it equals the id of a connected peer.
    #[must_use]
    pub const fn from_parts(index: u32, generation: u32) -> Self {
        Self { index, generation }
    }

    /// The peer's slot in its host: a small index for the application's own tables, reused after
    /// the peer disconnects. Below four times [`PEERS_MAX`](crate::limits::PEERS_MAX).
    #[must_use]
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
