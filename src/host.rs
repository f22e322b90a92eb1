//! The host: the protocol on a socket, run in turns.

use std::net::SocketAddr;
use std::time::{Duration, Instant};
use std::{fmt, io};

use mio::{Interest, Registry, Token};

use crate::clock;
use crate::config::Config;
#[cfg(feature = "sim")]
use crate::error::ConfigError;
use crate::error::{BindError, SendError};
use crate::limits::{REPLIES_PER_TURN_MAX, TIMER_GRANULARITY};
use crate::proto::{
    Admission, Broadcast, CloseReason, ConnectError, ConnectOptions, Delivery, Event, HostState,
    HostStats, PeerId, PeerStats, Receipt, Request, SendLimitedBy, Transmit,
};
#[cfg(feature = "sim")]
use crate::sim::LinkConditions;
use crate::socket::{Socket, SocketStats, Waker, canonical};
use crate::transport::{Carrier, MemoryTransport, Transport};

/// Maximum sleep of a [`Host::pair`] during its handshake: 1 ms.
const PAIR_WAIT: Duration = Duration::from_millis(1);

/// Connections to peers over one UDP socket, driven by the caller's loop.
///
/// A loop runs a turn ([`wait`](Self::wait), [`wait_until`](Self::wait_until) or
/// [`poll`](Self::poll); [`receive`](Self::receive) in a game with a fixed tick), calls
/// [`next_event`](Self::next_event) until `None`, then [`send`](Self::send) and
/// [`flush`](Self::flush). [The run-loop contract](crate#the-run-loop-contract) states what each
/// call does.
///
/// ```
/// use tickwire::{Config, Delivery, Event, Host};
///
/// let mut host = Host::bind("127.0.0.1:0".parse().unwrap(), Config::plain(7))?;
/// # let mut client = Host::bind("127.0.0.1:0".parse().unwrap(), Config::plain(7))?;
/// # let peer = client.connect(host.local_addr(), &Default::default()).unwrap();
/// # let mut echoed = false;
/// # while !echoed {
/// # client.poll()?;
/// # while let Some(event) = client.next_event() {
/// #     match event {
/// #         Event::Connected { .. } => client.send(peer, Delivery::Unreliable, b"hello")?,
/// #         Event::Message { bytes, .. } => { assert_eq!(&bytes[..], b"hello"); echoed = true; }
/// #         other => panic!("{other:?}"),
/// #     }
/// # }
/// # client.flush()?;
/// # let timeout = Some(std::time::Duration::from_millis(1));
/// # /*
/// loop {
///     host.wait(None)?;
/// # */
/// #     host.wait(timeout)?;
///     while let Some(event) = host.next_event() {
///         match event {
///             Event::Connected { peer, address, .. } => println!("{peer} came from {address}"),
///             Event::Message { peer, delivery, bytes, .. } => {
///                 let _ = host.send(peer, delivery, &bytes); // skipped if the queue is full
///             }
///             Event::Disconnected { peer, reason, .. } => println!("{peer} is gone: {reason}"),
///             _ => {}
///         }
///     }
///     host.flush()?;
/// # /*
/// }
/// # */
/// # }
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// An error of the operating system that concerns a single datagram does not end a turn. It is
/// counted in [`socket_stats`](Self::socket_stats).
///
/// Dropping a host sends each peer one disconnect; [`close`](Self::close) and
/// [`shutdown`](Self::shutdown) repeat it until it is acknowledged.
pub struct Host {
    transport: Transport,
    state: HostState,
    /// Clock reading of the current turn, for all calls until the next reading.
    now: Instant,
}

impl Host {
    /// Binds a socket to `addr`, with the default [`SocketConfig`](crate::SocketConfig), and
    /// creates a host on it. Port 0 selects a free port; `[::]` serves IPv6 and IPv4.
    ///
    /// # Errors
    ///
    /// See [`BindError`].
    pub fn bind(addr: SocketAddr, config: Config) -> Result<Self, BindError> {
        config.validate()?;
        Self::with_socket(Socket::bind(addr)?, config)
    }

