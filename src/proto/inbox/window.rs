//! How much of what is reliable a peer may send: what was begun and not taken by the application is
//! limited, so that a slow application holds its peer back and never grows.

use crate::limits::MESSAGE_OVERHEAD;

/// See the [module](self). Everything counts in bytes since the beginning, a message with
/// [`MESSAGE_OVERHEAD`] more than it is long.
#[derive(Debug)]
pub(super) struct Window {
    size: u64,
    /// Of messages of which at least a piece came.
    begun: u64,
    /// Of messages that the application has taken.
    taken: u64,
    /// What the peer was told last.
    told: u64,
    /// What it is known to have heard.
    heard: u64,
    /// Whether it has to be told again: it did not hear, or it asks.
    is_wanted: bool,
}

impl Window {
    /// The peer knows `size` from the handshake.
    pub(super) fn new(size: u64) -> Self {
        Self {
            size,
            begun: 0,
            taken: 0,
            told: size,
            heard: size,
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
        self.is_wanted |= self.limit() > self.told;
    }

    /// Nobody answers: it may not have heard.
    pub(super) fn on_probe(&mut self) {
        self.is_wanted |= self.told > self.heard;
    }

    /// It has heard.
    pub(super) fn on_arrived(&mut self, window: u64) {
        self.heard = self.heard.max(window);
    }

    /// It has not heard. That matters if this was the last that it was told.
    pub(super) fn on_lost(&mut self, window: u64) {
        self.is_wanted |= window == self.told;
    }

    /// Whether the peer is to be told of a new window: a quarter of it is new, or it has to be told again.
    pub(super) fn is_due(&self) -> bool {
        self.is_wanted || self.limit() - self.told >= self.size / 4
    }

    /// What to tell, for somebody who tells it now.
    pub(super) fn tell(&mut self) -> u64 {
        self.is_wanted = false;
        self.told = self.limit();
        self.told
    }

    /// Bytes that wait for the application or for their missing pieces.
    pub(super) fn held(&self) -> u64 {
        self.begun - self.taken
    }
}

fn cost(len: usize) -> u64 {
    (len + MESSAGE_OVERHEAD) as u64
}
