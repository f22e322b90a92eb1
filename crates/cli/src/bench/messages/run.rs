//! One run of a case: a host sends numbered messages to another one through a bad link, a tick after the
//! other, and it is taken down when each of them came.
//!
//! Knows nothing of sockets and of clocks: those are the pair's.

use std::time::{Duration, Instant};

use serde::Serialize;
use tickwire::sim::LINK_HEADER_BYTES;
use tickwire::{Delivery, DisconnectReason, Event, PeerStats, SendError};

use super::Settings;
use super::case::Case;
use super::recording::Recording;
use crate::error::CliError;

/// How long is waited for reliable messages that are still missing when all were sent.
const PATIENCE: Duration = Duration::from_secs(60);

/// How much longer than the link takes is waited for those that are not.
const GRACE: Duration = Duration::from_secs(1);

/// Two hosts, and what is between them.
pub(super) trait Pair {
    /// The time within a tick.
    fn now(&self, tick: Instant) -> Instant;
    /// Both receive, and do what is due.
    fn turn(&mut self, now: Instant) -> Result<(), CliError>;
    /// Both send what is queued.
    fn flush(&mut self, now: Instant) -> Result<(), CliError>;
    fn send(&mut self, delivery: Delivery, message: &[u8]) -> Result<(), SendError>;
    /// What happened on the side that sends.
    fn next_event_of_sender(&mut self) -> Option<Event>;
    fn next_event_of_receiver(&mut self) -> Option<Event>;
    /// Whether both know of the connection.
    fn is_connected(&self) -> bool;
    /// What the sender knows of the receiver.
    fn stats(&self) -> Option<PeerStats>;
}

/// A run that goes on.
#[derive(Debug)]
pub(super) struct Run<P> {
    pair: P,
    case: Case,
    messages: u32,
    tick: Duration,
    /// How long is waited when all were sent.
    patience: Duration,
    recording: Recording,
    phase: Phase,
    /// How many messages are due by now.
    due: u32,
    /// When the first message was due.
    start: Option<Instant>,
    /// By the end of the connection, if that came before the end of the run.
    counts: Counts,
    at_start: Counts,
    sending: Sending,
    broken: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Connecting,
    Sending,
    Waiting { until: Instant },
    Over,
}

/// What the sender has counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    packets: u64,
    bytes: u64,
    copies: u64,
    copies_useful: u64,
    retransmitted: u64,
}

/// What went to the receiver while there were messages to be sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(super) struct Sending {
    pub(super) seconds: f64,
    pub(super) packets: u64,
    /// With the headers of IPv4 and UDP.
    pub(super) bytes: u64,
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Outcome {
    /// Of those that arrived, sorted.
    pub(super) latencies_ms: Vec<f64>,
    pub(super) sent: u32,
    pub(super) out_of_order: u32,
    pub(super) duplicates: u32,
    pub(super) damaged: u32,
    pub(super) sending: Sending,
    pub(super) copies: u64,
    pub(super) copies_useful: u64,
    pub(super) retransmitted: u64,
    /// Why the connection ended, if it did.
    pub(super) broken: Option<String>,
}

