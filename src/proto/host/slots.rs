//! The table of a host's peers.

use bytes::Bytes;

use crate::proto::channel::recv::QueueQuota;
use crate::proto::connection::Connection;
use crate::proto::connection_id::ConnectionId;
use crate::proto::host::client_handshake::ClientHandshake;
use crate::proto::host::scheduler::{Deadline, Schedule, Scheduled, Scheduler};
use crate::proto::peer_id::PeerId;
use crate::proto::slot_index::SlotIndex;
use crate::proto::time::Instant;

#[derive(Debug)]
pub(crate) enum PeerState {
    Free,
    /// This host is connecting to it.
    Connecting(Box<ClientHandshake>),
    /// A client was accepted and has not confirmed the accept.
    Pending(Box<PendingPeer>),
    Open(Box<Connection>),
    /// Ended for the application; the peer has not acknowledged the disconnect.
    Closing(Box<Connection>),
    /// Ended; the application has not taken the `Disconnected` event.
    Ended,
}

#[derive(Debug)]
pub(crate) struct PendingPeer {
    pub(crate) connection: Connection,
    pub(crate) payload: Bytes,
    pub(crate) expires_at: Instant,
    /// This host's own attempt to the same address, paused until the client confirms or expires.
    pub(crate) attempt: Option<Box<ClientHandshake>>,
}

impl PeerState {
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Connecting(attempt) => Some(attempt.deadline()),
            Self::Pending(pending) => Some(pending.expires_at),
            Self::Open(connection) | Self::Closing(connection) => connection.deadline(),
            Self::Free | Self::Ended => None,
        }
    }

    pub(crate) fn connection_mut(&mut self) -> Option<&mut Connection> {
        match self {
            Self::Pending(pending) => Some(&mut pending.connection),
            Self::Open(connection) | Self::Closing(connection) => Some(connection),
            Self::Free | Self::Connecting(_) | Self::Ended => None,
        }
    }

    pub(crate) fn open_mut(&mut self) -> Option<&mut Connection> {
        match self {
            Self::Open(connection) => Some(connection),
            _ => None,
        }
    }

    /// `Open` becomes `Ended`; every other state stays.
    pub(crate) fn take_open(&mut self) -> Option<Box<Connection>> {
        match std::mem::replace(self, Self::Ended) {
            Self::Open(connection) => Some(connection),
            other => self.restore(other),
        }
    }

    pub(crate) fn take_connecting(&mut self) -> Option<Box<ClientHandshake>> {
        match std::mem::replace(self, Self::Ended) {
            Self::Connecting(attempt) => Some(attempt),
            other => self.restore(other),
        }
    }

    pub(crate) fn take_pending(&mut self) -> Option<PendingPeer> {
        match std::mem::replace(self, Self::Ended) {
            Self::Pending(pending) => Some(*pending),
            other => self.restore(other),
        }
    }

    fn restore<T>(&mut self, state: Self) -> Option<T> {
        *self = state;
        None
    }
}

/// Exactly one cache line (64 bytes), because a turn reads many slots.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct PeerSlot {
    generation: u32,
    state: PeerState,
    schedule: Schedule,
    pub(crate) disconnect_event_pending: bool,
    pub(crate) move_event_pending: bool,
    pub(crate) quota: QueueQuota,
}

const _: () = assert!(size_of::<PeerSlot>() == 64);

impl PeerSlot {
    pub(crate) fn state(&self) -> &PeerState {
        &self.state
    }
}

impl Scheduled for PeerSlot {
    fn schedule(&mut self) -> &mut Schedule {
        &mut self.schedule
    }

    fn known_deadline(&self) -> Deadline {
        self.schedule.deadline()
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.state.deadline()
    }
}

/// All slots. A released slot is reused with another generation.
#[derive(Debug, Default)]
pub(crate) struct PeerSlots {
    slots: Vec<PeerSlot>,
    free: Vec<SlotIndex>,
    scheduler: Scheduler,
}

impl PeerSlots {
    pub(crate) fn reserve(&mut self, max: usize) -> Option<SlotIndex> {
        if let Some(index) = self.free.pop() {
            return Some(index);
        }
        if self.slots.len() >= max {
            return None;
        }
        let index = SlotIndex::at_end_of(self.slots.len());
        self.slots.push(PeerSlot {
            generation: 0,
            state: PeerState::Free,
            schedule: Schedule::default(),
            disconnect_event_pending: false,
            move_event_pending: false,
            quota: QueueQuota::default(),
        });
        Some(index)
    }

