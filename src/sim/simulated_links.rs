//! The simulated network between a host and its socket.

use std::net::SocketAddr;
use std::time::Instant;

use crate::error::ConfigError;
use crate::sim::{Link, LinkConditions};

#[derive(Debug)]
pub(crate) struct SimulatedLinks {
    outgoing: Link<SocketAddr>,
    incoming: Link<SocketAddr>,
}

impl SimulatedLinks {
    /// Both directions have the same conditions and separate generators.
    pub(crate) fn new(conditions: &LinkConditions, seed: u64) -> Result<Self, ConfigError> {
        Ok(Self {
            outgoing: Link::new(conditions.clone(), seed)?,
            incoming: Link::new(conditions.clone(), seed.wrapping_add(1))?,
        })
    }

    pub(crate) fn set_conditions(
        &mut self,
        conditions: &LinkConditions,
    ) -> Result<(), ConfigError> {
        self.outgoing.set_conditions(conditions.clone())?;
        self.incoming.set_conditions(conditions.clone())
    }

    pub(crate) fn send(&mut self, to: SocketAddr, bytes: &[u8], now: Instant) {
        self.outgoing.send(to, bytes, now);
    }

    pub(crate) fn poll_outgoing(&mut self, now: Instant) -> Option<(SocketAddr, &[u8])> {
        self.outgoing.poll(now)
    }

    pub(crate) fn receive(&mut self, from: SocketAddr, bytes: &[u8], now: Instant) {
        self.incoming.send(from, bytes, now);
    }

    pub(crate) fn poll_incoming(&mut self, now: Instant) -> Option<(SocketAddr, &[u8])> {
        self.incoming.poll(now)
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let deadlines = [self.outgoing.next_deadline(), self.incoming.next_deadline()];
        deadlines.into_iter().flatten().min()
    }
}
