//! Sending messages to one peer. The connection passes in the number of the packet to fill, and
//! reports later whether it was acknowledged or lost.

mod cadence;
mod redundancy;
mod reliable;
mod stream;
mod unreliable;

use self::cadence::SendInterval;
pub(crate) use self::redundancy::COPY_BYTES;
pub(crate) use self::reliable::LOST_BYTES;
pub(crate) use self::reliable::ReliableCounters;
use self::reliable::{PacketBuilder, ReliableQueue};
pub(crate) use self::stream::MESSAGE_BYTES;
use self::stream::{FragmentKey, SendStream};
pub(crate) use self::unreliable::ENTRY_BYTES;
use self::unreliable::UnreliableQueue;
use crate::config::Config;
use crate::error::SendError;
use crate::proto::buffers::Buffers;
use crate::proto::channel::receipts::{DeliveryOutcome, Receipts};
use crate::proto::channel::{channel_bytes, message_max};
use crate::proto::delivery::{Delivery, Receipt};
use crate::proto::recovery::sent_packets::{SentFrame, SentFrames};
use crate::proto::time::{Duration, Instant};
use crate::proto::wire::Writer;

/// Maximum time that an unreliable message waits for pacing: 50 ms, three frames at 60 Hz. Then it
/// is dropped and counted, oldest first, because newer data is worth more.
pub(crate) const UNRELIABLE_WAIT_MAX: std::time::Duration = std::time::Duration::from_millis(50);

#[derive(Debug)]
pub(crate) struct SendChannels {
    unreliable: UnreliableQueue,
    reliable: ReliableQueue,
    receipts: Receipts,
    cadence: SendInterval,
    message_max: usize,
    /// Consecutive packets that began with unreliable messages while reliable ones waited.
    starvation_count: u8,
}

pub(crate) const SEND_CHANNEL_BYTES: usize = channel_bytes::<SendStream>();

/// Maximum of `starvation_count`: 3, so reliable messages get at least a quarter of the rate.
const STARVATION_MAX: u8 = 3;

#[derive(Debug, Clone, Copy)]
pub(crate) struct WriteContext {
    pub(crate) number: u64,
    pub(crate) now: Instant,
    pub(crate) is_lossy: bool,
    pub(crate) may_send_reliable: bool,
}

impl SendChannels {
    /// `message_max` and `window` are the peer's.
    pub(crate) fn new(config: &Config, message_max: usize, window: u64) -> Self {
        let queued_bytes_max = config.queued_bytes_max(message_max);
        Self {
            unreliable: UnreliableQueue::default(),
            reliable: ReliableQueue::new(config.redundant_copies, window, queued_bytes_max),
            receipts: Receipts::default(),
            cadence: SendInterval::new(),
            message_max,
            starvation_count: 0,
        }
    }

    pub(crate) fn push(
        &mut self,
        delivery: Delivery,
        message: &[u8],
        is_tracked: bool,
        buffers: &mut Buffers,
        now: Instant,
    ) -> Result<Option<Receipt>, SendError> {
        let (len, max) = (message.len(), self.max_of(delivery));
        if len > max {
            return Err(SendError::TooLong { len, max });
        }
        if !self.has_room(delivery, len) || is_tracked && !self.receipts.has_room() {
            return Err(SendError::QueueFull);
        }
        if delivery.is_reliable() {
            let receipt = is_tracked.then(|| self.receipts.issue(1, None));
            self.reliable.push(delivery, message, receipt, buffers);
            return Ok(receipt);
        }
        let receipts = is_tracked.then_some(&mut self.receipts);
        Ok(self.unreliable.push(delivery, message, receipts, now))
    }

    pub(crate) fn max_of(&self, delivery: Delivery) -> usize {
        message_max(delivery, self.message_max)
    }

    fn has_room(&self, delivery: Delivery, len: usize) -> bool {
        if delivery.is_reliable() {
            self.reliable.has_room(len)
        } else {
            self.unreliable.has_room(len)
        }
    }

    pub(crate) fn has_unreliable(&self) -> bool {
        !self.unreliable.is_empty()
    }

    /// Whether new or lost messages can be sent.
    pub(crate) fn has_reliable(&self) -> bool {
        self.reliable.has_something()
    }

    /// Whether only flow control blocks reliable messages.
    pub(crate) fn is_blocked(&self) -> bool {
        self.reliable.is_blocked()
    }

