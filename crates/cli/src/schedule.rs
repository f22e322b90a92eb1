//! When the next datagram is due: fixed steps that do not drift.
//!
//! Not the library's `Ticker`, which catches up on what was missed; here that would be a burst.

use std::time::{Duration, Instant};

/// When a datagram may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    Now,
    At(Instant),
    /// Later than the clock can say.
    Never,
}

/// Spaces datagrams by a fixed time: each is due one period after the one before was *due*, so that
/// a late one does not shift those behind it.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    every: Duration,
    next: Due,
}

impl Schedule {
    /// The first is due at once. Without spacing (zero) all are.
    pub(crate) fn new(every: Duration) -> Self {
        Self {
            every,
            next: Due::Now,
        }
    }

    /// When the next one is due, seen at `now`.
    pub(crate) fn due(&self, now: Instant) -> Due {
        match self.next {
            Due::At(time) if time <= now => Due::Now,
            next => next,
        }
    }

    /// How late one is that is sent at `now`.
    pub(crate) fn late(&self, now: Instant) -> Duration {
        match self.next {
            Due::At(due) => now.saturating_duration_since(due),
            // The first one cannot be late.
            Due::Now | Due::Never => Duration::ZERO,
        }
    }

    /// One was sent at `now`.
    pub(crate) fn on_sent(&mut self, now: Instant) {
        if self.every.is_zero() {
            return;
        }
        let next = self.step_from(now).checked_add(self.every);
        self.next = next.map_or(Due::Never, Due::At);
    }

    /// Where the step that was just taken stands. Whoever comes more than a whole period late (a
    /// line that was typed late, a process that was stopped) starts over, because sending what was
    /// missed in a burst would not be the spacing that was asked for.
    fn step_from(&self, now: Instant) -> Instant {
        match self.next {
            Due::At(due) if now.saturating_duration_since(due) < self.every => due,
            _ => now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_millis(16);

    #[test]
    fn the_first_is_due_at_once_and_the_next_a_period_later() {
        let start = Instant::now();
        let mut schedule = Schedule::new(EVERY);
        assert_eq!(schedule.due(start), Due::Now);
        schedule.on_sent(start);
        assert_eq!(schedule.due(start), Due::At(start + EVERY));
        assert_eq!(schedule.due(start + EVERY), Due::Now);
    }

    #[test]
    fn a_late_one_does_not_shift_those_behind_it() {
        let start = Instant::now();
        let mut schedule = Schedule::new(EVERY);
        schedule.on_sent(start);
        for step in 1..100 {
            schedule.on_sent(start + step * EVERY + EVERY / 2);
        }
        assert_eq!(schedule.due(start), Due::At(start + 100 * EVERY));
    }

    #[test]
    fn whoever_comes_a_whole_period_late_starts_over() {
        let start = Instant::now();
        let late = start + 10 * EVERY;
        let mut schedule = Schedule::new(EVERY);
        schedule.on_sent(start);
        schedule.on_sent(late);
        assert_eq!(schedule.due(late), Due::At(late + EVERY));
    }

    #[test]
    fn how_late_one_is_counts_from_when_it_was_due() {
        let start = Instant::now();
        let mut schedule = Schedule::new(EVERY);
        assert_eq!(schedule.late(start), Duration::ZERO);
        schedule.on_sent(start);
        assert_eq!(schedule.late(start), Duration::ZERO);
        assert_eq!(schedule.late(start + 3 * EVERY), 2 * EVERY);
    }

    #[test]
    fn without_spacing_every_one_is_due_at_once() {
        let now = Instant::now();
        let mut schedule = Schedule::new(Duration::ZERO);
        schedule.on_sent(now);
        assert_eq!(schedule.due(now), Due::Now);
    }

    #[test]
    fn a_period_beyond_the_clock_never_ends() {
        let now = Instant::now();
        let mut schedule = Schedule::new(Duration::MAX);
        schedule.on_sent(now);
        assert_eq!(schedule.due(now), Due::Never);
    }
}
