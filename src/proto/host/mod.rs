//! All peers of one host. The methods of [`HostState`] by file: `recv` handles packets of
//! connections, `accept` and `connect` the two sides of handshakes (`handshake_crypto` their Noise
//! part), `lifecycle` transitions of peers, `broadcast` messages to several peers, `poll` timers
//! and transmission. `scheduler` decides which peer is due.

mod accept;
mod admission;
mod broadcast;
mod client_handshake;
mod connect;
mod connect_options;
mod cookie;
#[cfg(feature = "noise")]
mod handshake_crypto;
mod lifecycle;
mod memory_budget;
mod poll;
mod recv;
mod scheduler;
mod slots;
mod stateless_replies;
mod timers;
#[cfg(feature = "noise")]
mod token_bucket;

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::{fmt, time};

use self::admission::AdmissionPolicy;
pub use self::admission::{Admission, Request};
pub use self::broadcast::Broadcast;
pub use self::connect_options::ConnectOptions;
use self::cookie::Cookies;
#[cfg(feature = "noise")]
use self::handshake_crypto::HandshakeCrypto;
use self::slots::{PeerSlots, PeerState};
use self::stateless_replies::StatelessReplies;
use crate::config::{Config, Security};
use crate::error::{ConfigError, SendError};
use crate::limits::{CONNECT_PAYLOAD_MAX, DATAGRAM_MAX, SLOTS_MAX};
use crate::proto::buffers::Buffers;
use crate::proto::close_reason::CloseReason;
use crate::proto::connection::Connection;
use crate::proto::delivery::{Delivery, Receipt};
use crate::proto::event::{ConnectError, Event};
use crate::proto::peer_id::PeerId;
use crate::proto::pool::Pool;
use crate::proto::rng::{HashKeys, SeededRng};
use crate::proto::slot_index::SlotIndex;
use crate::proto::stats::{HostStats, PeerStats};
use crate::proto::time::Clock;
use crate::proto::wire::handshake::{ConnectFingerprint, SecurityMode, Settings};

/// All peers of one host: the protocol, without a socket and without a clock.
///
/// A [`Host`](crate::Host) is a `HostState` on a [`Socket`](crate::Socket). Use it directly on
/// other sockets, or in `sim::Network` to test on virtual time. `now` is an argument and must not
/// decrease. The same seed and the same calls give the same packets.
///
/// - input: [`handle_datagram`](Self::handle_datagram), [`handle_timeout`](Self::handle_timeout)
/// - output: [`poll_event`](Self::poll_event), [`poll_transmit`](Self::poll_transmit),
///   [`poll_timeout`](Self::poll_timeout)
/// - the application: [`connect`](Self::connect), [`send`](Self::send),
///   [`broadcast`](Self::broadcast), [`disconnect`](Self::disconnect), and their variants
///
/// # A turn
///
/// The steps of [the run-loop contract](crate#the-run-loop-contract). Read `now` once, then
///
/// 1. [`handle_datagram`](Self::handle_datagram) for every datagram that has arrived,
/// 2. [`handle_timeout`](Self::handle_timeout), in every turn,
/// 3. [`poll_event`](Self::poll_event) until `None`; act, [`send`](Self::send),
/// 4. [`poll_transmit`](Self::poll_transmit) until `None`,
/// 5. sleep until a datagram arrives or [`poll_timeout`](Self::poll_timeout) is reached.
///
/// ```
/// use std::time::Instant;
/// use tickwire::proto::HostState;
/// use tickwire::{Config, ConnectOptions, Delivery, Event};
///
/// let now = Instant::now();
/// let (here, there) = ("127.0.0.1:1".parse().unwrap(), "127.0.0.1:2".parse().unwrap());
/// # #[cfg(feature = "noise")]
/// let config = Config::noise(7);
/// # #[cfg(not(feature = "noise"))]
/// # let config = Config::plain(7);
/// let mut client = HostState::new(config.clone(), [1; 32], now)?;
/// let mut server = HostState::new(config, [2; 32], now)?;
/// let peer = client.connect(there, &ConnectOptions::default(), now)?;
///
/// // A network without loss and delay.
/// let mut buffer = [0; 1024];
/// for _ in 0..4 {
///     while let Some(datagram) = client.poll_transmit(&mut buffer, now) {
///         server.handle_datagram(here, &buffer[..datagram.len], now);
///     }
///     while let Some(datagram) = server.poll_transmit(&mut buffer, now) {
///         client.handle_datagram(there, &buffer[..datagram.len], now);
///     }
/// }
/// assert!(matches!(client.poll_event(), Some(Event::Connected { peer: p, .. }) if p == peer));
/// client.send(peer, Delivery::Unreliable, b"hello", now)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct HostState {
    config: Config,
    clock: Clock,
    random: SeededRng,
    cookies: Cookies,
    admission: AdmissionPolicy,
    #[cfg(feature = "noise")]
    crypto: Option<HandshakeCrypto>,

    slots: PeerSlots,
    by_address: HashMap<SocketAddr, SlotIndex, HashKeys>,
    /// Connections by the fingerprint of their connect, to detect retransmitted connects.
    by_connect: HashMap<(SocketAddr, ConnectFingerprint), SlotIndex, HashKeys>,
    replies: StatelessReplies,
    connects_in_turn: usize,
    /// Number of connections accepted so far, in either role.
    accepted: u64,

    scratch: Vec<u8>,
    events: VecDeque<Event>,
    pool: Pool,
    buffers: Buffers,
    is_shutting_down: bool,
    stats: HostStats,
    counts: PeerCounts,
}

