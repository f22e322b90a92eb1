//! The host: a socket that drives the protocol, in the order of a turn.

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

/// How long the handshake of a [`Host::pair`] sleeps at most before both hosts have another turn.
const PAIR_WAIT: Duration = Duration::from_millis(1);

/// Connections to peers over one UDP socket, driven by the caller's loop.
///
/// A game calls it once per tick and a server sleeps in it, with the same few lines: a turn ([`wait`](Self::wait),
/// [`poll`](Self::poll), or [`receive`](Self::receive) in a game that flushes), then [`next_event`](Self::next_event)
/// until `None`, then [`send`](Self::send), then [`flush`](Self::flush).
///
/// # A server
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
///             Event::Message { peer, delivery, bytes, .. } => host.send(peer, delivery, &bytes)?,
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
/// What a turn does, and in which order: [the contract of a turn](crate#the-contract-of-a-turn).
///
/// Errors of the operating system about single datagrams end no turn. They are counted in
/// [`socket_stats`](Self::socket_stats).
///
/// A dropped host sends each peer one disconnect; [`shutdown`](Self::shutdown) repeats it until it is acknowledged.
pub struct Host {
    transport: Transport,
    state: HostState,
    /// Clock reading of the last turn: the time of all calls until the next turn.
    now: Instant,
}

impl Host {
    /// Binds a socket to `addr` with the default [`SocketConfig`](crate::SocketConfig), for a host without peers. With
    /// port 0 the system chooses one.
    ///
    /// # Errors
    ///
    /// See [`BindError`].
    pub fn bind(addr: SocketAddr, config: Config) -> Result<Self, BindError> {
        config.validate()?;
        Self::with_socket(Socket::bind(addr)?, config)
    }

    /// As [`bind`](Self::bind), with a socket that was created with a config.
    ///
    /// # Errors
    ///
    /// [`BindError::Config`] or [`BindError::Entropy`].
    pub fn with_socket(socket: Socket, config: Config) -> Result<Self, BindError> {
        Self::with_carrier(Carrier::Socket(socket), config)
    }

