//! Queueing delay.

use crate::limits::QUEUE_NOISE;
use crate::proto::time::{Duration, Instant};

/// How long round trips are, and how much of that is a queue.
#[derive(Debug)]
pub(super) struct QueueDelay {
    /// The shortest of the last ten to twenty seconds.
    current: Option<Duration>,
    before: Option<Duration>,
    since: Instant,
    /// The last few.
    lately: [Duration; LATELY],
    lately_len: usize,
    pub(super) queued: Duration,
    last: Option<Duration>,
    /// How much shorter one is than the one before, on average.
    falls: Duration,
    /// How much longer they are for reasons of others.
    tolerated: Duration,
}

/// Of how many round trips the shortest counts.
const LATELY: usize = 3;

/// Over how many round trips they are averaged, and how many of them are noise. A queue that builds up makes
/// them longer each time, and only jitter makes them shorter as often.
const FALLS: u32 = 16;
const NOISE_FALLS: u32 = 6;

/// More than this is no queue that drains but a path with much jitter. What is over it counts so many times.
const JITTER: Duration = Duration::from_millis(4);
const JITTER_FALLS: u32 = 24;

/// How long one half of the window is.
const LEAST_WINDOW: Duration = Duration::from_secs(10);

impl QueueDelay {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            current: None,
            before: None,
            since: now,
            lately: [Duration::ZERO; LATELY],
            lately_len: 0,
            queued: Duration::ZERO,
            last: None,
            falls: Duration::ZERO,
            tolerated: Duration::ZERO,
        }
    }

    pub(super) fn on_sample(&mut self, sample: Duration, now: Instant) {
        if now.saturating_duration_since(self.since) >= LEAST_WINDOW {
            let least = self.least();
            self.before = self.current.take();
            // A way that got longer is the shortest by now: what it has grown by is not tolerated once more.
            let grown = self.before.zip(least);
            let grown = grown.map(|(now, then)| now.saturating_sub(then));
            self.tolerated = (self.tolerated * 3 / 4).saturating_sub(grown.unwrap_or_default());
            self.since = now;
        }
        self.current = Some(self.current.map_or(sample, |least| least.min(sample)));
        let fall = self.last.unwrap_or(sample).saturating_sub(sample);
        self.falls = (self.falls * (FALLS - 1) + fall) / FALLS;
        self.last = Some(sample);
        self.lately.rotate_right(1);
        self.lately[0] = sample;
        self.lately_len = (self.lately_len + 1).min(LATELY);
        self.queued = self.queue();
    }

    /// The last round trips belong to another time.
    pub(super) fn forget_lately(&mut self) {
        self.lately_len = 0;
        self.queued = Duration::ZERO;
    }

    /// So long a delay is not of our making.
    pub(super) fn tolerate(&mut self, delay: Duration) {
        self.tolerated = self.tolerated.max(delay);
        self.forget_lately();
    }

    fn shortest_lately(&self) -> Option<Duration> {
        let is_known = self.lately_len == LATELY;
        self.lately.iter().copied().min().filter(|_| is_known)
    }

    fn queue(&self) -> Duration {
        let (Some(lately), Some(least)) = (self.shortest_lately(), self.least()) else {
            return Duration::ZERO;
        };
        let longer = lately.saturating_sub(least);
        let jitter = self.falls.saturating_sub(JITTER) * JITTER_FALLS;
        let noise = Duration::of(QUEUE_NOISE)
            .max(self.falls * NOISE_FALLS)
            .max(jitter);
        if longer > noise.max(self.tolerated) {
            longer
        } else {
            Duration::ZERO
        }
    }

    pub(super) fn has_queue(&self) -> bool {
        !self.queued.is_zero()
    }

    /// Whether that is known.
    pub(super) fn has_none(&self) -> bool {
        self.lately_len == LATELY && self.queued.is_zero()
    }

    pub(super) fn least(&self) -> Option<Duration> {
        match (self.current, self.before) {
            (Some(current), Some(before)) => Some(current.min(before)),
            (current, before) => current.or(before),
        }
    }

    /// How long a round trip takes that is not held up by chance.
    pub(super) fn usual(&self) -> Option<Duration> {
        self.shortest_lately().max(self.least())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_delay_that_came_to_stay_hides_no_queue_behind_it() {
        let mut delay = QueueDelay::new(Instant::START);
        let mut now = Instant::START;
        let mut hear = |delay: &mut QueueDelay, sample: Duration, samples: u32| {
            for _ in 0..samples {
                now += 50 * MS;
                delay.on_sample(sample, now);
            }
        };
        hear(&mut delay, 50 * MS, 20);
        hear(&mut delay, 250 * MS, 20);
        assert!(delay.has_queue());
        // Less was sent, and that made it no shorter.
        delay.tolerate(300 * MS);
        hear(&mut delay, 250 * MS, 20);
        assert!(delay.has_none());
        // Nobody remembers that it was ever shorter.
        hear(&mut delay, 250 * MS, 450);
        assert_eq!(delay.least(), Some(250 * MS));
        hear(&mut delay, 310 * MS, 20);
        assert!(delay.has_queue(), "{delay:?}");
    }

    #[test]
    fn a_delay_that_stays_is_nobodys_fault() {
        let now = Instant::START;
        let mut delay = QueueDelay::new(now);
        let sample = |delay: &mut QueueDelay, millis: u32| {
            (0..LATELY).for_each(|_| delay.on_sample(millis * MS, now));
        };
        sample(&mut delay, 50);
        sample(&mut delay, 90);
        assert_eq!(delay.queued, 40 * MS);
        delay.tolerate(60 * MS);
        sample(&mut delay, 90);
        assert!(delay.has_none());
        sample(&mut delay, 120);
        assert!(delay.has_queue());
    }

    #[test]
    fn jitter_is_no_queue() {
        let now = Instant::START;
        let mut delay = QueueDelay::new(now);
        for index in 0..500_u32 {
            delay.on_sample((100 + index * 37 % 100) * MS, now);
            assert!(index < 50 || delay.has_none());
        }
    }
}
