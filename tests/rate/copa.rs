//! The controller to compare with: Copa in its default mode (Arun, Balakrishnan, "Copa: Practical
//! Delay-Based RateController Control for the Internet", NSDI 2018, section 2.1), with its constant of 0.5. Its
//! mode that competes with others is left out: no game wants the queue that it builds.

use crate::limits::{DATAGRAM_MAX, TIMER_GRANULARITY};
use crate::proto::congestion::RateLimits;
use crate::proto::time::{Duration, Instant};

use super::controller::Controller;

/// How many packets more each round trip, or each packet, the window grows: 1/(0.5 * window).
const DELTA: f64 = 0.5;

/// The window in which the shortest of all is looked for.
const LEAST_WINDOW: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Copa {
    limits: RateLimits,
    /// In packets.
    window: f64,
    velocity: f64,
    is_slow_start: bool,
    is_growing: bool,
    same_direction: u32,
    window_before: f64,
    round_began: Instant,
    samples: Vec<(Instant, Duration)>,
    smoothed: Duration,
    acked: usize,
    is_idle: bool,
}

impl Copa {
    fn least(&self, window: Duration) -> Option<Duration> {
        let newest = self.samples.last()?.0;
        let lately = self.samples.iter().rev();
        let lately = lately.take_while(|(at, _)| newest - *at <= window);
        lately.map(|(_, sample)| *sample).min()
    }

    fn standing(&self) -> Option<Duration> {
        self.least(self.smoothed / 2)
    }

    fn on_sample(&mut self, sample: Duration, now: Instant) {
        let sample = sample.max(Duration::of(TIMER_GRANULARITY) / 10);
        self.samples.retain(|(at, _)| now - *at < LEAST_WINDOW);
        self.samples.push((now, sample));
        self.smoothed = if self.smoothed.is_zero() {
            sample
        } else {
            (self.smoothed * 7 + sample) / 8
        };
    }

    /// Whether the window is below what the delay in the queue allows.
    fn may_grow(&self) -> bool {
        let (Some(standing), Some(least)) = (self.standing(), self.least(LEAST_WINDOW)) else {
            return true;
        };
        let queued = standing.saturating_sub(least).to_std().as_secs_f64();
        self.window / standing.to_std().as_secs_f64() * DELTA * queued <= 1.0
    }

    fn on_round(&mut self, now: Instant) {
        if now - self.round_began < self.smoothed {
            return;
        }
        let is_growing = self.window > self.window_before;
        if is_growing == self.is_growing {
            self.same_direction += 1;
        } else {
            (self.same_direction, self.velocity) = (0, 1.0);
        }
        if self.same_direction >= 3 {
            self.velocity = (self.velocity * 2.0).min(self.window / 2.0).max(1.0);
        }
        self.is_growing = is_growing;
        (self.window_before, self.round_began) = (self.window, now);
    }
}

impl Controller for Copa {
    const NAME: &'static str = "Copa";
    type DeliverySnapshot = ();

    fn new(limits: RateLimits, now: Instant) -> Self {
        Self {
            limits,
            window: 10.0,
            velocity: 1.0,
            is_slow_start: true,
            is_growing: true,
            same_direction: 0,
            window_before: 10.0,
            round_began: now,
            samples: Vec::new(),
            smoothed: Duration::ZERO,
            acked: 0,
            is_idle: true,
        }
    }

    /// Twice the window each round trip, so that the window decides.
    fn rate(&self) -> u64 {
        let Some(standing) = self.standing() else {
            return self.limits.start;
        };
        let bytes = 2.0 * self.window * DATAGRAM_MAX as f64;
        ((bytes / standing.to_std().as_secs_f64()) as u64)
            .clamp(self.limits.floor, self.limits.ceiling)
    }

    fn window(&self) -> usize {
        (self.window * DATAGRAM_MAX as f64) as usize
    }

    fn on_sent(&mut self, in_flight: usize, _: Instant) {
        // What waits for the window waits for no application.
        if in_flight + 2 * DATAGRAM_MAX >= self.window() {
            self.is_idle = false;
        }
    }

    fn on_idle(&mut self, _: usize, _: Instant) {
        self.is_idle = true;
    }

    fn on_busy(&mut self, _: Instant) {
        self.is_idle = false;
    }

    fn on_acked(&mut self, (): (), _: Instant, bytes: usize, _: Instant) {
        self.acked += bytes;
    }

    fn on_ack(&mut self, sample: Option<Duration>, now: Instant) {
        if let Some(sample) = sample {
            self.on_sample(sample, now);
        }
        let acked = std::mem::take(&mut self.acked) as f64 / DATAGRAM_MAX as f64;
        let may_grow = self.may_grow();
        if self.is_slow_start && may_grow {
            self.window += if self.is_idle { 0.0 } else { acked };
        } else {
            self.is_slow_start = false;
            let step = self.velocity * acked / (DELTA * self.window);
            if !may_grow {
                self.window -= step;
            } else if !self.is_idle {
                self.window += step;
            }
            self.on_round(now);
        }
        let most = self.limits.ceiling as f64 * 2.0 / DATAGRAM_MAX as f64;
        self.window = self.window.clamp(4.0, most);
    }
}