    /// Two hosts in this process that are connected to each other, without a socket: a client and its server. For
    /// single-player games, which then run the same code as networked ones, and for tests.
    ///
    /// Each may stay on this thread or move to another; [`wait`](Self::wait) of one returns when the other sends.
    /// Both have a [`Connected`](Event::Connected) event to take. The client has pinned the server's key. Dropping
    /// one disconnects the other, unless its queue is full: then it times out.
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
    /// Limits: at most 1,024 datagrams wait for each host. Later ones are lost, as in the receive buffer of a
    /// socket, and counted in the receiver's [`dropped_by_kernel`](SocketStats::dropped_by_kernel). Neither host
    /// reaches any other address, [`socket`](Self::socket) is `None`, and registering one with a `mio::Poll` is
    /// `Unsupported`.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a field of a config that is out of its range, and if the two configs cannot connect to each
    /// other: different protocol ids, encryption on one side only, or a server that does not accept connections. The
    /// system has no entropy.
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
            // An event of a connected client is the caller's to take.
            let event = (!client.is_connected(peer)).then(|| client.next_event());
            if let Some(Event::Disconnected { reason, .. }) = event.flatten() {
                break reason;
            }
            // Only a handshake rate of the config, or a retry, makes it wait.
            server.wait(Some(PAIR_WAIT))?;
        };
        let text = format!("the two configs of a pair do not connect: {reason}");
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

    /// A host on an existing socket, for example one that a service manager or another process has bound. Uses the
    /// default [`SocketConfig`](crate::SocketConfig); for another one see [`Socket::from_std`] and
    /// [`with_socket`](Self::with_socket).
    ///
    /// # Errors
    ///
    /// Those of [`Socket::from_std`] and [`with_socket`](Self::with_socket).
    pub fn from_std(socket: std::net::UdpSocket, config: Config) -> io::Result<Self> {
        config.validate()?;
        let socket = Socket::from_std(socket, &crate::SocketConfig::default())?;
        Ok(Self::with_socket(socket, config)?)
    }

    /// The address that the socket is bound to, with the actual port.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.transport.local_addr()
    }

    /// Starts a connection attempt; the first packet is sent in the next turn. The outcome is an event:
    /// [`Connected`](Event::Connected), or [`Disconnected`](Event::Disconnected) with a reason.
    ///
    /// # Errors
    ///
    /// See [`ConnectError`]. On error no attempt was started.
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

    /// Lets the application decide which clients may connect: see [`HostState::set_admission`].
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

    /// Runs a turn without sleeping: receives, runs the timers, and sends everything that is due.
    ///
    /// A game that ends each tick with [`flush`](Self::flush) calls [`receive`](Self::receive) instead.
    ///
    /// # Errors
    ///
    /// The system fails to receive with an unexpected error (see
    /// [`Socket`](crate::Socket#what-the-operating-system-may-answer)). The timers did not run then, so no peer times
    /// out because its packets could not be received.
    pub fn poll(&mut self) -> io::Result<()> {
        self.transmit()?;
        self.take_in()?;
        self.transmit()
    }

    /// Runs the first half of a turn, without sleeping and without sending to peers: receives, runs the timers, and
    /// replies to addresses that are not peers yet. The second half is [`flush`](Self::flush), at the end of the tick:
    /// until then no acknowledgement and no message is sent.
    ///
    /// The messages of this tick are then sent ahead of queued bulk data instead of behind a tick's worth of it, and
    /// each peer is processed once per tick.
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
    /// Those of [`poll`](Self::poll).
    pub fn receive(&mut self) -> io::Result<()> {
        let now = self.take_in()?;
        self.send_replies(now);
        self.transport.transmit()
    }

    /// Runs a turn that sleeps until a datagram arrives, a timer is due, a [`Waker`] is used, or `timeout` has passed
    /// (`None`: no limit). Does not sleep while there are events to take, and may return early for no visible reason.
    ///
    /// # Errors
    ///
    /// Those of [`poll`](Self::poll) and of [`Socket::wait`].
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.transmit()?;
        let timeout = self.sleep_for(timeout);
        self.transport.wait(timeout)?;
        self.take_in()?;
        self.transmit()
    }

    /// As [`wait`](Self::wait), until an instant, for example the deadline of a tick.
    ///
    /// # Errors
    ///
    /// As `wait`.
    pub fn wait_until(&mut self, deadline: Instant) -> io::Result<()> {
        self.wait(Some(deadline.saturating_duration_since(clock::now())))
    }

    /// Takes the next event. `None`: there are no more for now.
    #[must_use]
    pub fn next_event(&mut self) -> Option<Event> {
        self.state.poll_event()
    }

    /// Queues a message for a peer. It is sent by [`flush`](Self::flush) or the next turn, in the same packet as other
    /// messages to that peer where they fit.
    ///
    /// # Errors
    ///
    /// [`TooLong`](SendError::TooLong), [`QueueFull`](SendError::QueueFull), [`UnknownPeer`](SendError::UnknownPeer) or
    /// [`NotConnected`](SendError::NotConnected): see [`HostState::send`]. On error nothing was queued.
    pub fn send(
        &mut self,
        peer: PeerId,
        delivery: Delivery,
        message: &[u8],
    ) -> Result<(), SendError> {
        self.state.send(peer, delivery, message, self.now)
    }

    /// As [`send`](Self::send), for a tracked message. An event reports its outcome: [`Acked`](Event::Acked) when it
    /// is in the event queue of the other side, or [`Lost`](Event::Lost).
    ///
    /// # Errors
    ///
    /// Those of [`HostState::send_tracked`].
    pub fn send_tracked(
        &mut self,
        peer: PeerId,
        delivery: Delivery,
        message: &[u8],
    ) -> Result<Receipt, SendError> {
        self.state.send_tracked(peer, delivery, message, self.now)
    }

    /// Maximum length in bytes of a message of this delivery that the peer accepts. `None` if the peer is not
    /// connected.
    #[must_use]
    pub fn message_max(&self, peer: PeerId, delivery: Delivery) -> Option<usize> {
        self.state.message_max(peer, delivery)
    }

    /// Queues a message for every connected peer. Peers that cannot take it are skipped and returned.
    ///
    /// # Errors
    ///
    /// [`TooLong`](SendError::TooLong) above the maximum of any configuration (15,360 bytes unreliable, 16 MiB reliable);
    /// it was queued for no peer.
    pub fn broadcast(
        &mut self,
        delivery: Delivery,
        message: &[u8],
    ) -> Result<Broadcast, SendError> {
        self.state.broadcast(delivery, message, self.now)
    }

    /// As [`broadcast`](Self::broadcast), without one peer: for relaying a message to all but its sender.
    ///
    /// # Errors
    ///
    /// Those of `broadcast`.
    pub fn broadcast_except(
        &mut self,
        except: PeerId,
        delivery: Delivery,
        message: &[u8],
    ) -> Result<Broadcast, SendError> {
        self.state
            .broadcast_except(except, delivery, message, self.now)
    }

    /// As [`broadcast`](Self::broadcast), to the given peers: a team, or all players in range. Peers that are not
    /// connected are skipped as well.
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
    /// Those of `broadcast`.
    pub fn broadcast_to(
        &mut self,
        peers: impl IntoIterator<Item = PeerId>,
        delivery: Delivery,
        message: &[u8],
    ) -> Result<Broadcast, SendError> {
        self.state.broadcast_to(peers, delivery, message, self.now)
    }

    /// Sends what is queued, as far as the operating system accepts it: the end of a tick that began with
    /// [`receive`](Self::receive) or [`poll`](Self::poll). Never sleeps.
    ///
    /// # Errors
    ///
    /// The operating system cannot watch the socket. Errors about single datagrams are counted and not returned.
    pub fn flush(&mut self) -> io::Result<()> {
        self.transmit()
    }

    /// Ends the connection to a peer now; queued messages are dropped. `reason` is a number, or a [`CloseReason`] with
    /// a text: see [`HostState::disconnect`].
    pub fn disconnect(&mut self, peer: PeerId, reason: impl Into<CloseReason>) {
        let now = self.read_clock();
        self.state.disconnect(peer, reason, now);
    }

    /// Ends the connection to a peer once every queued message was sent, and acknowledged if it is reliable, but after
    /// [`idle_timeout`](Config::idle_timeout) at the latest: see [`HostState::disconnect_after_flush`].
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

    /// Disconnects every peer and denies new connections. Keep running turns until
    /// [`is_shut_down`](Self::is_shut_down):
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

    /// Whether [`shutdown`](Self::shutdown) was called and every disconnect was acknowledged or sent for the last time:
    /// after about one round trip, or 250 ms if peers do not reply.
    #[must_use]
    pub fn is_shut_down(&self) -> bool {
        self.state.is_shut_down()
    }

    /// Closes the host at the end of a program: [`shutdown`](Self::shutdown), then turns until
    /// [`is_shut_down`](Self::is_shut_down). Sleeps, at most 250 ms if peers do not reply. Pending events are dropped.
    ///
    /// # Errors
    ///
    /// Those of [`wait`](Self::wait). The host is dropped then, which sends each peer one more disconnect.
    pub fn close(mut self, reason: impl Into<CloseReason>) -> io::Result<()> {
        self.shutdown(reason);
        while !self.is_shut_down() {
            while self.next_event().is_some() {}
            self.wait(None)?;
        }
        Ok(())
    }

    /// All connected peers, without those that [`disconnect_after_flush`](Self::disconnect_after_flush) was called for.
    pub fn peers(&self) -> impl Iterator<Item = PeerId> + '_ {
        self.state.peers()
    }

    /// Whether messages can be sent to a peer: it is connected, and
    /// [`disconnect_after_flush`](Self::disconnect_after_flush) was not called.
    #[must_use]
    pub fn is_connected(&self, peer: PeerId) -> bool {
        self.state.is_connected(peer)
    }

    /// The public half of this host's key pair: see [`public_key`](HostState::public_key).
    #[cfg(feature = "noise")]
    #[must_use]
    pub fn public_key(&self) -> Option<crate::PublicKey> {
        self.state.public_key()
    }

    /// The validated address of a peer, while it is connected.
    pub fn peer_address(&self, peer: PeerId) -> Option<SocketAddr> {
        self.state.peer_address(peer)
    }

    /// Statistics of a connected peer, as of the last turn.
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

    /// Counters of the socket. On Linux this is a system call.
    #[must_use]
    pub fn socket_stats(&self) -> SocketStats {
        self.transport.stats()
    }

    /// Simulates a bad network between this host and its socket, in both directions. `None` removes it; datagrams in
    /// flight then arrive in the next turn. For trying a game out, not for benchmarks and releases. Requires the
    /// feature `sim`.
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
    /// A condition is out of its range; nothing was changed.
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

    /// A handle that wakes this host from [`wait`](Self::wait) in another thread.
    ///
    /// # Errors
    ///
    /// Those of [`Socket::waker`].
    pub fn waker(&mut self) -> io::Result<Waker> {
        self.transport.waker()
    }

    /// Whether a [`Waker`] was used since the last call, also for a loop that never calls [`wait`](Self::wait). Costs
    /// no system call.
    #[must_use]
    pub fn take_woken(&mut self) -> bool {
        self.transport.take_woken()
    }

    /// When the next turn is due if no datagram arrives before, for a loop with an external poll. `None`: no timer is
    /// set.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        // A blocked socket can leave a deadline in the past, which must not keep a loop from sleeping.
        let earliest = self.now + TIMER_GRANULARITY;
        let own = self.state.poll_timeout().map(|at| at.max(earliest));
        [own, self.transport.next_deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    /// The socket, for inspection or to set options. `None` for a host of a [`pair`](Self::pair).
    pub fn socket(&self) -> Option<&Socket> {
        self.transport.socket()
    }

    /// Whether datagrams may be pending without an event: see [`Socket::may_have_more`]. [`wait`](Self::wait) checks
    /// this itself; a loop with an external poll must check it.
    #[must_use]
    pub fn may_have_more(&self) -> bool {
        self.transport.may_have_more()
    }

    /// Maximum duration of the next sleep.
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

    /// The time now, and of everything that the application does until the clock is read again.
    fn read_clock(&mut self) -> Instant {
        self.now = clock::now();
        self.now
    }

    /// The receiving half of a turn: datagrams, then timers. Returns the time of the turn.
    fn take_in(&mut self) -> io::Result<Instant> {
        let now = self.read_clock();
        let state = &mut self.state;
        self.transport
            .drain(now, |from, bytes| state.handle_datagram(from, bytes, now))?;
        self.state.handle_timeout(now);
        Ok(now)
    }

    /// The sending half of a turn: to peers first, then replies to other addresses. If the send queue is full, the rest
    /// stays with the protocol, which writes a packet only when it can be sent.
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

    /// Replies have a share of the send queue, so that they cannot fill it when the socket blocks.
    fn send_replies(&mut self, now: Instant) {
        let state = &mut self.state;
        while self.transport.queued() < REPLIES_PER_TURN_MAX
            && self
                .transport
                .send_with(now, |slot| parts(state.poll_transmit_replies(slot, now)))
        {}
    }
}

