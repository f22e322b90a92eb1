//! Receiving unreliable and sequenced messages: stale detection and reassembly.

use std::collections::VecDeque;

use crate::limits::UNRELIABLE_INCOMPLETE_MAX;
use crate::proto::buffers::shed;
use crate::proto::channel::recv::event_sink::EventSink;
use crate::proto::channel::recv::reassembly::Reassembly;
use crate::proto::channel::recv::{RecvOutcome, Refused};
use crate::proto::delivery::Delivery;
use crate::proto::wire::message::{FragmentHeader, MessageFrame};

/// Allocates on first use.
#[derive(Debug, Default)]
pub(super) struct UnreliableReceiver {
    /// Per channel, the first sequence that is not stale.
    channels: Vec<(u8, u64)>,
    /// Incomplete messages, oldest first.
    incomplete: VecDeque<PartialMessage>,
    /// Unreliable messages below this sequence that are not in `incomplete` were abandoned.
    given_up: u64,
    /// Number of incomplete messages dropped.
    abandoned: u64,
}

#[derive(Debug)]
struct PartialMessage {
    delivery: Delivery,
    sequence: u64,
    assembly: Reassembly,
}

/// Memory of an incomplete message in bytes, besides its content.
pub(crate) const INCOMPLETE_BYTES: usize = 2 * size_of::<PartialMessage>();

impl UnreliableReceiver {
    pub(super) fn shed(&mut self) {
        shed(&mut self.incomplete);
    }

    /// A refused message counts as lost for its sender.
    pub(super) fn accept(
        &mut self,
        frame: &MessageFrame<'_>,
        event_sink: &mut EventSink<'_>,
    ) -> Result<RecvOutcome, Refused> {
        if self.is_too_late(frame.head.delivery, frame.head.sequence) {
            return Ok(RecvOutcome::Stale);
        }
        match frame.head.fragment {
            None => self.accept_whole(frame, event_sink),
            Some(fragment) => self.accept_fragment(frame, fragment, event_sink),
        }
    }

    /// Number of incomplete messages dropped.
    pub(super) fn abandoned(&self) -> u64 {
        self.abandoned
    }

    fn is_too_late(&self, delivery: Delivery, sequence: u64) -> bool {
        let Delivery::Sequenced(channel) = delivery else {
            return false;
        };
        let known = self.channels.iter().find(|(number, _)| *number == channel);
        known.is_some_and(|(_, next)| sequence < *next)
    }

    fn accept_whole(
        &mut self,
        frame: &MessageFrame<'_>,
        event_sink: &mut EventSink<'_>,
    ) -> Result<RecvOutcome, Refused> {
        if !event_sink.has_room(frame.bytes.len()) {
            return Err(Refused);
        }
        event_sink.deliver(frame.head.delivery, frame.bytes);
        self.pass(frame.head.delivery, frame.head.sequence);
        Ok(RecvOutcome::Delivered)
    }

    fn accept_fragment(
        &mut self,
        frame: &MessageFrame<'_>,
        fragment: FragmentHeader,
        event_sink: &mut EventSink<'_>,
    ) -> Result<RecvOutcome, Refused> {
        let (delivery, sequence) = (frame.head.delivery, frame.head.sequence);
        let index = self.find_or_begin(delivery, sequence, fragment.total)?;
        let assembly = &mut self.incomplete[index].assembly;
        if !assembly.insert(fragment, frame.bytes) {
            return Err(Refused);
        }
        if !assembly.is_complete() {
            return Ok(RecvOutcome::Buffered);
        }
        let Some(mut complete) = self.incomplete.remove(index) else {
            return Err(Refused);
        };
        if !event_sink.has_room(fragment.total as usize) {
            return Err(Refused);
        }
        event_sink.deliver_owned(delivery, complete.assembly.take_bytes());
        self.pass(delivery, sequence);
        Ok(RecvOutcome::Delivered)
    }

    fn find_or_begin(
        &mut self,
        delivery: Delivery,
        sequence: u64,
        total: u32,
    ) -> Result<usize, Refused> {
        let is_it = |one: &PartialMessage| one.delivery == delivery && one.sequence == sequence;
        if let Some(index) = self.incomplete.iter().position(is_it) {
            return Ok(index);
        }
        // A fragment of an abandoned message. Its other fragments were acknowledged, so this one
        // must not be: the sender would report the message as delivered.
        if delivery == Delivery::Unreliable && sequence < self.given_up {
            return Err(Refused);
        }
        if self.incomplete.len() == UNRELIABLE_INCOMPLETE_MAX {
            self.give_up_oldest();
            if self.is_too_late(delivery, sequence) {
                return Err(Refused);
            }
        }
        self.incomplete.push_back(PartialMessage {
            delivery,
            sequence,
            assembly: Reassembly::new(total),
        });
        Ok(self.incomplete.len() - 1)
    }

    fn give_up_oldest(&mut self) {
        let Some(oldest) = self.incomplete.pop_front() else {
            return;
        };
        self.abandoned += 1;
        match oldest.delivery {
            Delivery::Sequenced(_) => self.pass(oldest.delivery, oldest.sequence),
            _ => self.given_up = self.given_up.max(oldest.sequence + 1),
        }
    }

    fn pass(&mut self, delivery: Delivery, sequence: u64) {
        let Delivery::Sequenced(channel) = delivery else {
            return;
        };
        let known = self
            .channels
            .iter_mut()
            .find(|(number, _)| *number == channel);
        match known {
            Some((_, next)) => *next = (*next).max(sequence + 1),
            None => self.channels.push((channel, sequence + 1)),
        }
        if !self.incomplete.is_empty() {
            let before = self.incomplete.len();
            self.incomplete
                .retain(|one| one.delivery != delivery || one.sequence > sequence);
            self.abandoned += (before - self.incomplete.len()) as u64;
        }
    }
}

#[cfg(test)]
mod tests;
