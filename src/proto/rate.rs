//! How fast a peer is sent to: tokens that let packets go, and what decides how many of them there are.

use std::time::{Duration, Instant};

use super::congestion::{Congestion, Limits, Stamp};
use super::pacer::Pacer;
use super::sent::{Fate, Packet};
use crate::config::Config;

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Rate {
    pacer: Pacer,
    congestion: Congestion,
    window: usize,
}

impl Rate {
    pub(crate) fn new(config: &Config, now: Instant) -> Self {
        let limits = Limits {
            floor: config.rate_floor / 8,
            ceiling: config.rate_ceiling / 8,
            start: config.rate_start / 8,
        };
        let congestion = Congestion::new(limits, now);
        Self {
            pacer: Pacer::new(congestion.rate(), now),
            window: congestion.window(),
            congestion,
        }
    }

    /// Another path has another width.
    pub(crate) fn reset(&mut self, now: Instant) {
        self.congestion.reset(now);
        self.apply(now);
    }

    fn apply(&mut self, now: Instant) {
        self.pacer.set_rate(self.congestion.rate(), now);
        self.window = self.congestion.window();
    }

    pub(crate) fn bits_per_second(&self) -> u64 {
        self.congestion.rate() * 8
    }

    /// What the network was seen to deliver, in bits per second.
    pub(crate) fn bandwidth(&self) -> u64 {
        self.congestion.bandwidth() * 8
    }

    /// How long packets wait on their way.
    pub(crate) fn queue_delay(&self) -> Duration {
        self.congestion.queue_delay()
    }

    /// Whether messages may leave.
    pub(crate) fn has_room(&self, now: Instant) -> bool {
        self.pacer.has_room(now)
    }

    /// When messages may leave.
    pub(crate) fn ready_at(&self) -> Instant {
        self.pacer.ready_at()
    }

    /// How many bytes may be on their way before what is reliable has to wait.
    pub(crate) fn window(&self) -> usize {
        self.window
    }

    /// A packet leaves, while `in_flight` bytes are on their way.
    pub(crate) fn on_sent(&mut self, len: usize, in_flight: usize, now: Instant) -> Stamp {
        self.pacer.on_sent(len, now);
        self.congestion.on_sent(in_flight, now)
    }

    /// Everything that waited has left.
    pub(crate) fn on_idle(&mut self, in_flight: usize, now: Instant) {
        self.congestion.on_idle(in_flight, now);
    }

    /// Something waits that may not leave.
    pub(crate) fn on_busy(&mut self, now: Instant) {
        self.congestion.on_busy(now);
    }

    pub(crate) fn on_packet(&mut self, packet: &Packet, fate: Fate, now: Instant) {
        if fate == Fate::Arrived {
            let bytes = usize::from(packet.bytes);
            self.congestion
                .on_acked(packet.stamp, packet.at, bytes, now);
        }
    }

    /// An acknowledgement was taken in.
    pub(crate) fn on_ack(&mut self, sample: Option<Duration>, deviation: Duration, now: Instant) {
        self.congestion.on_ack(sample, deviation, now);
        self.apply(now);
    }
}
