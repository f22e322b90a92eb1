//! Two hosts that are connected, two links between them, and a clock that jumps to what happens next.
//!
//! A smaller world than `tests/world`, so that thousands of programs run in a minute and a test can count
//! allocations: nothing is recorded but what an observer keeps. It checks that no turn leaves a deadline in
//! the past and that nobody is in a busy loop.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tickwire::proto::HostState;
use tickwire::sim::{Link, LinkStats};
use tickwire::{Config, ConnectOptions, Delivery, Event, LinkConditions, PeerId, PeerStats};
use tickwire::{Receipt, SendError};

use crate::world::At;
use crate::world::luck::Luck;
use crate::world::{address, ms, secs};
use crate::{CLIENT, SERVER};

/// What a kernel keeps for a socket that nobody reads: see `tests/world`.
const SOCKET_DATAGRAMS_MAX: usize = 256;

/// No host does so many turns without time passing, unless it is in a busy loop.
const TURNS_AT_ONCE_MAX: u32 = 1000;

/// Is told everything that the applications are told.
pub(crate) trait Observer {
    /// The application of `side` took an event. `other_is_drained`: so has that of the other side, in its
    /// last turn and all before.
    fn on_event(&mut self, side: usize, at: Duration, event: Event, other_is_drained: bool);

    /// The application of `side` has taken all there was.
    fn on_drained(&mut self, _side: usize) {}
}

/// See the [module](self).
pub(crate) struct Pair<O> {
    pub(crate) seed: u64,
    pub(crate) luck: Luck,
    start: Instant,
    now: Instant,
    sides: [Side; 2],
    pub(crate) observer: O,
    turns_at_once: u32,
}

/// A host, its application, and the link that leads away from it.
struct Side {
    host: HostState,
    /// What it calls the other one.
    peer: Option<PeerId>,
    link: Link<()>,
    /// How often it is called, if not whenever there is something to do.
    tick: Option<Duration>,
    stalled_until: Option<Instant>,
    /// Its application takes no events.
    is_deaf: bool,
    is_drained: bool,
    counts: Counts,
}

/// What was seen of the datagrams of a host.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) datagrams_sent: u64,
    pub(crate) bytes_sent: u64,
    pub(crate) datagrams_received: u64,
    pub(crate) turns: u64,
}

impl<O: Observer> Pair<O> {
    /// Two hosts that have connected over links that only take their time.
    pub(crate) fn new(seed: u64, configs: [Config; 2], latency: Duration, observer: O) -> Self {
        let (mut luck, start) = (Luck::new(seed), Instant::now());
        let mut number = 0;
        let sides = configs.map(|config| {
            number += 1;
            Side::new(config, luck.bytes(), seed ^ (number << 32), start)
        });
        let mut pair = Self {
            seed,
            luck,
            start,
            now: start,
            sides,
            observer,
            turns_at_once: 0,
        };
        pair.set_both(&LinkConditions {
            latency,
            ..LinkConditions::default()
        });
        pair.connect();
        pair
    }

    /// The client connects.
    pub(crate) fn connect(&mut self) {
        let (now, options) = (self.now, ConnectOptions::default());
        let client = &mut self.sides[CLIENT];
        let peer = client.host.connect(address(SERVER), &options, now).unwrap();
        client.peer = Some(peer);
        let is_done = self.run_until(secs(10), |pair| pair.sides.iter().all(Side::is_connected));
        assert!(is_done, "they did not connect");
        // What is left of the handshake.
        self.run_for(ms(200));
    }
}

/// What applications do.
impl<O: Observer> Pair<O> {
    pub(crate) fn host(&self, side: usize) -> At<&HostState> {
        At {
            host: &self.sides[side].host,
            now: self.now,
        }
    }

    /// To do to a host what there is no method for. Call [`turn`](Self::turn) before and after it.
    pub(crate) fn host_mut(&mut self, side: usize) -> At<&mut HostState> {
        At {
            host: &mut self.sides[side].host,
            now: self.now,
        }
    }