impl<P: Pair> Run<P> {
    pub(super) fn new(pair: P, case: Case, settings: &Settings) -> Self {
        let patience = if case.delivery.is_reliable() {
            PATIENCE
        } else {
            settings.latency + settings.jitter + GRACE
        };
        Self {
            pair,
            case,
            messages: settings.messages,
            tick: settings.tick(),
            patience,
            recording: Recording::new(settings.messages, settings.size_bytes),
            phase: Phase::Connecting,
            due: 0,
            start: None,
            counts: Counts::default(),
            at_start: Counts::default(),
            sending: Sending::default(),
            broken: None,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// A tick of both, as a game does it: receive, then send.
    pub(super) fn tick(&mut self, tick: Instant) -> Result<(), CliError> {
        self.pair.turn(self.pair.now(tick))?;
        self.take_events(tick);
        if let Some(stats) = self.pair.stats() {
            self.counts = Counts::of(&stats);
        }
        self.go_on(tick);
        self.pair.flush(self.pair.now(tick))
    }

    fn take_events(&mut self, tick: Instant) {
        let now = self.pair.now(tick);
        while let Some(event) = self.pair.next_event_of_receiver() {
            match event {
                Event::Message { bytes, .. } => self.recording.on_arrived(&bytes, now),
                Event::Disconnected { reason, .. } => self.on_end(tick, "receiver", reason),
                _ => {}
            }
        }
        while let Some(event) = self.pair.next_event_of_sender() {
            if let Event::Disconnected { reason, .. } = event {
                self.on_end(tick, "sender", reason);
            }
        }
    }

    fn on_end(&mut self, tick: Instant, side: &str, reason: DisconnectReason) {
        if self.phase == Phase::Sending {
            self.end_sending(tick);
        }
        let sent = self.recording.sent();
        self.broken.get_or_insert_with(|| match self.phase {
            Phase::Connecting => format!("it could not connect: {reason}"),
            _ => format!("it broke after {sent} messages, says the {side}: {reason}"),
        });
        self.phase = Phase::Over;
    }

    fn go_on(&mut self, tick: Instant) {
        match self.phase {
            Phase::Connecting if self.pair.is_connected() => {
                self.at_start = self.counts;
                self.start = Some(tick);
                self.phase = Phase::Sending;
                self.send_what_is_due(tick);
            }
            Phase::Sending if self.recording.sent() == self.messages => self.wait_from(tick),
            Phase::Sending => self.send_what_is_due(tick),
            Phase::Waiting { until } if self.recording.has_everything() || tick >= until => {
                self.phase = Phase::Over;
            }
            _ => {}
        }
    }

    /// One is due each tick, and those that found no room.
    fn send_what_is_due(&mut self, tick: Instant) {
        let start = *self.start.get_or_insert(tick);
        self.due = (self.due + 1).min(self.messages);
        while self.recording.sent() < self.due {
            let message = self.recording.next_message();
            if self
                .pair
                .send(self.case.delivery.delivery(), &message)
                .is_err()
            {
                // The queue is full, or an event will tell that the peer is gone.
                break;
            }
            self.recording
                .on_sent(start + self.tick * self.recording.sent());
        }
        if self.gives_up(start, tick) {
            self.wait_from(tick);
        }
    }

    /// Whether the messages leave so much more slowly than they are due that it would take for ever.
    fn gives_up(&self, start: Instant, tick: Instant) -> bool {
        tick > start + self.tick * self.messages + PATIENCE
    }

    fn wait_from(&mut self, tick: Instant) {
        self.end_sending(tick);
        let until = tick + self.patience;
        self.phase = Phase::Waiting { until };
    }

    fn end_sending(&mut self, tick: Instant) {
        let since = |start: Instant| (tick - start).as_secs_f64();
        let (from, to) = (self.at_start, self.counts);
        let packets = to.packets - from.packets;
        self.sending = Sending {
            seconds: self.start.map_or(0.0, since),
            packets,
            bytes: to.bytes - from.bytes + packets * LINK_HEADER_BYTES as u64,
        };
    }

    #[cfg(test)]
    pub(super) fn pair_mut(&mut self) -> &mut P {
        &mut self.pair
    }

    pub(super) fn outcome(self) -> Outcome {
        Outcome {
            latencies_ms: self.recording.latencies_ms(),
            sent: self.recording.sent(),
            out_of_order: self.recording.out_of_order,
            duplicates: self.recording.duplicates,
            damaged: self.recording.damaged,
            sending: self.sending,
            copies: self.counts.copies,
            copies_useful: self.counts.copies_useful,
            retransmitted: self.counts.retransmitted,
            broken: self.broken,
        }
    }
}

impl Counts {
    fn of(stats: &PeerStats) -> Self {
        Self {
            packets: stats.packets_sent,
            bytes: stats.bytes_sent,
            copies: stats.copies_sent,
            copies_useful: stats.copies_useful,
            retransmitted: stats.messages_retransmitted,
        }
    }
}