    /// When redundant copies are sent alone, if no packet is sent before.
    pub(crate) fn copies_alone_at(&self) -> Option<Instant> {
        self.reliable.copies_alone_at(self.cadence.patience())
    }

    /// Number and bytes of queued and unacknowledged messages.
    pub(crate) fn queued(&self) -> (usize, usize) {
        let (messages, bytes) = self.reliable.queued();
        (
            messages + self.unreliable.len(),
            bytes + self.unreliable.bytes(),
        )
    }

    pub(crate) fn counts(&self) -> ReliableCounters {
        self.reliable.counts
    }

    /// Messages dropped because pacing held them for too long.
    pub(crate) fn dropped(&self) -> u64 {
        self.unreliable.dropped()
    }

    pub(crate) fn has_outcomes(&self) -> bool {
        self.receipts.has_outcomes()
    }

    pub(crate) fn next_outcome(&mut self) -> Option<DeliveryOutcome> {
        self.receipts.next_outcome()
    }

    pub(crate) fn on_receipt_taken(&mut self) {
        self.receipts.on_taken();
    }

    pub(crate) fn write(
        &mut self,
        context: WriteContext,
        writer: &mut Writer<'_>,
        frames: &mut SentFrames,
    ) {
        let is_reliable_first = self.is_reliable_first(context.may_send_reliable);
        let mut is_new = false;
        if is_reliable_first {
            is_new = self.write_reliable(context, writer, frames);
        }
        while self.unreliable.write_next(writer, frames) {
            is_new = true;
        }
        if !is_reliable_first && context.may_send_reliable {
            is_new |= self.write_reliable(context, writer, frames);
        }
        if is_new {
            self.cadence.on_packet(context.now);
        }
    }

    fn is_reliable_first(&mut self, may_send_reliable: bool) -> bool {
        let both_wait =
            may_send_reliable && !self.unreliable.is_empty() && self.reliable.has_something();
        if !both_wait || self.starvation_count == STARVATION_MAX {
            self.starvation_count = 0;
            return both_wait;
        }
        self.starvation_count += 1;
        false
    }

    fn write_reliable(
        &mut self,
        context: WriteContext,
        writer: &mut Writer<'_>,
        frames: &mut SentFrames,
    ) -> bool {
        self.reliable.write(&mut PacketBuilder {
            writer,
            frames,
            number: context.number,
            now: context.now,
            patience: self.cadence.patience(),
            is_lossy: context.is_lossy,
        })
    }

    pub(crate) fn shed(&mut self) {
        self.unreliable.shed();
        self.reliable.shed();
        self.receipts.shed();
    }

    pub(crate) fn drop_stale(&mut self, now: Instant) {
        let receipts = &mut self.receipts;
        self.unreliable
            .drop_stale(Duration::of(UNRELIABLE_WAIT_MAX), receipts, now);
    }

    pub(crate) fn on_window(&mut self, window: u64) {
        self.reliable.on_window(window);
    }

    pub(crate) fn on_acked(&mut self, frame: SentFrame, buffers: &mut Buffers) {
        match frame {
            SentFrame::Tracked(receipt) => self.receipts.on_fragment_acked(receipt),
            SentFrame::Reliable {
                stream,
                fragment,
                sequence,
                ..
            } => {
                let key = FragmentKey { sequence, fragment };
                self.reliable
                    .on_acked(stream, key, &mut self.receipts, buffers);
            }
        }
    }

    pub(crate) fn on_lost(&mut self, frame: SentFrame, number: u64) {
        match frame {
            SentFrame::Tracked(receipt) => self.receipts.on_lost(receipt),
            SentFrame::Reliable {
                stream,
                is_first,
                fragment,
                sequence,
            } => {
                let key = FragmentKey { sequence, fragment };
                self.reliable.on_lost(stream, key, is_first, number);
            }
        }
    }

    pub(crate) fn on_stale(&mut self, channel: u8, sequence: u64) {
        self.receipts.on_stale(channel, sequence);
    }

    /// Retransmits this frame. Returns `false` if it is acknowledged.
    pub(crate) fn on_probe(&mut self, frame: SentFrame) -> bool {
        match frame {
            SentFrame::Tracked(_) => false,
            SentFrame::Reliable {
                stream,
                fragment,
                sequence,
                ..
            } => self
                .reliable
                .on_probe(stream, FragmentKey { sequence, fragment }),
        }
    }
}
