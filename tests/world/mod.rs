//! A [`Network`] with an application on each host. Time is virtual, and a seed determines the run.
//!
//! In every turn the world checks the order of events (`log`), the limits on sends to unvalidated
//! addresses (`packet_observer`), and that statistics agree with events (`application`).
//!
//! `TICKWIRE_SEEDS=20000 cargo test --test connections` runs more seeds. A failing test prints its
//! seed; `TICKWIRE_SEED=17` runs that seed alone and prints the last datagrams on failure.
#![allow(
    dead_code,
    unused_imports,
    reason = "every test file uses a part of it"
)]

pub(crate) mod application;
pub(crate) mod at;
#[cfg(feature = "noise")]
pub(crate) mod crypto;
pub(crate) mod harness;
pub(crate) mod log;
pub(crate) mod mode;
pub(crate) mod packet_observer;
pub(crate) mod packets;
pub(crate) mod rng;
pub(crate) mod seeds;
pub(crate) mod stranger;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tickwire::proto::HostState;
use tickwire::sim::{HostId, LinkConditions, Network};
use tickwire::{Config, ConnectOptions, Delivery, PeerId};

use self::application::{Application, Applications};
pub(crate) use self::at::At;
pub(crate) use self::log::Log;
pub(crate) use self::mode::{config, config_of, is_noise, options};
pub(crate) use self::packet_observer::{Datagram, PacketObserver};
pub(crate) use self::rng::TestRng;
pub(crate) use self::seeds::{for_each_seed, is_thorough};
pub(crate) use self::stranger::{Stranger, outside};

pub(crate) const PROTOCOL: u64 = 0x7469_636b_7769_7265;

pub(crate) const fn ms(time: u64) -> Duration {
    Duration::from_millis(time)
}

pub(crate) const fn secs(time: u64) -> Duration {
    Duration::from_secs(time)
}

/// Initial address of a host, unique within a world.
pub(crate) fn address(host: usize) -> SocketAddr {
    let last = u8::try_from(host + 1).unwrap();
    ([192, 0, 2, last], 5000).into()
}

/// Hosts are numbered in the order of [`add`](Self::add).
pub(crate) struct World {
    pub(crate) rng: TestRng,
    network: Network<Applications>,
    hosts: Vec<HostId>,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            rng: TestRng::new(seed),
            network: Network::with_hooks(seed, Applications::default()),
            hosts: Vec::new(),
        }
    }

    pub(crate) fn of_two(seed: u64, conditions: &LinkConditions) -> Self {
        let mut world = Self::new(seed);
        world.add(config());
        world.add(config());
        world.set_conditions(0, 1, conditions);
        world
    }

    pub(crate) fn add(&mut self, config: Config) -> usize {
        let index = self.hosts.len();
        let seed = self.rng.bytes();
        self.applications().push(Application::default());
        let host = self.network.add_host_with(config, address(index), seed);
        self.hosts.push(host.unwrap());
        index
    }

    pub(crate) fn seed(&self) -> u64 {
        self.network.seed()
    }

    pub(crate) fn now(&self) -> Instant {
        self.network.now()
    }

    pub(crate) fn time(&self) -> Duration {
        self.network.time()
    }

    pub(crate) fn host(&self, host: usize) -> At<&HostState> {
        At {
            host: self.network.host(self.hosts[host]),
            now: self.network.now(),
        }
    }

    /// Direct access to a host, which has its turn in the next run.
    pub(crate) fn host_mut(&mut self, host: usize) -> At<&mut HostState> {
        let now = self.network.now();
        At {
            host: self.network.host_mut(self.hosts[host]),
            now,
        }
    }

    pub(crate) fn log(&self, host: usize) -> &Log {
        &self.network.hooks().nodes[host].log
    }

    pub(crate) fn log_mut(&mut self, host: usize) -> &mut Log {
        &mut self.applications()[host].log
    }

    pub(crate) fn packet_observer(&self) -> &PacketObserver {
        &self.network.hooks().packet_observer
    }

    pub(crate) fn packet_observer_mut(&mut self) -> &mut PacketObserver {
        &mut self.network.hooks_mut().packet_observer
    }

    fn applications(&mut self) -> &mut Vec<Application> {
        &mut self.network.hooks_mut().nodes
    }

    pub(crate) fn address(&self, host: usize) -> SocketAddr {
        self.network.address(self.hosts[host])
    }

    pub(crate) fn host_at(&self, address: SocketAddr) -> Option<usize> {
        self.network.host_at(address).map(HostId::index)
    }
}

