//! What a controller is, so that several can be compared on the same links.

use crate::proto::congestion::{Congestion, Limits, Stamp};
use crate::proto::time::{Duration, Instant};

/// The interface of [`Congestion`]; rates are in bytes per second.
pub(crate) trait Controller {
    const NAME: &'static str;
    type Stamp: Copy + std::fmt::Debug;

    fn new(limits: Limits, now: Instant) -> Self;
    fn rate(&self) -> u64;
    fn window(&self) -> usize;
    fn on_sent(&mut self, in_flight: usize, now: Instant) -> Self::Stamp;
    fn on_idle(&mut self, in_flight: usize, now: Instant);
    fn on_busy(&mut self, now: Instant);
    fn on_acked(&mut self, stamp: Self::Stamp, sent_at: Instant, bytes: usize, now: Instant);
    fn on_ack(&mut self, sample: Option<Duration>, now: Instant);
}

impl Controller for Congestion {
    const NAME: &'static str = "tickwire";
    type Stamp = Stamp;

    fn new(limits: Limits, now: Instant) -> Self {
        Self::new(limits, now)
    }

    fn rate(&self) -> u64 {
        self.rate()
    }

    fn window(&self) -> usize {
        self.window()
    }

    fn on_sent(&mut self, in_flight: usize, now: Instant) -> Stamp {
        self.on_sent(in_flight, now)
    }

    fn on_idle(&mut self, in_flight: usize, now: Instant) {
        self.on_idle(in_flight, now);
    }

    fn on_busy(&mut self, now: Instant) {
        self.on_busy(now);
    }

    fn on_acked(&mut self, stamp: Stamp, sent_at: Instant, bytes: usize, now: Instant) {
        self.on_acked(stamp, sent_at, bytes, now);
    }

    fn on_ack(&mut self, sample: Option<Duration>, now: Instant) {
        self.on_ack(sample, now);
    }
}
