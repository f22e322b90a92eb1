//! Queue of unreliable and sequenced messages, in one ring of bytes.

use std::collections::VecDeque;

use crate::limits::{QUEUED_BYTES_MAX, QUEUED_MESSAGES_MAX};
use crate::proto::buffers::shed;
use crate::proto::channel::receipts::Receipts;
use crate::proto::delivery::{Delivery, Receipt};
use crate::proto::recovery::sent_packets::{SentFrame, SentFrames};
use crate::proto::time::{Duration, Instant};
use crate::proto::wire::Writer;
use crate::proto::wire::message::{FragmentHeader, MessageHeader, whole_max};

/// Allocates on first use.
#[derive(Debug, Default)]
pub(super) struct UnreliableQueue {
    entries: VecDeque<QueuedMessage>,
    bytes: VecDeque<u8>,
    /// Next sequence per used channel.
    channels: Vec<(u8, u64)>,
    /// Next sequence of fragmented unreliable messages.
    next_cut: u64,
    dropped: u64,
}

#[derive(Debug, Clone, Copy)]
struct QueuedMessage {
    delivery: Delivery,
    sequence: u64,
    len: u32,
    fragments_sent: u32,
    queued_at: Instant,
    receipt: Option<Receipt>,
}

/// Memory of a message in bytes, besides its content.
pub(crate) const ENTRY_BYTES: usize = size_of::<QueuedMessage>();

impl UnreliableQueue {
    pub(super) fn has_room(&self, len: usize) -> bool {
        self.entries.len() < QUEUED_MESSAGES_MAX && self.bytes.len() + len <= QUEUED_BYTES_MAX
    }

    /// Requires [`has_room`](Self::has_room). `receipts` issues a receipt for a tracked message.
    #[allow(clippy::cast_possible_truncation, reason = "at most 15,360 bytes")]
    pub(super) fn push(
        &mut self,
        delivery: Delivery,
        message: &[u8],
        receipts: Option<&mut Receipts>,
        now: Instant,
    ) -> Option<Receipt> {
        let (is_cut, len) = (message.len() > whole_max(delivery), message.len() as u32);
        let sequence = self.next_sequence(delivery, is_cut);
        let receipt = receipts.map(|receipts| {
            let fragments = if is_cut {
                FragmentHeader::count_of(len)
            } else {
                1
            };
            let sequenced = match delivery {
                Delivery::Sequenced(channel) => Some((channel, sequence)),
                _ => None,
            };
            receipts.issue(fragments, sequenced)
        });
        self.bytes.extend(message);
        self.entries.push_back(QueuedMessage {
            delivery,
            sequence,
            len,
            fragments_sent: 0,
            queued_at: now,
            receipt,
        });
        receipt
    }

    fn next_sequence(&mut self, delivery: Delivery, is_cut: bool) -> u64 {
        let next = match delivery {
            Delivery::Sequenced(channel) => self.channel(channel),
            _ if is_cut => &mut self.next_cut,
            _ => return 0,
        };
        *next += 1;
        *next - 1
    }

    fn channel(&mut self, channel: u8) -> &mut u64 {
        let known = self
            .channels
            .iter()
            .position(|(number, _)| *number == channel);
        let index = known.unwrap_or_else(|| {
            self.channels.push((channel, 0));
            self.channels.len() - 1
        });
        &mut self.channels[index].1
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Returns `false` if the queue is empty or the next fragment does not fit.
    pub(super) fn write_next(&mut self, writer: &mut Writer<'_>, frames: &mut SentFrames) -> bool {
        let Some(entry) = self.entries.front_mut() else {
            return false;
        };
        let head = entry.head();
        if entry.receipt.is_some() && !frames.has_room()
            || head.encoded_len() + head.len > writer.room()
        {
            return false;
        }
        head.write(writer);
        take_front(&mut self.bytes, writer.reserve(head.len));
        entry.fragments_sent += 1;
        if let Some(receipt) = entry.receipt {
            frames.push(SentFrame::Tracked(receipt));
        }
        if entry.is_sent() {
            self.entries.pop_front();
        }
        true
    }

    pub(super) fn shed(&mut self) {
        shed(&mut self.entries);
        shed(&mut self.bytes);
    }

    /// Drops expired messages, oldest first.
    pub(super) fn drop_stale(&mut self, wait_max: Duration, receipts: &mut Receipts, now: Instant) {
        while let Some(entry) = self.entries.front() {
            // A partially sent message is completed: its first fragments are useless alone.
            if entry.fragments_sent > 0 || now.saturating_duration_since(entry.queued_at) < wait_max
            {
                return;
            }
            if let Some(receipt) = entry.receipt {
                receipts.on_lost(receipt);
            }
            self.bytes.drain(..entry.len as usize);
            self.dropped += 1;
            self.entries.pop_front();
        }
    }
}

impl QueuedMessage {
    fn head(&self) -> MessageHeader {
        let fragment = self.is_cut().then_some(FragmentHeader {
            total: self.len,
            index: self.fragments_sent,
        });
        MessageHeader {
            delivery: self.delivery,
            sequence: self.sequence,
            is_tracked: self.receipt.is_some() && matches!(self.delivery, Delivery::Sequenced(_)),
            fragment,
            len: fragment.map_or(self.len as usize, FragmentHeader::len),
        }
    }

    fn is_cut(&self) -> bool {
        self.len as usize > whole_max(self.delivery)
    }

    fn is_sent(&self) -> bool {
        let fragments = if self.is_cut() {
            FragmentHeader::count_of(self.len)
        } else {
            1
        };
        self.fragments_sent == fragments
    }
}

/// The ring must be at least as long as `to`.
fn take_front(ring: &mut VecDeque<u8>, to: &mut [u8]) {
    let (front, back) = ring.as_slices();
    let from_front = front.len().min(to.len());
    let (start, rest) = to.split_at_mut(from_front);
    start.copy_from_slice(&front[..from_front]);
    rest.copy_from_slice(&back[..rest.len()]);
    ring.drain(..to.len());
}

#[cfg(test)]
mod tests;