    /// What a side calls the other one.
    pub(crate) fn peer(&self, side: usize) -> PeerId {
        self.sides[side].peer.expect("they are connected")
    }

    /// What a side knows of the other one.
    pub(crate) fn stats(&self, side: usize) -> PeerStats {
        self.host(side).peer_stats(self.peer(side)).unwrap()
    }

    /// Sends a message, in a turn of its own.
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

    /// A turn in which the application does something.
    pub(crate) fn act<T>(
        &mut self,
        side: usize,
        what: impl FnOnce(&mut At<&mut HostState>, PeerId) -> T,
    ) -> T {
        self.receive(side);
        let peer = self.peer(side);
        let outcome = what(&mut self.host_mut(side), peer);
        self.transmit(side);
        outcome
    }

    /// Sends such messages until no more are taken; returns how many were.
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
        let now = self.now;
        self.act(side, |host, peer| host.disconnect(peer, code, now));
    }

    /// The application takes no events, or takes them again.
    pub(crate) fn set_deaf(&mut self, side: usize, is_deaf: bool) {
        self.sides[side].is_deaf = is_deaf;
        if !is_deaf {
            self.turn(side);
        }
    }

    /// The application does not call its host for a while.
    pub(crate) fn stall(&mut self, side: usize, time: Duration) {
        self.sides[side].stalled_until = Some(self.now + time);
    }

    pub(crate) fn is_stalled(&self, side: usize) -> bool {
        self.sides[side].is_stalled(self.now)
    }

    /// The host is called that often, and not in between.
    pub(crate) fn set_tick(&mut self, side: usize, tick: Option<Duration>) {
        self.sides[side].tick = tick;
    }
}

/// Links.
impl<O: Observer> Pair<O> {
    pub(crate) fn set_both(&mut self, conditions: &LinkConditions) {
        self.set_link(CLIENT, conditions);
        self.set_link(SERVER, conditions);
    }

    /// The link that leads away from a side.
    pub(crate) fn set_link(&mut self, side: usize, conditions: &LinkConditions) {
        let link = &mut self.sides[side].link;
        link.set_conditions(conditions.clone()).unwrap();
    }

    /// Of the link that leads away from a side.
    pub(crate) fn link_stats(&self, side: usize) -> LinkStats {
        self.sides[side].link.stats()
    }

    pub(crate) fn counts(&self, side: usize) -> Counts {
        self.sides[side].counts
    }
}

/// Time.
impl<O: Observer> Pair<O> {
    pub(crate) fn time(&self) -> Duration {
        self.now - self.start
    }

    pub(crate) fn run_for(&mut self, time: Duration) {
        self.run_until(time, |_| false);
    }

    /// Runs until `is_done`, for `limit` at most; returns whether it is.
    pub(crate) fn run_until(&mut self, limit: Duration, is_done: impl Fn(&Self) -> bool) -> bool {
        let end = self.now + limit;
        self.turns_at_once = 0;
        self.turn(CLIENT);
        self.turn(SERVER);
        loop {
            if is_done(self) {
                return true;
            }
            let [one, other] = [CLIENT, SERVER].map(|side| self.next_time(side));
            let at = one.min(other).max(self.now);
            if at > end {
                self.now = end;
                return false;
            }
            self.jump_to(at);
            for (side, due) in [(CLIENT, one), (SERVER, other)] {
                if due <= at {
                    self.turn(side);
                }
            }
        }
    }

    /// Runs until a side has its next turn on its own tick.
    pub(crate) fn run_to_tick(&mut self, side: usize) {
        if let Some(tick) = self.sides[side].tick {
            let at = self.next_tick(self.now, tick);
            self.run_for(at - self.now);
        }
    }

    fn jump_to(&mut self, at: Instant) {
        if at > self.now {
            self.turns_at_once = 0;
        }
        self.turns_at_once += 1;
        assert!(self.turns_at_once < TURNS_AT_ONCE_MAX, "a busy loop");
        self.now = at;
    }

