//! Delivers messages of a peer into the event queue of its host, within the peer's quota.

use std::collections::VecDeque;
use std::time;

use bytes::Bytes;

use crate::limits::{QUEUED_BYTES_MAX, QUEUED_MESSAGES_MAX};
use crate::proto::buffers::Buffers;
use crate::proto::delivery::Delivery;
use crate::proto::event::Event;
use crate::proto::peer_id::PeerId;
use crate::proto::pool::Pool;

#[derive(Debug)]
pub(crate) struct EventSink<'a> {
    pub(crate) peer: PeerId,
    /// When the packet was processed.
    pub(crate) received_at: time::Instant,
    pub(crate) events: &'a mut VecDeque<Event>,
    pub(crate) pool: &'a mut Pool,
    pub(crate) buffers: &'a mut Buffers,
    /// Quota of unreliable and sequenced messages. The receive window limits reliable ones.
    pub(crate) quota: &'a mut QueueQuota,
}

/// Unread unreliable and sequenced messages of a peer.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct QueueQuota {
    messages: usize,
    bytes: usize,
}

impl QueueQuota {
    fn has_room(&self, len: usize) -> bool {
        self.messages < QUEUED_MESSAGES_MAX && self.bytes + len <= QUEUED_BYTES_MAX
    }

    pub(crate) fn on_taken(&mut self, len: usize) {
        self.messages -= 1;
        self.bytes -= len;
    }
}

impl EventSink<'_> {
    pub(super) fn has_room(&self, len: usize) -> bool {
        self.quota.has_room(len)
    }

    pub(super) fn deliver(&mut self, delivery: Delivery, bytes: &[u8]) {
        if self.events.is_empty() {
            self.rewind();
        }
        let bytes = self.pool.copy(bytes);
        self.push(delivery, bytes);
    }

    /// Starts over at the beginning of the chunk, so an application that takes all events once per
    /// tick reuses the same cached memory.
    fn rewind(&mut self) {
        self.events.clear();
        self.pool.rewind();
    }

    /// Delivers a reassembled message without a copy.
    pub(super) fn deliver_owned(&mut self, delivery: Delivery, bytes: Vec<u8>) {
        self.push(delivery, Bytes::from(bytes));
    }

    pub(super) fn deliver_buffer(&mut self, delivery: Delivery, bytes: Vec<u8>) {
        if bytes.len() > crate::limits::FRAGMENT_BYTES {
            return self.deliver_owned(delivery, bytes);
        }
        self.deliver(delivery, &bytes);
        self.buffers.give_back(bytes);
    }

    fn push(&mut self, delivery: Delivery, bytes: Bytes) {
        if !delivery.is_reliable() {
            self.quota.messages += 1;
            self.quota.bytes += bytes.len();
        }
        self.events.push_back(Event::Message {
            peer: self.peer,
            delivery,
            bytes,
            received_at: self.received_at,
        });
    }
}
