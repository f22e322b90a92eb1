//! What peers cost that do nothing: a turn of a host with 10,000 of them against one with none, while
//! one more peer sends a message and gets one back.
//!
//! Without sockets, and with a clock that hardly moves while it is measured: nothing is due, so nothing
//! should cost anything. What their keep-alives cost is the topic `keep_alive`.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tickwire::limits::RATE_MAX;
use tickwire::proto::HostState;
use tickwire::{Config, ConnectOptions, Delivery, Event, PeerId};
use tickwire_measure::runner::{Entry, Goal, Subject, Topic, nanos};
use tickwire_measure::settings::Settings;

const IDLE_PEERS: u16 = 10_000;
const IDLE_PEERS_IN_TEST: u16 = 100;
const TURNS: usize = 500;

const ALONE: &str = "a turn with one peer";
const CROWDED: &str = "a turn with one peer and 10,000 idle ones";

const GOALS: &[Goal] = &[Goal::bounded(
    "idle peers: a turn with one peer and 10,000 idle ones against a turn with one",
    CROWDED,
    ALONE,
    1.10,
)];

pub(crate) fn topic(settings: &Settings) -> Topic {
    Topic {
        title: "idle peers",
        unit: "ns per turn",
        units: TURNS,
        rounds: settings.rounds,
        goals: GOALS,
        enter,
    }
}

fn enter(settings: &Settings) -> io::Result<Vec<Entry>> {
    let idle = settings.size(IDLE_PEERS, IDLE_PEERS_IN_TEST);
    Ok(vec![
        Entry::new(ALONE, World::new(0)?),
        Entry::new(CROWDED, World::new(idle)?),
    ])
}

/// A server, and a client that is all of its peers: each connection of it has an address of its own.
struct World {
    server: HostState,
    client: HostState,
    /// The one that is not idle: the last one that connected.
    active: Option<PeerId>,
    now: Instant,
    buffer: [u8; 1024],
}

impl World {
    fn new(idle: u16) -> io::Result<Self> {
        let config = Config {
            peers_max: usize::from(IDLE_PEERS) + 1,
            // Nothing is to wait for the rate.
            rate_floor: RATE_MAX,
            rate_ceiling: RATE_MAX,
            rate_start: RATE_MAX,
            ..Config::plain(7)
        };
        let now = Instant::now();
        let mut world = Self {
            server: HostState::new(config.clone(), [1; 32], now)?,
            client: HostState::new(config, [2; 32], now)?,
            active: None,
            now,
            buffer: [0; 1024],
        };
        for number in 1..=idle + 1 {
            world.connect(number)?;
        }
        Ok(world)
    }

    fn connect(&mut self, number: u16) -> io::Result<()> {
        let to = address(number);
        let options = ConnectOptions::default();
        let connected = self.client.connect(to, &options, self.now);
        self.active = Some(connected.map_err(io::Error::other)?);
        while self.client_to_server() + self.server_to_client() > 0 {
            self.server.handle_timeout(self.now);
        }
        while self.server.poll_event().is_some() || self.client.poll_event().is_some() {}
        Ok(())
    }

    /// How many datagrams there were. What the server sees as its peer's address is what the client sees
    /// as the server's.
    fn client_to_server(&mut self) -> usize {
        let mut count = 0;
        while let Some(sent) = self.client.poll_transmit(&mut self.buffer, self.now) {
            let bytes = &self.buffer[..sent.len];
            self.server.handle_datagram(sent.to, bytes, self.now);
            count += 1;
        }
        count
    }

    fn server_to_client(&mut self) -> usize {
        let mut count = 0;
        while let Some(sent) = self.server.poll_transmit(&mut self.buffer, self.now) {
            let bytes = &self.buffer[..sent.len];
            self.client.handle_datagram(sent.to, bytes, self.now);
            count += 1;
        }
        count
    }

    /// A turn of the server: a datagram in, a datagram out.
    fn serve(&mut self, from: SocketAddr, len: usize, now: Instant) -> io::Result<usize> {
        self.server.handle_datagram(from, &self.buffer[..len], now);
        self.server.handle_timeout(now);
        while let Some(event) = self.server.poll_event() {
            if let Event::Message { peer, bytes, .. } = event {
                self.server.send(peer, Delivery::Unreliable, &bytes, now)?;
            }
        }
        let sent = self.server.poll_transmit(&mut self.buffer, now);
        sent.map(|sent| sent.len)
            .ok_or_else(|| io::Error::other("the server did not answer"))
    }
}

impl Subject for World {
    fn round(&mut self) -> io::Result<f64> {
        let active = self.active.ok_or(io::ErrorKind::NotConnected)?;
        let mut time = Duration::ZERO;
        for _ in 0..TURNS {
            // As much as a packet takes at the highest rate.
            self.now += Duration::from_micros(1);
            self.client
                .send(active, Delivery::Unreliable, &[7; 32], self.now)?;
            let sent = self.client.poll_transmit(&mut self.buffer, self.now);
            let sent = sent.ok_or_else(|| io::Error::other("the client did not send"))?;
            let start = Instant::now();
            let len = self.serve(sent.to, sent.len, self.now)?;
            time += start.elapsed();
            self.client
                .handle_datagram(sent.to, &self.buffer[..len], self.now);
            while self.client.poll_event().is_some() {}
        }
        Ok(nanos(time))
    }
}

fn address(number: u16) -> SocketAddr {
    ([192, 0, 2, 1], number).into()
}