    /// Creates a host on a socket, which may have its own [`SocketConfig`](crate::SocketConfig).
    ///
    /// # Errors
    ///
    /// [`BindError::Config`] or [`BindError::Entropy`].
    pub fn with_socket(socket: Socket, config: Config) -> Result<Self, BindError> {
        Self::with_carrier(Carrier::Socket(socket), config)
    }

    /// Creates a client and a server that are connected in memory, for tests and for single-player
    /// games that run the same code as networked ones.
    ///
    /// Both have a pending [`Connected`](Event::Connected) event, and under Noise the client has
    /// pinned the server's key. Each may move to another thread; [`wait`](Self::wait) of one
    /// returns when the other sends. Dropping one disconnects the other, or lets it time out if its
    /// queue is full.
    ///
    /// ```
    /// use tickwire::{Config, Delivery, Event, Host};
    ///
    /// let (mut client, mut server) = Host::pair(Config::plain(7), Config::plain(7))?;
    /// let peer = client.peers().next().unwrap();
    /// client.send(peer, Delivery::Reliable, b"hello")?;
    /// client.flush()?;
    ///
    /// server.poll()?;
    /// let mut messages = Vec::new();
    /// while let Some(event) = server.next_event() {
    ///     if let Event::Message { bytes, .. } = event {
    ///         messages.push(bytes);
    ///     }
    /// }
    /// assert_eq!(messages, ["hello"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// At most 1,024 datagrams are queued for each host. Further ones are dropped and counted in
    /// the receiver's [`dropped_by_kernel`](SocketStats::dropped_by_kernel). No other address is
    /// reachable, [`socket`](Self::socket) is `None`, and registration with a `mio::Poll` fails
    /// with `Unsupported`.
    ///
    /// # Errors
    ///
    /// - `InvalidInput`: a field of a config is out of its range, or the configs cannot connect:
    ///   different protocol ids, encryption on one side only, or a server that does not accept
    ///   connections.
    /// - The system has no entropy.
    pub fn pair(client: Config, server: Config) -> io::Result<(Self, Self)> {
        let (client_end, server_end) = MemoryTransport::pair();
        let mut client = Self::with_carrier(Carrier::Memory(client_end), client)?;
        let mut server = Self::with_carrier(Carrier::Memory(server_end), server)?;
        let options = ConnectOptions {
            #[cfg(feature = "noise")]
            server_key: server.public_key(),
            ..ConnectOptions::default()
        };
        let peer = client.connect(server.local_addr(), &options)?;
        let reason = loop {
            client.poll()?;
            server.poll()?;
            if client.is_connected(peer) && server.peers().next().is_some() {
                return Ok((client, server));
            }
            // The events of a connected client are left for the caller.
            let event = (!client.is_connected(peer)).then(|| client.next_event());
            if let Some(Event::Disconnected { reason, .. }) = event.flatten() {
                break reason;
            }
            // Reached only if a handshake was rate-limited or has to be retried.
            server.wait(Some(PAIR_WAIT))?;
        };
        let text = format!("the client and server configs cannot connect to each other: {reason}");
        Err(io::Error::new(io::ErrorKind::InvalidInput, text))
    }

