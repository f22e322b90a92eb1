//! The transport of a [`Host`](crate::Host): a UDP socket or a queue in memory, and with the
//! feature `sim` a simulated network in front of it. Knows nothing of packets and timers.

mod memory;

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::{Interest, Registry, Token};

#[cfg(feature = "sim")]
use crate::clock;
#[cfg(feature = "sim")]
use crate::error::ConfigError;
use crate::limits::DATAGRAM_MAX;
#[cfg(feature = "sim")]
use crate::sim::{LinkConditions, SimulatedLinks};
use crate::socket::{Socket, SocketStats, Waker};

pub(crate) use self::memory::MemoryTransport;

#[derive(Debug)]
pub(crate) struct Transport {
    carrier: Carrier,
    /// Simulated links; `None` passes datagrams directly to the carrier.
    #[cfg(feature = "sim")]
    links: Option<Box<SimulatedLinks>>,
}

#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "a host has one, and a packet takes no detour through a pointer"
)]
pub(crate) enum Carrier {
    Socket(Socket),
    Memory(MemoryTransport),
}

impl Transport {
    pub(crate) fn new(carrier: Carrier) -> Self {
        Self {
            carrier,
            #[cfg(feature = "sim")]
            links: None,
        }
    }

    pub(crate) fn local_addr(&self) -> SocketAddr {
        match &self.carrier {
            Carrier::Socket(socket) => socket.local_addr(),
            Carrier::Memory(memory) => memory.local_addr(),
        }
    }

    /// `None` for an in-memory transport.
    pub(crate) fn socket(&self) -> Option<&Socket> {
        match &self.carrier {
            Carrier::Socket(socket) => Some(socket),
            Carrier::Memory(_) => None,
        }
    }

    pub(crate) fn reaches(&self, to: SocketAddr) -> bool {
        match &self.carrier {
            Carrier::Socket(socket) => socket.reaches(to),
            Carrier::Memory(memory) => memory.reaches(to),
        }
    }

    /// Receives the datagrams that have arrived by `now`, until the transport is empty or the
    /// budget of the socket is spent. Skips truncated datagrams, which the socket has counted.
    #[inline]
    pub(crate) fn drain(
        &mut self,
        now: Instant,
        handle: impl FnMut(SocketAddr, &[u8]),
    ) -> io::Result<()> {
        #[cfg(feature = "sim")]
        if let Some(links) = &mut self.links {
            return drain_through(&mut self.carrier, links, now, handle);
        }
        #[cfg(not(feature = "sim"))]
        let _ = now;
        self.carrier.drain(handle)
    }

    #[inline]
    pub(crate) fn queued(&self) -> usize {
        match &self.carrier {
            Carrier::Socket(socket) => socket.queued(),
            Carrier::Memory(_) => 0,
        }
    }

    /// As [`Socket::send_with`].
    #[inline]
    pub(crate) fn send_with(
        &mut self,
        now: Instant,
        write: impl FnOnce(&mut [u8; DATAGRAM_MAX]) -> Option<(SocketAddr, usize)>,
    ) -> bool {
        #[cfg(feature = "sim")]
        if let Some(links) = &mut self.links {
            return send_copy(write, |to, bytes| links.send(to, bytes, now));
        }
        #[cfg(not(feature = "sim"))]
        let _ = now;
        match &mut self.carrier {
            Carrier::Socket(socket) => socket.send_with(write),
            // A full queue drops the datagram.
            Carrier::Memory(memory) => send_copy(write, |to, bytes| memory.send(to, bytes)),
        }
    }

    /// Sends queued datagrams, as far as the system accepts them.
    #[inline]
    pub(crate) fn transmit(&mut self) -> io::Result<()> {
        #[cfg(feature = "sim")]
        if let Some(links) = &mut self.links {
            send_due(&mut self.carrier, links, clock::now());
        }
        match &mut self.carrier {
            Carrier::Socket(socket) => socket.transmit(),
            Carrier::Memory(memory) => {
                memory.transmit();
                Ok(())
            }
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        #[cfg(feature = "sim")]
        return self.links.as_ref()?.next_deadline();
        #[cfg(not(feature = "sim"))]
        None
    }

    /// As [`Socket::wait`].
    pub(crate) fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        match &mut self.carrier {
            Carrier::Socket(socket) => socket.wait(timeout),
            Carrier::Memory(memory) => memory.wait(timeout),
        }
    }

    pub(crate) fn waker(&mut self) -> io::Result<Waker> {
        match &mut self.carrier {
            Carrier::Socket(socket) => socket.waker(),
            Carrier::Memory(memory) => memory.waker(),
        }
    }

    pub(crate) fn take_woken(&mut self) -> bool {
        match &mut self.carrier {
            Carrier::Socket(socket) => socket.take_woken(),
            Carrier::Memory(memory) => memory.take_woken(),
        }
    }

