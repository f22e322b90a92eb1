//! Receiving messages from one peer: duplicate detection, ordering, reassembly and flow control.

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

#[derive(Debug)]
pub(crate) struct RecvChannels {
    unreliable: UnreliableReceiver,
    /// In order of first use; at most 257.
    streams: Vec<RecvStream>,
    window: ReceiveWindow,
    message_max: usize,
}

pub(crate) const RECV_CHANNEL_BYTES: usize = channel_bytes::<RecvStream>();

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecvOutcome {
    Delivered,
    /// It waits for an earlier message or for missing fragments.
    Buffered,
    Duplicate,
    /// A newer message of its channel was received before.
    Stale,
}

/// A limit is reached, or the sender exceeds an agreed one. The packet must not be acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused;

impl RecvChannels {
    /// `message_max` and `window` are those announced to the peer in the handshake.
    pub(crate) fn new(message_max: usize, window: u64) -> Self {
        Self {
            unreliable: UnreliableReceiver::default(),
            streams: Vec::new(),
            window: ReceiveWindow::new(window),
            message_max,
        }
    }

    pub(crate) fn accept(
        &mut self,
        frame: &MessageFrame<'_>,
        event_sink: &mut EventSink<'_>,
    ) -> Result<RecvOutcome, Refused> {
        let delivery = frame.head.delivery;
        if !delivery.is_reliable() {
            return self.unreliable.accept(frame, event_sink);
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

    pub(crate) fn shed(&mut self) {
        self.unreliable.shed();
        self.streams.iter_mut().for_each(RecvStream::shed_all);
    }

    pub(crate) fn on_taken(&mut self, delivery: Delivery, len: usize) {
        if delivery.is_reliable() {
            self.window.on_taken(len);
        }
    }

    pub(crate) fn is_window_due(&self) -> bool {
        self.window.is_due()
    }

    pub(crate) fn advertise_window(&mut self) -> u64 {
        self.window.advertise()
    }

    /// The peer sent a ping: it may be blocked by flow control.
    pub(crate) fn on_asked(&mut self) {
        self.window.on_asked();
    }

    pub(crate) fn on_probe(&mut self) {
        self.window.on_probe();
    }

    pub(crate) fn on_window_arrived(&mut self, window: u64) {
        self.window.on_arrived(window);
    }

    pub(crate) fn on_window_lost(&mut self, window: u64) {
        self.window.on_lost(window);
    }

    pub(crate) fn held(&self) -> u64 {
        self.window.held()
    }

    /// Number of incomplete unreliable messages dropped.
    pub(crate) fn abandoned(&self) -> u64 {
        self.unreliable.abandoned()
    }
}
