//! Sending reliable and ordered messages: scheduling, retransmission and flow control.

use std::collections::VecDeque;

use crate::limits::{QUEUED_MESSAGES_MAX, RELIABLE_OPEN_MAX, ROOMY_CHANNELS};
use crate::proto::buffers::Buffers;
use crate::proto::buffers::shed;
use crate::proto::channel::receipts::Receipts;
use crate::proto::channel::send::redundancy::{RedundantCopies, RedundantCopy};
use crate::proto::channel::send::stream::{FragmentKey, ReliableMessage, SendStream};
use crate::proto::delivery::{Delivery, Receipt};
use crate::proto::recovery::sent_packets::{SentFrame, SentFrames};
use crate::proto::time::{Duration, Instant};
use crate::proto::wire::Writer;

/// Allocates on first use.
#[derive(Debug)]
pub(super) struct ReliableQueue {
    /// In order of first use; at most 257.
    streams: Vec<SendStream>,
    /// Round-robin position for the next new message.
    turn: usize,
    /// Fragments whose packet was lost.
    lost: VecDeque<(u16, FragmentKey)>,
    copies: RedundantCopies,
    redundancy: u8,
    /// Flow control limit of the peer, and bytes of started messages, since the start of the
    /// connection.
    window: u64,
    begun_bytes: u64,
    open: usize,
    /// Messages that were not started, or with unsent fragments.
    unsent: usize,
    /// Unacknowledged messages, their bytes, and the limit of these.
    queued_messages: usize,
    queued_bytes: usize,
    queued_bytes_max: usize,
    pub(super) counts: ReliableCounters,
}

pub(crate) const LOST_BYTES: usize = size_of::<(u16, FragmentKey)>();

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ReliableCounters {
    /// Messages and fragments that were retransmitted after a loss or a probe timeout.
    pub(crate) retransmitted: u64,
    pub(crate) copies_sent: u64,
    /// Lost packets whose messages had arrived with a copy.
    pub(crate) copies_useful: u64,
}

pub(super) struct PacketBuilder<'a, 'b> {
    pub(super) writer: &'a mut Writer<'b>,
    pub(super) frames: &'a mut SentFrames,
    pub(super) number: u64,
    pub(super) now: Instant,
    /// Estimated time until the next packet.
    pub(super) patience: Duration,
    pub(super) is_lossy: bool,
}

impl ReliableQueue {
    pub(super) fn new(redundancy: u8, window: u64, queued_bytes_max: usize) -> Self {
        Self {
            streams: Vec::new(),
            turn: 0,
            lost: VecDeque::new(),
            copies: RedundantCopies::default(),
            redundancy,
            window,
            begun_bytes: 0,
            open: 0,
            unsent: 0,
            queued_messages: 0,
            queued_bytes: 0,
            queued_bytes_max,
            counts: ReliableCounters::default(),
        }
    }

    pub(super) fn has_room(&self, len: usize) -> bool {
        self.queued_messages < QUEUED_MESSAGES_MAX
            && self.queued_bytes + len <= self.queued_bytes_max
    }

    /// Queues a message. Requires [`has_room`](Self::has_room).
    pub(super) fn push(
        &mut self,
        delivery: Delivery,
        message: &[u8],
        receipt: Option<Receipt>,
        buffers: &mut Buffers,
    ) {
        self.queued_messages += 1;
        self.queued_bytes += message.len();
        self.unsent += 1;
        let stream = self.stream_of(delivery);
        stream.push(buffers.copy(message), receipt);
    }

    fn stream_of(&mut self, delivery: Delivery) -> &mut SendStream {
        let is_it = |stream: &SendStream| stream.delivery == delivery;
        let index = self.streams.iter().position(is_it).unwrap_or_else(|| {
            self.streams.push(SendStream::new(delivery));
            self.streams.len() - 1
        });
        &mut self.streams[index]
    }

    #[cfg(test)]
    pub(super) fn start_at(&mut self, delivery: Delivery, first: u64) {
        self.streams.push(SendStream::starting_at(delivery, first));
    }

