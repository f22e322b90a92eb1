//! Copa in its default mode (Arun and Balakrishnan, "Copa: Practical Delay-Based Congestion Control
//! for the Internet", NSDI 2018, section 2.1), with delta = 0.5, as the reference. Without the
//! TCP-competitive mode, which builds a queue that no game wants.

use super::figures::Named;
use crate::limits::{DATAGRAM_MAX, TIMER_GRANULARITY};
use crate::proto::congestion::{Controller, RateLimits};
use crate::proto::time::{Duration, Instant};

/// Copa's delta: an acknowledged packet changes the window by `velocity / (DELTA * window)`
/// packets.
const DELTA: f64 = 0.5;

/// Window of the minimum round-trip time: 10 s.
const MIN_RTT_WINDOW: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Copa {
    limits: RateLimits,
    /// Congestion window in packets.
    window: f64,
    velocity: f64,
    is_slow_start: bool,
    is_growing: bool,
    rounds_in_direction: u32,
    window_before: f64,
    round_started_at: Instant,
    samples: Vec<(Instant, Duration)>,
    smoothed_rtt: Option<Duration>,
    acked_bytes: usize,
    is_app_limited: bool,
}

impl Copa {
    fn min_rtt(&self, window: Duration) -> Option<Duration> {
        let newest = self.samples.last()?.0;
        let recent = self.samples.iter().rev();
        let recent = recent.take_while(|(at, _)| newest - *at <= window);
        recent.map(|(_, rtt)| *rtt).min()
    }

    fn standing_rtt(&self) -> Option<Duration> {
        self.min_rtt(self.smoothed_rtt? / 2)
    }

    fn queued(&self) -> Option<Duration> {
        let min_rtt = self.min_rtt(MIN_RTT_WINDOW)?;
        Some(self.standing_rtt()?.saturating_sub(min_rtt))
    }

    fn on_sample(&mut self, rtt: Duration, now: Instant) {
        let rtt = rtt.max(Duration::of(TIMER_GRANULARITY) / 10);
        self.samples.retain(|(at, _)| now - *at < MIN_RTT_WINDOW);
        self.samples.push((now, rtt));
        let smoothed = self.smoothed_rtt;
        self.smoothed_rtt = Some(smoothed.map_or(rtt, |smoothed| (smoothed * 7 + rtt) / 8));
    }

    /// Whether the current rate is at most Copa's target rate, 1 / (delta * queueing delay).
    fn may_grow(&self) -> bool {
        let (Some(standing), Some(queued)) = (self.standing_rtt(), self.queued()) else {
            return true;
        };
        let queued = queued.to_std().as_secs_f64();
        self.window / standing.to_std().as_secs_f64() * DELTA * queued <= 1.0
    }

    fn update_velocity(&mut self, now: Instant) {
        if now - self.round_started_at < self.smoothed_rtt.unwrap_or_default() {
            return;
        }
        let is_growing = self.window > self.window_before;
        if is_growing == self.is_growing {
            self.rounds_in_direction += 1;
        } else {
            (self.rounds_in_direction, self.velocity) = (0, 1.0);
        }
        if self.rounds_in_direction >= 3 {
            self.velocity = (self.velocity * 2.0).min(self.window / 2.0).max(1.0);
        }
        self.is_growing = is_growing;
        (self.window_before, self.round_started_at) = (self.window, now);
    }
}

impl Named for Copa {
    const NAME: &'static str = "Copa";
}

impl Controller for Copa {
    type Snapshot = ();

    fn new(limits: RateLimits, now: Instant) -> Self {
        Self {
            limits,
            window: 10.0,
            velocity: 1.0,
            is_slow_start: true,
            is_growing: true,
            rounds_in_direction: 0,
            window_before: 10.0,
            round_started_at: now,
            samples: Vec::new(),
            smoothed_rtt: None,
            acked_bytes: 0,
            is_app_limited: true,
        }
    }

    fn initial_snapshot(_: Instant) {}

    fn reset(&mut self, now: Instant) {
        *self = Self::new(self.limits, now);
    }

    fn on_sent(&mut self, in_flight: usize, _: Instant) {
        // A flow that waits for the window is not application-limited.
        if in_flight + 2 * DATAGRAM_MAX >= self.window() {
            self.is_app_limited = false;
        }
    }

    fn on_app_limited(&mut self, _: usize, _: Instant) {
        self.is_app_limited = true;
    }

    fn on_backlogged(&mut self, _: Instant) {
        self.is_app_limited = false;
    }

    fn on_acked(&mut self, (): (), _: Instant, bytes: usize, _: Instant) {
        self.acked_bytes += bytes;
    }

    fn on_end_acks(&mut self, rtt: Option<Duration>, now: Instant) {
        if let Some(rtt) = rtt {
            self.on_sample(rtt, now);
        }
        let acked = std::mem::take(&mut self.acked_bytes) as f64 / DATAGRAM_MAX as f64;
        let may_grow = self.may_grow();
        if self.is_slow_start && may_grow {
            self.window += if self.is_app_limited { 0.0 } else { acked };
        } else {
            self.is_slow_start = false;
            let step = self.velocity * acked / (DELTA * self.window);
            if !may_grow {
                self.window -= step;
            } else if !self.is_app_limited {
                self.window += step;
            }
            self.update_velocity(now);
        }
        let window_max = self.limits.ceiling as f64 * 2.0 / DATAGRAM_MAX as f64;
        self.window = self.window.clamp(4.0, window_max);
    }

    /// Twice the window per round trip, so that the window is the limit.
    fn pacing_rate(&self) -> u64 {
        let Some(standing) = self.standing_rtt() else {
            return self.limits.start;
        };
        let bytes = 2.0 * self.window * DATAGRAM_MAX as f64;
        ((bytes / standing.to_std().as_secs_f64()) as u64)
            .clamp(self.limits.floor, self.limits.ceiling)
    }

    fn window(&self) -> usize {
        (self.window * DATAGRAM_MAX as f64) as usize
    }

    fn delivery_rate(&self) -> Option<u64> {
        None
    }

    fn queue_delay(&self) -> Option<Duration> {
        self.queued()
    }
}
