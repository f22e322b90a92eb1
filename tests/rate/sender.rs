//! The side that sends: messages that wait, packets on their way, a pacer, and the controller that is
//! tried. It loses, probes and asks the controller as a connection does.

use std::collections::VecDeque;

use crate::limits::{ACK_DELAY_DEFAULT, IN_FLIGHT_MAX, REORDERING_PACKETS, UNRELIABLE_WAIT_MAX};
use crate::proto::congestion::RateLimits;
use crate::proto::pacer::Pacer;
use crate::proto::round_trip::RttEstimator;
use crate::proto::time::{Duration, Instant};

use super::controller::Controller;
use super::datagram::{Ack, Content, OVERHEAD, PIECE};

#[derive(Debug)]
pub(crate) struct Sender<C: Controller> {
    controller: C,
    pacer: Pacer,
    round_trip: RttEstimator,
    next: u64,
    in_flight: VecDeque<Packet<C::DeliverySnapshot>>,
    open_bytes: usize,
    asked_at: Instant,
    probes: u32,
    is_probing: bool,
    pub(crate) waiting: Waiting,
    pub(crate) sent: Counts,
}

#[derive(Debug, Default)]
pub(crate) struct Waiting {
    /// When they were made.
    pub(crate) game: VecDeque<Instant>,
    pub(crate) game_len: usize,
    pub(crate) flood: VecDeque<Instant>,
    pub(crate) bulk_bytes: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) lost: u64,
    pub(crate) packets: u64,
}

#[derive(Debug, Clone, Copy)]
struct Packet<S> {
    number: u64,
    at: Instant,
    bytes: usize,
    is_bulk: bool,
    stamp: S,
}

impl<C: Controller> Sender<C> {
    pub(crate) fn new(limits: RateLimits, now: Instant) -> Self {
        let controller = C::new(limits, now);
        Self {
            pacer: Pacer::new(controller.rate(), now),
            controller,
            round_trip: RttEstimator::new(),
            next: 0,
            in_flight: VecDeque::new(),
            open_bytes: 0,
            asked_at: now,
            probes: 0,
            is_probing: false,
            waiting: Waiting::default(),
            sent: Counts::default(),
        }
    }

    pub(crate) fn rate(&self) -> u64 {
        self.controller.rate()
    }

    pub(crate) fn on_ack(&mut self, ack: &Ack, now: Instant) {
        let Some(largest) = ack.ranges.first().map(|range| *range.end()) else {
            return;
        };
        let mut sample = None;
        let mut has_news = false;
        let mut ranges = ack.ranges.iter();
        let mut range = ranges.next();
        // The newest first, as a connection does.
        let mut kept = VecDeque::with_capacity(self.in_flight.len());
        while let Some(packet) = self.in_flight.pop_back() {
            while range.is_some_and(|range| *range.start() > packet.number) {
                range = ranges.next();
            }
            if !range.is_some_and(|range| range.contains(&packet.number)) {
                kept.push_front(packet);
                continue;
            }
            has_news = true;
            self.open_bytes -= packet.bytes;
            if packet.number == largest {
                let delay = ack.delay.min(Duration::of(ACK_DELAY_DEFAULT));
                self.round_trip.sample(now - packet.at, delay);
                sample = Some((now - packet.at).saturating_sub(delay));
            }
            self.controller
                .on_acked(packet.stamp, packet.at, packet.bytes, now);
        }
        self.in_flight = kept;
        if has_news {
            self.probes = 0;
            self.give_up_overtaken(largest, now);
        }
        self.controller.on_ack(sample, now);
        self.pacer.set_rate(self.controller.rate(), now);
    }

    fn give_up_overtaken(&mut self, largest: u64, now: Instant) {
        let late = self.round_trip.reordering();
        while let Some(packet) = self.in_flight.front() {
            let is_overtaken = packet.number < largest
                && (packet.number + REORDERING_PACKETS <= largest || now - packet.at > late);
            if !is_overtaken {
                return;
            }
            self.open_bytes -= packet.bytes;
            self.sent.lost += 1;
            if packet.is_bulk {
                self.waiting.bulk_bytes += PIECE as u64;
            }
            self.in_flight.pop_front();
        }
    }

