//! A virtual network: hosts, links between them, and a clock that jumps from event to event.
//!
//! Opens no socket, never sleeps, and reads the clock once, at the start.

mod hooks;
mod inbox;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use chacha20::ChaCha8Rng;
use chacha20::rand_core::Rng;

pub use self::hooks::{Hooks, WireDatagram};
use self::inbox::{BufferPool, Inbox};
use crate::clock;
use crate::config::Config;
use crate::error::{ConfigError, SendError};
use crate::limits::{DATAGRAM_MAX, TIMER_GRANULARITY};
use crate::proto::{ConnectError, ConnectOptions, Delivery, HostState, PeerId, PeerStats, Receipt};
use crate::sim::in_flight::LINK_DATAGRAMS_MAX;
use crate::sim::{Link, LinkConditions, LinkStats, rng};

/// Maximum number of datagrams that wait for a [stalled](Network::stall) host: as many small ones
/// as the default receive buffer of a socket holds. Later ones are dropped.
pub const STALLED_DATAGRAMS_MAX: usize = 256;

/// Maximum number of datagrams that wait for any other host: as many as a link can have in flight.
const INBOX_DATAGRAMS_MAX: usize = LINK_DATAGRAMS_MAX;

/// Maximum number of steps without time passing. Only an endless loop of turn requests exceeds it.
const STEPS_AT_ONCE_MAX: u32 = 10_000;

/// Address of the first host, in the range for benchmarks (RFC 2544); later hosts have the
/// following addresses.
const FIRST_ADDRESS: u32 = u32::from_be_bytes([198, 18, 0, 1]);
const PORT: u16 = 5000;

/// A host of a [`Network`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId(usize);

impl HostId {
    /// 0 for the first host added, then 1, 2, ...
    #[must_use]
    pub fn index(self) -> usize {
        self.0
    }
}

/// One direction between hosts of a [`Network`]: a [`Link`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(usize);

/// Source and destination.
type Path = (SocketAddr, SocketAddr);

/// Hosts that exchange datagrams on virtual time, for tests and simulations.
///
/// An hour of a match takes seconds. The same seed and the same calls give the same run on every
/// platform.
///
/// ```
/// use std::time::Duration;
/// use tickwire::sim::{LinkConditions, Loss, Network};
/// use tickwire::{Config, ConnectOptions, Delivery, Event};
///
/// let mut network = Network::new(1);
/// let server = network.add_host(Config::plain(7))?;
/// let client = network.add_host(Config::plain(7))?;
/// network.set_link_conditions(client, server, &LinkConditions {
///     latency: Duration::from_millis(40),
///     loss: Loss::Independent { probability: 0.05 },
///     ..LinkConditions::default()
/// })?;
///
/// let peer = network.connect(client, server, &ConnectOptions::default())?;
/// let is_connected = network.run_until(Duration::from_secs(10), |network| {
///     network.host(client).is_connected(peer)
/// });
/// assert!(is_connected, "after {:?} with seed {}", network.time(), network.seed());
///
/// network.send(client, peer, Delivery::Reliable, b"hello")?;
/// network.run_for(Duration::from_secs(2));
/// let mut messages = Vec::new();
/// while let Some(event) = network.host_mut(server).poll_event() {
///     if let Event::Message { bytes, .. } = event {
///         messages.push(bytes);
///     }
/// }
/// assert_eq!(messages, ["hello"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Turns
///
/// A host has a turn when a datagram arrives, when its [`poll_timeout`](HostState::poll_timeout) is
/// due, and at the start of every run, for calls made with [`host_mut`](Self::host_mut). In its
/// turn a host receives, runs its timers, calls [`Hooks::on_turn`] and transmits. With `H = ()`,
/// the default, there are no hooks: handle events between runs.
///
/// [`set_tick`](Self::set_tick) delays a host's turns to its next tick, and [`stall`](Self::stall)
/// suspends them. To schedule turns yourself, use [`advance_to`](Self::advance_to),
/// [`receive`](Self::receive) and [`transmit`](Self::transmit) instead of a run.
///
/// # Links
///
/// Each pair of hosts has a link in each direction, perfect by default: see
/// [`set_link_conditions`](Self::set_link_conditions). A link belongs to two hosts and not to two
/// addresses, so a host that [moves](Self::move_host) keeps it. Several pairs can share one link,
/// and with it one bottleneck: [`add_link`](Self::add_link) and [`set_route`](Self::set_route). A
/// datagram to an address without a host is lost.
///
/// # Panics
///
/// A turn panics if a host requests a turn in the past after a complete turn, and a run panics
/// after 10,000 steps without time passing: both are bugs of tickwire. Every method panics for a
/// [`HostId`] or [`LinkId`] of another network.
///
/// # Limits
///
/// At most [`STALLED_DATAGRAMS_MAX`] datagrams wait for a stalled host and 16,384 for any other;
/// later ones are [dropped](Self::dropped). Datagrams allocate only while a new peak is reached.
pub struct Network<H = ()> {
    seed: u64,
    start: Instant,
    now: Instant,
    random: ChaCha8Rng,
    nodes: Vec<Node>,
    receivers: BTreeMap<SocketAddr, HostId>,
    links: Vec<Link<Path>>,
    routes: BTreeMap<(HostId, HostId), LinkId>,
    buffers: BufferPool,
    steps_at_once: u32,
    hooks: H,
}

