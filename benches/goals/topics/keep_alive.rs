//! What 10,000 connections cost a server that have nothing to send: 60 turns a second of a host that answers their
//! keep-alives, against 1% of a core, which is 1 µs for each peer and second.
//!
//! Real sockets over loopback, one for each client, and real time: a connection is kept alive every 5 s, each at its own
//! time. Between the server's turns the clients have theirs, on the same thread, of which only the server's CPU time
//! counts. Beside it, tick by tick: a server without a protocol that echoes what as many of the same sockets send as
//! often. Between two turns ten thousand clients have gone through the cache, so the server finds it cold.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use std::{ops, thread};

use tickwire::{Config, Ticker};
use tickwire_measure::cpu;
use tickwire_measure::runner::{Entry, Goal, Subject, Topic, joint, nanos};
use tickwire_measure::settings::Settings;

use super::clients;
use crate::raw::{PeerName, RawServer};
use crate::topics::client_pool::{ClientPool, serve};
use crate::work::expect;

const CLIENTS: usize = 10_000;
const CLIENTS_IN_TEST: usize = 64;

const TICKS_PER_SECOND: u32 = 60;

/// Length of a round in seconds.
const SECONDS: u32 = 2;
const ROUNDS_MAX: usize = 7;

/// So that a short round of a test has something to measure.
const KEEP_ALIVE_IN_TEST: Duration = Duration::from_millis(200);
const TICKS_IN_TEST: u32 = 30;

/// About as long as a keep-alive.
const QUESTION: &[u8] = &[0; 36];

const HOST: &str = "tickwire plain, 60 turns a second";
const FLOOR: &str = "recvmmsg and sendmmsg, 60 turns a second, no protocol";
const ONE_PERCENT: &str = "1% of a core";

const GOALS: &[Goal] = &[
    Goal::bounded(
        "10,000 idle connections: tickwire plain at 60 turns a second against 1% of a core",
        HOST,
        ONE_PERCENT,
        1.00,
    ),
    Goal::shown(
        "10,000 idle connections: tickwire plain against recvmmsg and sendmmsg without a protocol",
        HOST,
        FLOOR,
    ),
    Goal::shown(
        "10,000 idle connections: recvmmsg and sendmmsg without a protocol against 1% of a core",
        FLOOR,
        ONE_PERCENT,
    ),
];

pub(crate) fn topic(settings: &Settings) -> Topic {
    Topic {
        title: "idle connections",
        unit: "ns per peer and second",
        units: Plan::of(settings).peer_seconds(),
        rounds: settings.rounds.min(ROUNDS_MAX),
        goals: GOALS,
        enter,
    }
}

fn enter(settings: &Settings) -> io::Result<Vec<Entry>> {
    let plan = Plan::of(settings);
    let mut both = Both::new(plan)?;
    let [host, floor] = joint([HOST, FLOOR], move || both.round());
    Ok(vec![Entry::new(ONE_PERCENT, OnePercent(plan)), floor, host])
}

/// How much is measured.
#[derive(Debug, Clone, Copy)]
struct Plan {
    clients: usize,
    keep_alive: Duration,
    /// Ticks of a round.
    ticks: u32,
}

impl Plan {
    fn of(settings: &Settings) -> Self {
        Self {
            clients: clients(settings, CLIENTS, CLIENTS_IN_TEST),
            keep_alive: settings.size(Config::plain(0).keep_alive, KEEP_ALIVE_IN_TEST),
            ticks: settings.size(SECONDS * TICKS_PER_SECOND, TICKS_IN_TEST),
        }
    }

    fn peer_seconds(&self) -> usize {
        self.clients * self.ticks as usize / TICKS_PER_SECOND as usize
    }

    /// The clients that send in a tick, if each does once within the time of a keep-alive.
    fn senders(&self, tick: u32) -> ops::Range<usize> {
        let ticks = self.ticks_of_keep_alive();
        let until = |tick: u32| tick as usize * self.clients / ticks as usize;
        let tick = tick % ticks;
        until(tick)..until(tick + 1)
    }

    fn ticks_of_keep_alive(&self) -> u32 {
        let millis = u32::try_from(self.keep_alive.as_millis()).unwrap_or(u32::MAX);
        millis.saturating_mul(TICKS_PER_SECOND) / 1000
    }
}

/// The server and its clients, and a floor for the same clients.
struct Both {
    plan: Plan,
    pool: ClientPool,
    floor: RawServer,
    floor_address: SocketAddr,
    names: Vec<PeerName>,
    /// Ticks so far.
    tick: u32,
}

