//! Pacing with a token bucket. It holds a tick's worth of tokens for a game that polls once per
//! tick; a loop that wakes at the deadline gets a smaller bucket, because bursts queue up on the
//! path.

use crate::limits::DATAGRAM_MAX;
use crate::proto::time::{Duration, Instant};

/// Maximum bucket size, as a time at the pacing rate: 25 ms, a tick at 60 Hz that is half a tick
/// late.
const BURST_TIME: Duration = Duration::from_millis(25);

/// Minimum bucket size: 4 full packets.
const BURST_MIN: usize = 4 * DATAGRAM_MAX;

const NANOS: u64 = 1_000_000_000;

/// A token bucket with one token per byte. A packet may be sent while there is a token; bytes
/// beyond the tokens are a debt that is paid before the next packet.
#[derive(Debug)]
pub(super) struct Pacer {
    /// In bytes per second.
    rate: u64,
    /// Tokens at `updated_at`, in bytes; negative if in debt.
    tokens: i64,
    updated_at: Instant,
    /// Fraction of a token earned up to `updated_at`, in billionths.
    fraction: u64,
    /// How long after the deadline the loop polls: the recent maximum, which decays.
    lateness: Duration,
    is_backlogged: bool,
}

impl Pacer {
    pub(super) fn new(rate: u64, now: Instant) -> Self {
        let mut pacer = Self {
            rate,
            tokens: 0,
            updated_at: now,
            fraction: 0,
            lateness: Duration::ZERO,
            is_backlogged: false,
        };
        pacer.tokens = pacer.capacity();
        pacer
    }

    /// Bucket size in bytes: the tokens earned during `lateness`, and at least [`BURST_MIN`].
    #[allow(
        clippy::cast_possible_wrap,
        reason = "a rate of 10 Gbit/s earns 31 MB in 25 ms"
    )]
    fn capacity(&self) -> i64 {
        let micros = self.lateness.as_micros();
        let burst = self.rate * micros / 1_000_000;
        burst.max(BURST_MIN as u64) as i64
    }

    pub(super) fn set_rate(&mut self, rate: u64, now: Instant) {
        if rate != self.rate {
            self.refill(now);
            self.rate = rate;
            self.tokens = self.tokens.min(self.capacity());
        }
    }

    pub(super) fn has_room(&self, now: Instant) -> bool {
        self.tokens > 0 || self.ready_at() <= now
    }

    pub(super) fn ready_at(&self) -> Instant {
        if self.tokens > 0 {
            return self.updated_at;
        }
        let missing = self.tokens.unsigned_abs() + 1;
        self.updated_at + Duration::from_nanos((missing * NANOS).div_ceil(self.rate))
    }

    #[allow(
        clippy::cast_possible_wrap,
        reason = "a packet has at most 1,024 bytes"
    )]
    pub(super) fn on_sent(&mut self, len: usize, now: Instant) {
        self.refill(now);
        self.tokens -= len as i64;
    }

    /// Sets whether messages wait for tokens. Only then does the next packet measure the loop's
    /// lateness.
    pub(super) fn set_backlogged(&mut self, is_backlogged: bool) {
        self.is_backlogged = is_backlogged;
    }

    fn refill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.updated_at);
        if elapsed.is_zero() {
            return;
        }
        self.measure_lateness(now);
        let capacity = self.capacity();
        self.updated_at = now;
        if elapsed > BURST_TIME * 4 {
            // A full bucket for any debt: it was at most a packet.
            (self.tokens, self.fraction) = (capacity, 0);
            return;
        }
        // At most 100 ms, so the product fits: 10^8 ns * 1.25 * 10^9 bytes/s.
        let earned = elapsed.as_nanos() * self.rate + self.fraction;
        self.fraction = earned % NANOS;
        #[allow(clippy::cast_possible_wrap, reason = "at most 125 MB")]
        let bytes = (earned / NANOS) as i64;
        self.tokens = (self.tokens + bytes).min(capacity);
    }

    fn measure_lateness(&mut self, now: Instant) {
        if self.tokens > 0 || !std::mem::take(&mut self.is_backlogged) {
            return;
        }
        let late = now.saturating_duration_since(self.ready_at());
        self.lateness = (self.lateness * 15 / 16).max(late.min(BURST_TIME));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Bytes sent in a second by a sender with a backlog that polls every `turn`.
    fn sent_in_a_second(rate: u64, turn: Duration) -> u64 {
        let start = Instant::START;
        let (mut pacer, mut now, mut sent) = (Pacer::new(rate, start), start, 0);
        while now < start + Duration::from_secs(1) {
            while pacer.has_room(now) {
                pacer.on_sent(1000, now);
                sent += 1000;
            }
            pacer.set_backlogged(true);
            now += turn;
        }
        sent
    }

    #[test]
    fn keeps_the_rate_with_timers_and_with_ticks() {
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
    fn has_room_at_its_deadline_and_not_before() {
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
    fn sends_at_most_one_burst_after_a_long_pause() {
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
    fn lower_rate_reduces_the_tokens() {
        let start = Instant::START;
        let mut pacer = Pacer::new(10_000_000, start);
        pacer.set_rate(16_000, start);
        let mut sent = 0;
        while pacer.has_room(start) {
            pacer.on_sent(100, start);
            sent += 100;
        }
        // The last packet may exceed the tokens.
        assert!(sent < BURST_MIN + 100, "{sent}");
    }
}