    fn with_carrier(carrier: Carrier, config: Config) -> Result<Self, BindError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| BindError::Entropy {
            source: error.into(),
        })?;
        let now = clock::now();
        Ok(Self {
            transport: Transport::new(carrier),
            state: HostState::new(config, seed, now)?,
            now,
        })
    }

    /// Creates a host on an existing socket, for example from a service manager, with the default
    /// [`SocketConfig`](crate::SocketConfig). For another, call [`Socket::from_std`] and
    /// [`with_socket`](Self::with_socket).
    ///
    /// # Errors
    ///
    /// Same as [`Socket::from_std`] and [`with_socket`](Self::with_socket).
    pub fn from_std(socket: std::net::UdpSocket, config: Config) -> io::Result<Self> {
        config.validate()?;
        let socket = Socket::from_std(socket, &crate::SocketConfig::default())?;
        Ok(Self::with_socket(socket, config)?)
    }

    /// The bound address, with the actual port.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.transport.local_addr()
    }

    /// Starts a connection attempt. Its first packet leaves with the next turn or
    /// [`flush`](Self::flush). The outcome is an event: [`Connected`](Event::Connected) or
    /// [`Disconnected`](Event::Disconnected).
    ///
    /// # Errors
    ///
    /// See [`ConnectError`]. On error no attempt is started.
    pub fn connect(
        &mut self,
        to: SocketAddr,
        options: &ConnectOptions,
    ) -> Result<PeerId, ConnectError> {
        if !self.transport.reaches(to) {
            return Err(ConnectError::Unreachable { to });
        }
        let now = self.read_clock();
        self.state.connect(canonical(to), options, now)
    }

    /// Sets the callback that decides which clients may connect: see [`HostState::set_admission`].
    /// Default: every client, up to [`peers_max`](Config::peers_max).
    ///
    /// ```
    /// use tickwire::{Admission, Config, Host};
    ///
    /// let mut host = Host::bind("127.0.0.1:0".parse().unwrap(), Config::plain(7))?;
    /// host.set_admission(|request| match request.payload {
    ///     b"let me in" => Admission::Accept,
    ///     _ => Admission::Deny { code: 401 },
    /// });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_admission(
        &mut self,
        decide: impl FnMut(&Request<'_>) -> Admission + Send + 'static,
    ) {
        self.state.set_admission(decide);
    }

    /// Runs a turn without sleeping: sends, receives, runs the timers, and sends again. A game that
    /// ends its tick with [`flush`](Self::flush) calls [`receive`](Self::receive) instead.
    ///
    /// # Errors
    ///
    /// An unexpected error of the system on receive (see
    /// [`Socket`](crate::Socket#operating-system-errors)). On error the timers do not run, so no
    /// peer times out because its packets could not be received.
    pub fn poll(&mut self) -> io::Result<()> {
        self.transmit()?;
        self.take_in()?;
        self.transmit()
    }

    /// Runs the first half of a turn: receives, runs the timers, and replies to addresses that are
    /// not peers. Never sleeps. [`flush`](Self::flush) at the end of the tick is the second half:
    /// until then no acknowledgement and no message to a peer is sent.
    ///
    /// ```
    /// # use tickwire::{Config, Host};
    /// # let mut host = Host::bind("127.0.0.1:0".parse().unwrap(), Config::plain(7))?;
    /// host.receive()?; // at the start of a tick
    /// while let Some(event) = host.next_event() {
    ///     println!("{event:?}");
    /// }
    /// // step the world, send this tick's messages
    /// host.flush()?; // at its end
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [`poll`](Self::poll).
    pub fn receive(&mut self) -> io::Result<()> {
        let now = self.take_in()?;
        self.send_replies(now);
        self.transport.transmit()
    }

    /// Runs a turn that sleeps until a datagram arrives, a timer is due, a [`Waker`] is used, or
    /// `timeout` has passed (`None`: no limit). Does not sleep while events are pending. May return
    /// early.
    ///
    /// # Errors
    ///
    /// Same as [`poll`](Self::poll) and [`Socket::wait`].
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.transmit()?;
        let timeout = self.sleep_for(timeout);
        self.transport.wait(timeout)?;
        self.take_in()?;
        self.transmit()
    }

    /// Like [`wait`](Self::wait), until an instant such as
    /// [`Ticker::deadline`](crate::Ticker::deadline).
    ///
    /// # Errors
    ///
    /// Same as `wait`.
    pub fn wait_until(&mut self, deadline: Instant) -> io::Result<()> {
        self.wait(Some(deadline.saturating_duration_since(clock::now())))
    }

    /// Takes the next event. `None` if no event is pending.
    #[must_use]
    pub fn next_event(&mut self) -> Option<Event> {
        self.state.poll_event()
    }

    /// Queues a copy of a message for a peer. It is sent by [`flush`](Self::flush) or the next
    /// turn, together with other messages that fit into the packet.
    ///
    /// # Errors
    ///
    /// [`TooLong`](SendError::TooLong), [`QueueFull`](SendError::QueueFull),
    /// [`UnknownPeer`](SendError::UnknownPeer) or [`NotConnected`](SendError::NotConnected): see
    /// [`HostState::send`]. On error nothing is queued.
    pub fn send(
        &mut self,
        peer: PeerId,
        delivery: Delivery,
        message: &[u8],
    ) -> Result<(), SendError> {
        self.state.send(peer, delivery, message, self.now)
    }

    /// Like [`send`](Self::send), but also reports the outcome: [`Acked`](Event::Acked) when the
    /// message is in the event queue of the other side, or [`Lost`](Event::Lost).
    ///
    /// # Errors
    ///
    /// Same as [`HostState::send_tracked`].
    pub fn send_tracked(
        &mut self,
        peer: PeerId,
        delivery: Delivery,
        message: &[u8],
    ) -> Result<Receipt, SendError> {
        self.state.send_tracked(peer, delivery, message, self.now)
    }

    /// Maximum length in bytes of a message of this delivery to the peer. `None` if the peer is not
    /// connected.
    #[must_use]
    pub fn message_max(&self, peer: PeerId, delivery: Delivery) -> Option<usize> {
        self.state.message_max(peer, delivery)
    }

    /// Queues a message for every connected peer. Peers for which that fails are skipped and
    /// returned.
    ///
    /// # Errors
    ///
    /// [`TooLong`](SendError::TooLong) above the maximum of any configuration: 15,360 bytes
    /// unreliable or sequenced, 16 MiB reliable or ordered. On error nothing is queued.
    pub fn broadcast(
        &mut self,
        delivery: Delivery,
        message: &[u8],
    ) -> Result<Broadcast, SendError> {
        self.state.broadcast(delivery, message, self.now)
    }

    /// Like [`broadcast`](Self::broadcast), to all peers but one, for relaying a message from that
    /// peer.
    ///
    /// # Errors
    ///
    /// Same as `broadcast`.
    pub fn broadcast_except(
        &mut self,
        except: PeerId,
        delivery: Delivery,
        message: &[u8],
    ) -> Result<Broadcast, SendError> {
        self.state
            .broadcast_except(except, delivery, message, self.now)
    }

    /// Like [`broadcast`](Self::broadcast), to the given peers, such as a team or all players in
    /// range. A peer that is not connected is skipped and returned.
    ///
    /// ```
    /// # use tickwire::{Config, Delivery, Host, PeerId};
    /// # let mut host = Host::bind("127.0.0.1:0".parse().unwrap(), Config::plain(7))?;
    /// let team: Vec<PeerId> = host.peers().filter(|peer| peer.index() % 2 == 0).collect();
    /// let outcome = host.broadcast_to(team, Delivery::Reliable, b"the flag is gone")?;
    /// for (peer, error) in outcome.skipped {
    ///     println!("{peer}: {error}");
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Same as `broadcast`.
    pub fn broadcast_to(
        &mut self,
        peers: impl IntoIterator<Item = PeerId>,
        delivery: Delivery,
        message: &[u8],
    ) -> Result<Broadcast, SendError> {
        self.state.broadcast_to(peers, delivery, message, self.now)
    }

    /// Sends everything that is due, as far as the operating system accepts it. Call it at the end
    /// of a tick that began with [`receive`](Self::receive) or a turn. Never sleeps.
    ///
    /// # Errors
    ///
    /// The interest in writability cannot be registered with an external poll. Errors of single
    /// datagrams are only counted.
    pub fn flush(&mut self) -> io::Result<()> {
        self.transmit()
    }

    /// Ends the connection to a peer now and drops its queued messages. `reason` is a number or a
    /// [`CloseReason`] with a text. See [`HostState::disconnect`].
    pub fn disconnect(&mut self, peer: PeerId, reason: impl Into<CloseReason>) {
        let now = self.read_clock();
        self.state.disconnect(peer, reason, now);
    }

    /// Ends the connection to a peer once its queued messages are sent and the reliable ones
    /// acknowledged, at the latest after [`idle_timeout`](Config::idle_timeout): see
    /// [`HostState::disconnect_after_flush`].
    ///
    /// ```
    /// # use tickwire::{CloseReason, Config, Delivery, Host, PeerId};
    /// # fn kick(host: &mut Host, peer: PeerId) -> Result<(), tickwire::SendError> {
    /// host.send(peer, Delivery::Reliable, b"your final score")?;
    /// host.disconnect_after_flush(peer, CloseReason::new(3, "the match is over"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn disconnect_after_flush(&mut self, peer: PeerId, reason: impl Into<CloseReason>) {
        let now = self.read_clock();
        self.state.disconnect_after_flush(peer, reason, now);
    }

    /// Disconnects every peer and denies new connections. Run turns until
    /// [`is_shut_down`](Self::is_shut_down); [`close`](Self::close) does both.
    ///
    /// ```
    /// # use tickwire::{Config, Host};
    /// # let mut host = Host::bind("127.0.0.1:0".parse().unwrap(), Config::plain(7))?;
    /// host.shutdown(0);
    /// while !host.is_shut_down() {
    ///     host.wait(None)?;
    ///     while host.next_event().is_some() {}
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn shutdown(&mut self, reason: impl Into<CloseReason>) {
        let now = self.read_clock();
        self.state.shutdown(reason, now);
    }

    /// Whether [`shutdown`](Self::shutdown) was called and every disconnect was acknowledged or
    /// sent for the last time: after one round trip, or 250 ms if peers do not reply.
    #[must_use]
    pub fn is_shut_down(&self) -> bool {
        self.state.is_shut_down()
    }

    /// Closes the host: [`shutdown`](Self::shutdown), then turns until
    /// [`is_shut_down`](Self::is_shut_down). Sleeps for one round trip, at most 250 ms, and drops
    /// pending events.
    ///
    /// # Errors
    ///
    /// Same as [`wait`](Self::wait). On error the host is dropped, which sends each peer one more
    /// disconnect.
    pub fn close(mut self, reason: impl Into<CloseReason>) -> io::Result<()> {
        self.shutdown(reason);
        while !self.is_shut_down() {
            while self.next_event().is_some() {}
            self.wait(None)?;
        }
        Ok(())
    }

    /// The connected peers, without those of
    /// [`disconnect_after_flush`](Self::disconnect_after_flush).
    pub fn peers(&self) -> impl Iterator<Item = PeerId> + '_ {
        self.state.peers()
    }

    /// Whether a peer is connected and [`disconnect_after_flush`](Self::disconnect_after_flush) was
    /// not called.
    #[must_use]
    pub fn is_connected(&self, peer: PeerId) -> bool {
        self.state.is_connected(peer)
    }

    /// The public half of this host's key pair: see [`HostState::public_key`].
    #[cfg(feature = "noise")]
    #[must_use]
    pub fn public_key(&self) -> Option<crate::PublicKey> {
        self.state.public_key()
    }

    /// The validated address of a connected peer.
    pub fn peer_address(&self, peer: PeerId) -> Option<SocketAddr> {
        self.state.peer_address(peer)
    }

    /// Statistics of a connected peer as of the last turn.
    #[must_use]
    pub fn peer_stats(&self, peer: PeerId) -> Option<PeerStats> {
        let mut stats = self.state.peer_stats(peer, self.now)?;
        if self.transport.is_blocked() {
            stats.limited_by = SendLimitedBy::Socket;
        }
        Some(stats)
    }

    /// Counters of the host, and its number of peers.
    #[must_use]
    pub fn stats(&self) -> HostStats {
        self.state.stats()
    }

    /// Counters of the socket. A system call on Linux.
    #[must_use]
    pub fn socket_stats(&self) -> SocketStats {
        self.transport.stats()
    }

    /// Simulates a network between this host and its socket, in both directions, for trying out a
    /// game, not for benchmarks or releases. `None` removes it and delivers datagrams in flight at
    /// once. Requires the feature `sim`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tickwire::sim::{LinkConditions, Loss};
    /// use tickwire::{Config, Host};
    ///
    /// let mut host = Host::bind("127.0.0.1:0".parse().unwrap(), Config::plain(7))?;
    /// host.set_link_conditions(Some(LinkConditions {
    ///     latency: Duration::from_millis(40),
    ///     loss: Loss::Independent { probability: 0.05 },
    ///     ..LinkConditions::default()
    /// }))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A condition is out of its range. On error nothing is changed.
    #[cfg(feature = "sim")]
    pub fn set_link_conditions(
        &mut self,
        conditions: Option<LinkConditions>,
    ) -> Result<(), ConfigError> {
        if let Some(conditions) = conditions {
            return self.transport.set_link_conditions(&conditions);
        }
        let now = self.read_clock();
        let state = &mut self.state;
        self.transport
            .remove_links(|from, bytes| state.handle_datagram(from, bytes, now));
        Ok(())
    }

    /// A handle with which another thread ends this host's [`wait`](Self::wait).
    ///
    /// # Errors
    ///
    /// Same as [`Socket::waker`].
    pub fn waker(&mut self) -> io::Result<Waker> {
        self.transport.waker()
    }

    /// Whether a [`Waker`] was used since the last call, for loops without [`wait`](Self::wait). No
    /// system call.
    #[must_use]
    pub fn take_woken(&mut self) -> bool {
        self.transport.take_woken()
    }

    /// When the next turn is due if no datagram arrives earlier, for a loop with an external poll.
    /// `None` if no timer is set.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        // A blocked socket can leave a deadline in the past, which would prevent the loop from
        // sleeping.
        let earliest = self.now + TIMER_GRANULARITY;
        let own = self.state.poll_timeout().map(|at| at.max(earliest));
        [own, self.transport.next_deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    /// The socket, to inspect it or to set options. `None` for a host of a [`pair`](Self::pair).
    pub fn socket(&self) -> Option<&Socket> {
        self.transport.socket()
    }

    /// Whether datagrams may be pending without an event: see [`Socket::may_have_more`].
    /// [`wait`](Self::wait) checks it; a loop with an external poll must.
    #[must_use]
    pub fn may_have_more(&self) -> bool {
        self.transport.may_have_more()
    }

    fn sleep_for(&self, timeout: Option<Duration>) -> Option<Duration> {
        if self.state.has_events() {
            return Some(Duration::ZERO);
        }
        let Some(deadline) = self.next_deadline() else {
            return timeout;
        };
        let until = deadline.saturating_duration_since(clock::now());
        Some(timeout.map_or(until, |timeout| timeout.min(until)))
    }

    /// Sets the time of all calls until the next reading.
    fn read_clock(&mut self) -> Instant {
        self.now = clock::now();
        self.now
    }

    /// First half of a turn: datagrams, then timers.
    fn take_in(&mut self) -> io::Result<Instant> {
        let now = self.read_clock();
        let state = &mut self.state;
        self.transport
            .drain(now, |from, bytes| state.handle_datagram(from, bytes, now))?;
        self.state.handle_timeout(now);
        Ok(now)
    }

    /// Second half of a turn: sends to peers, then replies to other addresses. Packets are written
    /// only while the send queue has space.
    fn transmit(&mut self) -> io::Result<()> {
        if self.state.may_transmit() {
            let now = self.read_clock();
            let state = &mut self.state;
            while self
                .transport
                .send_with(now, |slot| parts(state.poll_transmit_to_peers(slot, now)))
            {}
            self.send_replies(now);
        }
        self.transport.transmit()
    }

    /// Replies are limited to a share of the send queue, so they cannot fill it when the socket
    /// blocks.
    fn send_replies(&mut self, now: Instant) {
        let state = &mut self.state;
        while self.transport.queued() < REPLIES_PER_TURN_MAX
            && self
                .transport
                .send_with(now, |slot| parts(state.poll_transmit_replies(slot, now)))
        {}
    }
}

