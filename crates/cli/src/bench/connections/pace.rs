//! When a server looks after its peers: whenever something comes, or by its own ticks.

use std::time::{Duration, Instant};

use serde::Serialize;
use tickwire::Ticker;

use crate::bench::frame;

/// How often a server looks that has a game to compute.
pub(super) const TICKS_PER_SECOND: u32 = 60;

/// See the [module](self).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// It sleeps until something comes or is due.
    Woken,
    /// It makes [`TICKS_PER_SECOND`] turns and never looks in between.
    Ticking,
}

/// Something of each.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Paced<T> {
    pub(super) woken: T,
    pub(super) ticking: T,
}

impl<T> Paced<T> {
    /// One after the other.
    pub(super) fn try_each<E>(mut measure: impl FnMut(Pace) -> Result<T, E>) -> Result<Self, E> {
        Ok(Self {
            woken: measure(Pace::Woken)?,
            ticking: measure(Pace::Ticking)?,
        })
    }

    pub(super) fn map<U>(self, mut change: impl FnMut(T) -> U) -> Paced<U> {
        Paced {
            woken: change(self.woken),
            ticking: change(self.ticking),
        }
    }

    pub(super) fn zip<U>(self, other: Paced<U>) -> Paced<(T, U)> {
        Paced {
            woken: (self.woken, other.woken),
            ticking: (self.ticking, other.ticking),
        }
    }
}

/// Lets a loop keep to a pace.
#[derive(Debug)]
pub(super) struct Sleeper {
    ticker: Option<Ticker>,
}

impl Sleeper {
    pub(super) fn new(pace: Pace) -> Self {
        let ticker = (pace == Pace::Ticking).then(|| Ticker::hz(TICKS_PER_SECOND));
        Self { ticker }
    }

    /// How long the loop's own wait may take, until `end` at most. One that ticks has slept already, until
    /// its tick, and does not wait.
    pub(super) fn patience(&mut self, end: Instant) -> Duration {
        let Some(ticker) = &mut self.ticker else {
            return end.saturating_duration_since(Instant::now());
        };
        frame::sleep_until(ticker.next_tick().min(end));
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_woken_waits_itself_and_who_ticks_never() {
        let end = Instant::now() + Duration::from_secs(60);
        let patience = Sleeper::new(Pace::Woken).patience(end);
        assert!(patience > Duration::from_secs(30), "{patience:?}");
        let began = Instant::now();
        let mut ticking = Sleeper::new(Pace::Ticking);
        let tick = Duration::from_secs(1) / TICKS_PER_SECOND;
        for turn in 1..=3 {
            assert_eq!(ticking.patience(end), Duration::ZERO);
            assert!(began.elapsed() >= tick * turn, "a turn before its tick");
        }
        assert_eq!(ticking.patience(began), Duration::ZERO);
    }
}
