//! Ticks in real time, for libraries that read the clock themselves.

use std::thread;
use std::time::{Duration, Instant};

use crate::measure::tick_time;
use crate::run::Run;

/// Longest single sleep in real time.
const SLEEP_MAX: Duration = Duration::from_millis(1);

/// A tick that begins later than this is reported and shifts the schedule.
pub(crate) const LATE: Duration = Duration::from_millis(5);

/// All runs tick together in real time. The links use the nominal time of each tick, so a late tick
/// delays no datagram. After a late tick the next one is a full period later, because uflow runs
/// stalled when two ticks followed each other immediately. Returns the number of ticks and of late
/// ones.
pub(crate) fn tick_all(runs: &mut [Run]) -> (u32, u32) {
    let start = Instant::now();
    let (mut due, mut ticks, mut late) = (start, 0, 0);
    while !runs.iter().all(Run::is_over) {
        sleep_until(due);
        if due.elapsed() > LATE {
            late += 1;
            due = Instant::now();
        }
        for run in runs.iter_mut() {
            run.tick(tick_time(start, ticks));
        }
        ticks += 1;
        due += tick_time(start, 1) - start;
    }
    (ticks, late)
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
