//! When what is due. Clients and server have the same schedule, so that the burst falls on the tick.

use std::time::{Duration, Instant};

use tickwire::Ticker;

/// From the moment when a round is planned to its beginning: time enough for two threads to start, and
/// for everything that they allocate.
const LEAD: Duration = Duration::from_millis(20);

/// A round: when it begins, and its ticks.
#[derive(Debug, Clone)]
pub(super) struct Schedule {
    /// What is measured begins here, a period before the first tick.
    pub(super) start: Instant,
    pub(super) ticker: Ticker,
    /// How many ticks there are to make or to miss.
    pub(super) ticks: u64,
}

impl Schedule {
    /// One that begins soon.
    pub(super) fn soon(hz: u32, ticks: u64) -> Self {
        let start = Instant::now() + LEAD;
        Self {
            start,
            ticker: Ticker::starting_at(start, hz),
            ticks,
        }
    }

    /// How many ticks are neither made nor overrun.
    pub(super) fn left(&self, made: u64) -> u64 {
        self.ticks.saturating_sub(made + self.ticker.overruns())
    }
}
