//! How much of a processor a thread used, however often others took its place.

use std::time::Duration;

/// What the calling thread has used of a processor by now, the kernel's work for it included. To be
/// asked again by the same thread.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ThreadCpu(Option<Duration>);

impl ThreadCpu {
    pub(crate) fn now() -> Self {
        Self(read())
    }

    /// What it has used since; `None` where the system does not say.
    pub(crate) fn elapsed(self) -> Option<Duration> {
        Self::now().since(self)
    }

    /// What it has used from `earlier` to here.
    pub(crate) fn since(self, earlier: Self) -> Option<Duration> {
        self.0?.checked_sub(earlier.0?)
    }
}

/// A system call, about as long as a receive from an empty socket.
#[cfg(unix)]
fn read() -> Option<Duration> {
    use nix::time::{ClockId, clock_gettime};

    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).ok()?;
    Some(Duration::from(time))
}

#[cfg(not(unix))]
fn read() -> Option<Duration> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_works_uses_its_processor() {
        let cpu = ThreadCpu::now();
        while cpu.elapsed().expect("Unix tells") < Duration::from_millis(1) {
            std::hint::black_box(0);
        }
    }
}