struct Node {
    state: HostState,
    address: SocketAddr,
    inbox: Inbox,
    tick: Option<Duration>,
    stalled_until: Option<Instant>,
    last_turn: Instant,
}

impl Network {
    /// A network without hosts and without hooks.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::with_hooks(seed, ())
    }
}

/// Setup.
impl<H> Network<H> {
    /// A network without hosts. `hooks` is called in every turn.
    pub fn with_hooks(seed: u64, hooks: H) -> Self {
        let now = clock::now();
        Self {
            seed,
            start: now,
            now,
            random: rng::generator(seed),
            nodes: Vec::new(),
            receivers: BTreeMap::new(),
            links: Vec::new(),
            routes: BTreeMap::new(),
            buffers: BufferPool::default(),
            steps_at_once: 0,
            hooks,
        }
    }

    /// Adds a host with an unused address.
    ///
    /// # Errors
    ///
    /// A field of the config is out of its range.
    pub fn add_host(&mut self, config: Config) -> Result<HostId, ConfigError> {
        let address = self.unused_address();
        let seed = self.host_seed();
        self.add_host_with(config, address, seed)
    }

    /// As [`add_host`](Self::add_host), with a given address and seed. Each host needs its own
    /// seed.
    ///
    /// # Errors
    ///
    /// A field of the config is out of its range.
    ///
    /// # Panics
    ///
    /// Another host has this address.
    pub fn add_host_with(
        &mut self,
        config: Config,
        address: SocketAddr,
        seed: [u8; 32],
    ) -> Result<HostId, ConfigError> {
        self.assert_unused(address);
        let state = HostState::new(config, seed, self.now)?;
        let host = HostId(self.nodes.len());
        self.nodes.push(Node {
            state,
            address,
            inbox: Inbox::default(),
            tick: None,
            stalled_until: None,
            last_turn: self.now,
        });
        self.receivers.insert(address, host);
        Ok(host)
    }

    /// Replaces a host by a new one with the same config and address, as after a crash. Its peers
    /// receive no disconnect, and datagrams waiting for it are lost.
    pub fn restart(&mut self, host: HostId) {
        let seed = self.host_seed();
        self.restart_with(host, seed);
    }

    /// As [`restart`](Self::restart), with a given seed.
    pub fn restart_with(&mut self, host: HostId, seed: [u8; 32]) {
        let node = &mut self.nodes[host.0];
        let config = node.state.config().clone();
        // The config was valid before.
        if let Ok(state) = HostState::new(config, seed, self.now) {
            node.state = state;
        }
        node.stalled_until = None;
        while let Some(datagram) = node.inbox.pop() {
            self.buffers.give_back(datagram.buffer);
        }
    }

    fn host_seed(&mut self) -> [u8; 32] {
        let mut seed = [0; 32];
        self.random.fill_bytes(&mut seed);
        seed
    }