/// Prints counts, so its length does not depend on the number of peers.
impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host")
            .field("local_addr", &self.local_addr())
            .field("queued", &self.transport.queued())
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

fn parts(transmit: Option<Transmit>) -> Option<(SocketAddr, usize)> {
    transmit.map(|transmit| (transmit.to, transmit.len))
}

/// Sends each peer one disconnect.
impl Drop for Host {
    fn drop(&mut self) {
        self.shutdown(0);
        // `drop` cannot report an error.
        let _ = self.transmit();
        #[cfg(feature = "sim")]
        {
            self.transport.remove_links(|_, _| {});
            let _ = self.transport.transmit();
        }
    }
}

/// `Unreachable` becomes `AddrNotAvailable`, `AlreadyConnected` becomes `AlreadyExists`, errors of
/// the options become `InvalidInput`, and all others become `Other`. [`io::Error::downcast`]
/// returns the `ConnectError`.
impl From<ConnectError> for io::Error {
    fn from(error: ConnectError) -> Self {
        use io::ErrorKind as Kind;
        let kind = match error {
            ConnectError::AlreadyConnected { .. } => Kind::AlreadyExists,
            ConnectError::PayloadTooLong { .. } => Kind::InvalidInput,
            #[cfg(feature = "noise")]
            ConnectError::PayloadNeedsServerKey | ConnectError::ServerKeyUnderPlain => {
                Kind::InvalidInput
            }
            ConnectError::Unreachable { .. } => Kind::AddrNotAvailable,
            ConnectError::HostFull { .. } | ConnectError::ShuttingDown => Kind::Other,
        };
        Self::new(kind, error)
    }
}