    pub(super) fn queued(&self) -> (usize, usize) {
        (self.queued_messages, self.queued_bytes)
    }

    /// Whether new or lost messages can be sent.
    pub(super) fn has_something(&self) -> bool {
        !self.lost.is_empty() || self.next_unsent().is_some()
    }

    /// Whether only flow control blocks messages.
    pub(super) fn is_blocked(&self) -> bool {
        self.unsent > 0 && !self.has_something()
    }

    pub(super) fn shed(&mut self) {
        self.streams.iter_mut().for_each(SendStream::shed_all);
        shed(&mut self.lost);
        self.copies.shed();
    }

    pub(super) fn copies_alone_at(&self, patience: Duration) -> Option<Instant> {
        self.copies.alone_at(patience)
    }

    pub(super) fn on_window(&mut self, window: u64) {
        self.window = self.window.max(window);
    }
}

impl ReliableQueue {
    /// Writes lost fragments, then copies, then new messages. Returns whether the packet contains
    /// new messages.
    pub(super) fn write(&mut self, packet: &mut PacketBuilder<'_, '_>) -> bool {
        self.write_lost(packet);
        self.write_copies(packet);
        let unsent = self.unsent;
        self.write_unsent(packet);
        self.unsent < unsent
    }

    fn write_lost(&mut self, packet: &mut PacketBuilder<'_, '_>) {
        while let Some((stream, key)) = self.lost.front().copied() {
            let message = self.streams[usize::from(stream)].get_mut(key.sequence);
            let is_missing = message.is_some_and(|message| !message.has_arrived(key.fragment));
            if is_missing {
                if !self.write_one(stream, key, false, packet) {
                    return;
                }
                self.counts.retransmitted += 1;
            }
            self.lost.pop_front();
        }
    }

    pub(super) fn write_copies(&mut self, packet: &mut PacketBuilder<'_, '_>) {
        while let Some(copy) = self.copies.due(packet.patience, packet.now) {
            let message = self.streams[usize::from(copy.stream)].get_mut(copy.key.sequence);
            let copies = message.map(|message| message.copies);
            if copies.is_some() && !self.write_one(copy.stream, copy.key, false, packet) {
                return;
            }
            self.copies.pop_due(packet.now);
            if let Some(copies) = copies {
                self.on_copy_sent(copy, copies + 1, packet);
            }
        }
    }

    fn on_copy_sent(&mut self, copy: RedundantCopy, copies: u8, packet: &PacketBuilder<'_, '_>) {
        self.counts.copies_sent += 1;
        let stream = &mut self.streams[usize::from(copy.stream)];
        if let Some(message) = stream.get_mut(copy.key.sequence) {
            message.copies = copies.min(u8::MAX - 1);
        }
        let at = packet.now;
        if copies < self.redundancy {
            self.copies.push_soon(RedundantCopy { at, ..copy });
        } else if packet.is_lossy {
            self.copies.push_later(RedundantCopy { at, ..copy });
        }
    }

    fn write_unsent(&mut self, packet: &mut PacketBuilder<'_, '_>) {
        while let Some((index, key)) = self.next_unsent() {
            #[allow(clippy::cast_possible_truncation, reason = "at most 257 streams")]
            let stream = index as u16;
            if !self.write_one(stream, key, true, packet) {
                return;
            }
            let was_begun = key.fragment > 0;
            self.begun_bytes += self.streams[index].on_sent_first(key);
            self.open += usize::from(!was_begun);
            self.turn = index + 1;
            self.on_first_sent(stream, key, packet.now);
        }
    }

    fn on_first_sent(&mut self, stream: u16, key: FragmentKey, now: Instant) {
        let of = &mut self.streams[usize::from(stream)];
        let is_all = of.is_between_messages();
        let message = of.get_mut(key.sequence);
        let is_small = message.is_some_and(|message| message.is_small());
        self.unsent -= usize::from(is_all);
        if is_small && self.redundancy > 0 {
            self.copies.push_soon(RedundantCopy {
                stream,
                key,
                at: now,
            });
        }
    }

