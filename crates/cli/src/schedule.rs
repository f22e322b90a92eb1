//! When the next datagram is due: at fixed intervals that do not drift.
//!
//! The library's `Ticker` catches up on missed steps, which would cause a burst here.

use std::time::{Duration, Instant};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    Now,
    At(Instant),
    /// Later than the clock can represent.
    Never,
}

/// Each datagram is due an interval after the previous one was *due*, so a late datagram does not
/// shift the following ones.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    interval: Duration,
    next: Due,
}

impl Schedule {
    /// The first datagram is due at once. With an interval of zero, all are.
    pub(crate) fn new(interval: Duration) -> Self {
        let next = Due::Now;
        Self { interval, next }
    }

    /// When the next datagram is due, as of `now`.
    pub(crate) fn due(&self, now: Instant) -> Due {
        match self.next {
            Due::At(time) if time <= now => Due::Now,
            next => next,
        }
    }

    /// How late a datagram is if it is sent at `now`.
    pub(crate) fn late(&self, now: Instant) -> Duration {
        match self.next {
            Due::At(due) => now.saturating_duration_since(due),
            Due::Now | Due::Never => Duration::ZERO,
        }
    }

    /// A datagram was sent at `now`. After a delay of an interval or more, the schedule restarts
    /// from `now` instead of causing a burst.
    pub(crate) fn on_sent(&mut self, now: Instant) {
        if self.interval.is_zero() {
            return;
        }
        let due = match self.next {
            Due::At(due) if now.saturating_duration_since(due) < self.interval => due,
            _ => now,
        };
        self.next = after(due, self.interval);
    }

    /// The system rejected a datagram. With an interval of zero, the next one is due after `pause`.
    pub(crate) fn on_refused(&mut self, now: Instant, pause: Duration) {
        if self.interval.is_zero() {
            self.next = after(now, pause);
        }
    }
}

fn after(time: Instant, delay: Duration) -> Due {
    time.checked_add(delay).map_or(Due::Never, Due::At)
}

/// The timeout of a wait until a deadline, if there is one.
pub(crate) fn until(deadline: Option<Instant>) -> Option<Duration> {
    deadline.map(|time| time.saturating_duration_since(Instant::now()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_millis(16);

    #[test]
    fn the_first_is_due_at_once_and_the_next_an_interval_later() {
        let start = Instant::now();
        let mut schedule = Schedule::new(INTERVAL);
        assert_eq!(schedule.due(start), Due::Now);
        schedule.on_sent(start);
        assert_eq!(schedule.due(start), Due::At(start + INTERVAL));
        assert_eq!(schedule.due(start + INTERVAL), Due::Now);
    }

    #[test]
    fn a_late_datagram_does_not_shift_the_following() {
        let start = Instant::now();
        let mut schedule = Schedule::new(INTERVAL);
        schedule.on_sent(start);
        for step in 1..100 {
            schedule.on_sent(start + step * INTERVAL + INTERVAL / 2);
        }
        assert_eq!(schedule.due(start), Due::At(start + 100 * INTERVAL));
    }

    #[test]
    fn restarts_after_a_delay_of_an_interval() {
        let start = Instant::now();
        let late = start + 10 * INTERVAL;
        let mut schedule = Schedule::new(INTERVAL);
        schedule.on_sent(start);
        schedule.on_sent(late);
        assert_eq!(schedule.due(late), Due::At(late + INTERVAL));
    }

    #[test]
    fn lateness_counts_from_the_due_time() {
        let start = Instant::now();
        let mut schedule = Schedule::new(INTERVAL);
        assert_eq!(schedule.late(start), Duration::ZERO);
        schedule.on_sent(start);
        assert_eq!(schedule.late(start), Duration::ZERO);
        assert_eq!(schedule.late(start + 3 * INTERVAL), 2 * INTERVAL);
    }

    #[test]
    fn with_an_interval_of_zero_all_are_due_at_once() {
        let now = Instant::now();
        let mut schedule = Schedule::new(Duration::ZERO);
        schedule.on_sent(now);
        assert_eq!(schedule.due(now), Due::Now);
    }

    #[test]
    fn an_interval_beyond_the_clock_is_never_due() {
        let now = Instant::now();
        let mut schedule = Schedule::new(Duration::MAX);
        schedule.on_sent(now);
        assert_eq!(schedule.due(now), Due::Never);
    }

    #[test]
    fn keeps_the_interval_after_a_rejected_datagram() {
        let now = Instant::now();
        let mut schedule = Schedule::new(INTERVAL);
        schedule.on_sent(now);
        schedule.on_refused(now, 5 * INTERVAL);
        assert_eq!(schedule.due(now), Due::At(now + INTERVAL));
    }

    #[test]
    fn with_an_interval_of_zero_pauses_after_a_rejected_datagram() {
        let now = Instant::now();
        let mut schedule = Schedule::new(Duration::ZERO);
        schedule.on_sent(now);
        schedule.on_refused(now, INTERVAL);
        assert_eq!(schedule.due(now), Due::At(now + INTERVAL));
        assert_eq!(schedule.due(now + INTERVAL), Due::Now);
    }
}
