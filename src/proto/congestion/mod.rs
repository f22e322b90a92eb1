//! Congestion control and pacing: how fast packets may leave, and how many bytes may be in flight.
//!
//! `controller` decides the rate, `pacer` spreads it over time.

pub(crate) mod controller;
pub(crate) mod pacer;

use self::controller::{DeliverySnapshot, RateController, RateLimits, WINDOW_MIN};
use self::pacer::Pacer;
use crate::config::Config;
use crate::proto::recovery::sent_packets::{PacketOutcome, SentPacket};
use crate::proto::time::{Duration, Instant};

/// See the [module](self). What decides is there from the first message on: a peer that is never sent one
/// need not have it.
#[derive(Debug)]
pub(crate) struct CongestionControl {
    limits: RateLimits,
    pacer: Pacer,
    congestion: Option<Box<RateController>>,
}

impl CongestionControl {
    pub(crate) fn new(config: &Config, now: Instant) -> Self {
        let limits = RateLimits {
            floor: config.rate_floor / 8,
            ceiling: config.rate_ceiling / 8,
            start: config.rate_start / 8,
        };
        Self {
            limits,
            pacer: Pacer::new(limits.start, now),
            congestion: None,
        }
    }

    /// Another path has another width.
    pub(crate) fn reset(&mut self, now: Instant) {
        if let Some(congestion) = &mut self.congestion {
            congestion.reset(now);
        }
        self.apply(now);
    }

    fn apply(&mut self, now: Instant) {
        if let Some(congestion) = &self.congestion {
            self.pacer.set_rate(congestion.rate(), now);
        }
    }

    pub(crate) fn bits_per_second(&self) -> u64 {
        let congestion = self.congestion.as_ref();
        congestion.map_or(self.limits.start, |congestion| congestion.rate()) * 8
    }

    /// What the network was seen to deliver, in bits per second.
    pub(crate) fn bandwidth(&self) -> u64 {
        let congestion = self.congestion.as_ref();
        congestion.map_or(0, |congestion| congestion.bandwidth()) * 8
    }

    /// How long packets wait on their way.
    pub(crate) fn queue_delay(&self) -> Duration {
        let congestion = self.congestion.as_ref();
        congestion.map_or(Duration::ZERO, |congestion| congestion.queue_delay())
    }

    /// Whether messages may leave.
    pub(crate) fn has_room(&self, now: Instant) -> bool {
        self.pacer.has_room(now)
    }

    /// When messages may leave.
    pub(crate) fn ready_at(&self) -> Instant {
        self.pacer.ready_at()
    }

    /// Whether what is reliable has to wait because `in_flight` bytes are on their way.
    pub(crate) fn is_window_full(&self, in_flight: usize) -> bool {
        // What it is exactly is reckoned only for one who has as much on the way.
        in_flight >= WINDOW_MIN
            && self
                .congestion
                .as_ref()
                .is_some_and(|congestion| in_flight >= congestion.window())
    }

    /// Messages are about to leave.
    pub(crate) fn begin(&mut self, now: Instant) {
        let limits = self.limits;
        self.congestion
            .get_or_insert_with(|| Box::new(RateController::new(limits, now)));
    }

    /// A packet leaves, while `in_flight` bytes are on their way.
    pub(crate) fn on_sent(
        &mut self,
        len: usize,
        in_flight: usize,
        now: Instant,
    ) -> DeliverySnapshot {
        self.pacer.on_sent(len, now);
        match &mut self.congestion {
            Some(congestion) => congestion.on_sent(in_flight, now),
            None => DeliverySnapshot::of_idle(now),
        }
    }

    /// Everything that waited has left.
    pub(crate) fn on_idle(&mut self, in_flight: usize, now: Instant) {
        self.pacer.set_waited_for(false);
        if let Some(congestion) = &mut self.congestion {
            congestion.on_idle(in_flight, now);
        }
    }

    /// Something waits that may not leave.
    pub(crate) fn on_busy(&mut self, now: Instant) {
        self.pacer.set_waited_for(true);
        if let Some(congestion) = &mut self.congestion {
            congestion.on_busy(now);
        }
    }

    pub(crate) fn on_packet(&mut self, packet: &SentPacket, outcome: PacketOutcome, now: Instant) {
        let Some(congestion) = &mut self.congestion else {
            return;
        };
        if outcome == PacketOutcome::Arrived {
            let bytes = usize::from(packet.bytes);
            congestion.on_acked(packet.stamp, packet.at, bytes, now);
        }
    }

    /// An acknowledgement was taken in.
    pub(crate) fn on_ack(&mut self, sample: Option<Duration>, now: Instant) {
        if let Some(congestion) = &mut self.congestion {
            congestion.on_ack(sample, now);
        }
        self.apply(now);
    }
}
