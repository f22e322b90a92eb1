//! What waits to be sent to one peer, and what of it is on its way.
//!
//! It knows neither packets' numbers nor the time of the network: its connection asks it to fill a packet
//! that has a number, and tells it later whether that packet arrived or was lost.

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

/// How long an unreliable message waits when the rate does not let it go: 50 ms, three frames at 60 Hz.
/// Then it is dropped and counted, the oldest first: what is newer is worth more.
pub(crate) const UNRELIABLE_WAIT_MAX: std::time::Duration = std::time::Duration::from_millis(50);

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct SendChannels {
    expendable: UnreliableQueue,
    reliable: ReliableQueue,
    receipts: Receipts,
    cadence: SendInterval,
    /// The longest reliable message that the peer takes.
    message_max: usize,
    /// Packets in a row that began with what is expendable, while something reliable waited.
    starvation_count: u8,
}

/// Memory of a used channel in this direction, in bytes.
pub(crate) const SEND_CHANNEL_BYTES: usize = channel_bytes::<SendStream>();

/// A reliable message waits for at most so many packets in a row that begin with something else: so it has
/// a quarter of the rate.
const STARVATION_MAX: u8 = 3;

/// What a packet is written for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WriteContext {
    /// The number of the packet.
    pub(crate) number: u64,
    pub(crate) now: Instant,
    /// Whether packets are lost on this way.
    pub(crate) is_lossy: bool,
    /// Whether reliable messages may leave now.
    pub(crate) may_send_reliable: bool,
}

impl SendChannels {
    /// `message_max` and `window` are the peer's.
    pub(crate) fn new(config: &Config, message_max: usize, window: u64) -> Self {
        let queued_bytes_max = config.queued_bytes_max(message_max);
        Self {
            expendable: UnreliableQueue::default(),
            reliable: ReliableQueue::new(config.redundant_copies, window, queued_bytes_max),
            receipts: Receipts::default(),
            cadence: SendInterval::new(),
            message_max,
            starvation_count: 0,
        }
    }

    /// Queues a message; returns its receipt if it is to be tracked.
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
        Ok(self.expendable.push(delivery, message, receipts, now))
    }

    /// The longest message of this delivery that the peer takes.
    pub(crate) fn max_of(&self, delivery: Delivery) -> usize {
        message_max(delivery, self.message_max)
    }

    fn has_room(&self, delivery: Delivery, len: usize) -> bool {
        if delivery.is_reliable() {
            self.reliable.has_room(len)
        } else {
            self.expendable.has_room(len)
        }
    }

    /// Whether something unreliable waits.
    pub(crate) fn has_expendable(&self) -> bool {
        !self.expendable.is_empty()
    }

    /// Whether something reliable could leave: new, or lost.
    pub(crate) fn has_reliable(&self) -> bool {
        self.reliable.has_something()
    }

    /// Whether the peer's window is all that keeps messages from leaving.
    pub(crate) fn is_blocked(&self) -> bool {
        self.reliable.is_blocked()
    }

    /// When copies go alone, if no packet leaves before.
    pub(crate) fn copies_alone_at(&self) -> Option<Instant> {
        self.reliable.copies_alone_at(self.cadence.patience())
    }

    /// Messages that wait or are not acknowledged, and their bytes.
    pub(crate) fn queued(&self) -> (usize, usize) {
        let (messages, bytes) = self.reliable.queued();
        (
            messages + self.expendable.len(),
            bytes + self.expendable.bytes(),
        )
    }

    pub(crate) fn counts(&self) -> ReliableCounters {
        self.reliable.counts
    }

    /// Messages that were dropped because the rate did not let them go in time.
    pub(crate) fn dropped(&self) -> u64 {
        self.expendable.dropped()
    }

    pub(crate) fn has_outcomes(&self) -> bool {
        self.receipts.has_outcomes()
    }

    /// What became of a message, to be told.
    pub(crate) fn next_outcome(&mut self) -> Option<DeliveryOutcome> {
        self.receipts.next_outcome()
    }

    /// The application has taken a fate.
    pub(crate) fn on_receipt_taken(&mut self) {
        self.receipts.on_taken();
    }

    /// Fills a packet.
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
        while self.expendable.write_next(writer, frames) {
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
            may_send_reliable && !self.expendable.is_empty() && self.reliable.has_something();
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

    /// Gives back what was needed once.
    pub(crate) fn shed(&mut self) {
        self.expendable.shed();
        self.reliable.shed();
        self.receipts.shed();
    }

    /// The rate does not let everything go: what has waited for too long is dropped.
    pub(crate) fn drop_stale(&mut self, now: Instant) {
        let receipts = &mut self.receipts;
        self.expendable
            .drop_stale(Duration::of(UNRELIABLE_WAIT_MAX), receipts, now);
    }

    /// The peer takes more.
    pub(crate) fn on_window(&mut self, window: u64) {
        self.reliable.on_window(window);
    }

    /// A packet with this has arrived.
    pub(crate) fn on_acked(&mut self, frame: SentFrame, buffers: &mut Buffers) {
        match frame {
            SentFrame::Tracked(receipt) => self.receipts.on_fragment_acked(receipt),
            SentFrame::Reliable {
                stream,
                fragment,
                sequence,
                ..
            } => {
                let place = FragmentKey { sequence, fragment };
                self.reliable
                    .on_acked(stream, place, &mut self.receipts, buffers);
            }
        }
    }

    /// The packet with this `number` is lost, and this was in it.
    pub(crate) fn on_lost(&mut self, frame: SentFrame, number: u64) {
        match frame {
            SentFrame::Tracked(receipt) => self.receipts.on_lost(receipt),
            SentFrame::Reliable {
                stream,
                is_first,
                fragment,
                sequence,
            } => {
                let place = FragmentKey { sequence, fragment };
                self.reliable.on_lost(stream, place, is_first, number);
            }
        }
    }

    /// The peer said that a message came too late.
    pub(crate) fn on_stale(&mut self, channel: u8, sequence: u64) {
        self.receipts.on_stale(channel, sequence);
    }

    /// Nobody answers: what was in a packet is sent again, if it is missing. Returns whether it is.
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
