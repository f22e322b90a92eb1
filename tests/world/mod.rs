//! A virtual world: hosts with addresses, links between them, and a clock that jumps from one thing
//! that happens to the next. Nothing sleeps, and a seed decides everything, so a run that failed can be
//! run again.
//!
//! The world checks what must always hold while it turns: the order of events (`log`), what goes to an
//! address that has not proven itself (`witness`), that no turn leaves a deadline in the past, and that
//! the numbers a host tells agree with the events it told before.
//!
//! `TICKWIRE_SEEDS=20000 cargo test --test connections` runs more seeds than the few that a default run
//! has time for, and `TICKWIRE_SEED=17` that one alone, with the datagrams printed if it fails. A test
//! that fails prints its seed.
#![allow(
    dead_code,
    unused_imports,
    reason = "every test file uses a part of it"
)]

pub(crate) mod at;
pub(crate) mod lab;
pub(crate) mod log;
pub(crate) mod luck;
pub(crate) mod mode;
pub(crate) mod network;
pub(crate) mod node;
pub(crate) mod packets;
#[cfg(feature = "noise")]
pub(crate) mod secrecy;
pub(crate) mod seeds;
pub(crate) mod stranger;
pub(crate) mod witness;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tickwire::proto::HostState;
use tickwire::{Config, ConnectOptions, Delivery, LinkConditions, PeerId};

pub(crate) use self::at::At;
pub(crate) use self::log::Log;
pub(crate) use self::luck::Luck;
pub(crate) use self::mode::{config, config_of, is_noise, options};
use self::network::Network;
use self::node::Node;
pub(crate) use self::seeds::{for_each_seed, is_thorough};
pub(crate) use self::stranger::{Stranger, outside};
pub(crate) use self::witness::{Datagram, Witness};

/// What both sides of a test have in common, unless it is about that.
pub(crate) const PROTOCOL: u64 = 0x7469_636b_7769_7265;

/// No host does that many turns without time passing, unless it is in a busy loop.
const TURNS_AT_ONCE_MAX: u32 = 10_000;

pub(crate) const fn ms(time: u64) -> Duration {
    Duration::from_millis(time)
}

pub(crate) const fn secs(time: u64) -> Duration {
    Duration::from_secs(time)
}

/// The default address of a host: every host of a world has another one.
pub(crate) fn address(host: usize) -> SocketAddr {
    let last = u8::try_from(host + 1).unwrap();
    ([192, 0, 2, last], 5000).into()
}

/// See the [module](self). Hosts are named by the order in which they were added.
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) luck: Luck,
    start: Instant,
    now: Instant,
    network: Network,
    nodes: Vec<Node>,
    pub(crate) witness: Witness,
    turns_at_once: u32,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let now = Instant::now();
        Self {
            seed,
            luck: Luck::new(seed),
            start: now,
            now,
            network: Network::new(seed),
            nodes: Vec::new(),
            witness: Witness::default(),
            turns_at_once: 0,
        }
    }

    /// Two hosts, 0 and 1, with the usual config.
    pub(crate) fn of_two(seed: u64, conditions: &LinkConditions) -> Self {
        let mut world = Self::new(seed);
        world.add(config());
        world.add(config());
        world.set_conditions(0, 1, conditions);
        world
    }

    /// Another host; returns its name.
    pub(crate) fn add(&mut self, config: Config) -> usize {
        let index = self.nodes.len();
        let seed = self.luck.bytes();
        let state = HostState::new(config, seed, self.now).unwrap();
        self.nodes.push(Node::new(state, address(index)));
        self.network.place(address(index), index);
        index
    }

    pub(crate) fn now(&self) -> Instant {
        self.now
    }

    pub(crate) fn time(&self) -> Duration {
        self.now - self.start
    }

    pub(crate) fn host(&self, host: usize) -> At<&HostState> {
        At {
            host: &self.nodes[host].state,
            now: self.now,
        }
    }

    /// To do to a host what the world has no method for. It has its turn with the next `run`.
    pub(crate) fn host_mut(&mut self, host: usize) -> At<&mut HostState> {
        At {
            host: &mut self.nodes[host].state,
            now: self.now,
        }
    }

    pub(crate) fn log(&self, host: usize) -> &Log {
        &self.nodes[host].log
    }

    pub(crate) fn log_mut(&mut self, host: usize) -> &mut Log {
        &mut self.nodes[host].log
    }

    pub(crate) fn address(&self, host: usize) -> SocketAddr {
        self.nodes[host].address
    }

    pub(crate) fn host_at(&self, address: SocketAddr) -> Option<usize> {
        let mut addresses = self.nodes.iter().map(|node| node.address);
        addresses.position(|one| one == address)
    }
}

