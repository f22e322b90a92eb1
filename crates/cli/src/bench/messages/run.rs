//! One run of a case: a host sends numbered messages to another host, one per tick, and records
//! their arrival. Sockets and clocks belong to the pair.

use std::time::{Duration, Instant};

use tickwire::sim::LINK_HEADER_BYTES;
use tickwire::{Delivery, DisconnectReason, Event, PeerStats, SendError};

use super::Options;
use super::case::Case;
use super::outcome::Outcome;
use super::recording::Recording;
use crate::error::CliError;

/// Maximum wait for missing reliable messages after the last was sent.
const PATIENCE: Duration = Duration::from_secs(60);

/// Wait for unreliable messages beyond the latency of the link.
const GRACE: Duration = Duration::from_secs(1);

/// Two hosts and the link between them.
pub(super) trait Pair {
    /// Both hosts receive and run their timers. Returns the time within the tick.
    fn receive(&mut self, tick: Instant) -> Result<Instant, CliError>;
    fn flush(&mut self) -> Result<(), CliError>;
    fn send(&mut self, delivery: Delivery, message: &[u8]) -> Result<(), SendError>;
    fn next_event(&mut self, side: Side) -> Option<Event>;
    /// The sender's statistics of the receiver.
    fn stats(&self) -> Option<PeerStats>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Sender,
    Receiver,
}

#[derive(Debug)]
pub(super) struct Run<P> {
    pub(super) pair: P,
    case: Case,
    messages: u32,
    tick: Duration,
    /// Wait after the last message was sent.
    patience: Duration,
    recording: Recording,
    phase: Phase,
    connected: u32,
    due: u32,
    stats: Option<PeerStats>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Connecting,
    Sending {
        start: Instant,
        packets: u64,
        bytes: u64,
    },
    Waiting {
        until: Instant,
    },
    Over,
}

impl<P: Pair> Run<P> {
    pub(super) fn new(pair: P, case: Case, options: &Options) -> Self {
        let patience = if case.delivery.is_reliable() {
            PATIENCE
        } else {
            options.latency + options.jitter + GRACE
        };
        Self {
            pair,
            case,
            messages: options.count,
            tick: options.tick(),
            patience,
            recording: Recording::new(options.count, options.size),
            phase: Phase::Connecting,
            connected: 0,
            due: 0,
            stats: None,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// A tick of both hosts: receive, then send.
    pub(super) fn tick(&mut self, tick: Instant) -> Result<(), CliError> {
        let now = self.pair.receive(tick)?;
        self.take_events(Side::Receiver, tick, now);
        self.take_events(Side::Sender, tick, now);
        self.stats = self.pair.stats().or(self.stats);
        self.go_on(tick);
        self.pair.flush()
    }

    fn take_events(&mut self, side: Side, tick: Instant, now: Instant) {
        while let Some(event) = self.pair.next_event(side) {
            match event {
                Event::Message { bytes, .. } => self.recording.on_arrived(&bytes, now),
                Event::Connected { .. } => self.connected += 1,
                Event::Disconnected { reason, .. } => self.on_end(tick, side, reason),
                _ => {}
            }
        }
    }

    fn on_end(&mut self, tick: Instant, side: Side, reason: DisconnectReason) {
        let (phase, sent) = (self.phase, self.recording.sent());
        let side = format!("{side:?}").to_lowercase();
        self.end_sending(tick);
        let broken = &mut self.recording.outcome.broken;
        broken.get_or_insert_with(|| match phase {
            Phase::Connecting => format!("could not connect: {reason}"),
            _ => format!("ended after {sent} messages at the {side}: {reason}"),
        });
        self.phase = Phase::Over;
    }

    fn go_on(&mut self, tick: Instant) {
        match self.phase {
            Phase::Connecting if self.connected == 2 => {
                self.phase = Phase::Sending {
                    start: tick,
                    packets: self.stats.map_or(0, |stats| stats.packets_sent),
                    bytes: self.stats.map_or(0, |stats| stats.bytes_sent),
                };
                self.send_what_is_due(tick, tick);
            }
            Phase::Sending { .. } if self.recording.sent() == self.messages => self.wait(tick),
            Phase::Sending { start, .. } => self.send_what_is_due(start, tick),
            Phase::Waiting { until } if self.recording.has_everything() || tick >= until => {
                self.phase = Phase::Over;
            }
            _ => {}
        }
    }

    /// Sends the message of this tick, and earlier messages for which the queue was full.
    fn send_what_is_due(&mut self, start: Instant, tick: Instant) {
        self.due = (self.due + 1).min(self.messages);
        while self.recording.sent() < self.due {
            let message = self.recording.next_message();
            let sent = self.pair.send(self.case.delivery.delivery(), &message);
            if sent.is_err() {
                // The queue is full, or an event will report the disconnect.
                break;
            }
            let due = start + self.tick * self.recording.sent();
            self.recording.on_sent(due);
        }
        // Sending has fallen far behind the schedule.
        if tick > start + self.tick * self.messages + PATIENCE {
            self.wait(tick);
        }
    }

    fn wait(&mut self, tick: Instant) {
        self.end_sending(tick);
        let until = tick + self.patience;
        self.phase = Phase::Waiting { until };
    }

    fn end_sending(&mut self, tick: Instant) {
        let (phase, Some(stats)) = (self.phase, self.stats) else {
            return;
        };
        if let Phase::Sending {
            start,
            packets,
            bytes,
        } = phase
        {
            let counts = &mut self.recording.outcome.counts;
            counts.sending = tick - start;
            counts.packets = stats.packets_sent - packets;
            counts.bytes = stats.bytes_sent - bytes + counts.packets * LINK_HEADER_BYTES as u64;
        }
    }

    pub(super) fn outcome(self) -> Outcome {
        let mut outcome = self.recording.outcome;
        if let Some(stats) = self.stats {
            outcome.counts.copies = stats.copies_sent;
            outcome.counts.copies_useful = stats.copies_useful;
            outcome.counts.retransmissions = stats.messages_retransmitted;
        }
        outcome
    }
}