#[derive(Debug, Clone, Copy, Default)]
struct PeerCounts {
    open: usize,
    pending: usize,
    /// Own connection attempts, including paused ones.
    connecting: usize,
    closing: usize,
    undelivered_disconnects: usize,
}

impl PeerCounts {
    /// Number of peers that count against `peers_max`.
    fn admitted(&self) -> usize {
        self.open + self.pending + self.connecting + self.undelivered_disconnects
    }
}

/// A datagram to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transmit {
    /// Destination.
    pub to: SocketAddr,
    /// Length in bytes from the start of the buffer.
    pub len: usize,
}

impl HostState {
    /// Creates a host without peers. Except in tests, `seed` must come from the operating system's
    /// entropy and be used only once.
    ///
    /// # Errors
    ///
    /// A field of the config is out of its range.
    pub fn new(config: Config, seed: [u8; 32], now: time::Instant) -> Result<Self, ConfigError> {
        config.validate()?;
        let mut clock = Clock::new(now);
        let now = clock.at(now);
        let mut random = SeededRng::from_seed(seed);
        let cookies = Cookies::new(&mut random, now);
        #[cfg(feature = "noise")]
        let crypto = HandshakeCrypto::new(&config.security, &mut random, now);
        let by_address = HashMap::with_hasher(random.hash_keys());
        let by_connect = HashMap::with_hasher(random.hash_keys());
        Ok(Self {
            config,
            clock,
            random,
            cookies,
            admission: AdmissionPolicy::default(),
            #[cfg(feature = "noise")]
            crypto,
            slots: PeerSlots::default(),
            by_address,
            by_connect,
            replies: StatelessReplies::default(),
            connects_in_turn: 0,
            accepted: 0,
            scratch: Vec::with_capacity(DATAGRAM_MAX + 1),
            events: VecDeque::new(),
            pool: Pool::default(),
            buffers: Buffers::default(),
            is_shutting_down: false,
            stats: HostStats::default(),
            counts: PeerCounts::default(),
        })
    }