/// What applications do.
impl World {
    pub(crate) fn connect(&mut self, from: usize, to: usize) -> PeerId {
        self.connect_with(from, to, &ConnectOptions::default())
    }

    pub(crate) fn connect_with(
        &mut self,
        from: usize,
        to: usize,
        options: &ConnectOptions,
    ) -> PeerId {
        let address = self.address(to);
        self.connect_to(from, address, options)
    }

    pub(crate) fn connect_to(
        &mut self,
        from: usize,
        to: SocketAddr,
        options: &ConnectOptions,
    ) -> PeerId {
        let (now, node) = (self.now, &mut self.nodes[from]);
        let peer = node.state.connect(to, options, now).unwrap();
        node.log.on_connect(peer);
        peer
    }

    /// Two hosts that are connected with each other, and the name that each has for the other.
    pub(crate) fn join(&mut self, from: usize, to: usize) -> (PeerId, PeerId) {
        let known = self.log(to).names();
        let there = self.connect(from, to);
        let newcomer = |world: &Self| {
            let peers = world.log(to).connected();
            peers.into_iter().find(|peer| !known.contains(peer))
        };
        let is_done = self.run_until(secs(10), |world| {
            world.log(from).is_connected(there) && newcomer(world).is_some()
        });
        assert!(is_done, "they did not connect");
        let back = newcomer(self).expect("somebody was waited for");
        (there, back)
    }

    pub(crate) fn send(&mut self, from: usize, to: PeerId, message: &[u8]) {
        let mut host = self.host_mut(from);
        host.send(to, Delivery::Unreliable, message).unwrap();
    }

    pub(crate) fn disconnect(&mut self, host: usize, peer: PeerId, code: u32) {
        let now = self.now;
        self.host_mut(host).disconnect(peer, code, now);
    }

    pub(crate) fn shutdown(&mut self, host: usize, code: u32) {
        let now = self.now;
        self.host_mut(host).shutdown(code, now);
    }

    /// From now on the host sends every peer of its own a numbered message each `interval`.
    pub(crate) fn chatter(&mut self, host: usize, interval: Option<Duration>) {
        let now = self.now;
        self.nodes[host].set_chatter(interval, now);
    }

    /// Nobody calls the host for this long; what arrives waits, up to a limit.
    pub(crate) fn stall(&mut self, host: usize, time: Duration) {
        self.nodes[host].stalled_until = Some(self.now + time);
    }

    /// An application that does not take its events any more, or takes them again.
    pub(crate) fn set_deaf(&mut self, host: usize, is_deaf: bool) {
        self.nodes[host].is_deaf = is_deaf;
    }

    /// The program ends without a word and starts again, at the same address.
    pub(crate) fn restart(&mut self, host: usize) {
        let (seed, now) = (self.luck.bytes(), self.now);
        let config = self.host(host).config().clone();
        let state = HostState::new(config, seed, now).unwrap();
        self.nodes[host].restart(state);
        self.witness.forget(host);
    }
}

/// What the network does.
impl World {
    /// Both directions between two hosts are like that from now on.
    pub(crate) fn set_conditions(&mut self, one: usize, other: usize, conditions: &LinkConditions) {
        self.network.set_conditions(one, other, conditions);
        self.network.set_conditions(other, one, conditions);
    }

    pub(crate) fn set_conditions_one_way(
        &mut self,
        from: usize,
        to: usize,
        conditions: &LinkConditions,
    ) {
        self.network.set_conditions(from, to, conditions);
    }

    pub(crate) fn partition(&mut self, one: usize, other: usize, is_partitioned: bool) {
        for (from, to) in [(one, other), (other, one)] {
            let mut conditions = self.network.conditions(from, to);
            conditions.partitioned = is_partitioned;
            self.network.set_conditions(from, to, &conditions);
        }
    }

