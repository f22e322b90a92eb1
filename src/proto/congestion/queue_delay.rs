//! Queueing delay: how much of the round-trip time is a queue on the path.

use crate::proto::time::{Duration, Instant};

/// Queueing delay from round-trip time samples.
///
/// A queue exists when the minimum of the last [`RECENT_SAMPLES`] samples exceeds the minimum of
/// the last 10 to 20 s by more than noise plus external delay.
#[derive(Debug)]
pub(super) struct QueueDelay {
    /// Minimum of each half of the window.
    current_min: Option<Duration>,
    previous_min: Option<Duration>,
    window_since: Instant,
    /// Newest first. The first `recent_len` are valid.
    recent: [Duration; RECENT_SAMPLES],
    recent_len: usize,
    /// Zero without a queue, `None` while there are too few recent samples.
    queued: Option<Duration>,
    last: Option<Duration>,
    /// Mean decrease from one sample to the next, as a measure of jitter.
    mean_decrease: Duration,
    /// Delay that is not a queue of this sender.
    external_delay: Duration,
}

/// Number of samples of the recent minimum: 3. A game that polls once per tick measures in ticks.
const RECENT_SAMPLES: usize = 3;

/// Round-trip time above the minimum without a queue: 12 ms. Smaller differences are lost in the
/// ticks of a 60 Hz game loop.
const QUEUE_NOISE: Duration = Duration::from_millis(12);

/// Weight of the past in the mean decrease, 15/16, and how many mean decreases count as noise: 6. A
/// growing queue makes every sample longer; jitter makes half of the samples shorter.
const DECREASE_WEIGHT: u32 = 16;
const NOISE_DECREASES: u32 = 6;

/// Mean decrease above which the path has jitter: 4 ms. A draining queue stays below it. The excess
/// counts 24 times as noise.
const JITTER_MIN: Duration = Duration::from_millis(4);
const JITTER_FACTOR: u32 = 24;

/// Half of the window of the minimum: 10 s, the whole window in BBR version 1.
const MIN_RTT_HALF_WINDOW: Duration = Duration::from_secs(10);

impl QueueDelay {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            current_min: None,
            previous_min: None,
            window_since: now,
            recent: [Duration::ZERO; RECENT_SAMPLES],
            recent_len: 0,
            queued: None,
            last: None,
            mean_decrease: Duration::ZERO,
            external_delay: Duration::ZERO,
        }
    }

    pub(super) fn on_sample(&mut self, rtt: Duration, now: Instant) {
        if now.saturating_duration_since(self.window_since) >= MIN_RTT_HALF_WINDOW {
            self.advance_window(now);
        }
        self.current_min = Some(self.current_min.map_or(rtt, |min| min.min(rtt)));
        let decrease = self.last.unwrap_or(rtt).saturating_sub(rtt);
        self.mean_decrease =
            (self.mean_decrease * (DECREASE_WEIGHT - 1) + decrease) / DECREASE_WEIGHT;
        self.last = Some(rtt);
        self.recent.rotate_right(1);
        self.recent[0] = rtt;
        self.recent_len = (self.recent_len + 1).min(RECENT_SAMPLES);
        self.queued = self.compute_queued();
    }

    fn advance_window(&mut self, now: Instant) {
        let min_before = self.min_rtt();
        self.previous_min = self.current_min.take();
        // A higher minimum already contains that part of the external delay.
        let growth = self
            .previous_min
            .zip(min_before)
            .map(|(min, before)| min.saturating_sub(before));
        self.external_delay =
            (self.external_delay * 3 / 4).saturating_sub(growth.unwrap_or_default());
        self.window_since = now;
    }

    fn compute_queued(&self) -> Option<Duration> {
        let excess = self.recent_min()?.saturating_sub(self.min_rtt()?);
        let jitter = self.mean_decrease.saturating_sub(JITTER_MIN) * JITTER_FACTOR;
        let noise = QUEUE_NOISE
            .max(self.mean_decrease * NOISE_DECREASES)
            .max(jitter);
        Some(if excess > noise.max(self.external_delay) {
            excess
        } else {
            Duration::ZERO
        })
    }

    /// Discards the recent samples, which were measured before the queue drained.
    pub(super) fn forget_recent(&mut self) {
        self.recent_len = 0;
        self.queued = None;
    }

    /// `delay` is not a queue, because sending less did not reduce it. It decays by a quarter every
    /// 10 s.
    pub(super) fn ignore_external(&mut self, delay: Duration) {
        self.external_delay = self.external_delay.max(delay);
        self.forget_recent();
    }

    /// Zero without a queue, `None` while there are fewer than [`RECENT_SAMPLES`] samples.
    pub(super) fn queued(&self) -> Option<Duration> {
        self.queued
    }

    pub(super) fn queue(&self) -> Option<Duration> {
        self.queued.filter(|queued| !queued.is_zero())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queued.is_some_and(Duration::is_zero)
    }

    pub(super) fn min_rtt(&self) -> Option<Duration> {
        match (self.current_min, self.previous_min) {
            (Some(current), Some(previous)) => Some(current.min(previous)),
            (current, previous) => current.or(previous),
        }
    }

    fn recent_min(&self) -> Option<Duration> {
        let is_known = self.recent_len == RECENT_SAMPLES;
        self.recent.iter().copied().min().filter(|_| is_known)
    }

    /// Round-trip time without short delays: Copa's standing RTT.
    pub(super) fn standing_rtt(&self) -> Option<Duration> {
        self.recent_min().max(self.min_rtt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn detects_a_queue_on_top_of_external_delay() {
        let mut delay = QueueDelay::new(Instant::START);
        let mut now = Instant::START;
        let mut sample = |delay: &mut QueueDelay, rtt: Duration, samples: u32| {
            for _ in 0..samples {
                now += 50 * MS;
                delay.on_sample(rtt, now);
            }
        };
        sample(&mut delay, 50 * MS, 20);
        sample(&mut delay, 250 * MS, 20);
        assert!(delay.queue().is_some());
        delay.ignore_external(300 * MS);
        sample(&mut delay, 250 * MS, 20);
        assert!(delay.is_empty());
        // By now 250 ms is the minimum of the window.
        sample(&mut delay, 250 * MS, 450);
        assert_eq!(delay.min_rtt(), Some(250 * MS));
        sample(&mut delay, 310 * MS, 20);
        assert!(delay.queue().is_some(), "{delay:?}");
    }

    #[test]
    fn ignores_external_delay() {
        let now = Instant::START;
        let mut delay = QueueDelay::new(now);
        let sample = |delay: &mut QueueDelay, millis: u32| {
            (0..RECENT_SAMPLES).for_each(|_| delay.on_sample(millis * MS, now));
        };
        sample(&mut delay, 50);
        sample(&mut delay, 90);
        assert_eq!(delay.queued(), Some(40 * MS));
        delay.ignore_external(60 * MS);
        sample(&mut delay, 90);
        assert!(delay.is_empty());
        sample(&mut delay, 120);
        assert!(delay.queue().is_some());
    }

    #[test]
    fn jitter_is_not_a_queue() {
        let now = Instant::START;
        let mut delay = QueueDelay::new(now);
        for index in 0..500_u32 {
            delay.on_sample((100 + index * 37 % 100) * MS, now);
            assert!(index < 50 || delay.is_empty());
        }
    }
}
