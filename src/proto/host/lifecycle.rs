//! How connections begin, move and end.

use std::net::SocketAddr;

use crate::proto::channel::receipts::DeliveryOutcome;
use crate::proto::channel::recv::EventSink;
use crate::proto::connection::{Connection, VerifiedPacket};
use crate::proto::delivery::Delivery;
use crate::proto::event::{DisconnectReason, Event};
use crate::proto::host::HostState;
use crate::proto::host::client_handshake::ClientHandshake;
use crate::proto::host::slots::{Deadline, PeerSlot, PeerState, PendingPeer};
use crate::proto::peer_id::PeerId;
use crate::proto::time::Instant;
use crate::proto::wire::packet::Header;

impl HostState {
    /// A packet for a connection, which its id names.
    pub(super) fn on_packet(&mut self, from: SocketAddr, bytes: &[u8], now: Instant) {
        let Ok(header) = Header::read(bytes) else {
            self.stats.malformed += 1;
            return;
        };
        let index = header.id.slot();
        let random = &mut self.random;
        let connection = self.slots.get_mut(index).and_then(connection_in);
        let Some(connection) = connection.filter(|connection| connection.local_cid == header.id)
        else {
            self.stats.unknown_connection += 1;
            return;
        };
        let number = header.truncated_number;
        let mut scratch = std::mem::take(&mut self.scratch);
        let verified = connection.verify(from, bytes, &mut scratch, number, random, now);
        if let Some(packet) = verified {
            self.on_verified(index, &packet, now);
        }
        self.scratch = scratch;
        self.settle(index);
        self.mark_heard(index);
    }

    fn on_verified(&mut self, index: usize, packet: &VerifiedPacket<'_>, now: Instant) {
        // Nobody moves before he has arrived.
        let is_pending = matches!(self.slots[index].state, PeerState::PendingPeer(_));
        if is_pending && packet.moved_to.is_none() {
            self.confirm(index);
        }
        match &self.slots[index].state {
            PeerState::Open(_) => self.take_packet(index, packet, now),
            PeerState::Closing(_) => self.take_packet_of_closing(index, packet, now),
            _ => {}
        }
    }

    fn take_packet(&mut self, index: usize, packet: &VerifiedPacket<'_>, now: Instant) {
        if let Some(address) = packet.moved_to {
            self.move_peer(index, address);
        }
        let disconnected = self.hand_over(index, packet, now);
        self.emit_receipts(index);
        if let Some(code) = disconnected {
            self.end_open(index, DisconnectReason::Remote { code });
        }
    }

    /// Only acknowledgements and goodbyes are of interest to it.
    fn take_packet_of_closing(&mut self, index: usize, packet: &VerifiedPacket<'_>, now: Instant) {
        self.hand_over(index, packet, now);
        if let PeerState::Closing(connection) = &self.slots[index].state
            && connection.is_over()
        {
            self.close_finally(index);
        }
    }

    fn hand_over(
        &mut self,
        index: usize,
        packet: &VerifiedPacket<'_>,
        now: Instant,
    ) -> Option<u32> {
        let peer = self.slots.peer_id(index);
        let PeerSlot { state, quota, .. } = &mut self.slots[index];
        let (PeerState::Open(connection) | PeerState::Closing(connection)) = state else {
            return None;
        };
        let mut event_sink = EventSink {
            peer,
            events: &mut self.events,
            pool: &mut self.pool,
            buffers: &mut self.buffers,
            quota,
        };
        connection.take(packet, now, &mut event_sink)
    }

    /// What became of messages, as far as the application wants to know it.
    pub(super) fn emit_receipts(&mut self, index: usize) {
        let peer = self.slots.peer_id(index);
        let PeerState::Open(connection) = &mut self.slots[index].state else {
            return;
        };
        while let Some(outcome) = connection.next_outcome() {
            self.events.push_back(receipt_event(peer, outcome));
        }
    }

    fn move_peer(&mut self, index: usize, address: SocketAddr) {
        let PeerState::Open(connection) = &self.slots[index].state else {
            return;
        };
        self.forget_address(connection.address, index);
        self.by_address.insert(address, index);
        // One that moves again before its event was taken has moved to there: whoever moves all the time
        // must not fill the queue.
        if !std::mem::replace(&mut self.slots[index].move_event_pending, true) {
            let peer = self.slots.peer_id(index);
            self.events.push_back(Event::Moved { peer, address });
        }
    }

    /// The address does not lead to this slot any more, if it did.
    pub(super) fn forget_address(&mut self, address: SocketAddr, index: usize) {
        if self.by_address.get(&address) == Some(&index) {
            self.by_address.remove(&address);
        }
    }

