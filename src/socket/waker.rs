//! Wakes a socket from another thread.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mio::{Registry, Token};

/// Wakes a [`Socket`](crate::Socket) from its [`wait`](crate::Socket::wait) in another thread.
/// Created by [`Socket::waker`](crate::Socket::waker); all clones wake the same socket.
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
    pub(super) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        let shared = Shared {
            waker: mio::Waker::new(registry, token)?,
            is_set: AtomicBool::new(false),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Makes the current or the next `wait` return at once, unless
    /// [`take_woken`](crate::Socket::take_woken) has already returned `true` for this wake-up.
    /// Earlier writes of this thread are then visible to the woken thread. Two wake-ups before the
    /// loop runs count as one, and the second makes no system call.
    ///
    /// # Errors
    ///
    /// The system cannot write to its wake-up object; this does not happen in practice.
    pub fn wake(&self) -> io::Result<()> {
        if self.shared.is_set.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        self.shared.waker.wake().inspect_err(|_| {
            // Otherwise the next call would assume that this one has succeeded.
            self.shared.is_set.store(false, Ordering::Release);
        })
    }

    /// Ends a sleep without setting the flag of [`take`](Self::take), for conditions that the
    /// sleeper checks itself. If the system fails, which does not happen in practice, the sleep
    /// ends at its timeout.
    pub(crate) fn notify(&self) {
        let _ = self.shared.waker.wake();
    }

    /// Whether the waker was used since the last call. An atomic load if it was not.
    pub(super) fn take(&self) -> bool {
        let is_set = &self.shared.is_set;
        is_set.load(Ordering::Relaxed) && is_set.swap(false, Ordering::AcqRel)
    }
}
