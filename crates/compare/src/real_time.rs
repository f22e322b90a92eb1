//! Ticks by the clock, for libraries that read the clock themselves.

use std::thread;
use std::time::{Duration, Instant};

use crate::measure::tick_time;
use crate::run::Run;

/// Longest single sleep in real time.
const SLEEP_MAX: Duration = Duration::from_millis(1);

/// A tick that begins later than this is reported: many of them make real time unusable.
pub(crate) const LATE: Duration = Duration::from_millis(5);

/// All runs tick together, by the clock. The links see the nominal time of each tick, so a tick
/// that the system starts late delays no datagram, but the library's own timers have advanced.
/// Returns how many ticks there were, and how many of them began late.
pub(crate) fn tick_all(runs: &mut [Run]) -> (u32, u32) {
    let (start, mut tick, mut late) = (Instant::now(), 0, 0);
    while !runs.iter().all(Run::is_over) {
        let at = tick_time(start, tick);
        sleep_until(at);
        late += u32::from(at.elapsed() > LATE);
        for run in runs.iter_mut() {
            run.tick(at);
        }
        tick += 1;
    }
    (tick, late)
}

fn sleep_until(at: Instant) {
    loop {
        let left = at.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        thread::sleep(left.min(SLEEP_MAX));
    }
}
