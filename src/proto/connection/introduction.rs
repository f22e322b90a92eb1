//! The first words of a client: the server that accepted it tells nobody before it has heard them, and
//! forgets it when it does not hear them soon.

use crate::limits::{HANDSHAKE_RETRY_FIRST, PENDING_TIMEOUT};
use crate::proto::time::{Duration, Instant};

/// See the [module](self). Said often, because there is not much time: twelve times in three seconds,
/// where a probe timeout without a round trip to go by would leave room for two.
#[derive(Debug)]
pub(crate) struct Introduction {
    next_at: Instant,
    /// Later than that the server does not wait.
    until: Instant,
}

impl Introduction {
    /// The client was told that it is accepted, and says hello for the first time.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            next_at: now + Duration::of(HANDSHAKE_RETRY_FIRST),
            until: now + Duration::of(PENDING_TIMEOUT),
        }
    }

    /// When it is said again, if it is.
    pub(crate) fn next_at(&self) -> Option<Instant> {
        (self.next_at < self.until).then_some(self.next_at)
    }

    /// Whether it is to be said again now.
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
    fn it_is_said_twelve_times_while_the_server_waits() {
        let start = Instant::START;
        let (mut introduction, mut times) = (Introduction::new(start), 1);
        while let Some(at) = introduction.next_at() {
            assert!(introduction.is_due(at) && !introduction.is_due(at));
            assert!(at < start + Duration::of(PENDING_TIMEOUT));
            times += 1;
        }
        assert_eq!(times, 12);
        assert!(!introduction.is_due(start + 2 * Duration::of(PENDING_TIMEOUT)));
    }
}
