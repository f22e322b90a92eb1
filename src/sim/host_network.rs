//! A bad network between a host and its socket, for trying things out.

use std::net::SocketAddr;
use std::time::Instant;

use crate::error::ConfigError;
use crate::limits::DATAGRAM_MAX;
use crate::sim::{Link, LinkConditions};

/// Two links: what goes out, and what comes in.
#[derive(Debug)]
pub(crate) struct HostNetwork {
    outgoing: Link<SocketAddr>,
    incoming: Link<SocketAddr>,
}

impl HostNetwork {
    /// Both directions have the same conditions, and each its own luck.
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

    /// What has crossed the outgoing link by now.
    pub(crate) fn next_outgoing(
        &mut self,
        buffer: &mut [u8; DATAGRAM_MAX],
        now: Instant,
    ) -> Option<(SocketAddr, usize)> {
        next(&mut self.outgoing, buffer, now)
    }

    pub(crate) fn receive(&mut self, from: SocketAddr, bytes: &[u8], now: Instant) {
        self.incoming.send(from, bytes, now);
    }

    /// What has crossed the incoming link by now.
    pub(crate) fn next_incoming(
        &mut self,
        buffer: &mut [u8; DATAGRAM_MAX],
        now: Instant,
    ) -> Option<(SocketAddr, usize)> {
        next(&mut self.incoming, buffer, now)
    }

    /// When something arrives next, on either side.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let deadlines = [self.outgoing.next_deadline(), self.incoming.next_deadline()];
        deadlines.into_iter().flatten().min()
    }
}

fn next(
    link: &mut Link<SocketAddr>,
    buffer: &mut [u8; DATAGRAM_MAX],
    now: Instant,
) -> Option<(SocketAddr, usize)> {
    let (address, bytes) = link.poll(now)?;
    buffer[..bytes.len()].copy_from_slice(bytes);
    Some((address, bytes.len()))
}
