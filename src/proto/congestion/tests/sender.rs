//! The sending side of a flow: detects losses, probes, and calls congestion control as a connection
//! does.

use std::collections::VecDeque;

use super::packet::{FRAGMENT_LEN, FlowAck, PACKET_OVERHEAD, Payload};
use crate::limits::{ACK_DELAY_DEFAULT, IN_FLIGHT_MAX, REORDERING_PACKETS};
use crate::proto::channel::send::UNRELIABLE_WAIT_MAX;
use crate::proto::congestion::{CongestionControl, Controller, RateLimits};
use crate::proto::recovery::rtt::RttEstimator;
use crate::proto::time::{Duration, Instant};

#[derive(Debug)]
pub(super) struct FlowSender<C: Controller> {
    congestion: CongestionControl<C>,
    rtt: RttEstimator,
    next_number: u64,
    in_flight: VecDeque<InFlightPacket<C::Snapshot>>,
    in_flight_bytes: usize,
    last_sent_at: Instant,
    probe_count: u32,
    is_probe_due: bool,
    pub(super) backlog: Backlog,
}

#[derive(Debug, Default)]
pub(super) struct Backlog {
    /// When each message was created.
    pub(super) game: VecDeque<Instant>,
    pub(super) game_len: usize,
    pub(super) flood: VecDeque<Instant>,
    pub(super) bulk_bytes: u64,
}

#[derive(Debug, Clone, Copy)]
struct InFlightPacket<S> {
    number: u64,
    sent_at: Instant,
    bytes: usize,
    is_bulk: bool,
    snapshot: S,
}

impl<C: Controller> FlowSender<C> {
    pub(super) fn new(limits: RateLimits, now: Instant) -> Self {
        let mut congestion = CongestionControl::with_limits(limits, now);
        congestion.start(now);
        Self {
            congestion,
            rtt: RttEstimator::new(),
            next_number: 0,
            in_flight: VecDeque::new(),
            in_flight_bytes: 0,
            last_sent_at: now,
            probe_count: 0,
            is_probe_due: false,
            backlog: Backlog::default(),
        }
    }

    pub(super) fn pacing_rate(&self) -> u64 {
        self.congestion.pacing_rate()
    }

    pub(super) fn on_ack(&mut self, ack: &FlowAck, now: Instant) {
        let Some(largest) = ack.ranges.first().map(|range| *range.end()) else {
            return;
        };
        let mut rtt = None;
        let mut is_new = false;
        let mut ranges = ack.ranges.iter();
        let mut range = ranges.next();
        let mut kept = VecDeque::with_capacity(self.in_flight.len());
        while let Some(packet) = self.in_flight.pop_back() {
            while range.is_some_and(|range| *range.start() > packet.number) {
                range = ranges.next();
            }
            if !range.is_some_and(|range| range.contains(&packet.number)) {
                kept.push_front(packet);
                continue;
            }
            is_new = true;
            self.in_flight_bytes -= packet.bytes;
            if packet.number == largest {
                let delay = ack.delay.min(Duration::of(ACK_DELAY_DEFAULT));
                self.rtt.sample(now - packet.sent_at, delay);
                rtt = Some((now - packet.sent_at).saturating_sub(delay));
            }
            self.congestion
                .on_acked(packet.snapshot, packet.sent_at, packet.bytes, now);
        }
        self.in_flight = kept;
        if is_new {
            self.probe_count = 0;
            self.detect_losses(largest, now);
        }
        self.congestion.on_end_acks(rtt, now);
    }

    fn detect_losses(&mut self, largest_acked: u64, now: Instant) {
        let reordering_time = self.rtt.reordering();
        while let Some(packet) = self.in_flight.front() {
            let is_lost = packet.number < largest_acked
                && (packet.number + REORDERING_PACKETS <= largest_acked
                    || now - packet.sent_at > reordering_time);
            if !is_lost {
                return;
            }
            self.lose_oldest();
        }
    }

    /// Declares the oldest packet lost; the transfer retransmits its fragment.
    fn lose_oldest(&mut self) {
        if let Some(packet) = self.in_flight.pop_front() {
            self.in_flight_bytes -= packet.bytes;
            self.backlog.bulk_bytes += u64::from(packet.is_bulk) * FRAGMENT_LEN as u64;
        }
    }