    /// A client that was accepted has shown that it knows: now it is a peer, and whoever was a peer at
    /// its address is none any more. Unless that one came later, and this is a late packet of one who is
    /// no more, or the loser of two hosts that connect to each other.
    fn confirm(&mut self, index: usize) {
        if self.has_newer_peer(index) {
            self.drop_pending(index);
            return;
        }
        let PeerState::PendingPeer(pending) =
            std::mem::replace(&mut self.slots[index].state, PeerState::Free)
        else {
            return;
        };
        let PendingPeer {
            connection,
            payload,
            attempt,
            ..
        } = *pending;
        let address = connection.address;
        self.stats.pending -= 1;
        self.stats.connecting -= usize::from(attempt.is_some());
        self.replace(address, index);
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

    fn has_newer_peer(&self, index: usize) -> bool {
        let PeerState::PendingPeer(pending) = &self.slots[index].state else {
            return false;
        };
        let Some(other) = self.by_address.get(&pending.connection.address) else {
            return false;
        };
        let other = &self.slots[*other];
        matches!(other.state, PeerState::Open(_))
            && other.accepted_as > self.slots[index].accepted_as
    }

    /// The connection in this slot is the newest.
    pub(super) fn count_accepted(&mut self, index: usize) {
        self.accepted += 1;
        self.slots[index].accepted_as = self.accepted;
    }

    fn replace(&mut self, address: SocketAddr, by: usize) {
        let Some(index) = self.by_address.get(&address).copied() else {
            return;
        };
        match &self.slots[index].state {
            PeerState::Open(_) => {
                self.end_open(index, DisconnectReason::Replaced);
            }
            PeerState::Connecting(_) if index != by => {
                self.end_attempt(index, DisconnectReason::Replaced);
            }
            PeerState::PendingPeer(_) if index != by => self.drop_pending(index),
            _ => {}
        }
    }

    /// A newer connection is there. An attempt of ours that stood back for this one is over as well.
    fn drop_pending(&mut self, index: usize) {
        let Some(attempt) = self.take_pending(index) else {
            return;
        };
        self.slots[index].state = PeerState::Connecting(attempt);
        self.end_attempt(index, DisconnectReason::Replaced);
    }

    /// The slot has a peer from now on.
    pub(super) fn open(&mut self, index: usize, connection: Connection) {
        self.by_address.insert(connection.address, index);
        self.slots[index].state = PeerState::Open(Box::new(connection));
        self.stats.peers += 1;
    }

    /// A peer is none any more; if there is something to tell it, that goes on.
    pub(super) fn end_open(&mut self, index: usize, reason: DisconnectReason) {
        let state = std::mem::replace(&mut self.slots[index].state, PeerState::Ended);
        let PeerState::Open(connection) = state else {
            self.slots[index].state = state;
            return;
        };
        self.stats.peers -= 1;
        self.forget_connection(index, &connection);
        if connection.is_closing() {
            self.closing += 1;
            self.slots[index].state = PeerState::Closing(connection);
            self.settle(index);
        }
        self.emit_disconnected(index, reason);
    }

    /// An attempt has failed.
    pub(super) fn end_attempt(&mut self, index: usize, reason: DisconnectReason) {
        let state = std::mem::replace(&mut self.slots[index].state, PeerState::Ended);
        let PeerState::Connecting(attempt) = state else {
            self.slots[index].state = state;
            return;
        };
        self.stats.connecting -= 1;
        self.forget_address(attempt.to, index);
        self.emit_disconnected(index, reason);
    }

    fn emit_disconnected(&mut self, index: usize, reason: DisconnectReason) {
        let peer = self.slots.peer_id(index);
        let slot = &mut self.slots[index];
        slot.disconnect_event_pending = true;
        slot.deadline = Deadline::Unknown;
        self.undelivered_disconnects += 1;
        self.events.push_back(Event::Disconnected { peer, reason });
    }

    pub(super) fn forget_connection(&mut self, index: usize, connection: &Connection) {
        self.forget_address(connection.address, index);
        self.forget_connect(connection, index);
    }

    fn forget_connect(&mut self, connection: &Connection, index: usize) {
        let key = (connection.connected_from, connection.name);
        if self.by_connect.get(&key) == Some(&index) {
            self.by_connect.remove(&key);
        }
    }

    pub(super) fn disconnect_slot(&mut self, index: usize, code: u32, now: Instant) {
        let reason = DisconnectReason::Local { code };
        match &mut self.slots[index].state {
            PeerState::Connecting(_) => self.end_attempt(index, reason),
            PeerState::Open(connection) => {
                connection.disconnect(code, now);
                self.end_open(index, reason);
            }
            PeerState::PendingPeer(_) => self.disconnect_pending(index, code, now),
            PeerState::Free | PeerState::Closing(_) | PeerState::Ended => {}
        }
        self.settle(index);
    }

    /// The application knows of it only if it stands where an attempt of ours was.
    fn disconnect_pending(&mut self, index: usize, code: u32, now: Instant) {
        let PeerState::PendingPeer(mut pending) =
            std::mem::replace(&mut self.slots[index].state, PeerState::Ended)
        else {
            return;
        };
        self.stats.pending -= 1;
        self.forget_connection(index, &pending.connection);
        pending.connection.disconnect(code, now);
        self.closing += 1;
        self.slots[index].state = PeerState::Closing(Box::new(pending.connection));
        if let Some(attempt) = pending.attempt {
            self.stats.connecting -= 1;
            self.forget_address(attempt.to, index);
            self.emit_disconnected(index, DisconnectReason::Local { code });
        }
        self.settle(index);
    }

    /// Nobody showed that he knew that he was accepted. An attempt of ours that stood back goes on.
    pub(super) fn expire_pending(&mut self, index: usize, now: Instant) {
        self.stats.pending_expired += 1;
        let Some(attempt) = self.take_pending(index) else {
            return;
        };
        let (is_given_up, reason) = (attempt.is_given_up(now), attempt.why_unanswered());
        self.slots[index].state = PeerState::Connecting(attempt);
        if is_given_up {
            self.end_attempt(index, reason);
        }
    }

    /// Forgets a connection that nobody was told of; its slot is free, unless an attempt of ours is left
    /// that stood back for it.
    fn take_pending(&mut self, index: usize) -> Option<Box<ClientHandshake>> {
        let state = std::mem::replace(&mut self.slots[index].state, PeerState::Free);
        let PeerState::PendingPeer(pending) = state else {
            self.slots[index].state = state;
            return None;
        };
        self.stats.pending -= 1;
        self.forget_connect(&pending.connection, index);
        if pending.attempt.is_none() {
            self.timers.remove(index);
            self.slots.release(index);
        }
        pending.attempt
    }

    /// A closed connection has nothing more to say.
    pub(super) fn close_finally(&mut self, index: usize) {
        self.closing -= 1;
        self.timers.remove(index);
        if self.slots[index].disconnect_event_pending {
            self.slots[index].state = PeerState::Ended;
        } else {
            self.slots.release(index);
        }
    }

    fn on_message_taken(&mut self, peer: PeerId, delivery: Delivery, len: usize) {
        let index = peer.slot();
        let slot = &mut self.slots[index];
        if !delivery.is_reliable() {
            return slot.quota.on_taken(len);
        }
        let PeerState::Open(connection) = &mut slot.state else {
            return;
        };
        connection.on_message_taken(delivery, len);
        if connection.is_window_due() {
            self.settle(index);
        }
    }

    /// The application has taken an event: there is room again.
    pub(super) fn on_event_taken(&mut self, event: &mut Event) {
        match event {
            Event::Message {
                peer,
                delivery,
                bytes,
            } => self.on_message_taken(*peer, *delivery, bytes.len()),
            Event::Acked { peer, .. } | Event::Lost { peer, .. } => {
                if let PeerState::Open(connection) = &mut self.slots[peer.slot()].state {
                    connection.on_receipt_taken();
                }
            }
            Event::Disconnected { peer, .. } => {
                self.undelivered_disconnects -= 1;
                let index = peer.slot();
                self.slots[index].disconnect_event_pending = false;
                if matches!(self.slots[index].state, PeerState::Ended) {
                    self.timers.remove(index);
                    self.slots.release(index);
                }
            }
            Event::Moved { peer, address } => {
                let slot = &mut self.slots[peer.slot()];
                slot.move_event_pending = false;
                if let PeerState::Open(connection) = &slot.state {
                    *address = connection.address;
                }
            }
            Event::Connected { .. } => {}
        }
    }
}

fn receipt_event(peer: PeerId, outcome: DeliveryOutcome) -> Event {
    let receipt = outcome.receipt;
    if outcome.arrived {
        Event::Acked { peer, receipt }
    } else {
        Event::Lost { peer, receipt }
    }
}

/// The connection in a slot, whatever its state.
fn connection_in(slot: &mut PeerSlot) -> Option<&mut Connection> {
    match &mut slot.state {
        PeerState::PendingPeer(pending) => Some(&mut pending.connection),
        PeerState::Open(connection) | PeerState::Closing(connection) => Some(connection),
        PeerState::Free | PeerState::Connecting(_) | PeerState::Ended => None,
    }
}
