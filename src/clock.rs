//! The one file of the library that reads the clock.

use std::time::Instant;

/// The monotonic time now. About 25 ns on Linux, no system call.
pub(crate) fn now() -> Instant {
    Instant::now()
}
