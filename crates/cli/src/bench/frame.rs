//! The sleep of a game between two frames: only the clock ends it.

use std::thread;
use std::time::Instant;

/// Sleeps until `deadline`, if it has not passed.
pub(crate) fn sleep_until(deadline: Instant) {
    thread::sleep(deadline.saturating_duration_since(Instant::now()));
}
