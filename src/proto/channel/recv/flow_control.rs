//! Flow control of reliable messages: a slow application limits its peer instead of growing its
//! memory.

use crate::limits::MESSAGE_OVERHEAD;

/// All values are byte counts since the start of the connection. A message counts its length plus
/// [`MESSAGE_OVERHEAD`].
#[derive(Debug)]
pub(super) struct ReceiveWindow {
    size: u64,
    /// Messages of which at least one fragment arrived.
    begun: u64,
    /// Messages that the application has taken.
    taken: u64,
    advertised: u64,
    /// The largest advertised limit that the peer has acknowledged.
    acked: u64,
    /// The last update was lost, or the peer requests one.
    is_wanted: bool,
}

impl ReceiveWindow {
    /// The peer knows the initial `size` from the handshake.
    pub(super) fn new(size: u64) -> Self {
        Self {
            size,
            begun: 0,
            taken: 0,
            advertised: size,
            acked: size,
            is_wanted: false,
        }
    }

    /// Returns `false` if the message exceeds the window.
    #[must_use]
    pub(super) fn begin(&mut self, len: usize) -> bool {
        let begun = self.begun + cost(len);
        let fits = begun <= self.limit();
        if fits {
            self.begun = begun;
        }
        fits
    }

    pub(super) fn on_taken(&mut self, len: usize) {
        self.taken += cost(len);
    }

    fn limit(&self) -> u64 {
        self.taken + self.size
    }

    /// The peer requests an update, which is sent if the limit has changed.
    pub(super) fn on_asked(&mut self) {
        self.is_wanted |= self.limit() > self.advertised;
    }

    /// A probe timeout expired: the last update may be lost.
    pub(super) fn on_probe(&mut self) {
        self.is_wanted |= self.advertised > self.acked;
    }

    pub(super) fn on_arrived(&mut self, window: u64) {
        self.acked = self.acked.max(window);
    }

    /// Only the last update is sent again.
    pub(super) fn on_lost(&mut self, window: u64) {
        self.is_wanted |= window == self.advertised;
    }

    /// Whether an update is due: a quarter of the window is new, or a retransmission is pending.
    pub(super) fn is_due(&self) -> bool {
        self.is_wanted || self.limit() - self.advertised >= self.size / 4
    }

    pub(super) fn advertise(&mut self) -> u64 {
        self.is_wanted = false;
        self.advertised = self.limit();
        self.advertised
    }

    /// Bytes of incomplete and unread messages.
    pub(super) fn held(&self) -> u64 {
        self.begun - self.taken
    }
}

fn cost(len: usize) -> u64 {
    (len + MESSAGE_OVERHEAD) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const OVERHEAD: usize = MESSAGE_OVERHEAD;

    #[test]
    fn advertises_a_window_that_grew_by_a_quarter() {
        let mut window = ReceiveWindow::new(4000);
        assert!(window.begin(999 - OVERHEAD) && window.begin(1 + OVERHEAD));
        window.on_taken(999 - OVERHEAD);
        assert!(
            !window.is_due(),
            "one byte less than a quarter is not advertised"
        );
        window.on_taken(1);
        assert!(window.is_due());
        assert_eq!(window.advertise(), 4000 + 999 + 65);
        assert!(!window.is_due());
    }

    #[test]
    fn refuses_messages_beyond_the_window() {
        let mut window = ReceiveWindow::new(1000);
        assert!(window.begin(500 - OVERHEAD));
        assert!(!window.begin(501 - OVERHEAD));
        assert_eq!(window.held(), 500, "a refused message does not count");
        assert!(window.begin(500 - OVERHEAD));
        assert!(!window.begin(0));
        window.on_taken(500 - OVERHEAD);
        // Taken messages free the window before it is advertised.
        assert!(window.begin(500 - OVERHEAD));
        assert_eq!(window.held(), 1000);
    }

    fn told(taken: usize) -> ReceiveWindow {
        let mut window = ReceiveWindow::new(4000);
        assert!(window.begin(taken - OVERHEAD));
        window.on_taken(taken - OVERHEAD);
        assert_eq!(window.advertise(), 4000 + taken as u64);
        window
    }

    #[test]
    fn repeats_only_the_latest_lost_advertisement() {
        let mut window = told(1000);
        window.on_lost(4000);
        assert!(!window.is_due(), "a newer advertisement is in flight");
        window.on_lost(5000);
        assert!(window.is_due());
        assert_eq!(window.advertise(), 5000);
        assert!(!window.is_due());
    }

    #[test]
    fn repeats_an_advertisement_until_it_is_acknowledged() {
        let mut window = told(1000);
        window.on_probe();
        assert!(window.is_due());
        window.advertise();
        window.on_arrived(5000);
        window.on_probe();
        assert!(!window.is_due());
    }

    #[test]
    fn answers_a_blocked_peer_only_with_new_credit() {
        let mut window = told(1000);
        window.on_asked();
        assert!(!window.is_due(), "there is no new credit");
        assert!(window.begin(0));
        window.on_taken(0);
        assert!(!window.is_due(), "less than a quarter is not advertised");
        window.on_asked();
        assert!(window.is_due());
        assert_eq!(window.advertise(), 5064);
    }

    #[test]
    fn ignores_an_older_advertisement() {
        let mut window = told(1000);
        window.on_arrived(5000);
        window.on_arrived(4000);
        window.on_probe();
        assert!(!window.is_due());
    }
}
