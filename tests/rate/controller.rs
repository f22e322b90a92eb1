//! What a controller is, so that several can be compared on the same links.

use crate::proto::congestion::{DeliverySnapshot, RateController, RateLimits};
use crate::proto::time::{Duration, Instant};

/// The interface of [`RateController`]; rates are in bytes per second.
pub(crate) trait Controller {
    const NAME: &'static str;
    type DeliverySnapshot: Copy + std::fmt::Debug;

    fn new(limits: RateLimits, now: Instant) -> Self;
    fn rate(&self) -> u64;
    fn window(&self) -> usize;
    fn on_sent(&mut self, in_flight: usize, now: Instant) -> Self::DeliverySnapshot;
    fn on_idle(&mut self, in_flight: usize, now: Instant);
    fn on_busy(&mut self, now: Instant);
    fn on_acked(
        &mut self,
        stamp: Self::DeliverySnapshot,
        sent_at: Instant,
        bytes: usize,
        now: Instant,
    );
    fn on_ack(&mut self, sample: Option<Duration>, now: Instant);
}

impl Controller for RateController {
    const NAME: &'static str = "tickwire";
    type DeliverySnapshot = DeliverySnapshot;

    fn new(limits: RateLimits, now: Instant) -> Self {
        Self::new(limits, now)
    }

    fn rate(&self) -> u64 {
        self.rate()
    }

    fn window(&self) -> usize {
        self.window()
    }

    fn on_sent(&mut self, in_flight: usize, now: Instant) -> DeliverySnapshot {
        self.on_sent(in_flight, now)
    }

    fn on_idle(&mut self, in_flight: usize, now: Instant) {
        self.on_idle(in_flight, now);
    }

    fn on_busy(&mut self, now: Instant) {
        self.on_busy(now);
    }

    fn on_acked(&mut self, stamp: DeliverySnapshot, sent_at: Instant, bytes: usize, now: Instant) {
        self.on_acked(stamp, sent_at, bytes, now);
    }

    fn on_ack(&mut self, sample: Option<Duration>, now: Instant) {
        self.on_ack(sample, now);
    }
}
