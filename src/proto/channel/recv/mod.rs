//! What comes from one peer: which messages are new, which ones wait for others or for their own fragments,
//! and how much the peer may send.
//!
//! It knows neither packets nor the time.

mod event_sink;
mod flow_control;
mod reassembly;
mod stream;
mod unreliable;

pub(crate) use self::event_sink::{EventSink, QueueQuota};
use self::flow_control::ReceiveWindow;
pub(crate) use self::reassembly::ASSEMBLY_BYTES;
use self::stream::RecvStream;
pub(crate) use self::stream::STREAM_ENTRY_BYTES;
pub(crate) use self::unreliable::INCOMPLETE_BYTES;
use self::unreliable::UnreliableReceiver;
use crate::limits::ROOMY_CHANNELS;
use crate::proto::channel::channel_bytes;
use crate::proto::delivery::Delivery;
use crate::proto::wire::message::MessageFrame;

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct RecvChannels {
    expendable: UnreliableReceiver,
    /// In the order in which they were first used; at most 257.
    streams: Vec<RecvStream>,
    window: ReceiveWindow,
    message_max: usize,
}

/// Memory of a used channel in this direction, in bytes.
pub(crate) const RECV_CHANNEL_BYTES: usize = channel_bytes::<RecvStream>();

/// What became of a message that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecvOutcome {
    /// It is in the event queue.
    Delivered,
    /// It waits for another message or for its other fragments.
    Buffered,
    /// It came before.
    Duplicate,
    /// A newer one of its channel came before.
    Stale,
}

/// A message that was not taken, so the packet with it must not be acknowledged: there is no room, or its
/// sender does not keep to what was agreed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused;

impl RecvChannels {
    /// What was told to the peer in the handshake.
    pub(crate) fn new(message_max: usize, window: u64) -> Self {
        Self {
            expendable: UnreliableReceiver::default(),
            streams: Vec::new(),
            window: ReceiveWindow::new(window),
            message_max,
        }
    }

    /// Takes a message or a fragment of one.
    pub(crate) fn accept(
        &mut self,
        frame: &MessageFrame<'_>,
        event_sink: &mut EventSink<'_>,
    ) -> Result<RecvOutcome, Refused> {
        let delivery = frame.head.delivery;
        if !delivery.is_reliable() {
            return self.expendable.accept(frame, event_sink);
        }
        let len = frame
            .head
            .fragment
            .map_or(frame.head.len, |fragment| fragment.total as usize);
        if len > self.message_max {
            return Err(Refused);
        }
        let is_it = |stream: &RecvStream| stream.delivery == delivery;
        let index = self.streams.iter().position(is_it).unwrap_or_else(|| {
            self.streams.push(RecvStream::new(delivery));
            self.streams.len() - 1
        });
        let taken = self.streams[index].accept(frame, &mut self.window, event_sink);
        if index >= ROOMY_CHANNELS {
            self.streams[index].shed();
        }
        taken
    }

    /// Gives back what was needed once.
    pub(crate) fn shed(&mut self) {
        self.expendable.shed();
        self.streams.iter_mut().for_each(RecvStream::shed_all);
    }

    /// The application has taken a message.
    pub(crate) fn on_taken(&mut self, delivery: Delivery, len: usize) {
        if delivery.is_reliable() {
            self.window.on_taken(len);
        }
    }

    /// Whether the peer is to be told how much it may send.
    pub(crate) fn is_window_due(&self) -> bool {
        self.window.is_due()
    }

    /// What to tell, for somebody who tells it now.
    pub(crate) fn advertise_window(&mut self) -> u64 {
        self.window.advertise()
    }

    /// The peer asks for a sign of life: it may be waiting for a window.
    pub(crate) fn on_asked(&mut self) {
        self.window.on_asked();
    }

    /// Nobody answers.
    pub(crate) fn on_probe(&mut self) {
        self.window.on_probe();
    }

    /// A packet that told this has arrived.
    pub(crate) fn on_window_arrived(&mut self, window: u64) {
        self.window.on_arrived(window);
    }

    /// A packet that told this is lost.
    pub(crate) fn on_window_lost(&mut self, window: u64) {
        self.window.on_lost(window);
    }

    /// Bytes of reliable messages that wait for the application or for their missing fragments.
    pub(crate) fn held(&self) -> u64 {
        self.window.held()
    }
}
