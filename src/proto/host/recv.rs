//! The way of a received packet: from its connection id to the events of its peer.

use std::net::SocketAddr;

use crate::proto::channel::receipts::DeliveryOutcome;
use crate::proto::channel::recv::EventSink;
use crate::proto::close_reason::CloseReason;
use crate::proto::connection::VerifiedPacket;
use crate::proto::event::Event;
use crate::proto::host::HostState;
use crate::proto::host::lifecycle::Ending;
use crate::proto::host::slots::PeerState;
use crate::proto::peer_id::PeerId;
use crate::proto::slot_index::SlotIndex;
use crate::proto::time::Instant;
use crate::proto::wire::packet::Header;

impl HostState {
    /// Handles a packet of a connection, which is found by the connection id and not by the address.
    pub(super) fn on_packet(&mut self, from: SocketAddr, bytes: &[u8], now: Instant) {
        let Ok(header) = Header::read(bytes) else {
            self.stats.malformed += 1;
            return;
        };
        let index = header.id.slot();
        let Some(connection) = self.slots.change_connection(header.id) else {
            self.stats.unknown_connection += 1;
            return;
        };
        let mut scratch = std::mem::take(&mut self.scratch);
        let random = &mut self.random;
        let number = header.truncated_number;
        let verified = connection.verify(from, bytes, &mut scratch, number, random, now);
        if let Some(packet) = verified {
            self.on_verified(index, &packet, now);
        }
        self.scratch = scratch;
        self.slots.make_ready(index);
        self.slots.mark_heard(index);
    }

    fn on_verified(&mut self, index: SlotIndex, packet: &VerifiedPacket<'_>, now: Instant) {
        // A pending client cannot migrate.
        let is_pending = matches!(self.slots[index].state(), PeerState::Pending(_));
        if is_pending && packet.moved_to.is_none() {
            self.confirm(index, now);
        }
        match self.slots[index].state() {
            PeerState::Open(_) => self.on_packet_of_peer(index, packet, now),
            PeerState::Closing(_) => self.on_packet_of_closing(index, packet, now),
            _ => {}
        }
    }

    fn on_packet_of_peer(&mut self, index: SlotIndex, packet: &VerifiedPacket<'_>, now: Instant) {
        if let Some(address) = packet.moved_to {
            self.migrate(index, address);
        }
        let disconnected = self.handle_frames(index, packet, now);
        self.emit_receipts(index);
        match disconnected {
            Some(reason) => self.end_open(index, Ending::remote(reason), now),
            None => self.finish_linger(index, now),
        }
    }

    /// Only acknowledgements and disconnects matter to a closing connection.
    fn on_packet_of_closing(
        &mut self,
        index: SlotIndex,
        packet: &VerifiedPacket<'_>,
        now: Instant,
    ) {
        self.handle_frames(index, packet, now);
        let state = self.slots[index].state();
        if matches!(state, PeerState::Closing(connection) if connection.is_over()) {
            self.close_finally(index);
        }
    }

    /// Returns why the peer ended the connection, if it did.
    fn handle_frames(
        &mut self,
        index: SlotIndex,
        packet: &VerifiedPacket<'_>,
        now: Instant,
    ) -> Option<CloseReason> {
        let peer = self.slots.peer_id(index);
        let (state, quota) = self.slots.change_with_quota(index);
        let connection = state.connection_mut()?;
        let mut event_sink = EventSink {
            peer,
            received_at: self.clock.latest(),
            events: &mut self.events,
            pool: &mut self.pool,
            buffers: &mut self.buffers,
            quota,
        };
        connection.take(packet, now, &mut event_sink)
    }

    /// Turns the outcome of tracked messages into events.
    pub(super) fn emit_receipts(&mut self, index: SlotIndex) {
        match self.slots[index].state() {
            PeerState::Open(connection) if connection.has_outcomes() => {}
            _ => return,
        }
        let peer = self.slots.peer_id(index);
        let Some(connection) = self.slots.change(index).open_mut() else {
            return;
        };
        while let Some(outcome) = connection.next_outcome() {
            self.events.push_back(receipt_event(peer, outcome));
        }
    }

    fn migrate(&mut self, index: SlotIndex, address: SocketAddr) {
        let PeerState::Open(connection) = self.slots[index].state() else {
            return;
        };
        self.forget_address(connection.address, index);
        self.by_address.insert(address, index);
        // At most one `Moved` event per peer is queued, with the latest address: a peer that moves all the time
        // must not fill the event queue.
        let slot = self.slots.bookkeeping(index);
        if !std::mem::replace(&mut slot.move_event_pending, true) {
            let peer = self.slots.peer_id(index);
            self.events.push_back(Event::Moved { peer, address });
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
