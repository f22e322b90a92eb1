//! Cost of 10,000 idle connections: 60 turns per second of a host that acknowledges keep-alives,
//! against 1% of a core, which is 1 µs per peer and second.
//!
//! Real sockets over loopback, one per client, in real time: each connection has a keep-alive every
//! 5 s, spread evenly. The clients run between the server's turns on the same thread and leave its
//! caches cold; only the server's CPU time counts. The floor is a server without a protocol that
//! echoes the same number of datagrams in each tick.

use std::ops::Range;
use std::thread;

use tickwire::{Config, Ticker};
use tickwire_measure::cpu;

use super::clients;
use crate::prelude::*;
use crate::raw::{Controls, PeerName, RawSocket, peer_name};
use crate::topics::client_pool::{ClientPool, serve};
use crate::work::Drains;

const TICKS_PER_SECOND: u32 = 60;

/// Ticks of a round: two seconds.
const TICKS: u32 = 2 * TICKS_PER_SECOND;
const TICKS_IN_TEST: u32 = 30;

/// Short enough for a test round.
const KEEP_ALIVE_IN_TEST: Duration = Duration::from_millis(200);

/// About the length of a keep-alive.
const QUESTION: &[u8] = &[0; 36];

const SUBJECTS: [&str; 2] = [
    "tickwire plain, 60 turns per second",
    "recvmmsg and sendmmsg, 60 turns per second, no protocol",
];

pub(crate) fn enter(settings: &Settings) -> io::Result<Vec<Entry>> {
    let keep_alive = settings.size(Config::plain(0).keep_alive, KEEP_ALIVE_IN_TEST);
    let ticks = settings.size(TICKS, TICKS_IN_TEST);
    let mut both = Both::new(clients(settings)?, keep_alive, ticks)?;
    Ok(vec![
        // 1 µs per peer and second.
        Entry::new("1% of a core", || Ok(1000.0)),
        Entry::joint(SUBJECTS, move || both.round()),
    ])
}

/// The server, its clients, and a floor for the same clients.
struct Both {
    pool: ClientPool,
    keep_alive: Duration,
    floor: RawSocket,
    floor_address: SocketAddr,
    names: Vec<PeerName>,
    ticks: u32,
    tick: u32,
}

impl Both {
    fn new(clients: usize, keep_alive: Duration, ticks: u32) -> io::Result<Self> {
        let config = Config {
            peers_max: clients,
            keep_alive,
            ..Config::plain(7)
        };
        let mut pool = ClientPool::open(&config, clients)?;
        pool.connect(serve)?;
        let addresses = pool.clients.iter().map(|client| client.socket.local_addr());
        let names = addresses.map(|address| address.and_then(peer_name));
        let floor = RawSocket::new(Controls::None)?;
        let mut both = Self {
            names: names.collect::<io::Result<_>>()?,
            pool,
            keep_alive,
            floor_address: floor.address()?,
            floor,
            ticks,
            tick: 0,
        };
        both.spread()?;
        Ok(both)
    }

    /// The clients that send in this tick, each once per keep-alive interval.
    fn senders(&self, tick: u32) -> Range<usize> {
        let ticks = self.ticks_of_keep_alive();
        let until = |tick: u32| tick as usize * self.names.len() / ticks as usize;
        let tick = tick % ticks;
        until(tick)..until(tick + 1)
    }

    fn ticks_of_keep_alive(&self) -> u32 {
        let millis = u32::try_from(self.keep_alive.as_millis()).unwrap_or(u32::MAX);
        millis.saturating_mul(TICKS_PER_SECOND) / 1000
    }

    /// Spreads the keep-alives evenly, as if players had joined at different times: each client
    /// sends a message in its own tick.
    fn spread(&mut self) -> io::Result<()> {
        let mut ticker = Ticker::hz(TICKS_PER_SECOND);
        for tick in 0..self.ticks_of_keep_alive() {
            sleep_until(ticker.next_tick());
            self.pool.clients_turn()?;
            let senders = self.senders(tick);
            for client in &mut self.pool.clients[senders] {
                client.queue(b"here")?;
            }
            serve(&mut self.pool.server)?;
        }
        // The next turn sends the last message.
        self.pool.clients_turn()?;
        serve(&mut self.pool.server)
    }

    fn round(&mut self) -> io::Result<[f64; 2]> {
        let mut ticker = Ticker::hz(TICKS_PER_SECOND);
        let mut times = [Duration::ZERO; 2];
        let received = self.pool.server.socket_stats().datagrams_received;
        let mut latest = Duration::ZERO;
        let start = Instant::now();
        for _ in 0..self.ticks {
            let tick = ticker.next_tick();
            sleep_until(tick);
            latest = latest.max(tick.elapsed());
            // Before the clients' turn, so the floor's sockets are as cold as the server's.
            for client in &self.pool.clients[self.senders(self.tick)] {
                client.socket.send_to(QUESTION, self.floor_address)?;
            }
            self.pool.clients_turn()?;
            // The order alternates, because the first affects the caches of the second.
            let first = self.tick as usize % 2;
            for subject in [first, 1 - first] {
                times[subject] += self.turn(subject)?;
            }
            self.tick = self.tick.wrapping_add(1);
        }
        let received = self.pool.server.socket_stats().datagrams_received - received;
        self.check(received, start.elapsed(), latest)?;
        let peer_seconds = self.names.len() * self.ticks as usize / TICKS_PER_SECOND as usize;
        Ok(times.map(|time| nanos_per(peer_seconds, time)))
    }

    /// A turn of the server (0) or of the floor (1).
    fn turn(&mut self, subject: usize) -> io::Result<Duration> {
        if subject == 0 {
            let server = &mut self.pool.server;
            let (event, time) = cpu::timed(|| server.poll().map(|()| server.next_event()));
            expect("events", usize::from(event?.is_some()), 0)?;
            return Ok(time);
        }
        let names = &self.names[self.senders(self.tick)];
        let (came, time) = cpu::timed(|| self.floor.tick(names, QUESTION));
        expect("questions", came?, names.len())?;
        Ok(time)
    }

    /// Checks that all clients are connected and that the keep-alives due within `elapsed` arrived.
    /// A keep-alive may be late by a tick plus the lateness of the ticks; ticks that catch up after
    /// a delay take less than their nominal time.
    fn check(&self, received: u64, elapsed: Duration, latest: Duration) -> io::Result<()> {
        let peers = self.pool.server.stats().peers;
        expect("peers", peers, self.names.len())?;
        let sent: usize = (0..self.ticks).map(|tick| self.senders(tick).len()).sum();
        let period = self.keep_alive.as_secs_f64();
        let due = (self.names.len() as f64 * elapsed.as_secs_f64() / period).min(sent as f64);
        let late = latest.as_secs_f64() + 1.0 / f64::from(TICKS_PER_SECOND);
        let wanted = 0.95 * due * period / (period + late);
        if received as f64 >= wanted {
            return Ok(());
        }
        failure(format!("{received} keep-alives arrived, of {wanted:.0}"))
    }
}

fn sleep_until(at: Instant) {
    thread::sleep(at.saturating_duration_since(Instant::now()));
}
