//! On which processor a thread runs. Two threads that wake each other take five times as long on two
//! processors as on one, and the system settles them as it likes: without this a ratio would compare
//! places.

use std::io;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// Keeps the calling thread where it was put, until it goes.
pub(crate) struct Affinity {
    before: CpuSet,
}

impl Affinity {
    /// Moves the calling thread to one of the processors that it may use: number `index` of them,
    /// counted round if there are fewer.
    pub(crate) fn take(index: usize) -> io::Result<Self> {
        let before = sched_getaffinity(THIS_THREAD)?;
        let allowed: Vec<usize> = (0..CpuSet::count())
            .filter(|cpu| before.is_set(*cpu).unwrap_or(false))
            .collect();
        let mut affinity = CpuSet::new();
        affinity.set(allowed[index % allowed.len()])?;
        sched_setaffinity(THIS_THREAD, &affinity)?;
        Ok(Self { before })
    }
}

impl Drop for Affinity {
    fn drop(&mut self) {
        // The system allowed it before; a benchmark that is pinned on is no harm to what it measured.
        let _ = sched_setaffinity(THIS_THREAD, &self.before);
    }
}

/// What `sched_setaffinity(2)` calls the caller.
const THIS_THREAD: Pid = Pid::from_raw(0);
