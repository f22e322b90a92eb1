//! Due times of the datagrams of a round.
//!
//! Unlike `crate::schedule`, a late sender stays late, and the latency shows it. Skipping late
//! datagrams would skip those that a stall delays (coordinated omission).

use std::time::{Duration, Instant};

const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// Length of a round: a warm-up, then the measured part.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) warm_up: Duration,
    pub(super) duration: Duration,
}

impl Span {
    pub(super) fn starting_at(self, start: Instant) -> Window {
        Window { start, span: self }
    }

    pub(super) fn datagrams(&self, per_second: u32) -> u64 {
        datagrams_in(self.warm_up + self.duration, per_second)
    }
}

/// The times of a round with a known start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    pub(super) start: Instant,
    span: Span,
}

impl Window {
    /// End of the warm-up.
    pub(super) fn begin(&self) -> Instant {
        self.start + self.span.warm_up
    }

    pub(super) fn end(&self) -> Instant {
        self.begin() + self.span.duration
    }

    /// `due` from the end of the warm-up; `None` in the warm-up.
    pub(super) fn since_begin(&self, due: Instant) -> Option<Duration> {
        due.checked_duration_since(self.begin())
    }
}

/// A fixed rate: datagram `n` is due `n` periods after the start.
#[derive(Debug, Clone, Copy)]
pub(super) struct SendSchedule {
    pub(super) window: Window,
    per_second: u32,
    /// Number of datagrams in the round, including the warm-up.
    pub(super) total: u64,
}

impl SendSchedule {
    pub(super) fn new(window: Window, per_second: u32) -> Self {
        Self {
            window,
            per_second,
            total: window.span.datagrams(per_second),
        }
    }

    pub(super) fn due(&self, number: u64) -> Instant {
        let nanos = u128::from(number) * NANOS_PER_SECOND / u128::from(self.per_second);
        self.window.start + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// `time` from the start of the round.
    pub(super) fn since_start(&self, time: Instant) -> Duration {
        time.saturating_duration_since(self.window.start)
    }

    /// The instant at this time from the start.
    pub(super) fn at(&self, since_start: Duration) -> Instant {
        self.window.start + since_start
    }

    /// Number of datagrams in the measured part.
    pub(super) fn counted(&self) -> u64 {
        self.total - self.due_within(self.window.span.warm_up)
    }

    /// Number of datagrams due in the measured part between `from` and `to`.
    pub(super) fn counted_between(&self, from: Duration, to: Duration) -> u64 {
        let warm_up = self.window.span.warm_up;
        self.due_within(warm_up + to) - self.due_within(warm_up + from)
    }

    /// Duration of sending the measured part, from the due time of its first datagram, given the
    /// last departure; including the period of the last datagram.
    pub(super) fn counted_in(&self, last: Duration) -> Duration {
        let first = self.since_start(self.due(self.total - self.counted()));
        let period = self.since_start(self.due(1));
        (last + period).saturating_sub(first)
    }

    /// Number of datagrams due until `time` after the start.
    fn due_within(&self, time: Duration) -> u64 {
        datagrams_in(time, self.per_second).min(self.total)
    }
}

/// Number of datagrams due within `time`, the first at its start. Rounding due times to nanoseconds
/// moves no datagram across the boundary.
fn datagrams_in(time: Duration, per_second: u32) -> u64 {
    let count = (time.as_nanos() * u128::from(per_second)).div_ceil(NANOS_PER_SECOND);
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(warm_up_ms: u64, duration_ms: u64, per_second: u32) -> SendSchedule {
        let span = Span {
            warm_up: Duration::from_millis(warm_up_ms),
            duration: Duration::from_millis(duration_ms),
        };
        SendSchedule::new(span.starting_at(Instant::now()), per_second)
    }

    #[test]
    fn a_period_with_fractional_nanoseconds_does_not_drift() {
        let schedule = schedule(0, 1000, 3);
        assert_eq!(
            schedule.due(3 * 3600),
            schedule.window.start + Duration::from_secs(3600)
        );
    }

    #[test]
    fn a_round_has_the_requested_number_of_datagrams() {
        let schedule = schedule(200, 2000, 1000);
        assert_eq!((schedule.total, schedule.counted()), (2200, 2000));
        assert!(
            schedule.due(199) < schedule.window.begin()
                && schedule.due(200) == schedule.window.begin()
        );
        assert!(schedule.due(schedule.total - 1) < schedule.window.end());
        assert!(schedule.due(schedule.total) >= schedule.window.end());
    }

    #[test]
    fn computes_the_number_of_measured_datagrams() {
        for per_second in [1, 3, 7, 999, 1000, 1001, 44_100] {
            for warm_up_ms in [0, 1, 142, 143, 200, 999] {
                let schedule = schedule(warm_up_ms, 1000, per_second);
                let begin = schedule.window.begin();
                let counts = |number: &u64| schedule.due(*number) >= begin;
                let counted = (0..schedule.total).filter(counts).count() as u64;
                let what = format!("{per_second} a second after {warm_up_ms} ms");
                assert_eq!(schedule.counted(), counted, "{what}");
                let ms = Duration::from_millis;
                let first = schedule.counted_between(ms(0), ms(77));
                let rest = schedule.counted_between(ms(77), ms(5000));
                assert_eq!(first + rest, counted, "{what}");
                let is_early =
                    |number: &u64| counts(number) && schedule.due(*number) < begin + ms(77);
                let early = (0..schedule.total).filter(is_early).count() as u64;
                assert_eq!(first, early, "{what}");
            }
        }
    }

    #[test]
    fn datagrams_on_time_take_one_period_each() {
        let schedule = schedule(200, 1000, 1000);
        let last = schedule.since_start(schedule.due(schedule.total - 1));
        let second = Duration::from_secs(1);
        assert_eq!(schedule.counted_in(last), second);
        assert_eq!(schedule.counted_in(last + second), 2 * second);
    }

    #[test]
    fn a_round_shorter_than_a_period_has_one_datagram() {
        let schedule = schedule(0, 1, 1);
        assert_eq!((schedule.total, schedule.counted()), (1, 1));
    }
}
