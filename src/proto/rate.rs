//! How fast a peer is sent to: a bucket of tokens, and what steers how fast it fills.

use std::time::{Duration, Instant};

use super::sent::{Fate, Packet};
use crate::config::Config;

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Rate {
    now: Instant,
}

impl Rate {
    pub(crate) fn new(_config: &Config, now: Instant) -> Self {
        Self { now }
    }

    pub(crate) fn bits_per_second(&self) -> u64 {
        0
    }

    pub(crate) fn has_room(&self, _now: Instant) -> bool {
        true
    }

    pub(crate) fn ready_at(&self) -> Instant {
        self.now
    }

    pub(crate) fn window(&self) -> usize {
        usize::MAX
    }

    pub(crate) fn on_sent(&mut self, _len: usize, _now: Instant) {}

    pub(crate) fn on_packet(&mut self, _packet: &Packet, _fate: Fate, _now: Instant) {}

    pub(crate) fn on_ack(&mut self, _sample: Option<Duration>, _in_flight: usize, _now: Instant) {}

    pub(crate) fn on_probe(&mut self, _now: Instant) {}

    pub(crate) fn reset(&mut self, _now: Instant) {}
}
