//! When each datagram of a round is due.
//!
//! Not `crate::schedule`, which starts over when its owner is late: here a late sender stays late, and the latency shows
//! it. Leaving out what could not be sent in time would leave out the very datagrams that a stall delays (coordinated
//! omission).

use std::time::{Duration, Instant};

const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// How long a round is: a warm-up whose datagrams do not count, then the part that does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) warm_up: Duration,
    pub(super) duration: Duration,
}

impl Span {
    pub(super) fn starting_at(self, start: Instant) -> Window {
        Window { start, span: self }
    }

    /// How many datagrams are due in it.
    pub(super) fn datagrams(&self, per_second: u32) -> u64 {
        datagrams_in(self.warm_up + self.duration, per_second)
    }
}

/// The time of a round, once its start is set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    pub(super) start: Instant,
    span: Span,
}

impl Window {
    /// A datagram that is due from here on counts.
    pub(super) fn begin(&self) -> Instant {
        self.start + self.span.warm_up
    }

    /// None is due from here on.
    pub(super) fn end(&self) -> Instant {
        self.begin() + self.span.duration
    }

    /// How long after the beginning of what counts it is at `due`; `None` in the warm-up.
    pub(super) fn since_begin(&self, due: Instant) -> Option<Duration> {
        due.checked_duration_since(self.begin())
    }
}

/// A fixed number of datagrams per second: number `n` is due `n` periods after the start.
#[derive(Debug, Clone, Copy)]
pub(super) struct SendSchedule {
    pub(super) window: Window,
    per_second: u32,
    /// How many are due in the round, those of the warm-up included.
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

    /// When number `number` should leave, whatever became of those before it.
    pub(super) fn due(&self, number: u64) -> Instant {
        let nanos = u128::from(number) * NANOS_PER_SECOND / u128::from(self.per_second);
        self.window.start + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// How long after the start of the round it is at `time`.
    pub(super) fn since_start(&self, time: Instant) -> Duration {
        time.saturating_duration_since(self.window.start)
    }

    /// When something was that came so long after the start.
    pub(super) fn at(&self, since_start: Duration) -> Instant {
        self.window.start + since_start
    }

    /// How many count.
    pub(super) fn counted(&self) -> u64 {
        self.total - self.due_within(self.window.span.warm_up)
    }

    /// How many are due in the time that counts, from `from` after its beginning until `to`.
    pub(super) fn counted_between(&self, from: Duration, to: Duration) -> u64 {
        let warm_up = self.window.span.warm_up;
        self.due_within(warm_up + to) - self.due_within(warm_up + from)
    }

    /// How long it took until the last one had left, so long after the start: from when the first one
    /// that counts was due, and with the period that the last one takes.
    pub(super) fn counted_in(&self, last: Duration) -> Duration {
        let first = self.since_start(self.due(self.total - self.counted()));
        let period = self.since_start(self.due(1));
        (last + period).saturating_sub(first)
    }

    /// How many are due until `time` after the start.
    fn due_within(&self, time: Duration) -> u64 {
        datagrams_in(time, self.per_second).min(self.total)
    }
}

/// How many datagrams are due within `time`, the first at its very beginning. Of a due time only the
/// fraction of a nanosecond is cut off, which takes none of them across a border.
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
    fn a_period_that_is_no_whole_number_of_nanoseconds_does_not_drift() {
        let schedule = schedule(0, 1000, 3);
        assert_eq!(
            schedule.due(3 * 3600),
            schedule.window.start + Duration::from_secs(3600)
        );
    }

    #[test]
    fn a_round_has_as_many_datagrams_as_were_asked_for() {
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
    fn those_that_count_are_counted_without_looking_at_each() {
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
    fn what_leaves_in_time_takes_a_period_each() {
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