/// Registers the host with an external poll. Call [`poll`](Host::poll) when its token is ready,
/// when [`next_deadline`](Host::next_deadline) has passed, and while
/// [`may_have_more`](Host::may_have_more) is true. Otherwise like a
/// [`Socket`](crate::Socket#impl-Source-for-Socket).
impl mio::event::Source for Host {
    fn register(
        &mut self,
        registry: &Registry,
        token: Token,
        interests: Interest,
    ) -> io::Result<()> {
        self.transport.register(registry, token, interests)
    }

    fn reregister(
        &mut self,
        registry: &Registry,
        token: Token,
        interests: Interest,
    ) -> io::Result<()> {
        self.transport.reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.transport.deregister(registry)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use nix::errno::Errno;

    use super::*;
    use crate::proto::Delivery::Unreliable;
    use crate::socket::script::ScriptedSend::Fails;

    fn host() -> Host {
        Host::bind("127.0.0.1:0".parse().unwrap(), Config::plain(7)).unwrap()
    }

    #[test]
    fn reports_a_blocked_socket_as_the_limit_of_every_peer() {
        let (mut server, mut client) = (host(), host());
        let options = ConnectOptions::default();
        let peer = client.connect(server.local_addr(), &options).unwrap();
        while client.stats().connecting > 0 {
            client.poll().unwrap();
            server.poll().unwrap();
        }
        let limit = |client: &Host| client.peer_stats(peer).unwrap().limited_by;
        assert_eq!(limit(&client), SendLimitedBy::Application);
        let script = &client.transport.socket().unwrap().script();
        script.send_answers(&[Fails(Errno::EAGAIN as i32)]);
        client.send(peer, Unreliable, b"it waits").unwrap();
        client.flush().unwrap();
        assert_eq!(limit(&client), SendLimitedBy::Socket);
        client.flush().unwrap();
        assert_eq!(limit(&client), SendLimitedBy::Application);
    }
}
