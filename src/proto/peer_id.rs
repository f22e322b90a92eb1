//! `PeerId`: identifies a connection on its host.

use std::fmt;

use crate::proto::slot_index::SlotIndex;

/// Identifies one connection of a host for as long as it lasts: an index, and a generation that changes
/// whenever the index is reused. An id of an ended connection never names a later one: calls with it
/// return [`UnknownPeer`](crate::SendError::UnknownPeer) or `None`.
///
/// [`index`](Self::index) is small and reused, so it suits as an index into an application's own table
/// while the peer is connected.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerId {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

impl PeerId {
    /// The id with this [`index`](Self::index) and generation, for tests of code that handles
    /// [events](crate::Event). A host treats an id that it did not hand out as an unknown peer, unless it
    /// equals that of a connected one.
    #[must_use]
    pub const fn from_parts(index: u32, generation: u32) -> Self {
        Self { index, generation }
    }

    /// The peer's slot in its host: below four times [`PEERS_MAX`](crate::limits::PEERS_MAX), and small in
    /// a small host.
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