    /// The host's router gives it another address; to the old one nothing arrives any more.
    pub(crate) fn move_host(&mut self, host: usize, to: SocketAddr) {
        self.network.vacate(self.nodes[host].address);
        self.move_host_and_keep(host, to);
    }

    /// As [`move_host`](Self::move_host), but what goes to the old address still arrives.
    pub(crate) fn move_host_and_keep(&mut self, host: usize, to: SocketAddr) {
        assert_eq!(self.host_at(to), None, "two hosts have one address");
        self.place(host, to);
    }

    fn place(&mut self, host: usize, to: SocketAddr) {
        self.nodes[host].address = to;
        self.network.place(to, host);
    }

    /// Two hosts get the address of the other one.
    pub(crate) fn swap_addresses(&mut self, one: usize, other: usize) {
        let (first, second) = (self.address(one), self.address(other));
        self.place(one, second);
        self.place(other, first);
    }

    /// A datagram that says it comes from `from`, whoever sent it, is in the host's socket at once.
    pub(crate) fn inject(&mut self, from: SocketAddr, to: usize, bytes: &[u8]) {
        self.nodes[to].queue(from, bytes);
        self.turn(to);
    }
}

/// Time.
impl World {
    pub(crate) fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        self.run_to(end, |_| false);
    }

    /// Runs until `is_done`, for `limit` at most; returns whether it is.
    pub(crate) fn run_until(&mut self, limit: Duration, is_done: impl Fn(&Self) -> bool) -> bool {
        let end = self.now + limit;
        self.run_to(end, is_done)
    }

    fn run_to(&mut self, end: Instant, is_done: impl Fn(&Self) -> bool) -> bool {
        // What the test did to the hosts since they were last called.
        for host in 0..self.nodes.len() {
            self.turn(host);
        }
        loop {
            if is_done(self) {
                return true;
            }
            let Some(at) = self.next_time().filter(|at| *at <= end) else {
                self.jump_to(end);
                return false;
            };
            self.jump_to(at);
            self.step();
        }
    }

    fn jump_to(&mut self, at: Instant) {
        assert!(at >= self.now, "time runs backwards");
        self.turns_at_once = if at > self.now {
            0
        } else {
            self.turns_at_once + 1
        };
        assert!(self.turns_at_once < TURNS_AT_ONCE_MAX, "a busy loop");
        self.now = at;
    }

    /// When something happens next.
    fn next_time(&self) -> Option<Instant> {
        let nodes = self.nodes.iter().filter_map(Node::next_time);
        let next = nodes.chain(self.network.next_time()).min()?;
        Some(next.max(self.now))
    }

    fn step(&mut self) {
        while let Some((from, host, bytes)) = self.network.poll(self.now) {
            self.nodes[host].queue(from, &bytes);
        }
        for host in 0..self.nodes.len() {
            if self.nodes[host].is_due(self.now) {
                self.turn(host);
            }
        }
    }

    /// One turn of a host, in the order of the design: what has arrived, the time, events, sending.
    pub(crate) fn turn(&mut self, host: usize) {
        let (now, node) = (self.now, &mut self.nodes[host]);
        if node.is_stalled(now) {
            return;
        }
        node.take_datagrams(host, &mut self.witness, now);
        node.state.handle_timeout(now);
        node.take_events();
        node.talk(now);
        self.transmit(host);
        self.nodes[host].check(now);
    }

    fn transmit(&mut self, host: usize) {
        let mut buffer = [0; 1024];
        let (now, time) = (self.now, self.time());
        let node = &mut self.nodes[host];
        while let Some(transmit) = node.state.poll_transmit(&mut buffer, now) {
            let bytes = &buffer[..transmit.len];
            let (from, to) = (node.address, transmit.to);
            self.witness
                .on_sent(host, to, bytes, || node.has_peer_at(to, now));
            self.witness.record(time, from, to, bytes);
            self.network.send(host, from, to, bytes, now);
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let (seed, time) = (self.seed, self.time());
            eprintln!("it was at {time:?} with seed {seed}: TICKWIRE_SEED={seed} runs it alone");
            if seeds::is_single() {
                self.witness.print();
            }
        }
    }
}