impl Both {
    fn new(plan: Plan) -> io::Result<Self> {
        let config = Config {
            peers_max: plan.clients,
            keep_alive: plan.keep_alive,
            ..Config::plain(7)
        };
        let mut pool = ClientPool::open(&config, plan.clients)?;
        pool.connect(serve)?;
        let names = pool.clients.iter().map(|client| client.socket.local_addr());
        let names = names.map(|address| address.and_then(PeerName::new));
        let floor = RawServer::new()?;
        let mut both = Self {
            plan,
            names: names.collect::<io::Result<_>>()?,
            pool,
            floor_address: floor.address()?,
            floor,
            tick: 0,
        };
        both.spread()?;
        Ok(both)
    }

    /// Each client sends a message at a time of its own, so that keep-alives come evenly, as from players that joined
    /// at different times.
    fn spread(&mut self) -> io::Result<()> {
        let mut ticker = Ticker::hz(TICKS_PER_SECOND);
        for tick in 0..self.plan.ticks_of_keep_alive() {
            sleep_until(ticker.next_tick());
            self.pool.clients_turn()?;
            for client in &mut self.pool.clients[self.plan.senders(tick)] {
                client.queue(b"here")?;
            }
            serve(&mut self.pool.server)?;
        }
        // The last message leaves with the next turn.
        self.pool.clients_turn()?;
        serve(&mut self.pool.server)
    }

    /// Measures a round of the server and of the floor.
    fn round(&mut self) -> io::Result<[f64; 2]> {
        let mut ticker = Ticker::hz(TICKS_PER_SECOND);
        let (mut host_time, mut floor_time) = (Duration::ZERO, Duration::ZERO);
        let received = self.pool.server.socket_stats().datagrams_received;
        let mut latest = Duration::ZERO;
        for _ in 0..self.plan.ticks {
            let tick = ticker.next_tick();
            sleep_until(tick);
            latest = latest.max(tick.elapsed());
            // Before the clients' turn, so that the sockets of the floor are as cold as those of the server.
            self.ask_floor()?;
            self.pool.clients_turn()?;
            // The second one finds the caches as the first one left them.
            if self.tick % 2 == 0 {
                host_time += self.host_turn()?;
                floor_time += self.floor_turn()?;
            } else {
                floor_time += self.floor_turn()?;
                host_time += self.host_turn()?;
            }
            self.tick = self.tick.wrapping_add(1);
        }
        self.check(
            self.pool.server.socket_stats().datagrams_received - received,
            latest,
        )?;
        Ok([nanos(host_time), nanos(floor_time)])
    }

    /// All clients are still connected, and all keep-alives arrived but those that are late: a client that has a turn
    /// once a tick is up to a tick late each time, and by what the ticks themselves were late.
    fn check(&self, received: u64, latest: Duration) -> io::Result<()> {
        expect(
            "peers",
            self.pool.server.stats().peers,
            self.pool.clients.len(),
        )?;
        let senders = (0..self.plan.ticks).map(|tick| self.plan.senders(tick).len());
        let period = self.plan.keep_alive.as_secs_f64();
        let late = latest.as_secs_f64() + 1.0 / f64::from(TICKS_PER_SECOND);
        let in_time = senders.sum::<usize>() as f64 * period / (period + late);
        let wanted = 0.95 * in_time;
        if received as f64 >= wanted {
            return Ok(());
        }
        let text = format!("{received} keep-alives arrived, of at least {wanted:.0}");
        Err(io::Error::other(text))
    }

    fn host_turn(&mut self) -> io::Result<Duration> {
        let server = &mut self.pool.server;
        let (event, time) = cpu::timed(|| server.poll().map(|()| server.next_event()));
        expect("events", usize::from(event?.is_some()), 0)?;
        Ok(time)
    }

    fn ask_floor(&self) -> io::Result<()> {
        for client in &self.pool.clients[self.plan.senders(self.tick)] {
            client.socket.send_to(QUESTION, self.floor_address)?;
        }
        Ok(())
    }

    fn floor_turn(&mut self) -> io::Result<Duration> {
        let senders = self.plan.senders(self.tick);
        let names = &self.names[senders.clone()];
        let (came, time) = cpu::timed(|| self.floor.tick(names, QUESTION));
        expect("questions", came?, senders.len())?;
        Ok(time)
    }
}

/// The promise, as a subject that always takes as long.
struct OnePercent(Plan);

impl Subject for OnePercent {
    fn round(&mut self) -> io::Result<f64> {
        Ok(nanos(Duration::from_micros(self.0.peer_seconds() as u64)))
    }
}

fn sleep_until(at: Instant) {
    thread::sleep(at.saturating_duration_since(Instant::now()));
}
