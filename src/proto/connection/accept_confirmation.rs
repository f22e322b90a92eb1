//! A client's confirmation of the accept: without it, the server drops the pending connection.

use crate::limits::{HANDSHAKE_RETRY_FIRST, PENDING_TIMEOUT};
use crate::proto::time::{Duration, Instant};

/// Sent at a fixed interval: twelve times in the 3 s that the server waits, where probe timeouts
/// without a round-trip sample would allow two.
#[derive(Debug)]
pub(crate) struct AcceptConfirmation {
    next_at: Instant,
    until: Instant,
}

impl AcceptConfirmation {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            next_at: now + Duration::of(HANDSHAKE_RETRY_FIRST),
            until: now + Duration::of(PENDING_TIMEOUT),
        }
    }

    pub(crate) fn next_at(&self) -> Option<Instant> {
        (self.next_at < self.until).then_some(self.next_at)
    }

    /// Whether a confirmation is due. Schedules the next one.
    pub(crate) fn is_due(&mut self, now: Instant) -> bool {
        let is_due = self.next_at().is_some_and(|at| now >= at);
        if is_due {
            self.next_at = now + Duration::of(HANDSHAKE_RETRY_FIRST);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twelve_confirmations_are_sent_while_the_server_waits() {
        let start = Instant::START;
        let (mut confirmation, mut times) = (AcceptConfirmation::new(start), 1);
        while let Some(at) = confirmation.next_at() {
            assert!(confirmation.is_due(at) && !confirmation.is_due(at));
            assert!(at < start + Duration::of(PENDING_TIMEOUT));
            times += 1;
        }
        assert_eq!(times, 12);
        assert!(!confirmation.is_due(start + 2 * Duration::of(PENDING_TIMEOUT)));
    }
}