/// Prints the address and counts, so the length does not depend on the number of peers.
impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host")
            .field("local_addr", &self.local_addr())
            .field("queued", &self.transport.queued())
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// Destination and length.
fn parts(transmit: Option<Transmit>) -> Option<(SocketAddr, usize)> {
    transmit.map(|transmit| (transmit.to, transmit.len))
}

/// Sends each peer one disconnect if [`shutdown`](Host::shutdown) was not called.
impl Drop for Host {
    fn drop(&mut self) {
        self.shutdown(0);
        // An error cannot be reported from here.
        let _ = self.transmit();
        #[cfg(feature = "sim")]
        {
            self.transport.remove_links(|_, _| {});
            let _ = self.transport.transmit();
        }
    }
}

/// `Unreachable` becomes `AddrNotAvailable`, `AlreadyConnected` becomes `AlreadyExists`, a payload that is too long or
/// a server key that is missing or out of place becomes `InvalidInput`, and all others become `Other`.
/// [`io::Error::downcast`] returns the `ConnectError`.
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
            ConnectError::HostFull | ConnectError::ShuttingDown => Kind::Other,
        };
        Self::new(kind, error)
    }
}

/// Registers the host with an external poll. Call [`poll`](Host::poll) when its token is ready, when
/// [`next_deadline`](Host::next_deadline) has passed, and while [`may_have_more`](Host::may_have_more) is true.
/// Otherwise as for a [`Socket`](crate::Socket#impl-Source-for-Socket).
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
    fn a_socket_that_takes_no_more_is_told_of_every_peer() {
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
