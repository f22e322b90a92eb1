//! How connections begin and end: one method per transition of a peer's state, with its effects on
//! tables, counts and events.

use std::net::SocketAddr;

use crate::proto::close_reason::CloseReason;
use crate::proto::connection::Connection;
use crate::proto::delivery::Delivery;
use crate::proto::event::{DisconnectReason, Event};
use crate::proto::host::HostState;
use crate::proto::host::client_handshake::ClientHandshake;
use crate::proto::host::slots::{PeerState, PendingPeer};
use crate::proto::peer_id::PeerId;
use crate::proto::slot_index::SlotIndex;
use crate::proto::stats::PeerStats;
use crate::proto::time::Instant;

/// Beginning.
impl HostState {
    /// The client has confirmed the accept: promotes it to a connected peer and replaces any older
    /// peer at the same address. If that peer is newer, the client is dropped: the confirmation is
    /// late, or this side lost a simultaneous connect.
    pub(super) fn confirm(&mut self, index: SlotIndex, now: Instant) {
        if self.has_newer_peer(index) {
            self.drop_pending(index);
            return;
        }
        let Some(pending) = self.slots.change(index).take_pending() else {
            return;
        };
        let PendingPeer {
            connection,
            payload,
            attempt,
            ..
        } = pending;
        let address = connection.address;
        self.counts.pending -= 1;
        self.counts.connecting -= usize::from(attempt.is_some());
        self.replace(address, index, now);
        self.open(index, connection);
        self.events.push_back(Event::Connected {
            peer: self.slots.peer_id(index),
            address,
            payload,
            incoming: attempt.is_none(),
            #[cfg(feature = "noise")]
            server_key: None,
        });
    }

    fn has_newer_peer(&self, index: SlotIndex) -> bool {
        let PeerState::Pending(pending) = self.slots[index].state() else {
            return false;
        };
        let newcomer = &pending.connection;
        let Some(other) = self.by_address.get(&newcomer.address) else {
            return false;
        };
        match self.slots[*other].state() {
            PeerState::Open(connection) => connection.accepted_as > newcomer.accepted_as,
            _ => false,
        }
    }

    pub(super) fn next_accepted(&mut self) -> u64 {
        self.accepted += 1;
        self.accepted
    }

    fn replace(&mut self, address: SocketAddr, by: SlotIndex, now: Instant) {
        let Some(index) = self.by_address.get(&address).copied() else {
            return;
        };
        match self.slots[index].state() {
            PeerState::Open(_) => {
                self.end_open(index, DisconnectReason::Replaced, now);
            }
            PeerState::Connecting(_) if index != by => {
                self.end_attempt(index, DisconnectReason::Replaced);
            }
            PeerState::Pending(_) if index != by => self.drop_pending(index),
            _ => {}
        }
    }

    pub(super) fn open(&mut self, index: SlotIndex, connection: Connection) {
        self.by_address.insert(connection.address, index);
        *self.slots.change(index) = PeerState::Open(Box::new(connection));
        self.counts.open += 1;
    }
}

/// Pending clients.
impl HostState {
    /// The client did not confirm the accept in time. A paused own attempt continues.
    pub(super) fn expire_pending(&mut self, index: SlotIndex, now: Instant) {
        self.stats.pending_expired += 1;
        let Some(attempt) = self.take_pending(index) else {
            return;
        };
        let (is_given_up, reason) = (attempt.is_given_up(now), attempt.timeout_reason());
        *self.slots.change(index) = PeerState::Connecting(attempt);
        if is_given_up {
            self.end_attempt(index, reason);
        }
    }

    /// A newer connection replaces this one, and also a paused own attempt.
    fn drop_pending(&mut self, index: SlotIndex) {
        let Some(attempt) = self.take_pending(index) else {
            return;
        };
        *self.slots.change(index) = PeerState::Connecting(attempt);
        self.end_attempt(index, DisconnectReason::Replaced);
    }

    /// Removes a connection that the application does not know. Returns a paused own attempt;
    /// without one the slot is free.
    fn take_pending(&mut self, index: SlotIndex) -> Option<Box<ClientHandshake>> {
        let pending = self.slots.change(index).take_pending()?;
        self.counts.pending -= 1;
        self.forget_connect(&pending.connection, index);
        if pending.attempt.is_none() {
            self.slots.release(index);
        }
        pending.attempt
    }

    /// The application knows of a pending client only through a paused own attempt.
    fn disconnect_pending(&mut self, index: SlotIndex, why: CloseReason, now: Instant) {
        let reason = DisconnectReason::Local { code: why.code() };
        let Some(mut pending) = self.slots.change(index).take_pending() else {
            return;
        };
        self.counts.pending -= 1;
        self.forget_connection(index, &pending.connection);
        pending.connection.disconnect(why, now);
        self.begin_closing(index, Box::new(pending.connection));
        if let Some(attempt) = pending.attempt {
            self.counts.connecting -= 1;
            self.forget_address(attempt.to, index);
            self.emit_disconnected(index, reason.into(), None);
        }
    }
}

#[derive(Debug)]
pub(super) struct Ending {
    reason: DisconnectReason,
    text: Option<Box<str>>,
}

impl From<DisconnectReason> for Ending {
    fn from(reason: DisconnectReason) -> Self {
        Self { reason, text: None }
    }
}

/// Ending.
impl HostState {
    /// Disconnects a lingering peer once its send queue is empty.
    #[inline]
    pub(super) fn finish_linger(&mut self, index: SlotIndex, now: Instant) {
        let state = self.slots[index].state();
        if matches!(state, PeerState::Open(connection) if connection.is_lingering()) {
            self.disconnect_if_flushed(index, now);
        }
    }