    /// The config of this host.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Sets the callback that decides which clients may connect. Default: every client, up to
    /// [`peers_max`](Config::peers_max).
    ///
    /// `decide` runs within a turn, so it must be fast: look up a ticket, do not query a database.
    /// It is called once per accepted connect, and for every copy of a denied one. A connect
    /// replayed by an attacker after its connection has ended, while the cookie is valid (10 to 20
    /// s), also calls it and has no other effect. So redeem a single-use ticket at
    /// [`Connected`](Event::Connected), not here.
    pub fn set_admission(
        &mut self,
        decide: impl FnMut(&Request<'_>) -> Admission + Send + 'static,
    ) {
        self.admission.set(Box::new(decide));
    }

    /// Like [`Host::connect`](crate::Host::connect).
    ///
    /// # Errors
    ///
    /// See [`ConnectError`]. On error no attempt is started.
    pub fn connect(
        &mut self,
        to: SocketAddr,
        options: &ConnectOptions,
        now: time::Instant,
    ) -> Result<PeerId, ConnectError> {
        if self.is_shutting_down {
            return Err(ConnectError::ShuttingDown);
        }
        if !is_one_destination(to) {
            return Err(ConnectError::Unreachable { to });
        }
        let len = options.payload.len();
        if len > CONNECT_PAYLOAD_MAX {
            return Err(ConnectError::PayloadTooLong { len });
        }
        if let Some(slot) = self.by_address.get(&to) {
            let peer = self.slots.peer_id(*slot);
            return Err(ConnectError::AlreadyConnected { peer });
        }
        if self.is_full() {
            return Err(self.host_full());
        }
        #[cfg(feature = "noise")]
        self.check_key(options)?;
        let now = self.clock.at(now);
        self.begin_attempt(to, options, now)
            .ok_or_else(|| self.host_full())
    }

    /// Queues a copy of a message for a peer. It is sent by the next
    /// [`poll_transmit`](Self::poll_transmit) that pacing, congestion control and flow control
    /// allow, together with other messages that fit into the packet.
    ///
    /// # Errors
    ///
    /// - [`TooLong`](SendError::TooLong): the message is longer than
    ///   [`message_max`](Self::message_max): [`UNRELIABLE_MAX`](crate::limits::UNRELIABLE_MAX)
    ///   bytes for unreliable and sequenced messages, and the peer's configured maximum for
    ///   reliable and ordered ones.
    /// - [`QueueFull`](SendError::QueueFull): the send queue of this peer is full. It holds
    ///   [`QUEUED_MESSAGES_MAX`](crate::limits::QUEUED_MESSAGES_MAX) messages and
    ///   [`QUEUED_BYTES_MAX`](crate::limits::QUEUED_BYTES_MAX) bytes (or two messages of maximum
    ///   length), separately for reliable and unreliable messages. A reliable message counts until
    ///   it is acknowledged.
    /// - [`UnknownPeer`](SendError::UnknownPeer): the peer has disconnected.
    /// - [`NotConnected`](SendError::NotConnected): the handshake is not complete, or
    ///   [`disconnect_after_flush`](Self::disconnect_after_flush) was called.
    ///
    /// On error nothing is queued.
    pub fn send(
        &mut self,
        peer: PeerId,
        delivery: Delivery,
        message: &[u8],
        now: time::Instant,
    ) -> Result<(), SendError> {
        self.queue(peer, delivery, message, false, now).map(|_| ())
    }

    /// Like [`send`](Self::send), but also reports the outcome: [`Acked`](Event::Acked) when the
    /// message is in the event queue of the other side, or [`Lost`](Event::Lost).
    ///
    /// # Errors
    ///
    /// Same as `send`. Also [`QueueFull`](SendError::QueueFull) at
    /// [`RECEIPTS_MAX`](crate::limits::RECEIPTS_MAX) open receipts of this peer.
    pub fn send_tracked(
        &mut self,
        peer: PeerId,
        delivery: Delivery,
        message: &[u8],
        now: time::Instant,
    ) -> Result<Receipt, SendError> {
        let receipt = self.queue(peer, delivery, message, true, now)?;
        receipt.ok_or(SendError::QueueFull)
    }

    fn queue(
        &mut self,
        peer: PeerId,
        delivery: Delivery,
        message: &[u8],
        is_tracked: bool,
        now: time::Instant,
    ) -> Result<Option<Receipt>, SendError> {
        let now = self.clock.at(now);
        let slot = self.slots.find(peer).ok_or(SendError::UnknownPeer)?;
        let connection = match self.slots.change(slot) {
            PeerState::Open(connection) if !connection.is_lingering() => connection,
            _ => return Err(self.send_error(slot)),
        };
        let buffers = &mut self.buffers;
        let receipt = connection.send(delivery, message, is_tracked, buffers, now)?;
        self.slots.make_ready(slot);
        Ok(receipt)
    }

    #[cold]
    fn send_error(&self, slot: SlotIndex) -> SendError {
        match self.slots[slot].state() {
            PeerState::Connecting(_) | PeerState::Pending(_) | PeerState::Open(_) => {
                SendError::NotConnected
            }
            _ => SendError::UnknownPeer,
        }
    }

    /// Like [`Host::message_max`](crate::Host::message_max).
    #[must_use]
    pub fn message_max(&self, peer: PeerId, delivery: Delivery) -> Option<usize> {
        let connection = self.slots.open(peer)?;
        Some(connection.max_of(delivery))
    }

    /// Ends the connection to a peer and drops its queued messages. The application of the other
    /// side receives `reason`: a number, or a [`CloseReason`] with a text. The disconnect packet is
    /// sent five times within 250 ms, or until it is acknowledged.
    ///
    /// The event [`Disconnected`](Event::Disconnected) with
    /// [`Local`](crate::DisconnectReason::Local) follows. A connection attempt is cancelled without
    /// a packet. No effect on a disconnected peer.
    pub fn disconnect(&mut self, peer: PeerId, reason: impl Into<CloseReason>, now: time::Instant) {
        let now = self.clock.at(now);
        if let Some(slot) = self.slots.find(peer) {
            self.disconnect_slot(slot, reason.into(), now);
        }
    }

    /// Like [`disconnect`](Self::disconnect), once all queued messages are sent and the reliable
    /// ones acknowledged, at the latest after [`idle_timeout`](Config::idle_timeout). Expired
    /// unreliable messages do not delay it. A peer that is not connected yet is disconnected at
    /// once.
    ///
    /// Until then messages from the peer arrive, [`send`](Self::send) returns
    /// [`NotConnected`](SendError::NotConnected), [`peers`](Self::peers) omits the peer, and it can
    /// still [time out](crate::DisconnectReason::TimedOut). The reason of the first call is sent,
    /// unless `disconnect` follows.
    pub fn disconnect_after_flush(
        &mut self,
        peer: PeerId,
        reason: impl Into<CloseReason>,
        now: time::Instant,
    ) {
        let now = self.clock.at(now);
        let Some(slot) = self.slots.find(peer) else {
            return;
        };
        match self.slots.change(slot) {
            PeerState::Open(connection) => {
                connection.disconnect_after_flush(reason.into(), now);
                self.finish_linger(slot, now);
                self.slots.make_ready(slot);
            }
            _ => self.disconnect_slot(slot, reason.into(), now),
        }
    }

    /// Disconnects every peer, like [`disconnect`](Self::disconnect), and denies new connections.
    /// Run turns until [`is_shut_down`](Self::is_shut_down). A peer of
    /// [`disconnect_after_flush`](Self::disconnect_after_flush) receives the reason of that call.
    pub fn shutdown(&mut self, reason: impl Into<CloseReason>, now: time::Instant) {
        let now = self.clock.at(now);
        let reason = reason.into();
        self.is_shutting_down = true;
        for slot in self.slots.indices() {
            let own = self.slots.change(slot).open_mut();
            let own = own.and_then(Connection::take_linger);
            self.disconnect_slot(slot, own.unwrap_or_else(|| reason.clone()), now);
        }
    }

    /// Whether [`shutdown`](Self::shutdown) was called and every disconnect was acknowledged or
    /// sent for the last time.
    #[must_use]
    pub fn is_shut_down(&self) -> bool {
        self.is_shutting_down && self.counts.closing == 0
    }

    /// Takes the next event.
    ///
    /// Messages that were not taken count against their peer: unreliable ones against its quota of
    /// the event queue ([`QUEUED_BYTES_MAX`](crate::limits::QUEUED_BYTES_MAX),
    /// [`QUEUED_MESSAGES_MAX`](crate::limits::QUEUED_MESSAGES_MAX)), and reliable ones against its
    /// receive window. A message over the limit is not acknowledged, and is counted in
    /// [`messages_refused`](PeerStats::messages_refused).
    #[must_use]
    pub fn poll_event(&mut self) -> Option<Event> {
        self.on_event_taken();
        self.events.pop_front()
    }

    pub(crate) fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// The connected peers by ascending [index](PeerId::index), without those of
    /// [`disconnect_after_flush`](Self::disconnect_after_flush).
    pub fn peers(&self) -> impl Iterator<Item = PeerId> + '_ {
        self.slots.peers()
    }