    pub(crate) fn release(&mut self, index: SlotIndex) {
        let slot = &mut self.slots[index.as_usize()];
        slot.state = PeerState::Free;
        slot.generation = slot.generation.wrapping_add(1);
        slot.quota = QueueQuota::default();
        self.scheduler.on_release(&mut slot.schedule, index);
        self.free.push(index);
    }

    pub(crate) fn indices(&self) -> impl Iterator<Item = SlotIndex> + use<> {
        (0..self.slots.len()).map(SlotIndex::at_end_of)
    }

    fn get(&self, index: SlotIndex) -> Option<&PeerSlot> {
        self.slots.get(index.as_usize())
    }

    /// Borrows the state of a slot for a change. The scheduler is notified: the deadline is
    /// recomputed, and the peer is checked in this turn and in the next one.
    #[inline]
    pub(crate) fn change(&mut self, index: SlotIndex) -> &mut PeerState {
        self.change_with_quota(index).0
    }

    /// As [`change`](Self::change), for the connection with this id. A packet may contain any id.
    #[inline]
    pub(crate) fn change_connection(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        let slot = self.slots.get_mut(id.slot().as_usize())?;
        let connection = slot.state.connection_mut();
        let connection = connection.filter(|connection| connection.local_cid == id)?;
        self.scheduler.on_change(&mut slot.schedule, id.slot());
        Some(connection)
    }

    #[inline]
    pub(crate) fn change_with_quota(
        &mut self,
        index: SlotIndex,
    ) -> (&mut PeerState, &mut QueueQuota) {
        let slot = &mut self.slots[index.as_usize()];
        self.scheduler.on_change(&mut slot.schedule, index);
        (&mut slot.state, &mut slot.quota)
    }

    /// Everything but the state, which is changed only through [`change`](Self::change).
    pub(crate) fn bookkeeping(&mut self, index: SlotIndex) -> &mut PeerSlot {
        &mut self.slots[index.as_usize()]
    }

    pub(crate) fn peer_id(&self, index: SlotIndex) -> PeerId {
        PeerId {
            index: index.as_u32(),
            generation: self[index].generation,
        }
    }

    /// `None` if the peer has disconnected.
    pub(crate) fn find(&self, peer: PeerId) -> Option<SlotIndex> {
        let slot = self.get(peer.slot())?;
        (slot.generation == peer.generation).then_some(peer.slot())
    }

    pub(crate) fn open(&self, peer: PeerId) -> Option<&Connection> {
        match &self[self.find(peer)?].state {
            PeerState::Open(connection) => Some(connection),
            _ => None,
        }
    }

    pub(crate) fn accepts_messages(&self, index: SlotIndex) -> bool {
        matches!(&self[index].state, PeerState::Open(connection) if !connection.is_lingering())
    }

    /// Peers that accept messages, by ascending index.
    pub(crate) fn peers(&self) -> impl Iterator<Item = PeerId> + '_ {
        self.indices()
            .filter(|index| self.accepts_messages(*index))
            .map(|index| self.peer_id(index))
    }
}

/// Scheduling: see [`Scheduler`].
impl PeerSlots {
    #[inline]
    pub(crate) fn make_ready(&mut self, index: SlotIndex) {
        let schedule = &mut self.slots[index.as_usize()].schedule;
        self.scheduler.make_ready(schedule, index);
    }

    pub(crate) fn has_ready(&self) -> bool {
        self.scheduler.has_ready()
    }

    pub(crate) fn pop_ready(&mut self) -> Option<SlotIndex> {
        self.scheduler.pop_ready(&mut self.slots)
    }

    pub(crate) fn mark_heard(&mut self, index: SlotIndex) {
        self.scheduler.mark_heard(&mut self.slots, index);
    }

    pub(crate) fn refresh_deadline(&mut self, index: SlotIndex) {
        self.scheduler.refresh_deadline(&mut self.slots, index);
    }

    pub(crate) fn begin_turn(&mut self) {
        self.scheduler.begin_turn();
    }

    pub(crate) fn next_due(&mut self, now: Instant) -> Option<SlotIndex> {
        self.scheduler.next_due(&mut self.slots, now)
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.scheduler.next_deadline(&self.slots)
    }
}

impl std::ops::Index<SlotIndex> for PeerSlots {
    type Output = PeerSlot;

    fn index(&self, index: SlotIndex) -> &PeerSlot {
        &self.slots[index.as_usize()]
    }
}
