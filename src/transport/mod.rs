//! What carries a [`Host`](crate::Host)'s datagrams: a UDP socket, and with the feature `sim` a simulated network
//! between the host and that socket.
//!
//! Knows nothing of peers, packets and timers: those belong to `proto`.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::{Interest, Registry, Token};

#[cfg(feature = "sim")]
use crate::clock;
#[cfg(feature = "sim")]
use crate::error::ConfigError;
#[cfg(feature = "sim")]
use crate::sim::{LinkConditions, SimulatedLinks};
use crate::socket::{Socket, SocketStats, Waker};

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Transport {
    socket: Socket,
    /// `None`: datagrams go straight to the socket.
    #[cfg(feature = "sim")]
    links: Option<Box<SimulatedLinks>>,
}

impl Transport {
    pub(crate) fn new(socket: Socket) -> Self {
        Self {
            socket,
            #[cfg(feature = "sim")]
            links: None,
        }
    }

    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.socket.local_addr()
    }

    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Whether a datagram to `to` can leave from here at all.
    pub(crate) fn reaches(&self, to: SocketAddr) -> bool {
        self.socket.reaches(to)
    }

    /// Receives what has arrived by `now`, one datagram after the other, until nothing is left or the budget of
    /// the socket is spent. Truncated datagrams are skipped; the socket has counted them.
    ///
    /// # Errors
    ///
    /// Those of [`Socket::recv`].
    #[inline]
    pub(crate) fn drain(
        &mut self,
        now: Instant,
        mut handle: impl FnMut(SocketAddr, &[u8]),
    ) -> io::Result<()> {
        #[cfg(feature = "sim")]
        if let Some(links) = &mut self.links {
            receive_all(&mut self.socket, |from, bytes| {
                links.receive(from, bytes, now);
            })?;
            while let Some((from, bytes)) = links.poll_incoming(now) {
                handle(from, bytes);
            }
            return Ok(());
        }
        #[cfg(not(feature = "sim"))]
        let _ = now;
        receive_all(&mut self.socket, &mut handle)
    }

    /// Whether there is room for another datagram, after sending what the system takes.
    #[inline]
    pub(crate) fn make_room(&mut self) -> bool {
        self.socket.make_room()
    }

    /// How many datagrams wait for the system to take them.
    #[inline]
    pub(crate) fn queued(&self) -> usize {
        self.socket.queued()
    }

    /// Sends a datagram, for which the caller has [made room](Self::make_room). It leaves with
    /// [`transmit`](Self::transmit) at the latest.
    #[inline]
    pub(crate) fn send(&mut self, to: SocketAddr, bytes: &[u8], now: Instant) {
        #[cfg(feature = "sim")]
        if let Some(links) = &mut self.links {
            links.send(to, bytes, now);
            return;
        }
        #[cfg(not(feature = "sim"))]
        let _ = now;
        // There is room, and an address that this socket cannot reach never came from it.
        let _ = self.socket.send(to, bytes);
    }

    /// Sends what is queued, as far as the system takes it.
    ///
    /// # Errors
    ///
    /// The system cannot watch the socket. Errors of single datagrams are counted in [`stats`](Self::stats).
    #[inline]
    pub(crate) fn transmit(&mut self) -> io::Result<()> {
        #[cfg(feature = "sim")]
        if let Some(links) = &mut self.links {
            send_due(&mut self.socket, links, clock::now());
        }
        self.socket.transmit()
    }

    /// When a simulated datagram is due next, in either direction.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        #[cfg(feature = "sim")]
        return self.links.as_ref()?.next_deadline();
        #[cfg(not(feature = "sim"))]
        None
    }

    /// Sleeps until a datagram can be received, a [`Waker`] is used, or `timeout` is over: see [`Socket::wait`].
    ///
    /// # Errors
    ///
    /// Those of [`Socket::wait`].
    pub(crate) fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.socket.wait(timeout)
    }

    /// # Errors
    ///
    /// Those of [`Socket::waker`].
    pub(crate) fn waker(&mut self) -> io::Result<Waker> {
        self.socket.waker()
    }

    pub(crate) fn take_woken(&mut self) -> bool {
        self.socket.take_woken()
    }

    /// Whether datagrams may be waiting that no event announces: see [`Socket::may_have_more`].
    pub(crate) fn may_have_more(&self) -> bool {
        self.socket.may_have_more()
    }

    /// Whether the system took no more when it was last asked.
    pub(crate) fn is_blocked(&self) -> bool {
        self.socket.is_blocked()
    }

    pub(crate) fn stats(&self) -> SocketStats {
        self.socket.stats()
    }
}

/// The simulated network.
#[cfg(feature = "sim")]
impl Transport {
    /// Simulates `conditions` in both directions from now on.
    ///
    /// # Errors
    ///
    /// A condition is out of its range; nothing has changed.
    pub(crate) fn set_link_conditions(
        &mut self,
        conditions: &LinkConditions,
    ) -> Result<(), ConfigError> {
        if let Some(links) = &mut self.links {
            return links.set_conditions(conditions);
        }
        // Each run differs; a reproducible test has `sim::Network`.
        let seed = getrandom::u64().unwrap_or_default();
        let links = SimulatedLinks::new(conditions, seed)?;
        self.links = Some(Box::new(links));
        Ok(())
    }

    /// Simulates nothing from now on. What is under way arrives at once: what comes in is given to `handle`.
    pub(crate) fn remove_links(&mut self, mut handle: impl FnMut(SocketAddr, &[u8])) {
        let Some(mut links) = self.links.take() else {
            return;
        };
        while let Some(at) = links.next_deadline() {
            send_due(&mut self.socket, &mut links, at);
            while let Some((from, bytes)) = links.poll_incoming(at) {
                handle(from, bytes);
            }
        }
    }
}

#[inline]
fn receive_all(socket: &mut Socket, mut handle: impl FnMut(SocketAddr, &[u8])) -> io::Result<()> {
    while let Some(datagram) = socket.recv()? {
        if !datagram.truncated {
            handle(datagram.from, datagram.bytes);
        }
    }
    Ok(())
}

/// Sends what has crossed the outgoing link. What finds no room is lost, as on a network.
#[cfg(feature = "sim")]
fn send_due(socket: &mut Socket, links: &mut SimulatedLinks, now: Instant) {
    while let Some((to, bytes)) = links.poll_outgoing(now) {
        let _ = socket.send(to, bytes);
    }
}

impl mio::event::Source for Transport {
    fn register(
        &mut self,
        registry: &Registry,
        token: Token,
        interests: Interest,
    ) -> io::Result<()> {
        self.socket.register(registry, token, interests)
    }

    fn reregister(
        &mut self,
        registry: &Registry,
        token: Token,
        interests: Interest,
    ) -> io::Result<()> {
        self.socket.reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.socket.deregister(registry)
    }
}