    /// Like [`Host::is_connected`](crate::Host::is_connected).
    #[must_use]
    pub fn is_connected(&self, peer: PeerId) -> bool {
        let slot = self.slots.find(peer);
        slot.is_some_and(|slot| self.slots.accepts_messages(slot))
    }

    /// The validated address of a connected peer.
    pub fn peer_address(&self, peer: PeerId) -> Option<SocketAddr> {
        let connection = self.slots.open(peer)?;
        Some(connection.address)
    }

    /// Statistics of a connected peer. [`silent_for`](PeerStats::silent_for) and
    /// [`limited_by`](PeerStats::limited_by) are as of `now`.
    #[must_use]
    pub fn peer_stats(&self, peer: PeerId, now: time::Instant) -> Option<PeerStats> {
        let connection = self.slots.open(peer)?;
        Some(connection.stats(self.clock.convert(now)))
    }

    /// Counters of the host, and its number of peers.
    #[must_use]
    pub fn stats(&self) -> HostStats {
        HostStats {
            peers: self.counts.open,
            pending: self.counts.pending,
            connecting: self.counts.connecting,
            ..self.stats
        }
    }

    fn is_full(&self) -> bool {
        self.counts.admitted() >= self.config.peers_max
    }

    /// More than `peers_max`: closing peers and peers with an undelivered disconnect occupy a slot
    /// for a while.
    fn slots_max(&self) -> usize {
        (4 * self.config.peers_max).min(SLOTS_MAX)
    }

