//! Two connected hosts in a network, and an observer of their events.
//!
//! Unlike `tests/world` it records nothing: thousands of programs run in a minute, and tests can
//! count allocations.

use std::time::{Duration, Instant};

use tickwire::proto::HostState;
use tickwire::sim::{Hooks, HostId, LinkConditions, LinkId, LinkStats, Network, WireDatagram};
use tickwire::{Config, ConnectOptions, Delivery, Event, PeerId, PeerStats, Receipt, SendError};

use crate::world::At;
use crate::world::rng::TestRng;
use crate::world::{address, ms, secs};
use crate::{CLIENT, SERVER};

pub(crate) trait Observer {
    /// The application of `side` read an event. `other_is_drained`: the other side read all its
    /// events in its last turn.
    fn on_event(&mut self, side: usize, at: Duration, event: Event, other_is_drained: bool);

    fn on_drained(&mut self, _side: usize) {}
}

pub(crate) struct Pair<O> {
    pub(crate) rng: TestRng,
    network: Network<Applications<O>>,
    sides: [Side; 2],
}

/// A host and its outgoing link.
#[derive(Clone, Copy)]
struct Side {
    host: HostId,
    link: LinkId,
    /// Interval of its turns. `None`: a turn whenever one is due.
    tick: Option<Duration>,
}

struct Applications<O> {
    observer: O,
    start: Instant,
    sides: [Application; 2],
}

struct Application {
    peer: Option<PeerId>,
    events_paused: bool,
    is_drained: bool,
    counts: Counts,
}

/// Datagrams of a host, counted by the network.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) datagrams_sent: u64,
    pub(crate) bytes_sent: u64,
    pub(crate) datagrams_received: u64,
}

impl<O: Observer> Hooks for Applications<O> {
    fn on_receive(&mut self, host: HostId, _: WireDatagram<'_>) {
        self.sides[host.index()].counts.datagrams_received += 1;
    }

    fn on_turn(&mut self, host: HostId, state: &mut HostState, now: Instant) {
        let side = host.index();
        self.sides[side].is_drained = !self.sides[side].events_paused;
        if self.sides[side].events_paused {
            return;
        }
        let (at, other_is_drained) = (now - self.start, self.sides[1 - side].is_drained);
        while let Some(event) = state.poll_event() {
            if let Event::Connected { peer, .. } = event {
                self.sides[side].peer = Some(peer);
            }
            self.observer.on_event(side, at, event, other_is_drained);
        }
        self.observer.on_drained(side);
    }

    fn on_send(&mut self, host: HostId, _: &HostState, datagram: WireDatagram<'_>) {
        let counts = &mut self.sides[host.index()].counts;
        counts.datagrams_sent += 1;
        counts.bytes_sent += datagram.bytes.len() as u64;
    }
}

impl<O: Observer> Pair<O> {
    /// Two hosts that are connected over links with this latency.
    pub(crate) fn new(seed: u64, configs: [Config; 2], latency: Duration, observer: O) -> Self {
        let mut rng = TestRng::new(seed);
        let applications = Applications {
            observer,
            start: Instant::now(),
            sides: [Application::new(), Application::new()],
        };
        let mut network = Network::with_hooks(seed, applications);
        network.hooks_mut().start = network.start();
        let mut number = 0;
        let hosts = configs.map(|config| {
            let address = address(number);
            number += 1;
            let host = network.add_host_with(config, address, rng.bytes());
            host.unwrap()
        });
        let sides = [CLIENT, SERVER].map(|side| {
            let link_seed = seed ^ ((side as u64 + 1) << 32);
            let link = network.add_link(LinkConditions::default(), link_seed);
            let link = link.unwrap();
            network.set_route(hosts[side], hosts[1 - side], link);
            Side {
                host: hosts[side],
                link,
                tick: None,
            }
        });
        let mut pair = Self {
            rng,
            network,
            sides,
        };
        pair.set_both(&LinkConditions {
            latency,
            ..LinkConditions::default()
        });
        pair.connect();
        pair
    }

    /// Connects the client and waits for both sides.
    pub(crate) fn connect(&mut self) {
        let [client, server] = self.sides.map(|side| side.host);
        let options = ConnectOptions::default();
        let peer = self.network.connect(client, server, &options).unwrap();
        self.application(CLIENT).peer = Some(peer);
        let is_done = self.run_until(secs(10), |pair| {
            [CLIENT, SERVER]
                .into_iter()
                .all(|side| pair.is_connected(side))
        });
        assert!(is_done, "the hosts did not connect");
        // Finishes the handshake.
        self.run_for(ms(200));
    }

    fn is_connected(&self, side: usize) -> bool {
        let peer = self.network.hooks().sides[side].peer;
        peer.is_some_and(|peer| self.host(side).is_connected(peer))
    }
}

/// Application calls.
impl<O: Observer> Pair<O> {
    pub(crate) fn observer(&self) -> &O {
        &self.network.hooks().observer
    }

    pub(crate) fn observer_mut(&mut self) -> &mut O {
        &mut self.network.hooks_mut().observer
    }

    fn application(&mut self, side: usize) -> &mut Application {
        &mut self.network.hooks_mut().sides[side]
    }

