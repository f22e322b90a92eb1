//! The receive path: from the connection id of a packet to the events of its peer.

use std::net::SocketAddr;

use crate::proto::channel::receipts::DeliveryOutcome;
use crate::proto::channel::recv::EventSink;
use crate::proto::connection::VerifiedPacket;
use crate::proto::event::Event;
use crate::proto::host::HostState;
use crate::proto::host::slots::PeerState;
use crate::proto::peer_id::PeerId;
use crate::proto::slot_index::SlotIndex;
use crate::proto::time::Instant;
use crate::proto::wire::packet::Header;

impl HostState {
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
        match (self.slots[index].state(), packet.moved_to) {
            (PeerState::Pending(_), None) => self.confirm(index, now),
            // A pending client cannot migrate.
            (PeerState::Pending(_), Some(_)) => return,
            (PeerState::Open(_), Some(address)) => self.migrate(index, address),
            _ => {}
        }
        let is_disconnected = self.handle_frames(index, packet, now);
        self.emit_receipts(index);
        match self.slots[index].state() {
            PeerState::Open(_) if is_disconnected => self.end_by_peer(index, now),
            PeerState::Open(_) => self.finish_linger(index, now),
            PeerState::Closing(connection) if connection.is_over() => self.close_finally(index),
            _ => {}
        }
    }

    /// Returns whether the peer ended the connection.
    fn handle_frames(
        &mut self,
        index: SlotIndex,
        packet: &VerifiedPacket<'_>,
        now: Instant,
    ) -> bool {
        let peer = self.slots.peer_id(index);
        let (state, quota) = self.slots.change_with_quota(index);
        let Some(connection) = state.connection_mut() else {
            return false;
        };
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
        // One queued `Moved` event per peer, with the latest address: migrations must not fill the
        // event queue.
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
