//! The places of a host's connections, in every state of their life.

use bytes::Bytes;

use crate::proto::channel::recv::QueueQuota;
use crate::proto::connection::Connection;
use crate::proto::host::client_handshake::ClientHandshake;
use crate::proto::peer_id::PeerId;
use crate::proto::time::Instant;

/// What is in a place.
#[derive(Debug)]
pub(crate) enum PeerState {
    /// Nothing.
    Free,
    /// An attempt of ours.
    Connecting(Box<ClientHandshake>),
    /// Somebody who was accepted, and has not shown yet that he knows it.
    PendingPeer(Box<PendingPeer>),
    /// A peer.
    Open(Box<Connection>),
    /// No peer any more, but somebody who has to be told.
    Closing(Box<Connection>),
    /// No peer any more; the application has not taken the event yet that says so.
    Ended,
}

impl PeerState {
    /// When it has something to do of itself.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Connecting(attempt) => Some(attempt.deadline()),
            Self::PendingPeer(pending) => Some(pending.expires_at),
            Self::Open(connection) | Self::Closing(connection) => connection.deadline(),
            Self::Free | Self::Ended => None,
        }
    }
}

/// A connection before anybody is told of it.
#[derive(Debug)]
pub(crate) struct PendingPeer {
    pub(crate) connection: Connection,
    pub(crate) payload: Bytes,
    pub(crate) expires_at: Instant,
    /// Our own attempt to connect to the same host, which stands back.
    pub(crate) attempt: Option<Box<ClientHandshake>>,
}

/// When somebody has something to do of himself. It is reckoned while what it follows from is in the cache,
/// and not in every turn: of a crowd nothing else is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deadline {
    /// Something happened since it was reckoned.
    Unknown,
    Known(Option<Instant>),
}

/// Whether a place is among those who had something to do lately.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activity {
    /// It is not, and has a timer.
    Parked,
    /// Something happened since the last look at the time.
    Active,
    /// Nothing did.
    Cooling,
}

/// A place. As long as a line of the cache and never in two of them: a turn asks many.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct PeerSlot {
    generation: u32,
    pub(crate) state: PeerState,
    /// When its connection was accepted, by either side, among those of this host: the larger number is
    /// the newer one.
    pub(crate) accepted_as: u64,
    /// Whether it is in the queue of those who have something to send.
    pub(crate) is_ready: bool,
    pub(crate) activity: Activity,
    pub(crate) deadline: Deadline,
    /// Whether the application has yet to take the event that this peer is gone.
    pub(crate) disconnect_event_pending: bool,
    /// Whether the application has yet to take an event that this peer has moved.
    pub(crate) move_event_pending: bool,
    /// What it has in the event queue.
    pub(crate) quota: QueueQuota,
}

const _: () = assert!(size_of::<PeerSlot>() == 64);

/// All places. One that was given up is used again, with another generation.
#[derive(Debug, Default)]
pub(crate) struct PeerSlots {
    slots: Vec<PeerSlot>,
    free: Vec<u32>,
}

impl PeerSlots {
    /// A free place, unless `max` are taken.
    pub(crate) fn reserve(&mut self, max: usize) -> Option<usize> {
        if let Some(index) = self.free.pop() {
            return Some(index as usize);
        }
        if self.slots.len() >= max {
            return None;
        }
        self.slots.push(PeerSlot {
            generation: 0,
            state: PeerState::Free,
            accepted_as: 0,
            is_ready: false,
            activity: Activity::Parked,
            deadline: Deadline::Unknown,
            disconnect_event_pending: false,
            move_event_pending: false,
            quota: QueueQuota::default(),
        });
        Some(self.slots.len() - 1)
    }

    /// Makes a place free; names of the peer that was there are names of nobody from now on.
    #[allow(clippy::cast_possible_truncation, reason = "slots are below 2^20")]
    pub(crate) fn release(&mut self, index: usize) {
        let slot = &mut self.slots[index];
        slot.state = PeerState::Free;
        slot.deadline = Deadline::Unknown;
        slot.generation = slot.generation.wrapping_add(1);
        slot.quota = QueueQuota::default();
        self.free.push(index as u32);
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut PeerSlot> {
        self.slots.get_mut(index)
    }

    /// The name of whoever is in this place.
    #[allow(clippy::cast_possible_truncation, reason = "slots are below 2^20")]
    pub(crate) fn peer_id(&self, index: usize) -> PeerId {
        PeerId {
            index: index as u32,
            generation: self.slots[index].generation,
        }
    }

    /// The place of a peer, unless it is somebody else's by now.
    pub(crate) fn find(&self, peer: PeerId) -> Option<usize> {
        let slot = self.slots.get(peer.slot())?;
        (slot.generation == peer.generation).then_some(peer.slot())
    }

    /// The peer's connection, while it can be sent to.
    pub(crate) fn open(&self, peer: PeerId) -> Option<&Connection> {
        match &self.slots[self.find(peer)?].state {
            PeerState::Open(connection) => Some(connection),
            _ => None,
        }
    }

    /// Everybody who can be sent to.
    pub(crate) fn peers(&self) -> impl Iterator<Item = PeerId> + '_ {
        (0..self.slots.len())
            .filter(|index| matches!(self.slots[*index].state, PeerState::Open(_)))
            .map(|index| self.peer_id(index))
    }
}

impl std::ops::Index<usize> for PeerSlots {
    type Output = PeerSlot;

    fn index(&self, index: usize) -> &PeerSlot {
        &self.slots[index]
    }
}

impl std::ops::IndexMut<usize> for PeerSlots {
    fn index_mut(&mut self, index: usize) -> &mut PeerSlot {
        &mut self.slots[index]
    }
}