    fn probe_at(&self) -> Option<Instant> {
        self.in_flight.front()?;
        let timeout = self
            .round_trip
            .probe_timeout(Duration::of(ACK_DELAY_DEFAULT));
        let longest = Duration::from_secs(2).max(timeout);
        Some(self.asked_at + (timeout * (1 << self.probes.min(16))).min(longest))
    }

    pub(crate) fn on_timeout(&mut self, now: Instant) {
        if self.probe_at().is_some_and(|at| at <= now) {
            self.probes += 1;
            self.is_probing = true;
        }
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        let waits =
            self.waiting.has_expendable() || self.waiting.has_bulk() && self.may_send_bulk();
        let ready_at = waits.then(|| self.pacer.ready_at());
        ready_at.into_iter().chain(self.probe_at()).min()
    }

    fn may_send_bulk(&self) -> bool {
        self.in_flight.len() < IN_FLIGHT_MAX && self.open_bytes < self.controller.window()
    }

    /// The next packet: its number, what it carries, and how long it is.
    pub(crate) fn poll_transmit(&mut self, now: Instant) -> Option<(u64, Content, usize)> {
        let content = self.next_content(now)?;
        let len = OVERHEAD
            + match content {
                Content::Game { count, .. } => count as usize * self.waiting.game_len,
                Content::Flood | Content::Bulk => PIECE,
                Content::Ping => 1,
            };
        if self.in_flight.len() == IN_FLIGHT_MAX {
            let oldest = self.in_flight.pop_front()?;
            self.open_bytes -= oldest.bytes;
            self.sent.lost += 1;
            self.waiting.bulk_bytes += u64::from(oldest.is_bulk) * PIECE as u64;
        }
        let number = self.next;
        self.next += 1;
        self.sent.packets += 1;
        self.pacer.on_sent(len, now);
        let stamp = self.controller.on_sent(self.open_bytes, now);
        self.in_flight.push_back(Packet {
            number,
            at: now,
            bytes: len,
            is_bulk: matches!(content, Content::Bulk),
            stamp,
        });
        self.open_bytes += len;
        self.asked_at = now;
        self.is_probing = false;
        self.look_what_waits(now);
        Some((number, content, len))
    }

    fn next_content(&mut self, now: Instant) -> Option<Content> {
        if self.pacer.has_room(now) {
            if let Some(content) = self.waiting.next_expendable() {
                return Some(content);
            }
            if self.waiting.has_bulk() && (self.may_send_bulk() || self.is_probing) {
                self.waiting.bulk_bytes = self.waiting.bulk_bytes.saturating_sub(PIECE as u64);
                return Some(Content::Bulk);
            }
        } else {
            self.waiting.drop_stale(now);
        }
        self.is_probing.then_some(Content::Ping)
    }

    fn look_what_waits(&mut self, now: Instant) {
        if !self.waiting.has_expendable() && !self.waiting.has_bulk() {
            self.pacer.set_waited_for(false);
            self.controller.on_idle(self.open_bytes, now);
        } else if !self.pacer.has_room(now) {
            self.pacer.set_waited_for(true);
            self.controller.on_busy(now);
        }
    }
}

impl Waiting {
    fn has_expendable(&self) -> bool {
        !self.game.is_empty() || !self.flood.is_empty()
    }

    fn has_bulk(&self) -> bool {
        self.bulk_bytes > 0
    }

    fn next_expendable(&mut self) -> Option<Content> {
        if let Some(made_at) = self.game.pop_front() {
            let count = 1 + u32::try_from(self.game.len()).unwrap_or(0).min(3);
            self.game.drain(..count as usize - 1);
            return Some(Content::Game { count, made_at });
        }
        self.flood.pop_front().map(|_| Content::Flood)
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
