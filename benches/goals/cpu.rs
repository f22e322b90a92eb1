//! The processor time of the calling thread: what it did itself, whatever else the machine was doing.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// Since the thread began.
///
/// # Panics
///
/// The system has no such clock; every Linux has.
pub(crate) fn thread_cpu_time() -> Duration {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("Linux counts it");
    Duration::from(time)
}
