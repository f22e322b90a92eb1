//! Delivery rate samples (draft-cheng-iccrg-delivery-rate-estimation): bytes acknowledged between
//! the sending of a packet and its acknowledgement.

use crate::proto::recovery::delivery_snapshot::DeliverySnapshot;
use crate::proto::time::{Duration, Instant};

#[derive(Debug)]
pub(super) struct DeliveryRate {
    delivered: u64,
    delivered_at: Instant,
    /// When the first packet of the current sample was sent.
    first_sent_at: Instant,
    /// Packets sent before `delivered` exceeds this are application-limited.
    app_limited_until: Option<u64>,
    /// The newest packet of the current ACK frame, and when it was sent.
    newest_acked: Option<(DeliverySnapshot, Instant)>,
}

impl DeliveryRate {
    /// Starts with `delivered` bytes, which is at least the count in every outstanding snapshot.
    pub(super) fn new(delivered: u64, now: Instant) -> Self {
        Self {
            delivered,
            delivered_at: now,
            first_sent_at: now,
            app_limited_until: None,
            newest_acked: None,
        }
    }

    pub(super) fn delivered(&self) -> u64 {
        self.delivered
    }

    pub(super) fn on_sent(&mut self, in_flight: usize, now: Instant) -> DeliverySnapshot {
        if in_flight == 0 {
            (self.delivered_at, self.first_sent_at) = (now, now);
        }
        DeliverySnapshot {
            delivered: self.delivered,
            delivered_at: self.delivered_at,
            first_sent_at: self.first_sent_at,
            is_app_limited: self
                .app_limited_until
                .is_some_and(|until| self.delivered <= until),
        }
    }

    /// Marks packets sent before the `in_flight` bytes are acknowledged as application-limited.
    pub(super) fn on_app_limited(&mut self, in_flight: usize) {
        self.app_limited_until = Some(self.delivered + in_flight as u64);
    }

    /// The newest packet of an ACK frame comes first.
    pub(super) fn on_acked(
        &mut self,
        snapshot: DeliverySnapshot,
        sent_at: Instant,
        bytes: usize,
        now: Instant,
    ) {
        self.delivered += bytes as u64;
        self.delivered_at = now;
        self.newest_acked.get_or_insert((snapshot, sent_at));
    }

    /// `None` if the ACK frame acknowledged nothing new.
    pub(super) fn take_newest_acked(&mut self) -> Option<(DeliverySnapshot, Instant)> {
        self.newest_acked.take()
    }

    /// In bytes per second. `None` if the sample covers less than `min_rtt`: acknowledgements that
    /// arrive together would overestimate the rate.
    pub(super) fn sample(
        &mut self,
        snapshot: DeliverySnapshot,
        sent_at: Instant,
        min_rtt: Duration,
    ) -> Option<u64> {
        self.first_sent_at = sent_at;
        let send_elapsed = sent_at.saturating_duration_since(snapshot.first_sent_at);
        let ack_elapsed = self
            .delivered_at
            .saturating_duration_since(snapshot.delivered_at);
        let interval = send_elapsed.max(ack_elapsed);
        if interval.is_zero() || interval < min_rtt {
            return None;
        }
        let bytes = self.delivered - snapshot.delivered;
        Some(bytes.saturating_mul(1_000_000_000) / interval.as_nanos())
    }
}
