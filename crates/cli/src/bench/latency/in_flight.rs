//! Departure times of the datagrams of a round, and which got a reply.
//!
//! One thread writes departures, and the same or another thread reads them, without allocations and
//! locks.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Maximum number of datagrams of a round: 8 bytes each, 80 MB in total.
pub(super) const DATAGRAMS_MAX: u64 = 10_000_000;

/// Not zero, because the system maps zeroed memory only when it is written, during the round.
const UNSENT: u64 = u64::MAX;
const ANSWERED: u64 = u64::MAX - 1;

/// The datagrams 0, 1, 2, ... of a round.
#[derive(Debug)]
pub(super) struct InFlight {
    /// Nanoseconds from the start of the round to the departure, by number.
    departures: Vec<AtomicU64>,
    sent: AtomicU64,
    is_abandoned: AtomicBool,
    last: AtomicU64,
}

/// Classification of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// To a datagram with this departure, from the start.
    First(Duration),
    /// To a datagram that already had a reply.
    Repeated,
    /// To a datagram that has not been sent.
    Unknown,
}

impl InFlight {
    pub(super) fn new(total: u64) -> Self {
        Self {
            departures: (0..total).map(|_| AtomicU64::new(UNSENT)).collect(),
            sent: AtomicU64::new(0),
            is_abandoned: AtomicBool::new(false),
            last: AtomicU64::new(0),
        }
    }

    /// The remaining datagrams will not be sent.
    pub(super) fn abandon(&self) {
        self.is_abandoned.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.is_abandoned.load(Ordering::Relaxed)
    }

    /// Records the departure of the next datagram. Call it before sending, because another thread
    /// may read the reply at once.
    pub(super) fn on_sent(&self, since_start: Duration) {
        let nanos = u64::try_from(since_start.as_nanos()).unwrap_or(ANSWERED - 1);
        let number = self.sent.load(Ordering::Relaxed);
        if let Some(departure) = self.departure(number) {
            departure.store(nanos, Ordering::Release);
        }
        self.last.store(nanos, Ordering::Relaxed);
        self.sent.store(number + 1, Ordering::Release);
    }

    /// Takes the departure of datagram `number`, so that only its first reply counts.
    pub(super) fn answer(&self, number: u64) -> Answer {
        let departure = self.departure(number);
        let Some((departure, nanos)) = departure.map(|it| (it, it.load(Ordering::Acquire))) else {
            return Answer::Unknown;
        };
        match nanos {
            UNSENT => Answer::Unknown,
            ANSWERED => Answer::Repeated,
            nanos => {
                departure.store(ANSWERED, Ordering::Relaxed);
                Answer::First(Duration::from_nanos(nanos))
            }
        }
    }

    /// The departure of the last datagram. `None` until all are sent.
    pub(super) fn all_sent(&self) -> Option<Duration> {
        let sent = self.sent.load(Ordering::Acquire);
        let is_all = sent > 0 && sent == self.departures.len() as u64;
        is_all.then(|| Duration::from_nanos(self.last.load(Ordering::Relaxed)))
    }

    fn departure(&self, number: u64) -> Option<&AtomicU64> {
        self.departures.get(usize::try_from(number).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn us(micros: u64) -> Duration {
        Duration::from_micros(micros)
    }

    #[test]
    fn takes_each_departure_once_after_the_send() {
        let in_flight = InFlight::new(3);
        assert_eq!(in_flight.answer(0), Answer::Unknown);
        in_flight.on_sent(us(5));
        in_flight.on_sent(us(7));
        assert_eq!(in_flight.answer(1), Answer::First(us(7)));
        assert_eq!(in_flight.answer(0), Answer::First(us(5)));
        assert_eq!(in_flight.answer(0), Answer::Repeated);
        for number in [2, 3, u64::MAX] {
            assert_eq!(in_flight.answer(number), Answer::Unknown);
        }
    }

    #[test]
    fn the_last_departure_is_known_when_all_are_sent() {
        let in_flight = InFlight::new(2);
        in_flight.on_sent(us(5));
        assert_eq!(in_flight.all_sent(), None);
        in_flight.on_sent(us(9));
        assert_eq!(in_flight.answer(1), Answer::First(us(9)));
        assert_eq!(in_flight.all_sent(), Some(us(9)));
        assert_eq!(InFlight::new(0).all_sent(), None);
    }

    #[test]
    fn keeps_every_departure_of_a_long_round() {
        let total = 1 << 20;
        let in_flight = InFlight::new(total);
        (0..total).for_each(|number| in_flight.on_sent(us(number)));
        for number in [0, total / 2, total - 1] {
            assert_eq!(in_flight.answer(number), Answer::First(us(number)));
        }
    }
}
