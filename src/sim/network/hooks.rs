//! Callbacks in the turns of a network's hosts.

use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::proto::HostState;
use crate::sim::network::HostId;

/// A datagram on the wire of a [`Network`](crate::sim::Network).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct WireDatagram<'a> {
    /// When it is sent or received, since the network was created.
    pub at: Duration,
    /// The source address.
    pub from: SocketAddr,
    /// The destination address.
    pub to: SocketAddr,
    /// Content, 0 to 1024 bytes.
    pub bytes: &'a [u8],
}

/// Prints no payload.
impl fmt::Debug for WireDatagram<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WireDatagram")
            .field("at", &self.at)
            .field("from", &self.from)
            .field("to", &self.to)
            .field("len", &self.bytes.len())
            .finish()
    }
}

/// Callbacks of a [`Network`](crate::sim::Network) in the turns of its hosts. Every method does
/// nothing by default, and `()` implements them all.
///
/// ```
/// use std::time::Instant;
/// use tickwire::proto::HostState;
/// use tickwire::sim::{HostId, Hooks, Network, WireDatagram};
/// use tickwire::{Config, ConnectOptions, Delivery, Event};
///
/// /// Echoes every message and counts what is on the wire.
/// #[derive(Default)]
/// struct Echo {
///     datagrams: u64,
/// }
///
/// impl Hooks for Echo {
///     fn on_turn(&mut self, _: HostId, state: &mut HostState, now: Instant) {
///         while let Some(event) = state.poll_event() {
///             if let Event::Message { peer, delivery, bytes, .. } = event {
///                 let _ = state.send(peer, delivery, &bytes, now); // full queue: dropped
///             }
///         }
///     }
///
///     fn on_send(&mut self, _: HostId, _: &HostState, _: WireDatagram<'_>) {
///         self.datagrams += 1;
///     }
/// }
///
/// let mut network = Network::with_hooks(1, Echo::default());
/// let (one, other) = (network.add_host(Config::plain(7))?, network.add_host(Config::plain(7))?);
/// let peer = network.connect(one, other, &ConnectOptions::default())?;
/// network.run_for(std::time::Duration::from_secs(1));
/// assert!(network.host(one).is_connected(peer));
/// assert!(network.hooks().datagrams >= 4); // a handshake
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Hooks {
    /// Called before a host processes a datagram.
    fn on_receive(&mut self, _host: HostId, _datagram: WireDatagram<'_>) {}

    /// Called after a host has received and run its timers, before it transmits: the place to
    /// handle events and to send.
    fn on_turn(&mut self, _host: HostId, _state: &mut HostState, _now: Instant) {}

    /// Called when a host sends a datagram, before the link may lose it.
    fn on_send(&mut self, _host: HostId, _state: &HostState, _datagram: WireDatagram<'_>) {}

    /// Called after a host has transmitted.
    fn on_turn_end(&mut self, _host: HostId, _state: &HostState) {}

    /// When the application of a host wants a turn, in addition to those for datagrams and timers.
    /// Must be in the future after [`on_turn`](Self::on_turn).
    fn next_turn(&self, _host: HostId) -> Option<Instant> {
        None
    }
}

impl Hooks for () {}