    fn unused_address(&self) -> SocketAddr {
        let mut number = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        loop {
            let ip = FIRST_ADDRESS.wrapping_add(number).to_be_bytes();
            let address = SocketAddr::from((ip, PORT));
            if !self.receivers.contains_key(&address) {
                return address;
            }
            number = number.wrapping_add(1);
        }
    }
}

/// Hosts.
impl<H> Network<H> {
    /// All hosts, in the order in which they were added.
    pub fn hosts(&self) -> impl Iterator<Item = HostId> + use<H> {
        (0..self.nodes.len()).map(HostId)
    }

    /// The state of a host.
    pub fn host(&self, host: HostId) -> &HostState {
        &self.nodes[host.0].state
    }

    /// The state of a host, to send messages and handle events. Packets are sent in its next turn,
    /// at the start of the next run at the latest.
    pub fn host_mut(&mut self, host: HostId) -> &mut HostState {
        &mut self.nodes[host.0].state
    }

    /// The source address of a host.
    pub fn address(&self, host: HostId) -> SocketAddr {
        self.nodes[host.0].address
    }

    /// The host with the source address `address`.
    pub fn host_at(&self, address: SocketAddr) -> Option<HostId> {
        let mut nodes = self.nodes.iter();
        nodes.position(|node| node.address == address).map(HostId)
    }

    /// Starts to connect one host to another: [`HostState::connect`].
    ///
    /// # Errors
    ///
    /// Those of [`HostState::connect`].
    pub fn connect(
        &mut self,
        from: HostId,
        to: HostId,
        options: &ConnectOptions,
    ) -> Result<PeerId, ConnectError> {
        let (address, now) = (self.address(to), self.now);
        self.host_mut(from).connect(address, options, now)
    }

    /// Queues a message: [`HostState::send`]. It is sent in the host's next turn.
    ///
    /// # Errors
    ///
    /// Those of [`HostState::send`].
    pub fn send(
        &mut self,
        host: HostId,
        to: PeerId,
        delivery: Delivery,
        message: &[u8],
    ) -> Result<(), SendError> {
        let now = self.now;
        self.host_mut(host).send(to, delivery, message, now)
    }

    /// Queues a message whose outcome is reported: [`HostState::send_tracked`].
    ///
    /// # Errors
    ///
    /// Those of [`HostState::send_tracked`].
    pub fn send_tracked(
        &mut self,
        host: HostId,
        to: PeerId,
        delivery: Delivery,
        message: &[u8],
    ) -> Result<Receipt, SendError> {
        let now = self.now;
        self.host_mut(host).send_tracked(to, delivery, message, now)
    }

    /// Statistics of a peer: [`HostState::peer_stats`].
    pub fn peer_stats(&self, host: HostId, peer: PeerId) -> Option<PeerStats> {
        self.host(host).peer_stats(peer, self.now)
    }

    /// The hooks.
    pub fn hooks(&self) -> &H {
        &self.hooks
    }

    /// The hooks.
    pub fn hooks_mut(&mut self) -> &mut H {
        &mut self.hooks
    }

    /// Restricts a host's turns to multiples of `tick` since the start of the network, if there is
    /// work by then. `None` or zero, the default: a turn as soon as there is work.
    pub fn set_tick(&mut self, host: HostId, tick: Option<Duration>) {
        self.nodes[host.0].tick = tick.filter(|tick| !tick.is_zero());
    }

    /// Suspends a host's turns for `time`, as if its program hung. Up to [`STALLED_DATAGRAMS_MAX`]
    /// datagrams wait. The stall ends with a turn.
    pub fn stall(&mut self, host: HostId, time: Duration) {
        self.nodes[host.0].stalled_until = Some(self.now + time);
    }

    /// Whether a host is stalled.
    pub fn is_stalled(&self, host: HostId) -> bool {
        let until = self.nodes[host.0].stalled_until;
        until.is_some_and(|until| self.now < until)
    }

    /// Number of datagrams dropped because this host's inbox was full.
    pub fn dropped(&self, host: HostId) -> u64 {
        self.nodes[host.0].inbox.dropped()
    }

