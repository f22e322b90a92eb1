//! One direction of the line: a link of tickwire's, on the time of the protocol.

use crate::sim::{Link, LinkConditions, LinkStats};

use crate::proto::time::{Clock, Instant};

use super::datagram::Datagram;

#[derive(Debug)]
pub(crate) struct Direction {
    link: Link<Datagram>,
    clock: Clock,
}

impl Direction {
    pub(crate) fn new(conditions: LinkConditions, seed: u64) -> Self {
        Self {
            link: Link::new(conditions, seed).unwrap(),
            clock: Clock::new(std::time::Instant::now()),
        }
    }

    fn time(&self, at: Instant) -> std::time::Instant {
        self.clock.to_std(at).expect("a scenario takes minutes")
    }

    pub(crate) fn set_conditions(&mut self, conditions: LinkConditions) {
        self.link.set_conditions(conditions).unwrap();
    }

    pub(crate) fn send(&mut self, datagram: Datagram, bytes: &[u8], now: Instant) {
        self.link.send(datagram, bytes, self.time(now));
    }

    pub(crate) fn poll(&mut self, now: Instant) -> Option<Datagram> {
        let (datagram, _) = self.link.poll(self.time(now))?;
        Some(datagram)
    }

    pub(crate) fn next_deadline(&mut self) -> Option<Instant> {
        self.link.next_deadline().map(|at| self.clock.at(at))
    }

    pub(crate) fn stats(&self) -> LinkStats {
        self.link.stats()
    }
}
