//! When the next datagram is due: at fixed steps that do not drift.
//!
//! Not the library's `Ticker`, which catches up on missed steps: here that would be a burst.

use std::time::{Duration, Instant};

/// When a datagram may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    Now,
    At(Instant),
    /// Later than the clock can represent.
    Never,
}

/// Spaces datagrams by a fixed step. Each is due one step after the previous one was *due*, so a
/// late datagram does not shift the ones after it.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    step: Duration,
    next: Due,
}

impl Schedule {
    /// The first datagram is due at once. With a step of zero, all are.
    pub(crate) fn new(step: Duration) -> Self {
        let next = Due::Now;
        Self { step, next }
    }

    /// When the next datagram is due, as of `now`.
    pub(crate) fn due(&self, now: Instant) -> Due {
        match self.next {
            Due::At(time) if time <= now => Due::Now,
            next => next,
        }
    }

    /// How late a datagram is that is sent at `now`.
    pub(crate) fn late(&self, now: Instant) -> Duration {
        match self.next {
            Due::At(due) => now.saturating_duration_since(due),
            Due::Now | Due::Never => Duration::ZERO,
        }
    }

    /// A datagram was sent at `now`. After a delay of a whole step or more (a line that was typed
    /// late, a process that was stopped) the schedule restarts from `now`: sending the missed ones
    /// in a burst would violate the spacing.
    pub(crate) fn on_sent(&mut self, now: Instant) {
        if self.step.is_zero() {
            return;
        }
        let due = match self.next {
            Due::At(due) if now.saturating_duration_since(due) < self.step => due,
            _ => now,
        };
        self.next = after(due, self.step);
    }

    /// The system refused the datagram of `now`. With a step of zero the next one is due after `pause`,
    /// instead of being refused at once as well.
    pub(crate) fn on_refused(&mut self, now: Instant, pause: Duration) {
        if self.step.is_zero() {
            self.next = after(now, pause);
        }
    }
}

fn after(time: Instant, delay: Duration) -> Due {
    time.checked_add(delay).map_or(Due::Never, Due::At)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_millis(16);

    #[test]
    fn the_first_is_due_at_once_and_the_next_a_step_later() {
        let start = Instant::now();
        let mut schedule = Schedule::new(EVERY);
        assert_eq!(schedule.due(start), Due::Now);
        schedule.on_sent(start);
        assert_eq!(schedule.due(start), Due::At(start + EVERY));
        assert_eq!(schedule.due(start + EVERY), Due::Now);
    }

    #[test]
    fn a_late_datagram_does_not_shift_the_following() {
        let start = Instant::now();
        let mut schedule = Schedule::new(EVERY);
        schedule.on_sent(start);
        for step in 1..100 {
            schedule.on_sent(start + step * EVERY + EVERY / 2);
        }
        assert_eq!(schedule.due(start), Due::At(start + 100 * EVERY));
    }

    #[test]
    fn restarts_after_a_delay_of_a_whole_step() {
        let start = Instant::now();
        let late = start + 10 * EVERY;
        let mut schedule = Schedule::new(EVERY);
        schedule.on_sent(start);
        schedule.on_sent(late);
        assert_eq!(schedule.due(late), Due::At(late + EVERY));
    }

    #[test]
    fn lateness_counts_from_the_due_time() {
        let start = Instant::now();
        let mut schedule = Schedule::new(EVERY);
        assert_eq!(schedule.late(start), Duration::ZERO);
        schedule.on_sent(start);
        assert_eq!(schedule.late(start), Duration::ZERO);
        assert_eq!(schedule.late(start + 3 * EVERY), 2 * EVERY);
    }

    #[test]
    fn with_a_step_of_zero_all_are_due_at_once() {
        let now = Instant::now();
        let mut schedule = Schedule::new(Duration::ZERO);
        schedule.on_sent(now);
        assert_eq!(schedule.due(now), Due::Now);
    }

    #[test]
    fn a_step_beyond_the_clock_is_never_due() {
        let now = Instant::now();
        let mut schedule = Schedule::new(Duration::MAX);
        schedule.on_sent(now);
        assert_eq!(schedule.due(now), Due::Never);
    }

    #[test]
    fn steps_continue_after_a_refused_datagram() {
        let now = Instant::now();
        let mut schedule = Schedule::new(EVERY);
        schedule.on_sent(now);
        schedule.on_refused(now, 5 * EVERY);
        assert_eq!(schedule.due(now), Due::At(now + EVERY));
    }

    #[test]
    fn with_a_step_of_zero_a_refused_datagram_causes_a_pause() {
        let now = Instant::now();
        let mut schedule = Schedule::new(Duration::ZERO);
        schedule.on_sent(now);
        schedule.on_refused(now, EVERY);
        assert_eq!(schedule.due(now), Due::At(now + EVERY));
        assert_eq!(schedule.due(now + EVERY), Due::Now);
    }
}