    /// Changes the address of a host, as a NAT rebinding does. Datagrams to the old address are
    /// lost.
    ///
    /// # Panics
    ///
    /// Another host has this address.
    pub fn move_host(&mut self, host: HostId, to: SocketAddr) {
        let from = self.address(host);
        self.receivers.remove(&from);
        self.move_host_and_forward(host, to);
    }

    /// As [`move_host`](Self::move_host), but datagrams to the old address still arrive.
    ///
    /// # Panics
    ///
    /// Another host has this address.
    pub fn move_host_and_forward(&mut self, host: HostId, to: SocketAddr) {
        self.assert_unused(to);
        self.place(host, to);
    }

    /// Swaps the addresses of two hosts.
    pub fn swap_addresses(&mut self, one: HostId, other: HostId) {
        let (first, second) = (self.address(one), self.address(other));
        self.place(one, second);
        self.place(other, first);
    }

    fn place(&mut self, host: HostId, address: SocketAddr) {
        self.nodes[host.0].address = address;
        self.receivers.insert(address, host);
    }

    fn assert_unused(&self, address: SocketAddr) {
        let owner = self.host_at(address);
        assert_eq!(
            owner, None,
            "another host already has the address {address}"
        );
    }
}

/// Links.
impl<H> Network<H> {
    /// Sets the conditions of both directions between two hosts, for datagrams sent from now on.
    ///
    /// # Errors
    ///
    /// A condition is out of its range. On error nothing has changed.
    pub fn set_link_conditions(
        &mut self,
        one: HostId,
        other: HostId,
        conditions: &LinkConditions,
    ) -> Result<(), ConfigError> {
        self.set_link_conditions_one_way(one, other, conditions)?;
        self.set_link_conditions_one_way(other, one, conditions)
    }

    /// As [`set_link_conditions`](Self::set_link_conditions), for one direction.
    ///
    /// # Errors
    ///
    /// As `set_link_conditions`.
    pub fn set_link_conditions_one_way(
        &mut self,
        from: HostId,
        to: HostId,
        conditions: &LinkConditions,
    ) -> Result<(), ConfigError> {
        let link = self.link_between(from, to);
        self.set_conditions(link, conditions.clone())
    }

    /// Starts or ends a partition between two hosts. Starting it loses everything in flight.
    pub fn set_partitioned(&mut self, one: HostId, other: HostId, is_partitioned: bool) {
        for (from, to) in [(one, other), (other, one)] {
            let LinkId(link) = self.link_between(from, to);
            self.links[link].set_partitioned(is_partitioned);
            if is_partitioned {
                self.links[link].discard_in_flight();
            }
        }
    }

    /// The link for datagrams from one host to another.
    pub fn link_between(&mut self, from: HostId, to: HostId) -> LinkId {
        if let Some(link) = self.routes.get(&(from, to)) {
            return *link;
        }
        let seed = self.seed ^ ((from.0 as u64) << 32) ^ ((to.0 as u64) << 48);
        let link = self.push_link(Link::perfect(seed));
        self.set_route(from, to, link);
        link
    }

    /// Adds a link that no pair of hosts uses yet: see [`set_route`](Self::set_route). Each link
    /// needs its own seed.
    ///
    /// # Errors
    ///
    /// A condition is out of its range. On error nothing was added.
    pub fn add_link(
        &mut self,
        conditions: LinkConditions,
        seed: u64,
    ) -> Result<LinkId, ConfigError> {
        let link = Link::new(conditions, seed)?;
        Ok(self.push_link(link))
    }

    fn push_link(&mut self, link: Link<Path>) -> LinkId {
        self.links.push(link);
        LinkId(self.links.len() - 1)
    }

    /// Sets the link for datagrams from one host to another.
    pub fn set_route(&mut self, from: HostId, to: HostId, link: LinkId) {
        self.routes.insert((from, to), link);
    }

    /// The conditions of a link.
    pub fn conditions(&self, link: LinkId) -> &LinkConditions {
        self.links[link.0].conditions()
    }