    /// When a side has its next turn. An hour from now nobody waits for anything.
    fn next_time(&self, side: usize) -> Instant {
        let of = &self.sides[side];
        let arrival = self.sides[1 - side].link.next_deadline();
        let own = of.host.poll_timeout();
        let due = own.into_iter().chain(arrival).min();
        let due = due.unwrap_or(self.now + secs(3600));
        let due = of.stalled_until.unwrap_or(due);
        of.tick.map_or(due, |tick| self.next_tick(due, tick))
    }

    /// The first tick that is not before `at`.
    fn next_tick(&self, at: Instant, tick: Duration) -> Instant {
        let ticks = (at - self.start).as_nanos().div_ceil(tick.as_nanos());
        self.start + tick * u32::try_from(ticks).unwrap()
    }

    /// One turn of a host, in the order of the design.
    pub(crate) fn turn(&mut self, side: usize) {
        if self.sides[side].is_stalled(self.now) {
            return;
        }
        self.receive(side);
        self.transmit(side);
    }

    fn receive(&mut self, side: usize) {
        let now = self.now;
        let [client, server] = &mut self.sides;
        let (of, other) = match side {
            CLIENT => (client, server),
            _ => (server, client),
        };
        of.take_datagrams(&mut other.link, address(1 - side), now);
        of.host.handle_timeout(now);
        of.counts.turns += 1;
        of.is_drained = !of.is_deaf;
        if !of.is_deaf {
            self.take_events(side);
        }
    }

    fn take_events(&mut self, side: usize) {
        let (at, other_is_drained) = (self.time(), self.sides[1 - side].is_drained);
        while let Some(event) = self.sides[side].host.poll_event() {
            if let Event::Connected { peer, .. } = event {
                self.sides[side].peer = Some(peer);
            }
            self.observer.on_event(side, at, event, other_is_drained);
        }
        self.observer.on_drained(side);
    }

    fn transmit(&mut self, side: usize) {
        let (now, of) = (self.now, &mut self.sides[side]);
        let mut buffer = [0; 1024];
        while let Some(sent) = of.host.poll_transmit(&mut buffer, now) {
            of.counts.datagrams_sent += 1;
            of.counts.bytes_sent += sent.len as u64;
            of.link.send((), &buffer[..sent.len], now);
        }
        if let Some(at) = of.host.poll_timeout() {
            assert!(at > now, "a deadline that a complete turn left behind");
        }
    }
}

impl Side {
    fn new(config: Config, seed: [u8; 32], link_seed: u64, now: Instant) -> Self {
        Self {
            host: HostState::new(config, seed, now).unwrap(),
            peer: None,
            link: Link::new(LinkConditions::default(), link_seed).unwrap(),
            tick: None,
            stalled_until: None,
            is_deaf: false,
            is_drained: true,
            counts: Counts::default(),
        }
    }

    fn is_connected(&self) -> bool {
        self.peer.is_some_and(|peer| self.host.is_connected(peer))
    }

    fn is_stalled(&self, now: Instant) -> bool {
        self.stalled_until.is_some_and(|until| now < until)
    }

    /// Reads the socket empty. While nobody did, it kept no more than a socket keeps.
    fn take_datagrams(&mut self, link: &mut Link<()>, from: SocketAddr, now: Instant) {
        let room = if self.stalled_until.take().is_some() {
            SOCKET_DATAGRAMS_MAX
        } else {
            usize::MAX
        };
        let mut taken = 0;
        while let Some(((), bytes)) = link.poll(now) {
            taken += 1;
            if taken <= room {
                self.counts.datagrams_received += 1;
                self.host.handle_datagram(from, bytes, now);
            }
        }
    }
}

impl<O> Drop for Pair<O> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let (seed, time) = (self.seed, self.now - self.start);
            eprintln!("it was at {time:?} with seed {seed}: TICKWIRE_SEED={seed} runs it alone");
        }
    }
}