    pub(crate) fn host(&self, side: usize) -> At<&HostState> {
        At {
            host: self.network.host(self.sides[side].host),
            now: self.network.now(),
        }
    }

    /// Direct access to a host. Call [`turn`](Self::turn) before and after.
    pub(crate) fn host_mut(&mut self, side: usize) -> At<&mut HostState> {
        let now = self.network.now();
        At {
            host: self.network.host_mut(self.sides[side].host),
            now,
        }
    }

    pub(crate) fn peer(&self, side: usize) -> PeerId {
        let peer = self.network.hooks().sides[side].peer;
        peer.expect("the hosts are connected")
    }

    pub(crate) fn stats(&self, side: usize) -> PeerStats {
        self.host(side).peer_stats(self.peer(side)).unwrap()
    }

    /// Sends a message in a separate turn.
    pub(crate) fn send(&mut self, side: usize, delivery: Delivery, message: &[u8]) {
        self.act(side, |host, peer| host.send(peer, delivery, message))
            .unwrap();
    }

    pub(crate) fn send_tracked(
        &mut self,
        side: usize,
        delivery: Delivery,
        message: &[u8],
    ) -> Receipt {
        self.act(side, |host, peer| {
            host.send_tracked(peer, delivery, message)
        })
        .unwrap()
    }

    /// A turn with `action` between receiving and transmitting.
    pub(crate) fn act<T>(
        &mut self,
        side: usize,
        action: impl FnOnce(&mut At<&mut HostState>, PeerId) -> T,
    ) -> T {
        self.network.receive(self.sides[side].host);
        let peer = self.peer(side);
        let outcome = action(&mut self.host_mut(side), peer);
        self.network.transmit(self.sides[side].host);
        outcome
    }

    /// Sends `message` until the queue is full. Returns the count.
    pub(crate) fn fill(&mut self, side: usize, delivery: Delivery, message: &[u8]) -> usize {
        self.act(side, |host, peer| {
            let mut sent = 0;
            while host.send(peer, delivery, message).is_ok() {
                sent += 1;
            }
            let refused = host.send(peer, delivery, message);
            assert_eq!(refused, Err(SendError::QueueFull));
            sent
        })
    }

    pub(crate) fn disconnect(&mut self, side: usize, code: u32) {
        let now = self.network.now();
        self.act(side, |host, peer| host.disconnect(peer, code, now));
    }

    /// The application stops or resumes reading its events.
    pub(crate) fn pause_events(&mut self, side: usize, events_paused: bool) {
        self.application(side).events_paused = events_paused;
        if !events_paused {
            self.turn(side);
        }
    }

    pub(crate) fn stall(&mut self, side: usize, time: Duration) {
        self.network.stall(self.sides[side].host, time);
    }

    pub(crate) fn is_stalled(&self, side: usize) -> bool {
        self.network.is_stalled(self.sides[side].host)
    }

    /// The host has turns only on this tick.
    pub(crate) fn set_tick(&mut self, side: usize, tick: Option<Duration>) {
        self.sides[side].tick = tick;
        self.network.set_tick(self.sides[side].host, tick);
    }
}

/// Links.
impl<O: Observer> Pair<O> {
    pub(crate) fn set_both(&mut self, conditions: &LinkConditions) {
        self.set_link(CLIENT, conditions);
        self.set_link(SERVER, conditions);
    }

    /// Sets the outgoing link of a side.
    pub(crate) fn set_link(&mut self, side: usize, conditions: &LinkConditions) {
        let link = self.sides[side].link;
        let outcome = self.network.set_conditions(link, conditions.clone());
        outcome.unwrap();
    }

    pub(crate) fn link_stats(&self, side: usize) -> LinkStats {
        self.network.link_stats(self.sides[side].link)
    }

    pub(crate) fn counts(&self, side: usize) -> Counts {
        self.network.hooks().sides[side].counts
    }
}

/// Time.
impl<O: Observer> Pair<O> {
    pub(crate) fn time(&self) -> Duration {
        self.network.time()
    }

    pub(crate) fn run_for(&mut self, time: Duration) {
        self.network.run_for(time);
    }

    /// Runs until `is_done`, for at most `limit`. Returns whether it is done.
    pub(crate) fn run_until(&mut self, limit: Duration, is_done: impl Fn(&Self) -> bool) -> bool {
        let end = self.network.now() + limit;
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

    /// Runs until the next tick of a side.
    pub(crate) fn run_to_tick(&mut self, side: usize) {
        if let Some(tick) = self.sides[side].tick {
            let past = self.time().as_nanos() % tick.as_nanos();
            let past = Duration::from_nanos(u64::try_from(past).unwrap());
            self.run_for(if past.is_zero() { past } else { tick - past });
        }
    }

    /// One turn of a host, unless it is stalled.
    pub(crate) fn turn(&mut self, side: usize) {
        self.network.turn(self.sides[side].host);
    }
}

impl Application {
    fn new() -> Self {
        Self {
            peer: None,
            events_paused: false,
            is_drained: true,
            counts: Counts::default(),
        }
    }
}

impl<O> Drop for Pair<O> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let (seed, time) = (self.network.seed(), self.network.time());
            eprintln!("failed at {time:?}; TICKWIRE_SEED={seed} repeats the run");
        }
    }
}
