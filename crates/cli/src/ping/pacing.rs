//! When the next probe leaves: at fixed steps, or as soon as the one before it is settled.

use std::time::{Duration, Instant};

use crate::schedule::{Due, Schedule};

/// The latest that a probe may leave without a word, however long a step is. A round trip that is
/// measured by a program that does not run for so long is none of the network's.
const LATE_MAX: Duration = Duration::from_millis(100);

/// The rhythm of the probes.
#[derive(Debug, Clone)]
pub(crate) enum ProbePacing {
    /// At fixed steps, whether answers come or not.
    Steps {
        schedule: Schedule,
        /// A probe that is so late was held up.
        late: Duration,
    },
    /// A closed loop: one at a time, the next when it is answered or lost.
    OneByOne {
        /// After a probe that could not leave, which nothing answers and nothing times out.
        not_before: Option<Instant>,
    },
}

impl ProbePacing {
    /// A step of zero is the closed loop: "as fast as possible" without waiting for answers would be
    /// a flood and no measurement.
    pub(crate) fn of(every: Duration) -> Self {
        if every.is_zero() {
            return Self::OneByOne { not_before: None };
        }
        Self::Steps {
            schedule: Schedule::new(every),
            late: every.min(LATE_MAX),
        }
    }

    /// When the next probe is due, seen at `now`. `Never` is until something else happens.
    pub(crate) fn due(&self, is_waiting: bool, now: Instant) -> Due {
        match self {
            Self::Steps { schedule, .. } => schedule.due(now),
            Self::OneByOne { .. } if is_waiting => Due::Never,
            Self::OneByOne { not_before } => match not_before {
                Some(time) if *time > now => Due::At(*time),
                _ => Due::Now,
            },
        }
    }

    /// If a probe that leaves at `now` was held up, for how long: it is late by a step, and then the
    /// steps start over, or by [`LATE_MAX`] if a step is longer.
    pub(crate) fn late_sends(&self, now: Instant) -> Option<Duration> {
        match self {
            Self::Steps { schedule, late } => Some(schedule.late(now)).filter(|time| time >= late),
            // Nothing is due before the one before it is settled.
            Self::OneByOne { .. } => None,
        }
    }

    /// A probe left at `now`.
    pub(crate) fn on_sent(&mut self, now: Instant) {
        if let Self::Steps { schedule, .. } = self {
            schedule.on_sent(now);
        }
    }

    /// The probe of `now` did not leave. What has no steps of its own pauses for so long, instead of
    /// asking the system again and again as fast as it can.
    pub(crate) fn on_refused(&mut self, now: Instant, pause: Duration) {
        if let Self::OneByOne { not_before } = self {
            *not_before = now.checked_add(pause);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_millis(16);
    const PAUSE: Duration = Duration::from_secs(1);

    #[test]
    fn steps_do_not_wait_for_answers() {
        let now = Instant::now();
        let mut pace = ProbePacing::of(EVERY);
        for is_waiting in [false, true] {
            assert_eq!(pace.due(is_waiting, now), Due::Now);
        }
        pace.on_sent(now);
        for is_waiting in [false, true] {
            assert_eq!(pace.due(is_waiting, now), Due::At(now + EVERY));
            assert_eq!(pace.due(is_waiting, now + EVERY), Due::Now);
        }
    }

    #[test]
    fn a_probe_is_held_up_if_it_is_late_by_a_step() {
        let now = Instant::now();
        let mut pace = ProbePacing::of(EVERY);
        assert_eq!(pace.late_sends(now), None, "the first one is never late");
        pace.on_sent(now);
        assert_eq!(pace.late_sends(now + EVERY), None);
        assert_eq!(pace.late_sends(now + EVERY * 15 / 8), None);
        assert_eq!(pace.late_sends(now + 2 * EVERY), Some(EVERY));
        // And then the steps start over.
        pace.on_sent(now + 10 * EVERY);
        assert_eq!(pace.due(false, now), Due::At(now + 11 * EVERY));
    }

    #[test]
    fn of_long_steps_a_tenth_of_a_second_is_late() {
        let now = Instant::now();
        let mut pace = ProbePacing::of(PAUSE);
        pace.on_sent(now);
        let due = now + PAUSE;
        assert_eq!(pace.late_sends(due + LATE_MAX / 2), None);
        assert_eq!(pace.late_sends(due + LATE_MAX), Some(LATE_MAX));
    }

    #[test]
    fn one_by_one_nothing_is_late() {
        let now = Instant::now();
        let mut pace = ProbePacing::of(Duration::ZERO);
        pace.on_sent(now);
        assert_eq!(pace.late_sends(now + PAUSE), None);
    }

    #[test]
    fn steps_go_on_after_one_that_did_not_leave() {
        let now = Instant::now();
        let mut pace = ProbePacing::of(EVERY);
        pace.on_sent(now);
        pace.on_refused(now, PAUSE);
        assert_eq!(pace.due(false, now), Due::At(now + EVERY));
    }

    #[test]
    fn one_by_one_waits_for_nothing_but_the_one_before() {
        let now = Instant::now();
        let mut pace = ProbePacing::of(Duration::ZERO);
        assert_eq!(pace.due(false, now), Due::Now);
        pace.on_sent(now);
        assert_eq!(pace.due(true, now + PAUSE), Due::Never);
        assert_eq!(pace.due(false, now), Due::Now);
    }

    #[test]
    fn one_by_one_pauses_after_one_that_did_not_leave() {
        let now = Instant::now();
        let mut pace = ProbePacing::of(Duration::ZERO);
        pace.on_sent(now);
        pace.on_refused(now, PAUSE);
        assert_eq!(pace.due(false, now), Due::At(now + PAUSE));
        assert_eq!(pace.due(false, now + PAUSE), Due::Now);
    }
}