    /// See [`Socket::may_have_more`].
    pub(crate) fn may_have_more(&self) -> bool {
        match &self.carrier {
            Carrier::Socket(socket) => socket.may_have_more(),
            Carrier::Memory(memory) => memory.has_unread(),
        }
    }

    pub(crate) fn is_blocked(&self) -> bool {
        match &self.carrier {
            Carrier::Socket(socket) => socket.is_blocked(),
            Carrier::Memory(_) => false,
        }
    }

    pub(crate) fn stats(&self) -> SocketStats {
        match &self.carrier {
            Carrier::Socket(socket) => socket.stats(),
            Carrier::Memory(memory) => memory.stats(),
        }
    }
}

/// The simulated network.
#[cfg(feature = "sim")]
impl Transport {
    /// Simulates `conditions` in both directions from now on. On error nothing has changed.
    pub(crate) fn set_link_conditions(
        &mut self,
        conditions: &LinkConditions,
    ) -> Result<(), ConfigError> {
        if let Some(links) = &mut self.links {
            return links.set_conditions(conditions);
        }
        // Each run differs; use `sim::Network` for a reproducible test.
        let seed = getrandom::u64().unwrap_or_default();
        let links = SimulatedLinks::new(conditions, seed)?;
        self.links = Some(Box::new(links));
        Ok(())
    }

    /// Removes the simulated network. Datagrams in flight arrive at once: incoming ones are passed
    /// to `handle`.
    pub(crate) fn remove_links(&mut self, mut handle: impl FnMut(SocketAddr, &[u8])) {
        let Some(mut links) = self.links.take() else {
            return;
        };
        while let Some(at) = links.next_deadline() {
            send_due(&mut self.carrier, &mut links, at);
            while let Some((from, bytes)) = links.poll_incoming(at) {
                handle(from, bytes);
            }
        }
    }
}

fn send_copy(
    write: impl FnOnce(&mut [u8; DATAGRAM_MAX]) -> Option<(SocketAddr, usize)>,
    send: impl FnOnce(SocketAddr, &[u8]),
) -> bool {
    let mut buffer = [0; DATAGRAM_MAX];
    let Some((to, len)) = write(&mut buffer) else {
        return false;
    };
    send(to, &buffer[..len]);
    true
}

impl Carrier {
    #[inline]
    fn drain(&mut self, mut handle: impl FnMut(SocketAddr, &[u8])) -> io::Result<()> {
        match self {
            Self::Socket(socket) => {
                while let Some(datagram) = socket.recv()? {
                    if !datagram.truncated {
                        handle(datagram.from, datagram.bytes);
                    }
                }
            }
            Self::Memory(memory) => memory.drain(handle),
        }
        Ok(())
    }

    #[cfg(feature = "sim")]
    fn send(&mut self, to: SocketAddr, bytes: &[u8]) {
        match self {
            // A full queue loses the datagram, as a network does. `Host::connect` has checked
            // the address.
            Self::Socket(socket) => {
                let _ = socket.send(to, bytes);
            }
            Self::Memory(memory) => memory.send(to, bytes),
        }
    }

    /// # Errors
    /// `Unsupported` without a socket.
    fn source(&mut self) -> io::Result<&mut Socket> {
        match self {
            Self::Socket(socket) => Ok(socket),
            Self::Memory(_) => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "a host of Host::pair has no socket to register with a poll: use wait, or a Waker",
            )),
        }
    }
}

#[cfg(feature = "sim")]
fn drain_through(
    carrier: &mut Carrier,
    links: &mut SimulatedLinks,
    now: Instant,
    mut handle: impl FnMut(SocketAddr, &[u8]),
) -> io::Result<()> {
    carrier.drain(|from, bytes| links.receive(from, bytes, now))?;
    while let Some((from, bytes)) = links.poll_incoming(now) {
        handle(from, bytes);
    }
    Ok(())
}

/// A full queue loses a datagram, as a network does.
#[cfg(feature = "sim")]
fn send_due(carrier: &mut Carrier, links: &mut SimulatedLinks, now: Instant) {
    while let Some((to, bytes)) = links.poll_outgoing(now) {
        carrier.send(to, bytes);
    }
}

impl mio::event::Source for Transport {
    fn register(
        &mut self,
        registry: &Registry,
        token: Token,
        interests: Interest,
    ) -> io::Result<()> {
        self.carrier.source()?.register(registry, token, interests)
    }

    fn reregister(
        &mut self,
        registry: &Registry,
        token: Token,
        interests: Interest,
    ) -> io::Result<()> {
        self.carrier
            .source()?
            .reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.carrier.source()?.deregister(registry)
    }
}