/// Application calls.
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
        let now = self.now();
        let peer = self.host_mut(from).connect(to, options, now).unwrap();
        self.log_mut(from).on_connect(peer);
        peer
    }

    /// Connects two hosts. Returns the peer id at `from` and the peer id at `to`.
    pub(crate) fn join(&mut self, from: usize, to: usize) -> (PeerId, PeerId) {
        let known = self.log(to).peer_ids();
        let to_server = self.connect(from, to);
        let newcomer = |world: &Self| {
            let peers = world.log(to).connected();
            peers.into_iter().find(|peer| !known.contains(peer))
        };
        let is_done = self.run_until(secs(10), |world| {
            world.log(from).is_connected(to_server) && newcomer(world).is_some()
        });
        assert!(is_done, "the hosts did not connect");
        let to_client = newcomer(self).expect("the run ended with a new peer");
        (to_server, to_client)
    }

    pub(crate) fn send(&mut self, from: usize, to: PeerId, message: &[u8]) {
        let mut host = self.host_mut(from);
        host.send(to, Delivery::Unreliable, message).unwrap();
    }

    pub(crate) fn disconnect(&mut self, host: usize, peer: PeerId, code: u32) {
        let now = self.now();
        self.host_mut(host).disconnect(peer, code, now);
    }

    pub(crate) fn disconnect_after_flush(&mut self, host: usize, peer: PeerId, code: u32) {
        let now = self.now();
        self.log_mut(host).on_linger(peer);
        let mut host = self.host_mut(host);
        host.disconnect_after_flush(peer, code, now);
        assert!(!host.is_connected(peer));
        assert!(host.peers().all(|other| other != peer));
    }

    pub(crate) fn shutdown(&mut self, host: usize, code: u32) {
        let now = self.now();
        self.host_mut(host).shutdown(code, now);
    }

    /// Broadcasts a numbered message every `interval`; `None` stops it.
    pub(crate) fn chatter(&mut self, host: usize, interval: Option<Duration>) {
        let now = self.now();
        self.applications()[host].set_chatter(interval, now);
    }

    /// The host has no turns for `time`. Arriving datagrams queue up to a limit.
    pub(crate) fn stall(&mut self, host: usize, time: Duration) {
        self.network.stall(self.hosts[host], time);
    }

    /// The application stops or resumes reading its events.
    pub(crate) fn pause_events(&mut self, host: usize, events_paused: bool) {
        self.applications()[host].events_paused = events_paused;
    }

    /// Restarts the host at the same address without a disconnect.
    pub(crate) fn restart(&mut self, host: usize) {
        let seed = self.rng.bytes();
        self.network.restart_with(self.hosts[host], seed);
        self.applications()[host] = Application::default();
        self.packet_observer_mut().forget(host);
    }
}

/// Network conditions.
impl World {
    pub(crate) fn set_conditions(&mut self, one: usize, other: usize, conditions: &LinkConditions) {
        self.set_conditions_one_way(one, other, conditions);
        self.set_conditions_one_way(other, one, conditions);
    }

    /// A partition also drops datagrams in flight.
    pub(crate) fn set_conditions_one_way(
        &mut self,
        from: usize,
        to: usize,
        conditions: &LinkConditions,
    ) {
        let (from, to) = (self.hosts[from], self.hosts[to]);
        let link = self.network.link_between(from, to);
        let outcome = self.network.set_conditions(link, conditions.clone());
        outcome.unwrap();
        if conditions.partitioned {
            self.network.discard_in_flight(link);
        }
    }

    pub(crate) fn partition(&mut self, one: usize, other: usize, is_partitioned: bool) {
        let (one, other) = (self.hosts[one], self.hosts[other]);
        self.network.set_partitioned(one, other, is_partitioned);
    }

    /// Changes a host's address, as NAT rebinding does. Datagrams to the old address are lost.
    pub(crate) fn move_host(&mut self, host: usize, to: SocketAddr) {
        self.network.move_host(self.hosts[host], to);
    }

    /// Like [`move_host`](Self::move_host), but datagrams to the old address still arrive.
    pub(crate) fn move_host_and_keep(&mut self, host: usize, to: SocketAddr) {
        self.network.move_host_and_forward(self.hosts[host], to);
    }

    pub(crate) fn swap_addresses(&mut self, one: usize, other: usize) {
        let (one, other) = (self.hosts[one], self.hosts[other]);
        self.network.swap_addresses(one, other);
    }

    /// Delivers a datagram with the spoofed source address `from` at once.
    pub(crate) fn inject(&mut self, from: SocketAddr, to: usize, bytes: &[u8]) {
        self.network.inject(from, self.hosts[to], bytes);
    }
}

/// Time.
impl World {
    pub(crate) fn run_for(&mut self, time: Duration) {
        self.network.run_for(time);
    }

    /// Runs until `is_done`, for at most `limit`. Returns whether it is done.
    pub(crate) fn run_until(&mut self, limit: Duration, is_done: impl Fn(&Self) -> bool) -> bool {
        let end = self.now() + limit;
        self.network.begin_run();
        loop {
            if is_done(self) {
                return true;
            }
            if !self.network.step(end) {
                return false;
            }
        }
    }

    pub(crate) fn turn(&mut self, host: usize) {
        self.network.turn(self.hosts[host]);
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let (seed, time) = (self.seed(), self.time());
            eprintln!("failed at {time:?}; TICKWIRE_SEED={seed} repeats the run");
            if seeds::is_single() {
                self.packet_observer().print();
            }
        }
    }
}
