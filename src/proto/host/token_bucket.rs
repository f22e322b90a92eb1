//! Rate limit: a number of events per second, with a burst.

use crate::proto::time::{Duration, Instant};

/// The generic cell rate algorithm: the only state is the time at which the bucket is full again.
#[derive(Debug)]
pub(crate) struct TokenBucket {
    interval: Duration,
    /// Maximum of `full_at - now`.
    tolerance: Duration,
    full_at: Instant,
}

impl TokenBucket {
    /// A full bucket of `burst` tokens, refilled at `per_second`. Neither may be zero.
    pub(crate) fn new(per_second: u32, burst: u32, now: Instant) -> Self {
        let interval = Duration::from_secs(1) / per_second;
        Self {
            interval,
            tolerance: interval * (burst - 1),
            full_at: now,
        }
    }

    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let full_at = self.full_at.max(now);
        let has_token = full_at - now <= self.tolerance;
        if has_token {
            self.full_at = full_at + self.interval;
        }
        has_token
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allows_a_burst_then_the_rate() {
        let start = Instant::START;
        let mut bucket = TokenBucket::new(500, 32, start);
        let at_once = (0..1000).filter(|_| bucket.take(start)).count();
        assert_eq!(at_once, 32);
        let times = (0..20_000).map(|index| start + Duration::from_micros(100) * index);
        let taken = times.filter(|now| bucket.take(*now)).count();
        assert_eq!(taken, 2 * 500 - 1);
    }

    #[test]
    fn refills_to_its_capacity() {
        let start = Instant::START;
        let mut bucket = TokenBucket::new(1, 3, start);
        assert!(bucket.take(start));
        let later = start + Duration::from_secs(3600);
        assert_eq!((0..10).filter(|_| bucket.take(later)).count(), 3);
    }
}
