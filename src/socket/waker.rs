//! Out of a sleep, from another thread.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mio::{Registry, Token};

/// Wakes a [`Socket`](crate::Socket) out of its [`wait`](crate::Socket::wait) from another
/// thread. Made by [`Socket::waker`](crate::Socket::waker); all clones wake the same socket.
#[derive(Debug, Clone)]
pub struct Waker {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    waker: mio::Waker,
    is_set: AtomicBool,
}

impl Waker {
    /// Wakes whoever sleeps in the poll of `registry`, with an event for `token`.
    pub(super) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        let shared = Shared {
            waker: mio::Waker::new(registry, token)?,
            is_set: AtomicBool::new(false),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Makes the `wait` that is going on, or else the next one, return at once, unless
    /// [`take_woken`](crate::Socket::take_woken) was told of it before. What this thread did
    /// before is visible to the other one then. Waking twice before the loop comes round
    /// wakes it once, and the second time costs no system call.
    ///
    /// # Errors
    ///
    /// What the system says of writing to its wake-up object; it does not happen in practice.
    pub fn wake(&self) -> io::Result<()> {
        if self.shared.is_set.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        self.shared.waker.wake().inspect_err(|_| {
            // Or the next one would believe that this one has done its work.
            self.shared.is_set.store(false, Ordering::Release);
        })
    }

    /// Ends a sleep, without a trace in [`take`](Self::take): for what the sleeper finds out by itself. If the
    /// system refuses, which does not happen in practice, the sleep lasts until its timeout.
    pub(crate) fn notify(&self) {
        let _ = self.shared.waker.wake();
    }

    /// Whether it was used since the last call. Costs a load where it was not.
    pub(super) fn take(&self) -> bool {
        let is_set = &self.shared.is_set;
        is_set.load(Ordering::Relaxed) && is_set.swap(false, Ordering::AcqRel)
    }
}
