//! The sleep of a game between two frames.

use std::thread;
use std::time::Instant;

pub(crate) fn sleep_until(deadline: Instant) {
    thread::sleep(deadline.saturating_duration_since(Instant::now()));
}
