//! Receiving one stream of reliable messages: an ordered channel, or all unordered ones.

use std::collections::VecDeque;

use crate::limits::{CHANNEL_KEPT, RELIABLE_OPEN_MAX};
use crate::proto::buffers::shed;
use crate::proto::channel::recv::event_sink::EventSink;
use crate::proto::channel::recv::flow_control::ReceiveWindow;
use crate::proto::channel::recv::reassembly::Reassembly;
use crate::proto::channel::recv::{RecvOutcome, Refused};
use crate::proto::delivery::Delivery;
use crate::proto::wire::message::{FragmentHeader, MessageFrame};

#[derive(Debug)]
pub(super) struct RecvStream {
    pub(super) delivery: Delivery,
    /// Sequence of the first message that was not delivered.
    next: u64,
    /// Messages from `next` on, by ascending sequence. Each occupies part of the receive window,
    /// except delivered unordered messages, which are limited by [`RELIABLE_OPEN_MAX`].
    entries: VecDeque<(u64, StreamEntry)>,
}

#[derive(Debug)]
enum StreamEntry {
    /// Some of its fragments have arrived.
    Partial(Box<Reassembly>),
    /// Complete, and waiting for an earlier message.
    Waiting(Vec<u8>),
    Delivered,
}

pub(crate) const STREAM_ENTRY_BYTES: usize = size_of::<(u64, StreamEntry)>();

impl RecvStream {
    pub(super) fn new(delivery: Delivery) -> Self {
        Self {
            delivery,
            next: 0,
            entries: VecDeque::new(),
        }
    }

    #[cfg(test)]
    pub(super) fn starting_at(delivery: Delivery, next: u64) -> Self {
        Self {
            next,
            ..Self::new(delivery)
        }
    }

    pub(super) fn shed_all(&mut self) {
        shed(&mut self.entries);
    }

    /// Duplicates are accepted: their acknowledgement was lost.
    pub(super) fn accept(
        &mut self,
        frame: &MessageFrame<'_>,
        window: &mut ReceiveWindow,
        event_sink: &mut EventSink<'_>,
    ) -> Result<RecvOutcome, Refused> {
        let sequence = frame.head.sequence;
        if sequence < self.next {
            return Ok(RecvOutcome::Duplicate);
        }
        if sequence - self.next >= RELIABLE_OPEN_MAX as u64 {
            return Err(Refused);
        }
        match frame.head.fragment {
            None => self.accept_whole(sequence, frame.bytes, window, event_sink),
            Some(fragment) => {
                self.accept_fragment(sequence, fragment, frame.bytes, window, event_sink)
            }
        }
    }

    fn accept_whole(
        &mut self,
        sequence: u64,
        bytes: &[u8],
        window: &mut ReceiveWindow,
        event_sink: &mut EventSink<'_>,
    ) -> Result<RecvOutcome, Refused> {
        let place = match self.find(sequence) {
            Err(place) => place,
            Ok(place) if matches!(self.entries[place].1, StreamEntry::Partial(_)) => {
                return Err(Refused);
            }
            Ok(_) => return Ok(RecvOutcome::Duplicate),
        };
        if !window.begin(bytes.len()) {
            return Err(Refused);
        }
        if self.must_wait(sequence) {
            let waiting = StreamEntry::Waiting(event_sink.buffers.copy(bytes));
            self.entries.insert(place, (sequence, waiting));
            return Ok(RecvOutcome::Buffered);
        }
        event_sink.deliver(self.delivery, bytes);
        self.on_delivered(sequence, event_sink);
        Ok(RecvOutcome::Delivered)
    }

    fn accept_fragment(
        &mut self,
        sequence: u64,
        fragment: FragmentHeader,
        bytes: &[u8],
        window: &mut ReceiveWindow,
        event_sink: &mut EventSink<'_>,
    ) -> Result<RecvOutcome, Refused> {
        let place = self.find_or_begin(sequence, fragment.total, window)?;
        let StreamEntry::Partial(assembly) = &mut self.entries[place].1 else {
            return Ok(RecvOutcome::Duplicate);
        };
        if !assembly.insert(fragment, bytes) {
            return Err(Refused);
        }
        if !assembly.is_complete() {
            return Ok(RecvOutcome::Buffered);
        }
        let bytes = assembly.take_bytes();
        if self.must_wait(sequence) {
            self.entries[place].1 = StreamEntry::Waiting(bytes);
            return Ok(RecvOutcome::Buffered);
        }
        self.entries.remove(place);
        event_sink.deliver_owned(self.delivery, bytes);
        self.on_delivered(sequence, event_sink);
        Ok(RecvOutcome::Delivered)
    }

    fn find_or_begin(
        &mut self,
        sequence: u64,
        total: u32,
        window: &mut ReceiveWindow,
    ) -> Result<usize, Refused> {
        let place = match self.find(sequence) {
            Ok(place) => return Ok(place),
            Err(place) => place,
        };
        if !window.begin(total as usize) {
            return Err(Refused);
        }
        let partial = StreamEntry::Partial(Box::new(Reassembly::new(total)));
        self.entries.insert(place, (sequence, partial));
        Ok(place)
    }

    pub(super) fn shed(&mut self) {
        let (len, capacity) = (self.entries.len(), self.entries.capacity());
        if capacity > CHANNEL_KEPT && len < capacity / 4 {
            self.entries.shrink_to(CHANNEL_KEPT.max(2 * len));
        }
    }

    /// Index of a message, or where to insert it.
    fn find(&self, sequence: u64) -> Result<usize, usize> {
        self.entries
            .binary_search_by_key(&sequence, |(sequence, _)| *sequence)
    }

    fn must_wait(&self, sequence: u64) -> bool {
        sequence > self.next && self.delivery != Delivery::Reliable
    }

    /// Delivers the messages that waited only for this one.
    fn on_delivered(&mut self, sequence: u64, event_sink: &mut EventSink<'_>) {
        if sequence > self.next {
            let place = self.find(sequence).unwrap_or_else(|place| place);
            self.entries
                .insert(place, (sequence, StreamEntry::Delivered));
            return;
        }
        self.next += 1;
        while let Some((sequence, entry)) = self.entries.front_mut() {
            match entry {
                _ if *sequence != self.next => return,
                StreamEntry::Partial(_) => return,
                StreamEntry::Delivered => {}
                StreamEntry::Waiting(bytes) => {
                    event_sink.deliver_buffer(self.delivery, std::mem::take(bytes));
                }
            }
            self.entries.pop_front();
            self.next += 1;
        }
    }
}

#[cfg(test)]
mod tests;
