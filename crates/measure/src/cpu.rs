//! CPU time of the calling thread, including the kernel's work for it.

use std::time::Duration;

/// CPU time since the thread began. `None` if the operating system does not report it.
#[must_use]
pub fn thread_time() -> Option<Duration> {
    #[cfg(unix)]
    let clock = nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID;
    #[cfg(unix)]
    return nix::time::clock_gettime(clock).ok().map(Duration::from);
    #[cfg(not(unix))]
    None
}

/// Runs `work` and returns its result with the CPU time that it took. Without a thread clock it is
/// wall time.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let wall = std::time::Instant::now();
    let before = thread_time();
    let result = work();
    let times = thread_time().zip(before);
    let time = times.map_or_else(|| wall.elapsed(), |(after, before)| after - before);
    (result, time)
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
