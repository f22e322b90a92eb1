//! Sending one stream of reliable messages: an ordered channel, or all unordered ones.

use std::collections::VecDeque;

use crate::limits::{CHANNEL_KEPT, FRAGMENT_BYTES, MESSAGE_OVERHEAD, REDUNDANT_MESSAGE_MAX};
use crate::proto::buffers::shed;
use crate::proto::channel::receipts::Receipts;
use crate::proto::delivery::{Delivery, Receipt};
use crate::proto::wire::message::{FragmentHeader, MessageHeader};

#[derive(Debug)]
pub(super) struct SendStream {
    pub(super) delivery: Delivery,
    /// Sequence of the first message in `messages`.
    first: u64,
    /// Unacknowledged messages, and acknowledged ones behind them.
    messages: VecDeque<ReliableMessage>,
    /// Number of started messages, from the front.
    begun: usize,
    /// The next fragment of the last started message, if some are unsent.
    next_fragment: Option<u32>,
    /// Bytes of the flow control window in use.
    held: u64,
}

#[derive(Debug)]
pub(super) struct ReliableMessage {
    /// Empty once it was acknowledged.
    pub(super) bytes: Vec<u8>,
    len: u32,
    pub(super) is_acked: bool,
    pub(super) copies: u8,
    pub(super) receipt: Option<Receipt>,
    pub(super) last_packet: u64,
    fragments: Option<Box<FragmentStates>>,
}

#[derive(Debug)]
struct FragmentStates {
    acked: Vec<u64>,
    missing: u32,
}

/// Memory of a message in bytes, besides its content.
pub(crate) const MESSAGE_BYTES: usize = size_of::<ReliableMessage>();

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FragmentKey {
    pub(super) sequence: u64,
    /// Zero for a whole message.
    pub(super) fragment: u32,
}

impl SendStream {
    pub(super) fn new(delivery: Delivery) -> Self {
        Self {
            delivery,
            first: 0,
            messages: VecDeque::new(),
            begun: 0,
            next_fragment: None,
            held: 0,
        }
    }

    #[cfg(test)]
    pub(super) fn starting_at(delivery: Delivery, first: u64) -> Self {
        Self {
            first,
            ..Self::new(delivery)
        }
    }

    #[allow(clippy::cast_possible_truncation, reason = "at most 16 MiB")]
    pub(super) fn push(&mut self, bytes: Vec<u8>, receipt: Option<Receipt>) {
        let len = bytes.len() as u32;
        let fragments = (bytes.len() > FRAGMENT_BYTES).then(|| Box::new(FragmentStates::new(len)));
        self.messages.push_back(ReliableMessage {
            bytes,
            len,
            is_acked: false,
            copies: 0,
            receipt,
            last_packet: 0,
            fragments,
        });
    }

    /// `None` if the message was acknowledged.
    pub(super) fn get_mut(&mut self, sequence: u64) -> Option<&mut ReliableMessage> {
        let index = usize::try_from(sequence.checked_sub(self.first)?).ok()?;
        self.messages
            .get_mut(index)
            .filter(|message| !message.is_acked)
    }

    /// The next new fragment. `None` if its message does not fit into `credit`, the remaining flow
    /// control window.
    pub(super) fn next_unsent(&self, credit: u64) -> Option<FragmentKey> {
        if let Some(fragment) = self.next_fragment {
            let sequence = self.first + self.begun as u64 - 1;
            return Some(FragmentKey { sequence, fragment });
        }
        let cost = self.messages.get(self.begun)?.cost();
        // Half of the remaining window is left to other streams, so a stream with a gap does not
        // block them. A stream that uses no window may use all of it.
        let fits = cost <= credit && (self.held == 0 || self.held + cost <= credit - cost);
        fits.then_some(FragmentKey {
            sequence: self.first + self.begun as u64,
            fragment: 0,
        })
    }

    pub(super) fn is_between_messages(&self) -> bool {
        self.next_fragment.is_none()
    }

    /// Returns the bytes of window that the message used.
    pub(super) fn on_sent_first(&mut self, key: FragmentKey) -> u64 {
        let mut taken = 0;
        if self.next_fragment.is_none() {
            taken = self.messages[self.begun].cost();
            self.begun += 1;
            self.held += taken;
        }
        let fragments = self.messages[self.begun - 1].fragment_count();
        self.next_fragment = Some(key.fragment + 1).filter(|next| *next < fragments);
        taken
    }