    fn host_full(&self) -> ConnectError {
        let peers_max = self.config.peers_max;
        ConnectError::HostFull { peers_max }
    }

    fn protocol_id(&self) -> u64 {
        self.config.security.protocol_id()
    }

    fn protection(&self) -> SecurityMode {
        match self.config.security {
            #[cfg(feature = "noise")]
            Security::Noise(_) => SecurityMode::Noise,
            Security::Plain { .. } => SecurityMode::Plain,
        }
    }

    #[allow(
        clippy::cast_possible_truncation,
        reason = "an hour, 255 ms, 16 MiB and 64 MiB at most"
    )]
    fn settings(&self, incoming: bool) -> Settings {
        let config = &self.config;
        let (message_max, window) = if incoming {
            (config.message_max_from_clients, config.window_of_client())
        } else {
            (config.message_max_from_servers, config.window_of_server())
        };
        Settings {
            idle_timeout_ms: config.idle_timeout.as_millis() as u32,
            ack_delay_ms: config.ack_delay_max.as_millis() as u8,
            message_max: message_max as u32,
            window: window as u32,
        }
    }
}

/// Prints counts only.
impl fmt::Debug for HostState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostState")
            .field("security", &self.protection())
            .field("protocol_id", &self.protocol_id())
            .field("peers", &self.counts.open)
            .field("pending", &self.counts.pending)
            .field("connecting", &self.counts.connecting)
            .field("closing", &self.counts.closing)
            .field("peers_max", &self.config.peers_max)
            .field("events", &self.events.len())
            .field("admission", &self.admission)
            .field("is_shutting_down", &self.is_shutting_down)
            .finish_non_exhaustive()
    }
}

/// Whether the address is unicast (not unspecified, broadcast or multicast) and has a port.
fn is_one_destination(to: SocketAddr) -> bool {
    let ip = to.ip();
    let is_broadcast = matches!(ip, std::net::IpAddr::V4(v4) if v4.is_broadcast());
    to.port() != 0 && !ip.is_unspecified() && !ip.is_multicast() && !is_broadcast
}