    /// Sets the conditions of a link: see [`Link::set_conditions`].
    ///
    /// # Errors
    ///
    /// A condition is out of its range. On error nothing has changed.
    pub fn set_conditions(
        &mut self,
        link: LinkId,
        conditions: LinkConditions,
    ) -> Result<(), ConfigError> {
        self.links[link.0].set_conditions(conditions)
    }

    /// Counters of a link.
    pub fn link_stats(&self, link: LinkId) -> LinkStats {
        self.links[link.0].stats()
    }

    /// Drops everything in flight on a link: see [`Link::discard_in_flight`].
    pub fn discard_in_flight(&mut self, link: LinkId) {
        self.links[link.0].discard_in_flight();
    }
}

/// Time.
impl<H> Network<H> {
    /// The seed of the network.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// When the network was created.
    pub fn start(&self) -> Instant {
        self.start
    }

    /// The current virtual time.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Virtual time since the network was created.
    pub fn time(&self) -> Duration {
        self.now - self.start
    }
}

/// Runs and turns.
impl<H: Hooks> Network<H> {
    /// Runs for `time`.
    pub fn run_for(&mut self, time: Duration) {
        self.run_until(time, |_| false);
    }

    /// Runs until `is_done` returns `true`, for `limit` at most; returns whether it did. It is
    /// called after every step.
    pub fn run_until(&mut self, limit: Duration, mut is_done: impl FnMut(&Self) -> bool) -> bool {
        let end = self.now + limit;
        self.begin_run();
        loop {
            if is_done(self) {
                return true;
            }
            if !self.step(end) {
                return false;
            }
        }
    }

    /// Gives every host that is not stalled a turn, as a run does before its first
    /// [`step`](Self::step).
    pub fn begin_run(&mut self) {
        for host in self.hosts() {
            self.turn(host);
        }
    }

    /// Jumps to the next event and gives every host that is due a turn. Without an event up to
    /// `end`, jumps to `end` and returns `false`.
    pub fn step(&mut self, end: Instant) -> bool {
        let Some(at) = self.next_event().filter(|at| *at <= end) else {
            self.advance_to(end);
            return false;
        };
        self.advance_to(at);
        for host in self.hosts() {
            if self.next_turn(host).is_some_and(|at| at <= self.now) {
                self.take_turn(host);
            }
        }
        true
    }

    /// When the next datagram arrives or the next host is due. `None` if no event is pending.
    pub fn next_event(&self) -> Option<Instant> {
        let arrivals = self.links.iter().filter_map(Link::next_deadline);
        let turns = self.hosts().filter_map(|host| self.next_turn(host));
        let next = arrivals.chain(turns).min()?;
        Some(next.max(self.now))
    }

    /// Jumps to `at` without a turn. Datagrams that arrive by then wait for their host.
    ///
    /// # Panics
    ///
    /// `at` has passed.
    pub fn advance_to(&mut self, at: Instant) {
        assert!(at >= self.now, "`at` is before the current time");
        self.steps_at_once = if at > self.now {
            0
        } else {
            self.steps_at_once + 1
        };
        let is_passing = self.steps_at_once < STEPS_AT_ONCE_MAX;
        assert!(
            is_passing,
            "busy loop: 10,000 turns requested without time passing"
        );
        self.now = at;
        self.deliver();
    }

    /// Gives a host a turn now, unless it is stalled.
    pub fn turn(&mut self, host: HostId) {
        if !self.is_stalled(host) {
            self.deliver();
            self.take_turn(host);
        }
    }

    /// Delivers a datagram to a host immediately, bypassing all links, and gives the host a turn.
    /// `from` may be any address, as with a spoofed datagram.
    pub fn inject(&mut self, from: SocketAddr, to: HostId, bytes: &[u8]) {
        let is_stalled = self.is_stalled(to);
        let node = &mut self.nodes[to.0];
        let path = (from, node.address);
        node.deliver(path, bytes, is_stalled, self.now, &mut self.buffers);
        self.turn(to);
    }

    /// First half of a turn: the host processes arrived datagrams and its timers, and
    /// [`Hooks::on_turn`] is called. Ends a stall.
    pub fn receive(&mut self, host: HostId) {
        self.deliver();
        self.process(host);
    }

