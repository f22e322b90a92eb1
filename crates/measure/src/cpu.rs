//! CPU time of the calling thread, including the kernel's work for it.

use std::time::Duration;

/// CPU time since the thread began. `None` where the operating system does not report it.
#[cfg(unix)]
#[must_use]
pub fn thread_time() -> Option<Duration> {
    use nix::time::{ClockId, clock_gettime};

    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).ok()?;
    Some(Duration::from(time))
}

/// CPU time since the thread began. `None` where the operating system does not report it.
#[cfg(not(unix))]
#[must_use]
pub fn thread_time() -> Option<Duration> {
    None
}

/// Runs `work` and returns its result with the CPU time that it took. Without a clock of the thread, and only
/// then, it is wall time.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let wall = std::time::Instant::now();
    let before = thread_time();
    let result = work();
    let time = thread_time()
        .zip(before)
        .map(|(after, before)| after - before);
    (result, time.unwrap_or_else(|| wall.elapsed()))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_busy_thread_uses_cpu_time() {
        let before = thread_time().expect("Unix reports it");
        while thread_time().expect("Unix reports it") - before < Duration::from_millis(1) {
            std::hint::black_box(0);
        }
        let ((), time) = timed(|| ());
        assert!(time < Duration::from_secs(1));
    }
}
