//! When each datagram of a round left, as its sender knows it.
//!
//! One thread writes and one reads, which may be the same. Nothing here allocates or waits.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// The most in_flight that are kept at once, in 8 MiB: more than a second at the highest rate.
const KEPT_MAX: u64 = 1 << 20;

/// What stands where nothing left yet. Not zero: memory that is all zero is not there before it is
/// written to, and the system would fetch it in the middle of the round.
const EMPTY: u64 = u64::MAX;

/// Of the datagrams 0, 1, 2, ... the times from the start of the round to their in_flight.
#[derive(Debug)]
pub(super) struct InFlight {
    /// In nanoseconds, by number; when all are taken the oldest one is used again.
    nanos: Vec<AtomicU64>,
    /// How many have left.
    count: AtomicU64,
    /// How many of the last ones can be read. Half of what is kept where places are used again, so
    /// that none is written while it is read.
    readable: u64,
    is_abandoned: AtomicBool,
}

/// What is known of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Departure {
    At(Duration),
    /// No honest echo sends back what did not leave.
    NotYet,
    /// Very many left since.
    Forgotten,
}

impl InFlight {
    /// Room for `total` datagrams.
    pub(super) fn of(total: u64) -> Self {
        let kept = total.clamp(1, KEPT_MAX);
        Self {
            nanos: (0..kept).map(|_| AtomicU64::new(EMPTY)).collect(),
            count: AtomicU64::new(0),
            readable: if total <= KEPT_MAX { kept } else { kept / 2 },
            is_abandoned: AtomicBool::new(false),
        }
    }

    /// The rest will not leave.
    pub(super) fn abandon(&self) {
        self.is_abandoned.store(true, Ordering::Relaxed);
    }

    pub(super) fn are_abandoned(&self) -> bool {
        self.is_abandoned.load(Ordering::Relaxed)
    }

    /// The next one leaves, so long after the start. To be told before it is sent: its answer may be
    /// read by another thread as soon as it is.
    pub(super) fn on_sent(&self, since_start: Duration) {
        let number = self.count.load(Ordering::Relaxed);
        let nanos = u64::try_from(since_start.as_nanos()).unwrap_or(u64::MAX);
        if let Some(place) = self.place(number) {
            place.store(nanos, Ordering::Relaxed);
        }
        self.count.store(number + 1, Ordering::Release);
    }

    /// When number `number` left.
    pub(super) fn get(&self, number: u64) -> Departure {
        let count = self.count.load(Ordering::Acquire);
        if number >= count {
            return Departure::NotYet;
        }
        if count - number > self.readable {
            return Departure::Forgotten;
        }
        self.place(number).map_or(Departure::Forgotten, |place| {
            Departure::At(Duration::from_nanos(place.load(Ordering::Relaxed)))
        })
    }

    fn place(&self, number: u64) -> Option<&AtomicU64> {
        let index = number % self.nanos.len() as u64;
        self.nanos.get(usize::try_from(index).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn us(micros: u64) -> Duration {
        Duration::from_micros(micros)
    }

    #[test]
    fn a_departure_is_known_once_it_was() {
        let in_flight = InFlight::of(3);
        assert_eq!(in_flight.get(0), Departure::NotYet);
        in_flight.on_sent(us(5));
        in_flight.on_sent(us(7));
        assert_eq!(in_flight.get(0), Departure::At(us(5)));
        assert_eq!(in_flight.get(1), Departure::At(us(7)));
        for number in [2, 3, u64::MAX] {
            assert_eq!(in_flight.get(number), Departure::NotYet);
        }
    }

    #[test]
    fn of_a_round_that_fits_nothing_is_forgotten() {
        for total in [1, KEPT_MAX] {
            let in_flight = InFlight::of(total);
            (0..total).for_each(|number| in_flight.on_sent(us(number)));
            assert_eq!(in_flight.get(0), Departure::At(us(0)));
            assert_eq!(in_flight.get(total - 1), Departure::At(us(total - 1)));
        }
    }

    #[test]
    fn of_a_longer_round_the_oldest_are_forgotten() {
        let total = 2 * KEPT_MAX + 3;
        let in_flight = InFlight::of(total);
        (0..total).for_each(|number| in_flight.on_sent(us(number)));
        assert_eq!(in_flight.nanos.len() as u64, KEPT_MAX);
        let first = total - KEPT_MAX / 2;
        assert_eq!(in_flight.get(first), Departure::At(us(first)));
        assert_eq!(in_flight.get(total - 1), Departure::At(us(total - 1)));
        for number in [0, first - 1] {
            assert_eq!(in_flight.get(number), Departure::Forgotten);
        }
    }
}