    /// Returns the message if the fragment completes it.
    pub(super) fn on_acked(&mut self, key: FragmentKey) -> Option<&mut ReliableMessage> {
        let is_ordered = self.delivery != Delivery::Reliable;
        let message = self.get_mut(key.sequence)?;
        if !message.on_fragment_acked(key.fragment) {
            return None;
        }
        message.is_acked = true;
        let cost = message.cost();
        if !is_ordered {
            self.held -= cost;
        }
        // Looked up again because the borrow checker rejects returning `message`.
        let index = usize::try_from(key.sequence - self.first).ok()?;
        self.messages.get_mut(index)
    }

    /// Removes acknowledged messages at the front; returns how many. The receiver delivers an
    /// ordered message only after all earlier ones, so receipts are reported only now.
    pub(super) fn forget_acked(&mut self, receipts: &mut Receipts) -> usize {
        let mut forgotten = 0;
        while self
            .messages
            .front()
            .is_some_and(|message| message.is_acked)
        {
            let front = self.messages.pop_front();
            if let Some(message) = front.filter(|_| self.delivery != Delivery::Reliable) {
                self.held -= message.cost();
                message.tell_arrival(receipts);
            }
            self.first += 1;
            self.begun -= 1;
            forgotten += 1;
        }
        forgotten
    }

    pub(super) fn shed_all(&mut self) {
        shed(&mut self.messages);
    }

    pub(super) fn shed(&mut self) {
        let (len, capacity) = (self.messages.len(), self.messages.capacity());
        if capacity > CHANNEL_KEPT && len < capacity / 4 {
            self.messages.shrink_to(CHANNEL_KEPT.max(2 * len));
        }
    }
}

impl ReliableMessage {
    /// Bytes in the flow control window.
    pub(super) fn cost(&self) -> u64 {
        u64::from(self.len) + MESSAGE_OVERHEAD as u64
    }

    fn fragment_count(&self) -> u32 {
        self.fragments
            .as_ref()
            .map_or(1, |_| FragmentHeader::count_of(self.len))
    }

    pub(super) fn is_cut(&self) -> bool {
        self.fragments.is_some()
    }

    pub(super) fn is_small(&self) -> bool {
        !self.is_cut() && self.bytes.len() <= REDUNDANT_MESSAGE_MAX
    }

    /// Whether a fragment, or the whole message, was acknowledged.
    pub(super) fn has_arrived(&self, fragment: u32) -> bool {
        let fragments = self.fragments.as_ref();
        self.is_acked || fragments.is_some_and(|fragments| fragments.has(fragment))
    }

    pub(super) fn tell_arrival(&self, receipts: &mut Receipts) {
        if let Some(receipt) = self.receipt {
            receipts.on_fragment_acked(receipt);
        }
    }

    /// Returns whether that completes the message.
    fn on_fragment_acked(&mut self, fragment: u32) -> bool {
        self.fragments
            .as_mut()
            .is_none_or(|fragments| fragments.insert(fragment))
    }

    pub(super) fn head(&self, delivery: Delivery, key: FragmentKey) -> MessageHeader {
        let fragment = self.fragments.as_ref().map(|_| FragmentHeader {
            total: self.len,
            index: key.fragment,
        });
        MessageHeader {
            delivery,
            sequence: key.sequence,
            is_tracked: false,
            fragment,
            len: fragment.map_or(self.bytes.len(), FragmentHeader::len),
        }
    }

    pub(super) fn fragment(&self, head: &MessageHeader) -> &[u8] {
        let offset = head.fragment.map_or(0, FragmentHeader::offset);
        &self.bytes[offset..offset + head.len]
    }
}

impl FragmentStates {
    fn new(len: u32) -> Self {
        let missing = FragmentHeader::count_of(len);
        Self {
            acked: vec![0; (missing as usize).div_ceil(64)],
            missing,
        }
    }

    fn has(&self, fragment: u32) -> bool {
        self.acked[fragment as usize / 64] & (1 << (fragment % 64)) != 0
    }

    /// Returns whether all fragments are acknowledged.
    fn insert(&mut self, fragment: u32) -> bool {
        if !self.has(fragment) {
            self.acked[fragment as usize / 64] |= 1 << (fragment % 64);
            self.missing -= 1;
        }
        self.missing == 0
    }
}

#[cfg(test)]
mod tests;