    /// Streams take turns, so a long message blocks only its own channel.
    #[inline]
    fn next_unsent(&self) -> Option<(usize, FragmentKey)> {
        // Fast path: usually there is nothing to send.
        if self.unsent == 0 {
            return None;
        }
        self.next_unsent_in_turn()
    }

    fn next_unsent_in_turn(&self) -> Option<(usize, FragmentKey)> {
        let count = self.streams.len();
        let credit = self.window.saturating_sub(self.begun_bytes);
        let turns = (self.turn..count).chain(0..self.turn.min(count));
        for index in turns {
            let key = self.streams[index].next_unsent(credit);
            // A started message continues, regardless of the number of open messages.
            let is_allowed = |key: &FragmentKey| key.fragment > 0 || self.open < RELIABLE_OPEN_MAX;
            if let Some(key) = key.filter(is_allowed) {
                return Some((index, key));
            }
        }
        None
    }

    /// Returns `false` if the message or fragment does not fit.
    fn write_one(
        &mut self,
        stream: u16,
        key: FragmentKey,
        is_first: bool,
        packet: &mut PacketBuilder<'_, '_>,
    ) -> bool {
        let of = &mut self.streams[usize::from(stream)];
        let delivery = of.delivery;
        let Some(message) = of.get_mut(key.sequence) else {
            return true; // acknowledged meanwhile
        };
        let head = message.head(delivery, key);
        if !packet.frames.has_room() || head.encoded_len() + head.len > packet.writer.room() {
            return false;
        }
        head.write(packet.writer);
        packet.writer.bytes(message.fragment(&head));
        message.last_packet = packet.number;
        packet.frames.push(SentFrame::Reliable {
            stream,
            is_first: is_first && self.redundancy > 0 && message.is_small(),
            fragment: key.fragment,
            sequence: key.sequence,
        });
        true
    }
}

impl ReliableQueue {
    pub(super) fn on_acked(
        &mut self,
        stream: u16,
        key: FragmentKey,
        receipts: &mut Receipts,
        buffers: &mut Buffers,
    ) {
        let of = &mut self.streams[usize::from(stream)];
        let needs_no_order = of.delivery == Delivery::Reliable;
        let Some(message) = of.on_acked(key) else {
            return;
        };
        self.queued_messages -= 1;
        self.queued_bytes -= message.bytes.len();
        if needs_no_order {
            message.tell_arrival(receipts);
        }
        buffers.give_back(std::mem::take(&mut message.bytes));
        self.open -= of.forget_acked(receipts);
        if usize::from(stream) >= ROOMY_CHANNELS {
            of.shed();
        }
        self.forget_copies();
    }

    fn forget_copies(&mut self) {
        let streams = &mut self.streams;
        self.copies.forget(|copy| {
            let stream = &mut streams[usize::from(copy.stream)];
            stream.get_mut(copy.key.sequence).is_none()
        });
    }

    pub(super) fn on_lost(&mut self, stream: u16, key: FragmentKey, is_first: bool, number: u64) {
        let message = self.streams[usize::from(stream)].get_mut(key.sequence);
        let Some(message) = message.filter(|message| !message.has_arrived(key.fragment)) else {
            self.counts.copies_useful += u64::from(is_first);
            return;
        };
        // Otherwise a later packet with it is in flight.
        if message.is_cut() || message.last_packet == number {
            self.lost.push_back((stream, key));
        }
    }

    /// Retransmits with the next packet. Returns `false` if the fragment is acknowledged.
    pub(super) fn on_probe(&mut self, stream: u16, key: FragmentKey) -> bool {
        let message = self.streams[usize::from(stream)].get_mut(key.sequence);
        let is_missing =
            message.is_some_and(|message: &mut ReliableMessage| !message.has_arrived(key.fragment));
        if is_missing && !self.lost.contains(&(stream, key)) {
            self.lost.push_back((stream, key));
        }
        is_missing
    }
}

#[cfg(test)]
mod tests;