    fn probe_deadline(&self) -> Option<Instant> {
        self.in_flight.front()?;
        let timeout = self.rtt.probe_timeout(Duration::of(ACK_DELAY_DEFAULT));
        let longest = Duration::from_secs(2).max(timeout);
        Some(self.last_sent_at + (timeout * (1 << self.probe_count.min(16))).min(longest))
    }

    pub(super) fn on_timeout(&mut self, now: Instant) {
        if self.probe_deadline().is_some_and(|at| at <= now) {
            self.probe_count += 1;
            self.is_probe_due = true;
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let has_backlog =
            self.backlog.has_unreliable() || self.backlog.has_bulk() && self.may_send_bulk();
        let ready_at = has_backlog.then(|| self.congestion.ready_at());
        ready_at.into_iter().chain(self.probe_deadline()).min()
    }

    fn may_send_bulk(&self) -> bool {
        self.in_flight.len() < IN_FLIGHT_MAX
            && !self.congestion.is_window_full(self.in_flight_bytes)
    }

    /// Number, payload and length in bytes.
    pub(super) fn poll_transmit(&mut self, now: Instant) -> Option<(u64, Payload, usize)> {
        let payload = self.next_payload(now)?;
        let len = PACKET_OVERHEAD
            + match payload {
                Payload::Game { count, .. } => count as usize * self.backlog.game_len,
                Payload::Flood | Payload::Bulk => FRAGMENT_LEN,
                Payload::Ping => 1,
            };
        if self.in_flight.len() == IN_FLIGHT_MAX {
            self.lose_oldest();
        }
        let number = self.next_number;
        self.next_number += 1;
        let snapshot = self.congestion.on_sent(len, self.in_flight_bytes, now);
        self.in_flight.push_back(InFlightPacket {
            number,
            sent_at: now,
            bytes: len,
            is_bulk: matches!(payload, Payload::Bulk),
            snapshot,
        });
        self.in_flight_bytes += len;
        self.last_sent_at = now;
        self.is_probe_due = false;
        self.report_backlog(now);
        Some((number, payload, len))
    }

    fn next_payload(&mut self, now: Instant) -> Option<Payload> {
        if self.congestion.has_room(now) {
            if let Some(payload) = self.backlog.next_unreliable() {
                return Some(payload);
            }
            if self.backlog.has_bulk() && (self.may_send_bulk() || self.is_probe_due) {
                let left = self.backlog.bulk_bytes;
                self.backlog.bulk_bytes = left.saturating_sub(FRAGMENT_LEN as u64);
                return Some(Payload::Bulk);
            }
        } else {
            self.backlog.drop_stale(now);
        }
        self.is_probe_due.then_some(Payload::Ping)
    }

    fn report_backlog(&mut self, now: Instant) {
        if !self.backlog.has_unreliable() && !self.backlog.has_bulk() {
            self.congestion.on_app_limited(self.in_flight_bytes, now);
        } else if !self.congestion.has_room(now) {
            self.congestion.on_backlogged(now);
        }
    }
}

impl Backlog {
    fn has_unreliable(&self) -> bool {
        !self.game.is_empty() || !self.flood.is_empty()
    }

    fn has_bulk(&self) -> bool {
        self.bulk_bytes > 0
    }

    /// Up to four messages of the game, or one message of the flood.
    fn next_unreliable(&mut self) -> Option<Payload> {
        if let Some(made_at) = self.game.pop_front() {
            let count = 1 + u32::try_from(self.game.len()).unwrap_or(0).min(3);
            self.game.drain(..count as usize - 1);
            return Some(Payload::Game { count, made_at });
        }
        self.flood.pop_front().map(|_| Payload::Flood)
    }

    fn drop_stale(&mut self, now: Instant) {
        for queue in [&mut self.game, &mut self.flood] {
            while queue
                .front()
                .is_some_and(|at| now - *at > Duration::of(UNRELIABLE_WAIT_MAX))
            {
                queue.pop_front();
            }
        }
    }
}