    #[cold]
    fn disconnect_if_flushed(&mut self, index: SlotIndex, now: Instant) {
        let connection = self.slots.change(index).open_mut();
        if let Some(reason) = connection.and_then(|open| open.take_finished_linger(now)) {
            self.disconnect_slot(index, reason, now);
        }
    }

    pub(super) fn disconnect_slot(&mut self, index: SlotIndex, why: CloseReason, now: Instant) {
        let reason = DisconnectReason::Local { code: why.code() };
        match self.slots.change(index) {
            PeerState::Connecting(_) => self.end_attempt(index, reason),
            PeerState::Open(connection) => {
                connection.disconnect(why, now);
                self.end_open(index, reason, now);
            }
            PeerState::Pending(_) => self.disconnect_pending(index, why, now),
            PeerState::Free | PeerState::Closing(_) | PeerState::Ended => {}
        }
        self.slots.make_ready(index);
    }

    #[cold]
    pub(super) fn end_by_peer(&mut self, index: SlotIndex, now: Instant) {
        let PeerState::Open(connection) = self.slots[index].state() else {
            return;
        };
        let reason = connection
            .remote_close_reason()
            .cloned()
            .unwrap_or_default();
        let ending = Ending {
            reason: DisconnectReason::Remote {
                code: reason.code(),
            },
            text: reason.into_text(),
        };
        self.end_open(index, ending, now);
    }

    /// Ends a connection for the application. If a disconnect is still to be sent, the slot is
    /// closing.
    pub(super) fn end_open(&mut self, index: SlotIndex, ending: impl Into<Ending>, now: Instant) {
        let Some(connection) = self.slots.change(index).take_open() else {
            return;
        };
        self.counts.open -= 1;
        self.forget_connection(index, &connection);
        let stats = Box::new(connection.stats(now));
        if connection.is_closing() {
            self.begin_closing(index, connection);
        }
        self.emit_disconnected(index, ending.into(), Some(stats));
    }

    pub(super) fn end_attempt(&mut self, index: SlotIndex, reason: DisconnectReason) {
        let Some(attempt) = self.slots.change(index).take_connecting() else {
            return;
        };
        self.counts.connecting -= 1;
        self.forget_address(attempt.to, index);
        self.emit_disconnected(index, reason.into(), None);
    }

    fn emit_disconnected(
        &mut self,
        index: SlotIndex,
        ending: Ending,
        stats: Option<Box<PeerStats>>,
    ) {
        let peer = self.slots.peer_id(index);
        self.slots.bookkeeping(index).disconnect_event_pending = true;
        self.counts.undelivered_disconnects += 1;
        self.events.push_back(Event::Disconnected {
            peer,
            reason: ending.reason,
            text: ending.text,
            stats,
        });
    }

    fn begin_closing(&mut self, index: SlotIndex, connection: Box<Connection>) {
        self.counts.closing += 1;
        *self.slots.change(index) = PeerState::Closing(connection);
        self.slots.make_ready(index);
    }

    pub(super) fn close_finally(&mut self, index: SlotIndex) {
        self.counts.closing -= 1;
        if self.slots[index].disconnect_event_pending {
            *self.slots.change(index) = PeerState::Ended;
        } else {
            self.slots.release(index);
        }
    }

    /// Removes the address from the table if it maps to this slot.
    pub(super) fn forget_address(&mut self, address: SocketAddr, index: SlotIndex) {
        if self.by_address.get(&address) == Some(&index) {
            self.by_address.remove(&address);
        }
    }

    fn forget_connection(&mut self, index: SlotIndex, connection: &Connection) {
        self.forget_address(connection.address, index);
        self.forget_connect(connection, index);
    }

    fn forget_connect(&mut self, connection: &Connection, index: SlotIndex) {
        let key = (connection.connected_from, connection.name);
        if self.by_connect.get(&key) == Some(&index) {
            self.by_connect.remove(&key);
        }
    }
}

/// Events taken by the application.
impl HostState {
    /// Releases what the first event occupies. It is examined in place, so that it is moved only
    /// once.
    #[inline]
    pub(super) fn on_event_taken(&mut self) {
        match self.events.front_mut() {
            Some(Event::Message {
                peer,
                delivery,
                bytes,
                ..
            }) => {
                let (peer, delivery, len) = (*peer, *delivery, bytes.len());
                self.on_message_taken(peer, delivery, len);
            }
            Some(Event::Acked { peer, .. } | Event::Lost { peer, .. }) => {
                if let Some(connection) = self.slots.change(peer.slot()).open_mut() {
                    connection.on_receipt_taken();
                }
            }
            Some(Event::Disconnected { peer, .. }) => {
                let index = peer.slot();
                self.on_disconnect_taken(index);
            }
            Some(Event::Moved { peer, address }) => {
                self.slots.bookkeeping(peer.slot()).move_event_pending = false;
                if let PeerState::Open(connection) = self.slots[peer.slot()].state() {
                    *address = connection.address;
                }
            }
            Some(Event::Connected { .. }) | None => {}
        }
    }

    fn on_message_taken(&mut self, peer: PeerId, delivery: Delivery, len: usize) {
        let index = peer.slot();
        if !delivery.is_reliable() {
            return self.slots.bookkeeping(index).quota.on_taken(len);
        }
        let Some(connection) = self.slots.change(index).open_mut() else {
            return;
        };
        connection.on_message_taken(delivery, len);
        if connection.is_window_due() {
            self.slots.make_ready(index);
        }
    }

    fn on_disconnect_taken(&mut self, index: SlotIndex) {
        self.counts.undelivered_disconnects -= 1;
        self.slots.bookkeeping(index).disconnect_event_pending = false;
        if matches!(self.slots[index].state(), PeerState::Ended) {
            self.slots.release(index);
        }
    }
}