    /// Second half of a turn: the host transmits.
    ///
    /// # Panics
    ///
    /// The host requests its next turn in the past: a bug of tickwire.
    pub fn transmit(&mut self, host: HostId) {
        let (now, at) = (self.now, self.time());
        let mut buffer = [0; DATAGRAM_MAX];
        let from = self.address(host);
        while let Some(sent) = self.host_mut(host).poll_transmit(&mut buffer, now) {
            let (to, bytes) = (sent.to, &buffer[..sent.len]);
            let datagram = WireDatagram {
                at,
                from,
                to,
                bytes,
            };
            let state = &self.nodes[host.0].state;
            self.hooks.on_send(host, state, datagram);
            if let Some(receiver) = self.receivers.get(&to).copied() {
                let LinkId(link) = self.link_between(host, receiver);
                self.links[link].send((from, to), bytes, now);
            }
        }
        let state = &self.nodes[host.0].state;
        if let Some(at) = state.poll_timeout() {
            assert!(at > now, "a complete turn left a deadline in the past");
        }
        self.hooks.on_turn_end(host, state);
    }

    fn take_turn(&mut self, host: HostId) {
        self.process(host);
        self.transmit(host);
    }

    fn process(&mut self, host: HostId) {
        let (now, at) = (self.now, self.time());
        let node = &mut self.nodes[host.0];
        node.stalled_until = None;
        node.last_turn = now;
        while let Some(datagram) = node.inbox.pop() {
            let (from, to) = datagram.path;
            let bytes = datagram.buffer.bytes();
            let received = WireDatagram {
                at,
                from,
                to,
                bytes,
            };
            self.hooks.on_receive(host, received);
            node.state.handle_datagram(from, bytes, now);
            self.buffers.give_back(datagram.buffer);
        }
        node.state.handle_timeout(now);
        self.hooks.on_turn(host, &mut node.state, now);
    }

    /// Moves arrived datagrams from the links to the inboxes.
    fn deliver(&mut self) {
        for link in &mut self.links {
            while let Some((path, bytes)) = link.poll(self.now) {
                if let Some(HostId(host)) = self.receivers.get(&path.1) {
                    let node = &mut self.nodes[*host];
                    let is_stalled = node.stalled_until.is_some();
                    node.deliver(path, bytes, is_stalled, self.now, &mut self.buffers);
                }
            }
        }
    }

    /// When a host has its next turn; may be in the past.
    fn next_turn(&self, host: HostId) -> Option<Instant> {
        let node = &self.nodes[host.0];
        let due = node.stalled_until.or_else(|| {
            // As a `Host` sleeps: see `Host::next_deadline`.
            let earliest = node.last_turn + TIMER_GRANULARITY;
            let own = [
                node.state.poll_timeout().map(|at| at.max(earliest)),
                node.inbox.waiting_since(),
                self.hooks.next_turn(host),
            ];
            own.into_iter().flatten().min()
        })?;
        Some(
            node.tick
                .map_or(due, |tick| self.tick_at_or_after(due, tick)),
        )
    }

    fn tick_at_or_after(&self, at: Instant, tick: Duration) -> Instant {
        let ticks = (at - self.start).as_nanos().div_ceil(tick.as_nanos());
        let nanos = u64::try_from(ticks * tick.as_nanos()).unwrap_or(u64::MAX);
        self.start + Duration::from_nanos(nanos)
    }
}

impl Node {
    fn deliver(
        &mut self,
        path: Path,
        bytes: &[u8],
        is_stalled: bool,
        now: Instant,
        buffers: &mut BufferPool,
    ) {
        let max = if is_stalled {
            STALLED_DATAGRAMS_MAX
        } else {
            INBOX_DATAGRAMS_MAX
        };
        self.inbox.push(path, bytes, now, max, buffers);
    }
}

/// Prints no payload.
impl<H> fmt::Debug for Network<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network")
            .field("seed", &self.seed)
            .field("time", &(self.now - self.start))
            .field("hosts", &self.nodes.len())
            .field("links", &self.links.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
