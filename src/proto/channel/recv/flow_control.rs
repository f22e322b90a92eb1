//! How much of what is reliable a peer may send: what was begun and not taken by the application is
//! limited, so that a slow application holds its peer back and never grows.

use crate::limits::MESSAGE_OVERHEAD;

/// See the [module](self). Everything counts in bytes since the beginning, a message with
/// [`MESSAGE_OVERHEAD`] more than it is long.
#[derive(Debug)]
pub(super) struct ReceiveWindow {
    size: u64,
    /// Of messages of which at least a fragment came.
    begun: u64,
    /// Of messages that the application has taken.
    taken: u64,
    /// What the peer was told last.
    advertised: u64,
    /// What it is known to have heard.
    acked: u64,
    /// Whether it has to be told again: it did not hear, or it asks.
    is_wanted: bool,
}

impl ReceiveWindow {
    /// The peer knows `size` from the handshake.
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

    /// A message of `len` bytes begins. `false`: the peer does not keep to its window.
    #[must_use]
    pub(super) fn begin(&mut self, len: usize) -> bool {
        let begun = self.begun + cost(len);
        let fits = begun <= self.limit();
        if fits {
            self.begun = begun;
        }
        fits
    }

    /// The application has taken a message.
    pub(super) fn on_taken(&mut self, len: usize) {
        self.taken += cost(len);
    }

    fn limit(&self) -> u64 {
        self.taken + self.size
    }

    /// The peer asks: it is told again, if there is something new.
    pub(super) fn on_asked(&mut self) {
        self.is_wanted |= self.limit() > self.advertised;
    }

    /// Nobody answers: it may not have heard.
    pub(super) fn on_probe(&mut self) {
        self.is_wanted |= self.advertised > self.acked;
    }

    /// It has heard.
    pub(super) fn on_arrived(&mut self, window: u64) {
        self.acked = self.acked.max(window);
    }

    /// It has not heard. That matters if this was the last that it was told.
    pub(super) fn on_lost(&mut self, window: u64) {
        self.is_wanted |= window == self.advertised;
    }

    /// Whether the peer is to be told of a new window: a quarter of it is new, or it has to be told again.
    pub(super) fn is_due(&self) -> bool {
        self.is_wanted || self.limit() - self.advertised >= self.size / 4
    }

    /// What to tell, for somebody who tells it now.
    pub(super) fn advertise(&mut self) -> u64 {
        self.is_wanted = false;
        self.advertised = self.limit();
        self.advertised
    }

    /// Bytes that wait for the application or for their missing fragments.
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
    fn a_window_is_told_when_a_quarter_of_it_is_new() {
        let mut window = ReceiveWindow::new(4000);
        assert!(window.begin(999 - OVERHEAD) && window.begin(1 + OVERHEAD));
        window.on_taken(999 - OVERHEAD);
        assert!(!window.is_due(), "a byte less than a quarter");
        window.on_taken(1);
        assert!(window.is_due());
        assert_eq!(window.advertise(), 4000 + 999 + 65);
        assert!(!window.is_due());
    }

    #[test]
    fn nothing_begins_beyond_it() {
        let mut window = ReceiveWindow::new(1000);
        assert!(window.begin(500 - OVERHEAD));
        assert!(!window.begin(501 - OVERHEAD));
        assert_eq!(window.held(), 500, "what was refused does not count");
        assert!(window.begin(500 - OVERHEAD));
        assert!(!window.begin(0));
        window.on_taken(500 - OVERHEAD);
        // What the application has taken counts at once, told or not: an honest sender does not know it.
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
    fn it_is_told_again_when_the_last_telling_is_lost_and_not_an_older_one() {
        let mut window = told(1000);
        window.on_lost(4000);
        assert!(!window.is_due(), "a newer one is on its way");
        window.on_lost(5000);
        assert!(window.is_due());
        assert_eq!(window.advertise(), 5000);
        assert!(!window.is_due());
    }

    #[test]
    fn it_is_told_again_to_a_silent_peer_until_that_has_heard() {
        let mut window = told(1000);
        window.on_probe();
        assert!(window.is_due());
        window.advertise();
        window.on_arrived(5000);
        window.on_probe();
        assert!(!window.is_due());
    }

    #[test]
    fn who_asks_is_told_the_least_that_is_new_and_nothing_that_is_not() {
        let mut window = told(1000);
        window.on_asked();
        assert!(!window.is_due(), "nothing is new");
        assert!(window.begin(0));
        window.on_taken(0);
        assert!(!window.is_due(), "it is little");
        window.on_asked();
        assert!(window.is_due());
        assert_eq!(window.advertise(), 5064);
    }

    #[test]
    fn an_older_telling_that_arrives_late_takes_nothing_back() {
        let mut window = told(1000);
        window.on_arrived(5000);
        window.on_arrived(4000);
        window.on_probe();
        assert!(!window.is_due());
    }
}
