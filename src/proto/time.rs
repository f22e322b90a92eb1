//! Time inside the protocol: 64-bit nanoseconds (584 years), with saturating arithmetic.
//!
//! Types are named as in the standard library, whose separate seconds and nanoseconds took one
//! seventh of the instructions per peer and tick. A [`Clock`] converts instants; [`Duration::of`]
//! and [`Duration::to_std`] convert durations.

use std::ops::{Add, AddAssign, Div, Mul, Sub};
use std::time;

const NANOS_PER_MICRO: u64 = 1_000;
const NANOS_PER_MILLI: u64 = 1_000_000;
const NANOS_PER_SECOND: u64 = 1_000_000_000;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Duration(u64);

impl Duration {
    pub(crate) const ZERO: Self = Self(0);
    #[cfg(test)]
    pub(crate) const MAX: Self = Self(u64::MAX);

    pub(crate) const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    pub(crate) const fn from_micros(micros: u64) -> Self {
        Self(micros.saturating_mul(NANOS_PER_MICRO))
    }

    pub(crate) const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(NANOS_PER_MILLI))
    }

    pub(crate) const fn from_secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(NANOS_PER_SECOND))
    }

    pub(crate) const fn of(other: time::Duration) -> Self {
        let seconds = other.as_secs().saturating_mul(NANOS_PER_SECOND);
        Self(seconds.saturating_add(other.subsec_nanos() as u64))
    }

    pub(crate) const fn to_std(self) -> time::Duration {
        time::Duration::from_nanos(self.0)
    }

    pub(crate) const fn as_nanos(self) -> u64 {
        self.0
    }

    pub(crate) const fn as_micros(self) -> u64 {
        self.0 / NANOS_PER_MICRO
    }

    pub(crate) const fn is_zero(self) -> bool {
        self.0 == 0
    }

    pub(crate) const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    pub(crate) const fn abs_diff(self, other: Self) -> Self {
        Self(self.0.abs_diff(other.0))
    }
}

impl std::fmt::Debug for Duration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.to_std().fmt(f)
    }
}

impl Add for Duration {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Duration {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Mul<u32> for Duration {
    type Output = Self;

    fn mul(self, times: u32) -> Self {
        Self(self.0.saturating_mul(times.into()))
    }
}

impl Mul<Duration> for u32 {
    type Output = Duration;

    fn mul(self, length: Duration) -> Duration {
        length * self
    }
}

impl Div<u32> for Duration {
    type Output = Self;

    fn div(self, parts: u32) -> Self {
        Self(self.0 / u64::from(parts))
    }
}

/// A point in time, relative to the start of a [`Clock`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Instant(u64);

impl Instant {
    /// Start of a clock: one hour after zero, so that earlier instants exist.
    pub(crate) const START: Self = Self(3600 * NANOS_PER_SECOND);

    pub(crate) const fn saturating_duration_since(self, earlier: Self) -> Duration {
        Duration(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, length: Duration) -> Self {
        Self(self.0.saturating_add(length.0))
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, length: Duration) {
        *self = *self + length;
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;

    fn sub(self, length: Duration) -> Self {
        Self(self.0.saturating_sub(length.0))
    }
}

impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.saturating_duration_since(earlier)
    }
}

/// Converts between `std::time::Instant` and [`Instant`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    start: time::Instant,
    /// The last conversion: all calls of a turn have the same time.
    latest: (time::Instant, Instant),
}

impl Clock {
    pub(crate) const fn new(start: time::Instant) -> Self {
        Self {
            start,
            latest: (start, Instant::START),
        }
    }

    /// Instants before the start of the clock are converted to its start.
    #[inline]
    pub(crate) fn at(&mut self, time: time::Instant) -> Instant {
        if time != self.latest.0 {
            self.latest = (time, self.convert(time));
        }
        self.latest.1
    }

    pub(crate) fn convert(&self, time: time::Instant) -> Instant {
        Instant::START + Duration::of(time.saturating_duration_since(self.start))
    }

    /// The instant [converted](Self::at) last: the time of the current call.
    pub(crate) const fn latest(&self) -> time::Instant {
        self.latest.0
    }

    /// `None` if the system cannot represent the instant.
    pub(crate) fn to_std(self, at: Instant) -> Option<time::Instant> {
        self.start.checked_add((at - Instant::START).to_std())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn converts_instants_in_both_directions() {
        let start = time::Instant::now();
        let mut clock = Clock::new(start);
        assert_eq!(clock.at(start), Instant::START);
        let later = start + time::Duration::new(3, 141_592_653);
        let at = clock.at(later);
        assert_eq!(at - Instant::START, Duration::from_nanos(3_141_592_653));
        assert_eq!(clock.to_std(at), Some(later));
    }

    #[test]
    fn clamps_earlier_instants_to_the_start() {
        let start = time::Instant::now() + time::Duration::from_secs(1);
        let earlier = start - time::Duration::from_millis(1);
        assert_eq!(Clock::new(start).at(earlier), Instant::START);
    }

    #[test]
    fn saturates_at_both_ends() {
        let end = Instant::START + Duration::MAX;
        assert_eq!(end + Duration::from_nanos(1), end);
        assert_eq!(Instant::START - end, Duration::ZERO);
        assert_eq!(Instant::START - Duration::MAX, Instant(0));
        assert_eq!(Duration::of(time::Duration::MAX), Duration::MAX);
        assert_eq!(Duration::from_millis(u64::MAX) * 2, Duration::MAX);
        assert_eq!(Duration::MAX + Duration::from_micros(1), Duration::MAX);
    }
}
