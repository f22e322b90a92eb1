//! Congestion control and pacing: how fast packets are sent, and how many bytes may be in flight.
//!
//! A connection owns one [`CongestionControl`]: a [`Pacer`], which spreads packets over time, and a
//! [`Controller`], which sets the pacing rate and the congestion window. The library's controller
//! is [`RateController`]; the tests compare it with Copa.
//!
//! Knows neither packets nor peers, and of messages only whether any are queued.

pub(crate) mod controller;
mod delivery_rate;
mod pacer;
mod queue_delay;
#[cfg(all(test, feature = "sim"))]
mod tests;

use self::controller::RateController;
use self::pacer::Pacer;
use crate::config::Config;
use crate::limits::DATAGRAM_MAX;
use crate::proto::time::{Duration, Instant};

/// Minimum congestion window: 4 full packets. RFC 9002 section 7.2 recommends at least 2.
const WINDOW_MIN: usize = 4 * DATAGRAM_MAX;

/// A congestion control algorithm. Rates are in bytes per second, windows and lengths in bytes.
/// `in_flight` bytes are neither acknowledged nor lost.
///
/// - **Input**: `on_sent`, `on_app_limited`, `on_backlogged`, `on_acked`, `on_end_acks`, `reset`.
/// - **Queries**: `pacing_rate`, `window`, `delivery_rate`, `queue_delay`. They change only with an
///   input.
///
/// Packet loss is not an input: lost bytes only leave `in_flight`.
pub(crate) trait Controller: std::fmt::Debug {
    /// State stored with a sent packet until its acknowledgement.
    type Snapshot: Copy + std::fmt::Debug;

    /// Starts at `limits.start`.
    fn new(limits: RateLimits, now: Instant) -> Self;

    /// Snapshot of a packet sent before the controller was allocated.
    fn initial_snapshot(now: Instant) -> Self::Snapshot;

    /// Forgets the path. Packets of the old path may still be acknowledged afterwards.
    fn reset(&mut self, now: Instant);

    /// A packet is sent. `in_flight` does not include it.
    fn on_sent(&mut self, in_flight: usize, now: Instant) -> Self::Snapshot;

    /// The application has nothing more to send, so the packets in flight do not measure the path.
    /// Called repeatedly.
    fn on_app_limited(&mut self, in_flight: usize, now: Instant);

    /// Messages wait for the pacer. Ends the application-limited period.
    fn on_backlogged(&mut self, now: Instant);

    /// A packet of `bytes` bytes sent at `sent_at` was acknowledged. Called once per packet, the
    /// newest packet of an ACK frame first, and followed by `on_end_acks`.
    fn on_acked(&mut self, snapshot: Self::Snapshot, sent_at: Instant, bytes: usize, now: Instant);

    /// An ACK frame was processed. `rtt` is its round-trip time without the peer's acknowledgement
    /// delay, or `None` if its largest packet was already acknowledged.
    fn on_end_acks(&mut self, rtt: Option<Duration>, now: Instant);

    /// Pacing rate, within [`RateLimits`].
    fn pacing_rate(&self) -> u64;

    /// Congestion window: the maximum bytes in flight for reliable messages. At least
    /// [`WINDOW_MIN`].
    fn window(&self) -> usize;

    /// Measured delivery rate, or `None` before the first sample.
    fn delivery_rate(&self) -> Option<u64>;

    /// Queueing delay of the path, zero without a queue, or `None` before there are enough samples.
    fn queue_delay(&self) -> Option<Duration>;
}

/// Range and initial value of the pacing rate, in bytes per second.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RateLimits {
    pub(crate) floor: u64,
    pub(crate) ceiling: u64,
    pub(crate) start: u64,
}

impl RateLimits {
    fn clamp(&self, rate: u64) -> u64 {
        rate.clamp(self.floor, self.ceiling)
    }
}

#[derive(Debug)]
pub(crate) struct CongestionControl<C = RateController> {
    limits: RateLimits,
    pacer: Pacer,
    /// Allocated with the first message: a peer that is only kept alive does not need it.
    controller: Option<Box<C>>,
}

impl<C: Controller> CongestionControl<C> {
    pub(crate) fn new(config: &Config, now: Instant) -> Self {
        let limits = RateLimits {
            floor: config.rate_floor / 8,
            ceiling: config.rate_ceiling / 8,
            start: config.rate_start / 8,
        };
        Self::with_limits(limits, now)
    }

    fn with_limits(limits: RateLimits, now: Instant) -> Self {
        Self {
            limits,
            pacer: Pacer::new(limits.start, now),
            controller: None,
        }
    }

    /// Called before a packet with messages is sent.
    pub(crate) fn start(&mut self, now: Instant) {
        let limits = self.limits;
        self.controller
            .get_or_insert_with(|| Box::new(C::new(limits, now)));
    }

    /// Called when the peer has a new address.
    pub(crate) fn reset(&mut self, now: Instant) {
        if let Some(controller) = &mut self.controller {
            controller.reset(now);
        }
        self.update_pacer(now);
    }

    pub(crate) fn on_sent(&mut self, len: usize, in_flight: usize, now: Instant) -> C::Snapshot {
        self.pacer.on_sent(len, now);
        match &mut self.controller {
            Some(controller) => controller.on_sent(in_flight, now),
            None => C::initial_snapshot(now),
        }
    }

    pub(crate) fn on_app_limited(&mut self, in_flight: usize, now: Instant) {
        self.pacer.set_backlogged(false);
        if let Some(controller) = &mut self.controller {
            controller.on_app_limited(in_flight, now);
        }
    }

    pub(crate) fn on_backlogged(&mut self, now: Instant) {
        self.pacer.set_backlogged(true);
        if let Some(controller) = &mut self.controller {
            controller.on_backlogged(now);
        }
    }

    pub(crate) fn on_acked(
        &mut self,
        snapshot: C::Snapshot,
        sent_at: Instant,
        bytes: usize,
        now: Instant,
    ) {
        if let Some(controller) = &mut self.controller {
            controller.on_acked(snapshot, sent_at, bytes, now);
        }
    }

    pub(crate) fn on_end_acks(&mut self, rtt: Option<Duration>, now: Instant) {
        if let Some(controller) = &mut self.controller {
            controller.on_end_acks(rtt, now);
        }
        self.update_pacer(now);
    }

    fn update_pacer(&mut self, now: Instant) {
        if let Some(controller) = &self.controller {
            self.pacer.set_rate(controller.pacing_rate(), now);
        }
    }

    pub(crate) fn has_room(&self, now: Instant) -> bool {
        self.pacer.has_room(now)
    }

    pub(crate) fn ready_at(&self) -> Instant {
        self.pacer.ready_at()
    }

    pub(crate) fn is_window_full(&self, in_flight: usize) -> bool {
        // The window is computed only when it can be full.
        in_flight >= WINDOW_MIN
            && self
                .controller
                .as_ref()
                .is_some_and(|controller| in_flight >= controller.window())
    }

    pub(crate) fn pacing_rate(&self) -> u64 {
        let controller = self.controller.as_ref();
        controller.map_or(self.limits.start, |controller| controller.pacing_rate())
    }

    pub(crate) fn delivery_rate(&self) -> Option<u64> {
        self.controller.as_ref()?.delivery_rate()
    }

    pub(crate) fn queue_delay(&self) -> Option<Duration> {
        self.controller.as_ref()?.queue_delay()
    }
}
