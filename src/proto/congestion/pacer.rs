//! Tokens that let packets go: as many bytes as the rate allows, and a tick's worth in one go for a game
//! that is called once a tick. A loop that comes when it is asked to gets no more than it needs, because
//! what leaves in one go is a queue somewhere on the way.

use crate::limits::{BURST_MIN, BURST_TIME};
use crate::proto::time::{Duration, Instant};

const NANOS: u64 = 1_000_000_000;

/// See the [module](self). A packet may go as long as there is a token; what it takes too much is a debt
/// that is paid before the next one.
#[derive(Debug)]
pub(crate) struct Pacer {
    /// Bytes per second.
    rate: u64,
    /// Tokens at `at`, in bytes.
    tokens: i64,
    at: Instant,
    /// What is left of a byte since `at`, in billionths.
    rest: u64,
    /// How late the loop comes when a packet may go, at its worst lately.
    lateness: Duration,
    /// Whether a packet waits for it.
    is_waited_for: bool,
}

impl Pacer {
    /// With a full bucket.
    pub(crate) fn new(bytes_per_second: u64, now: Instant) -> Self {
        let mut pacer = Self {
            rate: bytes_per_second,
            tokens: 0,
            at: now,
            rest: 0,
            lateness: Duration::ZERO,
            is_waited_for: false,
        };
        pacer.tokens = pacer.capacity();
        pacer
    }

    /// How much may leave at once: what the rate has while the loop is late, and a few packets at least.
    #[allow(
        clippy::cast_possible_wrap,
        reason = "a rate of 10 Gbit/s has 31 MB in that time"
    )]
    fn capacity(&self) -> i64 {
        let micros = self.lateness.as_micros();
        let burst = self.rate * micros / 1_000_000;
        burst.max(BURST_MIN as u64) as i64
    }

    pub(crate) fn set_rate(&mut self, bytes_per_second: u64, now: Instant) {
        if bytes_per_second != self.rate {
            self.fill(now);
            self.rate = bytes_per_second;
            self.tokens = self.tokens.min(self.capacity());
        }
    }

    /// Whether a packet may go.
    pub(crate) fn has_room(&self, now: Instant) -> bool {
        self.tokens > 0 || self.ready_at() <= now
    }

    /// When a packet may go.
    pub(crate) fn ready_at(&self) -> Instant {
        if self.tokens > 0 {
            return self.at;
        }
        let missing = self.tokens.unsigned_abs() + 1;
        self.at + Duration::from_nanos((missing * NANOS).div_ceil(self.rate))
    }

    /// A packet of `len` bytes has left.
    #[allow(
        clippy::cast_possible_wrap,
        reason = "a packet has 1,024 bytes at most"
    )]
    pub(crate) fn on_sent(&mut self, len: usize, now: Instant) {
        self.fill(now);
        self.tokens -= len as i64;
    }

    /// Somebody waits until a packet may go, or nobody.
    pub(crate) fn set_waited_for(&mut self, is_waited_for: bool) {
        self.is_waited_for = is_waited_for;
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at);
        if passed.is_zero() {
            return;
        }
        self.learn_lateness(now);
        let capacity = self.capacity();
        self.at = now;
        if passed > Duration::of(BURST_TIME) * 4 {
            // As much as a bucket holds, whatever the debt was: it was at most a packet.
            (self.tokens, self.rest) = (capacity, 0);
            return;
        }
        // 100 ms at most.
        let earned = passed.as_nanos() * self.rate + self.rest;
        self.rest = earned % NANOS;
        #[allow(clippy::cast_possible_wrap, reason = "125 MB at most")]
        let bytes = (earned / NANOS) as i64;
        self.tokens = (self.tokens + bytes).min(capacity);
    }

    /// Somebody waited for tokens: when did he come for them?
    fn learn_lateness(&mut self, now: Instant) {
        if self.tokens > 0 || !std::mem::take(&mut self.is_waited_for) {
            return;
        }
        let late = now.saturating_duration_since(self.ready_at());
        self.lateness = (self.lateness * 15 / 16).max(late.min(Duration::of(BURST_TIME)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// How many bytes leave in a second in which somebody sends all he may every `turn`.
    fn sent_in_a_second(rate: u64, turn: Duration) -> u64 {
        let start = Instant::START;
        let (mut pacer, mut now, mut sent) = (Pacer::new(rate, start), start, 0);
        while now < start + Duration::from_secs(1) {
            while pacer.has_room(now) {
                pacer.on_sent(1000, now);
                sent += 1000;
            }
            pacer.set_waited_for(true);
            now += turn;
        }
        sent
    }

    #[test]
    fn the_rate_is_kept_by_timers_and_by_ticks_alike() {
        for rate in [16_000, 125_000, 1_250_000, 12_500_000] {
            let burst = rate / 40 + BURST_MIN as u64 + 1000;
            for turn in [MS, 10 * MS, Duration::from_nanos(16_666_667)] {
                let sent = sent_in_a_second(rate, turn);
                assert!(sent <= rate + burst, "{sent} at {rate} by {turn:?}");
                assert!(sent >= rate * 95 / 100, "{sent} at {rate} by {turn:?}");
            }
        }
    }

    #[test]
    fn a_deadline_is_when_there_is_room_and_not_before() {
        let start = Instant::START;
        let mut pacer = Pacer::new(100_000, start);
        while pacer.has_room(start) {
            pacer.on_sent(1000, start);
        }
        let at = pacer.ready_at();
        assert!(at > start && pacer.has_room(at));
        assert!(!pacer.has_room(at - Duration::from_nanos(11_000)));
    }

    #[test]
    fn what_was_not_used_for_long_is_no_more_than_a_burst() {
        let start = Instant::START;
        let mut pacer = Pacer::new(100_000, start);
        let later = start + Duration::from_secs(3600);
        let mut sent = 0;
        while pacer.has_room(later) {
            pacer.on_sent(100, later);
            sent += 100;
        }
        assert!(sent <= BURST_MIN + 100, "{sent}");
    }

    #[test]
    fn a_slower_rate_takes_back_what_it_would_not_have_given() {
        let start = Instant::START;
        let mut pacer = Pacer::new(10_000_000, start);
        pacer.set_rate(16_000, start);
        let mut sent = 0;
        while pacer.has_room(start) {
            pacer.on_sent(100, start);
            sent += 100;
        }
        // The last one may take more than there is.
        assert!(sent < BURST_MIN + 100, "{sent}");
    }
}
