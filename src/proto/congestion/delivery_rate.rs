//! Delivery rate samples.

use crate::proto::time::{Duration, Instant};

/// What a packet remembers from when it left until it is acknowledged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DeliverySnapshot {
    pub(super) delivered: u64,
    delivered_at: Instant,
    first_sent_at: Instant,
    /// The application had no more to send, so what is measured with it is no limit of the path.
    pub(super) is_idle: bool,
}

impl DeliverySnapshot {
    /// Of a packet that left before there was anything to measure.
    pub(crate) fn of_idle(now: Instant) -> Self {
        Self {
            delivered: 0,
            delivered_at: now,
            first_sent_at: now,
            is_idle: true,
        }
    }
}

/// What was delivered, for samples of the rate (draft-cheng-iccrg-delivery-rate-estimation).
#[derive(Debug)]
pub(super) struct DeliveryRate {
    pub(super) bytes: u64,
    pub(super) at: Instant,
    first_sent_at: Instant,
    /// Everything that is on its way when the application has no more to send measures the application.
    pub(super) idle_until: Option<u64>,
    /// The newest packet of the acknowledgement that is being taken in.
    pub(super) newest: Option<(DeliverySnapshot, Instant)>,
}

impl DeliveryRate {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            bytes: 0,
            at: now,
            first_sent_at: now,
            idle_until: None,
            newest: None,
        }
    }

    pub(super) fn on_sent(&mut self, in_flight: usize, now: Instant) -> DeliverySnapshot {
        if in_flight == 0 {
            (self.at, self.first_sent_at) = (now, now);
        }
        DeliverySnapshot {
            delivered: self.bytes,
            delivered_at: self.at,
            first_sent_at: self.first_sent_at,
            is_idle: self.idle_until.is_some_and(|until| self.bytes <= until),
        }
    }

    /// The rate that a packet shows which has arrived, in bytes per second. In less than the `shortest`
    /// round trip there is no rate, only a clump.
    pub(super) fn sample(
        &mut self,
        stamp: DeliverySnapshot,
        sent_at: Instant,
        shortest: Duration,
    ) -> Option<u64> {
        self.first_sent_at = sent_at;
        let sending = sent_at.saturating_duration_since(stamp.first_sent_at);
        let arriving = self.at.saturating_duration_since(stamp.delivered_at);
        let interval = sending.max(arriving);
        if interval.is_zero() || interval < shortest {
            return None;
        }
        let bytes = self.bytes - stamp.delivered;
        Some(bytes.saturating_mul(1_000_000_000) / interval.as_nanos())
    }
}
