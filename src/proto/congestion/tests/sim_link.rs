//! One direction of the simulated path: a [`Link`] on protocol time.

use super::packet::FlowDatagram;
use crate::proto::time::{Clock, Instant};
use crate::sim::{Link, LinkConditions, LinkStats};

#[derive(Debug)]
pub(super) struct SimLink {
    link: Link<FlowDatagram>,
    clock: Clock,
}

impl SimLink {
    pub(super) fn new(conditions: LinkConditions, seed: u64) -> Self {
        Self {
            link: Link::new(conditions, seed).unwrap(),
            clock: Clock::new(std::time::Instant::now()),
        }
    }

    fn to_std(&self, at: Instant) -> std::time::Instant {
        self.clock
            .to_std(at)
            .expect("a scenario takes minutes, and the clock range is centuries")
    }

    pub(super) fn set_conditions(&mut self, conditions: LinkConditions) {
        self.link.set_conditions(conditions).unwrap();
    }

    pub(super) fn send(&mut self, datagram: FlowDatagram, bytes: &[u8], now: Instant) {
        self.link.send(datagram, bytes, self.to_std(now));
    }

    pub(super) fn poll(&mut self, now: Instant) -> Option<FlowDatagram> {
        let (datagram, _) = self.link.poll(self.to_std(now))?;
        Some(datagram)
    }

    pub(super) fn next_deadline(&mut self) -> Option<Instant> {
        self.link.next_deadline().map(|at| self.clock.at(at))
    }

    pub(super) fn stats(&self) -> LinkStats {
        self.link.stats()
    }
}
